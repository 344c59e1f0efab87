/* SPDX-License-Identifier: GPL-2.0-only */
/* Which pending event goes into the guest next. The vCPU's own thread. */
#ifndef VMX_X86_INJECT_H
#define VMX_X86_INJECT_H

#include "vcpu.h"

/*
 * inject_events() - before an entry, interrupts off: hand at most one event to the backend, in the
 * architecture's order, and ask for a window exit if another waits. Clears vcpu->event_check.
 */
void inject_events(struct vcpu *vcpu);

/* An external interrupt could be delivered now: IF set, no shadow, nothing else on its way. */
bool vcpu_ready_for_irq(struct vcpu *vcpu);

/*
 * An external interrupt that its controller has acknowledged, restored by the VMM or held back: goes in
 * before any other, as soon as the guest can take it. Exceptions and NMIs on their way go first.
 */
void inject_restore_irq(struct vcpu *vcpu, u8 vector);

/*
 * An exception is pending that was raised while another event was being delivered: that one waits (an
 * interrupt, an NMI) or is dropped (what software raised will be raised again). As on a CPU, where a
 * benign exception and the event before it are served one after the other (SDM 3A 6.15, table 6-5);
 * other pairs of exceptions are settled where the second is raised.
 */
void inject_hold_back(struct vcpu *vcpu);

/* Forget what vcpu_raise_pf_again() has raised, if it has not been delivered. */
void inject_drop_again(struct vcpu *vcpu);

/* NMIs queued by others become pending; returns how many are. */
unsigned int inject_take_nmis(struct vcpu *vcpu);

/* What an exception's payload does when it is delivered: CR2 or DR6. Also used by GET_VCPU_EVENTS. */
void inject_apply_payload(struct vcpu *vcpu);

#endif /* VMX_X86_INJECT_H */
