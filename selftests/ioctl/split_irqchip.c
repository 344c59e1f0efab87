// SPDX-License-Identifier: GPL-2.0-only
/* VMX_CAP_SPLIT_IRQCHIP: local APICs and MSIs in the kernel, PICs and IOAPIC in the VMM. */
#include "vmxtest.h"

#define PINS 24		/* of vm_create(VM_SPLIT) */
#define EDGE_VECTOR 0x40
#define LEVEL_VECTOR 0x41
#define EXT_VECTOR 0x50
#define MSI_LEVEL 0xc000u	/* trigger mode, asserted */

static volatile u64 edges, levels, exts;

static long route(struct vm *vm, u32 type, u32 gsi, u32 data)
{
	struct {
		struct vmx_irq_routing head;
		struct vmx_irq_routing_entry e;
	} r = { .head.nr = 1, .e = { .gsi = gsi, .type = type } };

	if (type == VMX_IRQ_ROUTING_MSI) {
		r.e.u.msi.address_lo = 0xfee00000;
		r.e.u.msi.data = data;
	}
	return try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &r);
}

static void on_edge(struct guest_frame *f)
{
	edges++;
	xapic_eoi();
}

static void on_level(struct guest_frame *f)
{
	levels++;
	xapic_eoi();
}

static void on_ext(struct guest_frame *f)
{
	exts++;
}

static void guest_main(u64 id)
{
	guest_handlers[EDGE_VECTOR] = on_edge;
	guest_handlers[LEVEL_VECTOR] = on_level;
	guest_handlers[EXT_VECTOR] = on_ext;
	xapic_enable();
	irqs_on();
	for (;;)
		guest_sync(1);
}

TEST(creation)
{
	struct vm *vm = vm_create(0);
	struct vmx_enable_cap c = { .cap = VMX_CAP_SPLIT_IRQCHIP, .args[0] = 4097 };
	struct vmx_irqchip chip = { .chip_id = VMX_IRQCHIP_IOAPIC };

	REQUIRE_CAP(VMX_CAP_SPLIT_IRQCHIP);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
	c.args[0] = PINS;
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_CREATE_IRQCHIP, NULL));
	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_GET_IRQCHIP, &chip));
	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_SET_IRQCHIP, &chip));
	/* a pin of a controller that is not here */
	ASSERT_EQ(-EINVAL, route(vm, VMX_IRQ_ROUTING_IRQCHIP, 3, 0));
	ASSERT_EQ(0, route(vm, VMX_IRQ_ROUTING_MSI, 3, EDGE_VECTOR));
	/* too late */
	vm = vm_create(0);
	vcpu_create_bare(vm, 0);
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
	vm = vm_create(VM_IRQCHIP);
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
}

TEST(edge)
{
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_SPLIT_IRQCHIP);
	vm = vm_create(VM_SPLIT);
	v = vcpu_create(vm, 0, guest_main);
	vcpu_expect_sync(v, 1);
	/* no route yet */
	vm_irq_line(vm, 3, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, edges);
	ASSERT_EQ(0, route(vm, VMX_IRQ_ROUTING_MSI, 3, EDGE_VECTOR));
	vm_irq_line(vm, 3, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, edges);
	vm_irq_line(vm, 3, 0);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, edges);
}

/* The end of a level interrupt is told to the VMM whose IOAPIC has it on a pin. */
TEST(level)
{
	struct vmx_msi msi = { .address_lo = 0xfee00000, .data = LEVEL_VECTOR | MSI_LEVEL };
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_SPLIT_IRQCHIP);
	vm = vm_create(VM_SPLIT);
	v = vcpu_create(vm, 0, guest_main);
	ASSERT_EQ(0, route(vm, VMX_IRQ_ROUTING_MSI, 5, LEVEL_VECTOR | MSI_LEVEL));
	vcpu_expect_sync(v, 1);
	for (u64 i = 1; i <= 3; i++) {
		vm_irq_line(vm, 5, 1);
		vcpu_expect_exit(v, VMX_EXIT_IOAPIC_EOI);
		ASSERT_EQ(LEVEL_VECTOR, v->run->eoi.vector);
		ASSERT_EQ(i, levels);
		vcpu_expect_sync(v, 1);
	}
	/* sent as a message: the vector is the same */
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
	vcpu_expect_exit(v, VMX_EXIT_IOAPIC_EOI);
	vcpu_expect_sync(v, 1);
	/* none of the IOAPIC's pins any more */
	ASSERT_EQ(0, route(vm, VMX_IRQ_ROUTING_MSI, PINS, LEVEL_VECTOR | MSI_LEVEL));
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(5, levels);
}

static void guest_ext(u64 id)
{
	guest_handlers[EXT_VECTOR] = on_ext;
	xapic_enable();
	xapic_write(0x350, 0x700);	/* LVT0: ExtINT */
	guest_sync(1);
	guest_sync(2);
	irqs_on();
	guest_sync(3);
	guest_sync(4);
	xapic_write(0x350, 0x10700);	/* masked */
	guest_sync(5);
	guest_sync(6);
	xapic_write(0x350, 0x700);
	guest_sync(7);
	guest_done();
}

/* The VMM's PIC: by INTERRUPT, through LINT0. */
TEST(extint)
{
	struct vmx_interrupt irq = { .irq = EXT_VECTOR };
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_SPLIT_IRQCHIP);
	vm = vm_create(VM_SPLIT);
	v = vcpu_create(vm, 0, guest_ext);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);
	/* interrupts are off: the window is where they come on */
	v->run->request_interrupt_window = 1;
	vcpu_expect_sync(v, 2);
	vcpu_expect_exit(v, VMX_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	v->run->request_interrupt_window = 0;
	must_ioctl(v->fd, VMX_INTERRUPT, &irq);
	ASSERT_EQ(-EEXIST, try_ioctl(v->fd, VMX_INTERRUPT, &irq));
	vcpu_expect_sync(v, 3);
	ASSERT_EQ(1, exts);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	must_ioctl(v->fd, VMX_INTERRUPT, &irq);
	vcpu_expect_sync(v, 4);
	ASSERT_EQ(2, exts);
	/* masked in LVT0: it waits, and no window is reported meanwhile */
	v->run->request_interrupt_window = 1;
	vcpu_expect_exit(v, VMX_EXIT_IRQ_WINDOW_OPEN);
	v->run->request_interrupt_window = 0;
	vcpu_expect_sync(v, 5);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);
	must_ioctl(v->fd, VMX_INTERRUPT, &irq);
	v->run->request_interrupt_window = 1;
	vcpu_expect_sync(v, 6);
	ASSERT_EQ(2, exts);
	v->run->request_interrupt_window = 0;
	vcpu_expect_sync(v, 7);
	/* in-tree KVM does not look when LVT0 is written, but when something else happens */
	if (device_is_vmx())
		ASSERT_EQ(3, exts);
	irq.irq = 256;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_INTERRUPT, &irq));
}

TEST_HARNESS_MAIN
