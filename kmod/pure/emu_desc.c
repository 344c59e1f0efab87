// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors: fetch, unpack, the checks of segment loads, stacks from the TSS. */
#include "pure/emu_core.h"

void emu_desc_unpack(u64 raw, u16 sel, struct emu_seg *s)
{
	u32 lo = (u32)raw, hi = (u32)(raw >> 32);

	s->selector = sel;
	s->base = (lo >> 16) | ((u64)(hi & 0xff) << 16) | ((u64)(hi >> 24) << 24);
	s->limit = (lo & 0xffff) | (hi & 0xf0000);
	s->type = (hi >> 8) & 15;
	s->s = (hi >> 12) & 1;
	s->dpl = (hi >> 13) & 3;
	s->present = (hi >> 15) & 1;
	s->avl = (hi >> 20) & 1;
	s->l = (hi >> 21) & 1;
	s->db = (hi >> 22) & 1;
	s->g = (hi >> 23) & 1;
	s->unusable = 0;
	s->padding = 0;
	if (s->g)
		s->limit = (s->limit << 12) | 0xfff;
}

static void unpack_gate(struct emu_desc *d)
{
	d->off = (d->raw & 0xffff) | ((d->raw >> 32) & 0xffff0000);
	d->gate_sel = (u16)(d->raw >> 16);
	d->params = (d->raw >> 32) & 31;
	d->ist = (d->raw >> 32) & 7;
}

