// SPDX-License-Identifier: GPL-2.0-only
/* GET_VCPU_EVENTS and SET_VCPU_EVENTS: events on their way into the guest. */
#include <linux/uaccess.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "x86/inject.h"
#include "x86/smm.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_NMI 2
#define VECTOR_BP 3
#define VECTOR_OF 4
#define NR_EXCEPTIONS 32

#define FLAGS_KNOWN                                                                        \
	(VMX_VCPUEVENT_VALID_NMI_PENDING | VMX_VCPUEVENT_VALID_SIPI_VECTOR |               \
	 VMX_VCPUEVENT_VALID_SHADOW | VMX_VCPUEVENT_VALID_SMM |                     \
	 VMX_VCPUEVENT_VALID_PAYLOAD | VMX_VCPUEVENT_VALID_TRIPLE_FAULT)

static bool soft(u8 vector)
{
	return vector == VECTOR_BP || vector == VECTOR_OF;
}

/*
 * Without VMX_CAP_EXCEPTION_PAYLOAD a program knows no pending exceptions: the payload (CR2, DR6)
 * is applied now and the exception shown as injected.
 *
 * INT3 and INTO are raised again by their instruction: the ABI has no room for its length.
 */
static void get_exception(struct vcpu *vcpu, struct vmx_vcpu_events *e)
{
	bool payload = vcpu->vm->x86->exception_payload;
	struct vcpu_events *ev = &vcpu->events;

	if (ev->exc_pending && !soft(ev->exc_vector)) {
		if (!payload)
			inject_apply_payload(vcpu);
		e->exception.pending = payload;
		e->exception.injected = !payload;
		e->exception.nr = ev->exc_vector;
		e->exception.has_error_code = ev->exc_has_error;
		e->exception.error_code = ev->exc_error;
		if (ev->exc_has_payload) {
			e->exception_has_payload = 1;
			e->exception_payload = ev->exc_payload;
		}
	} else if (ev->injected.type == VM_EVENT_EXCEPTION) {
		e->exception.injected = 1;
		e->exception.nr = ev->injected.vector;
		e->exception.has_error_code = ev->injected.has_error;
		e->exception.error_code = ev->injected.error;
	}
	if (payload)
		e->flags |= VMX_VCPUEVENT_VALID_PAYLOAD;
}

void events_get(struct vcpu *vcpu, struct vmx_vcpu_events *e)
{
	struct vcpu_events *ev = &vcpu->events;

	memset(e, 0, sizeof(*e));
	/* QEMU's migration loses the error code: such a fault would come as another. */
	inject_drop_again(vcpu);
	/* The ABI has room for one event of each kind, and an exception that is pending is the first. */
	inject_hold_back(vcpu);
	get_exception(vcpu, e);
	if (ev->injected.type == VM_EVENT_IRQ) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->injected.vector;
	} else if (ev->irq_pending) {
		/* One that the guest could not take yet: the ABI makes no difference. */
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->irq_vector;
	}
	e->interrupt.shadow = backend_call(get_shadow)(vcpu);
	e->nmi.injected = ev->injected.type == VM_EVENT_NMI;
	e->nmi.pending = inject_take_nmis(vcpu) != 0;
	e->nmi.masked = backend_call(get_nmi_mask)(vcpu);
	e->smi.smm = vcpu->smm;
	e->smi.pending = ev->smi_pending || test_bit(REQ_SMI, &vcpu->requests);
	e->smi.smm_inside_nmi = vcpu->x86->smm_inside_nmi;
	e->smi.latched_init = lapic_init_latched(vcpu);
	e->flags |= VMX_VCPUEVENT_VALID_NMI_PENDING | VMX_VCPUEVENT_VALID_SHADOW |
		    VMX_VCPUEVENT_VALID_SMM;
	if (vcpu->vm->x86->triple_fault_event) {
		e->triple_fault.pending = test_bit(REQ_TRIPLE_FAULT, &vcpu->requests);
		e->flags |= VMX_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
}

