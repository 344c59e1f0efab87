// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions, NMIs and interrupts on their way into the guest.
 *
 * Order before an entry (SDM 3A 6.9, APM 2 8.5):
 *
 *   1. an exception of the current instruction           events.exc_*
 *   2. what an exit interrupted on delivery, as it was   events.injected
 *      (an SMI comes here: x86/smm.c)
 *   3. NMI, unless blocked                                events.nmi_pending
 *   4. external interrupt, if the guest takes any        events.irq_pending, LAPIC, PIC
 *
 * If there are 1 and 2, the exception was raised on the way to 2's handler: 2 waits, or is dropped.
 *
 * The hardware takes one event per entry. If another waits, a window exit is asked for, which comes as
 * soon as the guest could take it.
 */
#include <linux/kernel.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/inject.h"
#include "x86/smm.h"
#include "x86/x86.h"

#define VECTOR_DE 0
#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_OF 4
#define VECTOR_DF 8
#define VECTOR_TS 10
#define VECTOR_NP 11
#define VECTOR_SS 12
#define VECTOR_GP 13
#define VECTOR_PF 14
#define VECTOR_AC 17

/* SDM 3A 6.15, table 6-4; APM 2 8.2.9. */
enum exc_class { EXC_BENIGN, EXC_CONTRIBUTORY, EXC_PF };

static enum exc_class exc_class(u8 vector)
{
	switch (vector) {
	case VECTOR_PF:
		return EXC_PF;
	case VECTOR_DE:
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
		return EXC_CONTRIBUTORY;
	default:
		return EXC_BENIGN;
	}
}

/* Faults, as opposed to traps and #DF's abort: RF is set in the pushed RFLAGS (SDM 3B 17.3.1.1). */
static bool exc_is_fault(u8 vector)
{
	return vector != VECTOR_DB && vector != VECTOR_BP && vector != VECTOR_OF && vector != VECTOR_DF &&
	       vector != 18;
}

void inject_apply_payload(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;
	u64 dr6;

	if (!ev->exc_has_payload)
		return;
	ev->exc_has_payload = false;
	if (ev->exc_vector == VECTOR_PF) {
		vcpu->cr2 = ev->exc_payload;
	} else if (ev->exc_vector == VECTOR_DB) {
		/* B0-B3 tell of this trap alone; BS, BD, BT accumulate (SDM 3B 17.2.3). */
		dr6 = backend_call(get_dr6)(vcpu);
		backend_call(set_dr6)(vcpu, (dr6 & ~0xfULL) | ev->exc_payload);
	}
}

static void raise(struct vcpu *vcpu, u8 vector, bool has_error, u32 error, bool has_payload,
		  u64 payload)
{
	struct vcpu_events *ev = &vcpu->events;
	int first = -1;

	vcpu->event_check = true;
	if (ev->exc_pending)
		first = ev->exc_vector;
	else if (ev->injected.type == VM_EVENT_EXCEPTION)
		first = ev->injected.vector;

	if (first >= 0) {
		enum exc_class a = exc_class(first), b = exc_class(vector);

		if (first == VECTOR_DF) {
			ev->exc_pending = false;
			ev->injected.type = VM_EVENT_NONE;
			vcpu_request(vcpu, REQ_TRIPLE_FAULT);
			return;
		}
		if ((a == EXC_CONTRIBUTORY && b == EXC_CONTRIBUTORY) ||
		    (a == EXC_PF && b != EXC_BENIGN)) {
			vector = VECTOR_DF;
			has_error = true;
			error = 0;
			has_payload = false;
		}
		/* Else the second is served first; the first comes again when its instruction does. */
		ev->injected.type = VM_EVENT_NONE;
	}
	ev->exc_pending = true;
	ev->exc_again = false;
	ev->exc_vector = vector;
	ev->exc_has_error = has_error;
	ev->exc_error = error;
	ev->exc_has_payload = has_payload;
	ev->exc_payload = payload;
}

void vcpu_raise(struct vcpu *vcpu, u8 vector)
{
	raise(vcpu, vector, false, 0, false, 0);
}

void vcpu_raise_error(struct vcpu *vcpu, u8 vector, u32 error)
{
	raise(vcpu, vector, true, error, false, 0);
}

