/* SPDX-License-Identifier: GPL-2.0-only */
/* System management mode: SMIs, RSM, and what the VMM sees of them (x86/smm.c). */
#ifndef VMX_X86_SMM_H
#define VMX_X86_SMM_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "vcpu.h"

/*
 * smm_serve() - REQ_SMI was taken: an SMI is pending from now on, and is taken if the vCPU can. May sleep.
 * VCPU_RESUME, or -ENOMEM, -EFAULT (the VMM's mapping of the save area): still pending then.
 */
int smm_serve(struct vcpu *vcpu);

/* Must the HLT that the vCPU is in end for an SMI? In its own thread, or for a guess. */
static inline bool smm_wakes(const struct vcpu *vcpu)
{
	return unlikely(READ_ONCE(vcpu->requests) & BIT(REQ_SMI)) && !vcpu->smm;
}

/*
 * smm_after_event() - an event goes into the guest first: if an SMI waits behind it, see to it that the entry
 * ends right after the delivery. Interrupts off, before the entry.
 */
void smm_after_event(struct vcpu *vcpu);

/* What held an SMI back may be gone. */
void smm_unblocked(struct vcpu *vcpu);

enum smm_leave_result {
	SMM_LEFT,		/* registers are the interrupted program's */
	SMM_LEFT_HALTED,	/* and it is to be halted */
	SMM_SHUTDOWN,		/* the save area holds no state that a CPU can have: nothing has changed */
};

/*
 * smm_leave() - RSM, in system management mode. @shadow: VMX_X86_SHADOW_* to go on with. May sleep.
 * enum smm_leave_result, or -ENOMEM, -EFAULT: nothing has changed.
 */
int smm_leave(struct vcpu *vcpu, u8 *shadow);

/* What SET_VCPU_EVENTS says of it; own thread. It moves no register. */
void smm_set_state(struct vcpu *vcpu, bool smm, bool pending, bool inside_nmi);

/* After RESET. */
void smm_vcpu_reset(struct vcpu *vcpu);

/* VMX_SMI; -ENOIOCTLCMD: not this one. */
long smm_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

#endif /* VMX_X86_SMM_H */
