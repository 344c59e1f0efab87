// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's synthetic interrupts: routes to sources, their ends, automatic ends, and what the VMM is told. */
#include <sys/eventfd.h>
#include "hyperv.h"

#define VEC 0x70

static volatile u64 count, do_eoi, sint, in_service, eom;

static void on_irq(struct guest_frame *f)
{
	count++;
	in_service = xapic_read(APIC_ISR + (VEC >> 5) * 0x10) >> (VEC & 31) & 1;
	if (do_eoi)
		wrmsr(HV_EOI, 0);
}

static void guest_sources(u64 id)
{
	guest_handlers[VEC] = on_irq;
	xapic_enable();
	irqs_on();
	for (;;) {
		if (sint) {
			wrmsr(HV_SINT(2), sint);
			sint = 0;
		}
		if (eom) {
			wrmsr(HV_EOM, 0);
			eom = 0;
		}
		guest_sync(1);
		asm volatile("nop; nop");
	}
}

static struct vcpu *start(int irqfd, int resamplefd)
{
	struct { struct vmx_irq_routing head; struct vmx_irq_routing_entry e; } t = {
		.head.nr = 1,
		.e = { .gsi = 60, .type = VMX_IRQ_ROUTING_HV_SINT, .u.hv_sint = { 9, 2 } },
	};
	struct vmx_irqfd fd = { .fd = irqfd, .gsi = 60, .flags = VMX_IRQFD_FLAG_RESAMPLE,
				.resamplefd = resamplefd };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = hv_vcpu(vm, 0, guest_sources);

	hv_enable_cap(v, VMX_CAP_HYPERV_SYNIC2, 0);
	vcpu_set_msr(v, HV_VP_INDEX, 9);
	must_ioctl(vm->fd, VMX_SET_GSI_ROUTING, &t);
	if (irqfd >= 0)
		must_ioctl(vm->fd, VMX_IRQFD, &fd);
	return v;
}

TEST(route_to_a_source)
{
	int fd, resample;
	struct vcpu *v;
	eventfd_t n;

	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	fd = eventfd(0, 0);
	resample = eventfd(0, EFD_NONBLOCK);
	v = start(fd, resample);
	/* masked after reset */
	ASSERT_EQ(0x10000, vcpu_msr(v, HV_SINT(2)));
	eventfd_write(fd, 1);
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, count);
	sint = VEC;
	vcpu_expect_sync(v, 1);
	eventfd_write(fd, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, count);
	ASSERT_EQ(1, in_service);
	ASSERT_EQ(-1, eventfd_read(resample, &n));
	/* not ended: the next one waits */
	eventfd_write(fd, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, count);
}

TEST(end_is_told)
{
	int fd, resample;
	struct vcpu *v;
	eventfd_t n;

	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	fd = eventfd(0, 0);
	resample = eventfd(0, EFD_NONBLOCK);
	v = start(fd, resample);
	do_eoi = 1;
	sint = VEC;
	vcpu_expect_sync(v, 1);
	eventfd_write(fd, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, count);
	ASSERT_EQ(0, eventfd_read(resample, &n));
	ASSERT_EQ(1, n);
	/* and the end of a message, whatever the source */
	eom = 1;
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, eventfd_read(resample, &n));
}

TEST(automatic_end)
{
	int fd, resample;
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	fd = eventfd(0, 0);
	resample = eventfd(0, EFD_NONBLOCK);
	v = start(fd, resample);
	sint = VEC | HV_SINT_AUTO;
	vcpu_expect_sync(v, 1);
	for (u64 i = 1; i <= 3; i++) {
		eventfd_write(fd, 1);
		vcpu_expect_sync(v, 1);
		ASSERT_EQ(i, count);
		ASSERT_EQ(0, in_service);
	}
}

/* ---- the VMM's part ---- */

static volatile u32 msr;
static volatile u64 value;
static volatile int got;

static void guest_writes(u64 id)
{
	for (;;) {
		got = wrmsr_try(msr, value);
		guest_sync(1);
	}
}

static void expect_told(struct vcpu *v, u32 index, u64 val)
{
	msr = index;
	value = val;
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	CHECK_EQ(v->run->hyperv.type, VMX_EXIT_HYPERV_SYNIC);
	CHECK_EQ(v->run->hyperv.u.synic.msr, index);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(got, -1);
}

static int attempt(struct vcpu *v, u32 index, u64 val)
{
	msr = index;
	value = val;
	vcpu_expect_sync(v, 1);
	return got;
}

