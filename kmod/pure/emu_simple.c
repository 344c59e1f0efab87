// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tiny decoder that needs neither context nor tables: it measures the instructions whose exits come
 * without their length (CPUs without next-RIP save, APM 2 15.7.1).
 */
#include "pure/emu.h"

struct scan {
	const u8 *p, *end;
	enum emu_mode mode;
	u8 rex, rep;
	bool osz, asz;
};

/*
 * Prefixes; leaves s->p at the opcode. False: LOCK, or no opcode in the bytes given.
 */
static __always_inline bool skip_prefixes(struct scan *s)
{
	bool is64 = s->mode == EMU_MODE_LONG64;

	for (; s->p < s->end; s->p++) {
		u8 b = *s->p;

		if (is64 && (b & 0xf0) == 0x40) {
			s->rex = b;
			continue;
		}
		switch (b) {
		case 0x66:
			s->osz = true;
			break;
		case 0x67:
			s->asz = true;
			break;
		case 0xf2:
		case 0xf3:
			s->rep = b;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		case 0xf0:
			return false;
		default:
			return true;
		}
		s->rex = 0;
	}
	return false;
}

static bool mode_is32(enum emu_mode mode)
{
	return mode == EMU_MODE_PROT32 || mode == EMU_MODE_COMPAT32;
}

static unsigned int address_size(const struct scan *s)
{
	if (s->mode == EMU_MODE_LONG64)
		return s->asz ? 4 : 8;
	return mode_is32(s->mode) != s->asz ? 4 : 2;
}

/* 4 or 2 bytes: of IN, OUT. */
static u8 io_operand(const struct scan *s)
{
	if (s->mode == EMU_MODE_LONG64 || mode_is32(s->mode))
		return s->osz ? 2 : 4;
	return s->osz ? 4 : 2;
}

/* Bytes of ModRM, SIB and displacement from s->p; 0: too few. */
static unsigned int modrm_len(const struct scan *s)
{
	unsigned int n = 1, mod, rm;
	u8 m;

	if (s->p >= s->end)
		return 0;
	m = *s->p;
	mod = m >> 6;
	rm = m & 7;
	if (mod == 3)
		return 1;
	if (address_size(s) == 2) {
		if (mod == 2 || (mod == 0 && rm == 6))
			n = 3;
		else if (mod == 1)
			n = 2;
	} else {
		if (rm == 4) {
			if (s->p + 1 >= s->end)
				return 0;
			n = 2;
			rm = s->p[1] & 7;
		}
		if (mod == 2 || (mod == 0 && rm == 5))
			n += 4;
		else if (mod == 1)
			n += 1;
	}
	return s->p + n <= s->end ? n : 0;
}

/* 0F 01: groups by the whole ModRM byte where mod is 3. */
static u8 match_0f01(struct scan *s, struct emu_simple *out)
{
	unsigned int n = modrm_len(s);
	u8 m, reg;

	if (!n)
		return EMU_S_NONE;
	m = *s->p;
	reg = (m >> 3) & 7;
	s->p += n;
	if (reg == 4 || reg == 6) {
		out->mem = m < 0xc0;
		out->reg = (m & 7) | ((s->rex & 1) << 3);
		return reg == 4 ? EMU_S_SMSW : EMU_S_LMSW;
	}
	if (m < 0xc0) {
		out->mem = true;
		return reg == 7 ? EMU_S_INVLPG : EMU_S_NONE;
	}
	switch (m) {
	case 0xc1:
		return EMU_S_VMCALL;
	case 0xc8:
		return EMU_S_MONITOR;
	case 0xc9:
		return EMU_S_MWAIT;
	case 0xd1:
		return EMU_S_XSETBV;
	case 0xd8:
		return EMU_S_VMRUN;
	case 0xd9:
		return EMU_S_VMMCALL;
	case 0xda:
		return EMU_S_VMLOAD;
	case 0xdb:
		return EMU_S_VMSAVE;
	case 0xdc:
		return EMU_S_STGI;
	case 0xdd:
		return EMU_S_CLGI;
	case 0xde:
		return EMU_S_SKINIT;
	case 0xdf:
		return EMU_S_INVLPGA;
	case 0xf9:
		return EMU_S_RDTSCP;
	default:
		return EMU_S_NONE;
	}
}

