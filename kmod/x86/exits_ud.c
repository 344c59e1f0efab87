// SPDX-License-Identifier: GPL-2.0-only
/*
 * #UD of the guest: its own affair, unless
 *  - it is RSM in system management mode, where the hardware knows no RSM but that of the host's own mode
 *    (SDM 3C 31.15.5);
 *  - it is another vendor's hypercall instruction: x86_foreign_hypercall();
 *  - the module's parameter says that UD2, "kvm" and an instruction ask for the instruction to be emulated
 *    instead of executed. Tests in a guest reach all of the emulator so; KVM has the same parameter and prefix.
 */
#include <linux/moduleparam.h>

#include "backend.h"
#include "gmem.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/exits.h"
#include "x86/inject.h"
#include "x86/insn.h"
#include "x86/x86.h"

#define VECTOR_UD 6

static bool force_emulation_prefix;
module_param(force_emulation_prefix, bool, 0644);
MODULE_PARM_DESC(force_emulation_prefix,
		 "emulate instructions that follow UD2 and \"kvm\": guests can then reach all of the emulator (default 0)");

static const u8 emulation_prefix[] = { 0x0f, 0x0b, 'k', 'v', 'm' };

static bool at_emulation_prefix(struct vcpu *vcpu)
{
	u32 access = GVA_FETCH | (vcpu_cpl(vcpu) == 3 ? GVA_USER : 0);
	u8 bytes[sizeof(emulation_prefix)];
	struct gva_fault fault;

	return !gva_read(vcpu, x86_linear_rip(vcpu), access, bytes, sizeof(bytes), &fault) &&
	       !memcmp(bytes, emulation_prefix, sizeof(bytes));
}

static bool is_rsm(struct vcpu *vcpu)
{
	struct emu_simple insn;

	return insn_match(vcpu, &insn, false) && insn.op == EMU_S_RSM;
}

int handle_guest_ud(struct vcpu *vcpu)
{
	u64 rip;
	int r;

	if (vcpu->smm && is_rsm(vcpu))
		return emulate_insn(vcpu, GPA_INVALID);
	r = x86_foreign_hypercall(vcpu);
	if (r != -ENOENT)
		return r;

	if (likely(!READ_ONCE(force_emulation_prefix)) || !at_emulation_prefix(vcpu)) {
		vcpu_raise(vcpu, VECTOR_UD);
		return VCPU_RESUME;
	}
	rip = vcpu_rip(vcpu) + sizeof(emulation_prefix);
	vcpu_set_reg(vcpu, VCPU_RIP, x86_64bit_code(vcpu) ? rip : (u32)rip);
	return emulate_insn_or_ud(vcpu);
}
