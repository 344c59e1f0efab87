// SPDX-License-Identifier: GPL-2.0-only
/* IN and OUT of 8, 16 and 32 bits, immediate and DX forms: what the VMM sees and gives. */
#include "vmxtest.h"

static void guest_out(u64 id)
{
	asm volatile("out %%al, $0x71" : : "a"(0x11223344));
	asm volatile("out %%ax, %%dx" : : "a"(0x11223344), "d"(0x3f8));
	asm volatile("out %%eax, %%dx" : : "a"(0x11223344), "d"(0xfffc));
	guest_done();
}

static void expect_out(struct vcpu *v, u16 port, u8 size, u32 value)
{
	u32 got = 0;

	vcpu_expect_exit(v, VMX_EXIT_IO);
	CHECK_EQ(v->run->io.direction, VMX_EXIT_IO_OUT);
	CHECK_EQ(v->run->io.port, port);
	CHECK_EQ(v->run->io.size, size);
	CHECK_EQ(v->run->io.count, 1);
	memcpy(&got, (char *)v->run + v->run->io.data_offset, size);
	CHECK_EQ(got, value);
}

TEST(out)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_out);

	expect_out(v, 0x71, 1, 0x44);
	expect_out(v, 0x3f8, 2, 0x3344);
	expect_out(v, 0xfffc, 4, 0x11223344);
	vcpu_expect_done(v);
}

static void guest_in(u64 id)
{
	u64 rax;

	/* Narrow forms keep the rest of RAX; the 32-bit form zeroes it: SDM 1 3.4.1.1 */
	rax = ~0ull;
	asm volatile("in $0x71, %%al" : "+a"(rax));
	GUEST_ASSERT_EQ(rax, 0xffffffffffffff44ull);
	rax = ~0ull;
	asm volatile("in %%dx, %%ax" : "+a"(rax) : "d"(0x3f8));
	GUEST_ASSERT_EQ(rax, 0xffffffffffff3344ull);
	rax = ~0ull;
	asm volatile("in %%dx, %%eax" : "+a"(rax) : "d"(0xfffc));
	GUEST_ASSERT_EQ(rax, 0x11223344);
	guest_done();
}

TEST(in)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_in);
	const u8 sizes[] = { 1, 2, 4 };

	for (int i = 0; i < 3; i++) {
		u32 data = 0x11223344;

		vcpu_expect_exit(v, VMX_EXIT_IO);
		ASSERT_EQ(VMX_EXIT_IO_IN, v->run->io.direction);
		ASSERT_EQ(sizes[i], v->run->io.size);
		memcpy((char *)v->run + v->run->io.data_offset, &data, sizes[i]);
	}
	vcpu_expect_done(v);
}

/* The VMM may change registers at an OUT: they must be the guest's afterwards. */
static void guest_changed(u64 id)
{
	u64 rbx = 1;

	asm volatile("out %%al, $0x80" : "+b"(rbx) : "a"(0));
	GUEST_ASSERT_EQ(rbx, 0x77);
	guest_done();
}

TEST(registers_changed_at_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_changed);
	struct vmx_regs r;

	vcpu_expect_exit(v, VMX_EXIT_IO);
	r = vcpu_regs(v);
	r.rbx = 0x77;
	vcpu_set_regs(v, &r);
	vcpu_expect_done(v);
}

/* CPL 3 with IOPL 0 and no I/O bitmap in the TSS: #GP, and no exit. */
static u8 user_stack[4096] __attribute__((aligned(16)));
static volatile u64 user_vec;

static void on_gp(struct guest_frame *f)
{
	user_vec = f->vector | f->error << 32 | (f->cs & 3) << 8;
	guest_done();
}

static void guest_user(u64 id)
{
	guest_handlers[VEC_GP] = on_gp;
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq $1f; iretq\n"
		     "1: out %%al, $0x80; ud2" : : "i"(SEL_UDATA),
		     "r"(user_stack + sizeof(user_stack)), "i"(SEL_UCODE64) : "memory");
}

TEST(user_mode_refused)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_user);

	vcpu_expect_done(v);
	ASSERT_EQ(VEC_GP | 3 << 8, user_vec);
}

TEST_HARNESS_MAIN
