// SPDX-License-Identifier: GPL-2.0-only
/* Far transfers, interrupt delivery, returns, in every mode. */
#include <gtest/gtest.h>

#include "emu_machine.h"

namespace {

void expect_fault(Machine &m, int r, unsigned int vector, uint32_t err)
{
	EXPECT_EQ(r, EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, vector);
	EXPECT_EQ(m.c.exc.err, err);
}

/* ---- real mode ---- */

TEST(EmuReal, FarJumpCallReturn)
{
	Machine m;

	m.real();
	EXPECT_EQ(m.run({ 0xea, 0x34, 0x12, 0x00, 0x10 }), EMU_OK); /* jmp 1000:1234 */
	EXPECT_EQ(m.segs[EMU_CS].base, 0x10000u);
	EXPECT_EQ(m.segs[EMU_CS].selector, 0x1000);
	EXPECT_EQ(m.segs[EMU_CS].limit, 0xffffu);
	EXPECT_EQ(m.c.rip, 0x1234u);
	EXPECT_TRUE(m.c.branch_far);
	m.c.rip = 0x100;
	EXPECT_EQ(m.run({ 0x9a, 0x78, 0x56, 0x00, 0x20 }), EMU_OK); /* call 2000:5678 */
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x7fcu);
	EXPECT_EQ(m.get(kStackTop - 0x1000 + 0x7fc, 4), 0x10000105u);
	m.segs[EMU_CS].base = kCodeAt;
	m.c.rip = 0x200;
	EXPECT_EQ(m.run({ 0xca, 0x02, 0x00 }), EMU_OK); /* retf 2 */
	EXPECT_EQ(m.c.rip, 0x105u);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x802u);
}

