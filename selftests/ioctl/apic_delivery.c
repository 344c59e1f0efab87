// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest sees of its LAPIC whoever delivers the interrupts, software or the CPU: registers in nested
 * handlers, side effects of writes, state that the VMM takes and sets in the middle, interrupts from other
 * CPUs. And where the CPU is to do it, that it does: by the exits that are not there.
 */
#include <sched.h>
#include "vmxtest.h"

static volatile u64 count[256], order[8], n_order;
static volatile bool x2, finish, hold;

static u64 reg(u32 r)
{
	return x2 ? x2apic_read(r) : xapic_read(r);
}

static void reg_set(u32 r, u32 v)
{
	if (x2)
		x2apic_write(r, v);
	else
		xapic_write(r, v);
}

static void enable(bool in_x2)
{
	x2 = in_x2;
	if (in_x2)
		x2apic_enable();
	else
		xapic_enable();
}

static void send_self(u8 vector)
{
	if (x2)
		x2apic_write(APIC_SELF_IPI, vector);
	else
		xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | vector);
}

static bool bit(u32 bank, u8 vector)
{
	return reg(bank + vector / 32 * 16) >> (vector % 32) & 1;
}

static void on_plain(struct guest_frame *f)
{
	order[n_order++ & 7] = f->vector;
	count[f->vector]++;
	reg_set(APIC_EOI, 0);
}

/* ---- nesting ---- */

static void on_outer(struct guest_frame *f)
{
	GUEST_ASSERT(bit(APIC_ISR, 0x55) && !bit(APIC_IRR, 0x55));
	GUEST_ASSERT_EQ(reg(APIC_PPR), 0x50);
	send_self(0x91);
	send_self(0x41);
	send_self(0x56);	/* of the same class: waits */
	GUEST_ASSERT(bit(APIC_IRR, 0x91) && bit(APIC_IRR, 0x41) && bit(APIC_IRR, 0x56));
	GUEST_ASSERT_EQ(n_order, 0);
	irqs_on();
	asm volatile("nop; nop");
	irqs_off();
	GUEST_ASSERT_EQ(n_order, 1);
	GUEST_ASSERT(!bit(APIC_IRR, 0x91) && !bit(APIC_ISR, 0x91) && bit(APIC_ISR, 0x55));
	/* The task priority does not come below what is in service. */
	reg_set(APIC_TPR, 0x47);
	GUEST_ASSERT_EQ(reg(APIC_PPR), 0x50);
	reg_set(APIC_TPR, 0x57);
	GUEST_ASSERT_EQ(reg(APIC_PPR), 0x57);
	reg_set(APIC_EOI, 0);
	GUEST_ASSERT(!bit(APIC_ISR, 0x55));
	irqs_on();
	asm volatile("nop; nop");
	irqs_off();
	GUEST_ASSERT_EQ(n_order, 1);	/* the TPR holds both back */
}

static void guest_nested(u64 in_x2)
{
	for (int i = 0x40; i < 0x100; i++)
		guest_handlers[i] = on_plain;
	guest_handlers[0x55] = on_outer;
	enable(in_x2);
	irqs_on();
	send_self(0x55);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(n_order, 1);
	reg_set(APIC_TPR, 0x4f);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(n_order, 2);
	write_cr8(0);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(n_order, 3);
	GUEST_ASSERT(order[0] == 0x91 && order[1] == 0x56 && order[2] == 0x41);
	GUEST_ASSERT_EQ(reg(APIC_PPR), 0);
	/* An EOI of nothing. */
	reg_set(APIC_EOI, 0);
	send_self(0x60);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(n_order, 4);
	guest_done();
}

static void guest_nested_xapic(u64 id)
{
	guest_nested(false);
}

static void guest_nested_x2apic(u64 id)
{
	guest_nested(true);
}

TEST(nested_xapic)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_nested_xapic));
}

TEST(nested_x2apic)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_nested_x2apic));
}

/* ---- writes that do more than store ---- */

