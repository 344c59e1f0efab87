// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 0F map (SDM 2D table A-3) and its groups, and lookups for the sparse maps 0F38, 0F3A and
 * VEX. Vector arithmetic is only decoded, so that it is known as such: UN.
 */
#include "pure/emu_core.h"

#define O(f, name) { .flags = (f), { .fn = emu_op_##name } }
#define G(f, table) { .flags = (f) | OPF_MODRM, { .sub = table } }
#define UD O(0, undefined)
#define UN(f) O(f, unsupported)

#define M OPF_MODRM
#define B OPF_BYTE

static const struct emu_opcode grp6[8] = {
	O(OPF_PROT, sldt), O(OPF_PROT, str),  O(OPF_PROT | OPF_PRIV, lldt),
	O(OPF_PROT | OPF_PRIV, ltr),	      O(OPF_PROT, verr),
	O(OPF_PROT, verw), UD,		      UD,
};

static const struct emu_opcode grp7[8 + 64] = {
	/* memory */
	O(0, sgdt), O(0, sidt), O(OPF_PRIV, lgdt), O(OPF_PRIV, lidt), O(0, smsw), UD,
	O(OPF_PRIV, lmsw), O(OPF_PRIV, invlpg),
	/* 0F 01 C0: VMX's are #UD for a guest without VMX */
	UD, O(0, vmcall), UD, UD, UD, UD, UD, UD,
	/* C8 */
	O(0, monitor), O(0, mwait), O(0, clac), O(0, stac), UD, UD, UD, UD,
	/* D0 */
	O(0, xgetbv), O(0, xsetbv), UD, UD, UD, UD, UD, UD,
	/* D8: SVM's */
	UN(0), O(0, vmmcall), UN(0), UN(0), UN(0), UN(0), UN(0), UN(0),
	/* E0 */
	O(0, smsw), O(0, smsw), O(0, smsw), O(0, smsw), O(0, smsw), O(0, smsw), O(0, smsw),
	O(0, smsw),
	/* E8: SERIALIZE, RDPKRU, WRPKRU and others */
	UN(0), UD, UD, UD, UD, UD, UN(0), UN(0),
	/* F0 */
	O(OPF_PRIV, lmsw), O(OPF_PRIV, lmsw), O(OPF_PRIV, lmsw), O(OPF_PRIV, lmsw),
	O(OPF_PRIV, lmsw), O(OPF_PRIV, lmsw), O(OPF_PRIV, lmsw), O(OPF_PRIV, lmsw),
	/* F8 */
	O(OPF_PRIV | OPF_ONLY64, swapgs), O(0, rdtscp), UN(0), UN(0), UN(0), UN(0),
	UN(0), UN(0),
};

static const struct emu_opcode grp8[8] = {
	UD, UD, UD, UD,
	O(OPF_IB, bt_imm), O(OPF_IB | OPF_LOCK, bt_imm), O(OPF_IB | OPF_LOCK, bt_imm),
	O(OPF_IB | OPF_LOCK, bt_imm),
};

static const struct emu_opcode grp9[8] = {
	UD, O(OPF_MEM | OPF_LOCK, cmpxchg8b), UD, UN(0), UN(0), UN(0), UN(0), O(0, grp9_7),
};

static const struct emu_opcode grp15[8] = {
	O(0, grp15_base), O(0, grp15_base), O(0, grp15_base), O(0, grp15_base),
	UN(0),		  O(0, grp15_fence), O(0, grp15_fence), O(0, grp15_fence),
};

#define EIGHT(base, f, name)                                                            \
	[base + 0] = O(f, name), [base + 1] = O(f, name), [base + 2] = O(f, name),      \
	[base + 3] = O(f, name), [base + 4] = O(f, name), [base + 5] = O(f, name),      \
	[base + 6] = O(f, name), [base + 7] = O(f, name)
#define SIXTEEN(base, f, name) EIGHT(base, f, name), EIGHT(base + 8, f, name)

/* MOV to and from control and debug registers; a register that is none is #UD before #GP. */
#define CRDR (M | OPF_REGMOD | OPF_FORCE64)

