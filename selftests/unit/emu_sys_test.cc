// SPDX-License-Identifier: GPL-2.0-only
/* Segment loads, system instructions, system calls, vector moves, and what each of them refuses. */
#include <gtest/gtest.h>

#include "emu_machine.h"

namespace {

void expect_fault(Machine &m, int r, unsigned int vector, uint32_t err = 0)
{
	EXPECT_EQ(r, EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, vector);
	EXPECT_EQ(m.c.exc.err, err);
}

/* ---- segments ---- */

TEST(EmuSeg, DataSegmentChecks)
{
	Machine m;

	m.protected32(3);
	m.c.regs[EMU_RAX] = kSelData | 3;
	expect_fault(m, m.run({ 0x8e, 0xd8 }), EMU_EXC_GP, kSelData);
	m.c.regs[EMU_RAX] = kSelUserData | 3;
	EXPECT_EQ(m.run({ 0x8e, 0xd8 }), EMU_OK);
	m.c.regs[EMU_RAX] = 0;
	EXPECT_EQ(m.run({ 0x8e, 0xd8 }), EMU_OK);
	EXPECT_TRUE(m.segs[EMU_DS].unusable);
	expect_fault(m, m.run({ 0x8b, 0x03 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0x8e, 0xd0 }), EMU_EXC_GP, 0); /* null SS */
	m.desc(kGdtAt, kSelFree, 0, 0xfff, 8, true, 3); /* execute-only */
	m.c.regs[EMU_RAX] = kSelFree | 3;
	expect_fault(m, m.run({ 0x8e, 0xd8 }), EMU_EXC_GP, kSelFree);
	m.desc(kGdtAt, kSelFree, 0, 0xfff, 2, true, 3, false, true, false);
	expect_fault(m, m.run({ 0x8e, 0xd8 }), EMU_EXC_NP, kSelFree);
	expect_fault(m, m.run({ 0x8e, 0xd0 }), EMU_EXC_SS, kSelFree);
	EXPECT_EQ(m.run({ 0x8e, 0xc8 }), EMU_EXCEPTION); /* mov cs */
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_UD);
}

TEST(EmuSeg, LimitsAndTypes)
{
	Machine m;

	m.protected32();
	m.set_flat(EMU_ES, kSelFree, 3, 0, false, true, 0xfff);
	m.segs[EMU_ES].base = kDataAt;
	m.c.regs[EMU_RBX] = 0xffc;
	EXPECT_EQ(m.run({ 0x26, 0x8b, 0x03 }), EMU_OK);
	m.c.regs[EMU_RBX] = 0xffd;
	expect_fault(m, m.run({ 0x26, 0x8b, 0x03 }), EMU_EXC_GP, 0);
	m.segs[EMU_ES].type = 7; /* expand down: what lies above the limit */
	expect_fault(m, m.run({ 0x26, 0x8b, 0x03 }), EMU_EXC_GP, 0);
	m.c.regs[EMU_RBX] = 0x1000;
	EXPECT_EQ(m.run({ 0x26, 0x8b, 0x03 }), EMU_OK);
	m.segs[EMU_ES].type = 1; /* read-only */
	m.c.regs[EMU_RBX] = 0;
	EXPECT_EQ(m.run({ 0x26, 0x8b, 0x03 }), EMU_OK);
	expect_fault(m, m.run({ 0x26, 0x89, 0x03 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0x2e, 0x89, 0x03 }), EMU_EXC_GP, 0); /* code */
	m.set_flat(EMU_SS, kSelData, 3, 0, false, true, 0xfff);
	m.c.regs[EMU_RSP] = 0x2000;
	expect_fault(m, m.run({ 0x50 }), EMU_EXC_SS, 0);
}

