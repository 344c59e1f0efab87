// SPDX-License-Identifier: GPL-2.0-only
/* GET_VCPU_EVENTS and SET_VCPU_EVENTS: events on their way into the guest. */
#include <linux/uaccess.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "x86/inject.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_NMI 2
#define NR_EXCEPTIONS 32

#define FLAGS_KNOWN                                                                        \
	(VMX_VCPUEVENT_VALID_NMI_PENDING | VMX_VCPUEVENT_VALID_SIPI_VECTOR |               \
	 VMX_VCPUEVENT_VALID_SHADOW | VMX_VCPUEVENT_VALID_SMM)

/*
 * Without VMX_CAP_EXCEPTION_PAYLOAD a program knows no pending exceptions: the payload (CR2, DR6)
 * is applied now and the exception shown as injected.
 */
static void get_exception(struct vcpu *vcpu, struct vmx_vcpu_events *e)
{
	struct vcpu_events *ev = &vcpu->events;

	if (ev->exc_pending) {
		inject_apply_payload(vcpu);
		e->exception.injected = 1;
		e->exception.nr = ev->exc_vector;
		e->exception.has_error_code = ev->exc_has_error;
		e->exception.error_code = ev->exc_error;
	} else if (ev->injected.type == VM_EVENT_EXCEPTION) {
		e->exception.injected = 1;
		e->exception.nr = ev->injected.vector;
		e->exception.has_error_code = ev->injected.has_error;
		e->exception.error_code = ev->injected.error;
	}
	/*
	 * INT3 and INTO are raised again by their instruction: the ABI has no room for its length.
	 */
}

static long get_events(struct vcpu *vcpu, void __user *argp)
{
	struct vcpu_events *ev = &vcpu->events;
	struct vmx_vcpu_events e = {};

	/* The ABI has room for one event of each kind, and an exception that is pending is the first. */
	inject_hold_back(vcpu);
	get_exception(vcpu, &e);
	if (ev->injected.type == VM_EVENT_IRQ) {
		e.interrupt.injected = 1;
		e.interrupt.nr = ev->injected.vector;
	} else if (ev->irq_pending) {
		/* One that the guest could not take yet: the ABI makes no difference. */
		e.interrupt.injected = 1;
		e.interrupt.nr = ev->irq_vector;
	}
	e.interrupt.shadow = backend_call(get_shadow)(vcpu);
	e.nmi.injected = ev->injected.type == VM_EVENT_NMI;
	e.nmi.pending = inject_take_nmis(vcpu) != 0;
	e.nmi.masked = backend_call(get_nmi_mask)(vcpu);
	e.flags = VMX_VCPUEVENT_VALID_NMI_PENDING | VMX_VCPUEVENT_VALID_SHADOW;
	return copy_to_user(argp, &e, sizeof(e)) ? -EFAULT : 0;
}

static long set_events(struct vcpu *vcpu, const void __user *argp)
{
	struct vcpu_events *ev = &vcpu->events;
	struct vmx_vcpu_events e;

	if (copy_from_user(&e, argp, sizeof(e)))
		return -EFAULT;
	if (e.flags & ~FLAGS_KNOWN)
		return -EINVAL;
	if (e.exception.injected &&
	    (e.exception.nr >= NR_EXCEPTIONS || e.exception.nr == VECTOR_NMI))
		return -EINVAL;
	/* There is no SMM here: its state can only be the empty one. */
	if ((e.flags & VMX_VCPUEVENT_VALID_SMM) &&
	    (e.smi.smm || e.smi.pending || e.smi.smm_inside_nmi))
		return -EINVAL;

	ev->exc_pending = false;
	ev->exc_has_payload = false;
	ev->irq_pending = false;
	memset(&ev->injected, 0, sizeof(ev->injected));
	if (e.exception.injected) {
		ev->injected.type = VM_EVENT_EXCEPTION;
		ev->injected.vector = e.exception.nr;
		ev->injected.has_error = e.exception.has_error_code;
		ev->injected.error = e.exception.error_code;
	} else if (e.nmi.injected) {
		ev->injected.type = VM_EVENT_NMI;
		ev->injected.vector = VECTOR_NMI;
	} else if (e.interrupt.injected && e.interrupt.soft) {
		ev->injected.type = VM_EVENT_SOFT_INT;
		ev->injected.vector = e.interrupt.nr;
	}
	if (e.interrupt.injected && !e.interrupt.soft)
		inject_restore_irq(vcpu, e.interrupt.nr);
	if (e.flags & VMX_VCPUEVENT_VALID_SHADOW)
		backend_call(set_shadow)(vcpu, e.interrupt.shadow & (VMX_X86_SHADOW_INT_MOV_SS |
								      VMX_X86_SHADOW_INT_STI));
	if (e.flags & VMX_VCPUEVENT_VALID_NMI_PENDING) {
		ev->nmi_pending = !!e.nmi.pending;
		atomic_set(&ev->nmi_queued, 0);
	}
	/* One that the exception has come in the way of. */
	if (e.exception.injected && e.nmi.injected)
		ev->nmi_pending = min(ev->nmi_pending + 1, 2u);
	if (e.flags & VMX_VCPUEVENT_VALID_SIPI_VECTOR)
		lapic_set_sipi_vector(vcpu, e.sipi_vector);
	backend_call(set_nmi_mask)(vcpu, e.nmi.masked);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

long events_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_GET_VCPU_EVENTS:
		return get_events(vcpu, (void __user *)arg);
	case VMX_SET_VCPU_EVENTS:
		return set_events(vcpu, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}
