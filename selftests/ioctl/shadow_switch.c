// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow paging of a guest that turns its paging off and on. On Intel's hardware it runs on EPT while it is off, and
 * while the segments are not such as protected mode loads: there the pager sees no write to a table.
 */
#include <sys/ioctl.h>

#include "uapi/vmx_ext.h"
#include "vmxtest.h"

#define VA 0x7f1234400000ul
#define ALL (PTE_P | PTE_W)
#define ROUNDS 5

static volatile u64 entry_va;

static u64 load(u64 va)
{
	return *(volatile u64 *)va;
}

/* Writes with paging off, in the 32-bit code below 4 GiB that it takes to switch (SDM 3A 9.8.5.4). */
static __attribute__((noinline)) void store_unpaged(u32 at, u32 value)
{
	asm volatile("push %[code32]\n\t"
		     "push $1f\n\t"
		     "lretq\n\t"
		     ".code32\n"
		     "1: mov %%cr0, %%eax\n\t"
		     "btr $31, %%eax\n\t"
		     "mov %%eax, %%cr0\n\t"
		     "mov %%esi, (%%edi)\n\t"
		     "bts $31, %%eax\n\t"
		     "mov %%eax, %%cr0\n\t"
		     "ljmp %[code64], $2f\n\t"
		     ".code64\n"
		     "2:"
		     : "+D"(at), "+S"(value)
		     : [code32] "i"(SEL_CODE32), [code64] "i"(SEL_CODE64)
		     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}

/* What changes while nobody looks counts as soon as paging is on again. */
static void guest_remaps(u64 id)
{
	u64 i;

	for (i = 0; i < ROUNDS; i++) {
		GUEST_ASSERT_EQ(load(VA), 0x100 + i);
		/* Into the next page's, also what this round wrote by its mapping. */
		*(volatile u64 *)(VA + 8) = i;
		store_unpaged(entry_va, (TEST_MEM + (i + 1) * 4096) | ALL);
		guest_sync(i);
		GUEST_ASSERT_EQ(load(VA + 8), 0);
	}
	guest_done();
}

TEST(table_written_with_paging_off)
{
	if (!device_is_vmx())
		SKIP(return, "%s is not vmx", device_path());

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_remaps);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x100000);

	for (u64 i = 0; i <= ROUNDS; i++)
		mem[i * 512] = 0x100 + i;
	entry_va = (char *)pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL) - vm->low;
	for (u64 i = 0; i < ROUNDS; i++) {
		vcpu_expect_sync(v, i);
		vm_audit(vm);
		ASSERT_EQ(i, mem[i * 512 + 1]);
	}
	vcpu_expect_done(v);
	vm_audit(vm);
	vm_close(vm);
}

/* And what another CPU, whose paging stays on, has built from that table goes with its own next flush. */
static volatile u64 turn;

static void guest_other(u64 id)
{
	u64 i;

	for (i = 0; i < ROUNDS; i++) {
		GUEST_ASSERT_EQ(load(VA), 0x100 + i);
		turn = 2 * i + 1;
		while (turn != 2 * i + 2)
			asm volatile("pause");
		write_cr3(read_cr3());
	}
	guest_done();
}

static void guest_switcher(u64 id)
{
	u64 i;

	for (i = 0; i < ROUNDS; i++) {
		while (turn != 2 * i + 1)
			asm volatile("pause");
		store_unpaged(entry_va, (TEST_MEM + (i + 1) * 4096) | ALL);
		turn = 2 * i + 2;
	}
	guest_done();
}

TEST(table_of_another_cpu)
{
	if (!device_is_vmx())
		SKIP(return, "%s is not vmx", device_path());

	struct vm *vm = vm_create_shadow();
	struct vcpu *a = vcpu_create(vm, 0, guest_other);
	struct vcpu *b = vcpu_create(vm, 1, guest_switcher);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x100000);

	turn = 0;
	for (u64 i = 0; i <= ROUNDS; i++)
		mem[i * 512] = 0x100 + i;
	entry_va = (char *)pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL) - vm->low;
	vcpu_start(b);
	vcpu_expect_done(a);
	vcpu_join(b);
	vm_audit(vm);
	vm_close(vm);
}

