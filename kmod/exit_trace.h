/* SPDX-License-Identifier: GPL-2.0-only */
/* The exit trace: a ring per vCPU that its VMM, or who looks from outside, maps (uapi/vmx_ext.h). */
#ifndef VMX_EXIT_TRACE_H
#define VMX_EXIT_TRACE_H

#include <linux/jump_label_ratelimit.h>

#include "exit.h"

struct vcpu;

/*
 * On while any vCPU's ring is, and for a second longer: to patch code interrupts every CPU several times, which who may
 * open the device should not be able to have done at will.
 */
extern struct static_key_false_deferred exit_trace_key;

#define exit_trace_on() static_branch_unlikely(&exit_trace_key.key)

void __exit_trace_exit(struct vcpu *vcpu);
void __exit_trace_slow(struct vcpu *vcpu);
void __exit_trace_enter(struct vcpu *vcpu);
void __exit_trace_return(struct vcpu *vcpu, int r);

/*
 * The vCPU's own thread: after exit_times_exit(), before the exit is dispatched that the inner loop has not served
 * alone, after exit_times_enter(), and after exit_times_return() with the result of the run ioctl. One patched NOP
 * each while nobody traces.
 */
static __always_inline void exit_trace_exit(struct vcpu *vcpu)
{
	if (exit_trace_on())
		__exit_trace_exit(vcpu);
}

static __always_inline void exit_trace_slow(struct vcpu *vcpu)
{
	if (exit_trace_on())
		__exit_trace_slow(vcpu);
}

static __always_inline void exit_trace_enter(struct vcpu *vcpu)
{
	if (exit_trace_on())
		__exit_trace_enter(vcpu);
}

static __always_inline void exit_trace_return(struct vcpu *vcpu, int r)
{
	if (exit_trace_on())
		__exit_trace_return(vcpu, r);
}

/* VMX_X_TRACE_FD: from any process, without vcpu->mutex. Returns an fd or -errno. */
long exit_trace_fd(struct vcpu *vcpu, const void __user *argp);

/* At unload. */
void exit_trace_module_exit(void);

#endif /* VMX_EXIT_TRACE_H */
