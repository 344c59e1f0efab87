// SPDX-License-Identifier: GPL-2.0-only
/* RSM where there is nothing to return from is #UD; from a state that no CPU can be in it is a shutdown. */
#include "smm.h"

CODE16(handler, SMM_SAY(100) "rsm\n");

static void guest(u64 id)
{
	u64 vec;

	GUEST_TRY(vec, "rsm", (), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	guest_sync(1);
	GUEST_TRY(vec, "rsm", (), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	guest_done();
}

TEST(outside)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	smm_setup(vm, handler, handler_end);
	v = vcpu_create(vm, 0, guest);
	vcpu_expect_sync(v, 1);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	vcpu_expect_done(v);
}

/* @len bytes at @offset of the save area become @val; with @ok the guest goes on. */
static void check_broken(u64 offset, u64 val, unsigned int len)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create(vm, 0, guest);
	struct vmx_vcpu_events e;
	u64 saved;

	vcpu_expect_sync(v, 1);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	saved = smm_get(ram, offset, len);
	smm_put(ram, offset, val, len);
	CHECK_EQ(vcpu_run(v), VMX_EXIT_SHUTDOWN);
	CHECK(in_smm(v));
	/* Nothing has been loaded. */
	CHECK_EQ(vcpu_sregs(v).cs.base, SMM_BASE);
	/* A VMM that repairs it may go on; one that resets is out of it. */
	smm_put(ram, offset, saved, len);
	vcpu_expect_done(v);
	e = vcpu_events(v);
	e.smi.smm = 0;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	CHECK_EQ(vcpu_events(v).smi.smm, 0);
	vm_close(vm);
}

TEST(broken_state)
{
	const u64 cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;

	check_broken(SAVE_CR0, cr0 & ~(u64)CR0_PE, 8);	/* PG without PE */
	check_broken(SAVE_CR0, cr0 | CR0_NW, 8);	/* NW without CD */
	check_broken(SAVE_CR4, CR4_PAE | 1ull << 30, 8); /* reserved */
	check_broken(SAVE_CR4, 0, 8);			/* long mode without PAE */
	check_broken(SAVE_CR3, 1ull << 60, 8);
	check_broken(SAVE_EFER, EFER_LME | EFER_LMA | 1ull << 40, 8);
	check_broken(SAVE_EFER, 0, 8);			/* 64-bit code without long mode */
}

/* What the registers cannot hold is cut off, as loading it does. */
TEST(odd_state)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create(vm, 0, guest);
	struct vmx_sregs before, after;

	vcpu_expect_sync(v, 1);
	before = vcpu_sregs(v);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	smm_put(ram, SAVE_RFLAGS, ~0x30700ull & ~(1ull << 8), 8);	/* but IF, DF, TF, RF and VM */
	smm_put(ram, SAVE_FS + 8, 0x1234800000000000ull | 1ull << 56, 8);	/* not canonical */
	smm_put(ram, SAVE_DR7, ~0ull << 14 | 0x700, 8);
	vcpu_expect_done(v);
	after = vcpu_sregs(v);
	/* CPUID.7:ECX[16]: 57 bits */
	CHECK_EQ(after.fs.base,
		 cpuid_has(7, 0, 2, 16) ? 0xff34800000000000ull : 0xffff800000000000ull);
	CHECK_EQ(after.cs.base, before.cs.base);
}

/* Neither where the save area is nor the handler is memory: what it executes is no RSM, and nobody crashes. */
TEST(no_memory)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest);
	u32 reason;

	vcpu_expect_sync(v, 1);
	smm_send(v);
	reason = vcpu_run(v);
	CHECK(in_smm(v));
	if (reason != VMX_EXIT_INTERNAL_ERROR && reason != VMX_EXIT_MMIO)
		DIE("exit %s", exit_name(reason));
}

TEST_HARNESS_MAIN
