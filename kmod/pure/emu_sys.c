// SPDX-License-Identifier: GPL-2.0-only
/* System instructions: control, debug and model-specific registers, tables, caches, CPUID. */
#include "pure/emu_core.h"

/* A CR or DR as 64-bit mode sees it, or its low half. */
static u64 cut(const struct emu_ctxt *c, u64 v)
{
	return emu_is64(c) ? v : (u32)v;
}

bool emu_lock_is_cr8(const struct emu_ctxt *c)
{
	const struct emu_insn *d = &c->insn;

	return (c->features & EMU_F_CR8_LEGACY) && !d->vex && d->reg == 0 &&
	       (d->op->fn == emu_op_mov_r_cr || d->op->fn == emu_op_mov_cr_r);
}

static int cr_number(struct emu_ctxt *c, unsigned int *nr)
{
	*nr = c->insn.lock ? 8 : c->insn.reg;
	if (*nr != 0 && *nr != 2 && *nr != 3 && *nr != 4 && *nr != 8)
		return emu_ud(c);
	return c->cpl ? emu_gp0(c) : EMU_OK;
}

int emu_op_mov_r_cr(struct emu_ctxt *c)
{
	unsigned int nr;
	int r = cr_number(c, &nr);

	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.rm, c->insn.opsize, cut(c, c->ops->get_cr(c, nr)));
	return r;
}

int emu_op_mov_cr_r(struct emu_ctxt *c)
{
	unsigned int nr;
	int r = cr_number(c, &nr);

	return r == EMU_OK ? c->ops->set_cr(c, nr, cut(c, c->regs[c->insn.rm])) : r;
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE (SDM 3B 17.2.2). */
static int dr_number(struct emu_ctxt *c, unsigned int *nr)
{
	*nr = c->insn.reg;
	if (*nr > 7)
		return emu_ud(c);
	if (*nr == 4 || *nr == 5) {
		if (c->ops->get_cr(c, 4) & ECR4_DE)
			return emu_ud(c);
		*nr += 2;
	}
	return c->cpl ? emu_gp0(c) : EMU_OK;
}

int emu_op_mov_r_dr(struct emu_ctxt *c)
{
	unsigned int nr;
	u64 v;
	int r = dr_number(c, &nr);

	if (r == EMU_OK)
		r = c->ops->get_dr(c, nr, &v);
	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.rm, c->insn.opsize, cut(c, v));
	return r;
}

int emu_op_mov_dr_r(struct emu_ctxt *c)
{
	unsigned int nr;
	int r = dr_number(c, &nr);

	return r == EMU_OK ? c->ops->set_dr(c, nr, cut(c, c->regs[c->insn.rm])) : r;
}

int emu_op_clts(struct emu_ctxt *c)
{
	return c->ops->set_cr(c, 0, c->ops->get_cr(c, 0) & ~ECR0_TS);
}

static int umip(struct emu_ctxt *c)
{
	if (c->cpl && (c->ops->get_cr(c, 4) & ECR4_UMIP))
		return emu_gp0(c);
	return EMU_OK;
}

int emu_op_smsw(struct emu_ctxt *c)
{
	int r = umip(c);

	if (r != EMU_OK)
		return r;
	return emu_rm_write(c, emu_rm_is_reg(c) ? c->insn.opsize : 2, c->ops->get_cr(c, 0));
}

/* LMSW sets PE, MP, EM, TS, but does not clear PE (SDM 2A LMSW). */
int emu_op_lmsw(struct emu_ctxt *c)
{
	u64 cr0, v;
	int r = emu_rm_read(c, 2, &v);

	if (r != EMU_OK)
		return r;
	cr0 = c->ops->get_cr(c, 0);
	cr0 = (cr0 & ~(ECR0_MP | ECR0_EM | ECR0_TS)) | (v & 15);
	return c->ops->set_cr(c, 0, cr0);
}

static int store_table(struct emu_ctxt *c, unsigned int which)
{
	struct emu_dtr d;
	u8 buf[10];
	int r = umip(c);

	if (r != EMU_OK)
		return r;
	c->ops->get_dt(c, which, &d);
	memcpy(buf, &d.limit, 2);
	memcpy(buf + 2, &d.base, 8);
	return emu_write(c, c->insn.seg, c->ea, buf, emu_is64(c) ? 10 : 6);
}

