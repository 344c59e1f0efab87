// SPDX-License-Identifier: GPL-2.0-only
/* Guest page tables of every format: off, 32-bit, 32-bit with 4 MiB, PAE, long with 4K, 2M, 1G. */
#include "vmxtest.h"

#define ROOT 0x90000ul
#define VA 0x20000000ul		/* mapped to TEST_MEM */

static volatile u32 cr0_bits, cr3_value, cr4_bits;

/*
 * 32-bit: paging on as the host asks, a read and a write through VA, a read of a page that
 * is not mapped (skipped by the handler, which says so), paging off.
 */
CODE32(prog32,
       "mov cr4_bits, %eax\n mov %eax, %cr4\n mov cr3_value, %eax\n mov %eax, %cr3\n"
       "mov %cr0, %eax\n or cr0_bits, %eax\n mov %eax, %cr0\n jmp 1f\n"
       "1: mov 0x20000123, %esi\n movl $0x600dcafe, 0x20000ffc\n"
       "movl $0x11223344, 0x20001ffe\n"		/* over a page boundary */
       "mov 0x20001ffe, %ebx\n"
       "mov %cr0, %eax\n and $0x7fffffff, %eax\n mov %eax, %cr0\n"
       "mov %esi, %edi\n mov $0, %esi\n mov $1, %eax\n mov $0xe0, %edx\n out %eax, %dx\n hlt\n");

static u32 *table(struct vm *vm, u32 n)
{
	return (u32 *)(vm->low + ROOT + n * 4096);
}

static void run32(struct __test_metadata *_metadata, struct vm *vm, char *mem, u32 cr4)
{
	struct vcpu *v = vcpu_create_reset(vm, 0);
	struct ucall uc;

	cr0_bits = CR0_PG | CR0_WP;
	cr3_value = ROOT;
	cr4_bits = cr4;
	memcpy(mem + 0x123, "\x0d\xf0\xad\xba", 4);
	vcpu_set_prot32(v, (u64)prog32);
	uc = vcpu_call(v);
	ASSERT_EQ(0xbaadf00d, uc.a);
	ASSERT_EQ(0x11223344, uc.c);
	ASSERT_EQ(0x600dcafe, *(u32 *)(mem + 0xffc));
}

TEST(paging_32_4k)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);

	table(vm, 0)[0] = (ROOT + 0x1000) | 3;
	table(vm, 0)[1] = (ROOT + 0x2000) | 3;
	table(vm, 0)[VA >> 22] = (ROOT + 0x3000) | 3;
	for (u32 i = 0; i < 1024; i++) {
		table(vm, 1)[i] = i << 12 | 3;
		table(vm, 2)[i] = (0x400000 + (i << 12)) | 3;
		/* pages swapped pairwise, so that a wrong walk is seen; 0 stays */
		table(vm, 3)[i] = (u32)(TEST_MEM + ((i < 2 ? i : i ^ 1) << 12)) | 3;
	}
	run32(_metadata, vm, mem, 0);
	ASSERT_EQ(0x3344, *(u16 *)(mem + 0x1ffe));
	ASSERT_EQ(0x1122, *(u16 *)(mem + 0x3000));
	/* accessed and dirty were set: SDM 3A 4.8 */
	ASSERT_EQ(0x60, table(vm, 3)[0] & 0x60);
	ASSERT_EQ(0x20, table(vm, 0)[VA >> 22] & 0x20);
	ASSERT_EQ(0, table(vm, 3)[5] & 0x60);
}

TEST(paging_32_4m)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);

	table(vm, 0)[0] = 0x83;
	table(vm, 0)[1] = 0x400083;
	table(vm, 0)[VA >> 22] = TEST_MEM | 0x83;
	run32(_metadata, vm, mem, CR4_PSE);
	ASSERT_EQ(0x11223344, *(u32 *)(mem + 0x1ffe));
	ASSERT_EQ(0x60, table(vm, 0)[VA >> 22] & 0x60);
}

TEST(paging_pae)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);
	u64 *pdpt = (u64 *)table(vm, 0), *pd = (u64 *)table(vm, 1), *pt = (u64 *)table(vm, 2);

	pdpt[0] = (ROOT + 0x1000) | 1;
	for (u64 i = 0; i < 8; i++)
		pd[i] = i << 21 | 0x83;			/* 2 MiB */
	pd[VA >> 21] = (ROOT + 0x2000) | 3;		/* 4 KiB */
	for (u64 i = 0; i < 512; i++)
		pt[i] = (TEST_MEM + (i << 12)) | 3;
	run32(_metadata, vm, mem, CR4_PAE);
	ASSERT_EQ(0x11223344, *(u32 *)(mem + 0x1ffe));
	ASSERT_EQ(0x60, pt[2] & 0x60);
}

static volatile u64 where;

static void guest_long(u64 id)
{
	volatile u64 *p = (volatile u64 *)where;

	GUEST_ASSERT_EQ(p[1], 0x1234567);
	p[2] = 0x7654321;
	*(volatile u64 *)(where + 0xffd) = 0x1122334455667788ull;
	GUEST_ASSERT_EQ(*(volatile u64 *)(where + 0xffd), 0x1122334455667788ull);
	guest_done();
}

