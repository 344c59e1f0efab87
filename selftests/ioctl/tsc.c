// SPDX-License-Identifier: GPL-2.0-only
/* The guest's TSC: offset, IA32_TSC_ADJUST, writes from guest and host (SDM 3B 17.17.3). */
#include "vmxtest.h"

#define FAR 1000000000000ull

static void guest_tsc(u64 id)
{
	u64 t0, t1, adjust;

	t0 = rdtsc();
	t1 = rdtsc();
	GUEST_ASSERT(t1 > t0);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 0);
	/* a write of the TSC moves TSC_ADJUST by the same amount */
	t0 = rdtsc();
	wrmsr(MSR_TSC, t0 + FAR);
	t1 = rdtsc();
	GUEST_ASSERT(t1 >= t0 + FAR);
	GUEST_ASSERT(t1 < t0 + FAR + FAR / 2);
	adjust = rdmsr(MSR_TSC_ADJUST);
	GUEST_ASSERT(adjust > FAR - FAR / 2 && adjust <= FAR + FAR / 2);
	/* a write of TSC_ADJUST moves the TSC */
	wrmsr(MSR_TSC_ADJUST, 0);
	t1 = rdtsc();
	GUEST_ASSERT(t1 < t0 + FAR / 2);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 0);
	GUEST_ASSERT(rdmsr(MSR_TSC) >= t1);
	guest_sync(1);
	/* the host wrote MSR_TSC_ADJUST: the value is seen, the TSC does not move */
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 0x1000);
	GUEST_ASSERT(rdtsc() >= t1);
	GUEST_ASSERT(rdtsc() < t1 + FAR / 2);
	guest_sync(2);
	/* the host wrote MSR_TSC */
	GUEST_ASSERT(rdtsc() >= 5 * FAR);
	GUEST_ASSERT(rdtsc() < 6 * FAR);
	guest_done();
}

TEST(offset_and_adjust)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_tsc);

	REQUIRE_CPUID(7, 0, 1, 1, "IA32_TSC_ADJUST");
	vcpu_expect_sync(v, 1);
	vcpu_set_msr(v, MSR_TSC_ADJUST, 0x1000);
	ASSERT_EQ(0x1000, vcpu_msr(v, MSR_TSC_ADJUST));
	vcpu_expect_sync(v, 2);
	vcpu_set_msr(v, MSR_TSC, 5 * FAR);
	ASSERT_LE(5 * FAR, vcpu_msr(v, MSR_TSC));
	vcpu_expect_done(v);
}

/* vCPUs that are created one after the other agree, and never go back between them. */
static void guest_now(u64 id)
{
	for (;;)
		guest_sync(rdtsc());
}

TEST(synchronous_across_vcpus)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[3];
	u64 last = 0;

	for (int i = 0; i < 3; i++) {
		v[i] = vcpu_create(vm, i, guest_now);
		vcpu_set_msr(v[i], MSR_TSC, 0);		/* as VMMs do at reset */
	}
	for (int i = 0; i < 300; i++) {
		struct ucall uc = vcpu_call(v[i % 3]);

		ASSERT_LT(last, uc.a);
		last = uc.a;
	}
}

/* One host tick is one guest tick. */
TEST(runs_at_host_rate)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_now);
	u64 h0, h1, g0, g1;

	g0 = vcpu_call(v).a;
	h0 = rdtsc();
	usleep(100000);
	h1 = rdtsc();
	g1 = vcpu_call(v).a;
	ASSERT_LE(h1 - h0, g1 - g0);
	ASSERT_GE(h1 - h0 + (h1 - h0) / 2, g1 - g0);
}

TEST(tsc_aux)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_now);

	REQUIRE_CPUID(0x80000001, 0, 3, 27, "RDTSCP");
	vcpu_set_msr(v, MSR_TSC_AUX, 0x1234);
	ASSERT_EQ(0x1234, vcpu_msr(v, MSR_TSC_AUX));
	/* 32 bits on AMD, more refused on Intel */
	if (try_msr_set(v, MSR_TSC_AUX, 1ull << 32 | 5) == 1)
		ASSERT_EQ(5, vcpu_msr(v, MSR_TSC_AUX));
}

TEST_HARNESS_MAIN
