// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction decoder: prefixes, opcode tables, ModRM and SIB, displacement, immediate
 * (SDM 2A chapter 2, APM 3 chapter 1). Written for the common case: all bytes are at hand, at
 * most a REX prefix.
 */
#include "pure/emu_core.h"

/* The byte stream: from the caller's buffer, or, once that is used up, from c->bytes. */
struct cursor {
	const u8 *p, *end, *start;
};

void emu_begin(struct emu_ctxt *c)
{
	c->seg_valid = 0;
	c->rec_len = 0;
	c->rec_pos = 0;
	c->rec_full = false;
	c->pio_ready = false;
	c->delivered = false;
	c->rep_again = false;
	c->lock_tries = 0;
	c->shadow = 0;
	c->single_step = false;
	c->branch_far = false;
	c->exc.trap = false;
	c->io.kind = EMU_IO_NONE;
	c->io.nr = 0;
}

void emu_set_insn(struct emu_ctxt *c, const struct emu_insn *insn)
{
	emu_begin(c);
	if (insn != &c->insn)
		c->insn = *insn;
}

/* Makes at least need bytes follow cur->p. A page is touched only if a byte of it is needed. */
static noinline int refill(struct emu_ctxt *c, struct cursor *cur, unsigned int need)
{
	unsigned int used = (unsigned int)(cur->p - cur->start);
	unsigned int have = (unsigned int)(cur->end - cur->start);
	const struct emu_seg *cs = emu_seg(c, EMU_CS);

	if (cur->start != c->bytes) {
		memcpy(c->bytes, cur->start, have);
		cur->start = c->bytes;
	}
	while (have < used + need) {
		u64 off = c->rip + have, la;
		unsigned int n = EMU_MAX_INSN - have;
		int r;

		if (used + need > EMU_MAX_INSN)
			return emu_gp0(c);
		if (emu_is64(c)) {
			la = off;
			if (!emu_canonical(c, la))
				return emu_gp0(c);
		} else {
			off = (u32)off;
			if (off > cs->limit)
				return emu_gp0(c);
			n = (unsigned int)min_t(u64, n, (u64)cs->limit - off + 1);
			la = (u32)(cs->base + off);
		}
		n = min_t(unsigned int, n, 4096 - (unsigned int)(la & 4095));
		r = c->ops->fetch(c, la, c->bytes + have, n);
		if (r != EMU_OK)
			return r;
		have += n;
		c->nbytes = (u8)have;
	}
	cur->p = c->bytes + used;
	cur->end = c->bytes + have;
	return EMU_OK;
}

#define NEED(n)                                                 \
	do {                                                    \
		if (unlikely((unsigned long)(cur->end - cur->p) < (n))) { \
			int r_ = refill(c, cur, (n));           \
			if (r_ != EMU_OK)                       \
				return r_;                      \
		}                                               \
	} while (0)

static inline u16 get16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, 2);
	return v;
}

static inline u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static inline u64 get64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, 8);
	return v;
}

/* 16-bit addressing (SDM 2A table 2-1). */
static int decode_mem16(struct emu_ctxt *c, struct cursor *cur)
{
	static const u8 bases[8] = { EMU_RBX, EMU_RBX, EMU_RBP,	  EMU_RBP,
				     EMU_RSI, EMU_RDI, EMU_RBP, EMU_RBX };
	static const u8 indexes[8] = { EMU_RSI,	  EMU_RDI,   EMU_RSI,	EMU_RDI,
				       EMU_NOREG, EMU_NOREG, EMU_NOREG, EMU_NOREG };
	struct emu_insn *d = &c->insn;
	unsigned int rm = d->modrm & 7;

	d->base = bases[rm];
	d->index = indexes[rm];
	if (d->mod == 0 && rm == 6)
		d->base = EMU_NOREG;
	if (d->base == EMU_RBP)
		d->seg = EMU_SS;
	if (d->mod == 1) {
		NEED(1);
		d->disp = (s8)*cur->p++;
	} else if (d->mod == 2 || d->base == EMU_NOREG) {
		NEED(2);
		d->disp = (s16)get16(cur->p);
		cur->p += 2;
	}
	return EMU_OK;
}