static int load_table(struct emu_ctxt *c, unsigned int which)
{
	struct emu_dtr d = { 0, 0 };
	u8 buf[10];
	unsigned int size = emu_is64(c) ? 8 : 4;
	int r = emu_read(c, c->insn.seg, c->ea, buf, size + 2, EMU_ACC_READ);

	if (r != EMU_OK)
		return r;
	memcpy(&d.limit, buf, 2);
	memcpy(&d.base, buf + 2, size);
	/* With a 16-bit operand the base has 24 bits (SDM 2A LGDT). */
	if (size == 4 && c->insn.opsize == 2)
		d.base &= 0xffffff;
	if (size == 8 && !emu_canonical(c, d.base))
		return emu_gp0(c);
	c->ops->set_dt(c, which, &d);
	return EMU_OK;
}

int emu_op_sgdt(struct emu_ctxt *c)
{
	return store_table(c, EMU_GDT);
}

int emu_op_sidt(struct emu_ctxt *c)
{
	return store_table(c, EMU_IDT);
}

int emu_op_lgdt(struct emu_ctxt *c)
{
	return load_table(c, EMU_GDT);
}

int emu_op_lidt(struct emu_ctxt *c)
{
	return load_table(c, EMU_IDT);
}

/* No segment check: what is not canonical or beyond a limit is not in the TLB. */
int emu_op_invlpg(struct emu_ctxt *c)
{
	u64 la = c->ea;

	if (!emu_is64(c))
		la = (u32)(la + emu_seg(c, c->insn.seg)->base);
	else if (c->insn.seg >= EMU_FS)
		la += emu_seg(c, c->insn.seg)->base;
	if (!emu_canonical(c, la))
		return EMU_OK;
	return c->ops->invlpg(c, la);
}

#define INVPCID_ADDRESS 0
#define INVPCID_CONTEXT 1
#define INVPCID_TYPES 4
#define PCID_MASK 0xfffULL

/* SDM 2A INVPCID: the type in a register, PCID and address in memory. */
int emu_op_invpcid(struct emu_ctxt *c)
{
	u64 type = emu_gpr(c, c->insn.reg, emu_is64(c) ? 8 : 4);
	u64 descriptor[2];
	int r;

	/* 66 alone makes it INVPCID. */
	if (!c->insn.osz66 || c->insn.rep)
		return emu_ud(c);
	if (!c->ops->invpcid)
		return EMU_UNHANDLEABLE;
	/* Not by a flag in the table: what is no INVPCID is #UD for everybody. */
	if (c->cpl)
		return emu_gp0(c);
	r = emu_read(c, c->insn.seg, c->ea, descriptor, sizeof(descriptor), EMU_ACC_READ);
	if (r != EMU_OK)
		return r;
	if (type >= INVPCID_TYPES || (descriptor[0] & ~PCID_MASK))
		return emu_gp0(c);
	if (type == INVPCID_ADDRESS && !emu_canonical(c, descriptor[1]))
		return emu_gp0(c);
	if (type <= INVPCID_CONTEXT && descriptor[0] && !(c->ops->get_cr(c, 4) & ECR4_PCIDE))
		return emu_gp0(c);
	return c->ops->invpcid(c, (unsigned int)type, (u16)descriptor[0], descriptor[1]);
}

int emu_op_wbinvd(struct emu_ctxt *c)
{
	return c->ops->wbinvd(c);
}

int emu_op_hlt(struct emu_ctxt *c)
{
	return c->ops->halt(c);
}

int emu_op_rsm(struct emu_ctxt *c)
{
	int r;

	if (!c->ops->rsm)
		return EMU_UNHANDLEABLE;
	r = c->ops->rsm(c);
	c->seg_valid = 0;
	c->branch_far = true;
	/* A step of the handler's is not one of the interrupted program's. */
	c->delivered = true;
	return r;
}

int emu_op_cpuid(struct emu_ctxt *c)
{
	u32 a = (u32)c->regs[EMU_RAX], b = 0, cx = (u32)c->regs[EMU_RCX], d = 0;
	int r = c->ops->cpuid(c, &a, &b, &cx, &d);

	if (r != EMU_OK)
		return r;
	c->regs[EMU_RAX] = a;
	c->regs[EMU_RBX] = b;
	c->regs[EMU_RCX] = cx;
	c->regs[EMU_RDX] = d;
	return EMU_OK;
}

