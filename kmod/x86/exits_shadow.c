// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits of guests that run on shadow tables: #PF, which is the pager's, the guest's, a device access, or a write to
 * a table of the guest's that has to be emulated so that the pager hears of it.
 */
#include "backend.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/exits.h"
#include "x86/insn.h"

int exit_fast_shadow(struct vcpu *vcpu)
{
	u32 flags = vcpu->exit.pf.flags;
	u64 gpa;
	int r;

	r = mmu_shadow_fault_fast(vcpu, vcpu->exit.pf.gpa, flags, &gpa);
	if (r == MMU_RETRY)
		return VCPU_RESUME;
	if (r != MMU_MMIO)
		return -EAGAIN;
	r = emulate_mmio_fast(vcpu, gpa, flags & VM_PF_WRITE);
	if (r >= 0)
		vcpu_count(vcpu, pf_mmio);
	return r;
}

/*
 * Flushes and switches of address spaces of 64-bit guests, with interrupts off; all else is handle_cr()'s and
 * handle_invlpg()'s.
 */
int exit_fast_invlpg(struct vcpu *vcpu)
{
	struct emu_mov m;
	u8 bytes[16];
	int n;

	if (!mmu_shadowing(vcpu) || insn_mode(vcpu) != EMU_MODE_LONG64 || vcpu->exit.cpl)
		return -EAGAIN;
	if (vcpu->exit.decoded && vcpu->exit.insn_len) {
		if (!mmu_invlpg_fast(vcpu, vcpu->exit.invlpg.gva))
			return -EAGAIN;
		insn_advance_fast(vcpu, vcpu->exit.insn_len);
		return VCPU_RESUME;
	}
	n = gva_fetch_insn_at_exit(vcpu, bytes);
	if (n <= 0 || !emu_invlpg_simple(bytes, n, &m))
		return -EAGAIN;
	vcpu_reg(vcpu, VCPU_RSP);
	if (!mmu_invlpg_fast(vcpu, emu_mov_ea(&m, vcpu->regs, vcpu_rip(vcpu))))
		return -EAGAIN;
	insn_advance_fast(vcpu, m.len);
	return VCPU_RESUME;
}

/* MOV to or from a control register, by the hardware's decoding or our own. False: something else. */
static bool match_mov_cr(struct vcpu *vcpu, struct emu_simple *insn)
{
	const struct vm_exit *x = &vcpu->exit;

	if (!x->decoded || !x->insn_len)
		return insn_match(vcpu, insn, true) && (insn->op == EMU_S_MOV_CR_R || insn->op == EMU_S_MOV_R_CR);
	insn->op = x->cr.write ? EMU_S_MOV_CR_R : EMU_S_MOV_R_CR;
	insn->crn = x->cr.cr;
	insn->reg = x->cr.gpr;
	insn->len = x->insn_len;
	return !x->cr.clts && !x->cr.lmsw;
}

static bool mov_to_cr(struct vcpu *vcpu, u8 cr, u64 val)
{
	switch (cr) {
	case 0:
		return x86_set_cr_fast(vcpu, VCPU_CR0, val | X86_CR0_ET);
	case 3:
		return mmu_cr3_fast(vcpu, val);
	case 4:
		return x86_set_cr_fast(vcpu, VCPU_CR4, val);
	default:
		return false;
	}
}

static bool mov_from_cr(struct vcpu *vcpu, u8 cr, u8 gpr)
{
	switch (cr) {
	case 0:
		vcpu_set_reg(vcpu, gpr, vcpu_cr0(vcpu));
		return true;
	case 3:
		vcpu_set_reg(vcpu, gpr, vcpu_cr3(vcpu));
		return true;
	case 4:
		vcpu_set_reg(vcpu, gpr, vcpu_cr4(vcpu));
		return true;
	default:
		return false;
	}
}

int exit_fast_cr(struct vcpu *vcpu)
{
	struct emu_simple insn;

	if (!mmu_shadowing(vcpu) || insn_mode(vcpu) != EMU_MODE_LONG64 || vcpu->exit.cpl)
		return -EAGAIN;
	if (!match_mov_cr(vcpu, &insn))
		return -EAGAIN;
	if (insn.op == EMU_S_MOV_CR_R ? !mov_to_cr(vcpu, insn.crn, vcpu_reg(vcpu, insn.reg & 15)) :
					!mov_from_cr(vcpu, insn.crn, insn.reg & 15))
		return -EAGAIN;
	insn_advance_fast(vcpu, insn.len);
	return VCPU_RESUME;
}

/* Delivery of an event through a device page, or one that must not be written: no VMM could make sense of it. */
static int delivery_failed(struct vcpu *vcpu, u64 gpa)
{
	u64 data[] = { vcpu->exit.vectoring.vector, vcpu->exit.hw_reason, gpa };

	if (vcpu_wait_for_slot(vcpu))
		return VCPU_RESUME;	/* it is injected again */
	return vcpu_internal_error(vcpu, VMX_INTERNAL_ERROR_DELIVERY_EV, ARRAY_SIZE(data), data);
}

int handle_shadow_fault(struct vcpu *vcpu)
{
	bool vectoring = vcpu->exit.vectoring.type != VM_EVENT_NONE;
	u64 gva = vcpu->exit.pf.gpa, gpa = 0;
	u32 flags = vcpu->exit.pf.flags;

	trace_vmx_page_fault(vcpu, gva, flags);
	switch (mmu_shadow_fault(vcpu, gva, flags, &gpa)) {
	case MMU_RETRY:
	case MMU_HWPOISON:
		return VCPU_RESUME;
	case MMU_MMIO:
		vcpu_count(vcpu, pf_mmio);
		return vectoring ? delivery_failed(vcpu, gpa) : emulate_mmio(vcpu, gpa, flags & VM_PF_WRITE);
	case MMU_EMULATE:
		/* The CPU's own write of an exception's frame is no instruction. */
		if (vectoring)
			return mmu_untrack(vcpu, gpa) ? VCPU_RESUME : delivery_failed(vcpu, gpa);
		return emulate_table_write(vcpu, gpa);
	case MMU_NOMEM:
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}