/* The exception of @e: what waits as pending, what is injected at once. Checked. */
static void set_exception(struct vcpu *vcpu, const struct vmx_vcpu_events *e, bool pending)
{
	struct vcpu_events *ev = &vcpu->events;
	u8 nr = e->exception.nr;

	if (pending) {
		ev->exc_pending = true;
		ev->exc_vector = nr;
		ev->exc_has_error = e->exception.has_error_code;
		ev->exc_error = e->exception.error_code;
		ev->exc_has_payload = e->exception_has_payload;
		ev->exc_payload = e->exception_payload;
	} else if (e->exception.injected) {
		/* INT3 or INTO that the VMM's debugger gives back: to return behind it. */
		ev->injected.type = soft(nr) ? VM_EVENT_SOFT_EXC : VM_EVENT_EXCEPTION;
		ev->injected.insn_len = soft(nr);
		ev->injected.vector = nr;
		ev->injected.has_error = e->exception.has_error_code;
		ev->injected.error = e->exception.error_code;
	}
}

static bool events_valid(struct vcpu *vcpu, const struct vmx_vcpu_events *e, bool pending)
{
	const struct vm_x86 *x = vcpu->vm->x86;

	if (e->flags & ~FLAGS_KNOWN)
		return false;
	if ((e->flags & VMX_VCPUEVENT_VALID_PAYLOAD) && !x->exception_payload)
		return false;
	if ((e->flags & VMX_VCPUEVENT_VALID_TRIPLE_FAULT) && !x->triple_fault_event)
		return false;
	if ((e->exception.injected || pending) &&
	    (e->exception.nr >= NR_EXCEPTIONS || e->exception.nr == VECTOR_NMI))
		return false;
	/* INIT is latched there. */
	return !(e->flags & VMX_VCPUEVENT_VALID_SMM) || !e->smi.smm ||
	       vcpu->mp_state != VMX_MP_STATE_INIT_RECEIVED;
}

long events_set(struct vcpu *vcpu, const struct vmx_vcpu_events *e)
{
	bool pending = (e->flags & VMX_VCPUEVENT_VALID_PAYLOAD) && e->exception.pending;
	struct vcpu_events *ev = &vcpu->events;

	if (!events_valid(vcpu, e, pending))
		return -EINVAL;
	ev->exc_pending = false;
	ev->exc_again = false;
	ev->exc_has_payload = false;
	ev->irq_pending = false;
	memset(&ev->injected, 0, sizeof(ev->injected));
	set_exception(vcpu, e, pending);
	if (ev->injected.type != VM_EVENT_NONE) {
		/* One at a time. */
	} else if (e->nmi.injected) {
		ev->injected.type = VM_EVENT_NMI;
		ev->injected.vector = VECTOR_NMI;
	} else if (e->interrupt.injected && e->interrupt.soft) {
		ev->injected.type = VM_EVENT_SOFT_INT;
		ev->injected.vector = e->interrupt.nr;
	}
	if (e->interrupt.injected && !e->interrupt.soft)
		inject_restore_irq(vcpu, e->interrupt.nr);
	if (e->flags & VMX_VCPUEVENT_VALID_SHADOW)
		backend_call(set_shadow)(vcpu, e->interrupt.shadow & (VMX_X86_SHADOW_INT_MOV_SS |
								       VMX_X86_SHADOW_INT_STI));
	if (e->flags & VMX_VCPUEVENT_VALID_NMI_PENDING) {
		ev->nmi_pending = !!e->nmi.pending;
		atomic_set(&ev->nmi_queued, 0);
	}
	/* One that the exception has come in the way of. */
	if (e->exception.injected && e->nmi.injected)
		ev->nmi_pending = min(ev->nmi_pending + 1, 2u);
	if (e->flags & VMX_VCPUEVENT_VALID_SIPI_VECTOR)
		lapic_set_sipi_vector(vcpu, e->sipi_vector);
	backend_call(set_nmi_mask)(vcpu, e->nmi.masked);
	if (e->flags & VMX_VCPUEVENT_VALID_SMM) {
		lapic_set_init_latched(vcpu, e->smi.latched_init);
		smm_set_state(vcpu, e->smi.smm, e->smi.pending, e->smi.smm_inside_nmi);
	}
	if (e->flags & VMX_VCPUEVENT_VALID_TRIPLE_FAULT) {
		if (e->triple_fault.pending)
			vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		else
			vcpu_take_request(vcpu, REQ_TRIPLE_FAULT);
	}
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

long events_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	struct vmx_vcpu_events e;

	switch (cmd) {
	case VMX_GET_VCPU_EVENTS:
		events_get(vcpu, &e);
		return copy_to_user(argp, &e, sizeof(e)) ? -EFAULT : 0;
	case VMX_SET_VCPU_EVENTS:
		return copy_from_user(&e, argp, sizeof(e)) ? -EFAULT : events_set(vcpu, &e);
	default:
		return -ENOIOCTLCMD;
	}
}