static void set_edx_eax(struct emu_ctxt *c, u64 v)
{
	c->regs[EMU_RAX] = (u32)v;
	c->regs[EMU_RDX] = v >> 32;
}

static u64 edx_eax(const struct emu_ctxt *c)
{
	return (u32)c->regs[EMU_RAX] | (c->regs[EMU_RDX] << 32);
}

int emu_op_rdmsr(struct emu_ctxt *c)
{
	u64 v;
	int r = c->ops->get_msr(c, (u32)c->regs[EMU_RCX], &v);

	if (r == EMU_OK)
		set_edx_eax(c, v);
	return r;
}

int emu_op_wrmsr(struct emu_ctxt *c)
{
	return c->ops->set_msr(c, (u32)c->regs[EMU_RCX], edx_eax(c));
}

static int read_tsc(struct emu_ctxt *c, u64 *tsc, u32 *aux)
{
	if (c->cpl && (c->ops->get_cr(c, 4) & ECR4_TSD))
		return emu_gp0(c);
	return c->ops->rdtsc(c, tsc, aux);
}

int emu_op_rdtsc(struct emu_ctxt *c)
{
	u64 tsc;
	u32 aux;
	int r = read_tsc(c, &tsc, &aux);

	if (r == EMU_OK)
		set_edx_eax(c, tsc);
	return r;
}

int emu_op_rdtscp(struct emu_ctxt *c)
{
	u64 tsc;
	u32 aux;
	int r;

	if (!(c->features & EMU_F_RDTSCP))
		return emu_ud(c);
	r = read_tsc(c, &tsc, &aux);
	if (r != EMU_OK)
		return r;
	set_edx_eax(c, tsc);
	c->regs[EMU_RCX] = aux;
	return EMU_OK;
}

int emu_op_rdpmc(struct emu_ctxt *c)
{
	bool backdoor = (c->features & EMU_F_BACKDOOR) && (u32)c->regs[EMU_RCX] - EMU_BACKDOOR_PMC < 3;
	u64 v;
	int r;

	if (c->cpl && !(c->ops->get_cr(c, 4) & ECR4_PCE) && !backdoor)
		return emu_gp0(c);
	if (!c->ops->rdpmc)
		return EMU_UNHANDLEABLE;
	r = c->ops->rdpmc(c, (u32)c->regs[EMU_RCX], &v);
	if (r == EMU_OK)
		set_edx_eax(c, v);
	return r;
}

/* With 66, F2 or F3 they are other opcodes. */
static bool xcr_defined(struct emu_ctxt *c)
{
	return !c->insn.rep && !c->insn.osz66 && (c->ops->get_cr(c, 4) & ECR4_OSXSAVE);
}

int emu_op_xgetbv(struct emu_ctxt *c)
{
	u64 v;
	int r;

	if (!xcr_defined(c))
		return emu_ud(c);
	if (!c->ops->get_xcr)
		return EMU_UNHANDLEABLE;
	r = c->ops->get_xcr(c, (u32)c->regs[EMU_RCX], &v);
	if (r == EMU_OK)
		set_edx_eax(c, v);
	return r;
}

int emu_op_xsetbv(struct emu_ctxt *c)
{
	if (!xcr_defined(c))
		return emu_ud(c);
	if (c->cpl)
		return emu_gp0(c);
	if (!c->ops->set_xcr)
		return EMU_UNHANDLEABLE;
	return c->ops->set_xcr(c, (u32)c->regs[EMU_RCX], edx_eax(c));
}

/* The hint in ECX must be 0: no extension of MONITOR is there. CPL 0 only. */
int emu_op_monitor(struct emu_ctxt *c)
{
	u64 la;
	int r;

	if (c->cpl)
		return emu_ud(c);
	if ((u32)c->regs[EMU_RCX])
		return emu_gp0(c);
	r = emu_linear(c, c->insn.seg, emu_ea_wrap(c, c->regs[EMU_RAX]), 1, EMU_ACC_READ, &la);
	if (r == EMU_OK)
		r = emu_probe(c, la, 1, EMU_ACC_READ);
	if (r == EMU_OK && c->ops->monitor)
		r = c->ops->monitor(c, false, la);
	return r;
}

