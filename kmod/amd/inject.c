// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest: EVENTINJ (APM 2 15.20), the virtual interrupt as a window (15.21.4), and
 * the blocking of NMIs.
 *
 * Without virtual NMI the CPU does not tell when the guest's NMI handler ends:
 *
 *	          NMI injected              IRET intercepted           next exit with another RIP
 *	OPEN ------------------> MASKED -------------------> IRET ----------------------------> OPEN
 *	          intercept IRET            intercept off
 *
 * If an NMI waits in IRET, or under an interrupt shadow with IF clear, one instruction is stepped
 * over with RFLAGS.TF. The guest must not see that TF: #DB is intercepted anyway, and the
 * exceptions that IRET may raise are intercepted while it lasts, so that none pushes RFLAGS; they
 * come back as events whose delivery was cut short.
 *
 * Under QEMU's emulation (TCG) an interrupt injected by EVENTINJ can come a second time, whatever the
 * guest's IF: VMRUN leaves it in the emulator as an exception under way, which is delivered again if
 * that CPU's thread is asked to pause before the next exit. There interrupts go in as virtual ones
 * (V_IRQ, not intercepted), which the CPU takes as its next step, as IF is set and nothing shadows it.
 * If it has not when it exits, the exit says so as for any event whose delivery was cut short. V_IRQ is
 * then no window for what waits behind it: that is looked at again at the next exit, which is at the
 * latest the handler's end of interrupt, and until then IF is mostly clear.
 */
#include <linux/smp.h>
#include <trace/events/ipi.h>
#include <asm/processor-flags.h>

#include "amd/svm.h"

#define VECTOR_DB 1
#define VECTOR_NMI 2
#define VECTOR_BP 3
#define VECTOR_OF 4
#define VECTOR_PF 14

#define SVM_DR6_BS (1ULL << 14)
#define SVM_DR6_B03 0xfULL

/* ---- interrupts ---- */

bool svm_irq_allowed(struct vcpu *vcpu)
{
	return (vcpu->regs[VCPU_RFLAGS] & X86_EFLAGS_IF) &&
	       !(to_svm(vcpu)->vmcb->control.int_state & SVM_INT_SHADOW);
}

#define SVM_VIRQ (SVM_INT_V_IRQ | SVM_INT_V_IGN_TPR | SVM_INT_V_PRIO)

static void svm_set_virq(struct svm_vcpu *svm, u8 vector)
{
	struct vmcb_control *c = &svm->vmcb->control;

	if ((c->int_ctl & SVM_VIRQ) == SVM_VIRQ && c->int_vector == vector)
		return;
	c->int_ctl |= SVM_VIRQ;
	c->int_vector = vector;
	svm_dirty(svm, SVM_CLEAN_TPR);
}

static noinstr void svm_clear_virq(struct svm_vcpu *svm)
{
	svm->vmcb->control.int_ctl &= ~SVM_VIRQ;
	svm_dirty(svm, SVM_CLEAN_TPR);
}

/* An NMI waits behind the interrupt in V_IRQ: by EVENTINJ it is delivered before anything else comes. */
static void svm_virq_to_eventinj(struct svm_vcpu *svm)
{
	struct vmcb_control *c = &svm->vmcb->control;

	if (likely(!svm->virq))
		return;
	svm->virq = false;
	c->event_inj = svm_event_pack(SVM_EVENT_INTR, c->int_vector, false, 0);
	svm->inj_event = c->event_inj;
	svm_clear_virq(svm);
}

/*
 * Writes of CR8. QEMU's emulation (TCG) looks again at a pending V_IRQ when the guest writes CR8, without the
 * lock that this takes, and ends with an assertion: there they exit as long as the window is wanted.
 */
static noinstr void svm_update_cr8(struct svm_vcpu *svm)
{
	bool window = svm_host.virq_inject && svm_intercepted(svm, SVM_INTERCEPT_VINTR);

	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 8, svm->tpr_watched || window);
}

/*
 * Under TCG a VMRUN with V_IRQ adds it to the emulator's word of pending interrupts without the lock that
 * this takes: one of the host's that comes in the same moment is forgotten there, and waits in the local APIC
 * until that looks again. It mostly is the timer's, and without that none comes that would make it look. A
 * write of CR8 does.
 */
static noinstr void svm_look_for_lost_irq(void)
{
	unsigned long cr8;

	asm volatile("mov %%cr8, %0\n\tmov %0, %%cr8" : "=r"(cr8) : : "memory");
}

