// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run ioctl and its loop.
 *
 *   vcpu_ioctl_run        once per ioctl: FPU, signal mask, what the VMM completed
 *     vcpu_loop           until something is for the VMM
 *       vcpu_block        HLT, waiting for a SIPI (halt.c)
 *       vcpu_enter_guest  requests; then with interrupts off:
 *         vcpu_fast_loop      inject, enter, exit, and again while the fast path serves the exits
 *       exit_dispatch     with interrupts on: the table of handlers (x86/exits.c)
 */
#include <linux/entry-kvm.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>

#include "backend.h"
#include "dirty_ring.h"
#include "exit_times.h"
#include "exit_trace.h"
#include "guest_state.h"
#include "halt.h"
#include "host.h"
#include "irqchip/irqchip.h"
#include "main.h"
#include "mmu/mmu.h"
#include "trace.h"
#include "vcpu.h"
#include "x86/asyncpf.h"
#include "x86/cr.h"
#include "x86/exits.h"
#include "x86/hyperv.h"
#include "x86/inject.h"
#include "x86/smm.h"
#include "x86/x86.h"

/* ---- requests ---- */

static int vcpu_serve_requests(struct vcpu *vcpu)
{
	vcpu_count(vcpu, requests);
	if (vcpu_take_request(vcpu, REQ_DEAD))
		return -EIO;
	if (vcpu_take_request(vcpu, REQ_INSPECT))
		inspect_serve(vcpu);
	if (vcpu_take_request(vcpu, REQ_DIRTY_FULL) && dirty_ring_serve_full(vcpu))
		return VCPU_TO_USER;
	if (vcpu_take_request(vcpu, REQ_TRIPLE_FAULT)) {
		vcpu->run->exit_reason = VMX_EXIT_SHUTDOWN;
		return VCPU_TO_USER;
	}
	if (vcpu_take_request(vcpu, REQ_IOAPIC_EOI))
		return irqchip_serve_ioapic_eoi(vcpu);
	if (vcpu_take_request(vcpu, REQ_DEBUG)) {
		int r = debug_serve(vcpu);

		if (r != VCPU_RESUME)
			return r;
	}
	if (vcpu_take_request(vcpu, REQ_GUEST_FLUSH)) {
		vcpu_request(vcpu, REQ_TLB_FLUSH);
		mmu_guest_flush(vcpu, ~0ULL, false);
	}
	if (vcpu_take_request(vcpu, REQ_MMU_RELOAD)) {
		int r = mmu_load(vcpu);

		if (r)
			return r;
	}
	if (vcpu_take_request(vcpu, REQ_LOAD_PDPTES))
		x86_load_pdptes(vcpu);
	if (vcpu_take_request(vcpu, REQ_TLB_FLUSH)) {
		vcpu_count(vcpu, tlb_flush);
		backend_call(flush_tlb)(vcpu);
	}
	if (vcpu_take_request(vcpu, REQ_CLOCK_UPDATE))
		x86_serve_clock_update(vcpu);
	if (vcpu_take_request(vcpu, REQ_STEAL_UPDATE))
		x86_serve_steal_update(vcpu);
	if (vcpu_take_request(vcpu, REQ_MSR_BITMAP))
		backend_call(vcpu_update_policy)(vcpu);
	if (vcpu_take_request(vcpu, REQ_LAPIC_TIMER)) {
		lapic_serve_timer(vcpu);
		vcpu->event_check = true;
	}
	if (vcpu_take_request(vcpu, REQ_HYPERV)) {
		int r = hv_serve(vcpu);

		if (r != VCPU_RESUME)
			return r;
	}
	if (vcpu_take_request(vcpu, REQ_IOAPIC_SCAN))
		vcpu->event_check = true;
	/* SMI goes before INIT, and holds it back. */
	if (vcpu_take_request(vcpu, REQ_SMI)) {
		int r = smm_serve(vcpu);

		if (r < 0)
			return r;
	}
	if (vcpu_take_request(vcpu, REQ_INIT_SIPI)) {
		lapic_serve_init_sipi(vcpu);
		vcpu->event_check = true;
		if (vcpu->mp_state != VMX_MP_STATE_RUNNABLE)
			return VCPU_RESUME;
	}
	if (vcpu_take_request(vcpu, REQ_APF))
		apf_serve(vcpu);
	if (vcpu_take_request(vcpu, REQ_NMI) | vcpu_take_request(vcpu, REQ_EVENT))
		vcpu->event_check = true;
	vcpu_take_request(vcpu, REQ_KICK);
	if (vcpu_take_request(vcpu, REQ_STEP))
		return debug_before_step(vcpu);
	return VCPU_RESUME;
}

