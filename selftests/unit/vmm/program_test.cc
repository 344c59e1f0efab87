// SPDX-License-Identifier: GPL-2.0-only
// Command-line helpers, exit statuses, Result, files.
#include <algorithm>
#include <csignal>
#include <gtest/gtest.h>

#include "base/fd.h"
#include "hv/vm.h"
#include "machine/ending.h"
#include "run_command.h"

namespace vmx::test {
namespace {

TEST(ParseSize, TakesSuffixes)
{
	EXPECT_EQ(parse_size("512M").value(), 512ull << 20);
	EXPECT_EQ(parse_size("2g").value(), 2ull << 30);
	EXPECT_EQ(parse_size("1T").value(), 1ull << 40);
	EXPECT_EQ(parse_size("4K").value(), 4096u);
	for (const char *bad : {"", "M", "512", "0M", "1.5G", "-1G", "1GB", "1 G", "99999999999999999999G", "16777216T"})
		EXPECT_FALSE(parse_size(bad).ok()) << bad;
}

TEST(Cmdline, AddsAConsoleOnlyIfThereIsNone)
{
	EXPECT_EQ(guest_cmdline("", true), "console=ttyS0");
	EXPECT_EQ(guest_cmdline("quiet", true), "console=ttyS0 quiet");
	EXPECT_EQ(guest_cmdline("quiet console=tty0", true), "quiet console=tty0");
	EXPECT_EQ(guest_cmdline("console=ttyS0,9600", true), "console=ttyS0,9600");
	EXPECT_EQ(guest_cmdline("netconsole=x", true), "console=ttyS0 netconsole=x");
}

TEST(Cmdline, SaysThatThereIsNoPciUnlessTheUserDoes)
{
	EXPECT_EQ(guest_cmdline("", false), "console=ttyS0 pci=off");
	EXPECT_EQ(guest_cmdline("quiet", false), "console=ttyS0 pci=off quiet");
	EXPECT_EQ(guest_cmdline("console=tty0", false), "pci=off console=tty0");
	EXPECT_EQ(guest_cmdline("console=tty0 pci=conf1", false), "console=tty0 pci=conf1");
	EXPECT_EQ(guest_cmdline("pci=nomsi quiet", false), "console=ttyS0 pci=nomsi quiet");
	EXPECT_EQ(guest_cmdline("nopci=1", false), "console=ttyS0 pci=off nopci=1");
}

TEST(Ending, StatusesAreDistinct)
{
	EXPECT_EQ(exit_status({EndKind::power_off, 0, {}}), 0);
	std::vector<int> all;
	for (EndKind k : {EndKind::power_off, EndKind::reset, EndKind::crash, EndKind::internal_error,
			  EndKind::entry_failure, EndKind::memory_lost, EndKind::quit})
		all.push_back(exit_status({k, 0, {}}));
	all.push_back(exit_status({EndKind::signal, SIGTERM, {}}));
	EXPECT_EQ(all.back(), 143);
	all.push_back(exit_setup_failed);
	all.push_back(exit_usage);
	std::sort(all.begin(), all.end());
	EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST(Ending, FirstRequestWins)
{
	EndLatch latch(WakeFd::create().value());
	EXPECT_FALSE(latch.requested());
	EXPECT_FALSE(latch.get());
	latch.reset("test");
	latch.power_off();
	EXPECT_TRUE(latch.requested());
	EXPECT_EQ(latch.get()->kind, EndKind::reset);
	EXPECT_EQ(describe(*latch.get()), "the guest asked for a reset: test");
}

Result<int> half(int n)
{
	if (n % 2)
		return Error("odd");
	return n / 2;
}

Result<int> quarter(int n)
{
	VMX_TRY_ASSIGN(int h, half(n));
	VMX_TRY(half(h));
	return half(h);
}

TEST(Result, Propagates)
{
	EXPECT_EQ(quarter(8).value(), 2);
	EXPECT_EQ(quarter(6).error().text(), "odd");
	EXPECT_EQ(quarter(7).error().text(), "odd");
	EXPECT_DEATH((void)half(1).value(), "");
	EXPECT_DEATH((void)half(2).error(), "");
}

TEST(ReadWholeFile, Limits)
{
	EXPECT_EQ(read_whole_file("/nonexistent", 10).error().code(), ENOENT);
	EXPECT_EQ(read_whole_file("/", 10).error().code(), EISDIR);
	EXPECT_EQ(read_whole_file("/proc/self/exe", 10).error().code(), EFBIG);
	EXPECT_EQ(read_whole_file("/dev/null", 10).value().size(), 0u);
}

TEST(Mapping, IsAligned)
{
	auto m = Mapping::anonymous(12288, 2 << 20);
	ASSERT_TRUE(m.ok());
	EXPECT_EQ(reinterpret_cast<uintptr_t>(m.value().data()) % (2 << 20), 0u);
	EXPECT_EQ(m.value().bytes().back(), 0);
	EXPECT_FALSE(Mapping::anonymous(SIZE_MAX - 4095, 4096).ok());
}

TEST(Hypervisor, OpenErrorsSayWhatToDo)
{
	auto missing = Hypervisor::open("/nonexistent/vmx");
	ASSERT_FALSE(missing.ok());
	EXPECT_NE(missing.error().text().find("insmod"), std::string::npos);
	auto other = Hypervisor::open("/dev/null");
	ASSERT_FALSE(other.ok());
	EXPECT_NE(other.error().text().find("not a hypervisor"), std::string::npos);
}

} // namespace
} // namespace vmx::test
