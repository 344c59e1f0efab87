// SPDX-License-Identifier: GPL-2.0-only
/* The guest's CPUID as a backend looks at it. */
#include "x86/features.h"
#include "x86/state.h"

bool x86_guest_has(struct vcpu *vcpu, enum cpuid_feature feature)
{
	return cpuid_has(vcpu->x86->cpuid, feature);
}

bool x86_spec_ctrl_passes(struct vcpu *vcpu)
{
	return !(x86_host.spec_ctrl & ~msr_spec_ctrl_allowed(vcpu->x86->cpuid));
}

bool x86_msr_passes(struct vcpu *vcpu, const struct msr_rule *rule)
{
	return msr_passes(rule, vcpu->x86->cpuid);
}
