// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's timer: one-shot, periodic, TSC-deadline, masked, stopped, divided. */
#include "vmxtest.h"

#define VEC 0xec

static volatile u64 ticks, last_tsc;
static volatile bool x2;
static u64 tsc_khz;

static void on_tick(struct guest_frame *f)
{
	last_tsc = rdtsc();
	ticks++;
	if (x2)
		x2apic_write(APIC_EOI, 0);
	else
		xapic_eoi();
}

static void setup(void)
{
	guest_handlers[VEC] = on_tick;
	xapic_enable();
	xapic_write(APIC_TDCR, 0xb);	/* divide by 1 */
	irqs_on();
}

#define MS(n) (tsc_khz * (n))

static void guest_oneshot(u64 id)
{
	u64 start;

	setup();
	xapic_write(APIC_LVTT, APIC_TIMER_ONESHOT | VEC);
	start = rdtsc();
	xapic_write(APIC_TMICT, 5000000);	/* 5 ms: the APIC bus counts 1 GHz */
	GUEST_ASSERT(xapic_read(APIC_TMCCT) > 0 || rdtsc() - start >= MS(5));
	guest_wait(&ticks, 1, MS(3000));
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT(last_tsc - start >= MS(5) - MS(5) / 20);
	guest_wait(&ticks, 2, MS(30));		/* no second one */
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
	guest_done();
}

static void guest_periodic(u64 id)
{
	u64 start;

	setup();
	xapic_write(APIC_LVTT, APIC_TIMER_PERIODIC | VEC);
	start = rdtsc();
	xapic_write(APIC_TMICT, 4000000);
	guest_wait(&ticks, 10, MS(10000));
	GUEST_ASSERT(ticks >= 10);
	GUEST_ASSERT(rdtsc() - start >= MS(36));
	xapic_write(APIC_TMICT, 0);		/* stops it: SDM 3A 10.5.4 */
	ticks = 0;
	guest_wait(&ticks, 2, MS(30));
	GUEST_ASSERT(ticks <= 1);		/* one may have been under way */
	guest_done();
}

static void guest_masked(u64 id)
{
	setup();
	xapic_write(APIC_LVTT, APIC_LVT_MASKED | APIC_TIMER_ONESHOT | VEC);
	xapic_write(APIC_TMICT, 1000000);
	guest_wait(&ticks, 1, MS(20));
	GUEST_ASSERT_EQ(ticks, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
	guest_done();
}

static void guest_divider(u64 id)
{
	u64 start;

	setup();
	xapic_write(APIC_TDCR, 0x2);		/* divide by 8 */
	xapic_write(APIC_LVTT, APIC_TIMER_ONESHOT | VEC);
	start = rdtsc();
	xapic_write(APIC_TMICT, 1000000);	/* 8 ms */
	guest_wait(&ticks, 1, MS(3000));
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT(last_tsc - start >= MS(8) - MS(8) / 20);
	guest_done();
}

static void guest_deadline(u64 id)
{
	u64 start = rdtsc(), target = start + MS(5);

	setup();
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | VEC);
	/* the initial count is ignored in this mode */
	xapic_write(APIC_TMICT, 100);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
	wrmsr(MSR_TSC_DEADLINE, target);
	guest_wait(&ticks, 1, MS(3000));
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT(last_tsc >= target);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);	/* SDM 3A 10.5.4.1: cleared */
	/* one that is past fires at once */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() - 1000);
	guest_wait(&ticks, 2, MS(3000));
	GUEST_ASSERT_EQ(ticks, 2);
	/* zero disarms */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + MS(20));
	wrmsr(MSR_TSC_DEADLINE, 0);
	guest_wait(&ticks, 3, MS(60));
	GUEST_ASSERT_EQ(ticks, 2);
	guest_done();
}