void vcpu_raise_payload(struct vcpu *vcpu, u8 vector, u64 payload)
{
	raise(vcpu, vector, false, 0, true, payload);
}

void vcpu_raise_pf(struct vcpu *vcpu, u64 address, u32 error)
{
	raise(vcpu, VECTOR_PF, true, error, true, address);
}

void vcpu_raise_pf_again(struct vcpu *vcpu, u64 address, u32 error)
{
	struct vcpu_events *ev = &vcpu->events;

	raise(vcpu, VECTOR_PF, true, error, true, address);
	ev->exc_again = ev->exc_pending && ev->exc_vector == VECTOR_PF;
}

void inject_drop_again(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;

	if (!ev->exc_again)
		return;
	ev->exc_again = false;
	if (ev->exc_pending)
		ev->exc_pending = false;
	else if (ev->injected.type == VM_EVENT_EXCEPTION && ev->injected.vector == VECTOR_PF)
		ev->injected.type = VM_EVENT_NONE;
}

void vcpu_queue_nmi(struct vcpu *vcpu)
{
	atomic_inc(&vcpu->events.nmi_queued);
	vcpu_request(vcpu, REQ_NMI);
	vcpu_kick(vcpu);
}

void inject_restore_irq(struct vcpu *vcpu, u8 vector)
{
	vcpu->events.irq_pending = true;
	vcpu->events.irq_vector = vector;
	vcpu->event_check = true;
}

void inject_hold_back(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;

	if (ev->injected.type == VM_EVENT_NONE || !ev->exc_pending)
		return;
	switch (ev->injected.type) {
	case VM_EVENT_IRQ:
		inject_restore_irq(vcpu, ev->injected.vector);
		break;
	case VM_EVENT_NMI:
		ev->nmi_pending = min(ev->nmi_pending + 1, 2u);
		break;
	default:
		/* INT n, INT3, INTO: RIP is still there, the guest executes it again. */
		break;
	}
	ev->injected.type = VM_EVENT_NONE;
}

unsigned int inject_take_nmis(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;
	unsigned int limit = 2;

	if (!atomic_read(&ev->nmi_queued))
		return ev->nmi_pending;
	/* One in service and one waiting, as hardware latches one (SDM 3A 6.7.1). */
	if (backend_call(get_nmi_mask)(vcpu) || ev->injected.type == VM_EVENT_NMI)
		limit = 1;
	ev->nmi_pending = min(ev->nmi_pending + (unsigned int)atomic_xchg(&ev->nmi_queued, 0), limit);
	return ev->nmi_pending;
}

static void inject_exception(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;
	struct vm_event event = {
		.type = VM_EVENT_EXCEPTION,
		.vector = ev->exc_vector,
		/* In real mode nothing is pushed (SDM 2B INT). */
		.has_error = ev->exc_has_error && x86_protmode(vcpu),
		.error = ev->exc_error,
	};

	inject_apply_payload(vcpu);
	/*
	 * INT3 and INTO, the VMM's wish (SET_GUEST_DEBUG): they return behind the instruction. Both are
	 * one byte long, unless someone puts a prefix before them.
	 */
	if (unlikely(event.vector == VECTOR_BP || event.vector == VECTOR_OF)) {
		event.type = VM_EVENT_SOFT_EXC;
		event.insn_len = 1;
	}
	if (exc_is_fault(event.vector))
		vcpu_set_reg(vcpu, VCPU_RFLAGS, vcpu_reg(vcpu, VCPU_RFLAGS) | X86_EFLAGS_RF);
	else if (event.vector == VECTOR_DB)
		/* Delivery of #DB clears DR7.GD (SDM 3B 17.2.4). */
		x86_clear_dr7_gd(vcpu);
	ev->exc_pending = false;
	ev->injected = event;
	vcpu_count(vcpu, exc_injections);
	trace_vmx_inj_exception(vcpu, event.vector, event.has_error, event.error);
	backend_call(inject)(vcpu, &event);
}