TEST(EmuSeg, PushPopAndFarPointers)
{
	Machine m;

	m.protected32();
	m.put(m.c.regs[EMU_RSP] - 4, 0xdeadbeef, 4);
	EXPECT_EQ(m.run({ 0x1e }), EMU_OK);
	EXPECT_EQ(m.get(m.c.regs[EMU_RSP], 4), 0xdead0000u | kSelData);
	EXPECT_EQ(m.run({ 0x0f, 0xa1 }), EMU_OK); /* pop fs */
	EXPECT_EQ(m.segs[EMU_FS].selector, kSelData);
	m.put(kDataAt, 0x12345678, 4);
	m.put(kDataAt + 4, kSelUserData, 2);
	m.c.regs[EMU_RBX] = kDataAt;
	EXPECT_EQ(m.run({ 0x0f, 0xb5, 0x03 }), EMU_OK); /* lgs eax, [ebx] */
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x12345678u);
	EXPECT_EQ(m.segs[EMU_GS].selector, kSelUserData);
	m.put(kDataAt + 4, 0xfff8, 2);
	m.c.regs[EMU_RAX] = 1;
	expect_fault(m, m.run({ 0xc4, 0x03 }), EMU_EXC_GP, 0xfff8);
	EXPECT_EQ(m.c.regs[EMU_RAX], 1u);
}

TEST(EmuSeg, LarLslVerrVerw)
{
	Machine m;

	m.protected32(3);
	m.c.regs[EMU_RBX] = kSelUserCode32 | 3;
	EXPECT_EQ(m.run({ 0x0f, 0x02, 0xc3 }), EMU_OK);
	EXPECT_TRUE(m.c.rflags & EFL_ZF);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xc0fb00u);
	EXPECT_EQ(m.run({ 0x0f, 0x03, 0xc3 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xffffffffu);
	EXPECT_EQ(m.run({ 0x0f, 0x00, 0xe3 }), EMU_OK); /* verr */
	EXPECT_TRUE(m.c.rflags & EFL_ZF);
	EXPECT_EQ(m.run({ 0x0f, 0x00, 0xeb }), EMU_OK); /* verw */
	EXPECT_FALSE(m.c.rflags & EFL_ZF);
	for (uint16_t sel : { uint16_t(0), uint16_t(kSelData | 3), uint16_t(0xfff8) }) {
		m.c.rip = kCodeAt;
		m.c.rflags |= EFL_ZF;
		m.c.regs[EMU_RBX] = sel;
		EXPECT_EQ(m.run({ 0x0f, 0x02, 0xc3 }), EMU_OK);
		EXPECT_FALSE(m.c.rflags & EFL_ZF);
	}
	m.real();
	expect_fault(m, m.run({ 0x0f, 0x02, 0xc3 }), EMU_EXC_UD);
}

TEST(EmuSeg, LldtLtr)
{
	Machine m;

	m.long64();
	m.desc(kGdtAt, kSelFree, kLdtAt, 0xff, SYST_LDT, false, 0, false, false);
	m.put(kGdtAt + kSelFree + 8, 0xffff8000, 8);
	m.c.regs[EMU_RAX] = kSelFree;
	EXPECT_EQ(m.run({ 0x0f, 0x00, 0xd0 }), EMU_OK);
	EXPECT_EQ(m.segs[EMU_LDTR].base, 0xffff800000000000ULL | kLdtAt);
	expect_fault(m, m.run({ 0x0f, 0x00, 0xd8 }), EMU_EXC_GP, kSelFree); /* ltr of an LDT */
	m.c.regs[EMU_RAX] = kSelTss; /* busy */
	expect_fault(m, m.run({ 0x0f, 0x00, 0xd8 }), EMU_EXC_GP, kSelTss);
	m.desc(kGdtAt, kSelTss, kTssAt, 0x67, SYST_TSS32, false, 0, false, false);
	EXPECT_EQ(m.run({ 0x0f, 0x00, 0xd8 }), EMU_OK);
	EXPECT_EQ(m.get(kGdtAt + kSelTss + 5, 1) & 15, 11u);
	EXPECT_EQ(m.segs[EMU_TR].type, 11);
	m.long64(3);
	expect_fault(m, m.run({ 0x0f, 0x00, 0xd8 }), EMU_EXC_GP, 0);
}

/* ---- registers and tables ---- */

TEST(EmuSys, ControlAndDebugRegisters)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_R8] = 0x123456789abcdef0;
	EXPECT_EQ(m.run({ 0x41, 0x0f, 0x22, 0xd8 }), EMU_OK); /* mov cr3, r8 */
	EXPECT_EQ(m.cr[3], 0x123456789abcdef0u);
	m.cr[8] = 5;
	EXPECT_EQ(m.run({ 0x44, 0x0f, 0x20, 0xc0 }), EMU_OK); /* mov rax, cr8 */
	EXPECT_EQ(m.c.regs[EMU_RAX], 5u);
	expect_fault(m, m.run({ 0x0f, 0x20, 0xc8 }), EMU_EXC_UD); /* cr1 */
	m.dr[6] = 0xffff0ff0;
	EXPECT_EQ(m.run({ 0x0f, 0x21, 0xe0 }), EMU_OK); /* dr4 is dr6 */
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xffff0ff0u);
	m.cr[4] |= ECR4_DE;
	expect_fault(m, m.run({ 0x0f, 0x21, 0xe0 }), EMU_EXC_UD);
	m.cr[0] |= ECR0_TS;
	EXPECT_EQ(m.run({ 0x0f, 0x06 }), EMU_OK);
	EXPECT_FALSE(m.cr[0] & ECR0_TS);
	m.c.regs[EMU_RAX] = 0xfffe; /* lmsw cannot clear PE */
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0xf0 }), EMU_OK);
	EXPECT_EQ(m.cr[0] & 15, 15u);
	m.c.cpl = 3;
	for (std::initializer_list<int> b :
	     { std::initializer_list<int>{ 0x0f, 0x22, 0xd8 }, { 0x0f, 0x06 }, { 0xf4 }, { 0x0f, 0x30 },
	       { 0x0f, 0x32 }, { 0x0f, 0x01, 0x3b }, { 0x0f, 0x09 }, { 0x0f, 0x01, 0x13 } }) {
		expect_fault(m, m.run(b), EMU_EXC_GP, 0);
		EXPECT_EQ(m.c.rip, m.c.rip);
	}
}

