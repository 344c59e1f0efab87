// SPDX-License-Identifier: GPL-2.0-only
/*
 * The paravirtual clock: a page per vCPU from which the guest computes time with one RDTSC.
 *
 *	clock = boot_ns + vm->clock_offset		what GET_CLOCK shows
 *
 * Where the host's own time is its TSC (host_clock.c) and all vCPUs have the same offset, all pages are made from one
 * sample of (TSC, boot_ns), the VM's, and carry TSC_STABLE: the guest may compare readings across
 * vCPUs. The sample is taken anew only with every vCPU out of the guest, since two samples differ
 * by the host's clock steering. Otherwise each page gets a sample of its own when the vCPU changes
 * CPU, and the guest guards itself.
 */
#include <linux/math64.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "backend.h"
#include "gmem.h"
#include "x86/state.h"
#include "x86/x86.h"

/* Without a common sample: how often one vCPU's new page makes the others rewrite theirs. */
#define SPREAD_NS (100 * NSEC_PER_MSEC)
#define SAMPLE_TRIES 4

#define PAGE_BODY offsetof(struct vmx_pv_vcpu_time_info, pad0)

/* ---- reading the host's clocks ---- */

/* The tightest of a few tries, so that an interrupt in between does not spoil the pair. */
void clock_sample(struct clock_sample *s)
{
	u64 best = ~0ULL, before, after, boot, real;
	unsigned long flags;
	int i;

	for (i = 0; i < SAMPLE_TRIES; i++) {
		local_irq_save(flags);
		before = rdtsc_ordered();
		boot = ktime_get_boottime_ns();
		real = ktime_get_real_ns();
		after = rdtsc_ordered();
		local_irq_restore(flags);
		if (after - before >= best)
			continue;
		best = after - before;
		s->tsc = before + best / 2;
		s->boot_ns = boot;
		s->real_ns = real;
	}
}

/*
 * ns = ((ticks << shift) * mul) >> 32 for a counter of @khz, with mul in [2^31, 2^32) (SDM does
 * not define it; the guest's page format does).
 */
static void clock_scale(u32 khz, u32 *mul, s8 *shift)
{
	u64 num = NSEC_PER_SEC, den = (u64)khz * 1000;

	*shift = 0;
	while (num >= den) {
		den <<= 1;
		(*shift)++;
	}
	while (num * 2 < den) {
		num <<= 1;
		(*shift)--;
	}
	*mul = mul_u64_u64_div_u64(num, 1ULL << 32, den);
}

/* The host's boot time now, as the VM's sample extrapolates it. clock_lock held. */
static u64 master_boot_ns(const struct vm_x86 *v)
{
	return v->sample.boot_ns +
	       mul_u64_u64_div_u64(rdtsc() - v->sample.tsc, 1000000, tsc_khz);
}

u64 clock_now(const struct vm_x86 *v)
{
	return (v->master ? master_boot_ns(v) : ktime_get_boottime_ns()) + v->clock_offset;
}

/* ---- one sample for all ---- */

static bool same_tsc(const struct vcpu *a, const struct vcpu *b)
{
	return READ_ONCE(a->x86->tsc_offset) == READ_ONCE(b->x86->tsc_offset) &&
	       READ_ONCE(a->x86->tsc_ratio) == READ_ONCE(b->x86->tsc_ratio);
}

/* All vCPUs have one offset and one rate, and the host's counter can be trusted. */
static bool can_master(struct vm *vm)
{
	struct vcpu *vcpu, *first = NULL;
	unsigned long i;

	if (!host_clock_is_tsc())
		return false;
	vm_for_each_vcpu(i, vcpu, vm) {
		if (!first)
			first = vcpu;
		if (!same_tsc(vcpu, first))
			return false;
	}
	return true;
}

/*
 * clock_lock held: a new sample. Vcpus that run are thrown out of the guest first, and wait for
 * the lock before they go in again, so no one reads an old page beside a new one.
 */
static void resample_locked(struct vm *vm)
{
	struct vm_x86 *v = vm->x86;

	vm_request_all(vm, REQ_CLOCK_UPDATE, true);
	WRITE_ONCE(v->stale, false);
	v->master = can_master(vm);
	clock_sample(&v->sample);
	v->sample_nr++;
}