/* The vector of a deliverable external interrupt: taken from its controller. -1: none left. */
static __always_inline int inject_ack(struct vcpu *vcpu, bool in_hw)
{
	if (vcpu->events.irq_pending) {
		vcpu->events.irq_pending = false;
		return vcpu->events.irq_vector;
	}
	return in_hw ? irqchip_ack_extint(vcpu) : irqchip_ack(vcpu);
}

static __always_inline bool inject_irq_waiting(struct vcpu *vcpu, bool in_hw)
{
	return vcpu->events.irq_pending ||
	       (in_hw ? irqchip_extint_waits(vcpu) : irqchip_pending_vector(vcpu) >= 0);
}

/* The VMM's own controller has one, which the guest could be given: the exit that it asks for is the window. */
static bool vmm_wants_window(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) && !irqchip_pic_in_kernel(vcpu->vm) &&
	       irqchip_extint_wanted(vcpu);
}

static __always_inline void inject_irq_one(struct vcpu *vcpu, bool slot_taken, bool in_hw)
{
	struct vm_event event = { .type = VM_EVENT_IRQ };
	int vector;

	if (!inject_irq_waiting(vcpu, in_hw)) {
		if (unlikely(vmm_wants_window(vcpu)))
			backend_call(request_irq_window)(vcpu);
		return;
	}
	if (slot_taken || !backend_call(irq_allowed)(vcpu)) {
		backend_call(request_irq_window)(vcpu);
		return;
	}
	vector = inject_ack(vcpu, in_hw);
	if (vector < 0)
		return;
	event.vector = vector;
	vcpu->events.injected = event;
	vcpu_count(vcpu, irq_injections);
	trace_vmx_inj_virq(vcpu, event.vector);
	backend_call(inject)(vcpu, &event);
	/* The backend keeps the request of a VMM that has all the controllers. */
	if (inject_irq_waiting(vcpu, in_hw) || unlikely(vcpu->lapic && vmm_wants_window(vcpu)))
		backend_call(request_irq_window)(vcpu);
}

static void inject_irq(struct vcpu *vcpu, bool slot_taken)
{
	inject_irq_one(vcpu, slot_taken, false);
}

/* The hardware delivers what its LAPIC has: there remain what was acknowledged before, and the PIC's. */
static noinline void inject_irq_beside_hw(struct vcpu *vcpu, bool slot_taken)
{
	inject_irq_one(vcpu, slot_taken, true);
	backend_call(update_tpr_threshold)(vcpu, -1, -1);
}

void inject_events(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;
	bool taken = false;
	int tpr, class;

	vcpu->event_check = false;
	if (unlikely(ev->exc_pending))
		inject_hold_back(vcpu);
	if (ev->injected.type != VM_EVENT_NONE) {
		backend_call(inject)(vcpu, &ev->injected);
		smm_after_event(vcpu);
		taken = true;
	} else if (ev->exc_pending) {
		inject_exception(vcpu);
		smm_after_event(vcpu);
		taken = true;
	}

	/* The VMM's debugger wants to step without being led into handlers. It asks again when that ends. */
	if (unlikely(vcpu->guest_debug & VMX_GUESTDBG_BLOCKIRQ))
		return;
	if (inject_take_nmis(vcpu)) {
		if (!taken && backend_call(nmi_allowed)(vcpu)) {
			struct vm_event event = { .type = VM_EVENT_NMI, .vector = 2 };

			ev->nmi_pending--;
			ev->injected = event;
			vcpu_count(vcpu, nmi_injections);
			trace_vmx_inj_nmi(vcpu);
			backend_call(inject)(vcpu, &event);
			taken = true;
		}
		if (ev->nmi_pending)
			backend_call(request_nmi_window)(vcpu);
	}

	if (unlikely(vcpu->irqs_in_hw)) {
		inject_irq_beside_hw(vcpu, taken);
		return;
	}
	inject_irq(vcpu, taken);
	if (vcpu->lapic) {
		class = lapic_tpr_blocked_class(vcpu, &tpr);
		backend_call(update_tpr_threshold)(vcpu, class < 0 ? -1 : tpr, class);
	}
}

bool vcpu_ready_for_irq(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;

	return backend_call(irq_allowed)(vcpu) && !ev->irq_pending && !ev->exc_pending &&
	       ev->injected.type == VM_EVENT_NONE && irqchip_extint_wanted(vcpu);
}
