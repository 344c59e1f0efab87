// SPDX-License-Identifier: GPL-2.0-only
/* Device memory and ports: pieces, replay, batches, what is done once and what is done never. */
#include <gtest/gtest.h>

#include "emu_machine.h"

namespace {

TEST(EmuMmio, ReadGoesToUserOnce)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice + 0x20;
	EXPECT_EQ(m.start({ 0x8b, 0x43, 0x04 }), EMU_IO); /* mov eax, [rbx+4] */
	EXPECT_EQ(m.c.io.kind, EMU_IO_MMIO_READ);
	ASSERT_EQ(m.c.io.nr, 1);
	EXPECT_EQ(m.c.io.frag[0].gpa, kUserDevice + 0x24);
	EXPECT_EQ(m.c.io.frag[0].len, 4);
	EXPECT_EQ(m.c.rip, kCodeAt);
	m.c.regs[EMU_RAX] = ~0ULL;
	EXPECT_EQ(m.serve(), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x44332211u);
	EXPECT_EQ(m.c.rip, kCodeAt + 3);
}

TEST(EmuMmio, WriteIsCompleteBeforeItLeaves)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice;
	m.c.regs[EMU_RAX] = 0x1234;
	EXPECT_EQ(m.start({ 0x66, 0x89, 0x03 }), EMU_IO); /* mov [rbx], ax */
	EXPECT_EQ(m.c.io.kind, EMU_IO_MMIO_WRITE);
	EXPECT_EQ(m.c.rip, kCodeAt + 3);
	EXPECT_EQ(m.serve(), EMU_OK);
	ASSERT_EQ(m.exits.size(), 1u);
	EXPECT_EQ(m.exits[0], (Access{ 'w', kUserDevice, 2, 0x1234 }));
}

TEST(EmuMmio, ReadModifyWrite)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice;
	m.c.regs[EMU_RAX] = 1;
	EXPECT_EQ(m.run({ 0x01, 0x03 }), EMU_OK); /* add [rbx], eax */
	ASSERT_EQ(m.exits.size(), 2u);
	EXPECT_EQ(m.exits[0], (Access{ 'r', kUserDevice, 4, 0 }));
	EXPECT_EQ(m.exits[1], (Access{ 'w', kUserDevice, 4, 0x44332212 }));
}

TEST(EmuMmio, LockedAndXchg)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice;
	m.c.regs[EMU_RAX] = 7;
	EXPECT_EQ(m.run({ 0x87, 0x03 }), EMU_OK); /* xchg [rbx], eax */
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x44332211u);
	/* The device is read once although an exchange is locked. */
	ASSERT_EQ(m.exits.size(), 2u);
	EXPECT_EQ(m.exits[0], (Access{ 'r', kUserDevice, 4, 0 }));
	EXPECT_EQ(m.exits[1], (Access{ 'w', kUserDevice, 4, 7 }));
}

TEST(EmuMmio, CrossingTwoDevicePages)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice + 0xffe;
	EXPECT_EQ(m.run({ 0x48, 0x8b, 0x03 }), EMU_OK); /* mov rax, [rbx] */
	ASSERT_EQ(m.exits.size(), 2u);
	EXPECT_EQ(m.exits[0], (Access{ 'r', kUserDevice + 0xffe, 2, 0 }));
	EXPECT_EQ(m.exits[1], (Access{ 'r', kUserDevice + 0x1000, 6, 0 }));
	EXPECT_EQ(m.c.regs[EMU_RAX], 0x6655443322112211ULL);
}

TEST(EmuMmio, CrossingIntoNothingTouchesNothing)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice + 0x1ffe;
	EXPECT_EQ(m.run({ 0x89, 0x03 }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_PF);
	EXPECT_EQ(m.c.exc.addr, kUserDevice + 0x2000);
	EXPECT_EQ(m.c.exc.err, 2u);
	EXPECT_TRUE(m.exits.empty());
	EXPECT_EQ(m.c.io.kind, EMU_IO_NONE);
}