static int decode_mem(struct emu_ctxt *c, struct cursor *cur)
{
	struct emu_insn *d = &c->insn;
	unsigned int rm = d->modrm & 7;
	unsigned int rex_b = (d->rex & 1) << 3;

	if (unlikely(d->adsize == 2))
		return decode_mem16(c, cur);
	if (rm == 4) {
		u8 sib;

		NEED(1);
		sib = *cur->p++;
		d->scale = sib >> 6;
		d->index = (u8)(((sib >> 3) & 7) | ((d->rex & 2) << 2));
		if (d->index == EMU_RSP)
			d->index = EMU_NOREG;
		rm = sib & 7;
		d->base = (u8)(rm | rex_b);
		if (rm == 5 && d->mod == 0)
			d->base = EMU_NOREG;
	} else {
		d->base = (u8)(rm | rex_b);
		if (rm == 5 && d->mod == 0)
			d->base = d->mode == EMU_MODE_LONG64 ? EMU_RIPREL : EMU_NOREG;
	}
	if (d->base == EMU_RSP || d->base == EMU_RBP)
		d->seg = EMU_SS;
	if (d->mod == 1) {
		NEED(1);
		d->disp = (s8)*cur->p++;
	} else if (d->mod == 2 || d->base >= EMU_RIPREL) {
		NEED(4);
		d->disp = (s32)get32(cur->p);
		cur->p += 4;
	}
	return EMU_OK;
}

static int decode_imm(struct emu_ctxt *c, struct cursor *cur, unsigned int kind)
{
	struct emu_insn *d = &c->insn;
	unsigned int size;

	switch (kind) {
	case IMM_B:
		NEED(1);
		d->imm = (u64)(s64)(s8)*cur->p++;
		return EMU_OK;
	case IMM_W:
	case IMM_WB:
		NEED(kind == IMM_W ? 2U : 3U);
		d->imm = get16(cur->p);
		cur->p += 2;
		if (kind == IMM_WB)
			d->imm2 = *cur->p++;
		return EMU_OK;
	case IMM_FAR:
		size = d->opsize == 2 ? 2 : 4;
		NEED(size + 2);
		d->imm = size == 2 ? get16(cur->p) : get32(cur->p);
		d->imm2 = get16(cur->p + size);
		cur->p += size + 2;
		return EMU_OK;
	case IMM_Z:
		size = d->opsize == 2 ? 2 : 4;
		break;
	case IMM_V:
		size = d->opsize;
		break;
	default: /* IMM_MOFFS */
		size = d->adsize;
		NEED(size);
		d->imm = size == 8 ? get64(cur->p) : size == 4 ? get32(cur->p) : get16(cur->p);
		cur->p += size;
		return EMU_OK;
	}
	NEED(size);
	if (size == 8)
		d->imm = get64(cur->p);
	else if (size == 4)
		d->imm = (u64)(s64)(s32)get32(cur->p);
	else
		d->imm = (u64)(s64)(s16)get16(cur->p);
	cur->p += size;
	return EMU_OK;
}

