// SPDX-License-Identifier: GPL-2.0-only
// What load_linux() leaves in guest memory; GuestMemory's own bounds.
#include "boot/linux_boot.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "kernel_files.h"
#include "machine/layout.h"

namespace vmx::test {
namespace {

struct LinuxBootTest : testing::Test {
	GuestMemory memory = GuestMemory::create(64 * layout::mib).value();
	Bytes kernel = make_bzimage();
	Bytes initrd = Bytes(5000, 0x5a);

	LinuxBoot boot()
	{
		LinuxBoot b = {};
		b.kernel_file = kernel;
		b.initrd = initrd;
		b.cmdline = "console=ttyS0";
		b.rsdp_addr = 0xe0000;
		b.rng_seed.fill(0x77);
		return b;
	}
	boot_params zero_page()
	{
		return load<boot_params>(memory.slice(layout::zero_page, sizeof(boot_params)), 0);
	}
	uint64_t walk(uint64_t cr3, uint64_t va)
	{
		auto entry = [&](uint64_t table, unsigned shift) {
			return load<uint64_t>(memory.slice(table + ((va >> shift) & 511) * 8, 8), 0);
		};
		constexpr uint64_t addr = 0x000ffffffffff000;
		uint64_t e = entry(cr3, 39);
		EXPECT_TRUE(e & 1);
		e = entry(e & addr, 30);
		EXPECT_TRUE(e & 1);
		e = entry(e & addr, 21);
		EXPECT_EQ(e & 0x81, 0x81u); // present, large
		return (e & addr & ~0x1fffffull) | (va & 0x1fffff);
	}
};

TEST_F(LinuxBootTest, State)
{
	auto r = load_linux(memory, boot());
	ASSERT_TRUE(r.ok()) << r.error().text();
	EXPECT_EQ(r.value().rip, 0x1000200u);
	EXPECT_EQ(r.value().rsi, layout::zero_page);
	EXPECT_EQ(r.value().cs, 0x10);
	EXPECT_EQ(r.value().ds, 0x18);
	for (uint64_t va : {0x0ull, 0x7000ull, 0x1000200ull, 0x7fffffffull, 0xffffffffull})
		EXPECT_EQ(walk(r.value().cr3, va), va);
	auto code = load<uint64_t>(memory.slice(r.value().gdt_base + 0x10, 8), 0);
	EXPECT_EQ(code >> 40 & 0xff, 0x9bu);
	EXPECT_EQ(code >> 53 & 1, 1u); // L
}

TEST_F(LinuxBootTest, KernelAndInitrdAreCopied)
{
	ASSERT_TRUE(load_linux(memory, boot()).ok());
	auto text = memory.slice(0x1000000, 0x1000);
	EXPECT_TRUE(std::equal(text.begin(), text.end(), kernel.begin() + 1024));
	boot_params p = zero_page();
	EXPECT_EQ(p.hdr.ramdisk_size, 5000u);
	EXPECT_EQ(p.hdr.ramdisk_image, 64 * layout::mib - 8192);
	auto got = memory.slice(p.hdr.ramdisk_image, 5000);
	EXPECT_TRUE(std::equal(got.begin(), got.end(), initrd.begin()));
}

TEST_F(LinuxBootTest, ZeroPage)
{
	ASSERT_TRUE(load_linux(memory, boot()).ok());
	boot_params p = zero_page();
	EXPECT_EQ(p.hdr.header, 0x53726448u);
	EXPECT_EQ(p.hdr.type_of_loader, 0xff);
	EXPECT_EQ(p.hdr.loadflags & 0x80, 0);
	EXPECT_EQ(p.acpi_rsdp_addr, 0xe0000u);
	EXPECT_EQ(p.sentinel, 0); // else the kernel clears what we set
	auto cmdline = memory.slice(p.hdr.cmd_line_ptr, 14);
	EXPECT_STREQ(reinterpret_cast<const char *>(cmdline.data()), "console=ttyS0");
	auto seed = memory.slice(p.hdr.setup_data, 48);
	EXPECT_EQ(load<uint64_t>(seed, 0), 0u);
	EXPECT_EQ(load<uint32_t>(seed, 8), 9u);
	EXPECT_EQ(load<uint32_t>(seed, 12), 32u);
	EXPECT_EQ(seed[16], 0x77);
	EXPECT_EQ(seed[47], 0x77);
}

TEST_F(LinuxBootTest, ElfGetsAHeader)
{
	kernel = make_elf();
	initrd.clear();
	auto r = load_linux(memory, boot());
	ASSERT_TRUE(r.ok()) << r.error().text();
	EXPECT_EQ(r.value().rip, 0x1000000u);
	EXPECT_EQ(zero_page().hdr.header, 0x53726448u);
	EXPECT_EQ(zero_page().hdr.ramdisk_size, 0u);
	EXPECT_EQ(load<uint8_t>(memory.slice(0x1000001, 1), 0), 0x01);
}

TEST_F(LinuxBootTest, SaysWhatDoesNotFit)
{
	kernel = make_bzimage(0x1000, 64 << 20);
	auto r = load_linux(memory, boot());
	ASSERT_FALSE(r.ok());
	EXPECT_NE(r.error().text().find("--memory"), std::string::npos);
	kernel = make_bzimage();
	initrd = Bytes(60 << 20);
	r = load_linux(memory, boot());
	ASSERT_FALSE(r.ok());
	EXPECT_NE(r.error().text().find("initrd"), std::string::npos);
	initrd.clear();
	auto long_line = boot();
	long_line.cmdline = std::string(2048, 'x');
	r = load_linux(memory, long_line);
	ASSERT_FALSE(r.ok());
	EXPECT_NE(r.error().text().find("2047"), std::string::npos);
	long_line.cmdline.pop_back();
	EXPECT_TRUE(load_linux(memory, long_line).ok());
}

TEST_F(LinuxBootTest, CmdlineLimitOfAHostileKernelIsBounded)
{
	poke<uint32_t>(kernel, 0x238, UINT32_MAX);
	auto b = boot();
	b.cmdline = std::string(layout::cmdline_max, 'x');
	EXPECT_FALSE(load_linux(memory, b).ok());
	b.cmdline.pop_back();
	EXPECT_TRUE(load_linux(memory, b).ok());
}

TEST(Initrd, RespectsTheKernelsLimit)
{
	KernelImage k;
	k.end = 0x2000001;
	k.initrd_max = 0x37ffffff;
	EXPECT_EQ(place_initrd(k, 2 * layout::gib, 4097).value(), 0x38000000u - 8192);
	EXPECT_EQ(place_initrd(k, 0x2003000, 8192).value(), 0x2001000u);
	EXPECT_FALSE(place_initrd(k, 0x2003000, 8193).ok());
	EXPECT_FALSE(place_initrd(k, 0x1000000, 1).ok());
	k.initrd_max = 0;
	EXPECT_FALSE(place_initrd(k, 2 * layout::gib, 1).ok());
}

void expect_map(uint64_t size, const std::vector<std::pair<uint64_t, uint64_t>> &high)
{
	auto memory = GuestMemory::create(size);
	ASSERT_TRUE(memory.ok());
	auto map = build_e820(memory.value());
	uint64_t last = 0;
	std::vector<std::pair<uint64_t, uint64_t>> ram;
	for (const auto &e : map) {
		EXPECT_GE(e.addr, last); // sorted, disjoint
		last = e.addr + e.size;
		if (e.type == 1 && e.addr >= layout::high_memory)
			ram.emplace_back(e.addr, e.size);
	}
	EXPECT_EQ(ram, high);
	EXPECT_EQ(map[0].size, layout::low_memory_end);
}

TEST(E820, HoleBelow4G)
{
	using namespace layout;
	expect_map(gib, {{mib, gib - mib}});
	expect_map(3 * gib, {{mib, 3 * gib - mib}});
	expect_map(5 * gib, {{mib, 3 * gib - mib}, {4 * gib, 2 * gib}});
}

TEST(GuestMemory, SlicesAreChecked)
{
	auto m = GuestMemory::create(4 * layout::gib).value();
	EXPECT_EQ(m.low_end(), layout::mmio_hole);
	EXPECT_EQ(m.slice(0, 16).size(), 16u);
	EXPECT_TRUE(m.slice(layout::mmio_hole - 8, 16).empty());
	EXPECT_TRUE(m.slice(layout::mmio_hole, 1).empty());
	EXPECT_EQ(m.slice(layout::above_4g + layout::gib - 1, 1).size(), 1u);
	EXPECT_TRUE(m.slice(layout::above_4g + layout::gib, 1).empty());
	EXPECT_TRUE(m.slice(layout::above_4g, UINT64_MAX).empty());
	EXPECT_TRUE(m.slice(UINT64_MAX, 2).empty());
	EXPECT_EQ(m.slice(layout::above_4g, 1).data(), m.slice(0, 1).data() + layout::mmio_hole);
	EXPECT_FALSE(m.write(layout::mmio_hole, Bytes(1), "x").ok());
	EXPECT_FALSE(GuestMemory::create(0).ok());
	EXPECT_FALSE(GuestMemory::create(4097).ok());
}

} // namespace
} // namespace vmx::test
