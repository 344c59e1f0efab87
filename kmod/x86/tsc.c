// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's time stamp counter: guest = host * ratio + offset.
 *
 * A VMM that restores a VM writes the TSC of each vCPU in turn, a little later each time, and
 * means them all to be in step. Writes that come within a second of where the last one would have
 * got to by now are taken for such, and get the same offset. So is a write of 0, which is what a
 * new vCPU starts with.
 */
#include <linux/math64.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "x86/state.h"
#include "x86/x86.h"

/*
 * How far a requested frequency may be from the host's without scaling: 250 ppm, as NTP corrects.
 */
#define TOLERANCE_PPM 250

static u64 scale(const struct vcpu_x86 *x, u64 host_tsc)
{
	if (!x->tsc_ratio)
		return host_tsc;
	return mul_u64_u64_shr(host_tsc, x->tsc_ratio, backend_caps->tsc_ratio_frac_bits);
}

u64 x86_guest_tsc(struct vcpu *vcpu, u64 host_tsc)
{
	return scale(vcpu->x86, host_tsc) + vcpu->x86->tsc_offset;
}

u64 x86_host_ticks(struct vcpu *vcpu, u64 guest_ticks)
{
	const struct vcpu_x86 *x = vcpu->x86;

	if (!x->tsc_ratio)
		return guest_ticks;
	/* A ratio is at least 1 kHz to the host's some GHz: 2^22 parts, and the quotient fits. */
	return mul_u64_u64_div_u64(min(guest_ticks, 1ULL << 40),
				   1ULL << backend_caps->tsc_ratio_frac_bits, x->tsc_ratio) + 1;
}

u64 x86_guest_tsc_khz(struct vcpu *vcpu)
{
	return vcpu->x86->tsc_khz;
}

u32 tsc_real_khz(const struct vcpu_x86 *x)
{
	return x->tsc_ratio ? x->tsc_khz : tsc_khz;
}

static void set_offset(struct vcpu *vcpu, u64 offset)
{
	WRITE_ONCE(vcpu->x86->tsc_offset, offset);
	backend_call(set_tsc)(vcpu, offset, vcpu->x86->tsc_ratio);
	lapic_tsc_changed(vcpu);
}

/* Guest ticks in @ns. */
static u64 ticks(const struct vcpu_x86 *x, u64 ns)
{
	return mul_u64_u64_div_u64(ns, x->tsc_khz, 1000000);
}

/* The offset for a write of @val now, in step with the VM's last write if it is meant so. */
static u64 matched_offset(struct vcpu *vcpu, u64 val)
{
	struct vm_x86 *v = vcpu->vm->x86;
	struct vcpu_x86 *x = vcpu->x86;
	unsigned long flags;
	u64 now, offset, expected, distance;

	raw_spin_lock_irqsave(&v->tsc_lock, flags);
	now = ktime_get_boottime_ns();
	offset = val - scale(x, rdtsc());
	if (v->tsc_last_khz == x->tsc_khz) {
		expected = v->tsc_last_write + ticks(x, now - v->tsc_last_ns);
		distance = val > expected ? val - expected : expected - val;
		if (!val || distance < (u64)x->tsc_khz * 1000) {
			/* With a TSC that all CPUs share, that is the very same offset. */
			if (!check_tsc_unstable())
				offset = v->tsc_last_offset;
			else
				offset = expected - scale(x, rdtsc());
			val = expected;
		}
	}
	v->tsc_last_khz = x->tsc_khz;
	v->tsc_last_write = val;
	v->tsc_last_ns = now;
	v->tsc_last_offset = offset;
	raw_spin_unlock_irqrestore(&v->tsc_lock, flags);
	return offset;
}

void tsc_vm_init(struct vm *vm)
{
	vm->x86->tsc_default_khz = tsc_khz;
}

void tsc_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->tsc_khz = READ_ONCE(vcpu->vm->x86->tsc_default_khz);
	x->last_host_tsc = rdtsc();
	x->tsc_offset = matched_offset(vcpu, 0);
}

void tsc_went_back(struct vcpu *vcpu, u64 now)
{
	struct vcpu_x86 *x = vcpu->x86;

	/* The guest's counter goes on from where it was last known to be. */
	WRITE_ONCE(x->tsc_offset, x->tsc_offset + scale(x, x->last_host_tsc) - scale(x, now));
	backend_call(set_tsc)(vcpu, x->tsc_offset, x->tsc_ratio);
	lapic_tsc_changed(vcpu);
	WRITE_ONCE(vcpu->vm->x86->stale, true);
	vcpu_request(vcpu, REQ_CLOCK_UPDATE);
}