/*
 * From real mode to paging in one write of CR0. Until the far jump CS is what it was, and DS, whose selector has a
 * privilege that protected mode would not have let it have, is not loaded again before the second call.
 */
CODE16(real_to_paging,
       "	mov $0x8003, %ax\n"
       "	mov %ax, %ds\n"
       "	lgdtl %cs:2f - real_to_paging\n"
       "	mov $0x20, %eax\n"			/* PAE */
       "	mov %eax, %cr4\n"
       "	mov $0x20000, %eax\n"			/* LOW_PGTABLE */
       "	mov %eax, %cr3\n"
       "	mov $0xc0000080, %ecx\n"
       "	rdmsr\n"
       "	or $0x100, %eax\n"			/* LME */
       "	wrmsr\n"
       "	mov $0x80010031, %eax\n"		/* PG, WP, NE, ET, PE */
       "	mov %eax, %cr0\n"
       "	mov $1000, %ecx\n"
       "1:	incl 0\n"				/* linear 0x80030 */
       "	loopl 1b\n"
       "	mov $1, %eax\n"				/* CALL_SYNC */
       "	mov $11, %edi\n"
       "	mov $0xe0, %dx\n"			/* CALL_PORT */
       "	out %eax, %dx\n"
       "	incl 4\n"
       "	ljmpl $0x18, $3f - real_to_paging + 0x8000\n"	/* SEL_CODE32, LOW_CODE16 */
       "	.balign 8\n"
       "2:	.word 0x4ff\n"
       "	.long 0x10000\n"			/* LOW_GDT */
       ".code32\n"
       "3:	mov $0x10, %ax\n"			/* SEL_DATA */
       "	mov %ax, %ds\n"
       "	mov %ax, %es\n"
       "	mov %ax, %ss\n"
       "	incl 0x80038\n"
       "	mov $100, %esi\n"
       "1:	xor %eax, %eax\n"
       "	cpuid\n"
       "	dec %esi\n"
       "	jnz 1b\n"
       "	mov $1, %eax\n"
       "	mov $12, %edi\n"
       "	mov $0xe0, %edx\n"
       "	out %eax, %dx\n"
       "	incl 0x8003c\n"
       "	hlt\n");

_Static_assert(SEL_CODE32 == 0x18 && SEL_DATA == 0x10 && LOW_CODE16 == 0x8000 && LOW_GDT == 0x10000, "the code above has the numbers");
_Static_assert(LOW_PGTABLE == 0x20000 && LOW_SCRATCH == 0x80000 && CALL_PORT == 0xe0 && CALL_SYNC == 1, "the code above has the numbers");

TEST(paging_with_the_segments_of_real_mode)
{
	if (!device_is_vmx())
		SKIP(return, "%s is not vmx", device_path());

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create_reset(vm, 0);
	u32 *out = (u32 *)(vm->low + LOW_SCRATCH + 0x30);
	long before;
	struct vmx_sregs s;

	vcpu_set_real(v, real_to_paging, real_to_paging_end);
	s = vcpu_sregs(v);
	/* Data, as a real CPU has it after a reset: only without the restrictions of protected mode is that a CS. */
	s.cs.type = 3;
	vcpu_set_sregs(v, &s);
	vcpu_expect_sync(v, 11);
	vm_audit(vm);
	ASSERT_EQ(1000, out[0]);
	s = vcpu_sregs(v);
	ASSERT_EQ(0x80010031, s.cr0);
	ASSERT_EQ(EFER_LMA | EFER_LME, s.efer);
	ASSERT_EQ(0x8003, s.ds.selector);
	before = vcpu_counter("requests");
	vcpu_expect_sync(v, 12);
	vm_audit(vm);
	/* Once they fit nobody looks any more. */
	if (before >= 0)
		ASSERT_GT(20, vcpu_counter("requests") - before);
	ASSERT_EQ(1, out[1]);
	ASSERT_EQ(1, out[2]);
	vcpu_expect_exit(v, VMX_EXIT_HLT);
	ASSERT_EQ(1, out[3]);
	/* The tables' flags are the guest's, whoever has set them. */
	ASSERT_EQ(PTE_A, *(u64 *)(vm->low + LOW_PGTABLE) & PTE_A);
	vm_close(vm);
}