// AMD's other name of CR8, for code that has no REX prefix.
TEST(EmuSys, LockMovCr0)
{
	Machine m;

	m.protected32();
	m.cr[8] = 5;
	EXPECT_EQ(m.run({ 0xf0, 0x0f, 0x20, 0xc0 }), EMU_OK); /* mov eax, cr8 */
	EXPECT_EQ(m.c.regs[EMU_RAX], 5u);
	m.c.regs[EMU_RAX] = 9;
	EXPECT_EQ(m.run({ 0xf0, 0x0f, 0x22, 0xc0 }), EMU_OK);
	EXPECT_EQ(m.cr[8], 9u);
	EXPECT_EQ(m.cr[0] & 1, 1u);
	expect_fault(m, m.run({ 0xf0, 0x0f, 0x20, 0xd8 }), EMU_EXC_UD); /* lock mov eax, cr3 */
	expect_fault(m, m.run({ 0xf0, 0x0f, 0x21, 0xc0 }), EMU_EXC_UD); /* lock mov eax, dr0 */
	expect_fault(m, m.run({ 0xf0, 0x0f, 0x20, 0xc8 }), EMU_EXC_UD); /* lock mov eax, cr1 */
	m.c.features &= ~EMU_F_CR8_LEGACY;
	expect_fault(m, m.run({ 0xf0, 0x0f, 0x20, 0xc0 }), EMU_EXC_UD);
	expect_fault(m, m.run({ 0xf0, 0x0f, 0x22, 0xc0 }), EMU_EXC_UD);
}

