// SPDX-License-Identifier: GPL-2.0-only
/*
 * HLT. The thread first polls for a while, since a wake-up that comes soon is cheaper without the
 * scheduler, then sleeps. The time adapts: a wait that polling could have bridged doubles it, a long
 * wait resets it; vm->halt_poll_ns bounds it and 0 turns it off.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

#include "backend.h"
#include "exit_times.h"
#include "halt.h"
#include "irqchip/irqchip.h"
#include "trace.h"
#include "vcpu.h"
#include "x86/asyncpf.h"
#include "x86/hyperv.h"
#include "x86/inject.h"
#include "x86/smm.h"
#include "x86/x86.h"

#define POLL_START_NS 10000

static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest polling before a halted vCPU sleeps, ns; 0: never poll");

u32 halt_poll_ns_default(void)
{
	return READ_ONCE(halt_poll_ns);
}

/* AP_RESET_HOLD, which a VMM may set, is left as HALTED is. */
static bool vcpu_halted(const struct vcpu *vcpu)
{
	return vcpu->mp_state == VMX_MP_STATE_HALTED ||
	       vcpu->mp_state == VMX_MP_STATE_AP_RESET_HOLD;
}

bool vcpu_has_wake_event(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;

	if (READ_ONCE(vcpu->requests) &
	    (BIT(REQ_INIT_SIPI) | BIT(REQ_DEAD) | BIT(REQ_TRIPLE_FAULT)))
		return true;
	if (vcpu->mp_state == VMX_MP_STATE_UNINITIALIZED ||
	    vcpu->mp_state == VMX_MP_STATE_INIT_RECEIVED)
		return irqchip_has_wake_event(vcpu);
	if (READ_ONCE(vcpu->requests) &
	    (BIT(REQ_LAPIC_TIMER) | BIT(REQ_APF) | BIT(REQ_HYPERV)))
		return true;
	/* A PV kick wakes one HLT, also one that comes after it. It is used up here. */
	if (unlikely(irqchip_take_unhalt(vcpu))) {
		if (vcpu_halted(vcpu))
			vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
		return true;
	}
	if (ev->exc_pending || ev->injected.type != VM_EVENT_NONE)
		return true;
	if ((ev->nmi_pending || atomic_read(&ev->nmi_queued)) && backend_call(nmi_allowed)(vcpu))
		return true;
	if (lapic_posted(vcpu)) {
		lapic_sync(vcpu);
		vcpu->event_check = true;
	}
	return backend_call(irq_allowed)(vcpu) &&
	       (ev->irq_pending || irqchip_pending_vector(vcpu) >= 0);
}

/* An SMI ends a HLT that the vCPU is in, not one that is only about to begin: RSM may have to go on with it. */
static bool must_wake(struct vcpu *vcpu)
{
	return vcpu_has_wake_event(vcpu) || (vcpu_halted(vcpu) && smm_wakes(vcpu));
}

static bool vcpu_poll(struct vcpu *vcpu, ktime_t start)
{
	ktime_t stop = ktime_add_ns(start, vcpu->halt_poll_ns);

	do {
		if (lapic_timer_due(vcpu))
			vcpu_request(vcpu, REQ_LAPIC_TIMER);
		if (must_wake(vcpu))
			return true;
		if (signal_pending(current))
			return false;
		cpu_relax();
	} while (!need_resched() && single_task_running() && ktime_before(ktime_get(), stop));
	return false;
}

static void vcpu_adapt_poll(struct vcpu *vcpu, u64 waited, bool polled_in_vain)
{
	u64 max = READ_ONCE(vcpu->vm->halt_poll_ns);

	if (waited <= vcpu->halt_poll_ns)
		return;
	if (waited < max)
		vcpu->halt_poll_ns = min(max, max_t(u64, vcpu->halt_poll_ns * 2, POLL_START_NS));
	else if (polled_in_vain)
		vcpu->halt_poll_ns = 0;
}

