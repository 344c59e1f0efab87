// SPDX-License-Identifier: GPL-2.0-only
/* State of the interrupt controllers, the PIT and the clock: get, set, get. */
#include "vmxtest.h"

static void guest_nop(u64 id)
{
	guest_done();
}

TEST(create_once)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_pit_config pit = { 0 };

	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_CREATE_IRQCHIP, 0));
	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_CREATE_PIT2, &pit));
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_CREATE_PIT2, &pit));
}

TEST(irqchip_after_vcpu)
{
	struct vm *vm = vm_create(0);

	vcpu_create_bare(vm, 0);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_CREATE_IRQCHIP, 0));
}

TEST(without_irqchip)
{
	struct vm *vm = vm_create(0);
	struct vmx_irqchip chip = { .chip_id = 0 };
	struct vmx_irq_level line = { .irq = 4, .level = 1 };
	struct vmx_pit_config pit = { 0 };
	struct vmx_lapic_state lapic;
	struct vcpu *v;
	long ret;

	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_GET_IRQCHIP, &chip));
	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_IRQ_LINE, &line));
	/* in-tree took it up to 6.12, and refuses it since */
	ret = try_ioctl(vm->fd, VMX_CREATE_PIT2, &pit);
	ASSERT_TRUE(ret == 0 || ret == -ENOENT);
	v = vcpu_create_bare(vm, 0);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_GET_LAPIC, &lapic));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_LAPIC, &lapic));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VAPIC_ADDR, &(struct vmx_vapic_addr){ 0 }));
}

/* QEMU sets "no page" at each reset and aborts when that fails, whatever VMX_CAP_VAPIC says. */
TEST(no_vapic_page)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_vapic_addr addr = { .vapic_addr = 0 };
	struct vcpu *v = vcpu_create(vm, 0, guest_nop);

	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_VAPIC_ADDR, &addr));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_SET_VAPIC_ADDR, NULL));
	if (!check_cap(vm->fd, VMX_CAP_VAPIC)) {
		addr.vapic_addr = 0x1000;
		ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VAPIC_ADDR, &addr));
	}
	vcpu_expect_done(v);
}

TEST(pics)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	for (u32 id = VMX_IRQCHIP_PIC_MASTER; id <= VMX_IRQCHIP_PIC_SLAVE; id++) {
		struct vmx_irqchip a = { .chip_id = id }, b = { .chip_id = id };

		must_ioctl(vm->fd, VMX_GET_IRQCHIP, &a);
		a.chip.pic.imr = 0x5a;
		a.chip.pic.irq_base = (u8)(0x30 + 8 * id);
		a.chip.pic.init4 = 0;
		a.chip.pic.auto_eoi = 1;
		must_ioctl(vm->fd, VMX_SET_IRQCHIP, &a);
		must_ioctl(vm->fd, VMX_GET_IRQCHIP, &b);
		ASSERT_EQ(0x5a, b.chip.pic.imr);
		ASSERT_EQ(0x30 + 8 * id, b.chip.pic.irq_base);
		ASSERT_EQ(1, b.chip.pic.auto_eoi);
	}
}

TEST(ioapic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_irqchip a = { .chip_id = VMX_IRQCHIP_IOAPIC }, b = a;

	must_ioctl(vm->fd, VMX_GET_IRQCHIP, &a);
	ASSERT_EQ(IOAPIC_BASE, a.chip.ioapic.base_address);
	for (int i = 0; i < IOAPIC_PINS; i++)
		ASSERT_EQ(0x10000, a.chip.ioapic.redirtbl[i].bits & 0x10000);
	a.chip.ioapic.redirtbl[5].bits = 0x0300000000010055ull;	/* masked, vector 0x55, to 3 */
	a.chip.ioapic.redirtbl[23].bits = 0x0100000000018061ull;
	a.chip.ioapic.ioregsel = 0x12;
	a.chip.ioapic.id = 5;
	must_ioctl(vm->fd, VMX_SET_IRQCHIP, &a);
	must_ioctl(vm->fd, VMX_GET_IRQCHIP, &b);
	ASSERT_EQ(0x0300000000010055ull, b.chip.ioapic.redirtbl[5].bits);
	ASSERT_EQ(0x0100000000018061ull, b.chip.ioapic.redirtbl[23].bits);
	ASSERT_EQ(0x12, b.chip.ioapic.ioregsel);
	ASSERT_EQ(5, b.chip.ioapic.id);
}

TEST(bad_chip)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_irqchip a = { .chip_id = 3 };

	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_GET_IRQCHIP, &a));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_IRQCHIP, &a));
	ASSERT_EQ(-EFAULT, try_ioctl(vm->fd, VMX_GET_IRQCHIP, (void *)8));
}