void tsc_write_guest(struct vcpu *vcpu, u64 val)
{
	u64 delta = val - x86_guest_tsc(vcpu, rdtsc());

	/* A write of the TSC shows in TSC_ADJUST (SDM 3B 18.17.3). */
	vcpu->x86->tsc_adjust += delta;
	set_offset(vcpu, vcpu->x86->tsc_offset + delta);
	clock_resample(vcpu->vm);
}

void tsc_write_host(struct vcpu *vcpu, u64 val)
{
	set_offset(vcpu, matched_offset(vcpu, val));
	clock_resample(vcpu->vm);
}

void tsc_adjust_write(struct vcpu *vcpu, u64 val, bool host)
{
	u64 delta = val - vcpu->x86->tsc_adjust;

	vcpu->x86->tsc_adjust = val;
	/* The VMM restores the register, not the clock: that it does with the TSC itself. */
	if (host || !delta)
		return;
	set_offset(vcpu, vcpu->x86->tsc_offset + delta);
	clock_resample(vcpu->vm);
}

/* The ratio for @khz. 0: none is needed; returns 0 or -EINVAL: this host cannot. */
static long ratio_for(u32 khz, u64 *ratio)
{
	u32 slack = tsc_khz / (1000000 / TOLERANCE_PPM);

	*ratio = 0;
	if (khz >= tsc_khz - slack && khz <= tsc_khz + slack)
		return 0;
	if (!backend_caps->tsc_scaling || !khz)
		return -EINVAL;
	*ratio = mul_u64_u64_div_u64(1ULL << backend_caps->tsc_ratio_frac_bits, khz, tsc_khz);
	if (!*ratio || *ratio > backend_caps->tsc_max_ratio)
		return -EINVAL;
	return 0;
}

static long set_khz(struct vcpu *vcpu, unsigned long khz)
{
	u64 ratio;
	long r;

	if (!khz)
		khz = tsc_khz;
	if (khz > U32_MAX)
		return -EINVAL;
	r = ratio_for(khz, &ratio);
	if (r)
		return r;
	vcpu->x86->tsc_khz = khz;
	vcpu->x86->tsc_ratio = ratio;
	set_offset(vcpu, vcpu->x86->tsc_offset);
	clock_resample(vcpu->vm);
	return 0;
}

static long tsc_attr(struct vcpu *vcpu, unsigned int cmd, void __user *argp)
{
	struct vmx_device_attr attr;
	u64 offset;

	if (copy_from_user(&attr, argp, sizeof(attr)))
		return -EFAULT;
	if (attr.group != VMX_VCPU_TSC_CTRL || attr.attr != VMX_VCPU_TSC_OFFSET)
		return -ENXIO;
	switch (cmd) {
	case VMX_GET_DEVICE_ATTR:
		return put_user(vcpu->x86->tsc_offset, (u64 __user *)(unsigned long)attr.addr);
	case VMX_SET_DEVICE_ATTR:
		if (get_user(offset, (u64 __user *)(unsigned long)attr.addr))
			return -EFAULT;
		set_offset(vcpu, offset);
		clock_resample(vcpu->vm);
		return 0;
	default:
		return 0;
	}
}

long tsc_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	u64 ratio;
	long r = 0;

	switch (cmd) {
	case VMX_GET_TSC_KHZ:
		return READ_ONCE(vm->x86->tsc_default_khz);
	case VMX_SET_TSC_KHZ:
		if (!arg)
			arg = tsc_khz;
		if (arg > U32_MAX || ratio_for(arg, &ratio))
			return -EINVAL;
		/* For vCPUs to come only: there is none yet. */
		mutex_lock(&vm->lock);
		if (vm->nr_vcpus)
			r = -EINVAL;
		else
			WRITE_ONCE(vm->x86->tsc_default_khz, arg);
		mutex_unlock(&vm->lock);
		return r;
	default:
		return -ENOIOCTLCMD;
	}
}

long tsc_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_SET_TSC_KHZ:
		return set_khz(vcpu, arg);
	case VMX_GET_TSC_KHZ:
		return vcpu->x86->tsc_khz;
	case VMX_HAS_DEVICE_ATTR:
	case VMX_GET_DEVICE_ATTR:
	case VMX_SET_DEVICE_ATTR:
		return tsc_attr(vcpu, cmd, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}
