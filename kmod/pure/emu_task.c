// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches (SDM 3A 7.3), 16- and 32-bit TSSs, legacy protected mode.
 *
 * The order is the manual's: checks, the old task's state, busy bits and link, then the point of
 * no return: TR, CR0.TS, CR3, registers, LDTR, segments. A fault after it belongs to the new task
 * (c->branch_far tells the caller that it was reached). The debug trap of a TSS's T bit is not
 * raised.
 */
#include "pure/emu_core.h"

struct tss_layout {
	u8 size; /* of a register field */
	u8 bytes;
	u8 ip, flags, gprs, segs, nr_segs, ldt;
	u8 dynamic; /* first byte that a switch away writes */
};

static const struct tss_layout tss16 = { 2, 44, 14, 16, 18, 34, 4, 42, 14 };
static const struct tss_layout tss32 = { 4, 104, 32, 36, 40, 72, 6, 96, 32 };

#define TSS_CR3 28

static const struct tss_layout *layout(u8 type)
{
	return type & 8 ? &tss32 : &tss16;
}

static u64 field(const struct tss_layout *l, const u8 *img, unsigned int off)
{
	u16 v16;
	u32 v32;

	if (l->size == 2) {
		memcpy(&v16, img + off, 2);
		return v16;
	}
	memcpy(&v32, img + off, 4);
	return v32;
}

static void put(const struct tss_layout *l, u8 *img, unsigned int off, u64 v)
{
	memcpy(img + off, &v, l->size);
}

/* System memory in pieces that one access may have. */
static int copy_tss(struct emu_ctxt *c, u64 la, u8 *img, unsigned int from, unsigned int to,
		    bool write)
{
	unsigned int n;
	int r = EMU_OK;

	for (; from < to && r == EMU_OK; from += n) {
		n = min_t(unsigned int, to - from, 16);
		if (write)
			r = emu_lin_write(c, (u32)(la + from), img + from, n, EMU_ACC_SUPER);
		else
			r = emu_lin_read(c, (u32)(la + from), img + from, n, EMU_ACC_SUPER);
	}
	return r;
}

static int check_tss(struct emu_ctxt *c, u16 sel, enum emu_task_reason why, struct emu_desc *d)
{
	u8 vec = why == EMU_TASK_IRET ? EMU_EXC_TS : EMU_EXC_GP;
	u8 base;
	int r;

	if (emu_null_sel(sel) || (sel & 4))
		return emu_raise_err(c, vec, SEL_ERR(sel));
	r = emu_desc_fetch(c, sel, d, vec, 0);
	if (r != EMU_OK)
		return r;
	base = d->seg.type & 0xd;
	if (d->seg.s || (base != SYST_TSS16 && base != SYST_TSS32) ||
	    !(d->seg.type & 2) == (why == EMU_TASK_IRET))
		return emu_raise_err(c, vec, SEL_ERR(sel));
	if (!d->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, SEL_ERR(sel));
	if (d->seg.limit + 1U < layout(d->seg.type)->bytes && d->seg.limit != 0xffffffff)
		return emu_raise_err(c, EMU_EXC_TS, SEL_ERR(sel));
	return EMU_OK;
}

static int set_busy(struct emu_ctxt *c, u64 la, bool busy)
{
	u8 b;
	int r = emu_lin_read(c, (u32)(la + 5), &b, 1, EMU_ACC_SUPER);

	if (r != EMU_OK)
		return r;
	b = busy ? b | 2 : b & ~2;
	return emu_lin_write(c, (u32)(la + 5), &b, 1, EMU_ACC_SUPER);
}