/* A deadline that passes under the mask is gone (SDM 3A 10.5.4.1): unmasking brings no interrupt. */
static void guest_deadline_masked(u64 id)
{
	u64 unused = 0;

	setup();
	xapic_write(APIC_LVTT, APIC_LVT_MASKED | APIC_TIMER_DEADLINE | VEC);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + MS(2));
	guest_wait(&unused, 1, MS(10));
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | VEC);
	guest_wait(&ticks, 1, MS(20));
	GUEST_ASSERT_EQ(ticks, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* one that is still ahead is kept */
	xapic_write(APIC_LVTT, APIC_LVT_MASKED | APIC_TIMER_DEADLINE | VEC);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + MS(20));
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | VEC);
	guest_wait(&ticks, 1, MS(3000));
	GUEST_ASSERT_EQ(ticks, 1);
	guest_done();
}

/* HLT until the timer: each wakes exactly as often as it fired. */
static void guest_hlt_wake(u64 id)
{
	x2 = true;
	guest_handlers[VEC] = on_tick;
	x2apic_enable();
	x2apic_write(APIC_TDCR, 0xb);
	x2apic_write(APIC_LVTT, APIC_TIMER_ONESHOT | VEC);
	for (u64 i = 1; i <= 20; i++) {
		x2apic_write(APIC_TMICT, 500000);
		sti_hlt_cli();
		GUEST_ASSERT_EQ(ticks, i);
	}
	guest_done();
}

static void run(void (*entry)(u64))
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, entry);

	tsc_khz = (u64)must_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);
	vcpu_expect_done(v);
}

TEST(oneshot) { run(guest_oneshot); }
TEST(periodic) { run(guest_periodic); }
TEST(masked) { run(guest_masked); }
TEST(divider) { run(guest_divider); }
TEST(hlt_wake) { run(guest_hlt_wake); }

TEST(deadline)
{
	REQUIRE_CAP(VMX_CAP_TSC_DEADLINE_TIMER);
	run(guest_deadline);
}

TEST(deadline_masked)
{
	REQUIRE_CAP(VMX_CAP_TSC_DEADLINE_TIMER);
	if (!device_is_vmx())
		SKIP(return, "%s keeps it until the guest unmasks the timer", device_path());
	run(guest_deadline_masked);
}

/* The VMM looks at a timer that ran out while no vCPU ran, and moves the state. */
static void guest_arms(u64 id)
{
	setup();
	irqs_off();
	xapic_write(APIC_LVTT, id ? APIC_TIMER_DEADLINE | VEC : APIC_TIMER_ONESHOT | VEC);
	if (id)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + MS(3));
	else
		xapic_write(APIC_TMICT, 3000000);
	guest_sync(1);
	irqs_on();
	guest_wait(&ticks, 1, MS(3000));
	GUEST_ASSERT_EQ(ticks, 1);
	guest_done();
}

static void ran_out(int id, bool wait)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, id, guest_arms);
	struct vmx_lapic_state state;
	u32 irr;

	ticks = 0;
	tsc_khz = (u64)must_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);
	vcpu_expect_sync(v, 1);
	if (wait)
		usleep(20000);
	must_ioctl(v->fd, VMX_GET_LAPIC, &state);
	memcpy(&irr, state.regs + APIC_IRR + 0x10 * (VEC / 32), 4);
	/* in-tree keeps it aside until the next RUN */
	if (wait && device_is_vmx())
		CHECK_EQ(irr, 1u << (VEC % 32));
	must_ioctl(v->fd, VMX_SET_LAPIC, &state);
	vcpu_expect_done(v);
}

TEST(state_of_one_that_ran_out)
{
	ran_out(0, true);
	REQUIRE_CAP(VMX_CAP_TSC_DEADLINE_TIMER);
	ran_out(1, true);
}

/* SET_LAPIC has no deadline in it, and leaves the one that is armed. */
TEST(state_of_an_armed_deadline)
{
	REQUIRE_CAP(VMX_CAP_TSC_DEADLINE_TIMER);
	ran_out(1, false);
}

TEST_HARNESS_MAIN
