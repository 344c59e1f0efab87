/* SPDX-License-Identifier: GPL-2.0-only */
/* VMware's backdoor: backdoor.c. */
#ifndef VMX_X86_BACKDOOR_H
#define VMX_X86_BACKDOOR_H

#include "pure/emu.h"

struct vcpu;

/* Has the new vCPU the backdoor? The module's parameter decides. */
void backdoor_vcpu_create(struct vcpu *vcpu);
bool backdoor_has(const struct vcpu *vcpu);

/* backdoor_counter() - RDPMC of @index: false if that is none of the backdoor's, or it is off. May sleep. */
bool backdoor_counter(struct vcpu *vcpu, u32 index, u64 *val);

#endif /* VMX_X86_BACKDOOR_H */
