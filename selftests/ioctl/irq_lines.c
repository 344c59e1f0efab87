// SPDX-License-Identifier: GPL-2.0-only
/* IRQ_LINE through IOAPIC and PIC: edge and level, EOI, masking, remote IRR; the PIT. */
#include "vmxtest.h"

static volatile u64 count[256];
static volatile bool hold;	/* keep the level line up over the EOI */

static void on_irq(struct guest_frame *f)
{
	count[f->vector]++;
	xapic_eoi();
}

static void on_pic(struct guest_frame *f)
{
	count[f->vector]++;
	if (f->vector >= 0x28)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void guest_ioapic_edge(u64 id)
{
	guest_handlers[0x50] = on_irq;
	xapic_enable();
	guest_pic_init(0x20, 0);	/* the line goes to both */
	ioapic_redirect(5, 0x50, (u32)id);
	irqs_on();
	for (u64 i = 1; i <= 5; i++) {
		guest_sync(i);
		GUEST_ASSERT_EQ(count[0x50], i);
	}
	ioapic_redirect(5, 0x10050, (u32)id);	/* masked: an edge is lost, not kept */
	guest_sync(10);
	GUEST_ASSERT_EQ(count[0x50], 5);
	guest_done();
}

TEST(ioapic_edge)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_ioapic_edge);

	for (u64 i = 1; i <= 5; i++) {
		vcpu_expect_sync(v, i);
		vm_irq_line(vm, 5, 1);
		vm_irq_line(vm, 5, 1);	/* no second edge */
		vm_irq_line(vm, 5, 0);
	}
	vcpu_expect_sync(v, 10);
	vm_irq_line(vm, 5, 1);
	vm_irq_line(vm, 5, 0);
	vcpu_expect_done(v);
}

static volatile u64 level_limit;

static void on_level(struct guest_frame *f)
{
	u64 n = ++count[f->vector];

	if (n == level_limit)
		guest_sync(0x1e7e1);	/* the host drops the line */
	xapic_eoi();
}

static void guest_ioapic_level(u64 id)
{
	guest_handlers[0x51] = on_level;
	xapic_enable();
	level_limit = 4;
	ioapic_redirect(20, 0x8051, (u32)id);
	irqs_on();
	guest_sync(1);
	/* as long as the line is up each EOI brings it again */
	GUEST_ASSERT_EQ(count[0x51], 4);
	GUEST_ASSERT_EQ(ioapic_read(0x10 + 40) & 0x4000, 0);
	guest_done();
}

TEST(ioapic_level)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_ioapic_level);

	vcpu_expect_sync(v, 1);
	vm_irq_line(vm, 20, 1);
	vcpu_expect_sync(v, 0x1e7e1);
	vm_irq_line(vm, 20, 0);
	vcpu_expect_done(v);
}

static void guest_level_masked(u64 id)
{
	guest_handlers[0x52] = on_level;
	xapic_enable();
	level_limit = 1;
	ioapic_redirect(21, 0x18052, (u32)id);
	irqs_on();
	guest_sync(1);
	GUEST_ASSERT_EQ(count[0x52], 0);
	ioapic_redirect(21, 0x8052, (u32)id);	/* unmasked: the level is still there */
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x52], 1);
	guest_done();
}

TEST(ioapic_level_unmasked)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_level_masked);

	vcpu_expect_sync(v, 1);
	vm_irq_line(vm, 21, 1);
	vcpu_expect_sync(v, 0x1e7e1);
	vm_irq_line(vm, 21, 0);
	vcpu_expect_done(v);
}

static void guest_ioapic_registers(u64 id)
{
	GUEST_ASSERT_EQ(ioapic_read(1) >> 16 & 0xff, IOAPIC_PINS - 1);
	/* an index that is not there: nothing happens, and nothing is overrun */
	for (u32 i = 0; i < 256; i++) {
		if (i >= 0x10 && i < 0x10 + 2 * IOAPIC_PINS)
			continue;
		ioapic_write(i, 0xffffffff);
		(void)ioapic_read(i);
	}
	for (u32 i = 0; i < IOAPIC_PINS; i++)
		GUEST_ASSERT(ioapic_read(0x10 + 2 * i) & 0x10000);
	ioapic_write(0x10 + 2 * 23, 0x00018077);
	GUEST_ASSERT_EQ(ioapic_read(0x10 + 2 * 23), 0x00018077);
	guest_done();
}

TEST(ioapic_index_out_of_range)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_ioapic_registers);

	vcpu_expect_done(v);
}

static void guest_pic(u64 id)
{
	guest_handlers[0x23] = guest_handlers[0x29] = on_pic;
	xapic_enable();
	xapic_write(APIC_LVT0, APIC_DM_EXTINT);	/* virtual wire */
	guest_pic_init(0x20, 1 << 2 | 1 << 3 | 1 << 9);
	irqs_on();
	guest_sync(1);
	GUEST_ASSERT_EQ(count[0x23], 1);
	guest_sync(2);
	GUEST_ASSERT_EQ(count[0x29], 1);
	/* masked, then open: an edge stays in the PIC's IRR while the line is up */
	outb(0x21, 0xff);
	guest_sync(3);
	GUEST_ASSERT_EQ(count[0x23], 1);
	outb(0x20, 0x0a);			/* OCW3: read IRR */
	GUEST_ASSERT_EQ(inb(0x20) & 8, 8);
	outb(0x21, 0xf3);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x23], 2);
	GUEST_ASSERT_EQ(inb(0x21), 0xf3);
	guest_done();
}

