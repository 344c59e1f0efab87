// SPDX-License-Identifier: GPL-2.0-only
/* Read-modify-write, compare, bit and locked instructions on MMIO: data, flags, exits. */
#include "vmxtest.h"

#define M TEST_MMIO

static u64 flags;

#define RMW(insn, reg) \
	asm volatile(insn "; pushfq; popq %0" : "=m"(flags), "+a"(reg) : "r"(M) : "memory", "cc")

static void guest_rmw(u64 id)
{
	u64 a = 0x10;

	RMW("addl %%eax, (%2)", a);
	GUEST_ASSERT(!(flags & RFLAGS_CF));
	RMW("addl %%eax, (%2)", a);
	GUEST_ASSERT((flags & (RFLAGS_CF | RFLAGS_ZF)) == (RFLAGS_CF | RFLAGS_ZF));
	RMW("subb $1, (%2)", a);
	RMW("orw $0x8001, (%2)", a);
	RMW("andq $0x0f, (%2)", a);
	RMW("xorl $-1, (%2)", a);
	RMW("incl (%2)", a);
	RMW("notl (%2)", a);
	RMW("negl (%2)", a);
	RMW("shll $4, (%2)", a);
	RMW("lock addl %%eax, (%2)", a);
	RMW("lock orl $2, (%2)", a);
	RMW("btsl $5, (%2)", a);
	GUEST_ASSERT(!(flags & RFLAGS_CF));
	guest_done();
}

static void expect_rmw(struct vcpu *v, u32 len, u64 in, u64 out)
{
	vcpu_answer_mmio(v, M, len, in);
	vcpu_expect_mmio_write(v, M, len, out);
}

TEST(read_modify_write)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_rmw);

	expect_rmw(v, 4, 0x20, 0x30);
	expect_rmw(v, 4, 0xfffffff0, 0);
	expect_rmw(v, 1, 0, 0xff);
	expect_rmw(v, 2, 0x1230, 0x9231);
	expect_rmw(v, 8, 0x1234567890abcdefull, 0xf);
	expect_rmw(v, 4, 0x0f0f0f0f, 0xf0f0f0f0);
	expect_rmw(v, 4, 41, 42);
	expect_rmw(v, 4, 0xff, 0xffffff00);
	expect_rmw(v, 4, 1, 0xffffffff);
	expect_rmw(v, 4, 0x12345678, 0x23456780);
	expect_rmw(v, 4, 5, 0x15);
	expect_rmw(v, 4, 4, 6);
	expect_rmw(v, 4, 0, 0x20);
	vcpu_expect_done(v);
}

static void guest_read_only_ops(u64 id)
{
	u64 a = 7;

	RMW("addl (%2), %%eax", a);
	GUEST_ASSERT_EQ(a, 12);
	RMW("cmpl $5, (%2)", a);
	GUEST_ASSERT(flags & RFLAGS_ZF);
	RMW("cmpl %%eax, (%2)", a);
	GUEST_ASSERT(flags & RFLAGS_CF);
	RMW("testl $0x100, (%2)", a);
	GUEST_ASSERT(flags & RFLAGS_ZF);
	RMW("btl $3, (%2)", a);
	GUEST_ASSERT(flags & RFLAGS_CF);
	RMW("imull $3, (%2), %%eax", a);
	GUEST_ASSERT_EQ(a, 21);
	RMW("cmovel (%2), %%eax", a);
	guest_done();
}

TEST(read_operands)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_read_only_ops);

	for (int i = 0; i < 3; i++)
		vcpu_answer_mmio(v, M, 4, 5);
	vcpu_answer_mmio(v, M, 4, 0xff);
	vcpu_answer_mmio(v, M, 4, 8);
	vcpu_answer_mmio(v, M, 4, 7);
	/* CMOV reads its source whether it moves or not: SDM 2A "CMOVcc" */
	vcpu_answer_mmio(v, M, 4, 7);
	vcpu_expect_done(v);
}

static void guest_exchange(u64 id)
{
	u64 a = 0x77, c;

	RMW("xchgl %%eax, (%2)", a);
	GUEST_ASSERT_EQ(a, 0x11);
	a = 5;
	RMW("lock xaddl %%eax, (%2)", a);
	GUEST_ASSERT_EQ(a, 0x20);
	a = 0x30;
	c = 0x99;
	asm volatile("lock cmpxchgl %2, (%3); pushfq; popq %0"
		     : "=m"(flags), "+a"(a) : "r"((u32)c), "r"(M) : "memory", "cc");
	GUEST_ASSERT(flags & RFLAGS_ZF);
	a = 0x31;
	asm volatile("lock cmpxchgl %2, (%3); pushfq; popq %0"
		     : "=m"(flags), "+a"(a) : "r"((u32)c), "r"(M) : "memory", "cc");
	GUEST_ASSERT(!(flags & RFLAGS_ZF));
	GUEST_ASSERT_EQ(a, 0x30);
	guest_done();
}

TEST(exchange)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_exchange);

	expect_rmw(v, 4, 0x11, 0x77);
	expect_rmw(v, 4, 0x20, 0x25);
	expect_rmw(v, 4, 0x30, 0x99);
	expect_rmw(v, 4, 0x30, 0x30);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
