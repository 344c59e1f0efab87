/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest-virtual addresses: the vCPU's memory of walks. The functions that use it are in gmem.h. */
#ifndef VMX_X86_GVA_H
#define VMX_X86_GVA_H

#include <linux/types.h>

#include "pure/shadow.h"

struct vcpu;

struct gva_word {
	u64 bytes;
	bool ok;
};

/*
 * gva_fetch_at_exit() - the eight bytes at RIP, right after an exit: interrupts off, nothing changed since.
 * Not ok: not remembered, or changed: gva_fetch_insn_at_exit(), which learns it.
 *
 * gva_fetch_insn_at_exit() - as gva_fetch_insn() (gmem.h), at RIP, before anything of the exit's state has
 * changed. Interrupts on or off.
 */
struct gva_word gva_fetch_at_exit(struct vcpu *vcpu);
int gva_fetch_insn_at_exit(struct vcpu *vcpu, u8 buf[16]);

/*
 * For the shadow pager: walk_gva() in the vCPU's mode without sleeping, -EAGAIN if memory is not at hand; and the
 * mode as a role.
 */
int gva_walk_atomic(struct vcpu *vcpu, u64 gva, u32 acc, struct walk_result *r);
union shadow_role gva_shadow_role(struct vcpu *vcpu);

/* The state that a walk of the guest's tables depends on. The vCPU is loaded and out of the guest. Never sleeps. */
void gva_mode(struct vcpu *vcpu, struct walk_mode *m);

/* gva_forget() - what was remembered is of other memory now. */
void gva_forget(struct vcpu *vcpu);

int gva_vcpu_create(struct vcpu *vcpu);
void gva_vcpu_destroy(struct vcpu *vcpu);

#endif /* VMX_X86_GVA_H */
