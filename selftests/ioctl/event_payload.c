// SPDX-License-Identifier: GPL-2.0-only
/* VMX_CAP_EXCEPTION_PAYLOAD and VMX_CAP_X86_TRIPLE_FAULT_EVENT: events as a migration sees them. */
#include "vmxtest.h"

static volatile u64 hits, cr2, dr6, error;

static void enable(struct vm *vm, u32 cap, u64 arg)
{
	struct vmx_enable_cap c = { .cap = cap, .args[0] = arg };

	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
}

static void on_pf(struct guest_frame *f)
{
	hits++;
	cr2 = read_cr2();
	error = f->error;
}

static void on_db(struct guest_frame *f)
{
	hits++;
	asm volatile("mov %%dr6, %0" : "=r"(dr6));
}

static void guest_waits(u64 id)
{
	guest_handlers[VEC_PF] = on_pf;
	guest_handlers[VEC_DB] = on_db;
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

static struct vmx_vcpu_events pending(u8 nr, u64 payload)
{
	struct vmx_vcpu_events e = {
		.flags = VMX_VCPUEVENT_VALID_PAYLOAD,
		.exception = { .pending = 1, .nr = nr, .has_error_code = nr == VEC_PF,
			       .error_code = 2 },
		.exception_has_payload = 1,
		.exception_payload = payload,
	};

	return e;
}

TEST(page_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_waits);
	struct vmx_vcpu_events e = pending(VEC_PF, 0x123456), got;
	u64 before;

	REQUIRE_CAP(VMX_CAP_EXCEPTION_PAYLOAD);
	enable(vm, VMX_CAP_EXCEPTION_PAYLOAD, 1);
	vcpu_expect_sync(v, 1);
	before = vcpu_sregs(v).cr2;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &got);
	ASSERT_EQ(1, got.exception.pending);
	ASSERT_EQ(0, got.exception.injected);
	ASSERT_EQ(VEC_PF, got.exception.nr);
	ASSERT_EQ(1, got.exception_has_payload);
	ASSERT_EQ(0x123456, got.exception_payload);
	ASSERT_NE(0, got.flags & VMX_VCPUEVENT_VALID_PAYLOAD);
	/* CR2 is the old one until it is delivered */
	ASSERT_EQ(before, vcpu_sregs(v).cr2);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(1, hits);
	ASSERT_EQ(0x123456, cr2);
	ASSERT_EQ(2, error);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &got);
	ASSERT_EQ(0, got.exception.pending);
	ASSERT_EQ(0, got.exception_has_payload);
}

TEST(debug_exception)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_waits);
	struct vmx_vcpu_events e = pending(VEC_DB, 0x4000);
	struct vmx_debugregs d;

	REQUIRE_CAP(VMX_CAP_EXCEPTION_PAYLOAD);
	enable(vm, VMX_CAP_EXCEPTION_PAYLOAD, 1);
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &d);
	ASSERT_EQ(0, d.dr6 & 0x4000);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(1, hits);
	ASSERT_EQ(0x4000, dr6 & 0x4000);
}

/* Not enabled: the flag is refused, and pending means nothing. */
TEST(not_enabled)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_waits);
	struct vmx_vcpu_events e = pending(VEC_PF, 0x123456), got;

	vcpu_expect_sync(v, 1);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e));
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &got);
	ASSERT_EQ(0, got.flags & VMX_VCPUEVENT_VALID_PAYLOAD);
	e.flags = 0;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0, hits);
}

TEST(bad_vector)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_waits);
	struct vmx_vcpu_events e = pending(32, 0);

	REQUIRE_CAP(VMX_CAP_EXCEPTION_PAYLOAD);
	enable(vm, VMX_CAP_EXCEPTION_PAYLOAD, 1);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e));
	e.exception.nr = VEC_NMI;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e));
}

TEST(triple_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_waits);
	struct vmx_vcpu_events e = { .flags = VMX_VCPUEVENT_VALID_TRIPLE_FAULT }, got;

	REQUIRE_CAP(VMX_CAP_X86_TRIPLE_FAULT_EVENT);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e));
	enable(vm, VMX_CAP_X86_TRIPLE_FAULT_EVENT, 1);
	vcpu_expect_sync(v, 1);
	e.triple_fault.pending = 1;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &got);
	ASSERT_EQ(1, got.triple_fault.pending);
	ASSERT_NE(0, got.flags & VMX_VCPUEVENT_VALID_TRIPLE_FAULT);
	vcpu_expect_exit(v, VMX_EXIT_SHUTDOWN);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &got);
	ASSERT_EQ(0, got.triple_fault.pending);
	/* and taken back */
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	e.triple_fault.pending = 0;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_expect_sync(v, 2);
}

TEST_HARNESS_MAIN