TEST(EmuSys, DescriptorTables)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kDataAt;
	m.gdt = { 0xffff800000001000, 0x7f };
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0x03 }), EMU_OK); /* sgdt */
	EXPECT_EQ(m.get(kDataAt, 2), 0x7fu);
	EXPECT_EQ(m.get(kDataAt + 2, 8), 0xffff800000001000u);
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0x1b }), EMU_OK); /* lidt */
	EXPECT_EQ(m.idt.base, 0xffff800000001000u);
	m.put(kDataAt + 2, 0x800000000000, 8);
	expect_fault(m, m.run({ 0x0f, 0x01, 0x1b }), EMU_EXC_GP, 0);
	m.real();
	m.put(kDataAt, 0xff123456001f, 6);
	m.c.regs[EMU_RBX] = 0;
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0x17 }), EMU_OK); /* lgdt [bx]: 24 bits of base */
	EXPECT_EQ(m.gdt.base, 0x123456u);
	EXPECT_EQ(m.run({ 0x66, 0x0f, 0x01, 0x17 }), EMU_OK);
	EXPECT_EQ(m.gdt.base, 0xff123456u);
	m.long64(3);
	m.cr[4] |= ECR4_UMIP;
	m.c.regs[EMU_RBX] = kDataAt;
	expect_fault(m, m.run({ 0x0f, 0x01, 0x03 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0x0f, 0x01, 0xe0 }), EMU_EXC_GP, 0);
}

TEST(EmuSys, Various)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RAX] = 0x1000000001;
	m.c.regs[EMU_RCX] = 7;
	EXPECT_EQ(m.run({ 0x0f, 0xa2 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 2u);
	EXPECT_EQ(m.c.regs[EMU_RCX], 10u);
	EXPECT_EQ(m.run({ 0x0f, 0x31 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x55667788u);
	EXPECT_EQ(m.c.regs[EMU_RDX], 0x11223344u);
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0xf9 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RCX], 7u);
	m.c.regs[EMU_RCX] = 0x1b;
	expect_fault(m, m.run({ 0x0f, 0x32 }), EMU_EXC_GP, 0);
	m.c.regs[EMU_RAX] = 0xffffffff12345678;
	m.c.regs[EMU_RDX] = 0xffffffff9abcdef0;
	EXPECT_EQ(m.run({ 0x0f, 0x30 }), EMU_OK);
	EXPECT_EQ(m.msr[0x1b], 0x9abcdef012345678u);
	EXPECT_EQ(m.run({ 0xf4 }), EMU_OK);
	EXPECT_TRUE(m.halted);
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0xd9 }), EMU_OK);
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0xc1 }), EMU_OK);
	EXPECT_EQ(m.hypercalls, 2);
	m.c.regs[EMU_RBX] = 0x1234567;
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0x3b }), EMU_OK);
	EXPECT_EQ(m.flushed.at(0), 0x1234567u);
	m.msr[EMSR_GS_BASE] = 1;
	m.msr[EMSR_KERNEL_GS_BASE] = 2;
	EXPECT_EQ(m.run({ 0x0f, 0x01, 0xf8 }), EMU_OK);
	EXPECT_EQ(m.msr[EMSR_GS_BASE], 2u);
	EXPECT_EQ(m.msr[EMSR_KERNEL_GS_BASE], 1u);
	m.cr[4] |= ECR4_TSD;
	m.c.cpl = 3;
	expect_fault(m, m.run({ 0x0f, 0x31 }), EMU_EXC_GP, 0);
	expect_fault(m, m.run({ 0x0f, 0x0b }), EMU_EXC_UD);
	expect_fault(m, m.run({ 0xf0, 0x90 }), EMU_EXC_UD);
}

