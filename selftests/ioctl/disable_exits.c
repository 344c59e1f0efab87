// SPDX-License-Identifier: GPL-2.0-only
/* ENABLE_CAP, and the exits that a VMM may switch off with it: HLT, PAUSE. */
#include "vmxtest.h"

#define VEC 0xec

static volatile u64 ticks;

static void on_tick(struct guest_frame *f)
{
	ticks++;
	xapic_eoi();
}

static void guest_hlt_timer(u64 id)
{
	guest_handlers[VEC] = on_tick;
	xapic_enable();
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, APIC_TIMER_ONESHOT | VEC);
	for (u64 i = 1; i <= 10; i++) {
		xapic_write(APIC_TMICT, 500000);
		sti_hlt_cli();
		/* HLT may end without an interrupt when it does not exit: look again */
		while (ticks < i)
			sti_hlt_cli();
		guest_pause();
	}
	guest_done();
}

static long enable(struct vm *vm, u32 cap, u64 arg)
{
	struct vmx_enable_cap c = { .cap = cap, .args = { arg } };

	return try_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
}

TEST(hlt_without_exits)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	int offered = check_cap(vm->fd, VMX_CAP_X86_DISABLE_EXITS);

	if (!(offered & VMX_X86_DISABLE_EXITS_HLT))
		SKIP(return, "DISABLE_EXITS does not offer HLT");
	ASSERT_EQ(0, enable(vm, VMX_CAP_X86_DISABLE_EXITS,
			    VMX_X86_DISABLE_EXITS_HLT | (offered & VMX_X86_DISABLE_EXITS_PAUSE)));
	vcpu_expect_done(vcpu_create(vm, 0, guest_hlt_timer));
}

TEST(disable_exits_checked)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	long ret;

	if (check_cap(vm->fd, VMX_CAP_X86_DISABLE_EXITS) <= 0)
		SKIP(return, "no DISABLE_EXITS");
	ASSERT_EQ(-EINVAL, enable(vm, VMX_CAP_X86_DISABLE_EXITS, 1u << 20));
	vcpu_create_bare(vm, 0);
	/* too late once there is a vCPU; in-tree 6.1 still takes it, and it has no effect */
	ret = enable(vm, VMX_CAP_X86_DISABLE_EXITS, VMX_X86_DISABLE_EXITS_HLT);
	ASSERT_TRUE(ret == -EINVAL || ret == 0);
}

TEST(unknown_capability)
{
	struct vm *vm = vm_create(0);
	struct vmx_enable_cap c = { .cap = VMX_CAP_X86_DISABLE_EXITS, .flags = 1 };

	ASSERT_EQ(-EINVAL, enable(vm, 0xfffff, 0));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
}

TEST_HARNESS_MAIN