int emu_op_mwait(struct emu_ctxt *c)
{
	if (c->cpl)
		return emu_ud(c);
	if ((u32)c->regs[EMU_RCX] & ~1U)
		return emu_gp0(c);
	return c->ops->monitor ? c->ops->monitor(c, true, 0) : EMU_OK;
}

int emu_op_vmcall(struct emu_ctxt *c)
{
	return c->ops->hypercall(c);
}

int emu_op_vmmcall(struct emu_ctxt *c)
{
	return c->ops->hypercall(c);
}

/* An x87 exception that is pending is not looked for: the FPU is the caller's. */
int emu_op_fwait(struct emu_ctxt *c)
{
	u64 cr0 = c->ops->get_cr(c, 0);

	if ((cr0 & (ECR0_MP | ECR0_TS)) == (ECR0_MP | ECR0_TS))
		return emu_raise(c, EMU_EXC_NM);
	return EMU_OK;
}

int emu_op_swapgs(struct emu_ctxt *c)
{
	u64 gs, kernel;
	int r = c->ops->get_msr(c, EMSR_GS_BASE, &gs);

	if (r == EMU_OK)
		r = c->ops->get_msr(c, EMSR_KERNEL_GS_BASE, &kernel);
	if (r == EMU_OK)
		r = c->ops->set_msr(c, EMSR_GS_BASE, kernel);
	if (r == EMU_OK)
		r = c->ops->set_msr(c, EMSR_KERNEL_GS_BASE, gs);
	return r;
}

/* 0F AE /0-3: with F3 and a register the FSGSBASE instructions; else FXSAVE and its like. */
int emu_op_grp15_base(struct emu_ctxt *c)
{
	unsigned int op = (c->insn.modrm >> 3) & 7, size = c->insn.rex & 8 ? 8 : 4;
	u32 msr = op & 1 ? EMSR_GS_BASE : EMSR_FS_BASE;
	u64 v;
	int r;

	if (!emu_rm_is_reg(c))
		return EMU_UNHANDLEABLE;
	if (c->insn.rep != 0xf3 || !emu_is64(c) || !(c->features & EMU_F_FSGSBASE) ||
	    !(c->ops->get_cr(c, 4) & ECR4_FSGSBASE))
		return emu_ud(c);
	if (op < 2) {
		r = c->ops->get_msr(c, msr, &v);
		if (r == EMU_OK)
			emu_set_gpr(c, c->insn.rm, size, v);
		return r;
	}
	v = emu_gpr(c, c->insn.rm, size);
	if (!emu_canonical(c, v))
		return emu_gp0(c);
	return c->ops->set_msr(c, msr, v);
}

/* 0F AE /5-7: fences, CLFLUSH, CLFLUSHOPT, CLWB; the XSAVE family is not here. */
int emu_op_grp15_fence(struct emu_ctxt *c)
{
	unsigned int op = (c->insn.modrm >> 3) & 7;
	u64 la;
	int r;

	if (c->insn.rep)
		return EMU_UNHANDLEABLE;
	if (emu_rm_is_reg(c))
		return c->insn.osz66 ? EMU_UNHANDLEABLE : EMU_OK;
	if (op == 5 || (op == 6 && !c->insn.osz66))
		return EMU_UNHANDLEABLE;
	if (op == 7 && c->insn.osz66 && !(c->features & EMU_F_CLFLUSHOPT))
		return emu_ud(c);
	r = emu_linear(c, c->insn.seg, c->ea, 1, EMU_ACC_READ, &la);
	return r == EMU_OK ? emu_probe(c, la, 1, EMU_ACC_READ) : r;
}

/* 0F C7 /7: RDPID; RDSEED has no source of entropy here. */
int emu_op_grp9_7(struct emu_ctxt *c)
{
	u64 tsc;
	u32 aux;
	int r;

	if (!emu_rm_is_reg(c))
		return emu_ud(c);
	if (c->insn.rep != 0xf3)
		return EMU_UNHANDLEABLE;
	if (!(c->features & EMU_F_RDPID))
		return emu_ud(c);
	r = c->ops->rdtsc(c, &tsc, &aux);
	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.rm, emu_is64(c) ? 8 : 4, aux);
	return r;
}
