/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest-virtual addresses: the vCPU's memory of walks. The functions that use it are in gmem.h. */
#ifndef VMX_X86_GVA_H
#define VMX_X86_GVA_H

struct vcpu;

int gva_vcpu_create(struct vcpu *vcpu);
void gva_vcpu_destroy(struct vcpu *vcpu);

#endif /* VMX_X86_GVA_H */