void clock_check_sample(struct vm *vm)
{
	struct vm_x86 *v = vm->x86;

	/* After a suspend the TSC begins anew; a VMM may ask for the clock before any vCPU has noticed. */
	if (v->master && (READ_ONCE(v->stale) || check_tsc_unstable() ||
			  rdtsc_ordered() < v->sample.tsc))
		resample_locked(vm);
}

void clock_resample(struct vm *vm)
{
	mutex_lock(&vm->x86->clock_lock);
	resample_locked(vm);
	mutex_unlock(&vm->x86->clock_lock);
}

void clock_vm_init(struct vm *vm)
{
	struct vm_x86 *v = vm->x86;

	clock_sample(&v->sample);
	v->clock_offset = -(s64)v->sample.boot_ns;
	v->master = host_clock_is_tsc();
}

/* ---- the page ---- */

/* SDM-like seqlock of the page: odd while it changes. Returns 0 or -EFAULT. */
static int write_page(struct vcpu *vcpu, struct vmx_pv_vcpu_time_info *info)
{
	struct vcpu_x86 *x = vcpu->x86;
	struct gmem_cache *page = &x->clock_page;
	struct vm *vm = vcpu->vm;
	u32 version;
	u8 flags;

	/* What the guest acknowledges by clearing stays until then. */
	if (gmem_cache_read(vm, page, 0, &version, sizeof(version)) ||
	    gmem_cache_read(vm, page, offsetof(struct vmx_pv_vcpu_time_info, flags), &flags,
			    sizeof(flags)))
		return -EFAULT;
	info->flags |= flags & VMX_PV_CLOCK_GUEST_STOPPED;
	version = (version | 1) + (version & 1 ? 2 : 0);
	if (gmem_cache_write(vm, page, 0, &version, sizeof(version)))
		return -EFAULT;
	smp_wmb();
	if (gmem_cache_write(vm, page, PAGE_BODY, &info->pad0, sizeof(*info) - PAGE_BODY))
		return -EFAULT;
	smp_wmb();
	version++;
	return gmem_cache_write(vm, page, 0, &version, sizeof(version));
}

void x86_serve_clock_update(struct vcpu *vcpu)
{
	struct vmx_pv_vcpu_time_info info = {};
	struct vm_x86 *v = vcpu->vm->x86;
	struct vcpu_x86 *x = vcpu->x86;
	struct clock_sample s;

	/* It was created when the others' counters had been written. */
	if (READ_ONCE(v->master) && !same_tsc(vcpu, vm_vcpu(vcpu->vm, 0)))
		clock_resample(vcpu->vm);
	hv_clock_refresh(vcpu);
	if (!(x->system_time & VMX_PV_MSR_ENABLED))
		return;
	mutex_lock(&v->clock_lock);
	clock_check_sample(vcpu->vm);
	if (v->master)
		s = v->sample;
	else
		clock_sample(&s);
	info.tsc_timestamp = x86_guest_tsc(vcpu, s.tsc);
	info.system_time = s.boot_ns + v->clock_offset;
	info.flags = v->master ? VMX_PV_CLOCK_TSC_STABLE : 0;
	if (x->guest_stopped) {
		info.flags |= VMX_PV_CLOCK_GUEST_STOPPED;
		x->guest_stopped = false;
	}
	clock_scale(tsc_real_khz(x), &info.tsc_to_system_mul, &info.tsc_shift);
	if (!v->master && s.boot_ns - v->last_spread_ns > SPREAD_NS) {
		v->last_spread_ns = s.boot_ns;
		vm_request_all(vcpu->vm, REQ_CLOCK_UPDATE, false);
	}
	/* A page that went away is the guest's loss. */
	write_page(vcpu, &info);
	mutex_unlock(&v->clock_lock);
}

void clock_vcpu_reset(struct vcpu *vcpu)
{
	vcpu->x86->system_time = 0;
	vcpu->x86->guest_stopped = false;
}

void clock_vcpu_load(struct vcpu *vcpu, int cpu)
{
	/* With a common sample the page is right on every CPU. */
	if (!READ_ONCE(vcpu->vm->x86->master) || unlikely(check_tsc_unstable()))
		vcpu_request(vcpu, REQ_CLOCK_UPDATE);
}