/* ---- the inner loop: interrupts off ---- */

/* May it enter (again)? What others asked for and what the thread owes the kernel come first. */
static __always_inline bool vcpu_may_enter(struct vcpu *vcpu)
{
	return !vcpu_requests_pending(vcpu) && !xfer_to_guest_mode_work_pending() &&
	       READ_ONCE(vcpu->mode) == VCPU_IN_GUEST;
}

/* The one place where a guest runs. */
static noinstr void vcpu_run_once(struct vcpu *vcpu)
{
	guest_state_enter();
	backend_call(enter)(vcpu);
	guest_state_exit();
}

/* What the exit says of events: what was injected has arrived, unless (false) delivery was cut short. */
static __always_inline bool vcpu_note_exit(struct vcpu *vcpu)
{
	struct vm_event *injected = &vcpu->events.injected;

	if (likely(vcpu->exit.vectoring.type == VM_EVENT_NONE)) {
		injected->type = VM_EVENT_NONE;
		return true;
	}
	*injected = vcpu->exit.vectoring;
	vcpu->event_check = true;
	return false;
}

/* Until something is for the VMM (VCPU_TO_USER), or for the dispatcher (-EAGAIN). */
static int vcpu_fast_loop(struct vcpu *vcpu)
{
	for (;;) {
		bool whole;
		int r;

		if (unlikely(lapic_posted(vcpu))) {
			lapic_sync(vcpu);
			vcpu->event_check = true;
		}
		if (unlikely(vcpu->event_check))
			inject_events(vcpu);
		trace_vmx_entry(vcpu);
		exit_times_enter(vcpu);
		exit_trace_enter(vcpu);
		vcpu_run_once(vcpu);
		exit_times_exit(vcpu);
		exit_trace_exit(vcpu);
		whole = vcpu_note_exit(vcpu);
		trace_vmx_exit(vcpu);
		if (unlikely(!whole))
			return -EAGAIN;
		r = exit_fast(vcpu);
		if (r <= 0)
			return r;
		vcpu_count(vcpu, fast_exits);
		if (unlikely(!vcpu_may_enter(vcpu))) {
			/* The exit is served; tell the dispatcher so. */
			vcpu->exit.reason = VM_EXIT_HOST_INTR;
			return -EAGAIN;
		}
	}
}

/* Still in the guest's time, so that a tick is counted as such. */
static __always_inline void take_host_interrupts(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->host_event, VCPU_HOST_IRQ);
	local_irq_enable();
	/* STI's shadow covers one instruction: the interrupt comes behind it. */
	asm volatile("nop" : : : "memory");
	local_irq_disable();
	WRITE_ONCE(vcpu->host_event, 0);
}