TEST(vmm_is_told)
{
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_writes);
	ASSERT_EQ(VEC_GP, attempt(v, HV_SCONTROL, 1));
	hv_enable_cap(v, VMX_CAP_HYPERV_SYNIC2, 0);
	expect_told(v, HV_SCONTROL, 1);
	expect_told(v, HV_SIMP, HV_PAGE_SLOTS | 1);
	expect_told(v, HV_SIEFP, HV_PAGE_EVENTS | 1);
	ASSERT_EQ(1, v->run->hyperv.u.synic.control);
	ASSERT_EQ(HV_PAGE_SLOTS | 1, v->run->hyperv.u.synic.msg_page);
	ASSERT_EQ(HV_PAGE_EVENTS | 1, v->run->hyperv.u.synic.evt_page);
	ASSERT_EQ(VEC_GP, attempt(v, HV_SVERSION, 1));
	ASSERT_EQ(VEC_GP, attempt(v, HV_SINT(0), 15));
	ASSERT_EQ(-1, attempt(v, HV_SINT(0), 15 | HV_SINT_MASKED));
	ASSERT_EQ(1, vcpu_msr(v, HV_SVERSION));
	/* the VMM's own writes it knows of */
	vcpu_set_msr(v, HV_SCONTROL, 0);
	ASSERT_EQ(-1, attempt(v, HV_SINT(0), 16));
}

static void with_pages(u32 cap, bool cleared)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = hv_vcpu(vm, 0, guest_writes);
	u64 *page = vm_ptr(vm, HV_PAGE_SLOTS);

	hv_enable_cap(v, cap, 0);
	page[5] = 0x1234;
	expect_told(v, HV_SIMP, HV_PAGE_SLOTS);
	CHECK_EQ(page[5], 0x1234);
	expect_told(v, HV_SIMP, HV_PAGE_SLOTS | 1);
	CHECK_EQ(page[5], cleared ? 0 : 0x1234);
	if (cleared)
		CHECK_EQ(attempt(v, HV_SIMP, TEST_MMIO | 1), VEC_GP);
	vm_close(vm);
}

/* The first form of the capability empties the pages, the second leaves them. */
TEST(pages)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	with_pages(VMX_CAP_HYPERV_SYNIC, true);
	with_pages(VMX_CAP_HYPERV_SYNIC2, false);
}

TEST(refused_capability)
{
	struct vmx_enable_cap c = { .cap = VMX_CAP_HYPERV_SYNIC2 };
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	v = vcpu_create_bare(vm_create(0), 0);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_ENABLE_CAP, &c));
	v = vcpu_create_bare(vm_create(VM_IRQCHIP), 0);
	c.args[0] = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_ENABLE_CAP, &c));
	c.args[0] = 0;
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_ENABLE_CAP, &c));
	/* what the VMM restores without checks */
	vcpu_set_msr(v, HV_SINT(15), 3);
	ASSERT_EQ(3, vcpu_msr(v, HV_SINT(15)));
}

/* ---- the local APIC's MSRs ---- */

/* An access to the APIC would take the offer of an end without one back. */
static void on_irq_quiet(struct guest_frame *f)
{
	count++;
}

static void guest_apic(u64 id)
{
	u64 val;

	guest_handlers[VEC] = on_irq;
	xapic_enable();
	wrmsr(HV_TPR, 0x80);
	GUEST_ASSERT_EQ(rdmsr(HV_TPR), 0x80);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x80);
	GUEST_ASSERT_EQ(read_cr8(), 8);
	wrmsr(HV_TPR, 0);
	GUEST_ASSERT_EQ(rdmsr_try(HV_EOI, &val), VEC_GP);
	do_eoi = 1;
	irqs_on();
	for (u64 i = 1; i <= 2; i++) {
		wrmsr(HV_ICR, (u64)id << 56 | VEC);
		guest_wait(&count, i, 1000000000);
		GUEST_ASSERT_EQ(count, i);
	}
	GUEST_ASSERT_EQ(rdmsr(HV_ICR), (u64)id << 56 | VEC);
	/* the end without an exit: the bit is the guest's to clear */
	wrmsr(HV_VP_ASSIST, HV_PAGE_IN | 1);
	guest_handlers[VEC] = on_irq_quiet;
	wrmsr(HV_ICR, (u64)id << 56 | VEC);
	guest_wait(&count, 3, 1000000000);
	GUEST_ASSERT_EQ(count, 3);
	GUEST_ASSERT(__atomic_fetch_and((volatile u32 *)HV_PAGE_IN, ~1u, __ATOMIC_SEQ_CST) & 1);
	GUEST_ASSERT_EQ(xapic_read(APIC_ISR + (VEC >> 5) * 0x10), 0);
	GUEST_ASSERT_EQ(wrmsr_try(HV_VP_ASSIST, TEST_MMIO | 1), VEC_GP);
	wrmsr(HV_VP_ASSIST, 0);
	guest_done();
}

TEST(apic_msrs)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_VAPIC);
	vcpu_expect_done(hv_vcpu(vm_create(VM_IRQCHIP), 2, guest_apic));
}

TEST_HARNESS_MAIN
