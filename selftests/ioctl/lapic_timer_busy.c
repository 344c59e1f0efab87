// SPDX-License-Identifier: GPL-2.0-only
/* The LAPIC's timer of a guest that does not wait for it: it spins, exits all the time, lets the VMM work. */
#include "vmxtest.h"

#define VEC 0xec
#define ROUNDS 20

static volatile u64 ticks, last_tsc;
static u64 tsc_khz;

#define US(n) (tsc_khz * (n) / 1000)

static void on_tick(struct guest_frame *f)
{
	last_tsc = rdtsc();
	ticks++;
	xapic_eoi();
}

static void setup(void)
{
	guest_handlers[VEC] = on_tick;
	xapic_enable();
	xapic_write(APIC_TDCR, 0xb);
	irqs_on();
}

/* One deadline after the other; meanwhile the guest spins, or exits (@exits 1: in the kernel, 2: to the VMM). */
static void deadlines(int exits)
{
	u32 a, b, c, d;

	setup();
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | VEC);
	for (u64 i = 1; i <= ROUNDS; i++) {
		u64 target = rdtsc() + US(500);

		wrmsr(MSR_TSC_DEADLINE, target);
		while (ticks < i && rdtsc() < target + US(3000000)) {
			if (exits == 1)
				guest_cpuid(0, 0, &a, &b, &c, &d);
			else if (exits == 2)
				guest_sync(i);
		}
		GUEST_ASSERT_EQ(ticks, i);
		GUEST_ASSERT(last_tsc >= target);
		GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	}
	guest_done();
}

static void guest_spins(u64 id) { deadlines(0); }
static void guest_exits(u64 id) { deadlines(1); }
static void guest_asks_vmm(u64 id) { deadlines(2); }

static void guest_periodic(u64 id)
{
	u64 start;

	setup();
	xapic_write(APIC_LVTT, APIC_TIMER_PERIODIC | VEC);
	start = rdtsc();
	xapic_write(APIC_TMICT, 1000000);	/* 1 ms */
	guest_wait(&ticks, ROUNDS, US(10000000));
	GUEST_ASSERT(ticks >= ROUNDS);
	GUEST_ASSERT(rdtsc() - start >= US(1000) * (ROUNDS - 1));
	guest_done();
}

static volatile u64 others;

static void on_other(struct guest_frame *f)
{
	others++;
	xapic_eoi();
}

/* A wait that something else ends: what was armed before it comes all the same, once. */
static void guest_woken_before(u64 id)
{
	u64 target;

	setup();
	guest_handlers[0x40] = on_other;
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | VEC);
	target = rdtsc() + US(300000);
	wrmsr(MSR_TSC_DEADLINE, target);
	guest_sync(1);			/* the VMM will send 0x40 */
	irqs_off();
	while (!others)
		sti_hlt_cli();
	GUEST_ASSERT_EQ(ticks, 0);
	irqs_on();
	guest_wait(&ticks, 1, US(3000000));
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT(last_tsc >= target);
	guest_wait(&ticks, 2, US(50000));
	GUEST_ASSERT_EQ(ticks, 1);
	guest_done();
}

static struct vcpu *start(void (*entry)(u64))
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, entry);

	ticks = 0;
	tsc_khz = (u64)must_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);
	return v;
}

static void run(void (*entry)(u64))
{
	vcpu_expect_done(start(entry));
	/* Each expiry ended the run by itself: no timer of the host's was needed. */
	if (vmx_flag_used("preemption_timer"))
		CHECK(vcpu_counter("exit:preemption_timer") >= ROUNDS);
}

TEST(spinning) { run(guest_spins); }
TEST(exiting) { vcpu_expect_done(start(guest_exits)); }
TEST(periodic) { run(guest_periodic); }

TEST(asking_the_vmm)
{
	struct vcpu *v = start(guest_asks_vmm);
	struct ucall call;

	do {
		call = vcpu_call(v);
	} while (call.call == CALL_SYNC);
	CHECK_EQ(call.call, CALL_DONE);
}

TEST(woken_before)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_woken_before);
	struct vmx_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };

	ticks = 0;
	tsc_khz = (u64)must_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);
	vcpu_expect_sync(v, 1);
	vcpu_start(v);
	usleep(3000);
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
	vcpu_join(v);
}

/* The TSC is set while a deadline is armed: it comes by the new one. */
static void guest_tsc_set(u64 id)
{
	u64 now;

	setup();
	xapic_write(APIC_LVTT, APIC_TIMER_DEADLINE | VEC);
	now = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, now + US(60000000));
	wrmsr(MSR_TSC, now + US(60000000) - US(2000));
	guest_wait(&ticks, 1, US(5000000));
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT(last_tsc >= now + US(60000000));
	guest_done();
}

TEST(tsc_set) { vcpu_expect_done(start(guest_tsc_set)); }

TEST_HARNESS_MAIN
