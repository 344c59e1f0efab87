// SPDX-License-Identifier: GPL-2.0-only
/* The LAPIC's page and its TPR: one register by three ways, elsewhere, gone, under a slot, and not for all. */
#include "vmxtest.h"

#define NEW_BASE 0xfed80000ull
#define PATTERN 0x5a5a0000u

static volatile u64 count[256];
static volatile bool x2;

static void on_irq(struct guest_frame *f)
{
	count[f->vector]++;
	if (x2)
		x2apic_write(APIC_EOI, 0);
	else
		xapic_eoi();
}

static void handlers(void)
{
	for (int i = 0x30; i < 0x100; i++)
		guest_handlers[i] = on_irq;
}

static u32 read_at(u64 gpa)
{
	u32 v;

	asm volatile("movl (%1), %0" : "=r"(v) : "r"(gpa) : "memory");
	return v;
}

/* ---- the TPR ---- */

static void guest_tpr_by_page(u64 id)
{
	handlers();
	xapic_enable();
	irqs_on();
	/* All eight bits are kept; CR8 shows four (SDM 3A 10.8.6). */
	xapic_write(APIC_TPR, 0x35);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x35);
	GUEST_ASSERT_EQ(read_cr8(), 3);
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0x35);
	write_cr8(9);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x90);
	guest_sync(xapic_read(APIC_PPR));
	/* the VMM has set CR8 */
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0xa0);
	GUEST_ASSERT_EQ(read_cr8(), 10);
	/* two wait; each comes when it may, and not before */
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x61);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x91);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x91], 0);
	xapic_write(APIC_TPR, 0x8f);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x91], 1);
	GUEST_ASSERT_EQ(count[0x61], 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x8f);
	xapic_write(APIC_TPR, 0x6f);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x61], 0);
	xapic_write(APIC_TPR, 0x5f);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x61], 1);
	xapic_write(APIC_TPR, 0x47);
	guest_done();
}

TEST(tpr_by_page)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_tpr_by_page);
	struct vmx_lapic_state lapic;
	struct vmx_sregs sregs;

	vcpu_expect_sync(v, 0x90);
	must_ioctl(v->fd, VMX_GET_SREGS, &sregs);
	ASSERT_EQ(9, sregs.cr8);
	must_ioctl(v->fd, VMX_GET_LAPIC, &lapic);
	ASSERT_EQ(0x90, (u8)lapic.regs[APIC_TPR]);
	sregs.cr8 = 10;
	must_ioctl(v->fd, VMX_SET_SREGS, &sregs);
	vcpu_expect_done(v);
	must_ioctl(v->fd, VMX_GET_LAPIC, &lapic);
	ASSERT_EQ(0x47, (u8)lapic.regs[APIC_TPR]);
	must_ioctl(v->fd, VMX_GET_SREGS, &sregs);
	ASSERT_EQ(4, sregs.cr8);
}

static void guest_tpr_by_msr(u64 id)
{
	handlers();
	x2 = true;
	x2apic_enable();
	irqs_on();
	x2apic_write(APIC_TPR, 0x35);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), 0x35);
	GUEST_ASSERT_EQ(read_cr8(), 3);
	write_cr8(9);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), 0x90);
	GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0x90);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_X2APIC + (APIC_TPR >> 4), 0x100), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_X2APIC + (APIC_TPR >> 4), 1ull << 32), VEC_GP);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), 0x90);
	x2apic_write(APIC_SELF_IPI, 0x61);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x61], 0);
	x2apic_write(APIC_TPR, 0x5f);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x61], 1);
	/* Without an APIC the MSR is gone: were it passed through, this would be the host's. */
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(u64)(APIC_BASE_X2APIC | APIC_BASE_ENABLE));
	u64 v;

	GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + (APIC_TPR >> 4), &v), VEC_GP);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
	GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + (APIC_TPR >> 4), &v), VEC_GP);
	/* as after power-up: SDM 3A 10.4.3 */
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0);
	GUEST_ASSERT_EQ(read_cr8(), 0);
	guest_done();
}

TEST(tpr_by_msr) { vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_tpr_by_msr)); }

/* ---- where the page is ---- */

static volatile bool covered;

