// SPDX-License-Identifier: GPL-2.0-only
/* MOV to and from control and debug registers, CLTS, LMSW, when the hardware traps them. */
#include "backend.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/exits.h"
#include "x86/insn.h"
#include "x86/x86.h"

#define VECTOR_UD 6
#define VECTOR_GP 13
/* LMSW reaches PE, MP, EM, TS, and cannot clear PE (SDM 2A LMSW). */
#define LMSW_MASK 0xfULL

/* What is to be done, from the hardware's decoding or our own. */
struct cr_access {
	u8 len;
	u8 cr;
	u8 gpr;
	bool write;
	bool clts;
	bool lmsw;
	u16 source;
};

static bool cr_decode(struct vcpu *vcpu, struct cr_access *a)
{
	const struct vm_exit *x = &vcpu->exit;
	struct emu_simple insn;

	if (x->decoded && x->insn_len) {
		*a = (struct cr_access){ x->insn_len, x->cr.cr,	  x->cr.gpr,	    x->cr.write,
					 x->cr.clts,  x->cr.lmsw, x->cr.lmsw_source };
		return true;
	}
	if (!insn_match(vcpu, &insn, false))
		return false;
	*a = (struct cr_access){ .len = insn.len, .cr = insn.crn, .gpr = insn.reg };
	switch (insn.op) {
	case EMU_S_MOV_CR_R:
		a->write = true;
		return true;
	case EMU_S_MOV_R_CR:
		return true;
	case EMU_S_CLTS:
		a->clts = true;
		return true;
	default:
		return false;	/* LMSW and SMSW with memory operands: the emulator's */
	}
}

static int cr_write(struct vcpu *vcpu, u8 cr, u64 val)
{
	switch (cr) {
	case 0:
		return x86_set_cr0(vcpu, val);
	case 2:
		vcpu->cr2 = val;
		return 0;
	case 3:
		return x86_set_cr3(vcpu, val);
	case 4:
		return x86_set_cr4(vcpu, val);
	case 8:
		return x86_set_cr8(vcpu, val);
	default:
		return -ENOENT;
	}
}

static int cr_read(struct vcpu *vcpu, u8 cr, u64 *val)
{
	switch (cr) {
	case 0:
		*val = vcpu_cr0(vcpu);
		return 0;
	case 2:
		*val = vcpu->cr2;
		return 0;
	case 3:
		*val = vcpu_cr3(vcpu);
		return 0;
	case 4:
		*val = vcpu_cr4(vcpu);
		return 0;
	case 8:
		*val = x86_get_cr8(vcpu);
		return 0;
	default:
		return -ENOENT;
	}
}

static int cr_access(struct vcpu *vcpu, const struct cr_access *a)
{
	bool wide = x86_64bit_code(vcpu);
	u64 val;
	int r;

	if (a->clts)
		return x86_set_cr0(vcpu, vcpu_cr0(vcpu) & ~(u64)X86_CR0_TS);
	if (a->lmsw) {
		val = vcpu_cr0(vcpu);
		val = (val & ~(LMSW_MASK & ~(u64)X86_CR0_PE)) | (a->source & LMSW_MASK);
		return x86_set_cr0(vcpu, val);
	}
	if (a->write) {
		val = vcpu_reg(vcpu, a->gpr & 15);
		return cr_write(vcpu, a->cr, wide ? val : (u32)val);
	}
	r = cr_read(vcpu, a->cr, &val);
	if (!r)
		vcpu_set_reg(vcpu, a->gpr & 15, wide ? val : (u32)val);
	return r;
}

int handle_cr(struct vcpu *vcpu)
{
	u64 cr8 = x86_get_cr8(vcpu);
	struct cr_access a;
	int r;

	if (!cr_decode(vcpu, &a))
		return emulate_insn(vcpu, GPA_INVALID);
	/* The intercept comes before the CPU's own check of the privilege (APM 2 15.7 has it after). */
	if (vcpu_cpl(vcpu)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VCPU_RESUME;
	}
	r = cr_access(vcpu, &a);
	if (r == -ENOENT)
		vcpu_raise(vcpu, VECTOR_UD);
	else if (r)
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
	else
		insn_advance(vcpu, a.len);
	/* A lowered TPR may let an interrupt through. */
	if (a.cr == 8)
		vcpu->event_check = true;
	/* A lower TPR may let an interrupt of the VMM's own controller through. */
	if (!r && a.cr == 8 && a.write && !vcpu->lapic && x86_get_cr8(vcpu) < cr8) {
		vcpu->run->exit_reason = VMX_EXIT_SET_TPR;
		return VCPU_TO_USER;
	}
	return VCPU_RESUME;
}

bool exits_cr4_refused(struct vcpu *vcpu)
{
	struct emu_simple insn;
	u64 val;

	if (vcpu_cpl(vcpu) || !insn_match(vcpu, &insn, false) || insn.op != EMU_S_MOV_CR_R || insn.crn != 4)
		return false;
	val = vcpu_reg(vcpu, insn.reg & 15);
	if (!x86_64bit_code(vcpu))
		val = (u32)val;
	if (!(val & ~x86_cr4_guest_allowed(vcpu)))
		return false;
	vcpu_raise_error(vcpu, VECTOR_GP, 0);
	return true;
}

int handle_dr(struct vcpu *vcpu)
{
	const struct vm_exit *x = &vcpu->exit;
	struct emu_simple insn = { 0 };
	bool write, wide = x86_64bit_code(vcpu);
	u64 val;

	if (x86_dr_pass(vcpu))
		return VCPU_RESUME;
	if (x->decoded && x->insn_len) {
		insn.len = x->insn_len;
		insn.crn = x->dr.dr;
		insn.reg = x->dr.gpr;
		write = x->dr.write;
	} else {
		if (!insn_match(vcpu, &insn, false) ||
		    (insn.op != EMU_S_MOV_DR_R && insn.op != EMU_S_MOV_R_DR))
			return emulate_insn(vcpu, GPA_INVALID);
		write = insn.op == EMU_S_MOV_DR_R;
	}
	if (vcpu_cpl(vcpu)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VCPU_RESUME;
	}
	if (unlikely(vcpu->guest_debug) && debug_dr_access(vcpu))
		return VCPU_TO_USER;
	if (write) {
		val = vcpu_reg(vcpu, insn.reg & 15);
		if (x86_set_dr(vcpu, insn.crn, wide ? val : (u32)val))
			return VCPU_RESUME;	/* it raised the exception */
	} else {
		if (x86_get_dr(vcpu, insn.crn, &val))
			return VCPU_RESUME;
		vcpu_set_reg(vcpu, insn.reg & 15, wide ? val : (u32)val);
	}
	insn_advance(vcpu, insn.len);
	return VCPU_RESUME;
}