TEST(EmuMmio, KernelDeviceIsReadOnceAlthoughTheInstructionRunsTwice)
{
	Machine m;

	m.long64();
	/* push [device]: read in the kernel; the stack is user space's device */
	m.c.regs[EMU_RBX] = kKernelDevice;
	m.c.regs[EMU_RSI] = kUserDevice;
	m.c.regs[EMU_RDI] = kKernelDevice;
	/* cmpsd: [rdi] in the kernel first, then [rsi] from user space */
	EXPECT_EQ(m.run({ 0xa7 }), EMU_OK);
	EXPECT_EQ(m.log.size(), 1u);
	EXPECT_EQ(m.exits.size(), 1u);
	EXPECT_TRUE(m.c.rflags & EFL_ZF);
}

TEST(EmuMmio, WideVectorReadInPieces)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RBX] = kUserDevice;
	EXPECT_EQ(m.run({ 0xc5, 0xfe, 0x6f, 0x03 }), EMU_OK); /* vmovdqu ymm0, [rbx] */
	ASSERT_EQ(m.exits.size(), 4u);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(m.exits[i], (Access{ 'r', kUserDevice + 8 * i, 8, 0 }));
	EXPECT_EQ(m.vec[0][31], 0x88);
}

TEST(EmuMmio, PushaToDevice)
{
	Machine m;

	m.protected32();
	m.c.regs[EMU_RSP] = kUserDevice + 0x1010;
	EXPECT_EQ(m.run({ 0x60 }), EMU_OK);
	EXPECT_EQ(m.exits.size(), 8u);
	EXPECT_EQ(m.c.regs[EMU_RSP], kUserDevice + 0xff0);
}

TEST(EmuMmio, RepMovsFromDevice)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RSI] = kUserDevice;
	m.c.regs[EMU_RDI] = kDataAt;
	m.c.regs[EMU_RCX] = 3;
	EXPECT_EQ(m.run({ 0xf3, 0xa5 }), EMU_OK);
	EXPECT_EQ(m.exits.size(), 3u);
	EXPECT_EQ(m.c.regs[EMU_RCX], 0u);
	EXPECT_EQ(m.c.regs[EMU_RSI], kUserDevice + 12);
	EXPECT_EQ(m.get(kDataAt + 8, 4), 0x44332211u);
	EXPECT_EQ(m.c.rip, kCodeAt + 2);
}

TEST(EmuMmio, RepStosToDeviceIsAtAnIterationWhenItLeaves)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RDI] = kUserDevice;
	m.c.regs[EMU_RCX] = 3;
	m.c.regs[EMU_RAX] = 0x55;
	EXPECT_EQ(m.start({ 0xf3, 0xaa }), EMU_IO);
	EXPECT_EQ(m.c.regs[EMU_RCX], 2u);
	EXPECT_EQ(m.c.regs[EMU_RDI], kUserDevice + 1);
	EXPECT_EQ(m.c.rip, kCodeAt);
	EXPECT_EQ(m.serve(), EMU_IO);
	EXPECT_EQ(m.serve(), EMU_IO);
	EXPECT_EQ(m.c.rip, kCodeAt + 2);
	EXPECT_EQ(m.serve(), EMU_OK);
	EXPECT_EQ(m.exits.size(), 3u);
}

TEST(EmuMmio, DescriptorTableOnADeviceIsRefused)
{
	Machine m;

	m.protected32();
	m.gdt.base = kUserDevice;
	m.c.regs[EMU_RAX] = kSelData;
	EXPECT_EQ(m.run({ 0x8e, 0xd8 }), EMU_UNHANDLEABLE);
	EXPECT_TRUE(m.exits.empty());
}

TEST(EmuPio, InOutWidths)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RAX] = ~0ULL;
	EXPECT_EQ(m.run({ 0xe4, 0x60 }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xffffffffffffffc0ULL);
	m.c.regs[EMU_RDX] = 0x3f8;
	EXPECT_EQ(m.run({ 0x66, 0xed }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xffffffffffff00c0ULL);
	EXPECT_EQ(m.run({ 0xed }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 0xc0u);
	m.c.regs[EMU_RAX] = 0x11223344;
	m.exits.clear();
	EXPECT_EQ(m.run({ 0xef }), EMU_OK);
	EXPECT_EQ(m.exits[0], (Access{ 'o', 0x3f8, 4, 0x11223344 }));
	m.port_in_kernel = true;
	EXPECT_EQ(m.run({ 0xe6, 0x80 }), EMU_OK);
	EXPECT_EQ(m.log.back(), (Access{ 'o', 0x80, 1, 0x44 }));
}

TEST(EmuPio, RepInsBatchesUpToThePage)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RDX] = 0x1f0;
	m.c.regs[EMU_RDI] = kDataAt + 0xff8;
	m.c.regs[EMU_RCX] = 8;
	EXPECT_EQ(m.start({ 0xf3, 0x66, 0x6d }), EMU_IO);
	EXPECT_EQ(m.c.io.count, 4u);
	EXPECT_EQ(m.serve(), EMU_RESTART);
	EXPECT_EQ(m.c.regs[EMU_RCX], 4u);
	EXPECT_EQ(m.c.regs[EMU_RDI], kDataAt + 0x1000);
	EXPECT_EQ(m.get(kDataAt + 0xffe, 2), 0xc3u);
	EXPECT_EQ(m.run({ 0xf3, 0x66, 0x6d }), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RCX], 0u);
	EXPECT_EQ(m.c.rip, kCodeAt + 3);
}

