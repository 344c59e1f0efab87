// SPDX-License-Identifier: GPL-2.0-only
/* The paravirtual clock: it counts nanoseconds, never goes back on any vCPU; wall clock. */
#include <time.h>
#include "vmxtest.h"

#define CPUS 2

static struct pv_time_info info[CPUS] __attribute__((aligned(64)));
static struct pv_wall_clock wall __attribute__((aligned(16)));
static u8 unaligned[4096 + 64] __attribute__((aligned(4096)));

static u64 clock_ns(volatile struct pv_time_info *t)
{
	u32 version;
	u64 delta, ns;

	do {
		version = t->version & ~1u;
		asm volatile("lfence" : : : "memory");
		delta = rdtsc() - t->tsc_timestamp;
		if (t->tsc_shift >= 0)
			delta <<= t->tsc_shift;
		else
			delta >>= -t->tsc_shift;
		ns = t->system_time +
		     (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		asm volatile("lfence" : : : "memory");
	} while (t->version != version);
	return ns;
}

static void guest_clock(u64 id)
{
	u64 ns;

	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&info[id] | 1);
	for (;;) {
		ns = clock_ns(&info[id]);
		guest_sync(ns);
	}
}

static u64 ask(struct vcpu *v)
{
	struct ucall uc = vcpu_call(v);

	CHECK_EQ(uc.call, CALL_SYNC);
	return uc.a;
}

TEST(counts)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_clock);
	u64 before, after, host0, host1;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	host0 = (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
	before = ask(v);
	ASSERT_EQ(0, info[0].version & 1);
	ASSERT_NE(0, info[0].tsc_to_system_mul);
	usleep(300000);
	after = ask(v);
	clock_gettime(CLOCK_MONOTONIC, &t);
	host1 = (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
	ASSERT_LE(290000000, after - before);
	ASSERT_GE(host1 - host0 + 50000000, after - before);
	ASSERT_EQ((u64)&info[0] | 1, vcpu_msr(v, MSR_PV_SYSTEM_TIME));
}

/* Turn by turn on two vCPUs, and with SET_CLOCK between. */
TEST(monotonic_across_vcpus)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[CPUS];
	u64 last = 0;

	for (int i = 0; i < CPUS; i++)
		v[i] = vcpu_create(vm, i, guest_clock);
	for (int i = 0; i < 400; i++) {
		u64 now = ask(v[i % CPUS]);

		ASSERT_LE(last, now);
		last = now;
	}
}

TEST(set_clock_reaches_guest)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_clock);
	struct vmx_clock_data c = { .clock = 5000000000000ull };
	u64 now;

	ask(v);
	must_ioctl(vm->fd, VMX_SET_CLOCK, &c);
	now = ask(v);
	ASSERT_LE(c.clock, now);
	ASSERT_GT(c.clock + 10000000000ull, now);
}

static void guest_wall(u64 id)
{
	wrmsr(MSR_PV_WALL_CLOCK, (u64)&wall);
	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&info[0] | 1);
	guest_sync(clock_ns(&info[0]));
	guest_done();
}

TEST(wall_clock)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_wall);
	u64 up = ask(v);
	u64 now = (u64)time(NULL);
	u64 told = wall.sec + (wall.nsec + up) / 1000000000;

	ASSERT_EQ(0, wall.version & 1);
	ASSERT_NE(0, wall.version);
	ASSERT_GT(1000000000u, wall.nsec);
	ASSERT_LE(now - 3, told);
	ASSERT_GE(now + 3, told);
}

/* The area may lie over a page boundary or where no memory is: no harm, and no #GP. */
static void guest_odd(u64 id)
{
	u64 odd = (u64)unaligned + 4096 - 12;

	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_SYSTEM_TIME, odd | 1), -1);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_SYSTEM_TIME, TEST_MMIO | 1), -1);
	guest_sync(0);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_SYSTEM_TIME, 0xfffffffffffff000ull | 1), -1);
	guest_sync(0);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_SYSTEM_TIME, 0), -1);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_SYSTEM_TIME_OLD, (u64)&info[0] | 1), -1);
	guest_sync(clock_ns(&info[0]));
	guest_done();
}

