// SPDX-License-Identifier: GPL-2.0-only
/* IPIs of one vCPU to itself: xAPIC and x2APIC, priorities, IRR and ISR. */
#include "vmxtest.h"

static volatile u64 count[256];
static volatile u8 order[16];
static volatile u32 order_len;
static volatile bool x2;

static void on_irq(struct guest_frame *f)
{
	count[f->vector]++;
	if (order_len < 16)
		order[order_len++] = (u8)f->vector;
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

static void guest_xapic(u64 id)
{
	handlers();
	xapic_enable();
	irqs_on();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x40], 1);
	GUEST_ASSERT_EQ(xapic_read(APIC_ICR) & APIC_ICR_BUSY, 0);
	/* physical destination: the own id */
	xapic_icr((u32)id, APIC_INT_ASSERT | 0x41);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x41], 1);
	/* broadcast with itself */
	xapic_icr(0, APIC_DEST_ALL | APIC_INT_ASSERT | 0x42);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x42], 1);
	/* all but itself */
	xapic_icr(0, APIC_DEST_ALLBUT | APIC_INT_ASSERT | 0x43);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x43], 0);
	/* the lowest priority among the others: nobody is there (SDM 3A table 11-3) */
	xapic_icr(0, APIC_DEST_ALLBUT | APIC_DM_LOWEST | APIC_INT_ASSERT | 0x43);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x43], 0);
	/* logical, flat */
	xapic_write(APIC_DFR, 0xffffffff);
	xapic_write(APIC_LDR, 0x04000000);
	xapic_icr(0x04, APIC_DEST_LOGICAL | APIC_INT_ASSERT | 0x44);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x44], 1);
	xapic_icr(0x02, APIC_DEST_LOGICAL | APIC_INT_ASSERT | 0x44);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x44], 1);
	guest_done();
}

/* A register that is not there: the error interrupt comes at once (SDM 3A 11.5.3). */
static void guest_missing_register(u64 id)
{
	handlers();
	xapic_enable();
	xapic_write(APIC_LVTERR, 0xf3);
	irqs_on();
	(void)xapic_read(0x40);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0xf3], 1);
	xapic_write(APIC_ESR, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_ESR), 1u << 7);
	xapic_write(APIC_ESR, 0);
	xapic_write(0x40, 0);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0xf3], 2);
	guest_done();
}

static void guest_priorities(u64 id)
{
	handlers();
	xapic_enable();
	irqs_off();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x51);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x91);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x71);
	/* merged with the one that is pending */
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x71);
	GUEST_ASSERT_EQ(xapic_read(APIC_IRR + 0x20), 1u << 0x11);
	GUEST_ASSERT_EQ(xapic_read(APIC_IRR + 0x30), 1u << 0x11);
	GUEST_ASSERT_EQ(xapic_read(APIC_IRR + 0x40), 1u << 0x11);
	GUEST_ASSERT_EQ(order_len, 0);
	irqs_on();
	asm volatile("nop; nop; nop");
	GUEST_ASSERT_EQ(order_len, 3);
	GUEST_ASSERT_EQ(order[0], 0x91);
	GUEST_ASSERT_EQ(order[1], 0x71);
	GUEST_ASSERT_EQ(order[2], 0x51);
	GUEST_ASSERT_EQ(xapic_read(APIC_IRR + 0x20), 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_ISR + 0x20), 0);
	guest_done();
}

/* The task priority holds back its class and those below: SDM 3A 10.8.3.1 */
static void guest_tpr(u64 id)
{
	handlers();
	xapic_enable();
	irqs_on();
	xapic_write(APIC_TPR, 0x60);
	GUEST_ASSERT_EQ(read_cr8(), 6);
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0x60);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x61);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x61], 0);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x71);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x71], 1);
	write_cr8(5);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x61], 1);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x50);
	write_cr8(15);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0xf1);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0xf1], 0);
	write_cr8(0);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0xf1], 1);
	guest_done();
}

static void guest_x2apic(u64 id)
{
	u64 v;

	handlers();
	x2 = true;
	x2apic_enable();
	GUEST_ASSERT_EQ(x2apic_read(APIC_ID), id);
	/* SDM 3A 10.12.10.2: logical id from the x2APIC id */
	GUEST_ASSERT_EQ(x2apic_read(APIC_LDR), (id >> 4) << 16 | 1u << (id & 15));
	irqs_on();
	x2apic_write(APIC_SELF_IPI, 0x40);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x40], 1);
	x2apic_write(APIC_ICR, id << 32 | APIC_INT_ASSERT | 0x41);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x41], 1);
	x2apic_write(APIC_ICR, APIC_DEST_SELF | 0x42);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x42], 1);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ICR), APIC_DEST_SELF | 0x42);
	/* registers that are not there, or reserved bits: #GP */
	GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + 0x31, &v), VEC_GP);	/* ICR2 */
	GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + 0x0e, &v), VEC_GP);	/* DFR */
	GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + 0x3f, &v), VEC_GP);	/* self IPI: write only */
	GUEST_ASSERT_EQ(wrmsr_try(MSR_X2APIC + 0x02, 0), VEC_GP);	/* id: read only */
	/* from x2APIC straight back to xAPIC is refused: SDM 3A 10.12.5 */
	GUEST_ASSERT_EQ(wrmsr_try(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(u64)APIC_BASE_X2APIC),
			VEC_GP);
	guest_done();
}

/* A software-disabled APIC takes nothing but NMI, INIT, SIPI: SDM 3A 10.4.7.2 */
static void guest_disabled(u64 id)
{
	handlers();
	xapic_enable();
	xapic_write(APIC_SPIV, 0xff);
	irqs_on();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x40], 0);
	/* every LVT entry is masked by it */
	GUEST_ASSERT(xapic_read(APIC_LVTT) & APIC_LVT_MASKED);
	xapic_write(APIC_LVTT, VEC_GP + 0x30);
	GUEST_ASSERT(xapic_read(APIC_LVTT) & APIC_LVT_MASKED);
	/* hardware-disabled: gone from memory and from CPUID */
	u32 a, b, c, d;

	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(u64)APIC_BASE_ENABLE);
	guest_cpuid(1, 0, &a, &b, &c, &d);
	GUEST_ASSERT(!(d >> 9 & 1));
	/* in-tree's quirk LAPIC_MMIO_HOLE, on by default: no exit, all ones */
	GUEST_ASSERT_EQ(*(volatile u32 *)(APIC_DEFAULT_BASE + APIC_VERSION), 0xffffffff);
	guest_done();
}

static struct vcpu *start(void (*entry)(u64), int id)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	return vcpu_create(vm, id, entry);
}

TEST(xapic) { vcpu_expect_done(start(guest_xapic, 0)); }
TEST(xapic_other_id) { vcpu_expect_done(start(guest_xapic, 5)); }
TEST(priorities) { vcpu_expect_done(start(guest_priorities, 0)); }
TEST(task_priority) { vcpu_expect_done(start(guest_tpr, 0)); }
TEST(x2apic) { vcpu_expect_done(start(guest_x2apic, 0)); }
TEST(x2apic_id_35) { vcpu_expect_done(start(guest_x2apic, 35)); }

TEST(disabled) { vcpu_expect_done(start(guest_disabled, 0)); }

TEST(error_interrupt)
{
	/* in-tree keeps no error status */
	if (!device_is_vmx())
		SKIP(return, "%s records no APIC errors", device_path());
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_missing_register));
}

TEST_HARNESS_MAIN