/* PAE's four entries are loaded with CR3, and one with a reserved bit is refused then (SDM 3A 4.4.1). */
#define PDPTES 0x90000ul
static volatile u32 pae_cr3[2];

CODE32(load_pdptes,
       "mov $0x20, %eax\n mov %eax, %cr4\n mov pae_cr3, %eax\n mov %eax, %cr3\n"
       "mov %cr0, %eax\n or $0x80000000, %eax\n mov %eax, %cr0\n"
       "mov $1, %eax\n mov $21, %edi\n mov $0xe0, %edx\n out %eax, %dx\n"
       /* Another table in memory, which counts when CR3 is loaded, at the latest. */
       "mov 0x40000010, %ebx\n movl $0x92001, 0x90008\n mov 0x40201010, %ecx\n"
       "mov %cr3, %eax\n mov %eax, %cr3\n mov 0x40000010, %esi\n"
       "mov $1, %eax\n mov $23, %edi\n out %eax, %dx\n"
       "mov pae_cr3 + 4, %eax\n mov %eax, %cr3\n"
       "mov $1, %eax\n mov $22, %edi\n out %eax, %dx\n hlt\n");

TEST(pdptes)
{
	if (!device_is_vmx())
		SKIP(return, "%s is not vmx", device_path());

	/* The reserved bits 1 and 5, and those above the address; not the ones to be ignored, and of no absent entry. */
	static const struct {
		u64 bits;
		bool refused;
	} rows[] = { { 0, false }, { 0xe18, false }, { 2, true }, { 0x20, true }, { 1ull << 62, true }, { 0, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vm *vm = vm_create_shadow();
		struct vcpu *v = vcpu_create_reset(vm, 0);
		u64 *pdpt = (u64 *)(vm->low + PDPTES), *pd = pdpt + 512;
		struct ucall uc;

		for (u64 n = 0; n < 8; n++)
			pd[n] = n << 21 | 0x83;
		pd[1] = 0x83;
		pd[512] = pd[513] = 2 << 21 | 0x83;
		pdpt[1] = (PDPTES + 0x1000) | 1;
		*(u32 *)(vm->low + 0x10) = 0x11223344;
		/* Two tables of four in the page: as many as the low five bits of CR3 tell apart. */
		pdpt[0] = pdpt[4] = (PDPTES + 0x1000) | 1;
		pdpt[4 + 3] = (PDPTES + 0x1000) | 1 | rows[i].bits;
		pdpt[4 + 2] = 0xffe;
		pae_cr3[0] = PDPTES;
		pae_cr3[1] = PDPTES + 32;
		vcpu_set_prot32(v, (u64)load_pdptes);
		vcpu_expect_sync(v, 21);
		vm_audit(vm);
		uc = vcpu_call(v);
		ASSERT_EQ(23, uc.a);
		/* The image, not the low slot. */
		ASSERT_EQ(*(u32 *)0x400010ul, (u32)uc.b);
		ASSERT_EQ(0x11223344, (u32)uc.c);
		vm_audit(vm);
		if (rows[i].refused) {
			/* #GP, for which there is no handler. */
			vcpu_expect_exit(v, VMX_EXIT_SHUTDOWN);
			ASSERT_EQ(PDPTES, vcpu_sregs(v).cr3);
		} else {
			vcpu_expect_sync(v, 22);
			ASSERT_EQ(PDPTES + 32, vcpu_sregs(v).cr3);
		}
		vm_audit(vm);
		vm_close(vm);
	}
}

TEST_HARNESS_MAIN