/* Rows of vector instructions come first; later initialisers take their entries out again. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

const struct emu_opcode emu_map1[256] = {
	[0x00] = G(OPF_GROUP, grp6),
	[0x01] = G(OPF_GRP3, grp7),
	[0x02] = O(M | OPF_PROT, lar),
	[0x03] = O(M | OPF_PROT, lsl),
	[0x04] = UD,
	[0x05] = O(OPF_RIP | OPF_KEEPRF, syscall),
	[0x06] = O(OPF_PRIV, clts),
	[0x07] = O(OPF_RIP | OPF_KEEPRF, sysret),
	[0x08] = O(OPF_PRIV, wbinvd),
	[0x09] = O(OPF_PRIV, wbinvd),
	[0x0a] = UD,
	[0x0b] = UD, /* UD2 */
	[0x0c] = UD,
	[0x0d] = O(M, nop),
	[0x0e] = UN(0),
	[0x0f] = UN(M | OPF_IB), /* 3DNow! */
	[0x10] = O(M, sse_load),
	[0x11] = O(M, sse_store),
	[0x12] = O(M, sse_low),
	[0x13] = O(M | OPF_MEM, sse_low_store),
	[0x14] = UN(M),
	[0x15] = UN(M),
	[0x16] = O(M, sse_high),
	[0x17] = O(M | OPF_MEM, sse_high_store),
	EIGHT(0x18, M, nop),
	[0x20] = O(CRDR, mov_r_cr),
	[0x21] = O(CRDR, mov_r_dr),
	[0x22] = O(CRDR, mov_cr_r),
	[0x23] = O(CRDR, mov_dr_r),
	[0x24] = UD,
	[0x25] = UD,
	[0x26] = UD,
	[0x27] = UD,
	EIGHT(0x28, M, unsupported),
	[0x28] = O(M, sse_load),
	[0x29] = O(M, sse_store),
	[0x2b] = O(M | OPF_MEM, sse_store),
	[0x30] = O(OPF_PRIV, wrmsr),
	[0x31] = O(0, rdtsc),
	[0x32] = O(OPF_PRIV, rdmsr),
	[0x33] = O(0, rdpmc),
	[0x34] = O(OPF_RIP, sysenter),
	[0x35] = O(OPF_RIP, sysexit),
	[0x36] = UD,
	[0x37] = UD,
	[0x38] = UD, /* escape */
	[0x39] = UD,
	[0x3a] = UD, /* escape */
	[0x3b] = UD,
	[0x3c] = UD,
	[0x3d] = UD,
	[0x3e] = UD,
	[0x3f] = UD,
	SIXTEEN(0x40, M, cmov),
	SIXTEEN(0x50, M, unsupported),
	SIXTEEN(0x60, M, unsupported),
	[0x6e] = O(M, sse_movd_load),
	[0x6f] = O(M, sse_load),
	SIXTEEN(0x70, M, unsupported),
	[0x70] = UN(M | OPF_IB),
	[0x71] = UN(M | OPF_IB),
	[0x72] = UN(M | OPF_IB),
	[0x73] = UN(M | OPF_IB),
	[0x77] = UN(0), /* EMMS, VZEROUPPER */
	[0x7a] = UD,
	[0x7b] = UD,
	[0x7e] = O(M, sse_movd_store),
	[0x7f] = O(M, sse_store),
	SIXTEEN(0x80, OPF_NEAR | OPF_RIP | OPF_IZ, jcc),
	SIXTEEN(0x90, M | B, setcc),
	[0xa0] = O(OPF_STACK, push_seg),
	[0xa1] = O(OPF_STACK, pop_seg),
	[0xa2] = O(0, cpuid),
	[0xa3] = O(M, bt_r),
	[0xa4] = O(M | OPF_IB, shld),
	[0xa5] = O(M, shld),
	[0xa6] = UD,
	[0xa7] = UD,
	[0xa8] = O(OPF_STACK, push_seg),
	[0xa9] = O(OPF_STACK, pop_seg),
	[0xaa] = O(OPF_RIP | OPF_KEEPRF, rsm),
	[0xab] = O(M | OPF_LOCK, bt_r),
	[0xac] = O(M | OPF_IB, shrd),
	[0xad] = O(M, shrd),
	[0xae] = G(OPF_GROUP, grp15),
	[0xaf] = O(M, imul2),
	[0xb0] = O(M | B | OPF_LOCK, cmpxchg),
	[0xb1] = O(M | OPF_LOCK, cmpxchg),
	[0xb2] = O(M | OPF_MEM, load_far_ptr), /* LSS */
	[0xb3] = O(M | OPF_LOCK, bt_r),
	[0xb4] = O(M | OPF_MEM, load_far_ptr), /* LFS */
	[0xb5] = O(M | OPF_MEM, load_far_ptr), /* LGS */
	[0xb6] = O(M, movzx_b),
	[0xb7] = O(M, movzx_w),
	[0xb8] = O(M, popcnt),
	[0xb9] = O(M, undefined), /* UD1 */
	[0xba] = G(OPF_GROUP, grp8),
	[0xbb] = O(M | OPF_LOCK, bt_r),
	[0xbc] = O(M, bsf),
	[0xbd] = O(M, bsr),
	[0xbe] = O(M, movsx_b),
	[0xbf] = O(M, movsx_w),
	[0xc0] = O(M | B | OPF_LOCK, xadd),
	[0xc1] = O(M | OPF_LOCK, xadd),
	[0xc2] = UN(M | OPF_IB),
	[0xc3] = O(M | OPF_MEM, movnti),
	[0xc4] = UN(M | OPF_IB),
	[0xc5] = UN(M | OPF_IB),
	[0xc6] = UN(M | OPF_IB),
	[0xc7] = G(OPF_GROUP, grp9),
	EIGHT(0xc8, OPF_OPREG, bswap),
	SIXTEEN(0xd0, M, unsupported),
	[0xd6] = O(M, sse_movq_store),
	SIXTEEN(0xe0, M, unsupported),
	[0xe7] = O(M | OPF_MEM, sse_store),
	SIXTEEN(0xf0, M, unsupported),
	[0xf0] = O(M, sse_load), /* LDDQU */
	[0xff] = O(M, undefined), /* UD0 */
};

