/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting: HLT with adaptive polling, and pause-loop exits with a directed yield. */
#ifndef VMX_HALT_H
#define VMX_HALT_H

#include <linux/types.h>

#include "vcpu.h"

/* Module parameter halt_poll_ns: the bound that a new VM starts with. */
u32 halt_poll_ns_default(void);

static inline bool vcpu_runnable(const struct vcpu *vcpu)
{
	return vcpu->mp_state == VMX_MP_STATE_RUNNABLE;
}

/* Own thread, loaded: is there a reason to leave HLT? May take over posted interrupts. */
bool vcpu_has_wake_event(struct vcpu *vcpu);

/*
 * vcpu_block() - wait until vcpu_has_wake_event() or a signal; polls first, at most vm->halt_poll_ns.
 * Puts the vCPU's thread to sleep; the vCPU stays loaded (the preempt notifier handles it).
 */
void vcpu_block(struct vcpu *vcpu);

/*
 * vcpu_halt() - HLT was executed, RIP is past it: go to HALTED, or to the VMM if it has the interrupt
 * controllers. VCPU_RESUME or VCPU_TO_USER. Also for the emulator.
 */
int vcpu_halt(struct vcpu *vcpu);

/*
 * vcpu_after_block() - what woke it: runnable again, or still waiting.
 * VCPU_RESUME, -EIO for a dead VM, or what smm_serve() returns. A signal is the caller's to see.
 */
int vcpu_after_block(struct vcpu *vcpu);

/* Gives the CPU to the thread that ran @vcpu last. > 0: it did; may sleep. */
int vcpu_yield_to(struct vcpu *vcpu);

/* A guest that spins: yield to a vCPU of the same VM that was woken or preempted. */
void vcpu_on_spin(struct vcpu *vcpu, bool user_mode_only);

#endif /* VMX_HALT_H */