/* SDM 2A INVPCID: what is refused, and what is not. */
TEST(EmuSys, Invpcid)
{
	const uint64_t at = kDataAt;
	Machine m;
	auto run = [&](uint64_t type, uint64_t pcid, uint64_t address) {
		m.c.regs[EMU_RAX] = type;
		m.c.regs[EMU_RBX] = at;
		m.put(at, pcid, 8);
		m.put(at + 8, address, 8);
		return m.run({ 0x66, 0x0f, 0x38, 0x82, 0x03 });
	};

	m.long64();
	EXPECT_EQ(run(0, 0, 0x1234567), EMU_OK);
	EXPECT_EQ(run(2, 0, 0x8000000000000000), EMU_OK);
	EXPECT_EQ(m.pcids_flushed, (std::vector<std::array<uint64_t, 3>>{ { 0, 0, 0x1234567 }, { 2, 0, 0x8000000000000000 } }));
	expect_fault(m, run(0, 0, 0x8000000000000000), EMU_EXC_GP, 0);
	expect_fault(m, run(4, 0, 0), EMU_EXC_GP, 0);
	expect_fault(m, run(0x100000001, 0, 0), EMU_EXC_GP, 0);
	expect_fault(m, run(2, 0x1000, 0), EMU_EXC_GP, 0);
	expect_fault(m, run(0, 5, 0), EMU_EXC_GP, 0);
	expect_fault(m, run(1, 5, 0), EMU_EXC_GP, 0);
	EXPECT_EQ(run(3, 5, 0), EMU_OK);
	m.cr[4] |= ECR4_PCIDE;
	EXPECT_EQ(run(1, 5, 0), EMU_OK);
	EXPECT_EQ(m.pcids_flushed.size(), 4u);
	expect_fault(m, m.run({ 0x0f, 0x38, 0x82, 0x03 }), EMU_EXC_UD);
	expect_fault(m, m.run({ 0xf3, 0x66, 0x0f, 0x38, 0x82, 0x03 }), EMU_EXC_UD);
	expect_fault(m, m.run({ 0x66, 0x0f, 0x38, 0x82, 0xc3 }), EMU_EXC_UD);
	m.c.cpl = 3;
	expect_fault(m, run(2, 0, 0), EMU_EXC_GP, 0);
}