static const struct emu_opcode op_unsupported_m = UN(M);
static const struct emu_opcode op_unsupported_mi = UN(M | OPF_IB);
static const struct emu_opcode op_unsupported = UN(0);
static const struct emu_opcode op_undefined = UD;
static const struct emu_opcode op_invpcid = O(M | OPF_MEM, invpcid);
static const struct emu_opcode op_movbe = O(M, movbe_crc32);
static const struct emu_opcode op_adx = O(M, adx);
static const struct emu_opcode op_movntdqa = O(M | OPF_MEM, sse_load);
static const struct emu_opcode op_andn = O(M, andn);
static const struct emu_opcode op_grp17 = O(M, bls);
static const struct emu_opcode op_bzhi_pdep = O(M, bzhi_pdep_pext);
static const struct emu_opcode op_mulx = O(M, mulx);
static const struct emu_opcode op_bextr = O(M, bextr_shiftx);
static const struct emu_opcode op_rorx = O(M | OPF_IB, rorx);

const struct emu_opcode *emu_lookup_38(const struct emu_insn *d)
{
	switch (d->opcode) {
	case 0xf0:
	case 0xf1:
		return &op_movbe;
	case 0xf6:
		return &op_adx;
	case 0x2a:
		return &op_movntdqa;
	case 0x82:
		return &op_invpcid;
	default:
		return &op_unsupported_m;
	}
}

const struct emu_opcode *emu_lookup_3a(const struct emu_insn *d)
{
	(void)d;
	return &op_unsupported_mi;
}

/* VEX.0F: the moves share the handlers of the 0F map. */
static const struct emu_opcode *lookup_vex_0f(u8 opcode)
{
	switch (opcode) {
	case 0x10:
	case 0x11:
	case 0x12:
	case 0x13:
	case 0x16:
	case 0x17:
	case 0x28:
	case 0x29:
	case 0x2b:
	case 0x6e:
	case 0x6f:
	case 0x7e:
	case 0x7f:
	case 0xd6:
	case 0xe7:
	case 0xf0:
		return &emu_map1[opcode];
	case 0x70:
	case 0x71:
	case 0x72:
	case 0x73:
	case 0xc2:
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return &op_unsupported_mi;
	case 0x77:
		return &op_unsupported;
	default:
		return &op_unsupported_m;
	}
}

const struct emu_opcode *emu_lookup_vex(const struct emu_insn *d)
{
	switch (d->map) {
	case 1:
		return lookup_vex_0f(d->opcode);
	case 2:
		switch (d->opcode) {
		case 0x2a:
			return &op_movntdqa;
		case 0xf2:
			return &op_andn;
		case 0xf3:
			return &op_grp17;
		case 0xf5:
			return &op_bzhi_pdep;
		case 0xf6:
			return &op_mulx;
		case 0xf7:
			return &op_bextr;
		default:
			return &op_unsupported_m;
		}
	case 3:
		return d->opcode == 0xf0 ? &op_rorx : &op_unsupported_mi;
	default:
		return &op_undefined;
	}
}