static void guest_moves(u64 id)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	xapic_enable();
	/* A neighbour first: mapping it must not map the LAPIC's page as memory. */
	if (covered)
		GUEST_ASSERT_EQ(read_at(APIC_DEFAULT_BASE + PAGE_SIZE), PATTERN | 1);
	for (int i = 0; i < 3; i++) {
		GUEST_ASSERT_EQ(xapic_read(APIC_VERSION) & 0xff, 0x14);
		xapic_write(APIC_TPR, 0x21 + i);
		wrmsr(MSR_APIC_BASE, (base & 0xfff) | NEW_BASE);
		GUEST_ASSERT_EQ(read_at(NEW_BASE + APIC_VERSION) & 0xff, 0x14);
		GUEST_ASSERT_EQ(read_at(NEW_BASE + APIC_TPR), 0x21 + i);
		write_cr8(5);
		GUEST_ASSERT_EQ(read_at(NEW_BASE + APIC_TPR), 0x50);
		if (covered) {
			GUEST_ASSERT_EQ(xapic_read(0), PATTERN + i);
			xapic_write(0, PATTERN + i + 1);
			GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0);
		}
		wrmsr(MSR_APIC_BASE, base);
	}
	GUEST_ASSERT_EQ(xapic_read(APIC_VERSION) & 0xff, 0x14);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x50);
	wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0xffffffff);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_VERSION) & 0xff, 0x14);
	guest_done();
}

TEST(moved)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_moves));
}

TEST(under_a_slot)
{
	/* in-tree has a slot of its own there, or serves the VMM's memory */
	if (!device_is_vmx())
		SKIP(return, "%s takes no slot at the LAPIC's address", device_path());

	struct vm *vm = vm_create(VM_IRQCHIP);
	u32 *p = mem_alloc(16 * PAGE_SIZE);
	struct vcpu *v;

	for (int i = 0; i < 16; i++)
		p[i * PAGE_SIZE / 4] = i == 8 ? PATTERN : PATTERN | 1;
	slot_set(vm, 2, 0, APIC_DEFAULT_BASE - 8 * PAGE_SIZE, 16 * PAGE_SIZE, p);
	v = vcpu_create(vm, 0, guest_moves);
	covered = true;
	vcpu_expect_done(v);
	ASSERT_EQ(PATTERN + 3, p[8 * PAGE_SIZE / 4]);
	ASSERT_EQ(0, p[(8 * PAGE_SIZE + APIC_TPR) / 4]);
}

/* ---- two vCPUs that do not agree ---- */

static volatile u64 stage;

static void wait_for(u64 n)
{
	while (stage < n)
		guest_pause();
}

static void guest_xapic_side(u64 id)
{
	xapic_enable();
	xapic_write(APIC_TPR, 0x13);
	for (u64 n = 1; n < 8; n += 2) {
		stage = n;
		wait_for(n + 1);
		for (int i = 0; i < 10; i++) {
			GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x13);
			GUEST_ASSERT_EQ(xapic_read(APIC_ID), 0);
		}
	}
	guest_done();
}

static void guest_other_side(u64 id)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	xapic_enable();
	wait_for(1);
	GUEST_ASSERT_EQ(xapic_read(APIC_ID), 1u << 24);
	xapic_write(APIC_TPR, 0x24);
	stage = 2;
	wait_for(3);
	wrmsr(MSR_APIC_BASE, (base & 0xfff) | NEW_BASE);
	GUEST_ASSERT_EQ(read_at(NEW_BASE + APIC_TPR), 0x24);
	stage = 4;
	wait_for(5);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x24);
	GUEST_ASSERT_EQ(xapic_read(APIC_ID), 1u << 24);
	stage = 6;
	wait_for(7);
	x2apic_enable();
	GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), 0x24);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ID), 1);
	stage = 8;
	guest_done();
}

TEST(not_for_all)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *a = vcpu_create(vm, 0, guest_xapic_side);
	struct vcpu *b = vcpu_create(vm, 1, guest_other_side);
	struct vmx_mp_state runnable = { VMX_MP_STATE_RUNNABLE };

	must_ioctl(b->fd, VMX_SET_MP_STATE, &runnable);
	vcpu_start(a);
	vcpu_start(b);
	vcpu_join(a);
	vcpu_join(b);
}

TEST_HARNESS_MAIN
