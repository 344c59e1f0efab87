// SPDX-License-Identifier: GPL-2.0-only
/* VMX_CAP_X2APIC_API: 32-bit IDs of MSIs and in the LAPIC's state, and 0xff as an ID like others. */
#include "vmxtest.h"

#define WIDE_ID 0x105	/* its low byte is 5 */

static volatile u64 count[2];

static void on_irq(struct guest_frame *f)
{
	/* the vCPUs run on the stacks of numbers 0 and 1 */
	count[f->rsp >= LOW_STACKS + LOW_STACK_SIZE ? 1 : 0]++;
	x2apic_write(APIC_EOI, 0);
}

static void guest_loop(u64 id)
{
	guest_handlers[0x40] = on_irq;
	x2apic_enable();
	irqs_on();
	for (;;) {
		guest_sync(0);
		asm volatile("nop; nop");
	}
}

static long enable(struct vm *vm, u64 flags)
{
	struct vmx_enable_cap cap = { .cap = VMX_CAP_X2APIC_API, .args = { flags } };

	return try_ioctl(vm->fd, VMX_ENABLE_CAP, &cap);
}

/* vCPU 0 and the one with the wide ID, in x2APIC mode. */
static struct vm *start(struct vcpu *v[2])
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	v[0] = vcpu_create(vm, 0, guest_loop);
	v[1] = vcpu_create_as(vm, 1, WIDE_ID, guest_loop);
	for (int i = 0; i < 2; i++)
		vcpu_expect_sync(v[i], 0);
	return vm;
}

static void expect(struct vcpu *v[2], u64 first, u64 second)
{
	for (int i = 0; i < 2; i++)
		vcpu_expect_sync(v[i], 0);
	CHECK_EQ(count[0], first);
	CHECK_EQ(count[1], second);
}

static long msi(struct vm *vm, u32 dest_low, u32 high)
{
	struct vmx_msi m = { .address_lo = 0xfee00000u | dest_low << 12, .address_hi = high,
			     .data = 0x40 };

	return try_ioctl(vm->fd, VMX_SIGNAL_MSI, &m);
}

static long route(struct vm *vm, u32 dest_low, u32 high)
{
	struct {
		struct vmx_irq_routing head;
		struct vmx_irq_routing_entry e;
	} t = { .head.nr = 1 };

	t.e.gsi = 40;
	t.e.type = VMX_IRQ_ROUTING_MSI;
	t.e.u.msi.address_lo = 0xfee00000u | dest_low << 12;
	t.e.u.msi.address_hi = high;
	t.e.u.msi.data = 0x40;
	return try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
}

TEST(flags)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	REQUIRE_CAP(VMX_CAP_X2APIC_API);
	ASSERT_EQ(3, check_cap(vm->fd, VMX_CAP_X2APIC_API));
	ASSERT_EQ(-EINVAL, enable(vm, 4));
	ASSERT_EQ(0, enable(vm, 0));
	ASSERT_EQ(0, enable(vm, VMX_X2APIC_API_USE_32BIT_IDS));
	ASSERT_EQ(0, enable(vm, VMX_X2APIC_API_DISABLE_BROADCAST_QUIRK));
}

TEST(wide_msi)
{
	struct vcpu *v[2];
	struct vm *vm;

	REQUIRE_CAP(VMX_CAP_X2APIC_API);
	vm = start(v);
	/* eight bits: nobody has ID 5 */
	ASSERT_GE(0, msi(vm, 5, 0x100));
	expect(v, 0, 0);
	ASSERT_EQ(0, route(vm, 5, 0x123));
	ASSERT_EQ(0, enable(vm, VMX_X2APIC_API_USE_32BIT_IDS));
	ASSERT_LT(0, msi(vm, 5, 0x100));
	expect(v, 0, 1);
	ASSERT_LT(0, msi(vm, 0, 0));
	expect(v, 1, 1);
	ASSERT_GE(0, msi(vm, 5, 0));
	ASSERT_GE(0, msi(vm, 0, 0x100));
	ASSERT_GE(0, msi(vm, 5, 0x1000000));
	ASSERT_EQ(-EINVAL, msi(vm, 5, 0x101));
	ASSERT_EQ(-EINVAL, route(vm, 5, 0x180));
	expect(v, 1, 1);
	ASSERT_EQ(0, route(vm, 5, 0x100));
	vm_irq_line(vm, 40, 1);
	expect(v, 1, 2);
}

/* 0xff reaches x2APICs too, until the VMM says that it is an ID. */
TEST(broadcast_quirk)
{
	struct vcpu *v[2];
	struct vm *vm;

	REQUIRE_CAP(VMX_CAP_X2APIC_API);
	vm = start(v);
	ASSERT_LT(0, msi(vm, 0xff, 0));
	expect(v, 1, 1);
	ASSERT_EQ(0, enable(vm, 3));
	ASSERT_GE(0, msi(vm, 0xff, 0));
	expect(v, 1, 1);
	/* 32 ones are all; with the quirk on, in-tree knows that of IPIs only */
	ASSERT_LT(0, msi(vm, 0xff, 0xffffff00));
	expect(v, 2, 2);
}

TEST(state_has_the_id)
{
	struct vmx_lapic_state state;
	struct vcpu *v[2];
	struct vm *vm;
	u32 id;

	REQUIRE_CAP(VMX_CAP_X2APIC_API);
	vm = start(v);
	must_ioctl(v[1]->fd, VMX_GET_LAPIC, &state);
	memcpy(&id, state.regs + APIC_ID, 4);
	ASSERT_EQ(0x05000000, id);
	ASSERT_EQ(0, enable(vm, VMX_X2APIC_API_USE_32BIT_IDS));
	/* the narrow form is another ID now */
	ASSERT_EQ(-EINVAL, try_ioctl(v[1]->fd, VMX_SET_LAPIC, &state));
	must_ioctl(v[1]->fd, VMX_GET_LAPIC, &state);
	memcpy(&id, state.regs + APIC_ID, 4);
	ASSERT_EQ(WIDE_ID, id);
	must_ioctl(v[1]->fd, VMX_SET_LAPIC, &state);
	ASSERT_LT(0, msi(vm, 5, 0x100));
	expect(v, 0, 1);
}

TEST_HARNESS_MAIN