/* A virtual interrupt that is intercepted: the exit comes when the guest could take it. */
void svm_request_irq_window(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm_keep_shadow(svm);
	if (svm->virq) {
		vcpu->event_check = true;
		return;
	}
	svm_intercept(svm, SVM_INTERCEPT_VINTR, true);
	svm_set_virq(svm, 0);
	svm_update_cr8(svm);
}

noinstr void svm_end_irq_window(struct svm_vcpu *svm)
{
	svm_intercept(svm, SVM_INTERCEPT_VINTR, false);
	svm_clear_virq(svm);
	svm_update_cr8(svm);
	if (svm_host.virq_inject)
		svm_look_for_lost_irq();
}

/*
 * CR8 is V_TPR: reads and writes do not exit, but for writes while an interrupt waits that the TPR
 * holds back.
 */
void svm_update_tpr_threshold(struct vcpu *vcpu, int tpr, int pending_class)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->tpr_watched = tpr >= 0 && pending_class >= 0;
	svm_update_cr8(svm);
}

/* ---- interrupt shadow ---- */

/* The hardware does not tell STI's from MOV SS's: it is both. */
u32 svm_get_shadow(struct vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->control.int_state & SVM_INT_SHADOW ?
		       VMX_X86_SHADOW_INT_STI | VMX_X86_SHADOW_INT_MOV_SS :
		       0;
}

void svm_set_shadow(struct vcpu *vcpu, u32 shadow)
{
	u32 *state = &to_svm(vcpu)->vmcb->control.int_state;

	*state = shadow ? *state | SVM_INT_SHADOW : *state & ~SVM_INT_SHADOW;
	svm_keep_shadow(to_svm(vcpu));
}

/*
 * The next entry goes on in an interrupt shadow, and an interrupt may come: let it go the way that an
 * emulated CPU understands too (vmenter.S). Else STI; HLT could take the interrupt before the HLT, and
 * sleep through it.
 */
noinstr void svm_keep_shadow(struct svm_vcpu *svm)
{
	if (unlikely(svm->vmcb->control.int_state & SVM_INT_SHADOW))
		svm->slow |= SVM_SLOW_SHADOW;
}

/* ---- single step for an NMI window ---- */

/*
 * An NMI waits behind another event: TF would be pushed with that one's frame. Exit right after its
 * delivery instead: an interrupt of our own is pending then. Interrupts off, before the entry.
 */
static void svm_exit_after_delivery(struct vcpu *vcpu)
{
	svm_virq_to_eventinj(to_svm(vcpu));
	vcpu_request(vcpu, REQ_EVENT);
	smp_send_reschedule(smp_processor_id());
}

static void svm_begin_step(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm->step)
		return;
	svm->step = true;
	svm->slow |= SVM_SLOW_STEP;
	svm->step_guest_tf = vcpu->regs[VCPU_RFLAGS] & X86_EFLAGS_TF;
	svm->step_dr6 = svm->vmcb->save.dr6;
	svm_update_exc_intercepts(vcpu);
}

noinstr void svm_end_step(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (!svm->step)
		return;
	svm->step = false;
	svm->slow &= ~SVM_SLOW_STEP;
	svm_update_exc_intercepts(vcpu);
}

/* The trap after the instruction, with the guest's own share of it left over. */
static noinstr void svm_step_done(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vm_exit *exit = &vcpu->exit;
	u64 dr6 = svm->vmcb->save.dr6;

	svm_end_step(vcpu);
	/* IRET has loaded the guest's TF; any other instruction leaves ours. */
	if (svm->nmi_state != SVM_NMI_IRET && !svm->step_guest_tf)
		vcpu->regs[VCPU_RFLAGS] &= ~(u64)X86_EFLAGS_TF;
	if (svm->step_guest_tf)
		return;
	if (dr6 & SVM_DR6_B03) {
		dr6 &= ~SVM_DR6_BS;
		exit->exc.payload &= ~SVM_DR6_BS;
	} else {
		dr6 = svm->step_dr6;
		exit->reason = VM_EXIT_NMI_WINDOW;
	}
	svm->vmcb->save.dr6 = dr6;
	svm_dirty(svm, SVM_CLEAN_DRX);
}

