// SPDX-License-Identifier: GPL-2.0-only
/* GSI routing, SIGNAL_MSI, irqfd with and without resampling. */
#include <poll.h>
#include <sys/eventfd.h>
#include "vmxtest.h"

#define MSI_ADDRESS(dest) (0xfee00000u | (u32)(dest) << 12)

static volatile u64 count[256];
static volatile bool finish, ready;

static void on_irq(struct guest_frame *f)
{
	count[f->vector]++;
	xapic_eoi();
}

static void guest_loop(u64 id)
{
	for (int i = 0x30; i < 0x100; i++)
		guest_handlers[i] = on_irq;
	xapic_enable();
	irqs_on();
	for (;;) {
		guest_sync(0);
		asm volatile("nop; nop");
	}
}

static struct vcpu *start(struct vm **vm)
{
	struct vcpu *v;

	*vm = vm_create(VM_IRQCHIP);
	v = vcpu_create(*vm, 0, guest_loop);
	vcpu_expect_sync(v, 0);
	return v;
}

static long msi(struct vm *vm, u32 dest, u32 data)
{
	struct vmx_msi m = { .address_lo = MSI_ADDRESS(dest), .data = data };

	return try_ioctl(vm->fd, VMX_SIGNAL_MSI, &m);
}

TEST(signal_msi)
{
	struct vm *vm;
	struct vcpu *v;
	struct vmx_msi bad = { .address_lo = MSI_ADDRESS(0), .data = 0x40, .flags = 0x80 };

	REQUIRE_CAP(VMX_CAP_SIGNAL_MSI);
	v = start(&vm);
	ASSERT_LT(0, msi(vm, 0, 0x40));
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(1, count[0x40]);
	/* to a CPU that is not there: 0 (blocked) or -1; nothing arrives */
	ASSERT_GE(0, msi(vm, 7, 0x41));
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(0, count[0x41]);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &bad));
}

struct table {
	struct vmx_irq_routing head;
	struct vmx_irq_routing_entry e[4];
};

static void msi_route(struct vmx_irq_routing_entry *e, u32 gsi, u32 dest, u32 vector)
{
	memset(e, 0, sizeof(*e));
	e->gsi = gsi;
	e->type = VMX_IRQ_ROUTING_MSI;
	e->u.msi.address_lo = MSI_ADDRESS(dest);
	e->u.msi.data = vector;
}

TEST(routed_msi)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	struct table t = { .head.nr = 2 };

	msi_route(&t.e[0], 40, 0, 0x55);
	msi_route(&t.e[1], 4000, 0, 0x56);
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	vm_irq_line(vm, 40, 1);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(1, count[0x55]);
	vm_irq_line(vm, 4000, 1);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(1, count[0x56]);
	/* the old, default routes are gone: the table replaces all */
	t.head.nr = 1;
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	(void)msi(vm, 0, 0x57);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(1, count[0x57]);
	ASSERT_EQ(1, count[0x56]);
}

/* One GSI to two pins. */
TEST(one_gsi_two_targets)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	struct table t = { .head.nr = 2 };
	struct vmx_irqchip chip = { 0 };

	t.e[0] = (struct vmx_irq_routing_entry){ .gsi = 50, .type = VMX_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = VMX_IRQCHIP_IOAPIC, .pin = 7 } };
	t.e[1] = (struct vmx_irq_routing_entry){ .gsi = 50, .type = VMX_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = VMX_IRQCHIP_PIC_MASTER, .pin = 5 } };
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	chip.chip_id = VMX_IRQCHIP_IOAPIC;
	must_ioctl(vm->fd, VMX_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[7].bits = 0x61;
	must_ioctl(vm->fd, VMX_SET_IRQCHIP, &chip);
	chip.chip_id = VMX_IRQCHIP_PIC_MASTER;
	must_ioctl(vm->fd, VMX_GET_IRQCHIP, &chip);
	chip.chip.pic.imr = 0xff;
	must_ioctl(vm->fd, VMX_SET_IRQCHIP, &chip);
	vm_irq_line(vm, 50, 1);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(1, count[0x61]);
	must_ioctl(vm->fd, VMX_GET_IRQCHIP, &chip);
	ASSERT_EQ(1 << 5, chip.chip.pic.irr & 1 << 5);
}

