// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plain moves on device memory, decoded without a context. This is on the path of every device access, so
 * it is written for few instructions: one table look-up for the opcode, no bounds check per byte.
 */
#include "pure/emu.h"

/* What a byte is where an opcode may stand. */
enum {
	K_PREFIX = 1,
	K_MOV = 2,
	K_BYTE = 4,
	K_WRITE = 8,
	K_IMM = 16,
	K_OFFSET = 32, /* A0-A3: the address is in the instruction */
	K_SXD = 64,
	K_0F = 128,
};

static const u8 kinds[256] = {
	[0x0f] = K_0F,
	[0x26] = K_PREFIX,
	[0x2e] = K_PREFIX,
	[0x36] = K_PREFIX,
	[0x3e] = K_PREFIX,
	[0x40] = K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX,
	[0x48] = K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX, K_PREFIX,
	[0x63] = K_MOV | K_SXD,
	[0x64] = K_PREFIX,
	[0x65] = K_PREFIX,
	[0x66] = K_PREFIX,
	[0x67] = K_PREFIX,
	[0x88] = K_MOV | K_WRITE | K_BYTE,
	[0x89] = K_MOV | K_WRITE,
	[0x8a] = K_MOV | K_BYTE,
	[0x8b] = K_MOV,
	[0xa0] = K_MOV | K_OFFSET | K_BYTE,
	[0xa1] = K_MOV | K_OFFSET,
	[0xa2] = K_MOV | K_OFFSET | K_WRITE | K_BYTE,
	[0xa3] = K_MOV | K_OFFSET | K_WRITE,
	[0xc6] = K_MOV | K_WRITE | K_IMM | K_BYTE,
	[0xc7] = K_MOV | K_WRITE | K_IMM,
};

/*
 * More prefixes than this are left to the big decoder. With this many no plain move exceeds 15 bytes, so all
 * of it may be read once 15 are there.
 */
#define MAX_PREFIXES 3

struct prefixes {
	u8 rex, seg;
	bool osz, asz;
};

/* Returns the opcode's place, NULL: too many. */
static noinline const u8 *skip_prefixes(const u8 *p, bool is64, struct prefixes *x)
{
	const u8 *end = p + MAX_PREFIXES;

	for (; kinds[*p] & K_PREFIX; p++) {
		u8 b = *p;

		if (p == end)
			return NULL;
		if ((b & 0xf0) == 0x40) {
			if (!is64)
				return NULL;
			x->rex = b;
			continue;
		}
		x->rex = 0;
		if (b == 0x66)
			x->osz = true;
		else if (b == 0x67)
			x->asz = true;
		else if (b >= 0x64)
			x->seg = b & 7;
		else if (!is64)
			x->seg = (b >> 3) & 3;
	}
	return p;
}

static inline s32 load32(const u8 *p)
{
	s32 v;

	memcpy(&v, p, 4);
	return v;
}

/* The memory operand whose ModRM byte is at p; returns what follows it, NULL: a register. */
static __always_inline const u8 *operand(const u8 *p, struct emu_mov *m, u8 rex, bool is64)
{
	u8 modrm = *p++, mod = modrm >> 6, rm = modrm & 7;

	if (unlikely(mod == 3))
		return NULL;
	m->index = EMU_NOREG;
	m->scale = 0;
	m->base = (u8)(rm | ((rex & 1) << 3));
	if (rm == 4) {
		u8 sib = *p++;

		m->scale = sib >> 6;
		m->index = (u8)(((sib >> 3) & 7) | ((rex & 2) << 2));
		if (m->index == EMU_RSP)
			m->index = EMU_NOREG;
		rm = sib & 7;
		m->base = (u8)(rm | ((rex & 1) << 3));
		if (rm == 5 && !mod)
			m->base = EMU_NOREG;
	} else if (unlikely(rm == 5 && !mod)) {
		m->base = is64 ? EMU_RIPREL : EMU_NOREG;
	}
	m->seg = m->base == EMU_RSP || m->base == EMU_RBP ? EMU_SS : EMU_DS;
	m->disp = 0;
	if (mod == 1) {
		m->disp = (s8)*p++;
	} else if (mod == 2 || m->base >= EMU_RIPREL) {
		m->disp = load32(p);
		p += 4;
	}
	return p;
}

/* A0-A3: rAX and an address of address size. */
static noinline const u8 *offset_operand(const u8 *p, struct emu_mov *m)
{
	u64 addr = (u32)load32(p);

	if (m->adsize == 8)
		memcpy(&addr, p, 8);
	m->disp = (s64)addr;
	m->base = EMU_NOREG;
	m->index = EMU_NOREG;
	m->scale = 0;
	m->seg = EMU_DS;
	m->reg = EMU_RAX;
	return p + m->adsize;
}

static const u8 *immediate(const u8 *p, struct emu_mov *m)
{
	u16 v;

	if (m->size == 1) {
		m->imm = *p;
		return p + 1;
	}
	if (m->size == 2) {
		memcpy(&v, p, 2);
		m->imm = v;
		return p + 2;
	}
	m->imm = (u64)(s64)load32(p);
	return p + 4;
}