static void run_long(struct __test_metadata *_metadata, int level, u64 va, u64 gpa_base, u64 flags)
{
	struct vm *vm = vm_create(0);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);
	struct vcpu *v = vcpu_create(vm, 0, guest_long);
	u64 *entry;

	if (level == 1)
		pt_map(vm, LOW_PGTABLE, va + 0x1000, gpa_base + 0x1000, 1, PTE_P | PTE_W | flags);
	entry = pt_map(vm, LOW_PGTABLE, va, gpa_base, level, PTE_P | PTE_W | flags);
	where = va + (TEST_MEM - gpa_base);
	mem[1] = 0x1234567;
	vcpu_expect_done(v);
	ASSERT_EQ(0x7654321, mem[2]);
	ASSERT_EQ(0x1122334455667788ull, *(u64 *)((char *)mem + 0xffd));
	ASSERT_EQ(PTE_A | PTE_D, *entry & (PTE_A | PTE_D));
}

TEST(long_4k) { run_long(_metadata, 1, 0x7f1234567000ull, TEST_MEM, 0); }
TEST(long_4k_high_half) { run_long(_metadata, 1, 0xffffffff81234000ull, TEST_MEM, PTE_G | PTE_NX); }
TEST(long_2m) { run_long(_metadata, 2, 0x7f1234400000ull, TEST_MEM, 0); }

TEST(long_1g)
{
	REQUIRE_CPUID(0x80000001, 0, 3, 26, "1 GiB pages");
	run_long(_metadata, 3, 0x7f0040000000ull, 0, 0);
}

/* A guest changes its own tables; INVLPG and CR3 make it see them, exactly then or before. */
static void guest_remap(u64 id)
{
	volatile u64 *va = (volatile u64 *)0x7f1234567000ull;
	volatile u64 *pte = (volatile u64 *)where;

	GUEST_ASSERT_EQ(*va, 1);
	*pte = (TEST_MEM + 0x1000) | PTE_P | PTE_W;
	invlpg((u64)va);
	GUEST_ASSERT_EQ(*va, 2);
	*pte = (TEST_MEM + 0x2000) | PTE_P | PTE_W;
	write_cr3(read_cr3());
	GUEST_ASSERT_EQ(*va, 3);
	/* global: CR3 leaves it, CR4.PGE does not */
	*pte = (TEST_MEM + 0x1000) | PTE_P | PTE_W | PTE_G;
	invlpg((u64)va);
	GUEST_ASSERT_EQ(*va, 2);
	*pte = TEST_MEM | PTE_P | PTE_W | PTE_G;
	write_cr4(read_cr4() & ~(u64)CR4_PGE);
	write_cr4(read_cr4() | CR4_PGE);
	GUEST_ASSERT_EQ(*va, 1);
	/* rights: write protect, then not present */
	u64 vec;

	*pte = TEST_MEM | PTE_P;
	invlpg((u64)va);
	GUEST_TRY(vec, "movq $5, (%[p])", (), ([p] "r"(va)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, PF_P | PF_W);
	*pte = 0;
	invlpg((u64)va);
	GUEST_TRY(vec, "movq $5, (%[p])", (), ([p] "r"(va)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, PF_W);
	/* NX */
	*pte = TEST_MEM | PTE_P | PTE_W | PTE_NX;
	invlpg((u64)va);
	GUEST_TRY(vec, "jmp *%[p]", (), ([p] "r"(va)));
	GUEST_ASSERT(0);
}

static volatile u64 nx_rip, nx_error;

static void on_nx(struct guest_frame *f)
{
	if (f->rip == 0x7f1234567000ull) {
		nx_rip = f->rip;
		nx_error = f->error;
		guest_done();
	}
	/* the others of this test are GUEST_TRYs */
	guest_handlers[VEC_PF] = NULL;
	extern void guest_exception(struct guest_frame *);
	guest_exception(f);
	guest_handlers[VEC_PF] = on_nx;
}

TEST(remap)
{
	struct vm *vm = vm_create(0);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);
	struct vcpu *v = vcpu_create(vm, 0, guest_remap);
	u64 *pte = pt_map(vm, LOW_PGTABLE, 0x7f1234567000ull, TEST_MEM, 1, PTE_P | PTE_W);

	where = (u64)((char *)pte - vm->low);
	mem[0] = 1;
	mem[512] = 2;
	mem[1024] = 3;
	guest_handlers[VEC_PF] = on_nx;
	vcpu_expect_done(v);
	ASSERT_EQ(0x7f1234567000ull, nx_rip);
	ASSERT_EQ(PF_P | PF_I, nx_error);
}

/* SMEP and SMAP, where the CPU has them. */
static void guest_smap(u64 id)
{
	u64 vec, user = TEST_MEM;

	write_cr4(read_cr4() | CR4_SMAP);
	GUEST_TRY(vec, "mov (%[p]), %%rax", (), ([p] "r"(user)), "rax");
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, PF_P);
	asm volatile("stac");
	GUEST_TRY(vec, "mov (%[p]), %%rax", (), ([p] "r"(user)), "rax");
	GUEST_ASSERT_EQ(vec, -1);
	asm volatile("clac");
	GUEST_TRY(vec, "mov (%[p]), %%rax", (), ([p] "r"(user)), "rax");
	GUEST_ASSERT_EQ(vec, VEC_PF);
	guest_done();
}

TEST(smap)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	REQUIRE_CPUID(7, 0, 1, 20, "SMAP");
	slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
	/* everything else is the supervisor's */
	for (u64 va = 0; va < 0x1000000; va += PAGE_SIZE_2M)
		*pt_find(vm, LOW_PGTABLE, va) &= ~PTE_U;
	v = vcpu_create(vm, 0, guest_smap);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