TEST(odd_addresses)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_odd);

	ask(v);
	ask(v);
	ASSERT_NE(0, ask(v));
	vcpu_expect_done(v);
}

/* GET_CLOCK is the same clock. */
TEST(get_clock_agrees)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_clock);
	struct vmx_clock_data a, b;
	u64 now;

	ask(v);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &a);
	now = ask(v);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &b);
	ASSERT_LE(a.clock, now + 1000000);
	ASSERT_LE(now, b.clock + 1000000);
}

static bool host_counts_by_tsc(void)
{
	char name[32] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");

	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = 0;
	fclose(f);
	return !strcmp(name, "tsc\n");
}

/* Where the host's own time is its TSC, all vCPUs count from one sample, and the guest may know. */
TEST(one_sample_for_all)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[CPUS];
	struct vmx_clock_data c;

	if (!host_counts_by_tsc())
		SKIP(return, "the host's clocksource is not the TSC");
	for (int i = 0; i < CPUS; i++) {
		v[i] = vcpu_create(vm, i, guest_clock);
		ask(v[i]);
	}
	/* what the second one's coming may have changed is seen when each has run */
	for (int i = 0; i < CPUS; i++) {
		ask(v[i]);
		ASSERT_EQ(1, info[i].flags & 1);
	}
	ASSERT_EQ(0, memcmp(&info[0].tsc_timestamp, &info[1].tsc_timestamp, 16));
	must_ioctl(vm->fd, VMX_GET_CLOCK, &c);
	ASSERT_EQ(VMX_CLOCK_TSC_STABLE | VMX_CLOCK_REALTIME | VMX_CLOCK_HOST_TSC, c.flags);
	ASSERT_NE(0, c.host_tsc);
	ASSERT_NE(0, c.realtime);
	/* two counts: each vCPU has a clock of its own */
	vcpu_set_msr(v[1], MSR_TSC, 1ull << 60);
	for (int i = CPUS - 1; i >= 0; i--) {
		ask(v[i]);
		ASSERT_EQ(0, info[i].flags & 1);
	}
	must_ioctl(vm->fd, VMX_GET_CLOCK, &c);
	ASSERT_EQ(0, c.flags);
}

static void guest_moves_tsc(u64 id)
{
	if (!id)
		wrmsr(MSR_TSC, 1ull << 60);
	guest_clock(id);
}

/* A vCPU that comes when the guest has moved the count of the first one. */
TEST(latecomer)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[CPUS];

	if (!host_counts_by_tsc())
		SKIP(return, "the host's clocksource is not the TSC");
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM does not look at what the guest writes to its TSC");
	v[0] = vcpu_create(vm, 0, guest_moves_tsc);
	ask(v[0]);
	ASSERT_EQ(1, info[0].flags & 1);
	v[1] = vcpu_create(vm, 1, guest_moves_tsc);
	for (int i = CPUS - 1; i >= 0; i--) {
		ask(v[i]);
		ASSERT_EQ(0, info[i].flags & 1);
	}
}

/* A frequency so near the host's that it is not scaled is still the host's: the clock counts by that. */
TEST(unscaled_frequency)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_clock);
	long khz = must_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);
	u32 mul;

	ask(v);
	mul = info[0].tsc_to_system_mul;
	if (try_ioctl(v->fd, VMX_SET_TSC_KHZ, (void *)(khz + khz / 5000)))
		SKIP(return, "SET_TSC_KHZ is refused");
	ask(v);
	if (check_cap(vm->fd, VMX_CAP_TSC_CONTROL))
		SKIP(return, "this CPU scales");
	ASSERT_EQ(mul, info[0].tsc_to_system_mul);
}

/* KVMCLOCK_CTRL sets the "was paused" flag; without a clock it is EINVAL. */
TEST(paused_flag)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_clock);

	REQUIRE_CAP(VMX_CAP_KVMCLOCK_CTRL);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_KVMCLOCK_CTRL, 0));
	ask(v);
	ASSERT_EQ(0, info[0].flags & 2);
	must_ioctl(v->fd, VMX_KVMCLOCK_CTRL, 0);
	ask(v);
	ASSERT_EQ(2, info[0].flags & 2);
}

TEST_HARNESS_MAIN
