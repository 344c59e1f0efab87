// SPDX-License-Identifier: GPL-2.0-only
/* MOV to and from MMIO in every width, and the forms with extension. */
#include "vmxtest.h"

#define M TEST_MMIO

static void guest_write(u64 id)
{
	u64 v = 0x1122334455667788ull;

	asm volatile("movb %b0, (%1)" : : "r"(v), "r"(M + 1) : "memory");
	asm volatile("movb %%ah, (%1)" : : "a"(v), "r"(M + 2) : "memory");
	asm volatile("movw %w0, (%1)" : : "r"(v), "r"(M + 4) : "memory");
	asm volatile("movl %k0, (%1)" : : "r"(v), "r"(M + 8) : "memory");
	asm volatile("movq %0, (%1)" : : "r"(v), "r"(M + 16) : "memory");
	asm volatile("movb $0x5a, (%0)" : : "r"(M) : "memory");
	asm volatile("movw $0x5aa5, (%0)" : : "r"(M) : "memory");
	asm volatile("movl $0x12345678, (%0)" : : "r"(M) : "memory");
	asm volatile("movq $-2, (%0)" : : "r"(M) : "memory");
	asm volatile("movnti %0, (%1)" : : "r"(v), "r"(M) : "memory");
	asm volatile("movabs %%eax, (0xd0000004)" : : "a"(v) : "memory");
	asm volatile("pushq (%0)" : : "r"(M + 8) : "memory");
	asm volatile("add $8, %%rsp" : : : "memory");
	guest_done();
}

TEST(writes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_write);

	vcpu_expect_mmio_write(v, M + 1, 1, 0x88);
	vcpu_expect_mmio_write(v, M + 2, 1, 0x77);
	vcpu_expect_mmio_write(v, M + 4, 2, 0x7788);
	vcpu_expect_mmio_write(v, M + 8, 4, 0x55667788);
	vcpu_expect_mmio_write(v, M + 16, 8, 0x1122334455667788ull);
	vcpu_expect_mmio_write(v, M, 1, 0x5a);
	vcpu_expect_mmio_write(v, M, 2, 0x5aa5);
	vcpu_expect_mmio_write(v, M, 4, 0x12345678);
	vcpu_expect_mmio_write(v, M, 8, -2ull);
	vcpu_expect_mmio_write(v, M, 8, 0x1122334455667788ull);
	vcpu_expect_mmio_write(v, M + 4, 4, 0x55667788);
	vcpu_answer_mmio(v, M + 8, 8, 1);
	vcpu_expect_done(v);
}

#define READ(insn, addr, expected) do { \
	u64 r_ = 0xaaaaaaaaaaaaaaaaull; \
	asm volatile(insn : "+a"(r_) : "r"(addr) : "memory"); \
	GUEST_ASSERT_EQ(r_, expected); } while (0)

static void guest_read(u64 id)
{
	READ("movb (%1), %%al", M + 1, 0xaaaaaaaaaaaaaa88ull);
	READ("movb (%1), %%ah", M + 2, 0xaaaaaaaaaaaa88aaull);
	READ("movw (%1), %%ax", M + 4, 0xaaaaaaaaaaaa7788ull);
	READ("movl (%1), %%eax", M + 8, 0x85667788ull);
	READ("movq (%1), %%rax", M + 16, 0x1122334485667788ull);
	READ("movzbl (%1), %%eax", M, 0x88);
	READ("movsbq (%1), %%rax", M, 0xffffffffffffff88ull);
	READ("movsbw (%1), %%ax", M, 0xaaaaaaaaaaaaff88ull);
	READ("movzwq (%1), %%rax", M, 0x9788);
	READ("movswl (%1), %%eax", M, 0xffff9788);
	READ("movslq (%1), %%rax", M, 0xffffffff85667788ull);
	READ("movabs (0xd0000004), %%eax", 0, 0x85667788ull);
	READ("mov %%rsp, %%rbx; mov %1, %%rsp; popq %%rax; mov %%rbx, %%rsp", M + 24,
	     0x1122334485667788ull);
	guest_done();
}

TEST(reads)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_read);

	vcpu_answer_mmio(v, M + 1, 1, 0x88);
	vcpu_answer_mmio(v, M + 2, 1, 0x88);
	vcpu_answer_mmio(v, M + 4, 2, 0x7788);
	vcpu_answer_mmio(v, M + 8, 4, 0x85667788);
	vcpu_answer_mmio(v, M + 16, 8, 0x1122334485667788ull);
	vcpu_answer_mmio(v, M, 1, 0x88);
	vcpu_answer_mmio(v, M, 1, 0x88);
	vcpu_answer_mmio(v, M, 1, 0x88);
	vcpu_answer_mmio(v, M, 2, 0x9788);
	vcpu_answer_mmio(v, M, 2, 0x9788);
	vcpu_answer_mmio(v, M, 4, 0x85667788);
	vcpu_answer_mmio(v, M + 4, 4, 0x85667788);
	vcpu_answer_mmio(v, M + 24, 8, 0x1122334485667788ull);
	vcpu_expect_done(v);
}

/* Addressing forms: RIP-relative is out of reach, so SIB, displacement, FS base, 32-bit. */
static void guest_forms(u64 id)
{
	u64 v;

	asm volatile("movl 0x10(%1,%2,8), %k0" : "=r"(v) : "r"(M), "r"(2ull) : "memory");
	GUEST_ASSERT_EQ(v, 1);
	asm volatile("movl -4(%1), %k0" : "=r"(v) : "r"(M + 0x104) : "memory");
	GUEST_ASSERT_EQ(v, 2);
	wrmsr(MSR_FS_BASE, M);
	asm volatile("movl %%fs:8, %k0" : "=r"(v) : : "memory");
	GUEST_ASSERT_EQ(v, 3);
	asm volatile("mov $0x1d0000000, %%rbx; movl 4(%%ebx), %k0" : "=r"(v) : : "rbx", "memory");
	GUEST_ASSERT_EQ(v, 4);
	asm volatile("movq %1, %%r12; movl (%%r12), %k0" : "=r"(v) : "r"(M) : "r12", "memory");
	GUEST_ASSERT_EQ(v, 5);
	asm volatile("movq %1, %%r13; movl 8(%%r13), %%r9d; movl %%r9d, %k0" : "=r"(v) : "r"(M)
		     : "r9", "r13", "memory");
	GUEST_ASSERT_EQ(v, 6);
	guest_done();
}

TEST(addressing)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_forms);

	vcpu_answer_mmio(v, M + 0x20, 4, 1);
	vcpu_answer_mmio(v, M + 0x100, 4, 2);
	vcpu_answer_mmio(v, M + 8, 4, 3);
	vcpu_answer_mmio(v, M + 4, 4, 4);
	vcpu_answer_mmio(v, M, 4, 5);
	vcpu_answer_mmio(v, M + 8, 4, 6);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