static void guest_program_pit(u64 id)
{
	outb(0x43, 0xb6);	/* channel 2, mode 3 */
	outb(0x42, 0x34);
	outb(0x42, 0x12);
	guest_sync(1);
	guest_done();
}

TEST(pit)
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *v = vcpu_create(vm, 0, guest_program_pit);
	struct vmx_pit_state2 a, b;

	vcpu_expect_sync(v, 1);
	must_ioctl(vm->fd, VMX_GET_PIT2, &a);
	ASSERT_EQ(0x1234, a.channels[2].count);
	ASSERT_EQ(3, a.channels[2].mode);
	ASSERT_EQ(3, a.channels[2].rw_mode);
	a.channels[0].count = 0x8000;
	a.channels[0].mode = 2;
	a.channels[1].count = 0x12;
	must_ioctl(vm->fd, VMX_SET_PIT2, &a);
	must_ioctl(vm->fd, VMX_GET_PIT2, &b);
	ASSERT_EQ(0x8000, b.channels[0].count);
	ASSERT_EQ(2, b.channels[0].mode);
	ASSERT_EQ(0x12, b.channels[1].count);
	ASSERT_EQ(0x1234, b.channels[2].count);
}

static u32 lapic_reg(struct vmx_lapic_state *l, u32 reg)
{
	u32 v;

	memcpy(&v, l->regs + reg, 4);
	return v;
}

static void lapic_set(struct vmx_lapic_state *l, u32 reg, u32 v)
{
	memcpy(l->regs + reg, &v, 4);
}

TEST(lapic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 2, guest_nop);
	struct vmx_lapic_state a, b;

	must_ioctl(v->fd, VMX_GET_LAPIC, &a);
	ASSERT_EQ(2u << 24, lapic_reg(&a, APIC_ID));
	ASSERT_EQ(0x14, lapic_reg(&a, APIC_VERSION) & 0xff);
	ASSERT_EQ(0xff, lapic_reg(&a, APIC_SPIV));
	ASSERT_EQ(APIC_LVT_MASKED, lapic_reg(&a, APIC_LVTT));
	lapic_set(&a, APIC_SPIV, 0x1ff);
	lapic_set(&a, APIC_TPR, 0x20);
	lapic_set(&a, APIC_LVT0, 0x10700);
	lapic_set(&a, APIC_LVTT, 0x200ec);
	lapic_set(&a, APIC_TDCR, 0xb);
	lapic_set(&a, APIC_IRR, 0x5000);	/* vectors 12 and 14: never delivered, but kept */
	lapic_set(&a, APIC_IRR + 0x20, 1u << 5);	/* vector 0x45 */
	lapic_set(&a, APIC_ISR + 0x10, 1u << 3);	/* vector 0x23 */
	must_ioctl(v->fd, VMX_SET_LAPIC, &a);
	must_ioctl(v->fd, VMX_GET_LAPIC, &b);
	ASSERT_EQ(0x1ff, lapic_reg(&b, APIC_SPIV));
	ASSERT_EQ(0x20, lapic_reg(&b, APIC_TPR));
	ASSERT_EQ(0x200ec, lapic_reg(&b, APIC_LVTT));
	ASSERT_EQ(0xb, lapic_reg(&b, APIC_TDCR));
	ASSERT_EQ(0x5000, lapic_reg(&b, APIC_IRR));
	ASSERT_EQ(1u << 5, lapic_reg(&b, APIC_IRR + 0x20));
	ASSERT_EQ(1u << 3, lapic_reg(&b, APIC_ISR + 0x10));
}

TEST(clock_get_set)
{
	struct vm *vm = vm_create(0);
	struct vmx_clock_data a = { .clock = 1000000000000ull }, b;

	vcpu_create(vm, 0, guest_nop);
	must_ioctl(vm->fd, VMX_SET_CLOCK, &a);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &b);
	ASSERT_LE(a.clock, b.clock);
	ASSERT_GT(a.clock + 5000000000ull, b.clock);
	usleep(20000);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &a);
	ASSERT_LE(b.clock + 20000000, a.clock);
	a.flags = 1u << 31;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_CLOCK, &a));
}

TEST(tsc_khz)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_nop);
	long khz = try_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);

	ASSERT_LT(1000, khz);
	ASSERT_GT(20000000, khz);
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_TSC_KHZ, (void *)khz));
	ASSERT_EQ(khz, try_ioctl(v->fd, VMX_GET_TSC_KHZ, 0));
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_TSC_KHZ, 0));	/* 0: the host's */
	ASSERT_EQ(khz, try_ioctl(v->fd, VMX_GET_TSC_KHZ, 0));
	/* slower needs scaling by hardware */
	if (check_cap(vm->fd, VMX_CAP_TSC_CONTROL) == 0)
		ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_TSC_KHZ, (void *)(khz / 2)));
}

TEST_HARNESS_MAIN
