/* SPDX-License-Identifier: GPL-2.0-only */
/* What went wrong last in a vCPU, and who set its state last: VMX_X_GET_FAILURE (uapi/vmx_ext.h). */
#ifndef VMX_FAILURE_H
#define VMX_FAILURE_H

struct vcpu;
struct vcpu_failures;

int failure_vcpu_create(struct vcpu *vcpu);
void failure_vcpu_destroy(struct vcpu *vcpu);

/* The VMM has done ioctl @cmd of this vCPU; kept if it sets state. vcpu->mutex is held. */
void failure_note_ioctl(struct vcpu *vcpu, unsigned int cmd);

/*
 * vcpu->run has been filled in with a failed entry or an internal error: it is kept, with the rules that the
 * control block breaks. The vCPU's own thread, loaded, interrupts on.
 */
void failure_note(struct vcpu *vcpu);

/* VMX_X_GET_FAILURE; any process, any context that may sleep. */
long failure_get(struct vcpu *vcpu, void __user *argp);

#endif /* VMX_FAILURE_H */