/* The outgoing task's dynamic fields, and its busy bit for JMP and IRET. */
static int save_old(struct emu_ctxt *c, enum emu_task_reason why)
{
	const struct emu_seg *tr = emu_seg(c, EMU_TR);
	const struct tss_layout *l = layout(tr->type);
	u64 flags = c->rflags;
	struct emu_desc d;
	u8 img[104];
	unsigned int i;
	int r;

	if (tr->unusable || tr->limit + 1U < l->bytes)
		return emu_raise_err(c, EMU_EXC_TS, SEL_ERR(tr->selector));
	if (why == EMU_TASK_IRET)
		flags &= ~EFL_NT;
	memset(img, 0, sizeof(img));
	put(l, img, l->ip, c->rip);
	put(l, img, l->flags, flags);
	for (i = 0; i < 8; i++)
		put(l, img, l->gprs + i * l->size, c->regs[i]);
	for (i = 0; i < l->nr_segs; i++)
		put(l, img, l->segs + i * l->size, emu_seg(c, i)->selector);
	r = emu_probe(c, tr->base, 1, EMU_ACC_SUPER | EMU_ACC_WRITE);
	if (r == EMU_OK)
		r = copy_tss(c, tr->base, img, l->dynamic, l->segs + l->nr_segs * l->size, true);
	if (r == EMU_OK && (why == EMU_TASK_JMP || why == EMU_TASK_IRET)) {
		r = emu_desc_fetch(c, tr->selector, &d, EMU_EXC_TS, 0);
		if (r == EMU_OK)
			r = set_busy(c, d.la, false);
	}
	return r;
}

/* In the new task a bad selector is #TS where a plain load says #GP. */
static int as_ts(struct emu_ctxt *c, int r)
{
	if (r == EMU_EXCEPTION && c->exc.vector == EMU_EXC_GP)
		c->exc.vector = EMU_EXC_TS;
	return r;
}

static int load_ldt(struct emu_ctxt *c, u16 sel)
{
	struct emu_desc d;
	int r;

	emu_seg_null(&d.seg, sel);
	emu_commit_seg(c, EMU_LDTR, &d.seg);
	if (emu_null_sel(sel))
		return EMU_OK;
	if (sel & 4)
		return emu_raise_err(c, EMU_EXC_TS, SEL_ERR(sel));
	r = emu_desc_fetch(c, sel, &d, EMU_EXC_TS, 0);
	if (r != EMU_OK)
		return r;
	if (d.seg.s || d.seg.type != SYST_LDT || !d.seg.present)
		return emu_raise_err(c, EMU_EXC_TS, SEL_ERR(sel));
	emu_commit_seg(c, EMU_LDTR, &d.seg);
	return EMU_OK;
}

static int load_segs_vm86(struct emu_ctxt *c, const u16 *sel, u64 rip)
{
	struct emu_seg s;
	unsigned int i;

	c->mode = EMU_MODE_VM86;
	emu_seg_vm86(c, EMU_CS, sel[EMU_CS], &s);
	emu_commit_cs(c, &s, 3, rip);
	for (i = 0; i < 6; i++) {
		if (i == EMU_CS)
			continue;
		emu_seg_vm86(c, i, sel[i], &s);
		emu_commit_seg(c, i, &s);
	}
	return rip > 0xffff ? emu_gp0(c) : EMU_OK;
}

static int load_segs(struct emu_ctxt *c, const u16 *sel, u64 rip)
{
	static const u8 data[] = { EMU_ES, EMU_DS, EMU_FS, EMU_GS };
	unsigned int cpl = SEL_RPL(sel[EMU_CS]), i;
	struct emu_seg s;
	struct emu_desc d;
	int r;

	/* All are selectors without descriptors until loaded. */
	for (i = 0; i < 6; i++) {
		emu_seg_null(&s, sel[i]);
		c->seg[i] = s;
		c->seg_valid |= 1U << i;
		if (i != EMU_CS)
			c->ops->set_seg(c, i, &s);
	}
	c->cpl = (u8)cpl;
	if (emu_null_sel(sel[EMU_CS]))
		return emu_raise_err(c, EMU_EXC_TS, 0);
	r = as_ts(c, emu_cs_prepare(c, sel[EMU_CS], true, &d));
	if (r == EMU_OK && !d.seg.s)
		r = emu_raise_err(c, EMU_EXC_TS, SEL_ERR(sel[EMU_CS]));
	if (r != EMU_OK)
		return r;
	emu_commit_cs(c, &d.seg, cpl, rip);
	r = emu_ss_prepare(c, sel[EMU_SS], cpl, EMU_EXC_TS, 0, &s);
	if (r != EMU_OK)
		return r;
	emu_commit_seg(c, EMU_SS, &s);
	for (i = 0; i < 4; i++) {
		r = as_ts(c, emu_seg_load(c, data[i], sel[data[i]]));
		if (r != EMU_OK)
			return r;
	}
	return emu_check_cs_off(c, emu_seg(c, EMU_CS), rip, 0);
}