TEST(bad_routes)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct table t = { .head.nr = 1 };

	msi_route(&t.e[0], 40, 0, 0x55);
	t.e[0].type = 77;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	msi_route(&t.e[0], 4096, 0, 0x55);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	msi_route(&t.e[0], 40, 0, 0x55);
	t.e[0].flags = 8;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	msi_route(&t.e[0], 40, 0, 0x55);
	t.head.flags = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	t.head.flags = 0;
	t.head.nr = 100000;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	t.head.nr = 1;
	t.e[0] = (struct vmx_irq_routing_entry){ .gsi = 5, .type = VMX_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = VMX_IRQCHIP_IOAPIC, .pin = 24 } };
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	/* a GSI that is an MSI is nothing else */
	msi_route(&t.e[0], 50, 0, 0x61);
	t.e[1] = (struct vmx_irq_routing_entry){ .gsi = 50, .type = VMX_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = VMX_IRQCHIP_PIC_MASTER, .pin = 5 } };
	t.head.nr = 2;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
	t.head.nr = 1;
	t.e[0] = t.e[1];
	t.e[0].u.irqchip.irqchip = 9;
	t.e[0].u.irqchip.pin = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t));
}

static long irqfd(struct vm *vm, int fd, u32 gsi, u32 flags, int resample)
{
	struct vmx_irqfd r = { .fd = (u32)fd, .gsi = gsi, .flags = flags,
			       .resamplefd = (u32)resample };

	return try_ioctl(vm->fd, VMX_IRQFD, &r);
}

static void signal_fd(int fd)
{
	u64 one = 1;

	CHECK_EQ(write(fd, &one, 8), 8);
}

TEST(irqfd_edge)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	struct table t = { .head.nr = 1 };
	int fd = eventfd(0, EFD_NONBLOCK);
	u64 left;

	msi_route(&t.e[0], 24, 0, 0x70);
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	ASSERT_EQ(0, irqfd(vm, fd, 24, 0, 0));
	for (u64 i = 1; i <= 5; i++) {
		signal_fd(fd);
		/* from the eventfd's wake-up it may go by a worker */
		for (int k = 0; k < 1000 && count[0x70] < i; k++) {
			vcpu_expect_sync(v, 0);
			usleep(100);
		}
		ASSERT_EQ(i, count[0x70]);
	}
	/* the route changes under it */
	msi_route(&t.e[0], 24, 0, 0x71);
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	signal_fd(fd);
	for (int k = 0; k < 1000 && !count[0x71]; k++) {
		vcpu_expect_sync(v, 0);
		usleep(100);
	}
	ASSERT_EQ(1, count[0x71]);
	ASSERT_EQ(-EBUSY, irqfd(vm, fd, 24, 0, 0));
	ASSERT_EQ(0, irqfd(vm, fd, 24, VMX_IRQFD_FLAG_DEASSIGN, 0));
	signal_fd(fd);
	usleep(2000);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(1, count[0x71]);
	ASSERT_EQ(8, read(fd, &left, 8));	/* nobody took it */
}

/* An event that was there before the irqfd is not lost. */
TEST(irqfd_pending_event)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	struct table t = { .head.nr = 1 };
	int fd = eventfd(1, EFD_NONBLOCK);

	msi_route(&t.e[0], 24, 0, 0x70);
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	ASSERT_EQ(0, irqfd(vm, fd, 24, 0, 0));
	for (int k = 0; k < 1000 && !count[0x70]; k++) {
		vcpu_expect_sync(v, 0);
		usleep(100);
	}
	ASSERT_EQ(1, count[0x70]);
}