int emu_desc_fetch(struct emu_ctxt *c, u16 sel, struct emu_desc *d, u8 vec, u32 ext)
{
	unsigned int off = sel & 0xfff8;
	u64 base;
	u32 limit;
	int r;

	if (sel & 4) {
		const struct emu_seg *ldt = emu_seg(c, EMU_LDTR);

		if (ldt->unusable || !ldt->present)
			return emu_raise_err(c, vec, SEL_ERR(sel) | ext);
		base = ldt->base;
		limit = ldt->limit;
	} else {
		struct emu_dtr gdt;

		c->ops->get_dt(c, EMU_GDT, &gdt);
		base = gdt.base;
		limit = gdt.limit;
	}
	if (off + 7 > limit)
		return emu_raise_err(c, vec, SEL_ERR(sel) | ext);
	d->la = emu_sys_la(c, base + off);
	d->raw_hi = 0;
	r = emu_lin_read(c, d->la, &d->raw, 8, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	emu_desc_unpack(d->raw, sel, &d->seg);
	unpack_gate(d);
	if (d->seg.s || !emu_lma(c))
		return EMU_OK;
	/* Long mode's system descriptors have 16 bytes (SDM 3A 3.5, 5.8.3.1). */
	if (off + 15 > limit)
		return emu_raise_err(c, vec, SEL_ERR(sel) | ext);
	r = emu_lin_read(c, d->la + 8, &d->raw_hi, 8, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	d->seg.base |= d->raw_hi << 32;
	d->off |= d->raw_hi << 32;
	return EMU_OK;
}

int emu_desc_accessed(struct emu_ctxt *c, struct emu_desc *d)
{
	u64 old = d->raw, val;
	unsigned int i;
	int r;

	d->seg.type |= SEGT_ACCESSED;
	/* Another CPU may change other bits of it meanwhile. */
	for (i = 0; i < 8 && !(old & BIT_ULL(40)); i++) {
		u64 seen = old;

		val = old | BIT_ULL(40);
		r = emu_lin_cmpxchg(c, d->la, &seen, &val, 8, EMU_ACC_SUPER);
		if (r != EMU_OK)
			return r;
		if (seen == old)
			break;
		old = seen;
	}
	return EMU_OK;
}

void emu_seg_null(struct emu_seg *s, u16 sel)
{
	memset(s, 0, sizeof(*s));
	s->selector = sel;
	s->unusable = 1;
}

/* Real mode changes selector and base alone (SDM 3A 20.1.1, APM 2 14.1). */
void emu_seg_real(struct emu_ctxt *c, unsigned int seg, u16 sel, struct emu_seg *out)
{
	*out = *emu_seg(c, seg);
	out->selector = sel;
	out->base = (u64)sel << 4;
	out->present = 1;
	out->unusable = 0;
}

void emu_seg_vm86(struct emu_ctxt *c, unsigned int seg, u16 sel, struct emu_seg *out)
{
	(void)c;
	(void)seg;
	memset(out, 0, sizeof(*out));
	out->selector = sel;
	out->base = (u64)sel << 4;
	out->limit = 0xffff;
	out->type = SEGT_RW | SEGT_ACCESSED;
	out->s = 1;
	out->dpl = 3;
	out->present = 1;
}

int emu_ss_prepare(struct emu_ctxt *c, u16 sel, unsigned int cpl, u8 vec, u32 ext,
		   struct emu_seg *out)
{
	struct emu_desc d;
	int r;

	if (emu_null_sel(sel))
		return emu_raise_err(c, vec, ext);
	r = emu_desc_fetch(c, sel, &d, vec, ext);
	if (r != EMU_OK)
		return r;
	if (SEL_RPL(sel) != cpl || d.seg.dpl != cpl || !emu_seg_is_wdata(&d.seg))
		return emu_raise_err(c, vec, SEL_ERR(sel) | ext);
	if (!d.seg.present)
		return emu_raise_err(c, EMU_EXC_SS, SEL_ERR(sel) | ext);
	r = emu_desc_accessed(c, &d);
	*out = d.seg;
	return r;
}

int emu_seg_prepare(struct emu_ctxt *c, unsigned int seg, u16 sel, struct emu_seg *out)
{
	struct emu_desc d;
	int r;

	if (c->mode == EMU_MODE_REAL) {
		emu_seg_real(c, seg, sel, out);
		return EMU_OK;
	}
	if (c->mode == EMU_MODE_VM86) {
		emu_seg_vm86(c, seg, sel, out);
		return EMU_OK;
	}
	if (seg == EMU_SS) {
		/* A null SS is legal in 64-bit mode outside of CPL 3 (SDM 3A 5.4.1.1). */
		if (emu_null_sel(sel) && emu_is64(c) && c->cpl != 3 && SEL_RPL(sel) == c->cpl) {
			emu_seg_null(out, sel);
			out->dpl = c->cpl;
			return EMU_OK;
		}
		return emu_ss_prepare(c, sel, c->cpl, EMU_EXC_GP, 0, out);
	}
	if (emu_null_sel(sel)) {
		emu_seg_null(out, sel);
		return EMU_OK;
	}
	r = emu_desc_fetch(c, sel, &d, EMU_EXC_GP, 0);
	if (r != EMU_OK)
		return r;
	if (!d.seg.s || (d.seg.type & (SEGT_CODE | SEGT_RW)) == SEGT_CODE)
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	/* All but conforming code is bound by privilege. */
	if ((d.seg.type & (SEGT_CODE | SEGT_CE)) != (SEGT_CODE | SEGT_CE) &&
	    (SEL_RPL(sel) > d.seg.dpl || c->cpl > d.seg.dpl))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	if (!d.seg.present)
		return emu_raise_err(c, EMU_EXC_NP, SEL_ERR(sel));
	r = emu_desc_accessed(c, &d);
	*out = d.seg;
	return r;
}

int emu_seg_load(struct emu_ctxt *c, unsigned int seg, u16 sel)
{
	struct emu_seg s;
	int r = emu_seg_prepare(c, seg, sel, &s);

	if (r == EMU_OK)
		emu_commit_seg(c, seg, &s);
	return r;
}

u8 emu_code_mode(const struct emu_ctxt *c, const struct emu_seg *cs)
{
	if (emu_is_rm(c))
		return c->mode;
	if (emu_lma(c))
		return cs->l ? EMU_MODE_LONG64 :
		       cs->db ? EMU_MODE_COMPAT32 :
				EMU_MODE_COMPAT16;
	return cs->db ? EMU_MODE_PROT32 : EMU_MODE_PROT16;
}

int emu_check_cs_off(struct emu_ctxt *c, const struct emu_seg *cs, u64 off, u32 ext)
{
	if (emu_lma(c) && cs->l ? !emu_canonical(c, off) : off > cs->limit)
		return emu_raise_err(c, EMU_EXC_GP, ext);
	return EMU_OK;
}

void emu_commit_cs(struct emu_ctxt *c, struct emu_seg *cs, unsigned int cpl, u64 rip)
{
	if (!emu_is_rm(c))
		cs->selector = (u16)((cs->selector & ~3U) | cpl);
	c->cpl = (u8)cpl;
	c->mode = emu_code_mode(c, cs);
	c->rip = rip;
	c->branch_far = true;
	emu_commit_seg(c, EMU_CS, cs);
}

void emu_seg_drop_outer(struct emu_ctxt *c)
{
	static const u8 segs[] = { EMU_ES, EMU_DS, EMU_FS, EMU_GS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(segs); i++) {
		const struct emu_seg *s = emu_seg(c, segs[i]);
		struct emu_seg null;

		if (s->unusable || s->dpl >= c->cpl ||
		    (s->type & (SEGT_CODE | SEGT_CE)) == (SEGT_CODE | SEGT_CE))
			continue;
		emu_seg_null(&null, 0);
		emu_commit_seg(c, segs[i], &null);
	}
}

/* One field of the current TSS; #TS(TR) beyond its limit. */
static int tss_field(struct emu_ctxt *c, u32 off, void *buf, unsigned int len, u32 ext)
{
	const struct emu_seg *tr = emu_seg(c, EMU_TR);

	if (tr->unusable || off + len - 1 > tr->limit)
		return emu_raise_err(c, EMU_EXC_TS, SEL_ERR(tr->selector) | ext);
	return emu_lin_read(c, emu_sys_la(c, tr->base + off), buf, len, EMU_ACC_SUPER);
}

int emu_tss_stack(struct emu_ctxt *c, unsigned int cpl, unsigned int ist, u32 ext, u16 *ss,
		  u64 *sp)
{
	u32 sp32 = 0;
	u16 sp16 = 0;
	int r;

	*ss = (u16)cpl;
	*sp = 0;
	if (emu_lma(c)) {
		/* RSP0 at 4, IST1 at 36 (SDM 3A figure 7-11). */
		r = tss_field(c, ist ? 36 + (ist - 1) * 8 : 4 + cpl * 8, sp, 8, ext);
		if (r == EMU_OK && !emu_canonical(c, *sp))
			r = emu_raise_err(c, EMU_EXC_SS, ext);
		return r;
	}
	if (emu_seg(c, EMU_TR)->type & 8) {
		r = tss_field(c, 4 + cpl * 8, &sp32, 4, ext);
		if (r == EMU_OK)
			r = tss_field(c, 8 + cpl * 8, ss, 2, ext);
		*sp = sp32;
	} else {
		r = tss_field(c, 2 + cpl * 4, &sp16, 2, ext);
		if (r == EMU_OK)
			r = tss_field(c, 4 + cpl * 4, ss, 2, ext);
		*sp = sp16;
	}
	return r;
}

int emu_new_stack(struct emu_ctxt *c, struct emu_new_stack *s, unsigned int cpl, unsigned int ist,
		  u32 ext)
{
	u16 ss;
	int r = emu_tss_stack(c, cpl, ist, ext, &ss, &s->sp);

	if (r != EMU_OK)
		return r;
	s->cpl = (u8)cpl;
	s->ext = ext;
	if (emu_lma(c)) {
		emu_seg_null(&s->ss, ss);
		s->ss.dpl = (u8)cpl;
		return EMU_OK;
	}
	return emu_ss_prepare(c, ss, cpl, EMU_EXC_TS, ext, &s->ss);
}

/* Made with the rights of the new level, while c->cpl is the old one. */
int emu_new_push(struct emu_ctxt *c, struct emu_new_stack *s, u64 val, unsigned int size)
{
	unsigned int acc = EMU_ACC_WRITE | (s->cpl < 3 ? EMU_ACC_SUPER : 0);
	u64 sp = s->sp - size, la = sp;
	int r;

	if (emu_lma(c)) {
		if (!emu_canonical(c, sp) || !emu_canonical(c, sp + size - 1))
			return emu_raise_err(c, EMU_EXC_SS, s->ext);
	} else {
		sp &= s->ss.db ? 0xffffffffU : 0xffffU;
		if (!emu_seg_linear(c, &s->ss, sp, size, EMU_ACC_WRITE, &la))
			return emu_raise_err(c, EMU_EXC_SS, SEL_ERR(s->ss.selector) | s->ext);
	}
	r = emu_lin_write(c, la, &val, size, acc);
	if (r == EMU_OK)
		s->sp = sp;
	return r;
}

u64 emu_new_rsp(const struct emu_ctxt *c, const struct emu_new_stack *s, bool long_mode)
{
	if (long_mode)
		return s->sp;
	if (s->ss.db)
		return (u32)s->sp;
	return (c->regs[EMU_RSP] & ~0xffffULL) | (u16)s->sp;
}

int emu_cs_prepare(struct emu_ctxt *c, u16 sel, bool outer, struct emu_desc *d)
{
	unsigned int level = outer ? SEL_RPL(sel) : c->cpl;
	int r;

	if (emu_null_sel(sel))
		return emu_gp0(c);
	r = emu_desc_fetch(c, sel, d, EMU_EXC_GP, 0);
	if (r != EMU_OK)
		return r;
	if (!d->seg.s)
		return EMU_OK; /* a gate, maybe: the caller's */
	if (!emu_seg_is_code(&d->seg) || (outer && SEL_RPL(sel) < c->cpl))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	if (d->seg.type & SEGT_CE) {
		if (d->seg.dpl > level)
			return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	} else if (d->seg.dpl != level || SEL_RPL(sel) > level) {
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	}
	if (emu_lma(c) && d->seg.l && d->seg.db)
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	if (!d->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, SEL_ERR(sel));
	return emu_desc_accessed(c, d);
}