static void guest_writes(u64 id)
{
	guest_handlers[0x48] = on_plain;
	enable(false);
	irqs_on();
	/* From a running timer to deadline mode: stopped, and the count is not writable (SDM 3A 10.5.4.1). */
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, APIC_LVT_MASKED | 0x48);
	xapic_write(APIC_TMICT, 0x40000000);
	GUEST_ASSERT(xapic_read(APIC_TMCCT));
	GUEST_ASSERT_EQ(xapic_read(APIC_TMICT), 0x40000000);
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | APIC_LVT_MASKED | 0x48);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
	xapic_write(APIC_TMICT, 0x1234);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMICT), 0);
	xapic_write(APIC_LVTT, 0x48);
	xapic_write(APIC_TMICT, 1000);
	guest_wait(&count[0x48], 1, 10000000000ull);
	GUEST_ASSERT_EQ(count[0x48], 1);
	/* Reserved bits read as 0, or as 1 in the DFR. */
	xapic_write(APIC_LVT0, 0xffffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT0) & ~0x1a7ffu, 0);
	xapic_write(APIC_LVT0, APIC_LVT_MASKED);
	xapic_write(APIC_DFR, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_DFR), 0x0fffffff);
	xapic_write(APIC_DFR, 0xffffffff);
	xapic_write(APIC_LDR, 0x12345678);
	GUEST_ASSERT_EQ(xapic_read(APIC_LDR), 0x12000000);
	xapic_write(APIC_ICR2, 0x5affffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_ICR2), 0x5a000000);
	/* Disabled by software: the local vectors are masked and stay so. */
	xapic_write(APIC_LVT0, 0x700);
	xapic_write(APIC_SPIV, 0xff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT0), APIC_LVT_MASKED | 0x700);
	xapic_write(APIC_LVT0, 0x700);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT0), APIC_LVT_MASKED | 0x700);
	xapic_write(APIC_SPIV, 0x1ff);
	xapic_write(APIC_LVT0, 0x700);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT0), 0x700);
	/* An illegal vector is not sent (10.5.3). */
	xapic_write(APIC_ESR, 0);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 5);
	GUEST_ASSERT_EQ(xapic_read(APIC_IRR), 0);
	xapic_write(APIC_ESR, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_ESR), 1u << 5);
	guest_done();
}

TEST(writes)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_writes));
}

static void guest_x2_refusals(u64 id)
{
	u64 v;

	enable(true);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_X2APIC + (APIC_EOI >> 4), 1), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_X2APIC + (APIC_TPR >> 4), 0x100), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_X2APIC + (APIC_SELF_IPI >> 4), 0x131), VEC_GP);
	for (u32 i = 0; i < 0x100; i++) {
		bool there = i == 2 || i == 3 || i == 8 || i == 0xa || i == 0xd || i == 0xf ||
			     (i >= 0x10 && i <= 0x28) || i == 0x30 || (i >= 0x32 && i <= 0x39) || i == 0x3e;

		if (i == 0x2f)	/* CMCI: if the VMM asks for it */
			continue;
		GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + i, &v), there ? -1 : VEC_GP);
	}
	guest_done();
}

TEST(x2_refusals)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_x2_refusals));
}

/* ---- the VMM looks, and changes something, while a handler runs ---- */

static void on_telling(struct guest_frame *f)
{
	send_self(0x41);
	send_self(0x72);
	guest_sync(0x50);
	reg_set(APIC_EOI, 0);
}

static void guest_state(u64 id)
{
	for (int i = 0x40; i < 0x100; i++)
		guest_handlers[i] = on_plain;
	guest_handlers[0x50] = on_telling;
	enable(false);
	irqs_on();
	send_self(0x50);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(n_order, 2);
	GUEST_ASSERT(order[0] == 0x72 && order[1] == 0x61);
	GUEST_ASSERT_EQ(reg(APIC_ISR + 0x20), 0);
	guest_done();
}

