// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's synthetic timers: by message and direct, once and periodic, switched on by their count; busy slots. */
#include "hyperv.h"

#define VEC 0x70
#define SINT 3
#define SLOT ((volatile struct hv_slot *)(HV_PAGE_SLOTS + 256 * SINT))
#define ON 1ull
#define PERIODIC 2ull
#define AUTO 8ull
#define DIRECT (1ull << 12 | (u64)VEC << 4)
#define MESSAGE ((u64)SINT << 16)
#define MS 10000ull
#define LONG 100000000000ull

static volatile u64 count;

static void on_irq(struct guest_frame *f)
{
	count++;
	xapic_eoi();
}

static void setup(void)
{
	guest_handlers[VEC] = on_irq;
	count = 0;
	xapic_enable();
	wrmsr(HV_SIMP, HV_PAGE_SLOTS | 1);
	wrmsr(HV_SCONTROL, 1);
	wrmsr(HV_SINT(SINT), VEC);
	irqs_on();
}

static void wait_for(u64 n)
{
	guest_wait(&count, n, LONG);
	GUEST_ASSERT(count >= n);
}

/* Empties the slot, which must hold timer @n's message. */
static void take_message(u64 n)
{
	GUEST_ASSERT_EQ(SLOT->type, 0x80000010);
	GUEST_ASSERT_EQ(SLOT->size, 24);
	GUEST_ASSERT_EQ(SLOT->payload[0], n);
	GUEST_ASSERT(SLOT->payload[1] <= SLOT->payload[2]);
	GUEST_ASSERT(SLOT->payload[2] <= rdmsr(HV_TIME_REF_COUNT));
	SLOT->type = 0;
}

static void guest_once(u64 id)
{
	u64 at;

	setup();
	at = rdmsr(HV_TIME_REF_COUNT) + 5 * MS;
	wrmsr(HV_STIMER_COUNT(2), at);
	wrmsr(HV_STIMER_CONFIG(2), ON | MESSAGE);
	wait_for(1);
	GUEST_ASSERT_EQ(SLOT->payload[1], at);
	take_message(2);
	GUEST_ASSERT_EQ(rdmsr(HV_STIMER_CONFIG(2)), MESSAGE);
	GUEST_ASSERT_EQ(rdmsr(HV_STIMER_COUNT(2)), at);
	/* a time that has passed: at once; by the count alone */
	wrmsr(HV_STIMER_CONFIG(2), AUTO | MESSAGE);
	wrmsr(HV_STIMER_COUNT(2), 1);
	wait_for(2);
	take_message(2);
	/* no source, no timer; no count, no timer */
	wrmsr(HV_STIMER_CONFIG(1), ON);
	GUEST_ASSERT_EQ(rdmsr(HV_STIMER_CONFIG(1)), 0);
	wrmsr(HV_STIMER_CONFIG(1), ON | MESSAGE);
	wrmsr(HV_STIMER_COUNT(1), 0);
	GUEST_ASSERT_EQ(rdmsr(HV_STIMER_CONFIG(1)), MESSAGE);
	GUEST_ASSERT_EQ(count, 2);
	guest_done();
}

static struct vcpu *timer_vcpu(void (*entry)(u64))
{
	struct vcpu *v = hv_vcpu(vm_create(VM_IRQCHIP), 0, entry);

	hv_enable_cap(v, VMX_CAP_HYPERV_SYNIC2, 0);
	return v;
}

/* The exits of SIMP and SCONTROL are not what is tested here. */
static void run_to_end(struct vcpu *v)
{
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	vcpu_expect_done(v);
}

TEST(once)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	run_to_end(timer_vcpu(guest_once));
}

static void guest_periodic(u64 id)
{
	u64 begin;

	setup();
	begin = rdmsr(HV_TIME_REF_COUNT);
	wrmsr(HV_STIMER_COUNT(0), 2 * MS);
	wrmsr(HV_STIMER_CONFIG(0), ON | PERIODIC | MESSAGE);
	for (u64 n = 1; n <= 5; n++) {
		wait_for(n);
		take_message(0);
	}
	GUEST_ASSERT(rdmsr(HV_TIME_REF_COUNT) >= begin + 10 * MS);
	wrmsr(HV_STIMER_CONFIG(0), 0);
	count = 0;
	/* a slot that nobody empties: ticks are lost, no flag is set */
	SLOT->type = 0x1234;
	SLOT->flags = 0;
	wrmsr(HV_STIMER_CONFIG(0), ON | PERIODIC | MESSAGE);
	begin = rdmsr(HV_TIME_REF_COUNT);
	while (rdmsr(HV_TIME_REF_COUNT) < begin + 10 * MS)
		;
	GUEST_ASSERT_EQ(count, 0);
	GUEST_ASSERT_EQ(SLOT->flags, 0);
	SLOT->type = 0;
	wait_for(1);
	wrmsr(HV_STIMER_CONFIG(0), 0);
	guest_done();
}

TEST(periodic)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	run_to_end(timer_vcpu(guest_periodic));
}

static void guest_busy(u64 id)
{
	setup();
	SLOT->type = 0x1234;
	SLOT->flags = 0;
	wrmsr(HV_STIMER_COUNT(0), 1);
	wrmsr(HV_STIMER_CONFIG(0), ON | MESSAGE);
	for (u64 end = rdtsc() + LONG; !(SLOT->flags & 1) && rdtsc() < end;)
		guest_pause();
	GUEST_ASSERT(SLOT->flags & 1);
	GUEST_ASSERT_EQ(SLOT->type, 0x1234);
	GUEST_ASSERT_EQ(count, 0);
	SLOT->type = 0;
	wrmsr(HV_EOM, 0);
	wait_for(1);
	GUEST_ASSERT_EQ(SLOT->flags, 0);
	take_message(0);
	guest_done();
}

TEST(busy_slot)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	run_to_end(timer_vcpu(guest_busy));
}

static void guest_direct(u64 id)
{
	setup();
	wrmsr(HV_STIMER_COUNT(1), rdmsr(HV_TIME_REF_COUNT) + 2 * MS);
	wrmsr(HV_STIMER_CONFIG(1), ON | DIRECT);
	wait_for(1);
	GUEST_ASSERT_EQ(SLOT->type, 0);
	wrmsr(HV_STIMER_CONFIG(3), AUTO | PERIODIC | DIRECT);
	wrmsr(HV_STIMER_COUNT(3), MS);
	wait_for(4);
	wrmsr(HV_STIMER_COUNT(3), 0);
	/* it wakes from HLT */
	irqs_off();
	count = 0;
	wrmsr(HV_STIMER_COUNT(1), rdmsr(HV_TIME_REF_COUNT) + 20 * MS);
	wrmsr(HV_STIMER_CONFIG(1), ON | DIRECT);
	while (!count)
		sti_hlt_cli();
	GUEST_ASSERT_EQ(count, 1);
	guest_done();
}

TEST(direct)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	run_to_end(timer_vcpu(guest_direct));
}

TEST_HARNESS_MAIN