TEST(EmuReal, IntAndIret)
{
	Machine m;

	m.real();
	m.put(0x21 * 4, 0x20000040, 4); /* 2000:0040 */
	m.c.rflags = 0x302 | 1;
	EXPECT_EQ(m.run({ 0xcd, 0x21 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x40u);
	EXPECT_EQ(m.segs[EMU_CS].base, 0x20000u);
	EXPECT_EQ(m.c.rflags, 3u);
	EXPECT_FALSE(m.c.single_step) << "TF went with the old flags";
	EXPECT_EQ(m.get(kStackTop - 0x1000 + 0x7fa, 2), 2u);
	EXPECT_EQ(m.get(kStackTop - 0x1000 + 0x7fe, 2), 0x303u);
	m.segs[EMU_CS].base = kCodeAt;
	EXPECT_EQ(m.run({ 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.rip, 2u);
	EXPECT_EQ(m.segs[EMU_CS].selector, kCodeAt >> 4);
	EXPECT_EQ(m.c.rflags, 0x303u);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x800u);
}

TEST(EmuReal, VectorBeyondTheTable)
{
	Machine m;

	m.real();
	m.idt.limit = 0x21 * 4 + 2;
	EXPECT_EQ(m.run({ 0xcd, 0x21 }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_GP);
	EXPECT_FALSE(m.c.exc.has_err);
	EXPECT_EQ(m.c.rip, 0u);
}

TEST(EmuReal, SegmentLimitAndWrap)
{
	Machine m;

	m.real();
	m.c.regs[EMU_RBX] = 0xffff;
	EXPECT_EQ(m.run({ 0x8b, 0x07 }), EMU_EXCEPTION); /* mov ax, [bx] over the end */
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_GP);
	m.c.regs[EMU_RBX] = 0x8000;
	m.c.regs[EMU_RSI] = 0x8010; /* bx + si wraps to 10h */
	m.put(kDataAt + 0x10, 0xbeef, 2);
	EXPECT_EQ(m.run({ 0x8b, 0x00 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX] & 0xffff, 0xbeefu);
	/* The upper half of ESP stays. */
	m.c.regs[EMU_RSP] = 0xabcd0002;
	EXPECT_EQ(m.run({ 0x50 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0xabcd0000u);
}

TEST(EmuReal, SegmentLoadsKeepTheLimit)
{
	Machine m;

	m.real();
	m.segs[EMU_DS].limit = 0xffffffff; /* "unreal" mode */
	m.c.regs[EMU_RAX] = 0x3000;
	EXPECT_EQ(m.run({ 0x8e, 0xd8 }), EMU_OK);
	EXPECT_EQ(m.segs[EMU_DS].base, 0x30000u);
	EXPECT_EQ(m.segs[EMU_DS].limit, 0xffffffffu);
	EXPECT_EQ(m.run({ 0x8e, 0xd0 }), EMU_OK);
	EXPECT_EQ(m.c.shadow, EMU_SHADOW_MOVSS);
	EXPECT_EQ(m.run({ 0x90 }), EMU_OK);
	EXPECT_EQ(m.c.shadow, 0);
}

/* ---- protected mode ---- */

TEST(EmuProt, FarJumpChecks)
{
	Machine m;

	m.protected32();
	EXPECT_EQ(m.run({ 0xea, 0x00, 0x02, 0, 0, kSelCode16, 0 }), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_PROT16);
	EXPECT_EQ(m.c.rip, 0x200u);
	m.protected32();
	expect_fault(m, m.run({ 0xea, 0, 0, 0, 0, 0, 0 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0xea, 0, 0, 0, 0, 0xf8, 0x0f }), EMU_EXC_GP, 0xff8);
	expect_fault(m, m.run({ 0xea, 0, 0, 0, 0, kSelData, 0 }), EMU_EXC_GP, kSelData);
	expect_fault(m, m.run({ 0xea, 0, 0, 0, 0, kSelUserCode32 | 3, 0 }), EMU_EXC_GP, kSelUserCode32);
	m.desc(kGdtAt, kSelFree, 0, 0xffffffff, 11, true, 0, false, true, false);
	expect_fault(m, m.run({ 0xea, 0, 0, 0, 0, kSelFree, 0 }), EMU_EXC_NP, kSelFree);
	m.desc(kGdtAt, kSelFree, 0, 0xfff, 10, true, 0);
	expect_fault(m, m.run({ 0xea, 0, 0x10, 0, 0, kSelFree, 0 }), EMU_EXC_GP, 0);
	EXPECT_EQ(m.c.rip, kCodeAt);
	EXPECT_EQ(m.run({ 0xea, 0xff, 0x0f, 0, 0, kSelFree, 0 }), EMU_OK);
	/* The accessed bit is set in memory too. */
	EXPECT_EQ(m.get(kGdtAt + kSelFree + 5, 1) & 15, 11u);
}

TEST(EmuProt, ConformingKeepsTheLevel)
{
	Machine m;

	m.protected32(3);
	EXPECT_EQ(m.run({ 0xea, 0, 1, 0, 0, kSelConforming, 0 }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.segs[EMU_CS].selector, kSelConforming | 3);
}

TEST(EmuProt, CallGateToInnerLevelWithParameters)
{
	Machine m;

	m.protected32(3);
	m.put(kTssAt + 4, 0x20800, 4); /* ESP0 */
	m.put(kTssAt + 8, kSelData, 2);
	m.gate(kGdtAt + kSelFree, kSelCode32, 0x12345, SYST_CALL32, 3, false, 2 /* parameters */);
	m.c.regs[EMU_RSP] = 0x20f00;
	m.put(0x20f00, 0x11111111, 4);
	m.put(0x20f04, 0x22222222, 4);
	EXPECT_EQ(m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 0);
	EXPECT_EQ(m.c.rip, 0x12345u);
	EXPECT_EQ(m.segs[EMU_CS].selector, kSelCode32);
	EXPECT_EQ(m.segs[EMU_SS].selector, kSelData);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x20800u - 24);
	EXPECT_EQ(m.get(0x20800 - 4, 4), kSelUserData | 3u);
	EXPECT_EQ(m.get(0x20800 - 8, 4), 0x20f00u);
	EXPECT_EQ(m.get(0x20800 - 12, 4), 0x22222222u);
	EXPECT_EQ(m.get(0x20800 - 16, 4), 0x11111111u);
	EXPECT_EQ(m.get(0x20800 - 20, 4), kSelUserCode32 | 3u);
	EXPECT_EQ(m.get(0x20800 - 24, 4), kCodeAt + 7);
	/* And back, dropping the parameters on both stacks and what level 3 may not keep. */
	m.set_flat(EMU_DS, kSelData, 3, 0, false, true);
	m.c.rip = kCodeAt + 0x100;
	EXPECT_EQ(m.run({ 0xca, 8, 0 }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.c.rip, kCodeAt + 7);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x20f08u);
	EXPECT_TRUE(m.segs[EMU_DS].unusable);
	EXPECT_FALSE(m.segs[EMU_ES].unusable);
}

TEST(EmuProt, CallGateFaults)
{
	Machine m;

	m.protected32(3);
	m.put(kTssAt + 4, 0x20800, 4);
	m.put(kTssAt + 8, kSelData, 2);
	m.gate(kGdtAt + kSelFree, kSelCode32, 0x100, SYST_CALL32, 0, false);
	expect_fault(m, m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXC_GP, kSelFree);
	m.gate(kGdtAt + kSelFree, kSelCode32, 0x100, SYST_CALL32, 3, false, 0, false);
	expect_fault(m, m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXC_NP, kSelFree);
	m.gate(kGdtAt + kSelFree, 0, 0x100, SYST_CALL32, 3, false);
	expect_fault(m, m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXC_GP, 0);
	m.gate(kGdtAt + kSelFree, kSelCode32, 0x100, SYST_CALL32, 3, false);
	m.put(kTssAt + 8, kSelUserData | 3, 2);
	expect_fault(m, m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXC_TS, kSelUserData);
	m.segs[EMU_TR].limit = 7;
	expect_fault(m, m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXC_TS, kSelTss);
	m.segs[EMU_TR].limit = 0x2067;
	m.put(kTssAt + 8, kSelData, 2);
	m.put(kTssAt + 4, 0x700000, 4); /* no memory there */
	EXPECT_EQ(m.run({ 0x9a, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_PF);
	EXPECT_EQ(m.c.exc.err, 2u); /* with level 0 rights */
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.c.rip, kCodeAt);
	/* JMP may not go inwards */
	m.put(kTssAt + 4, 0x20800, 4);
	expect_fault(m, m.run({ 0xea, 0, 0, 0, 0, kSelFree | 3, 0 }), EMU_EXC_GP, kSelCode32);
}

TEST(EmuProt, InterruptGateAndIret)
{
	Machine m;

	m.protected32(3);
	m.put(kTssAt + 4, 0x20800, 4);
	m.put(kTssAt + 8, kSelData, 2);
	m.gate(kIdtAt + 0x80 * 8, kSelCode32, 0x4567, SYST_INT32, 3, false);
	m.gate(kIdtAt + 0x81 * 8, kSelCode32, 0x4567, SYST_INT32, 0, false);
	m.c.rflags = 0x3246 | EFL_NT; /* IOPL 3, IF */
	EXPECT_EQ(m.run({ 0xcd, 0x80 }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 0);
	EXPECT_EQ(m.c.rip, 0x4567u);
	EXPECT_EQ(m.c.rflags, 0x3046u);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x20800u - 20);
	EXPECT_EQ(m.get(0x20800 - 12, 4), 0x3246 | EFL_NT);
	m.put(0x20800 - 12, 0x3246, 4);
	m.c.rip = kCodeAt + 0x100;
	EXPECT_EQ(m.run({ 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.c.rip, kCodeAt + 2);
	EXPECT_EQ(m.c.rflags, 0x3246u);
	EXPECT_EQ(m.c.regs[EMU_RSP], kStackTop - 0x100);
	EXPECT_EQ(m.segs[EMU_SS].selector, kSelUserData | 3);
	EXPECT_EQ(m.irets, 1);
	m.c.rip = kCodeAt;
	expect_fault(m, m.run({ 0xcd, 0x81 }), EMU_EXC_GP, 0x81 * 8 + 2);
	expect_fault(m, m.run({ 0xcd, 0x82 }), EMU_EXC_GP, 0x82 * 8 + 2);
	/* A hardware event does not care for the gate's DPL, and sets EXT in errors. */
	EXPECT_EQ(emu_deliver(&m.c, 0x81, EMU_EV_EXTERNAL, false, 0, m.c.rip, true), EMU_OK);
	EXPECT_EQ(m.c.cpl, 0);
	expect_fault(m, emu_deliver(&m.c, 0x82, EMU_EV_EXTERNAL, false, 0, m.c.rip, true), EMU_EXC_GP,
		     0x82 * 8 + 3);
}

TEST(EmuProt, ErrorCodeAndTrapGate16)
{
	Machine m;

	m.protected32();
	m.gate(kIdtAt + 13 * 8, kSelCode32, 0x99994567, SYST_TRAP16, 0, false);
	m.c.rflags = 0x202;
	EXPECT_EQ(emu_deliver(&m.c, 13, EMU_EV_EXCEPTION, true, 0xabcd, 0x1234, true), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x4567u);
	EXPECT_EQ(m.c.rflags, 0x202u);
	EXPECT_EQ(m.c.regs[EMU_RSP], kStackTop - 0x100 - 8);
	EXPECT_EQ(m.get(kStackTop - 0x108, 2), 0xabcdu);
	EXPECT_EQ(m.get(kStackTop - 0x106, 2), 0x1234u);
}

TEST(EmuProt, IretChecks)
{
	Machine m;
	uint64_t sp;

	m.protected32();
	sp = m.c.regs[EMU_RSP];
	m.put(sp, 0x1000, 4);
	m.put(sp + 4, 0, 4);
	m.put(sp + 8, 0x202, 4);
	expect_fault(m, m.run({ 0xcf }), EMU_EXC_GP, 0);
	m.put(sp + 4, kSelData, 4);
	expect_fault(m, m.run({ 0xcf }), EMU_EXC_GP, kSelData);
	m.put(sp + 4, kSelUserCode32 | 3, 4);
	m.put(sp + 12, 0x5000, 4);
	m.put(sp + 16, kSelData, 4);
	expect_fault(m, m.run({ 0xcf }), EMU_EXC_GP, kSelData);
	EXPECT_EQ(m.c.regs[EMU_RSP], sp);
	EXPECT_EQ(m.irets, 0);
	m.put(sp + 16, kSelUserData | 3, 4);
	EXPECT_EQ(m.run({ 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x5000u);
	EXPECT_EQ(m.c.cpl, 3);
	/* From level 3 an inner one is refused. */
	m.c.rip = kCodeAt;
	m.c.regs[EMU_RSP] = sp;
	m.put(sp + 4, kSelCode32, 4);
	expect_fault(m, m.run({ 0xcf }), EMU_EXC_GP, kSelCode32);
}

TEST(EmuProt, IntoAndInt3)
{
	Machine m;

	m.protected32();
	m.gate(kIdtAt + 3 * 8, kSelCode32, 0x300, SYST_INT32, 0, false);
	m.gate(kIdtAt + 4 * 8, kSelCode32, 0x400, SYST_INT32, 0, false);
	EXPECT_EQ(m.run({ 0xce }), EMU_OK);
	EXPECT_EQ(m.c.rip, kCodeAt + 1);
	m.c.rflags |= EFL_OF;
	EXPECT_EQ(m.run({ 0xce }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x400u);
	m.c.rip = kCodeAt;
	EXPECT_EQ(m.run({ 0xcc }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x300u);
	EXPECT_EQ(m.get(m.c.regs[EMU_RSP], 4), kCodeAt + 1);
	/* stepped: no trap in the handler, but after an INTO that goes on */
	m.c.rip = kCodeAt;
	m.c.rflags |= EFL_TF;
	EXPECT_EQ(m.run({ 0xcc }), EMU_OK);
	EXPECT_FALSE(m.c.single_step);
	m.c.rip = kCodeAt;
	m.c.rflags = (m.c.rflags & ~EFL_OF) | EFL_TF;
	EXPECT_EQ(m.run({ 0xce }), EMU_OK);
	EXPECT_TRUE(m.c.single_step);
}

/* ---- virtual-8086 mode ---- */

TEST(EmuVm86, ThereAndBack)
{
	Machine m;
	uint64_t sp;

	m.vm86();
	m.put(kTssAt + 4, 0x20800, 4);
	m.put(kTssAt + 8, kSelData, 2);
	m.gate(kIdtAt + 13 * 8, kSelCode32, 0x5555, SYST_INT32, 0, false);
	EXPECT_EQ(emu_deliver(&m.c, 13, EMU_EV_EXCEPTION, true, 0, 0x10, true), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_PROT32);
	EXPECT_EQ(m.c.cpl, 0);
	EXPECT_FALSE(m.c.rflags & EFL_VM);
	EXPECT_TRUE(m.segs[EMU_DS].unusable);
	EXPECT_EQ(m.segs[EMU_SS].selector, kSelData);
	sp = m.c.regs[EMU_RSP];
	EXPECT_EQ(sp, 0x20800u - 40);
	EXPECT_EQ(m.get(sp + 4, 4), 0x10u);
	EXPECT_EQ(m.get(sp + 12, 4), 0x30002u); /* RF and VM */
	EXPECT_EQ(m.get(sp + 28, 4), kDataAt >> 4); /* DS behind ES */
	m.c.regs[EMU_RSP] += 4;
	m.c.rip = kCodeAt;
	EXPECT_EQ(m.run({ 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_VM86);
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.segs[EMU_DS].base, kDataAt);
	EXPECT_EQ(m.segs[EMU_CS].base, kCodeAt);
	EXPECT_EQ(m.c.rip, 0x10u);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x800u);
}

TEST(EmuVm86, IoplSensitive)
{
	Machine m;

	m.vm86();
	expect_fault(m, m.run({ 0xfa }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0x9c }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0xcd, 0x10 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0xcf }), EMU_EXC_GP, 0);
	m.c.rflags |= EFL_IOPL | EFL_IF;
	EXPECT_EQ(m.run({ 0xfa }), EMU_OK);
	EXPECT_FALSE(m.c.rflags & EFL_IF);
	m.c.rflags &= ~EFL_IOPL;
	m.cr[4] |= ECR4_VME;
	m.c.rip = 0;
	EXPECT_EQ(m.run({ 0xfb }), EMU_OK);
	EXPECT_TRUE(m.c.rflags & EFL_VIF);
	EXPECT_FALSE(m.c.rflags & EFL_IF);
	EXPECT_EQ(m.run({ 0x9c }), EMU_OK);
	EXPECT_EQ(m.get(kStackTop - 0x1000 + 0x7fe, 2), 0x3202u);
	m.c.rflags |= EFL_VIP;
	m.c.rflags &= ~EFL_VIF;
	expect_fault(m, m.run({ 0xfb }), EMU_EXC_GP, 0);
}

TEST(EmuVm86, RedirectionMap)
{
	Machine m;

	m.vm86();
	m.cr[4] |= ECR4_VME;
	m.put(kTssAt + 102, 0x88, 2); /* map at 68h..87h */
	m.put(kTssAt + 0x68 + 0x10 / 8, 0, 1);
	m.put(0x10 * 4, 0x12340056, 4);
	m.c.rflags |= EFL_VIF;
	EXPECT_EQ(m.run({ 0xcd, 0x10 }), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_VM86);
	EXPECT_EQ(m.segs[EMU_CS].selector, 0x1234);
	EXPECT_EQ(m.c.rip, 0x56u);
	EXPECT_FALSE(m.c.rflags & EFL_VIF);
	EXPECT_EQ(m.get(kStackTop - 0x1000 + 0x7fe, 2), 0x3202u);
}

/* ---- long mode ---- */

TEST(EmuLong, InterruptStackTableAndIretq)
{
	Machine m;
	uint64_t sp;

	m.long64(3);
	m.put(kTssAt + 4, 0x20808, 8);
	m.put(kTssAt + 36 + 8, 0x20c08, 8); /* IST2 */
	m.gate(kIdtAt + 8 * 16, kSelCode64, 0xffff800000001000, SYST_INT32, 0, true, 2);
	m.gate(kIdtAt + 0x80 * 16, kSelCode64, 0x2000, SYST_TRAP32, 3, true);
	m.c.rflags = 0x202;
	EXPECT_EQ(m.run({ 0xcd, 0x80 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x2000u);
	EXPECT_EQ(m.c.cpl, 0);
	EXPECT_EQ(m.segs[EMU_SS].selector, 0);
	EXPECT_TRUE(m.segs[EMU_SS].unusable);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x20800u - 40); /* aligned down first */
	EXPECT_EQ(emu_deliver(&m.c, 8, EMU_EV_EXCEPTION, true, 0, m.c.rip, true), EMU_OK);
	EXPECT_EQ(m.c.rip, 0xffff800000001000ULL);
	sp = m.c.regs[EMU_RSP];
	EXPECT_EQ(sp, 0x20c00u - 48);
	EXPECT_EQ(m.get(sp + 8, 8), 0x2000u);
	EXPECT_EQ(m.get(sp + 16, 8), kSelCode64);
	EXPECT_EQ(m.get(sp + 32, 8), 0x20800u - 40);
	EXPECT_EQ(m.get(sp + 40, 8), 0u);
	m.c.regs[EMU_RSP] += 8;
	m.c.rip = kCodeAt;
	EXPECT_EQ(m.run({ 0x48, 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x2000u);
	EXPECT_EQ(m.c.cpl, 0);
	m.c.rip = kCodeAt;
	EXPECT_EQ(m.run({ 0x48, 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.c.rip, kCodeAt + 2);
	EXPECT_EQ(m.c.regs[EMU_RSP], kStackTop - 0x100);
	EXPECT_EQ(m.segs[EMU_SS].selector, kSelUserData | 3);
}

TEST(EmuLong, IretToCompat)
{
	Machine m;
	uint64_t sp;

	m.long64();
	sp = m.c.regs[EMU_RSP];
	m.put(sp, 0x1234, 8);
	m.put(sp + 8, kSelUserCode32 | 3, 8);
	m.put(sp + 16, 0x202, 8);
	m.put(sp + 24, 0x20400, 8);
	m.put(sp + 32, kSelUserData | 3, 8);
	EXPECT_EQ(m.run({ 0x48, 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_COMPAT32);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x20400u);
	/* Null SS into level 3 is refused. */
	m.long64();
	m.put(sp + 8, kSelUserCode64 | 3, 8);
	m.put(sp + 32, 3, 8);
	expect_fault(m, m.run({ 0x48, 0xcf }), EMU_EXC_GP, 0);
	/* NT in long mode too. */
	m.c.rflags |= EFL_NT;
	expect_fault(m, m.run({ 0x48, 0xcf }), EMU_EXC_GP, 0);
}

TEST(EmuLong, GateChecks)
{
	Machine m;

	m.long64();
	m.gate(kIdtAt + 0x40 * 16, kSelCode32, 0x2000, SYST_INT32, 0, true);
	expect_fault(m, m.run({ 0xcd, 0x40 }), EMU_EXC_GP, kSelCode32);
	m.gate(kIdtAt + 0x40 * 16, kSelCode64, 0x2000, SYST_INT16, 0, true);
	expect_fault(m, m.run({ 0xcd, 0x40 }), EMU_EXC_GP, 0x202);
	m.gate(kIdtAt + 0x40 * 16, kSelCode64, 0x2000, SYST_INT32, 0, true, 0, false);
	expect_fault(m, m.run({ 0xcd, 0x40 }), EMU_EXC_NP, 0x202);
	m.gate(kIdtAt + 0x40 * 16, kSelCode64, 0x800000000000, SYST_INT32, 0, true);
	expect_fault(m, m.run({ 0xcd, 0x40 }), EMU_EXC_GP, 0);
	m.gate(kIdtAt + 0x40 * 16, kSelCode64, 0x2000, SYST_INT32, 0, true);
	m.c.regs[EMU_RSP] = 0x900000000000;
	expect_fault(m, m.run({ 0xcd, 0x40 }), EMU_EXC_SS, 0);
}

TEST(EmuLong, FarJumpThroughMemoryToCompatAndCallGate)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kDataAt;
	m.put(kDataAt, 0x5000, 4);
	m.put(kDataAt + 4, kSelCode32, 2);
	EXPECT_EQ(m.run({ 0xff, 0x2b }), EMU_OK); /* jmp far [rbx] */
	EXPECT_EQ(m.c.mode, EMU_MODE_COMPAT32);
	EXPECT_EQ(m.c.rip, 0x5000u);
	/* From compatibility mode a 64-bit call gate. */
	m.compat32(0);
	m.gate(kGdtAt + kSelFree, kSelCode64, 0xffff800000002000, SYST_CALL32, 0, true);
	EXPECT_EQ(m.run({ 0x9a, 0, 0, 0, 0, kSelFree, 0 }), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_LONG64);
	EXPECT_EQ(m.c.rip, 0xffff800000002000ULL);
	EXPECT_EQ(m.c.regs[EMU_RSP], kStackTop - 0x100 - 16);
	/* 9A and EA do not exist in 64-bit mode. */
	m.long64();
	EXPECT_EQ(m.run({ 0xea, 0, 0, 0, 0, kSelCode32, 0 }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_UD);
}

TEST(EmuLong, FarPointersInMemory)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kDataAt;
	m.put(kDataAt, 0x11223344, 4);
	m.put(kDataAt + 4, kSelData, 4);
	m.put(kDataAt + 8, kSelData, 2);
	EXPECT_EQ(m.run({ 0x48, 0x0f, 0xb2, 0x03 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x11223344u);
	m.c.features |= EMU_F_FAR_JUMP64 | EMU_F_FAR_LOAD64;
	EXPECT_EQ(m.run({ 0x48, 0x0f, 0xb2, 0x03 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x11223344 | static_cast<uint64_t>(kSelData) << 32);
	m.put(kDataAt, 0xffff800000001000, 8);
	m.put(kDataAt + 8, kSelCode64, 2);
	EXPECT_EQ(m.run({ 0x48, 0xff, 0x2b }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0xffff800000001000u);
}

TEST(EmuLong, CanonicalAndStackFaults)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = 0x800000000000;
	m.c.regs[EMU_RBP] = 0x800000000000;
	expect_fault(m, m.run({ 0x8b, 0x03 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0x8b, 0x45, 0x00 }), EMU_EXC_SS, 0);
	m.c.features |= EMU_F_LA57;
	EXPECT_EQ(m.run({ 0x8b, 0x03 }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_PF);
	/* RET to a non-canonical address faults here, not there. */
	m.put(m.c.regs[EMU_RSP], 1ULL << 60, 8);
	expect_fault(m, m.run({ 0xc3 }), EMU_EXC_GP, 0);
	EXPECT_EQ(m.c.regs[EMU_RSP], kStackTop - 0x100);
}

TEST(EmuLong, AmdAndIntelNearBranches)
{
	Machine m;

	m.long64();
	EXPECT_EQ(m.run({ 0x66, 0xe9, 0x10, 0x00 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x0014u); /* AMD: 16 bits, and IP is cut */
	m.c.rip = kCodeAt;
	m.c.features |= EMU_F_INTEL;
	EXPECT_EQ(m.run({ 0x66, 0xe9, 0x10, 0x00, 0x00, 0x00 }), EMU_OK);
	EXPECT_EQ(m.c.rip, kCodeAt + 0x16);
}

/* ---- hardware tasks ---- */

TEST(EmuTask, CallAndReturn)
{
	constexpr uint64_t kNew = kTssAt + 0x800;
	Machine m;

	m.protected32();
	m.desc(kGdtAt, kSelFree, kNew, 0x67, SYST_TSS32, false, 0, false, false);
	m.desc(kGdtAt, kSelTss, kTssAt, 0x67, SYST_TSS32_BUSY, false, 0, false, false);
	m.put(kNew + 32, 0x7000, 4); /* EIP */
	m.put(kNew + 36, 0x202, 4);
	m.put(kNew + 40, 0xaaaa, 4); /* EAX */
	m.put(kNew + 56, 0x20800, 4); /* ESP */
	m.put(kNew + 28, 0x9000, 4); /* CR3 */
	for (unsigned int s = 0; s < 6; s++)
		m.put(kNew + 72 + 4 * s, s == EMU_CS ? kSelCode32 : s < 4 ? kSelData : 0, 4);
	m.c.regs[EMU_RBX] = 0xbbbb;
	EXPECT_EQ(m.run({ 0x9a, 0, 0, 0, 0, kSelFree, 0 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x7000u);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xaaaau);
	EXPECT_EQ(m.c.rflags, 0x4202u); /* NT */
	EXPECT_EQ(m.cr[3], 0x9000u);
	EXPECT_TRUE(m.cr[0] & ECR0_TS);
	EXPECT_EQ(m.segs[EMU_TR].base, kNew);
	EXPECT_EQ(m.get(kNew, 2), kSelTss);
	EXPECT_EQ(m.get(kGdtAt + kSelFree + 5, 1) & 15, 11u);
	EXPECT_EQ(m.get(kTssAt + 32, 4), kCodeAt + 7);
	EXPECT_EQ(m.get(kTssAt + 52, 4), 0xbbbbu);
	EXPECT_TRUE(m.segs[EMU_FS].unusable);
	/* IRET with NT goes back and frees it. */
	m.c.rip = kCodeAt + 0x100;
	EXPECT_EQ(m.run({ 0xcf }), EMU_OK);
	EXPECT_EQ(m.c.rip, kCodeAt + 7);
	EXPECT_EQ(m.c.regs[EMU_RBX], 0xbbbbu);
	EXPECT_EQ(m.c.rflags, 2u);
	EXPECT_EQ(m.get(kGdtAt + kSelFree + 5, 1) & 15, 9u);
	EXPECT_EQ(m.segs[EMU_TR].selector, kSelTss);
	/* A busy TSS is refused. */
	m.c.rip = kCodeAt;
	expect_fault(m, m.run({ 0x9a, 0, 0, 0, 0, kSelTss, 0 }), EMU_EXC_GP, kSelTss);
}

TEST(EmuTask, TaskGateWithErrorCodeAndBadStack)
{
	constexpr uint64_t kNew = kTssAt + 0x800;
	Machine m;

	m.protected32();
	m.desc(kGdtAt, kSelFree, kNew, 0x67, SYST_TSS32, false, 0, false, false);
	m.gate(kIdtAt + 8 * 8, kSelFree, 0, SYST_TASK, 0, false);
	m.put(kNew + 32, 0x7000, 4);
	m.put(kNew + 56, 0x20800, 4);
	for (unsigned int s = 0; s < 6; s++)
		m.put(kNew + 72 + 4 * s, s == EMU_CS ? kSelCode32 : kSelData, 4);
	EXPECT_EQ(emu_deliver(&m.c, 8, EMU_EV_EXCEPTION, true, 0x1234, 0x8888, true), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x207fcu);
	EXPECT_EQ(m.get(0x207fc, 4), 0x1234u);
	EXPECT_EQ(m.get(kTssAt + 32, 4), 0x8888u);

	Machine n;

	n.protected32();
	n.desc(kGdtAt, kSelFree, kNew, 0x67, SYST_TSS32, false, 0, false, false);
	n.put(kNew + 32, 0x7000, 4);
	for (unsigned int s = 0; s < 6; s++)
		n.put(kNew + 72 + 4 * s, s == EMU_CS ? kSelCode32 : s == EMU_SS ? kSelUserData : kSelData, 4);
	expect_fault(n, n.run({ 0xea, 0, 0, 0, 0, kSelFree, 0 }), EMU_EXC_TS, kSelUserData);
	EXPECT_TRUE(n.c.branch_far);
	EXPECT_EQ(n.c.rip, 0x7000u);
}

} // namespace