TEST(state_in_a_handler)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_state);
	struct vmx_lapic_state l;

	vcpu_expect_sync(v, 0x50);
	must_ioctl(v->fd, VMX_GET_LAPIC, &l);
	ASSERT_EQ(1u << 0x10, *(u32 *)&l.regs[APIC_ISR + 0x20]);
	ASSERT_EQ(1u << 1, *(u32 *)&l.regs[APIC_IRR + 0x20]);
	ASSERT_EQ(1u << 0x12, *(u32 *)&l.regs[APIC_IRR + 0x30]);
	ASSERT_EQ(0x50u, *(u32 *)&l.regs[APIC_PPR]);
	*(u32 *)&l.regs[APIC_IRR + 0x20] = 0;
	*(u32 *)&l.regs[APIC_IRR + 0x30] |= 1u << 1;
	must_ioctl(v->fd, VMX_SET_LAPIC, &l);
	vcpu_expect_done(v);
}

/* The VMM ends what is in service: what that held back comes. */
static void on_ended(struct guest_frame *f)
{
	send_self(0x51);
	guest_sync(1);
	irqs_on();
	asm volatile("nop; nop");
	irqs_off();
	GUEST_ASSERT_EQ(count[0x51], 1);
}

static void guest_ended(u64 id)
{
	guest_handlers[0x51] = on_plain;
	guest_handlers[0x50] = on_ended;
	enable(true);
	irqs_on();
	send_self(0x50);
	asm volatile("nop; nop");
	guest_done();
}

TEST(ended_by_the_vmm)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_ended);
	struct vmx_lapic_state l;

	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_GET_LAPIC, &l);
	*(u32 *)&l.regs[APIC_ISR + 0x20] = 0;
	must_ioctl(v->fd, VMX_SET_LAPIC, &l);
	vcpu_expect_done(v);
}

/* ---- what the CPU is to do by itself ---- */

#define ROUNDS 1000

static void guest_rounds(u64 id)
{
	guest_handlers[0x40] = on_plain;
	enable(true);
	irqs_on();
	guest_sync(0);
	for (int i = 0; i < ROUNDS; i++)
		send_self(0x40);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count[0x40], ROUNDS);
	guest_sync(1);
	guest_done();
}

TEST(no_exits)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_rounds);
	long before, exits;

	vcpu_expect_sync(v, 0);
	before = vcpu_counter("exits");
	vcpu_expect_sync(v, 1);
	exits = vcpu_counter("exits") - before;
	vcpu_expect_done(v);
	if (!vt_parameter("apicv") || before < 0)
		SKIP(return, "the CPU delivers no interrupts by itself, or is not to");
	ASSERT_LE(exits, ROUNDS / 10);
}

/* ---- from other CPUs, while it runs ---- */

static void guest_spins(u64 id)
{
	guest_handlers[0x66] = on_plain;
	guest_handlers[0x67] = on_plain;
	enable(true);
	irqs_on();
	hold = true;
	while (!finish)
		asm volatile("pause" : : : "memory");
	guest_done();
}

static void run_on(pthread_t thread, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	/* One CPU: both are there. */
	pthread_setaffinity_np(thread, sizeof(one), &one);
}

TEST(from_elsewhere)
{
	struct vmx_msi msi = { .address_lo = APIC_DEFAULT_BASE, .data = 0x66 };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_spins);
	bool two = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	long before, exits;

	vcpu_start(v);
	run_on(v->thread, two ? 1 : 0);
	run_on(pthread_self(), 0);
	WAIT_UNTIL(hold, 20000);
	before = vcpu_counter("exits");
	for (u64 i = 1; i <= 300; i++) {
		ASSERT_EQ(1, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
		if (two)
			while (count[0x66] != i)
				;
		else
			WAIT_UNTIL(count[0x66] == i, 20000);
	}
	exits = vcpu_counter("exits") - before;
	/* Two at a time, of which the lower one waits. */
	for (u64 i = 1; i <= 300; i++) {
		msi.data = 0x66;
		try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
		msi.data = 0x67;
		ASSERT_EQ(1, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
		WAIT_UNTIL(count[0x67] == i && count[0x66] == 300 + i, 20000);
	}
	finish = true;
	vcpu_join(v);
	if (!two || !vt_parameter("posted_intr") || before < 0)
		SKIP(return, "they came; the CPU takes none without an exit here (%ld exits)", exits);
	ASSERT_LE(exits, 150);
}

TEST_HARNESS_MAIN
