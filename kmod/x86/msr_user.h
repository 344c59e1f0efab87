/* SPDX-License-Identifier: GPL-2.0-only */
/* RDMSR and WRMSR as the guest executes them: through the VMM's filter, and to the VMM if it asked for that. */
#ifndef VMX_X86_MSR_USER_H
#define VMX_X86_MSR_USER_H

#include <linux/jump_label.h>

#include "vcpu.h"

/* Besides 0 and 1 of x86_msr_read() and x86_msr_write(), whose 1 is an illegal access of an MSR that there is. */
enum { X86_MSR_UNKNOWN = 2, X86_MSR_FILTERED = 3 };

/* 0, or what became of it: *_failed() acts on that. May sleep. */
int x86_rdmsr(struct vcpu *vcpu, u32 msr, u64 *val);
int x86_wrmsr(struct vcpu *vcpu, u32 msr, u64 val);
/* #GP, or an exit to the VMM. @len: of the instruction. A handler's result. */
int x86_rdmsr_failed(struct vcpu *vcpu, u32 msr, int result, unsigned int len);
int x86_wrmsr_failed(struct vcpu *vcpu, u32 msr, u64 val, int result, unsigned int len);
/* Would it be an exit? */
bool x86_msr_wants_exit(struct vcpu *vcpu, int result);

DECLARE_STATIC_KEY_FALSE(msr_filters_in_use);
bool x86_msr_filtered(struct vcpu *vcpu);

/* False: the fast path may not serve it. Interrupts off. */
static __always_inline bool x86_msr_fast_allowed(struct vcpu *vcpu)
{
	return !static_branch_unlikely(&msr_filters_in_use) || !x86_msr_filtered(vcpu);
}

long msr_filter_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
void msr_filter_vm_destroy(struct vm *vm);

#endif /* VMX_X86_MSR_USER_H */
