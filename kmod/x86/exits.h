/* SPDX-License-Identifier: GPL-2.0-only */
/* What to do about an exit, with the backend's decoding in vcpu->exit. */
#ifndef VMX_X86_EXITS_H
#define VMX_X86_EXITS_H

#include "vcpu.h"

/*
 * exit_fast() - interrupts off, right after the exit. VCPU_RESUME: served, the guest may go on;
 * VCPU_TO_USER: it is the VMM's; -EAGAIN: the dispatcher's, nothing has happened yet. No lock that
 * sleeps, no SRCU, no user access that faults. Not for an exit that cut short the delivery of an
 * event.
 */
int exit_fast(struct vcpu *vcpu);

/* exit_dispatch() - interrupts on; the table of handlers. VCPU_RESUME, VCPU_TO_USER, or -errno. */
int exit_dispatch(struct vcpu *vcpu);

/* Handlers in files of their own. */
int handle_cr(struct vcpu *vcpu);	/* exits_cr.c */
int handle_dr(struct vcpu *vcpu);
int handle_guest_ud(struct vcpu *vcpu);	/* exits_ud.c */
int handle_shadow_fault(struct vcpu *vcpu);	/* exits_shadow.c */
int exit_fast_shadow(struct vcpu *vcpu);	/* its parts of exit_fast() */
int exit_fast_invlpg(struct vcpu *vcpu);
int exit_fast_cr(struct vcpu *vcpu);
/*
 * exits_cr4_refused() - with caps.cr4_ends_run: the entry has not failed, the guest's MOV to CR4 has, and gets
 * its #GP.
 */
bool exits_cr4_refused(struct vcpu *vcpu);

#endif /* VMX_X86_EXITS_H */