/* Past the point of no return. */
static int load_new(struct emu_ctxt *c, const struct tss_layout *l, const u8 *img, bool nested)
{
	u64 flags = field(l, img, l->flags), rip = field(l, img, l->ip), cr0;
	u16 sel[6] = { 0, 0, 0, 0, 0, 0 };
	unsigned int i;
	int r;

	c->branch_far = true;
	c->rip = rip;
	c->rflags = (flags & 0x3f7fd5) | EFL_FIXED | (nested ? EFL_NT : 0);
	for (i = 0; i < 8; i++) {
		u64 v = field(l, img, l->gprs + i * l->size);

		c->regs[i] = l->size == 2 ? v | 0xffff0000U : v;
	}
	for (i = 0; i < l->nr_segs; i++)
		sel[i] = (u16)field(l, img, l->segs + i * l->size);
	cr0 = c->ops->get_cr(c, 0);
	if (l->size == 4 && (cr0 & BIT_ULL(31))) {
		r = c->ops->set_cr(c, 3, field(l, img, TSS_CR3));
		if (r != EMU_OK)
			return r;
	}
	r = c->ops->set_cr(c, 0, cr0 | ECR0_TS);
	if (r == EMU_OK)
		r = load_ldt(c, (u16)field(l, img, l->ldt));
	if (r != EMU_OK)
		return r;
	if (c->rflags & EFL_VM)
		return load_segs_vm86(c, sel, rip);
	return load_segs(c, sel, rip);
}

int emu_switch_task(struct emu_ctxt *c, u16 sel, enum emu_task_reason why, bool has_err, u32 err)
{
	bool nested = why == EMU_TASK_CALL || why == EMU_TASK_GATE;
	u16 old = emu_seg(c, EMU_TR)->selector;
	const struct tss_layout *l;
	struct emu_desc d;
	u8 img[104];
	int r;

	if (emu_lma(c) || c->mode == EMU_MODE_REAL)
		return EMU_UNHANDLEABLE;
	r = check_tss(c, sel, why, &d);
	if (r != EMU_OK)
		return r;
	l = layout(d.seg.type);
	r = copy_tss(c, d.seg.base, img, 0, l->bytes, false);
	if (r == EMU_OK)
		r = save_old(c, why);
	if (r == EMU_OK && nested)
		r = emu_lin_write(c, (u32)d.seg.base, &old, 2, EMU_ACC_SUPER);
	if (r == EMU_OK && why != EMU_TASK_IRET)
		r = set_busy(c, d.la, true);
	if (r != EMU_OK)
		return r;
	d.seg.type |= 2;
	emu_commit_seg(c, EMU_TR, &d.seg);
	if (c->mode == EMU_MODE_VM86)
		c->mode = EMU_MODE_PROT32;
	r = load_new(c, l, img, nested);
	if (r == EMU_OK && has_err)
		r = emu_push(c, err, l->size);
	return r;
}

int emu_task_switch(struct emu_ctxt *c, u16 selector, enum emu_task_reason reason, bool has_err,
		    u32 err)
{
	return emu_settle_io(c, emu_switch_task(c, selector, reason, has_err, err));
}