TEST(irqfd_bad)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	int fd = eventfd(0, 0);

	ASSERT_EQ(-EBADF, irqfd(vm, 999, 5, 0, 0));
	ASSERT_EQ(-EINVAL, irqfd(vm, 0, 5, 0, 0));	/* not an eventfd */
	ASSERT_EQ(-EINVAL, irqfd(vm, fd, 5, 0x80, 0));
	ASSERT_EQ(0, irqfd(vm, fd, 5, 0, 0));
	close(fd);	/* the VM lets it go by itself */
	vm_close(vm);
}

/* Level: the line falls at EOI, and the resample fd tells the device. */
static void guest_level(u64 id)
{
	guest_handlers[0x58] = on_irq;
	xapic_enable();
	ioapic_redirect(18, 0x8058, (u32)id);
	irqs_on();
	while (!finish)
		guest_pause();
	guest_done();
}

TEST(irqfd_resample)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_level);
	int fd = eventfd(0, 0), resample = eventfd(0, 0);
	struct pollfd p = { .fd = resample, .events = POLLIN };
	u64 n;

	REQUIRE_CAP(VMX_CAP_IRQFD_RESAMPLE);
	ASSERT_EQ(0, irqfd(vm, fd, 18, VMX_IRQFD_FLAG_RESAMPLE, resample));
	vcpu_start(v);
	for (u64 i = 1; i <= 5; i++) {
		signal_fd(fd);
		ASSERT_EQ(1, poll(&p, 1, 10000));
		ASSERT_EQ(8, read(resample, &n, 8));
		ASSERT_EQ(i, count[0x58]);
	}
	usleep(20000);
	ASSERT_EQ(5, count[0x58]);
	finish = true;
	vcpu_join(v);
}

/* An edge's EOI, too, lowers the line, so that the next signal is a new edge. */
static void guest_edge(u64 id)
{
	guest_handlers[0x58] = on_irq;
	xapic_enable();
	ioapic_redirect(18, 0x58, (u32)id);
	irqs_on();
	ready = true;
	while (!finish)
		guest_pause();
	guest_done();
}

TEST(irqfd_resample_edge)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_edge);
	int fd = eventfd(0, 0), resample = eventfd(0, 0);
	struct pollfd p = { .fd = resample, .events = POLLIN };
	u64 n;

	REQUIRE_CAP(VMX_CAP_IRQFD_RESAMPLE);
	ASSERT_EQ(0, irqfd(vm, fd, 18, VMX_IRQFD_FLAG_RESAMPLE, resample));
	vcpu_start(v);
	WAIT_UNTIL(ready, 10000);
	for (u64 i = 1; i <= 5; i++) {
		signal_fd(fd);
		ASSERT_EQ(1, poll(&p, 1, 5000));
		ASSERT_EQ(8, read(resample, &n, 8));
		ASSERT_EQ(1, n);
		ASSERT_EQ(i, count[0x58]);
	}
	finish = true;
	vcpu_join(v);
}

/* From another thread, into a vCPU that is halted. */
static void guest_halts(u64 id)
{
	guest_handlers[0x70] = on_irq;
	xapic_enable();
	irqs_off();
	ready = true;
	while (count[0x70] < 50)
		sti_hlt_cli();
	guest_done();
}

TEST(irqfd_wakes_hlt)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_halts);
	struct table t = { .head.nr = 1 };
	int fd = eventfd(0, 0);

	msi_route(&t.e[0], 24, 0, 0x70);
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	ASSERT_EQ(0, irqfd(vm, fd, 24, 0, 0));
	vcpu_start(v);
	WAIT_UNTIL(ready, 10000);
	for (u64 i = 0; i < 50; i++) {
		WAIT_UNTIL(count[0x70] == i, 10000);
		signal_fd(fd);
	}
	vcpu_join(v);
	ASSERT_EQ(50, count[0x70]);
}

TEST_HARNESS_MAIN
