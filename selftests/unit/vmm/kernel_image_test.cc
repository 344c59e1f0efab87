// SPDX-License-Identifier: GPL-2.0-only
#include "boot/kernel_image.h"

#include <gtest/gtest.h>

#include "kernel_files.h"

namespace vmx::test {
namespace {

void expect_refused(const Bytes &file, const std::string &word)
{
	auto r = parse_kernel(file);
	ASSERT_FALSE(r.ok()) << word;
	EXPECT_NE(r.error().text().find(word), std::string::npos) << r.error().text();
}

TEST(BzImage, Parses)
{
	auto r = parse_kernel(make_bzimage());
	ASSERT_TRUE(r.ok()) << r.error().text();
	const KernelImage &k = r.value();
	ASSERT_EQ(k.segments.size(), 1u);
	EXPECT_EQ(k.segments[0].file_offset, 1024u);
	EXPECT_EQ(k.segments[0].file_size, 0x1000u);
	EXPECT_EQ(k.segments[0].guest_addr, 0x1000000u);
	EXPECT_EQ(k.segments[0].memory_size, 0x10000u);
	EXPECT_EQ(k.entry, 0x1000200u);
	EXPECT_EQ(k.end, 0x1010000u);
	EXPECT_EQ(k.initrd_max, 0x7fffffffu);
	EXPECT_EQ(k.cmdline_max, 2047u);
	EXPECT_EQ(k.setup_header.size(), 0x268u - 0x1f1u);
}

TEST(BzImage, MemoryIsAtLeastTheFile)
{
	auto r = parse_kernel(make_bzimage(0x3000, 0x10));
	ASSERT_TRUE(r.ok());
	EXPECT_EQ(r.value().segments[0].memory_size, 0x3000u);
}

TEST(BzImage, ZeroSetupSectorsMeanFour)
{
	Bytes f = make_bzimage(0x2000);
	f[0x1f1] = 0;
	auto r = parse_kernel(f);
	ASSERT_TRUE(r.ok());
	EXPECT_EQ(r.value().segments[0].file_offset, 5u * 512);
}

TEST(BzImage, RefusesWhatCannotBoot)
{
	Bytes f = make_bzimage();
	poke<uint16_t>(f, 0x206, 0x0205);
	expect_refused(f, "boot protocol 2.05");
	f = make_bzimage();
	f[0x211] = 0;
	expect_refused(f, "zImage");
	f = make_bzimage();
	poke<uint16_t>(f, 0x236, 0);
	expect_refused(f, "32-bit");
	f = make_bzimage();
	f[0x1f1] = 255;
	expect_refused(f, "cut off");
	for (uint64_t address : {uint64_t{0}, uint64_t{0xfffff}, UINT64_MAX, UINT64_MAX - 0x8000}) {
		f = make_bzimage();
		poke<uint64_t>(f, 0x258, address);
		expect_refused(f, "not possible");
	}
	f = make_bzimage(0x200);
	expect_refused(f, "entry point");
}

TEST(BzImage, HeaderLengthIsBounded)
{
	Bytes f = make_bzimage();
	f[0x201] = 0xff; // 0x301: still inside the set-up sectors
	EXPECT_EQ(parse_kernel(f).value().setup_header.size(), 0x301u - 0x1f1u);
	f[0x201] = 0;
	EXPECT_EQ(parse_kernel(f).value().setup_header.size(), 0x264u - 0x1f1u);
}

TEST(BzImage, KernelVersionOutsideTheFileIsEmpty)
{
	Bytes f = make_bzimage();
	poke<uint16_t>(f, 0x20e, 0xffff);
	EXPECT_EQ(parse_kernel(f).value().version, "");
	poke<uint16_t>(f, 0x20e, 0x100);
	std::memcpy(f.data() + 0x300, "6.1.0 test\n", 11);
	EXPECT_EQ(parse_kernel(f).value().version, "6.1.0 test");
}

TEST(Elf, Parses)
{
	auto r = parse_kernel(make_elf());
	ASSERT_TRUE(r.ok()) << r.error().text();
	EXPECT_EQ(r.value().entry, 0x1000000u);
	EXPECT_EQ(r.value().end, 0x1002000u);
	EXPECT_TRUE(r.value().setup_header.empty());
}

TEST(Elf, TranslatesAVirtualEntry)
{
	auto r = parse_kernel(make_elf(0x1000000, 0xffffffff81000000, 0xffffffff81000123));
	ASSERT_TRUE(r.ok());
	EXPECT_EQ(r.value().entry, 0x1000123u);
}

TEST(Elf, RefusesWhatIsBroken)
{
	Bytes f = make_elf();
	f.resize(40);
	expect_refused(f, "cut off");
	f = make_elf();
	f[EI_CLASS] = ELFCLASS32;
	expect_refused(f, "not for x86-64");
	f = make_elf();
	poke<uint16_t>(f, offsetof(Elf64_Ehdr, e_type), ET_REL);
	expect_refused(f, "not executable");
	f = make_elf();
	poke<uint16_t>(f, offsetof(Elf64_Ehdr, e_phnum), 0);
	expect_refused(f, "program headers");
	f = make_elf();
	poke<uint16_t>(f, offsetof(Elf64_Ehdr, e_phnum), 100);
	expect_refused(f, "cut off inside its program headers");
	f = make_elf();
	poke<uint64_t>(f, offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8);
	expect_refused(f, "cut off inside its program headers");
	expect_refused(make_elf(0x1000000, 0, 0x5000000), "entry point");
	expect_refused(make_elf(0x8000, 0, 0x8000), "not possible");
	expect_refused(make_elf(UINT64_MAX - 0x100, 0, 0), "not possible");
}

TEST(Elf, RefusesSegmentsOutsideTheFile)
{
	constexpr size_t ph = sizeof(Elf64_Ehdr);
	Bytes f = make_elf();
	poke<uint64_t>(f, ph + offsetof(Elf64_Phdr, p_filesz), 0x101);
	expect_refused(f, "outside it");
	f = make_elf();
	poke<uint64_t>(f, ph + offsetof(Elf64_Phdr, p_offset), UINT64_MAX);
	expect_refused(f, "outside it");
	f = make_elf();
	poke<uint64_t>(f, ph + offsetof(Elf64_Phdr, p_memsz), 0x10);
	expect_refused(f, "smaller");
	f = make_elf();
	poke<uint64_t>(f, ph + offsetof(Elf64_Phdr, p_memsz), UINT64_MAX);
	expect_refused(f, "not possible");
}

TEST(Elf, RefusesOverlappingSegments)
{
	Bytes f = make_elf();
	poke<uint16_t>(f, offsetof(Elf64_Ehdr, e_phnum), 2);
	auto second = load<Elf64_Phdr>(f, sizeof(Elf64_Ehdr));
	second.p_paddr += 0x1000;
	poke(f, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), second);
	expect_refused(f, "overlap");
	second.p_paddr += 0x1000;
	poke(f, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), second);
	EXPECT_TRUE(parse_kernel(f).ok());
}

TEST(KernelImage, RefusesOtherFiles)
{
	expect_refused({}, "neither");
	expect_refused(Bytes(4096), "neither");
	Bytes f = make_bzimage();
	for (size_t n = 0; n < 1024; n += 7) // every truncation is refused in words
		EXPECT_FALSE(parse_kernel(std::span(f).first(n)).ok());
}

} // namespace
} // namespace vmx::test
