// SPDX-License-Identifier: GPL-2.0-only
/* The save area of system management mode: places, both ways, and what is cut off. */
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "pure/smram.h"

namespace {

using Image = std::array<u8, SMRAM_SIZE>;

u64 at(const Image &image, unsigned int offset, unsigned int len)
{
	u64 val = 0;

	std::memcpy(&val, image.data() + offset - SMRAM_AREA, len);
	return val;
}

vmx_segment segment(unsigned int n)
{
	vmx_segment s{};

	s.base = 0x100000u * n + 0x10;
	s.limit = 0xfff00000u + n;
	s.selector = static_cast<u16>(8 * n + 3);
	s.type = static_cast<u8>(n + 3);
	s.present = 1;
	s.dpl = n & 3;
	s.s = 1;
	s.l = n & 1;
	s.db = !s.l;
	s.g = 1;
	s.avl = n == 5;
	return s;
}

smram_state example()
{
	smram_state s{};

	for (unsigned int i = 0; i < 16; i++)
		s.regs[i] = 0x0101010101010101ULL * (i + 1);
	s.rip = 0xffffffff81234567ULL;
	s.rflags = 0x246;
	s.cr0 = 0x80050033;
	s.cr3 = 0x123456000ULL;
	s.cr4 = 0x3506e0;
	s.efer = 0xd01;
	s.dr6 = 0xffff0ff0;
	s.dr7 = 0x400;
	for (unsigned int i = 0; i < SMRAM_NR_SEGS; i++)
		s.seg[i] = segment(i);
	s.seg[SMRAM_FS].base = 0xffff888000001000ULL;
	s.gdt.base = 0xfffffe0000001000ULL;
	s.gdt.limit = 0x7f;
	s.idt.base = 0xfffffe0000000000ULL;
	s.idt.limit = 0xfff;
	s.smbase = 0x7ffc0000;
	s.shadow = VMX_X86_SHADOW_INT_STI;
	s.halted = true;
	return s;
}

void expect_same_segment(const vmx_segment &a, const vmx_segment &b)
{
	EXPECT_EQ(a.base, b.base);
	EXPECT_EQ(a.limit, b.limit);
	EXPECT_EQ(a.selector, b.selector);
	EXPECT_EQ(a.type, b.type);
	EXPECT_EQ(a.present, b.present);
	EXPECT_EQ(a.dpl, b.dpl);
	EXPECT_EQ(a.db, b.db);
	EXPECT_EQ(a.s, b.s);
	EXPECT_EQ(a.l, b.l);
	EXPECT_EQ(a.g, b.g);
	EXPECT_EQ(a.avl, b.avl);
	EXPECT_EQ(a.unusable, b.unusable);
}

/* APM 2 table 10-1. */
TEST(Smram, WideMapPlaces)
{
	smram_state s = example();
	Image image;

	image.fill(0xee);
	smram_encode(&s, true, image.data());
	EXPECT_EQ(at(image, 0xfff8, 8), s.regs[0]);  /* RAX */
	EXPECT_EQ(at(image, 0xfff0, 8), s.regs[1]);  /* RCX */
	EXPECT_EQ(at(image, 0xffe0, 8), s.regs[3]);  /* RBX */
	EXPECT_EQ(at(image, 0xffd8, 8), s.regs[4]);  /* RSP */
	EXPECT_EQ(at(image, 0xffc0, 8), s.regs[7]);  /* RDI */
	EXPECT_EQ(at(image, 0xff80, 8), s.regs[15]); /* R15 */
	EXPECT_EQ(at(image, 0xff78, 8), s.rip);
	EXPECT_EQ(at(image, 0xff70, 8), s.rflags);
	EXPECT_EQ(at(image, 0xff68, 8), s.dr6);
	EXPECT_EQ(at(image, 0xff60, 8), s.dr7);
	EXPECT_EQ(at(image, 0xff58, 8), s.cr0);
	EXPECT_EQ(at(image, 0xff50, 8), s.cr3);
	EXPECT_EQ(at(image, 0xff48, 8), s.cr4);
	EXPECT_EQ(at(image, 0xff00, 4), s.smbase);
	EXPECT_EQ(at(image, 0xfefc, 4), 0x20064u);
	EXPECT_EQ(at(image, 0xfed0, 8), s.efer);
	EXPECT_EQ(at(image, 0xfec9, 1), 1u);
	EXPECT_EQ(at(image, 0xfec8, 1), 0u); /* no restart of I/O */
	EXPECT_EQ(at(image, 0xfe10, 2), s.seg[SMRAM_CS].selector);
	EXPECT_EQ(at(image, 0xfe12, 2), 0xa0b4u); /* G, L, P, DPL 1, S, type 4 */
	EXPECT_EQ(at(image, 0xfe14, 4), s.seg[SMRAM_CS].limit);
	EXPECT_EQ(at(image, 0xfe18, 8), s.seg[SMRAM_CS].base);
	EXPECT_EQ(at(image, 0xfe48, 8), s.seg[SMRAM_FS].base);
	EXPECT_EQ(at(image, 0xfe64, 2), s.gdt.limit);
	EXPECT_EQ(at(image, 0xfe68, 8), s.gdt.base);
	EXPECT_EQ(at(image, 0xfe70, 2), s.seg[SMRAM_LDTR].selector);
	EXPECT_EQ(at(image, 0xfe88, 8), s.idt.base);
	EXPECT_EQ(at(image, 0xfe90, 2), s.seg[SMRAM_TR].selector);
	EXPECT_EQ(at(image, 0xfe98, 8), s.seg[SMRAM_TR].base);
}

/* SDM 3C table 31-1. */
TEST(Smram, NarrowMapPlaces)
{
	smram_state s = example();
	Image image;

	smram_encode(&s, false, image.data());
	EXPECT_EQ(at(image, 0xfffc, 4), s.cr0);
	EXPECT_EQ(at(image, 0xfff8, 4), static_cast<u32>(s.cr3));
	EXPECT_EQ(at(image, 0xfff4, 4), s.rflags);
	EXPECT_EQ(at(image, 0xfff0, 4), static_cast<u32>(s.rip));
	EXPECT_EQ(at(image, 0xffec, 4), static_cast<u32>(s.regs[7])); /* EDI */
	EXPECT_EQ(at(image, 0xffe0, 4), static_cast<u32>(s.regs[4])); /* ESP */
	EXPECT_EQ(at(image, 0xffd0, 4), static_cast<u32>(s.regs[0])); /* EAX */
	EXPECT_EQ(at(image, 0xffcc, 4), s.dr6);
	EXPECT_EQ(at(image, 0xffc8, 4), s.dr7);
	EXPECT_EQ(at(image, 0xffc4, 4), s.seg[SMRAM_TR].selector);
	EXPECT_EQ(at(image, 0xffac, 4), s.seg[SMRAM_CS].selector);
	EXPECT_EQ(at(image, 0xffa8, 4), s.seg[SMRAM_ES].selector);
	EXPECT_EQ(at(image, 0xff02, 2), 1u);
	EXPECT_EQ(at(image, 0xff00, 2), 0u);
	EXPECT_EQ(at(image, 0xfefc, 4), 0x20000u);
	EXPECT_EQ(at(image, 0xfef8, 4), s.smbase);
}

TEST(Smram, WideComesBack)
{
	smram_state s = example(), back;
	Image image;

	s.seg[SMRAM_LDTR].unusable = 1;
	smram_encode(&s, true, image.data());
	std::memset(&back, 0xdd, sizeof(back));
	smram_decode(&back, true, 48, image.data());
	for (unsigned int i = 0; i < 16; i++)
		EXPECT_EQ(back.regs[i], s.regs[i]);
	for (unsigned int i = 0; i < SMRAM_NR_SEGS; i++) {
		vmx_segment want = s.seg[i];

		want.present = !want.unusable;
		expect_same_segment(back.seg[i], want);
	}
	EXPECT_EQ(back.rip, s.rip);
	EXPECT_EQ(back.rflags, s.rflags);
	EXPECT_EQ(back.cr0, s.cr0);
	EXPECT_EQ(back.cr3, s.cr3);
	EXPECT_EQ(back.cr4, s.cr4);
	EXPECT_EQ(back.efer, s.efer);
	EXPECT_EQ(back.dr6, s.dr6);
	EXPECT_EQ(back.dr7, s.dr7);
	EXPECT_EQ(back.gdt.base, s.gdt.base);
	EXPECT_EQ(back.gdt.limit, s.gdt.limit);
	EXPECT_EQ(back.idt.base, s.idt.base);
	EXPECT_EQ(back.idt.limit, s.idt.limit);
	EXPECT_EQ(back.smbase, s.smbase);
	EXPECT_EQ(back.shadow, s.shadow);
	EXPECT_TRUE(back.halted);
}

TEST(Smram, NarrowKeepsLowerHalves)
{
	smram_state s = example(), back;
	Image image;

	smram_encode(&s, false, image.data());
	smram_decode(&back, false, 48, image.data());
	for (unsigned int i = 0; i < 16; i++)
		EXPECT_EQ(back.regs[i], i < 8 ? static_cast<u32>(s.regs[i]) : 0);
	for (unsigned int i = 0; i < SMRAM_NR_SEGS; i++) {
		vmx_segment want = s.seg[i];

		want.base = static_cast<u32>(want.base);
		expect_same_segment(back.seg[i], want);
	}
	EXPECT_EQ(back.rip, static_cast<u32>(s.rip));
	EXPECT_EQ(back.cr4, s.cr4);
	EXPECT_EQ(back.efer, 0u);
	EXPECT_EQ(back.gdt.base, static_cast<u32>(s.gdt.base));
	EXPECT_EQ(back.gdt.limit, s.gdt.limit);
	EXPECT_EQ(back.idt.limit, s.idt.limit);
	EXPECT_EQ(back.smbase, s.smbase);
	EXPECT_EQ(back.shadow, s.shadow);
	EXPECT_TRUE(back.halted);
}

/* No two fields share a byte: each bit of a random state that comes back came from its own place. */
TEST(Smram, RandomStatesComeBack)
{
	std::mt19937_64 random(1);
	Image image, again;

	for (bool wide : { true, false }) {
		for (int n = 0; n < 2000; n++) {
			smram_state s;

			for (u8 &byte : image)
				byte = static_cast<u8>(random());
			smram_decode(&s, wide, 48, image.data());
			smram_encode(&s, wide, again.data());
			smram_state back;
			smram_decode(&back, wide, 48, again.data());
			ASSERT_EQ(std::memcmp(&s, &back, sizeof(s)), 0) << n;
		}
	}
}

TEST(Smram, WhatNoRegisterHoldsIsCutOff)
{
	smram_state s = example(), back;
	Image image;

	s.rflags = ~0ULL;
	s.seg[SMRAM_GS].base = 0x1234900000000000ULL;
	s.seg[SMRAM_DS].base = 0xffffffff00001000ULL;
	s.rip = 0x0000800000000000ULL;
	s.gdt.base = 0x00ff900000000000ULL;
	s.dr7 = ~0ULL;
	s.shadow = 0xff;
	smram_encode(&s, true, image.data());
	smram_decode(&back, true, 48, image.data());
	EXPECT_EQ(back.rflags, 0x3f7fd7u);
	EXPECT_EQ(back.seg[SMRAM_GS].base, 0xffff900000000000ULL);
	EXPECT_EQ(back.seg[SMRAM_DS].base, 0x1000u);
	EXPECT_EQ(back.rip, 0xffff800000000000ULL);
	EXPECT_EQ(back.gdt.base, 0xffff900000000000ULL);
	EXPECT_EQ(back.dr7, 0xffffffffu);
	EXPECT_EQ(back.shadow, 3u);
	smram_decode(&back, true, 57, image.data());
	EXPECT_EQ(back.rip, 0x0000800000000000ULL);
	EXPECT_EQ(back.seg[SMRAM_GS].base, 0x0034900000000000ULL);
}

} // namespace