/* Legacy prefixes and REX; leaves cur->p at the opcode. */
static int decode_prefixes(struct emu_ctxt *c, struct cursor *cur)
{
	static const u8 adsize67[EMU_NR_MODES] = { 4, 4, 4, 2, 4, 2, 4 };
	struct emu_insn *d = &c->insn;
	bool is64 = d->mode == EMU_MODE_LONG64;

	for (;;) {
		u8 b;

		NEED(1);
		b = *cur->p;
		if ((b & 0xf0) == 0x40) {
			if (!is64)
				return EMU_OK;
			d->rex = b;
			cur->p++;
			continue;
		}
		switch (b) {
		case 0x66:
			d->osz66 = 1;
			break;
		case 0x67: /* the other size, however often it stands there */
			d->adsize = adsize67[d->mode];
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* Without effect in 64-bit mode (SDM 1 3.4.4), where they do not even
			 * undo an FS or GS before them. */
			if (!is64)
				d->seg_ovr = (b >> 3) & 3;
			break;
		case 0x64:
		case 0x65:
			d->seg_ovr = b & 7;
			break;
		case 0xf0:
			d->lock = 1;
			break;
		case 0xf2:
		case 0xf3:
			d->rep = b;
			break;
		default:
			return EMU_OK;
		}
		d->rex = 0; /* a REX that is not last is ignored (SDM 2A 2.2.1) */
		cur->p++;
		if (cur->p - cur->start >= EMU_MAX_INSN)
			return emu_gp0(c);
	}
}

/* C4 or C5 at cur->p - 1; *vex tells whether it was a VEX prefix at all (SDM 2A 2.3.5). */
static int decode_vex(struct emu_ctxt *c, struct cursor *cur, bool *vex)
{
	static const u8 pp_rep[4] = { 0, 0, 0xf3, 0xf2 };
	struct emu_insn *d = &c->insn;
	u8 b, last;

	NEED(1);
	b = *cur->p;
	*vex = false;
	if (d->mode <= EMU_MODE_VM86 || (d->mode != EMU_MODE_LONG64 && (b & 0xc0) != 0xc0))
		return EMU_OK;
	*vex = true;
	/* A 66, F2, F3, LOCK or REX before it: #UD. Remembered through lock. */
	if (d->osz66 || d->rep || d->rex)
		d->lock = 1;
	d->vex = d->opcode == 0xc5 ? 2 : 3;
	d->rex = 0x40;
	if (d->vex == 2) {
		NEED(2);
		last = b;
		d->map = 1;
		d->rex |= (u8)(~b >> 5) & 4;
		cur->p++;
	} else {
		NEED(3);
		last = cur->p[1];
		d->map = b & 0x1f;
		d->rex |= (u8)((~b >> 5) & 7) | ((last >> 4) & 8);
		cur->p += 2;
	}
	if (d->mode != EMU_MODE_LONG64)
		d->rex = 0x40;
	d->vvvv = (~last >> 3) & 15;
	d->vlen = (last >> 2) & 1;
	d->osz66 = (last & 3) == 1;
	d->rep = pp_rep[last & 3];
	d->opcode = *cur->p++;
	d->op = emu_lookup_vex(d);
	return EMU_OK;
}

static int decode_opcode(struct emu_ctxt *c, struct cursor *cur)
{
	struct emu_insn *d = &c->insn;
	u8 b;

	NEED(1);
	b = *cur->p++;
	d->opcode = b;
	d->op = &emu_map0[b];
	if (likely(b != 0x0f)) {
		bool vex;

		if (likely(b != 0xc4 && b != 0xc5))
			return EMU_OK;
		return decode_vex(c, cur, &vex);
	}
	NEED(1);
	b = *cur->p++;
	d->opcode = b;
	d->map = 1;
	d->op = &emu_map1[b];
	if (b == 0x38 || b == 0x3a) {
		NEED(1);
		d->opcode = *cur->p++;
		d->map = b == 0x38 ? 2 : 3;
		d->op = d->map == 2 ? emu_lookup_38(d) : emu_lookup_3a(d);
	}
	return EMU_OK;
}

