/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest-physical layout of every test VM. Guest-virtual is guest-physical:
 * the first 4 GiB are mapped one to one.
 *
 *   0x00000000  low slot (2 MiB): IVT, snippets, GDT, IDT, TSSs, page tables, stacks
 *   0x00400000  image slot: this very program, at the address it is linked at.
 *               Its pages are the process's own, so host and guest share every
 *               global variable and guest code is called by its C name.
 *   0x10000000  free for a test's own slots
 *   0xd0000000  never backed: MMIO exits
 */
#ifndef SELFTESTS_LIB_LAYOUT_H
#define SELFTESTS_LIB_LAYOUT_H

#define LOW_SIZE	0x200000ul
#define LOW_CODE16	0x8000ul	/* real-mode snippets, AP trampoline: SIPI vector 0x08 */
#define LOW_GDT		0x10000ul
#define LOW_IDT		0x11000ul
#define LOW_TSS		0x12000ul	/* 0x80 bytes for each vCPU */
#define LOW_PGTABLE	0x20000ul	/* the identity map, then what tests allocate */
#define LOW_PGTABLE_END	0x80000ul
#define LOW_SCRATCH	0x80000ul	/* for tests */
#define LOW_STACKS	0x100000ul
#define LOW_STACK_SIZE	0x2000ul
#define LOW_IST		0x1c0000ul	/* 0x800 bytes for each vCPU: #DF */
#define MAX_TEST_VCPUS	64

#define TEST_MEM	0x10000000ul
#define TEST_MMIO	0xd0000000ul

#define SLOT_LOW	0
#define SLOT_IMAGE	1
#define SLOT_TEST	2

#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_CODE32	0x18
#define SEL_CODE16	0x20
#define SEL_DATA16	0x28
#define SEL_UDATA	0x33
#define SEL_UCODE64	0x3b
#define SEL_TSS(id)	(0x40 + (id) * 16)

/* The guest speaks to the host by OUT DX, EAX to this port: EAX the call, arguments in
 * RDI, RSI, RBX, RCX. It works in every CPU mode. */
#define CALL_PORT	0xe0
#define CALL_SYNC	1
#define CALL_DONE	2
#define CALL_ASSERT	3
#define CALL_EXCEPTION	4

#endif