noinstr void svm_step_exit(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vm_exit *exit = &vcpu->exit;

	if (exit->reason == VM_EXIT_EXCEPTION && exit->exc.vector == VECTOR_DB &&
	    (exit->exc.payload & SVM_DR6_BS)) {
		svm_step_done(vcpu, svm);
		return;
	}
	/*
	 * The instruction is not over: TF is not the guest's to see. The next entry sets it again.
	 */
	if (!svm->step_guest_tf)
		vcpu->regs[VCPU_RFLAGS] &= ~(u64)X86_EFLAGS_TF;
	if (exit->hw_reason < SVM_EXIT_EXC_BASE + 10 || exit->hw_reason > SVM_EXIT_EXC_BASE + 14)
		return;
	/* The pager's, and then the instruction comes again; if it is the guest's, its injection ends the step. */
	if (exit->reason == VM_EXIT_SHADOW_FAULT)
		return;
	/* It faulted: deliver that without TF. IRET has ended the blocking all the same. */
	svm_end_step(vcpu);
	exit->vectoring = (struct vm_event){
		.type = VM_EVENT_EXCEPTION,
		.vector = exit->hw_reason - SVM_EXIT_EXC_BASE,
		.has_error = true,
		.error = exit->info1,
	};
	if (exit->vectoring.vector == VECTOR_PF)
		vcpu->cr2 = exit->info2;
	exit->reason = VM_EXIT_HOST_SMI;
}

/* ---- NMI ---- */

static enum svm_nmi_state svm_nmi_state(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	if (svm->nmi_state == SVM_NMI_IRET && vcpu->regs[VCPU_RIP] != svm->iret_rip)
		svm->nmi_state = SVM_NMI_OPEN;
	return svm->nmi_state;
}

bool svm_get_nmi_mask(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm_host.vnmi)
		return svm->vmcb->control.int_ctl & SVM_INT_V_NMI_MASK;
	return svm_nmi_state(vcpu, svm) != SVM_NMI_OPEN;
}

void svm_set_nmi_mask(struct vcpu *vcpu, bool masked)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u32 *ctl = &svm->vmcb->control.int_ctl;

	if (svm_host.vnmi) {
		*ctl = masked ? *ctl | SVM_INT_V_NMI_MASK : *ctl & ~SVM_INT_V_NMI_MASK;
		svm_dirty(svm, SVM_CLEAN_TPR);
		return;
	}
	svm->nmi_state = masked ? SVM_NMI_MASKED : SVM_NMI_OPEN;
	svm_intercept(svm, SVM_INTERCEPT_IRET, masked);
	if (masked)
		svm_end_step(vcpu);
}

/* With virtual NMI the CPU itself waits for the moment; one can be under way. */
bool svm_nmi_allowed(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm_host.vnmi)
		return !(svm->vmcb->control.int_ctl & SVM_INT_V_NMI);
	return !svm_get_nmi_mask(vcpu) && !(svm->vmcb->control.int_state & SVM_INT_SHADOW);
}

void svm_request_nmi_window(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	/* With virtual NMI each exit hands the untaken one back (svm_event_exit). */
	if (svm_host.vnmi || svm_nmi_state(vcpu, svm) == SVM_NMI_MASKED)
		return;
	/* Each step of the VMM's looks again. */
	if (svm->debug_step)
		return;
	if (svm->slow & SVM_SLOW_EVENT) {
		svm_exit_after_delivery(vcpu);
		return;
	}
	if (svm->nmi_state == SVM_NMI_OPEN && (vcpu->regs[VCPU_RFLAGS] & X86_EFLAGS_IF))
		svm_request_irq_window(vcpu);
	else
		svm_begin_step(vcpu);
}

/* At the IRET of the NMI handler, which has not run yet. */
noinstr void svm_iret_exit(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm_intercept(svm, SVM_INTERCEPT_IRET, false);
	svm->nmi_state = SVM_NMI_IRET;
	svm->iret_rip = vcpu->regs[VCPU_RIP];
	/* Reported as the window in case an NMI waits: then a single step will be asked for. */
}

static void svm_inject_nmi(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	/* Stepping, it is to be delivered at once: by EVENTINJ, which masks as well (APM 2 15.21.10). */
	if (svm_host.vnmi && !svm->debug_step) {
		svm->vmcb->control.int_ctl |= SVM_INT_V_NMI;
		svm->slow |= SVM_SLOW_EVENT;
		svm_dirty(svm, SVM_CLEAN_TPR);
		return;
	}
	if (!svm_host.vnmi)
		svm_set_nmi_mask(vcpu, true);
	svm->vmcb->control.event_inj = svm_event_pack(SVM_EVENT_NMI, VECTOR_NMI, false, 0);
}

/* ---- injection ---- */

