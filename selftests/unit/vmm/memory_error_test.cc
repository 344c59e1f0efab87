// SPDX-License-Identifier: GPL-2.0-only
// SIGBUS for lost pages, as the kernel sends it: a process may queue any code to itself.
#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "base/fd.h"
#include "machine/layout.h"
#include "machine/memory_error.h"

namespace vmx::test {
namespace {

void send_sigbus(int code, uint64_t addr, short shift)
{
	siginfo_t info;
	std::memset(&info, 0, sizeof(info));
	info.si_signo = SIGBUS;
	info.si_code = code;
	info.si_addr = reinterpret_cast<void *>(addr);
	info.si_addr_lsb = shift;
	ASSERT_EQ(::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), SIGBUS, &info), 0);
}

// Every test in a thread and a handler of its own: the mask and the handler are as after start-up.
class MemoryError : public ::testing::Test {
protected:
	void SetUp() override
	{
		::sigaction(SIGBUS, nullptr, &saved_);
		ASSERT_TRUE(install_memory_error_handler().ok());
	}
	void TearDown() override { ::sigaction(SIGBUS, &saved_, nullptr); }
	struct sigaction saved_;
};

TEST_F(MemoryError, GuestAccessIsReportedOnce)
{
	std::thread([] {
		receive_memory_errors();
		EXPECT_FALSE(take_lost_page());
		{
			InGuest here;
			send_sigbus(BUS_MCEERR_AR, 0x7f0000201234, 12);
		}
		auto page = take_lost_page();
		ASSERT_TRUE(page);
		EXPECT_EQ(page->host_addr, 0x7f0000201000u);
		EXPECT_EQ(page->size, 4096u);
		EXPECT_FALSE(take_lost_page());
	}).join();
}

TEST_F(MemoryError, HugePageIsLostAsAWhole)
{
	receive_memory_errors();
	{
		InGuest here;
		send_sigbus(BUS_MCEERR_AR, 0x7f0000201234, 21);
	}
	auto page = take_lost_page();
	ASSERT_TRUE(page);
	EXPECT_EQ(page->host_addr, 0x7f0000200000u);
	EXPECT_EQ(page->size, 2 * layout::mib);
}

TEST_F(MemoryError, OtherThreadsSeeNothing)
{
	receive_memory_errors();
	{
		InGuest here;
		send_sigbus(BUS_MCEERR_AR, 0x1000, 12);
	}
	std::thread([] { EXPECT_FALSE(take_lost_page()); }).join();
	EXPECT_TRUE(take_lost_page());
}

TEST_F(MemoryError, OwnAccessEndsVmxInWords)
{
	EXPECT_EXIT(send_sigbus(BUS_MCEERR_AR, 0x1000, 12), ::testing::KilledBySignal(SIGBUS),
		    "the host lost memory that vmx itself needs");
}

TEST_F(MemoryError, OtherSigbusIsNotSwallowed)
{
	EXPECT_EXIT(std::raise(SIGBUS), ::testing::KilledBySignal(SIGBUS), "^$");
	EXPECT_EXIT(
		{
			InGuest here;
			send_sigbus(BUS_ADRERR, 0x1000, 0);
		},
		::testing::KilledBySignal(SIGBUS), "^$");
}

TEST_F(MemoryError, MainThreadReadsWhatNobodyNeedsYet)
{
	std::thread([] {
		sigset_t bus;
		::sigemptyset(&bus);
		::sigaddset(&bus, SIGBUS);
		::pthread_sigmask(SIG_BLOCK, &bus, nullptr);
		UniqueFd fd(::signalfd(-1, &bus, SFD_CLOEXEC | SFD_NONBLOCK));
		send_sigbus(BUS_MCEERR_AO, 0x7f0000203000, 12);
		struct signalfd_siginfo info = {};
		ASSERT_EQ(::read(fd.get(), &info, sizeof(info)), static_cast<ssize_t>(sizeof(info)));
		auto page = lost_page_of(info);
		ASSERT_TRUE(page);
		EXPECT_EQ(page->host_addr, 0x7f0000203000u);
		EXPECT_EQ(page->size, 4096u);
		info.ssi_code = SI_USER;
		EXPECT_FALSE(lost_page_of(info));
	}).join();
}

TEST(MemoryErrorWords, NameTheGuestsAddress)
{
	auto memory = GuestMemory::create(layout::mmio_hole + 16 * layout::mib);
	ASSERT_TRUE(memory.ok());
	auto host = [&](uint64_t addr) { return reinterpret_cast<uint64_t>(memory.value().slice(addr, 1).data()); };
	EXPECT_EQ(memory.value().guest_addr(host(0x5000)), 0x5000u);
	EXPECT_EQ(memory.value().guest_addr(host(layout::above_4g + 0x3000)), layout::above_4g + 0x3000);
	EXPECT_FALSE(memory.value().guest_addr(host(0) - 1));
	EXPECT_FALSE(memory.value().guest_addr(host(0) + memory.value().size()));
	EXPECT_EQ(describe({host(layout::above_4g), 4096}, memory.value()), "4 KiB at guest address 0x100000000");
	EXPECT_NE(describe({0x1000, 4096}, memory.value()).find("no memory of the guest"), std::string::npos);
}

} // namespace
} // namespace vmx::test