/* Operand size from mode, prefixes and what the opcode wants. */
static inline u8 operand_size(const struct emu_ctxt *c, const struct emu_insn *d, u32 flags)
{
	if (flags & OPF_BYTE)
		return 1;
	if (likely(d->mode == EMU_MODE_LONG64)) {
		if (flags & (OPF_STACK | OPF_NEAR | OPF_FORCE64)) {
			if (flags & OPF_FORCE64)
				return 8;
			if ((flags & OPF_NEAR) && (c->features & EMU_F_INTEL))
				return 8;
			return d->osz66 && !(d->rex & 8) ? 2 : 8;
		}
		return d->rex & 8 ? 8 : d->osz66 ? 2 : 4;
	}
	if (flags & OPF_FORCE64)
		return 4;
	if (d->mode == EMU_MODE_PROT32 || d->mode == EMU_MODE_COMPAT32)
		return d->osz66 ? 2 : 4;
	return d->osz66 ? 4 : 2;
}

static void init_insn(struct emu_ctxt *c)
{
	static const u8 adsizes[EMU_NR_MODES] = { 2, 2, 2, 4, 2, 4, 8 };
	struct emu_insn *d = &c->insn;

	memset(d, 0, sizeof(*d));
	d->mode = c->mode;
	d->adsize = adsizes[c->mode];
	d->base = EMU_NOREG;
	d->index = EMU_NOREG;
	d->seg = EMU_DS;
	d->seg_ovr = EMU_NOREG;
}

/* The byte after the opcode and what it selects. */
static int decode_modrm(struct emu_ctxt *c, struct cursor *cur, u32 *flags)
{
	struct emu_insn *d = &c->insn;
	unsigned int reg, mod;
	u8 m;

	NEED(1);
	m = *cur->p++;
	d->modrm = m;
	reg = (m >> 3) & 7;
	mod = m >> 6;
	if (*flags & (OPF_GROUP | OPF_GRP3)) {
		if (*flags & OPF_GROUP)
			d->op = &d->op->sub[reg];
		else
			d->op = &d->op->sub[mod == 3 ? 8U + (m & 63) : reg];
		*flags |= d->op->flags;
	}
	if (*flags & OPF_REGMOD)
		mod = 3;
	d->mod = (u8)mod;
	d->reg = (u8)(reg | ((d->rex & 4) << 1));
	d->rm = (u8)((m & 7) | ((d->rex & 1) << 3));
	return mod != 3 ? decode_mem(c, cur) : EMU_OK;
}

int emu_decode(struct emu_ctxt *c, const u8 *bytes, unsigned int n)
{
	struct cursor cursor, *cur = &cursor;
	struct emu_insn *d = &c->insn;
	unsigned int imm;
	u32 flags;
	int r;

	emu_begin(c);
	c->nbytes = 0;
	init_insn(c);
	cur->start = bytes ? bytes : c->bytes;
	cur->p = cur->start;
	cur->end = bytes ? bytes + min_t(unsigned int, n, EMU_MAX_INSN) : c->bytes;

	NEED(1);
	if (emu_map0[*cur->p].flags & OPF_PREFIX) {
		r = decode_prefixes(c, cur);
		if (unlikely(r != EMU_OK))
			return r;
	}
	r = decode_opcode(c, cur);
	if (unlikely(r != EMU_OK))
		return r;
	flags = d->op->flags;
	if (flags & OPF_MODRM) {
		r = decode_modrm(c, cur, &flags);
		if (unlikely(r != EMU_OK))
			return r;
	} else if (flags & OPF_OPREG) {
		d->reg = (u8)((d->opcode & 7) | ((d->rex & 1) << 3));
	}
	if (d->seg_ovr != EMU_NOREG)
		d->seg = d->seg_ovr;
	d->opsize = operand_size(c, d, flags);
	d->flags = flags;
	imm = (flags & OPF_IMM_MASK) >> OPF_IMM_SHIFT;
	if (imm) {
		r = decode_imm(c, cur, imm);
		if (unlikely(r != EMU_OK))
			return r;
	}
	if (unlikely(cur->p - cur->start > EMU_MAX_INSN))
		return emu_gp0(c);
	d->len = (u8)(cur->p - cur->start);
	return EMU_OK;
}