static u8 match_cr_dr(struct scan *s, struct emu_simple *out, u8 op)
{
	static const u8 ops[4] = { EMU_S_MOV_R_CR, EMU_S_MOV_R_DR, EMU_S_MOV_CR_R, EMU_S_MOV_DR_R };
	u8 m;

	if (s->p >= s->end)
		return EMU_S_NONE;
	m = *s->p++;
	out->reg = (m & 7) | ((s->rex & 1) << 3);
	out->crn = ((m >> 3) & 7) | ((s->rex & 4) << 1);
	return ops[op & 3];
}

static u8 match_0f(struct scan *s, struct emu_simple *out)
{
	unsigned int n;
	u8 op;

	if (s->p >= s->end)
		return EMU_S_NONE;
	op = *s->p++;
	switch (op) {
	case 0x01:
		return match_0f01(s, out);
	case 0x06:
		return EMU_S_CLTS;
	case 0x08:
		return EMU_S_INVD;
	case 0x09:
		return EMU_S_WBINVD;
	case 0x0b:
		return EMU_S_UD2;
	case 0x20:
	case 0x21:
	case 0x22:
	case 0x23:
		return match_cr_dr(s, out, op);
	case 0x30:
		return EMU_S_WRMSR;
	case 0x31:
		return EMU_S_RDTSC;
	case 0x32:
		return EMU_S_RDMSR;
	case 0x33:
		return EMU_S_RDPMC;
	case 0x38:
		if (s->p >= s->end || *s->p++ != 0x82 || !s->osz)
			return EMU_S_NONE;
		n = modrm_len(s);
		if (!n || *s->p >= 0xc0)
			return EMU_S_NONE;
		s->p += n;
		out->mem = true;
		return EMU_S_INVPCID;
	case 0xa2:
		return EMU_S_CPUID;
	case 0xaa:
		return EMU_S_RSM;
	default:
		return EMU_S_NONE;
	}
}

static u8 match_io(struct scan *s, struct emu_simple *out, u8 op)
{
	out->size = op & 1 ? io_operand(s) : 1;
	if (op < 0xe8) {
		if (s->p >= s->end)
			return EMU_S_NONE;
		out->imm_port = true;
		out->imm = *s->p++;
	}
	return op & 2 ? EMU_S_OUT : EMU_S_IN;
}

static u8 match_one(struct scan *s, struct emu_simple *out, u8 op)
{
	switch (op) {
	case 0x0f:
		return match_0f(s, out);
	case 0x90:
		return s->rep == 0xf3 ? EMU_S_PAUSE : EMU_S_NONE;
	case 0x9c:
		return EMU_S_PUSHF;
	case 0x9d:
		return EMU_S_POPF;
	case 0xcc:
		return EMU_S_INT3;
	case 0xcd:
		if (s->p >= s->end)
			return EMU_S_NONE;
		out->imm = *s->p++;
		return EMU_S_INT;
	case 0xce:
		return s->mode != EMU_MODE_LONG64 ? EMU_S_INTO : EMU_S_NONE;
	case 0xcf:
		return EMU_S_IRET;
	case 0xe4:
	case 0xe5:
	case 0xe6:
	case 0xe7:
	case 0xec:
	case 0xed:
	case 0xee:
	case 0xef:
		return match_io(s, out, op);
	case 0xf1:
		return EMU_S_ICEBP;
	case 0xf4:
		return EMU_S_HLT;
	default:
		return EMU_S_NONE;
	}
}

int emu_match_simple(const u8 *bytes, unsigned int n, enum emu_mode mode, struct emu_simple *s)
{
	struct scan sc = { .p = bytes, .end = bytes + min_t(unsigned int, n, EMU_MAX_INSN),
			   .mode = mode };

	memset(s, 0, sizeof(*s));
	if (!skip_prefixes(&sc))
		return EMU_S_NONE;
	s->op = match_one(&sc, s, *sc.p++);
	if (s->op != EMU_S_NONE)
		s->len = (u8)(sc.p - bytes);
	return s->op;
}

unsigned int emu_insn_len_simple(const u8 *bytes, unsigned int n, enum emu_mode mode,
				 enum emu_simple_op want)
{
	struct emu_simple s;

	/* The most frequent ones without prefixes. */
	if (likely(n >= 3 && bytes[0] == 0x0f)) {
		if (bytes[1] == 0xa2 && want == EMU_S_CPUID)
			return 2;
		if (bytes[1] == 0x30 && want == EMU_S_WRMSR)
			return 2;
		if (bytes[1] == 0x32 && want == EMU_S_RDMSR)
			return 2;
		if (bytes[1] == 0x01 && bytes[2] == 0xd9 && want == EMU_S_VMMCALL)
			return 3;
	}
	return emu_match_simple(bytes, n, mode, &s) == (int)want ? s.len : 0;
}