void vcpu_block(struct vcpu *vcpu)
{
	ktime_t start = ktime_get();
	bool polled = false, slept = false;
	u64 began = exit_times_on() ? rdtsc() : 0, waited;

	vcpu_count(vcpu, halt_exits);
	vcpu->halt_poll_ns = min_t(u64, vcpu->halt_poll_ns, READ_ONCE(vcpu->vm->halt_poll_ns));
	/* A guest that polls itself says so: polling twice would only burn time. */
	if (vcpu->halt_poll_ns && x86_host_may_poll(vcpu)) {
		polled = true;
		if (vcpu_poll(vcpu, start)) {
			vcpu_count(vcpu, halt_poll_success);
			goto out;
		}
		vcpu_count(vcpu, halt_poll_fail);
	}
	lapic_timer_to_host(vcpu);
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		/* To be looked at is no reason to end a HLT, or to say that one began. */
		if (unlikely(test_bit(REQ_INSPECT, &vcpu->requests))) {
			__set_current_state(TASK_RUNNING);
			vcpu_take_request(vcpu, REQ_INSPECT);
			inspect_serve(vcpu);
			continue;
		}
		if (must_wake(vcpu) || signal_pending(current))
			break;
		slept = true;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
	if (slept)
		vcpu_count(vcpu, halt_wakeup);
out:
	if (exit_times_on())
		vcpu->stats->halt_cycles += exit_times_between(began, rdtsc());
	waited = ktime_to_ns(ktime_sub(ktime_get(), start));
	vcpu_adapt_poll(vcpu, waited, polled);
	trace_vmx_halt(vcpu, waited, slept);
}

int vcpu_halt(struct vcpu *vcpu)
{
	if (!irqchip_in_kernel(vcpu->vm)) {
		vcpu->run->exit_reason = VMX_EXIT_HLT;
		return VCPU_TO_USER;
	}
	vcpu->mp_state = VMX_MP_STATE_HALTED;
	if (vcpu_has_wake_event(vcpu)) {
		vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
		vcpu->event_check = true;
	}
	return VCPU_RESUME;
}

int vcpu_after_block(struct vcpu *vcpu)
{
	if (vcpu_take_request(vcpu, REQ_DEAD))
		return -EIO;
	if (vcpu_halted(vcpu) && vcpu_take_request(vcpu, REQ_SMI)) {
		int r = smm_serve(vcpu);

		if (r < 0)
			return r;
	}
	if (vcpu_take_request(vcpu, REQ_INIT_SIPI)) {
		lapic_serve_init_sipi(vcpu);
		vcpu->event_check = true;
	}
	if (vcpu_take_request(vcpu, REQ_LAPIC_TIMER)) {
		lapic_serve_timer(vcpu);
		vcpu->event_check = true;
	}
	if (vcpu_take_request(vcpu, REQ_APF))
		apf_serve(vcpu);
	if (vcpu_take_request(vcpu, REQ_HYPERV)) {
		int r = hv_serve(vcpu);

		if (r != VCPU_RESUME)
			return r;
	}
	if (vcpu_halted(vcpu) && vcpu_has_wake_event(vcpu))
		vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
	return VCPU_RESUME;
}

/* ---- pause-loop exits ---- */

/* Worth the yield: it was woken or preempted, and is not itself spinning. */
static bool vcpu_yield_candidate(struct vcpu *me, struct vcpu *vcpu)
{
	return vcpu != me && READ_ONCE(vcpu->ready) && !READ_ONCE(vcpu->in_pause) &&
	       !rcuwait_active(&vcpu->wait);
}

int vcpu_yield_to(struct vcpu *vcpu)
{
	struct task_struct *task = NULL;
	struct pid *pid;
	int r;

	rcu_read_lock();
	pid = rcu_dereference(vcpu->pid);
	if (pid)
		task = get_pid_task(pid, PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return 0;
	r = yield_to(task, 1);
	put_task_struct(task);
	return r;
}

void vcpu_on_spin(struct vcpu *me, bool user_mode_only)
{
	unsigned int n = smp_load_acquire(&me->vm->nr_vcpus), i, tries = 3;
	int r;

	vcpu_count(me, directed_yield_attempted);
	WRITE_ONCE(me->in_pause, true);
	/* Round robin, from the next in number: who yields to whom spreads by itself. */
	for (i = 1; i < n && tries; i++) {
		struct vcpu *vcpu = vm_vcpu(me->vm, (me->index + i) % n);

		if (!vcpu || !vcpu_yield_candidate(me, vcpu))
			continue;
		r = vcpu_yield_to(vcpu);
		if (r > 0) {
			vcpu_count(me, directed_yield_successful);
			break;
		}
		if (r < 0)
			tries--;
	}
	WRITE_ONCE(me->in_pause, false);
}