/* RSM: all of the state is the interrupted program's, and so is RF. */
TEST(EmuSys, Rsm)
{
	Machine m;

	m.real();
	expect_fault(m, m.run({ 0x0f, 0xaa }), EMU_EXC_UD);
	m.smm = true;
	m.c.rflags |= EFL_TF; /* the handler's step is not one of the program */
	EXPECT_EQ(m.run({ 0x0f, 0xaa }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x123456789aULL);
	EXPECT_EQ(m.c.rflags, EFL_FIXED | EFL_RF);
	EXPECT_EQ(m.c.regs[EMU_RBX], 0xb0b0b0b0b0b0b0b0ULL);
	EXPECT_TRUE(m.c.branch_far);
	EXPECT_FALSE(m.c.single_step);
	EXPECT_EQ(m.c.seg_valid, 0u);
	m.real();
	m.smm_broken = true;
	uint64_t rip = m.c.rip;
	EXPECT_EQ(m.run({ 0x0f, 0xaa }), EMU_RESTART);
	EXPECT_EQ(m.c.rip, rip);
	expect_fault(m, m.run({ 0xf0, 0x0f, 0xaa }), EMU_EXC_UD);
}

TEST(EmuSys, StiShadowAndTrapFlag)
{
	Machine m;

	m.long64();
	EXPECT_EQ(m.run({ 0xfb }), EMU_OK);
	EXPECT_EQ(m.c.shadow, EMU_SHADOW_STI);
	EXPECT_EQ(m.run({ 0xfb }), EMU_OK); /* IF was set: no new shadow */
	EXPECT_EQ(m.c.shadow, 0);
	m.c.rflags |= EFL_TF | EFL_RF;
	EXPECT_EQ(m.run({ 0x90 }), EMU_OK);
	EXPECT_TRUE(m.c.single_step);
	EXPECT_FALSE(m.c.rflags & EFL_RF);
	m.c.cpl = 3;
	expect_fault(m, m.run({ 0xfa }), EMU_EXC_GP, 0);
}

TEST(EmuSys, AlignmentCheck)
{
	Machine m;

	m.long64(3);
	m.cr[0] |= ECR0_AM;
	m.c.rflags |= EFL_AC;
	m.c.regs[EMU_RBX] = kDataAt + 2;
	EXPECT_EQ(m.run({ 0x66, 0x8b, 0x03 }), EMU_OK);
	expect_fault(m, m.run({ 0x8b, 0x03 }), EMU_EXC_AC, 0);
	m.c.cpl = 0;
	EXPECT_EQ(m.run({ 0x8b, 0x03 }), EMU_OK);
}

/* ---- system calls ---- */

TEST(EmuSyscall, SyscallSysret64)
{
	Machine m;

	m.long64(3);
	m.msr[EMSR_STAR] = 0x0023001000000000ULL | 0x1234;
	m.msr[EMSR_LSTAR] = 0xffffffff81000000;
	m.msr[EMSR_SFMASK] = 0x200 | EFL_TF;
	m.c.rflags = 0x246;
	EXPECT_EQ(m.run({ 0x0f, 0x05 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0xffffffff81000000u);
	EXPECT_EQ(m.c.regs[EMU_RCX], kCodeAt + 2);
	EXPECT_EQ(m.c.regs[11], 0x246u);
	EXPECT_EQ(m.c.rflags, 0x46u);
	EXPECT_EQ(m.c.cpl, 0);
	EXPECT_EQ(m.segs[EMU_CS].selector, 0x10);
	EXPECT_EQ(m.segs[EMU_SS].selector, 0x18);
	EXPECT_TRUE(m.segs[EMU_CS].l);
	m.c.rip = kCodeAt;
	EXPECT_EQ(m.run({ 0x48, 0x0f, 0x07 }), EMU_OK);
	EXPECT_EQ(m.c.rip, kCodeAt + 2);
	EXPECT_EQ(m.c.cpl, 3);
	EXPECT_EQ(m.c.rflags, 0x246u);
	EXPECT_EQ(m.segs[EMU_CS].selector, 0x33);
	EXPECT_EQ(m.segs[EMU_SS].selector, 0x2b);
	m.c.rip = kCodeAt;
	expect_fault(m, m.run({ 0x48, 0x0f, 0x07 }), EMU_EXC_GP, 0);
	m.msr[EMSR_EFER] = 0x500;
	expect_fault(m, m.run({ 0x0f, 0x05 }), EMU_EXC_UD);
}

TEST(EmuSyscall, VendorsDiffer)
{
	Machine m;

	m.compat32();
	m.msr[EMSR_STAR] = 0x0023001000001234ULL;
	m.msr[EMSR_CSTAR] = 0xffffffff82000000;
	m.msr[EMSR_SFMASK] = 0;
	EXPECT_EQ(m.run({ 0x0f, 0x05 }), EMU_OK);
	EXPECT_EQ(m.c.mode, EMU_MODE_LONG64);
	EXPECT_EQ(m.c.rip, 0xffffffff82000000u);
	m.compat32();
	m.c.features |= EMU_F_INTEL;
	expect_fault(m, m.run({ 0x0f, 0x05 }), EMU_EXC_UD);
	m.msr[EMSR_SYSENTER_CS] = 0x10;
	m.msr[EMSR_SYSENTER_ESP] = 0xffff800000000100;
	m.msr[EMSR_SYSENTER_EIP] = 0xffff800000000200;
	EXPECT_EQ(m.run({ 0x0f, 0x34 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0xffff800000000200u);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0xffff800000000100u);
	EXPECT_EQ(m.c.mode, EMU_MODE_LONG64);
	/* Intel's SYSRET faults before it leaves. */
	m.long64();
	m.c.regs[EMU_RCX] = 0x800000000000;
	expect_fault(m, m.run({ 0x48, 0x0f, 0x07 }), EMU_EXC_GP, 0);
	m.c.features &= ~EMU_F_INTEL;
	expect_fault(m, m.run({ 0x0f, 0x34 }), EMU_EXC_UD);
	EXPECT_EQ(m.run({ 0x48, 0x0f, 0x07 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x800000000000u);
}

TEST(EmuSyscall, SysenterSysexit32)
{
	Machine m;

	m.protected32(3);
	m.msr[EMSR_SYSENTER_CS] = 0;
	expect_fault(m, m.run({ 0x0f, 0x34 }), EMU_EXC_GP, 0);
	m.msr[EMSR_SYSENTER_CS] = kSelCode32;
	m.msr[EMSR_SYSENTER_ESP] = 0x20500;
	m.msr[EMSR_SYSENTER_EIP] = 0x4000;
	m.c.rflags = 0x202;
	EXPECT_EQ(m.run({ 0x0f, 0x34 }), EMU_OK);
	EXPECT_EQ(m.c.cpl, 0);
	EXPECT_EQ(m.c.rflags, 2u);
	EXPECT_EQ(m.segs[EMU_SS].selector, kSelCode32 + 8);
	m.c.regs[EMU_RCX] = 0x7000;
	m.c.regs[EMU_RDX] = 0x8000;
	m.c.rip = kCodeAt;
	EXPECT_EQ(m.run({ 0x0f, 0x35 }), EMU_OK);
	EXPECT_EQ(m.c.rip, 0x8000u);
	EXPECT_EQ(m.c.regs[EMU_RSP], 0x7000u);
	EXPECT_EQ(m.segs[EMU_CS].selector, (kSelCode32 + 16) | 3);
}

/* ---- vector moves ---- */

TEST(EmuSse, ChecksAndAlignment)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kDataAt + 8;
	expect_fault(m, m.run({ 0x0f, 0x28, 0x03 }), EMU_EXC_GP, 0); /* movaps */
	EXPECT_EQ(m.run({ 0x0f, 0x10, 0x03 }), EMU_OK);
	m.cr[0] |= ECR0_TS;
	expect_fault(m, m.run({ 0x0f, 0x10, 0x03 }), EMU_EXC_NM);
	m.cr[0] = (m.cr[0] & ~ECR0_TS) | ECR0_EM;
	expect_fault(m, m.run({ 0x0f, 0x10, 0x03 }), EMU_EXC_UD);
	m.cr[0] &= ~ECR0_EM;
	m.cr[4] &= ~ECR4_OSFXSR;
	expect_fault(m, m.run({ 0x0f, 0x10, 0x03 }), EMU_EXC_UD);
	EXPECT_EQ(m.run({ 0x0f, 0x6f, 0x03 }), EMU_OK); /* MMX does not want it */
	EXPECT_EQ(m.run({ 0xc5, 0xf8, 0x10, 0x03 }), EMU_OK); /* nor does VEX */
	m.xcr0 = 3;
	expect_fault(m, m.run({ 0xc5, 0xf8, 0x10, 0x03 }), EMU_EXC_UD);
}

TEST(EmuSse, MmxMoves)
{
	Machine m;

	m.long64();
	m.put(kDataAt, 0x1122334455667788, 8);
	m.c.regs[EMU_RBX] = kDataAt;
	EXPECT_EQ(m.run({ 0x0f, 0x6f, 0x0b }), EMU_OK); /* movq mm1, [rbx] */
	EXPECT_EQ(m.mmx[1][0], 0x88);
	m.c.regs[EMU_RBX] = kDataAt + 0x10;
	EXPECT_EQ(m.run({ 0x0f, 0xe7, 0x0b }), EMU_OK); /* movntq */
	EXPECT_EQ(m.get(kDataAt + 0x10, 8), 0x1122334455667788u);
	EXPECT_EQ(m.run({ 0x0f, 0x7e, 0xc8 }), EMU_OK); /* movd eax, mm1 */
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x55667788u);
}

TEST(EmuUnsupported, IsSaidSoAndChangesNothing)
{
	Machine m;

	m.long64();
	EXPECT_EQ(m.run({ 0xd9, 0xe8 }), EMU_UNHANDLEABLE); /* fld1 */
	EXPECT_FALSE(emu_insn_supported(&m.c.insn));
	EXPECT_EQ(m.run({ 0x0f, 0x58, 0xc1 }), EMU_UNHANDLEABLE); /* addps */
	EXPECT_EQ(m.run({ 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x00 }), EMU_UNHANDLEABLE); /* EVEX */
	EXPECT_EQ(m.c.rip, kCodeAt);
}

} // namespace
