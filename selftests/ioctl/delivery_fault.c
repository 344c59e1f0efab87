// SPDX-License-Identifier: GPL-2.0-only
/* An interrupt that cannot be delivered, its stack being a device: the VMM is told, not the device. */
#include "vmxtest.h"

static volatile u64 stack_top, irqs;

static void on_irq(struct guest_frame *f)
{
	irqs++;
}

static void guest_bad_stack(u64 id)
{
	guest_handlers[0x40] = on_irq;
	xapic_enable();
	irqs_off();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	asm volatile("mov %0, %%rsp; sti; 1: pause; jmp 1b" : : "r"(stack_top) : "memory");
	__builtin_unreachable();
}

static void deliver_to(u64 page)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_bad_stack);

	stack_top = page + 0x800;
	vcpu_expect_exit(v, VMX_EXIT_INTERNAL_ERROR);
	CHECK_EQ(v->run->internal.suberror, VMX_INTERNAL_ERROR_DELIVERY_EV);
	CHECK(v->run->internal.ndata >= 1);
	CHECK_EQ(v->run->internal.data[0] & 0xff, 0x40);
	CHECK_EQ(irqs, 0);
}

/* In-tree on AMD does not look for it: it emulates whatever instruction was interrupted. */
#define REQUIRE_DETECTION() do { \
	if (!device_is_vmx() && host_is_amd()) \
		SKIP(return, "%s does not detect this on AMD", device_path()); \
	} while (0)

TEST(to_the_vmms_device)
{
	REQUIRE_DETECTION();
	deliver_to(TEST_MMIO);
}

TEST(to_the_local_apic)
{
	/* On Intel, without APIC virtualisation, in-tree enters again and again. */
	if (!device_is_vmx())
		SKIP(return, "%s does not detect this", device_path());
	deliver_to(APIC_DEFAULT_BASE);
}

TEST_HARNESS_MAIN
