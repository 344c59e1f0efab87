// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions that guest code raises reach the guest's handlers, with the right frame. */
#include "vmxtest.h"

static bool emulated_walk;

static void guest_faults(u64 id)
{
	u64 vec, a = 1, d = 0;
	u64 *unmapped = (u64 *)TEST_MEM;

	GUEST_TRY(vec, "ud2", (), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	GUEST_TRY(vec, "divq %[z]", ("+a"(a), "+d"(d)), ([z] "r"(0ul)));
	GUEST_ASSERT_EQ(vec, VEC_DE);
	GUEST_TRY(vec, "mov %[s], %%ds", (), ([s] "r"(0x7f8)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_ASSERT_EQ(guest_error, 0x7f8);
	GUEST_TRY(vec, "mov (%[p]), %%rax", (), ([p] "r"(0x8000000000000000ul)), "rax");
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_ASSERT_EQ(guest_error, 0);
	GUEST_TRY(vec, "movq $0, (%[p])", (), ([p] "r"(unmapped)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, PF_W);
	GUEST_ASSERT_EQ(read_cr2(), TEST_MEM);
	GUEST_TRY(vec, "mov (%[p]), %%rax", (), ([p] "r"(unmapped + 1)), "rax");
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, 0);
	GUEST_ASSERT_EQ(read_cr2(), TEST_MEM + 8);
	/* present, read only, CR0.WP */
	GUEST_TRY(vec, "movb $0, (%[p])", (), ([p] "r"(TEST_MEM + 0x1000)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, PF_P | PF_W);
	/* without WP the supervisor may */
	write_cr0(read_cr0() & ~(u64)CR0_WP);
	GUEST_TRY(vec, "movb $0, (%[p])", (), ([p] "r"(TEST_MEM + 0x1000)));
	GUEST_ASSERT_EQ(vec, -1);
	write_cr0(read_cr0() | CR0_WP);
	GUEST_TRY(vec, "movb $0, (%[p])", (), ([p] "r"(TEST_MEM + 0x1000)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	/* reserved bit 51 .. MAXPHYADDR */
	GUEST_TRY(vec, "movb $0, (%[p])", (), ([p] "r"(TEST_MEM + 0x2000)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	/* QEMU's emulated page walk leaves P out here; silicon does not (SDM 3A 4.7). */
	GUEST_ASSERT_EQ(guest_error | (emulated_walk ? PF_P : 0), PF_P | PF_W | PF_RSVD);
	guest_done();
}

TEST(faults)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_faults);
	struct vmx_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 0x80000008, 0);

	emulated_walk = host_is_tcg();
	ASSERT_NE(NULL, e);
	slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE_2M);
	pt_map(vm, LOW_PGTABLE, TEST_MEM, 0, 1, 0);
	pt_map(vm, LOW_PGTABLE, TEST_MEM + 0x1000, TEST_MEM + 0x1000, 1, PTE_P);
	if ((e->eax & 0xff) >= 52)
		SKIP(return, "the guest's MAXPHYADDR leaves no reserved bit");
	pt_map(vm, LOW_PGTABLE, TEST_MEM + 0x2000, 1ull << 51, 1, PTE_P | PTE_W);
	vcpu_expect_done(v);
}

static volatile u64 seen, seen_rip;

static void on_trap(struct guest_frame *f)
{
	seen = f->vector;
	seen_rip = f->rip;
}

static void guest_traps(u64 id)
{
	u64 here;

	guest_handlers[VEC_BP] = guest_handlers[0x90] = on_trap;
	asm volatile("lea 1f(%%rip), %0; int3; 1:" : "=r"(here));
	GUEST_ASSERT_EQ(seen, VEC_BP);
	GUEST_ASSERT_EQ(seen_rip, here);
	asm volatile("lea 1f(%%rip), %0; int $0x90; 1:" : "=r"(here));
	GUEST_ASSERT_EQ(seen, 0x90);
	GUEST_ASSERT_EQ(seen_rip, here);
	guest_done();
}

TEST(traps)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_traps);

	vcpu_expect_done(v);
}

static volatile u64 steps, dr6;

static void on_db(struct guest_frame *f)
{
	u64 v;

	asm volatile("mov %%dr6, %0; mov %1, %%dr6" : "=&r"(v) : "r"(0xffff0ff0ul));
	dr6 = v;
	if (++steps == 5)
		f->rflags &= ~(u64)RFLAGS_TF;
}

static void guest_single_step(u64 id)
{
	u32 a = 0, b, c = 0, d;

	guest_handlers[VEC_DB] = on_db;
	/* CPUID exits: the trap must come behind it too */
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; cpuid; nop; nop; nop; nop"
		     : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory", "cc");
	GUEST_ASSERT_EQ(steps, 5);
	GUEST_ASSERT_EQ(dr6 & 0xf00f, 0x4000);
	guest_done();
}

TEST(single_step)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_single_step);

	vcpu_expect_done(v);
}

/* An exception of an instruction that is emulated (MMIO): the frame points at it. */
static void guest_emulated(u64 id)
{
	u64 vec;

	/* DIV by an MMIO operand that reads as zero */
	GUEST_TRY(vec, "divl (%[p])", (), ([p] "r"(TEST_MMIO), "a"(1), "d"(0)));
	GUEST_ASSERT_EQ(vec, VEC_DE);
	guest_done();
}

TEST(emulated_divide)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_emulated);

	vcpu_answer_mmio(v, TEST_MMIO, 4, 0);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