static int vcpu_enter_guest(struct vcpu *vcpu)
{
	int r;

	if (vcpu_requests_pending(vcpu)) {
		r = vcpu_serve_requests(vcpu);
		if (r <= 0 || vcpu->mp_state != VMX_MP_STATE_RUNNABLE)
			return r;
	}

	preempt_disable();
	local_irq_disable();
	/* From here a request means an IPI, and an IPI ends the guest's run. */
	smp_store_mb(vcpu->mode, VCPU_IN_GUEST);
	if (!vcpu_may_enter(vcpu) || unlikely(!host_this_cpu_on())) {
		bool off = !host_this_cpu_on();

		WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
		local_irq_enable();
		preempt_enable();
		return off ? -EIO : VCPU_RESUME;
	}

	/* Not before the check: its instructions fault on a CPU that a reboot has switched off. */
	backend_call(prepare_enter)(vcpu);
	x86_fpu_enter(vcpu);
	x86_dr_enter(vcpu);
	lapic_pv_eoi_enter(vcpu);
	guest_time_start(&vcpu->rcu_noted);
	r = vcpu_fast_loop(vcpu);
	lapic_pv_eoi_exit(vcpu);
	x86_dr_leave(vcpu);
	x86_fpu_leave(vcpu);
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);

	if (unlikely(vcpu->exit.reason == VM_EXIT_HOST_MC))
		backend_call(handle_host_event)(vcpu);
	if (vcpu->exit.reason == VM_EXIT_HOST_INTR) {
		backend_call(handle_host_event)(vcpu);
		take_host_interrupts(vcpu);
	} else if (unlikely(vcpu->exit.reason == VM_EXIT_HOST_NMI)) {
		/* It may have come first where both were pending. */
		take_host_interrupts(vcpu);
	}
	guest_time_end();
	local_irq_enable();
	preempt_enable();
	if (r != -EAGAIN)
		return r;
	exit_trace_slow(vcpu);
	return exit_dispatch(vcpu);
}

/* ---- the outer loop ---- */

/* The VMM's own interrupt controller waits for the guest to be able to take an interrupt. */
static bool vcpu_wants_irq_window_exit(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) && !irqchip_pic_in_kernel(vcpu->vm) &&
	       vcpu_ready_for_irq(vcpu);
}

static int vcpu_loop(struct vcpu *vcpu)
{
	int r;

	for (;;) {
		if (vcpu_runnable(vcpu)) {
			r = vcpu_enter_guest(vcpu);
		} else if (unlikely(vcpu_take_request(vcpu, REQ_DEBUG))) {
			r = debug_serve(vcpu);	/* it stepped over HLT */
		} else {
			vcpu_block(vcpu);
			r = vcpu_after_block(vcpu);
		}
		if (r <= 0)
			break;
		if (unlikely(vcpu_wants_irq_window_exit(vcpu))) {
			vcpu->run->exit_reason = VMX_EXIT_IRQ_WINDOW_OPEN;
			r = VCPU_TO_USER;
			break;
		}
		if (__xfer_to_guest_mode_work_pending()) {
			r = hostwork_handle();
			if (r) {
				vcpu->run->exit_reason = VMX_EXIT_INTR;
				vcpu_count(vcpu, signal_exits);
				break;
			}
		}
		x86_fpu_keep(vcpu);
	}
	return r;
}

/* ---- the ioctl ---- */

/* What the VMM reads in struct vmx_run whatever the reason of the exit. */
static void vcpu_publish_run(struct vcpu *vcpu)
{
	struct vmx_run *run = vcpu->run;

	run->if_flag = !!(vcpu_reg(vcpu, VCPU_RFLAGS) & X86_EFLAGS_IF);
	run->flags = 0;
	if (likely(vcpu->lapic)) {
		lapic_publish(vcpu);
		run->ready_for_interrupt_injection = 1;
	} else {
		run->cr8 = x86_get_cr8(vcpu);
		run->apic_base = lapic_get_base(vcpu);
		run->ready_for_interrupt_injection = vcpu_ready_for_irq(vcpu);
	}
}

/* The thread that runs a vCPU is the target of directed yields. */
static void vcpu_note_thread(struct vcpu *vcpu)
{
	struct pid *old = rcu_dereference_protected(vcpu->pid, lockdep_is_held(&vcpu->mutex));

	if (likely(old == task_pid(current)))
		return;
	rcu_assign_pointer(vcpu->pid, get_task_pid(current, PIDTYPE_PID));
	if (old) {
		synchronize_rcu();
		put_pid(old);
	}
}

