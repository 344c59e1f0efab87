/* SPDX-License-Identifier: GPL-2.0-only */
/* What a backend asks of a vCPU's CPUID when it chooses its intercepts. */
#ifndef VMX_X86_FEATURES_H
#define VMX_X86_FEATURES_H

#include "pure/cpuid.h"
#include "pure/msr.h"
#include "vcpu.h"

/* Does the guest's CPUID have the feature? The vCPU's own thread, or before it runs. */
bool x86_guest_has(struct vcpu *vcpu, enum cpuid_feature feature);

/* May the guest write SPEC_CTRL without an exit: does its CPUID allow all that the CPU would take? */
bool x86_spec_ctrl_passes(struct vcpu *vcpu);

/* May the guest reach the MSRs of this rule without an exit? Likewise. */
bool x86_msr_passes(struct vcpu *vcpu, const struct msr_rule *rule);

/* VMX_MSR_FILTER_READ, _WRITE: the accesses that the VMM's filter lets the guest make. Likewise. */
u32 x86_msr_allowed(struct vcpu *vcpu, u32 msr);

#endif /* VMX_X86_FEATURES_H */
