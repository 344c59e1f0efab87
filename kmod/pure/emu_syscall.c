// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT (SDM 2B, APM 3).
 *
 * Where vendors differ (EMU_F_INTEL): Intel has SYSCALL and SYSRET in 64-bit mode only, AMD in all
 * protected modes; AMD has SYSENTER and SYSEXIT in legacy mode only; Intel's SYSRET to a
 * non-canonical address faults in the kernel, AMD's does so at the user's first fetch; AMD's
 * SYSRET leaves the hidden part of SS as it is.
 */
#include "pure/emu_core.h"

static void flat(struct emu_seg *s, u16 sel, u8 type, unsigned int dpl, bool l)
{
	memset(s, 0, sizeof(*s));
	s->selector = sel;
	s->limit = 0xffffffff;
	s->type = type;
	s->s = 1;
	s->dpl = (u8)dpl;
	s->present = 1;
	s->l = l;
	s->db = !l;
	s->g = 1;
}

#define CODE_TYPE (SEGT_CODE | SEGT_RW | SEGT_ACCESSED)
#define DATA_TYPE (SEGT_RW | SEGT_ACCESSED)

static void load_cs_ss(struct emu_ctxt *c, u16 cs_sel, u16 ss_sel, unsigned int cpl, bool l,
		       u64 rip)
{
	struct emu_seg cs, ss;

	flat(&cs, cs_sel, CODE_TYPE, cpl, l);
	flat(&ss, ss_sel, DATA_TYPE, cpl, false);
	emu_commit_cs(c, &cs, cpl, rip);
	emu_commit_seg(c, EMU_SS, &ss);
}

/* SYSCALL and SYSRET exist in this mode and are switched on. */
static int sce(struct emu_ctxt *c)
{
	u64 efer;
	int r;

	if (emu_is_rm(c) || ((c->features & EMU_F_INTEL) && !emu_is64(c)))
		return emu_ud(c);
	r = c->ops->get_msr(c, EMSR_EFER, &efer);
	if (r == EMU_OK && !(efer & EEFER_SCE))
		r = emu_ud(c);
	return r;
}

int emu_op_syscall(struct emu_ctxt *c)
{
	u64 star, target, mask, next = c->rip + c->insn.len;
	bool is64 = emu_is64(c);
	u16 sel;
	int r = sce(c);

	if (r == EMU_OK)
		r = c->ops->get_msr(c, EMSR_STAR, &star);
	if (r != EMU_OK)
		return r;
	sel = (u16)((star >> 32) & 0xfffc);
	if (!emu_lma(c)) {
		c->regs[EMU_RCX] = (u32)next;
		c->rflags &= ~(EFL_VM | EFL_IF | EFL_RF);
		load_cs_ss(c, sel, (u16)(sel + 8), 0, false, (u32)star);
		return EMU_OK;
	}
	r = c->ops->get_msr(c, is64 ? EMSR_LSTAR : EMSR_CSTAR, &target);
	if (r == EMU_OK)
		r = c->ops->get_msr(c, EMSR_SFMASK, &mask);
	if (r != EMU_OK)
		return r;
	c->regs[EMU_RCX] = is64 ? next : (u32)next;
	c->regs[11] = c->rflags & ~EFL_RF;
	c->rflags &= ~(mask & 0xffffffff) & ~EFL_RF;
	c->rflags |= EFL_FIXED;
	load_cs_ss(c, sel, (u16)(sel + 8), 0, true, target);
	return EMU_OK;
}

#define SYSRET_FLAGS                                                                           \
	(EFL_STATUS | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT | EFL_AC | EFL_VIF | EFL_VIP | \
	 EFL_ID)

int emu_op_sysret(struct emu_ctxt *c)
{
	bool intel = c->features & EMU_F_INTEL, wide = c->insn.opsize == 8;
	struct emu_seg ss;
	u64 star, rip;
	u16 sel;
	int r = sce(c);

	if (r == EMU_OK && c->cpl)
		r = emu_gp0(c);
	if (r == EMU_OK)
		r = c->ops->get_msr(c, EMSR_STAR, &star);
	if (r != EMU_OK)
		return r;
	sel = (u16)((star >> 48) | 3);
	rip = wide ? c->regs[EMU_RCX] : (u32)c->regs[EMU_RCX];
	if (wide && intel && !emu_canonical(c, rip))
		return emu_gp0(c);
	ss = *emu_seg(c, EMU_SS);
	if (emu_is64(c))
		c->rflags = (c->regs[11] & SYSRET_FLAGS) | EFL_FIXED;
	else
		c->rflags |= EFL_IF;
	load_cs_ss(c, wide ? (u16)(sel + 16) : sel, (u16)(sel + 8), 3, wide, rip);
	if (!intel) {
		ss.selector = (u16)(sel + 8);
		ss.dpl = 3;
		emu_commit_seg(c, EMU_SS, &ss);
	}
	return EMU_OK;
}

/* SYSENTER_CS, with what makes the two instructions fault. */
static int sysenter_cs(struct emu_ctxt *c, u16 *sel)
{
	u64 v;
	int r;

	if (emu_lma(c) && !(c->features & EMU_F_INTEL))
		return emu_ud(c);
	if (c->mode == EMU_MODE_REAL)
		return emu_gp0(c);
	r = c->ops->get_msr(c, EMSR_SYSENTER_CS, &v);
	if (r != EMU_OK)
		return r;
	*sel = (u16)v & 0xfffc;
	return *sel ? EMU_OK : emu_gp0(c);
}

int emu_op_sysenter(struct emu_ctxt *c)
{
	bool lma = emu_lma(c);
	u64 sp, ip;
	u16 sel;
	int r = sysenter_cs(c, &sel);

	if (r == EMU_OK)
		r = c->ops->get_msr(c, EMSR_SYSENTER_ESP, &sp);
	if (r == EMU_OK)
		r = c->ops->get_msr(c, EMSR_SYSENTER_EIP, &ip);
	if (r != EMU_OK)
		return r;
	c->rflags &= ~(EFL_VM | EFL_IF | EFL_RF);
	if (c->mode == EMU_MODE_VM86)
		c->mode = EMU_MODE_PROT32;
	c->regs[EMU_RSP] = lma ? sp : (u32)sp;
	load_cs_ss(c, sel, (u16)(sel + 8), 0, lma, lma ? ip : (u32)ip);
	return EMU_OK;
}

int emu_op_sysexit(struct emu_ctxt *c)
{
	bool wide = c->insn.opsize == 8;
	u64 sp = c->regs[EMU_RCX], ip = c->regs[EMU_RDX];
	u16 sel;
	int r = sysenter_cs(c, &sel);

	if (r == EMU_OK && c->cpl)
		r = emu_gp0(c);
	if (r == EMU_OK && wide && (!emu_canonical(c, sp) || !emu_canonical(c, ip)))
		r = emu_gp0(c);
	if (r != EMU_OK)
		return r;
	c->regs[EMU_RSP] = wide ? sp : (u32)sp;
	sel = (u16)(sel + (wide ? 32 : 16));
	load_cs_ss(c, sel | 3, (u16)(sel + 8) | 3, 3, wide, wide ? ip : (u32)ip);
	return EMU_OK;
}