/* RIP of an instruction pointer that wraps as the code segment's size has it. */
static u64 svm_wrap_rip(struct vcpu *vcpu, u64 rip)
{
	const struct vmcb_save *s = &to_svm(vcpu)->vmcb->save;

	if ((s->efer & EFER_LMA) && (s->cs.attr & SVM_SEG_L))
		return rip;
	return (u32)rip;
}

/*
 * INT n, INT3, INTO that the guest executed. Without a length: RIP is still at the instruction,
 * which nothing has changed since: let the guest execute it again. With one, the return address is
 * behind it: the next RIP where the CPU saves that (it then also uses it, APM 2 15.20), else RIP
 * itself, which is put back if delivery is cut short.
 */
static void svm_inject_soft(struct vcpu *vcpu, struct svm_vcpu *svm, const struct vm_event *event)
{
	struct vmcb_control *c = &svm->vmcb->control;

	if (!event->insn_len)
		return;
	svm->soft_rip = vcpu->regs[VCPU_RIP];
	svm->soft_next_rip = svm_wrap_rip(vcpu, svm->soft_rip + event->insn_len);
	svm->soft_injected = true;
	svm->soft_len = event->insn_len;
	if (svm_host.nrips)
		c->next_rip = svm->soft_next_rip;
	else
		vcpu->regs[VCPU_RIP] = svm->soft_next_rip;
	c->event_inj = svm_event_pack(event->type == VM_EVENT_SOFT_INT ? SVM_EVENT_SOFT_INT :
									 SVM_EVENT_EXCEPTION,
				      event->vector, false, 0);
}

static void svm_inject_irq(struct vcpu *vcpu, struct svm_vcpu *svm, u8 vector, bool alone)
{
	bool virq = svm_host.virq_inject && alone && svm_irq_allowed(vcpu);

	/* Who has another asks again; the VMM's own request stands until the exit. */
	if (svm_intercepted(svm, SVM_INTERCEPT_VINTR) && (vcpu->lapic || virq)) {
		svm_end_irq_window(svm);
		vcpu->event_check |= !vcpu->lapic;
	}
	if (virq) {
		svm_set_virq(svm, vector);
		svm->virq = true;
		svm->slow |= SVM_SLOW_EVENT;
		return;
	}
	svm->vmcb->control.event_inj = svm_event_pack(SVM_EVENT_INTR, vector, false, 0);
}

void svm_inject(struct vcpu *vcpu, const struct vm_event *event)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control *c = &svm->vmcb->control;
	struct vm_event dropped;
	bool stepping = svm->step || svm->debug_step;
	bool has_error;

	if (svm->slow & SVM_SLOW_EVENT)
		svm_cancel_injection(vcpu, &dropped);
	if (stepping) {
		svm_end_step(vcpu);
		svm_exit_after_delivery(vcpu);
	}
	switch (event->type) {
	case VM_EVENT_IRQ:
		svm_inject_irq(vcpu, svm, event->vector, !stepping);
		break;
	case VM_EVENT_NMI:
		svm_inject_nmi(vcpu, svm);
		break;
	case VM_EVENT_EXCEPTION:
		/* Real mode pushes no error codes (APM 2 8.2.24). */
		has_error = event->has_error && (vcpu_cr0(vcpu) & X86_CR0_PE);
		c->event_inj = svm_event_pack(SVM_EVENT_EXCEPTION, event->vector, has_error,
					      event->error);
		break;
	case VM_EVENT_SOFT_INT:
	case VM_EVENT_SOFT_EXC:
		svm_inject_soft(vcpu, svm, event);
		break;
	default:
		return;
	}
	if (c->event_inj & SVM_EVENT_VALID) {
		svm->slow |= SVM_SLOW_EVENT;
		svm->inj_event = c->event_inj;
		svm->inj_rip = vcpu->regs[VCPU_RIP];
	}
}

static void svm_unpack_event(u64 info, struct vm_event *event)
{
	*event = (struct vm_event){
		.vector = svm_event_vector(info),
		.has_error = info & SVM_EVENT_HAS_ERROR,
		.error = info & SVM_EVENT_HAS_ERROR ? svm_event_error(info) : 0,
	};
	switch (svm_event_type(info)) {
	case SVM_EVENT_INTR:
		event->type = VM_EVENT_IRQ;
		break;
	case SVM_EVENT_NMI:
		event->type = VM_EVENT_NMI;
		event->vector = VECTOR_NMI;
		break;
	case SVM_EVENT_SOFT_INT:
		event->type = VM_EVENT_SOFT_INT;
		break;
	default:
		event->type = VM_EVENT_EXCEPTION;
		break;
	}
}