/* A vCPU that no SIPI has started: wait for one. KVM's answer when it comes is -EAGAIN, once. */
static int vcpu_wait_for_sipi(struct vcpu *vcpu)
{
	if (READ_ONCE(vcpu->run->immediate_exit))
		return -EINTR;
	vcpu_block(vcpu);
	if (vcpu_take_request(vcpu, REQ_INIT_SIPI))
		lapic_serve_init_sipi(vcpu);
	if (signal_pending(current)) {
		vcpu->run->exit_reason = VMX_EXIT_INTR;
		vcpu_count(vcpu, signal_exits);
		return -EINTR;
	}
	return -EAGAIN;
}

static int vcpu_run_loaded(struct vcpu *vcpu)
{
	struct vmx_run *run = vcpu->run;
	int r = VCPU_RESUME;

	if (unlikely(vcpu->mp_state == VMX_MP_STATE_UNINITIALIZED))
		return vcpu_wait_for_sipi(vcpu);
	if (unlikely(READ_ONCE(run->vmx_valid_regs) | READ_ONCE(run->vmx_dirty_regs)) &&
	    sync_regs_load(vcpu))
		return -EINVAL;
	if (unlikely(!vcpu->lapic)) {
		if (x86_set_cr8(vcpu, READ_ONCE(run->cr8)))
			return -EINVAL;
		vcpu->event_check = true;	/* for request_interrupt_window */
	}

	x86_fpu_load(vcpu);
	if (vcpu->complete_userspace_io) {
		int (*complete)(struct vcpu *) = vcpu->complete_userspace_io;

		vcpu->complete_userspace_io = NULL;
		r = complete(vcpu);
	}
	if (r > 0) {
		if (unlikely(READ_ONCE(run->immediate_exit)))
			r = -EINTR;
		else
			r = vcpu_loop(vcpu);
	}
	x86_fpu_put(vcpu);
	return r;
}

/* SET_SIGNAL_MASK: the thread's mask during the run. */
static void vcpu_mask_signals(struct vcpu *vcpu)
{
	sigset_t own;

	sigprocmask(SIG_SETMASK, &vcpu->sigset, &own);
	/* real_blocked keeps ignored signals pending that the thread itself blocks. */
	current->real_blocked = own;
}

static void vcpu_unmask_signals(void)
{
	sigset_t own = current->real_blocked;

	sigprocmask(SIG_SETMASK, &own, NULL);
	sigemptyset(&current->real_blocked);
}

/* After the run. */
static noinline void vcpu_finish_extras(struct vcpu *vcpu)
{
	if (vcpu->run_extras & VCPU_RUN_SYNC) {
		vcpu->run_extras &= ~VCPU_RUN_SYNC;
		sync_regs_store(vcpu);
	}
	if (vcpu->run_extras & VCPU_RUN_SPLIT)
		vcpu->run->ready_for_interrupt_injection = vcpu_ready_for_irq(vcpu);
	if (vcpu->run_extras & VCPU_RUN_SMM)
		vcpu->run->flags |= VMX_RUN_X86_SMM;
	if (vcpu->run_extras & VCPU_RUN_SIGMASK)
		vcpu_unmask_signals();
}

/* Before it. */
static noinline void vcpu_begin_extras(struct vcpu *vcpu)
{
	if (vcpu->run_extras & VCPU_RUN_SPLIT)
		vcpu->event_check = true;	/* for request_interrupt_window */
	if (vcpu->run_extras & VCPU_RUN_SIGMASK)
		vcpu_mask_signals(vcpu);
}

long vcpu_ioctl_run(struct vcpu *vcpu, unsigned long arg)
{
	int r;

	if (unlikely(arg))
		return -EINVAL;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	vcpu_note_thread(vcpu);
	exit_times_ioctl(vcpu);
	vcpu_load(vcpu);
	if (unlikely(vcpu->run_extras))
		vcpu_begin_extras(vcpu);
	r = vcpu_run_loaded(vcpu);
	vcpu_publish_run(vcpu);
	if (unlikely(vcpu->run_extras))
		vcpu_finish_extras(vcpu);
	vcpu_put(vcpu);
	exit_times_return(vcpu);
	exit_trace_return(vcpu, r);
	trace_vmx_userspace_exit(vcpu, r);
	mutex_unlock(&vcpu->mutex);
	return r;
}