TEST(EmuPio, InsChecksTheDestinationBeforeThePort)
{
	Machine m;

	m.long64();
	m.port_in_kernel = true;
	m.c.regs[EMU_RDX] = 0x1f0;
	m.c.regs[EMU_RDI] = 0x999000;
	m.c.regs[EMU_RCX] = 2;
	EXPECT_EQ(m.run({ 0xf3, 0x6c }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_PF);
	EXPECT_TRUE(m.log.empty());
}

TEST(EmuPio, RepOutsBatchAndBackwards)
{
	Machine m;

	m.long64();
	m.put(kDataAt, 0x04030201, 4);
	m.c.regs[EMU_RDX] = 0x3f8;
	m.c.regs[EMU_RSI] = kDataAt;
	m.c.regs[EMU_RCX] = 4;
	EXPECT_EQ(m.start({ 0xf3, 0x6e }), EMU_IO);
	EXPECT_EQ(m.c.io.count, 4u);
	EXPECT_EQ(m.c.rip, kCodeAt + 2);
	EXPECT_EQ(m.serve(), EMU_OK);
	EXPECT_EQ(m.exits[3].val, 4u);
	m.c.rflags |= EFL_DF;
	m.c.regs[EMU_RSI] = kDataAt + 1;
	m.c.regs[EMU_RCX] = 2;
	m.exits.clear();
	EXPECT_EQ(m.run({ 0xf3, 0x6e }), EMU_OK);
	ASSERT_EQ(m.exits.size(), 2u);
	EXPECT_EQ(m.exits[0].val, 2u);
	EXPECT_EQ(m.exits[1].val, 1u);
}

TEST(EmuPio, InsToDeviceGoesByElement)
{
	Machine m;

	m.long64();
	m.c.regs[EMU_RDX] = 0x1f0;
	m.c.regs[EMU_RDI] = kUserDevice;
	m.c.regs[EMU_RCX] = 2;
	EXPECT_EQ(m.run({ 0xf3, 0x6c }), EMU_OK);
	ASSERT_EQ(m.exits.size(), 4u);
	EXPECT_EQ(m.exits[0].kind, 'i');
	EXPECT_EQ(m.exits[1], (Access{ 'w', kUserDevice, 1, 0xc0 }));
	EXPECT_EQ(m.exits[3].addr, kUserDevice + 1);
}

TEST(EmuPio, PermissionMap)
{
	Machine m;

	m.protected32(3);
	m.port_in_kernel = true;
	m.put(kTssAt + 102, 0x68, 2);
	m.put(kTssAt + 0x68 + 0x80 / 8, 0xfe, 1); /* port 80h alone */
	m.put(kTssAt + 0x68 + 0x88 / 8, 0xff, 1);
	EXPECT_EQ(m.run({ 0xe6, 0x80 }), EMU_OK);
	EXPECT_EQ(m.run({ 0xe7, 0x80 }), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_GP);
	EXPECT_EQ(m.run({ 0xe6, 0x81 }), EMU_EXCEPTION);
	m.c.rflags |= EFL_IOPL;
	EXPECT_EQ(m.run({ 0xe6, 0x81 }), EMU_OK);
	EXPECT_EQ(m.log.size(), 2u);
}

TEST(EmuPio, Backdoor)
{
	Machine m;

	m.protected32(3);
	m.port_in_kernel = true;
	m.put(kTssAt + 102, 0xffff, 2); /* no bitmap: no port is allowed */
	m.c.regs[EMU_RDX] = EMU_BACKDOOR_PORT;
	EXPECT_EQ(m.run({ 0xed }), EMU_EXCEPTION);
	m.c.features |= EMU_F_BACKDOOR;
	EXPECT_EQ(m.run({ 0xed }), EMU_OK);
	for (uint32_t port : { EMU_BACKDOOR_PORT - 1, EMU_BACKDOOR_PORT + 2 }) {
		m.c.regs[EMU_RDX] = port;
		EXPECT_EQ(m.run({ 0xec }), EMU_EXCEPTION);
		EXPECT_EQ(m.c.exc.vector, EMU_EXC_GP);
	}
	m.c.regs[EMU_RDX] = EMU_BACKDOOR_PORT + 1;
	EXPECT_EQ(m.run({ 0xee }), EMU_OK);
}

TEST(EmuRep, BatchIsBounded)
{
	Machine m;

	m.long64();
	m.map(0x100000, 0x10000);
	m.c.regs[EMU_RDI] = 0x100000;
	m.c.regs[EMU_RCX] = 0x8000;
	m.c.regs[EMU_RAX] = 0xee;
	EXPECT_EQ(m.start({ 0xf3, 0xaa }), EMU_RESTART);
	EXPECT_EQ(m.c.regs[EMU_RCX], 0x8000u - EMU_REP_BATCH);
	EXPECT_EQ(m.run({ 0xf3, 0xaa }), EMU_OK);
	EXPECT_EQ(m.get(0x107fff, 1), 0xeeu);
	EXPECT_EQ(m.get(0x108000, 1), 0u);
}

TEST(EmuRep, WhatIsGoingToBeStored)
{
	Machine m;
	auto stores = [&m](std::vector<uint8_t> code) {
		EXPECT_EQ(emu_decode(&m.c, code.data(), static_cast<unsigned int>(code.size())), EMU_OK);
		return emu_rep_stores(&m.c);
	};

	m.long64();
	m.c.regs[EMU_RCX] = 0x500000003;
	EXPECT_EQ(stores({ 0xf3, 0xaa }), 0x500000003u);
	EXPECT_EQ(stores({ 0xf3, 0x48, 0xab }), 0x500000003u);
	EXPECT_EQ(stores({ 0xf2, 0xa5 }), 0x500000003u);
	EXPECT_EQ(stores({ 0x67, 0xf3, 0xa4 }), 3u);
	EXPECT_EQ(stores({ 0xab }), 0u);
	EXPECT_EQ(stores({ 0xf3, 0xac }), 0u);		/* lodsb */
	EXPECT_EQ(stores({ 0xf3, 0x0f, 0xaa }), 0u);	/* map 1 */
	EXPECT_EQ(stores({ 0x89, 0x07 }), 0u);
}

TEST(EmuRep, SingleStepStopsAfterEachIteration)
{
	Machine m;

	m.long64();
	m.c.rflags |= EFL_TF;
	m.c.regs[EMU_RDI] = kDataAt;
	m.c.regs[EMU_RCX] = 3;
	EXPECT_EQ(m.start({ 0xf3, 0xaa }), EMU_RESTART);
	EXPECT_TRUE(m.c.single_step);
	EXPECT_EQ(m.c.regs[EMU_RCX], 2u);
}

TEST(EmuLock, RetriesWhenAnotherCpuIsFaster)
{
	Machine m;
	int races = 2;

	m.long64();
	m.put(kDataAt, 10, 4);
	m.before_cmpxchg = [&] {
		if (races-- > 0)
			m.put(kDataAt, m.get(kDataAt, 4) + 100, 4);
	};
	m.c.regs[EMU_RBX] = kDataAt;
	EXPECT_EQ(m.run({ 0xf0, 0xff, 0x03 }), EMU_OK); /* lock inc dword [rbx] */
	EXPECT_EQ(m.get(kDataAt, 4), 211u);
}

TEST(EmuLock, EndlessRaceGoesBackToTheGuest)
{
	Machine m;

	m.long64();
	m.before_cmpxchg = [&] { m.put(kDataAt, m.get(kDataAt, 4) + 1, 4); };
	m.c.regs[EMU_RBX] = kDataAt;
	EXPECT_EQ(m.start({ 0xf0, 0xff, 0x03 }), EMU_RESTART);
	EXPECT_EQ(m.c.rip, kCodeAt);
}

} // namespace