void svm_cancel_injection(struct vcpu *vcpu, struct vm_event *event)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control *c = &svm->vmcb->control;

	event->type = VM_EVENT_NONE;
	if (!(svm->slow & SVM_SLOW_EVENT))
		return;
	svm->slow &= ~SVM_SLOW_EVENT;
	if (svm->virq) {
		svm->virq = false;
		svm_clear_virq(svm);
		*event = (struct vm_event){ .type = VM_EVENT_IRQ, .vector = c->int_vector };
		return;
	}
	if (c->int_ctl & SVM_INT_V_NMI) {
		c->int_ctl &= ~SVM_INT_V_NMI;
		svm_dirty(svm, SVM_CLEAN_TPR);
		*event = (struct vm_event){ .type = VM_EVENT_NMI, .vector = VECTOR_NMI };
		return;
	}
	svm_unpack_event(c->event_inj, event);
	c->event_inj = 0;
	if (event->type == VM_EVENT_NMI)
		svm_set_nmi_mask(vcpu, false);
	if (svm->soft_injected) {
		svm->soft_injected = false;
		vcpu->regs[VCPU_RIP] = svm->soft_rip;
		event->insn_len = svm->soft_len;
		if (event->type == VM_EVENT_EXCEPTION)
			event->type = VM_EVENT_SOFT_EXC;
	}
}

/* ---- after an exit ---- */

/* EVENTINJ was in use, or V_NMI. */
noinstr void svm_event_exit(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control *c = &svm->vmcb->control;
	bool refused = svm_refused(c->exit_code);
	u64 cut_short = c->exit_int_info;

	svm->slow &= ~SVM_SLOW_EVENT;
	c->event_inj = 0;
	if (svm->virq) {
		svm->virq = false;
		svm_look_for_lost_irq();
		/* Not taken: no other event can have been cut short then. */
		if (c->int_ctl & SVM_INT_V_IRQ)
			c->exit_int_info = svm_event_pack(SVM_EVENT_INTR, c->int_vector, false, 0);
		svm_clear_virq(svm);
	}
	if (c->int_ctl & SVM_INT_V_NMI) {
		/*
		 * Not taken yet. Back into the queue, where the VMM can see it; the next entry
		 * offers it.
		 */
		c->int_ctl &= ~SVM_INT_V_NMI;
		svm_dirty(svm, SVM_CLEAN_TPR);
		if (vcpu->events.nmi_pending < 2)
			vcpu->events.nmi_pending++;
		vcpu->event_check = true;
	}
	if (!svm->soft_injected)
		return;
	svm->soft_injected = false;
	if (refused || ((cut_short & SVM_EVENT_VALID) &&
			(u32)cut_short == (u32)svm->inj_event &&
			(svm_host.nrips || vcpu->regs[VCPU_RIP] == svm->soft_next_rip)))
		vcpu->regs[VCPU_RIP] = svm->soft_rip;
	else
		svm->soft_len = 0;
}

/*
 * The event whose delivery the exit cut short. #BP and #OF come as exceptions whether INT3 and INTO
 * raised them, with RIP at the instruction, or we did, with RIP behind it.
 */
noinstr struct vm_event svm_decode_event(struct svm_vcpu *svm, u64 info)
{
	u8 vector = svm_event_vector(info);
	struct vm_event event = { .vector = vector };

	switch (svm_event_type(info)) {
	case SVM_EVENT_INTR:
		event.type = VM_EVENT_IRQ;
		break;
	case SVM_EVENT_NMI:
		event.type = VM_EVENT_NMI;
		event.vector = VECTOR_NMI;
		/* Not delivered, so nothing is blocked yet. */
		if (!svm_host.vnmi) {
			svm->nmi_state = SVM_NMI_OPEN;
			svm_intercept(svm, SVM_INTERCEPT_IRET, false);
		}
		break;
	case SVM_EVENT_SOFT_INT:
		event.type = VM_EVENT_SOFT_INT;
		event.insn_len = svm->soft_len;
		break;
	default:
		event.type = VM_EVENT_EXCEPTION;
		event.has_error = info & SVM_EVENT_HAS_ERROR;
		event.error = event.has_error ? svm_event_error(info) : 0;
		if ((vector == VECTOR_BP || vector == VECTOR_OF) &&
		    ((u32)info != (u32)svm->inj_event || svm->vmcb->save.rip != svm->inj_rip ||
		     svm->soft_len)) {
			event.type = VM_EVENT_SOFT_EXC;
			event.insn_len = svm->soft_len;
		}
		break;
	}
	svm->soft_len = 0;
	return event;
}
