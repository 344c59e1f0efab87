// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's timer behind a local APIC's timer. It only says that time is up (REQ_LAPIC_TIMER and a
 * kick); the vCPU's thread then asks the model what that means. A vCPU that does not run is therefore
 * interrupted by a periodic timer once, not once per period.
 */
#include <linux/hrtimer.h>

#include "compat.h"
#include "irqchip/chip.h"
#include "vcpu.h"
#include "x86/x86.h"

/* A deadline farther away is looked at again then: keeps the products below 64 bits. */
#define LAPIC_TIMER_FAR_MS (1000ULL * 60 * 60 * 24 * 365)

static enum hrtimer_restart lapic_timer_fn(struct hrtimer *timer)
{
	struct vcpu *vcpu = container_of(timer, struct vcpu_lapic, timer)->vcpu;

	vcpu_request(vcpu, REQ_LAPIC_TIMER);
	vcpu_kick(vcpu);
	return HRTIMER_NORESTART;
}

static u64 lapic_guest_tsc(struct vcpu *vcpu)
{
	return x86_guest_tsc(vcpu, rdtsc());
}

/* When the guest's TSC reaches deadline, in ns of the monotonic clock. */
static u64 lapic_deadline_ns(struct vcpu *vcpu, u64 deadline)
{
	u64 tsc = lapic_guest_tsc(vcpu), now = ktime_get_ns();
	u64 khz = max_t(u64, x86_guest_tsc_khz(vcpu), 1);
	u64 ticks;

	if (deadline <= tsc)
		return now;
	ticks = min(deadline - tsc, khz * LAPIC_TIMER_FAR_MS);
	/* Rounded up: not before. */
	return now + mul_u64_u64_div_u64(ticks, NSEC_PER_MSEC, khz) + 1;
}

void lapic_timer_arm(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u64 at = 0;

	switch (lapic_timer_next(&vl->model, &at)) {
	case LAPIC_TIMER_OFF:
		/*
		 * One whose callback runs now only makes a request that will find nothing to do; and
		 * to cancel one that is not queued costs the timer base's lock for nothing.
		 */
		if (hrtimer_is_queued(&vl->timer))
			hrtimer_try_to_cancel(&vl->timer);
		return;
	case LAPIC_TIMER_TSC:
		at = lapic_deadline_ns(vcpu, at);
		break;
	case LAPIC_TIMER_NS:
		break;
	}
	at = min_t(u64, at, KTIME_MAX);
	hrtimer_start(&vl->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_PINNED_HARD);
}

void lapic_serve_timer(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (!vl)
		return;
	lapic_pv_eoi_settle(vl);
	lapic_effects(vcpu, lapic_timer_expire(&vl->model, ktime_get_ns(), lapic_guest_tsc(vcpu)));
}

u64 lapic_get_tsc_deadline(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_deadline_read(&vcpu->lapic->model, lapic_guest_tsc(vcpu)) : 0;
}

void lapic_set_tsc_deadline(struct vcpu *vcpu, u64 val)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (vl && lapic_deadline_write(&vl->model, val))
		lapic_timer_arm(vcpu);
}

void lapic_tsc_changed(struct vcpu *vcpu)
{
	u64 at;

	if (vcpu->lapic && lapic_timer_next(&vcpu->lapic->model, &at) == LAPIC_TIMER_TSC)
		lapic_timer_arm(vcpu);
}

void lapic_timer_create(struct vcpu_lapic *vl)
{
	compat_hrtimer_setup(&vl->timer, lapic_timer_fn, CLOCK_MONOTONIC,
			     HRTIMER_MODE_ABS_PINNED_HARD);
}

void lapic_timer_destroy(struct vcpu_lapic *vl)
{
	hrtimer_cancel(&vl->timer);
}