/* At least 15 bytes are at bytes. */
static bool decode_mov(const u8 *bytes, bool is64, struct emu_mov *m)
{
	struct prefixes x = { 0, EMU_NOREG, false, false };
	const u8 *p = bytes;
	u8 kind = kinds[*p], modrm;

	if (kind & K_PREFIX) {
		p = skip_prefixes(p, is64, &x);
		if (unlikely(!p))
			return false;
		kind = kinds[*p];
	}
	p++;
	m->adsize = is64 && !x.asz ? 8 : 4;
	m->dst_size = x.rex & 8 ? 8 : x.osz ? 2 : 4;
	m->sign = false;
	m->high = false;
	m->is_imm = false;
	m->write = kind & K_WRITE;
	if (likely(kind & K_MOV)) {
		if (kind & K_BYTE)
			m->dst_size = 1;
		m->size = m->dst_size;
	} else if (kind & K_0F) { /* MOVZX, MOVSX: B6, B7, BE, BF */
		u8 op = *p++;

		if ((op & 0xf6) != 0xb6)
			return false;
		m->size = op & 1 ? 2 : 1;
		m->sign = op & 8;
	} else {
		return false;
	}
	if (unlikely(!is64 && (x.asz || (kind & K_SXD))))
		return false;
	if (unlikely(kind & K_OFFSET)) {
		p = offset_operand(p, m);
	} else {
		modrm = *p;
		p = operand(p, m, x.rex, is64);
		if (unlikely(!p))
			return false;
		m->reg = (u8)(((modrm >> 3) & 7) | ((x.rex & 4) << 1));
		if (kind & K_IMM) {
			if (modrm & 0x38)
				return false;
			m->is_imm = true;
			p = immediate(p, m);
		} else if ((kind & K_BYTE) && !x.rex && m->reg >= 4) {
			m->high = true;
			m->reg &= 3;
		} else if (unlikely(kind & K_SXD)) {
			m->size = m->dst_size == 2 ? 2 : 4;
			m->sign = true;
		}
	}
	if (unlikely(x.seg != EMU_NOREG))
		m->seg = x.seg;
	m->len = (u8)(p - bytes);
	return true;
}

/* All else; the bytes may be fewer. */
static noinline bool decode_rest(const u8 *bytes, unsigned int n, enum emu_mode mode,
				 struct emu_mov *m)
{
	bool is64 = mode == EMU_MODE_LONG64;

	if (unlikely(!is64 && mode != EMU_MODE_PROT32 && mode != EMU_MODE_COMPAT32))
		return false;
	if (unlikely(n < EMU_MAX_INSN)) {
		u8 buf[EMU_MAX_INSN + 1] = { 0 };

		memcpy(buf, bytes, n);
		return decode_mov(buf, is64, m) && m->len <= n;
	}
	return decode_mov(bytes, is64, m);
}

/*
 * What readl() and writel() compile to: 89 or 8B, at most a REX before it, a base register other than rSP,
 * rBP and R12, R13, and a displacement. False: look closer. At least 15 bytes are at p.
 */
static __always_inline bool decode_common(const u8 *p, struct emu_mov *m)
{
	unsigned int rex = 0, len = 2, modrm, rm;

	if ((*p & 0xf0) == 0x40) {
		rex = *p++;
		len = 3;
	}
	if ((*p & 0xfd) != 0x89)
		return false;
	modrm = p[1];
	rm = modrm & 7;
	if (modrm >= 0xc0 || rm == EMU_RSP || rm == EMU_RBP)
		return false;
	m->write = *p == 0x89;
	m->disp = 0;
	if (modrm >= 0x80) {
		m->disp = load32(p + 2);
		len += 4;
	} else if (modrm >= 0x40) {
		m->disp = (s8)p[2];
		len += 1;
	}
	m->sign = false;
	m->is_imm = false;
	m->high = false;
	m->scale = 0;
	m->index = EMU_NOREG;
	m->adsize = 8;
	m->seg = EMU_DS;
	m->base = (u8)(rm | ((rex & 1) << 3));
	m->len = (u8)len;
	m->size = rex & 8 ? 8 : 4;
	m->dst_size = m->size;
	m->reg = (u8)(((modrm >> 3) & 7) | ((rex & 4) << 1));
	return true;
}

bool emu_mmio_simple(const u8 *bytes, unsigned int n, enum emu_mode mode, struct emu_mov *m)
{
	bool is64 = mode == EMU_MODE_LONG64;

	if (likely(is64 && n >= EMU_MAX_INSN && decode_common(bytes, m)))
		return true;
	return decode_rest(bytes, n, mode, m);
}

void emu_mov_load(const struct emu_mov *m, u64 *regs, u64 val)
{
	u64 *r = &regs[m->reg & 15];
	unsigned int sh = 64 - m->size * 8;

	val = m->sign ? (u64)((s64)(val << sh) >> sh) : (val << sh) >> sh;
	switch (m->dst_size) {
	case 8:
		*r = val;
		break;
	case 4:
		*r = (u32)val;
		break;
	case 2:
		*r = (*r & ~0xffffULL) | (u16)val;
		break;
	default:
		if (m->high)
			*r = (*r & ~0xff00ULL) | ((val & 0xff) << 8);
		else
			*r = (*r & ~0xffULL) | (u8)val;
	}
}

bool emu_invlpg_simple(const u8 *bytes, unsigned int n, struct emu_mov *m)
{
	struct prefixes x = { 0, EMU_NOREG, false, false };
	const u8 *p = bytes;

	if (n < EMU_MAX_INSN)
		return false;
	if (kinds[*p] & K_PREFIX) {
		p = skip_prefixes(p, true, &x);
		if (!p)
			return false;
	}
	if (p[0] != 0x0f || p[1] != 0x01 || (p[2] >> 3 & 7) != 7)
		return false;
	m->adsize = x.asz ? 4 : 8;
	p = operand(p + 2, m, x.rex, true);
	/* FS and GS have bases; the others have none in 64-bit mode. */
	if (!p || x.seg == EMU_FS || x.seg == EMU_GS)
		return false;
	m->len = (u8)(p - bytes);
	return true;
}