int clock_write_system_time(struct vcpu *vcpu, u64 val)
{
	struct vcpu_x86 *x = vcpu->x86;
	u64 gpa = val & ~(u64)VMX_PV_MSR_ENABLED;

	x->system_time = val;
	if (!(val & VMX_PV_MSR_ENABLED))
		return 0;
	/* No memory there yet: the write is legal, the page starts when there is some. */
	if (gmem_cache_init(vcpu->vm, &x->clock_page, gpa, sizeof(struct vmx_pv_vcpu_time_info)))
		return 0;
	vcpu_request(vcpu, REQ_CLOCK_UPDATE);
	return 0;
}

int clock_write_wall_clock(struct vcpu *vcpu, u64 val)
{
	struct vm_x86 *v = vcpu->vm->x86;
	struct vmx_pv_wall_clock wall = {};
	u64 ns;
	u32 rem, version;

	vcpu->x86->wall_clock = val;
	if (!val)
		return 0;
	mutex_lock(&v->clock_lock);
	clock_check_sample(vcpu->vm);
	ns = ktime_get_real_ns() - clock_now(v);
	mutex_unlock(&v->clock_lock);
	wall.sec = div_u64_rem(ns, NSEC_PER_SEC, &rem);
	wall.nsec = rem;
	/* The page is the guest's to read under the same kind of version as the clock's. */
	if (gmem_read(vcpu->vm, val, &version, sizeof(version)))
		return 0;
	wall.version = (version | 1) + (version & 1 ? 2 : 0);
	if (gmem_write(vcpu->vm, val, &wall.version, sizeof(wall.version)))
		return 0;
	smp_wmb();
	if (gmem_write(vcpu->vm, val + offsetof(struct vmx_pv_wall_clock, sec), &wall.sec,
		       sizeof(wall) - offsetof(struct vmx_pv_wall_clock, sec)))
		return 0;
	smp_wmb();
	wall.version++;
	gmem_write(vcpu->vm, val, &wall.version, sizeof(wall.version));
	return 0;
}

/* ---- ioctls ---- */

static long get_clock(struct vm *vm, void __user *argp)
{
	struct vm_x86 *v = vm->x86;
	struct vmx_clock_data data = {};
	struct clock_sample s;

	mutex_lock(&v->clock_lock);
	clock_check_sample(vm);
	clock_sample(&s);
	if (v->master) {
		/* Extrapolated, as the guests do it. */
		s.boot_ns = v->sample.boot_ns +
			    mul_u64_u64_div_u64(s.tsc - v->sample.tsc, 1000000, tsc_khz);
		data.flags = VMX_CLOCK_TSC_STABLE | VMX_CLOCK_REALTIME | VMX_CLOCK_HOST_TSC;
		data.realtime = s.real_ns;
		data.host_tsc = s.tsc;
	}
	data.clock = s.boot_ns + v->clock_offset;
	mutex_unlock(&v->clock_lock);
	return copy_to_user(argp, &data, sizeof(data)) ? -EFAULT : 0;
}

static long set_clock(struct vm *vm, const void __user *argp)
{
	struct vm_x86 *v = vm->x86;
	struct vmx_clock_data data;
	u64 real;

	if (copy_from_user(&data, argp, sizeof(data)))
		return -EFAULT;
	/* The outputs of GET_CLOCK are accepted, so that what it gave can be given back. */
	if (data.flags & ~(VMX_CLOCK_TSC_STABLE | VMX_CLOCK_REALTIME | VMX_CLOCK_HOST_TSC))
		return -EINVAL;
	mutex_lock(&v->clock_lock);
	resample_locked(vm);
	if (data.flags & VMX_CLOCK_REALTIME) {
		/* The time that has passed since the clock was read counts; never backwards. */
		real = v->sample.real_ns;
		if (real > data.realtime)
			data.clock += real - data.realtime;
	}
	v->clock_offset = data.clock - v->sample.boot_ns;
	mutex_unlock(&v->clock_lock);
	return 0;
}

long clock_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_GET_CLOCK:
		return get_clock(vm, (void __user *)arg);
	case VMX_SET_CLOCK:
		return set_clock(vm, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

long clock_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	if (cmd != VMX_KVMCLOCK_CTRL)
		return -ENOIOCTLCMD;
	/* The VM was paused: the guest's watchdogs are told with the next page. */
	if (!(vcpu->x86->system_time & VMX_PV_MSR_ENABLED))
		return -EINVAL;
	vcpu->x86->guest_stopped = true;
	vcpu_request(vcpu, REQ_CLOCK_UPDATE);
	return 0;
}
