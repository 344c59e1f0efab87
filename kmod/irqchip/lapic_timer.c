// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tells of a local APIC's timer: while the guest runs the hardware, if it can; else a timer of the
 * host's. That one only says that time is up (REQ_LAPIC_TIMER and a
 * kick); the vCPU's thread then asks the model what that means. A vCPU that does not run is therefore
 * interrupted by a periodic timer once, not once per period.
 */
#include <linux/hrtimer.h>
#include <asm/cpufeature.h>
#include <asm/tsc.h>

#include "backend.h"
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

/* ---- a timer that ends the guest's run (caps.guest_timer) ---- */

#define LAPIC_NO_TSC (~0ULL)

/*
 * Not where the guest may stop the CPU's clocks by MWAIT; and what counts in ns only if the TSC is as good
 * a clock: a difference to it that makes the exit come early is seen, and armed anew.
 */
static bool lapic_timer_fits_guest(struct vcpu *vcpu, enum lapic_timer_kind kind)
{
	if (!backend_caps->guest_timer || (vcpu->vm->disabled_exits & VMX_X86_DISABLE_EXITS_MWAIT))
		return false;
	return kind == LAPIC_TIMER_TSC ||
	       (boot_cpu_has(X86_FEATURE_CONSTANT_TSC) && !check_tsc_unstable());
}

/* When it is due, by the host's TSC, or somewhat before if that is far away. */
static u64 lapic_host_tsc(struct vcpu *vcpu, enum lapic_timer_kind kind, u64 at)
{
	u64 host = rdtsc(), now;

	if (kind == LAPIC_TIMER_TSC) {
		now = x86_guest_tsc(vcpu, host);
		return at <= now ? host : host + x86_host_ticks(vcpu, at - now);
	}
	now = ktime_get_ns();
	if (at <= now)
		return host;
	return host + mul_u64_u64_div_u64(min(at - now, NSEC_PER_MSEC * LAPIC_TIMER_FAR_MS), tsc_khz,
					  NSEC_PER_MSEC) + 1;
}

static void lapic_timer_leave_guest(struct vcpu_lapic *vl)
{
	if (!vl->timer_in_guest)
		return;
	vl->timer_in_guest = false;
	backend_call(set_timer)(vl->vcpu, LAPIC_NO_TSC);
}

static void lapic_timer_stop_host(struct vcpu_lapic *vl)
{
	/*
	 * One whose callback runs now only makes a request that will find nothing to do; and to cancel one
	 * that is not queued costs the timer base's lock for nothing.
	 */
	if (hrtimer_is_queued(&vl->timer))
		hrtimer_try_to_cancel(&vl->timer);
}

static void lapic_timer_start_host(struct vcpu_lapic *vl, enum lapic_timer_kind kind, u64 at)
{
	if (kind == LAPIC_TIMER_TSC)
		at = lapic_deadline_ns(vl->vcpu, at);
	at = min_t(u64, at, KTIME_MAX);
	hrtimer_start(&vl->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_PINNED_HARD);
}

/*
 * While the vCPU runs, and between its runs, a timer of the hardware's does without the host's: nothing to
 * arm there, and no interrupt to take. Who waits changes over to the host's, and stays with it until the
 * guest arms the timer anew.
 */
void lapic_timer_arm(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	enum lapic_timer_kind kind;
	u64 at = 0;

	kind = lapic_timer_next(&vl->model, &at);
	if (kind == LAPIC_TIMER_OFF) {
		lapic_timer_leave_guest(vl);
		lapic_timer_stop_host(vl);
	} else if (lapic_timer_fits_guest(vcpu, kind)) {
		lapic_timer_stop_host(vl);
		vl->timer_in_guest = true;
		vl->timer_tsc = lapic_host_tsc(vcpu, kind, at);
		backend_call(set_timer)(vcpu, vl->timer_tsc);
	} else {
		lapic_timer_leave_guest(vl);
		lapic_timer_start_host(vl, kind, at);
	}
}

bool lapic_timer_due(struct vcpu *vcpu)
{
	const struct vcpu_lapic *vl = vcpu->lapic;

	return vl && vl->timer_in_guest && rdtsc() >= vl->timer_tsc;
}

void lapic_timer_to_host(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	enum lapic_timer_kind kind;
	u64 at = 0;

	if (!vl || !vl->timer_in_guest)
		return;
	lapic_timer_leave_guest(vl);
	kind = lapic_timer_next(&vl->model, &at);
	if (kind != LAPIC_TIMER_OFF)
		lapic_timer_start_host(vl, kind, at);
}

void lapic_serve_timer(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 fx;

	if (!vl)
		return;
	lapic_pv_eoi_settle(vl);
	fx = lapic_timer_expire(&vl->model, ktime_get_ns(), lapic_guest_tsc(vcpu));
	/* It fired, for good, or there was none. */
	if (!(fx & LAPIC_FX_TIMER))
		lapic_timer_leave_guest(vl);
	lapic_effects(vcpu, fx);
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

	if (vcpu->lapic && (vcpu->lapic->timer_in_guest ||
			    lapic_timer_next(&vcpu->lapic->model, &at) == LAPIC_TIMER_TSC))
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