TEST(pic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_pic);

	vcpu_expect_sync(v, 1);
	vm_irq_line(vm, 3, 1);
	vm_irq_line(vm, 3, 0);
	vcpu_expect_sync(v, 2);
	vm_irq_line(vm, 9, 1);
	vm_irq_line(vm, 9, 0);
	vcpu_expect_sync(v, 3);
	vm_irq_line(vm, 3, 1);
	vcpu_expect_done(v);
}

static void guest_pit_pic(u64 id)
{
	guest_handlers[0x20] = on_pic;
	xapic_enable();
	xapic_write(APIC_LVT0, APIC_DM_EXTINT);
	guest_pic_init(0x20, 1);
	guest_pit_start(2, 11932);		/* 10 ms */
	irqs_on();
	guest_wait(&count[0x20], 5, 30000000000ull);
	GUEST_ASSERT(count[0x20] >= 5);
	guest_done();
}

TEST(pit_through_pic)
{
	struct vm *vm = vm_create(VM_PIT);
	u64 start = now_ms();

	vcpu_expect_done(vcpu_create(vm, 0, guest_pit_pic));
	ASSERT_LE(45, now_ms() - start);
}

/* Interrupts stay off for 27 ticks; then the guest wants 25 more than it has had. */
static void guest_slow_pit(u64 id)
{
	count[0x20] = 0;			/* VMs share the program's memory */
	guest_handlers[0x20] = on_pic;
	xapic_enable();
	xapic_write(APIC_LVT0, APIC_DM_EXTINT);
	guest_pic_init(0x20, 1);
	guest_pit_start(2, 0xffff);		/* 54.9 ms */
	guest_sync(1);
	irqs_on();
	guest_wait(&count[0x20], 25, 30000000000ull);
	GUEST_ASSERT(count[0x20] >= 25);
	guest_done();
}

/* How long it takes to get them, in ms: next to nothing if they were kept, 24 periods (1,318 ms) if not. */
static u64 late_ticks(u8 reinject)
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *v = vcpu_create(vm, 0, guest_slow_pit);
	struct vmx_reinject_control control = { .pit_reinject = reinject };
	u64 start;

	if (reinject != 2)
		must_ioctl(vm->fd, VMX_REINJECT_CONTROL, &control);
	vcpu_expect_sync(v, 1);
	usleep(1500000);
	start = now_ms();
	vcpu_expect_done(v);
	return now_ms() - start;
}

TEST(pit_reinjects)
{
	struct vmx_reinject_control control = { .pit_reinject = 1 };
	struct vm *vm = vm_create(VM_IRQCHIP);

	ASSERT_GT(1200, late_ticks(2));		/* as it is without the ioctl */
	ASSERT_GT(1200, late_ticks(1));
	ASSERT_LE(1200, late_ticks(0));
	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_REINJECT_CONTROL, &control));
	vm = vm_create(VM_PIT);
	ASSERT_EQ(-EFAULT, try_ioctl(vm->fd, VMX_REINJECT_CONTROL, NULL));
}

static void guest_pit_ioapic(u64 id)
{
	u64 seen;

	guest_handlers[0x40] = on_irq;
	xapic_enable();
	guest_pic_init(0x20, 0);
	ioapic_redirect(0, 0x40, (u32)id);	/* default routes: GSI n is pin n */
	guest_pit_start(2, 11932);
	irqs_on();
	guest_wait(&count[0x40], 5, 30000000000ull);
	GUEST_ASSERT(count[0x40] >= 5);
	/* the counter runs down between two latches */
	outb(0x43, 0);
	u16 a = inb(0x40);

	a |= (u16)(inb(0x40) << 8);
	GUEST_ASSERT(a <= 11932);
	/* one shot: a single interrupt */
	guest_pit_start(0, 1193);
	do {
		seen = count[0x40];
		guest_wait(&count[0x40], ~0ull, 100000000);
	} while (seen != count[0x40]);
	count[0x40] = 0;
	guest_pit_start(0, 1193);		/* 1 ms */
	guest_wait(&count[0x40], 1, 30000000000ull);
	GUEST_ASSERT_EQ(count[0x40], 1);
	guest_wait(&count[0x40], 2, 50000000);
	GUEST_ASSERT_EQ(count[0x40], 1);
	guest_done();
}

TEST(pit_through_ioapic)
{
	struct vm *vm = vm_create(VM_PIT);
	u64 start = now_ms();

	vcpu_expect_done(vcpu_create(vm, 0, guest_pit_ioapic));
	ASSERT_LE(45, now_ms() - start);
}

static void guest_speaker(u64 id)
{
	u8 v;

	outb(0x43, 0xb6);
	outb(0x42, 100);
	outb(0x42, 0);
	outb(0x61, 1);				/* gate of channel 2 */
	v = inb(0x61);
	GUEST_ASSERT_EQ(v & 3, 1);
	/* its output is bit 5: it has to change */
	for (u64 start = rdtsc(); (inb(0x61) & 0x20) == (v & 0x20); )
		GUEST_ASSERT(rdtsc() - start < 10000000000ull);
	outb(0x61, 0);
	guest_done();
}

TEST(speaker_port)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_PIT), 0, guest_speaker));
}

TEST(bad_line)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_irq_level l = { .irq = 5000, .level = 1 };
	long ret = try_ioctl(vm->fd, VMX_IRQ_LINE, &l);

	/* a GSI without a route: nobody listens */
	ASSERT_TRUE(ret == 0 || ret == -EINVAL);
	l.irq = 0xffffffff;
	ret = try_ioctl(vm->fd, VMX_IRQ_LINE, &l);
	ASSERT_TRUE(ret == 0 || ret == -EINVAL);
}

TEST_HARNESS_MAIN
