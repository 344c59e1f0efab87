// SPDX-License-Identifier: GPL-2.0-only
/* The one-byte opcode map (SDM 2D table A-2) and its groups (table A-6). */
#include "pure/emu_core.h"

#define O(f, name) { .flags = (f), { .fn = emu_op_##name } }
#define G(f, table) { .flags = (f) | OPF_MODRM, { .sub = table } }
#define UD O(0, undefined)
#define UN(f) O(f, unsupported)
#define PFX O(OPF_PREFIX, undefined)

#define M OPF_MODRM
#define B OPF_BYTE

static const struct emu_opcode grp1[8] = {
	O(OPF_LOCK, alu_rm_imm), O(OPF_LOCK, alu_rm_imm), O(OPF_LOCK, alu_rm_imm),
	O(OPF_LOCK, alu_rm_imm), O(OPF_LOCK, alu_rm_imm), O(OPF_LOCK, alu_rm_imm),
	O(OPF_LOCK, alu_rm_imm), O(0, alu_rm_imm),
};

static const struct emu_opcode grp1a[8] = {
	O(OPF_STACK, pop_rm), UN(0), UN(0), UN(0), UN(0), UN(0), UN(0), UN(0),
};

static const struct emu_opcode grp3_b[8] = {
	O(OPF_IB, test_rm_imm), O(OPF_IB, test_rm_imm), O(OPF_LOCK, not), O(OPF_LOCK, neg),
	O(0, mul),		O(0, imul1),		O(0, div),	  O(0, idiv),
};

static const struct emu_opcode grp3_v[8] = {
	O(OPF_IZ, test_rm_imm), O(OPF_IZ, test_rm_imm), O(OPF_LOCK, not), O(OPF_LOCK, neg),
	O(0, mul),		O(0, imul1),		O(0, div),	  O(0, idiv),
};

static const struct emu_opcode grp4[8] = {
	O(OPF_LOCK, inc_rm), O(OPF_LOCK, dec_rm), UD, UD, UD, UD, UD, UD,
};

static const struct emu_opcode grp5[8] = {
	O(OPF_LOCK, inc_rm),
	O(OPF_LOCK, dec_rm),
	O(OPF_NEAR | OPF_RIP, call_rm),
	O(OPF_MEM | OPF_RIP, call_far_m),
	O(OPF_NEAR | OPF_RIP, jmp_rm),
	O(OPF_MEM | OPF_RIP, jmp_far_m),
	O(OPF_STACK, push_rm),
	UD,
};

/* XABORT and XBEGIN (mod 3, rm 0) exist only with RTM, which no guest is offered here. */
static const struct emu_opcode grp11_b[8] = {
	O(OPF_IB, mov_rm_imm), UD, UD, UD, UD, UD, UD, O(OPF_IB, undefined),
};

static const struct emu_opcode grp11_v[8] = {
	O(OPF_IZ, mov_rm_imm), UD, UD, UD, UD, UD, UD, O(OPF_IZ, undefined),
};

/* The six forms of an arithmetic operation. */
#define ALU(base, lock)                                             \
	[base + 0] = O(M | B | (lock), alu_rm_r),                   \
	[base + 1] = O(M | (lock), alu_rm_r),                       \
	[base + 2] = O(M | B, alu_r_rm), [base + 3] = O(M, alu_r_rm), \
	[base + 4] = O(B | OPF_IB, alu_a_imm), [base + 5] = O(OPF_IZ, alu_a_imm)

#define EIGHT(base, f, name)                                                            \
	[base + 0] = O(f, name), [base + 1] = O(f, name), [base + 2] = O(f, name),      \
	[base + 3] = O(f, name), [base + 4] = O(f, name), [base + 5] = O(f, name),      \
	[base + 6] = O(f, name), [base + 7] = O(f, name)

const struct emu_opcode emu_map0[256] = {
	ALU(0x00, OPF_LOCK),
	ALU(0x08, OPF_LOCK),
	ALU(0x10, OPF_LOCK),
	ALU(0x18, OPF_LOCK),
	ALU(0x20, OPF_LOCK),
	ALU(0x28, OPF_LOCK),
	ALU(0x30, OPF_LOCK),
	ALU(0x38, 0),
	[0x06] = O(OPF_NO64 | OPF_STACK, push_seg),
	[0x07] = O(OPF_NO64 | OPF_STACK, pop_seg),
	[0x0e] = O(OPF_NO64 | OPF_STACK, push_seg),
	[0x0f] = UD, /* escape */
	[0x16] = O(OPF_NO64 | OPF_STACK, push_seg),
	[0x17] = O(OPF_NO64 | OPF_STACK, pop_seg),
	[0x1e] = O(OPF_NO64 | OPF_STACK, push_seg),
	[0x1f] = O(OPF_NO64 | OPF_STACK, pop_seg),
	[0x26] = PFX,
	[0x27] = O(OPF_NO64 | B, daa),
	[0x2e] = PFX,
	[0x2f] = O(OPF_NO64 | B, das),
	[0x36] = PFX,
	[0x37] = O(OPF_NO64 | B, aaa),
	[0x3e] = PFX,
	[0x3f] = O(OPF_NO64 | B, aas),
	/* REX in 64-bit mode; the prefix loop knows. */
	EIGHT(0x40, OPF_OPREG | OPF_PREFIX, inc_r),
	EIGHT(0x48, OPF_OPREG | OPF_PREFIX, dec_r),
	EIGHT(0x50, OPF_OPREG | OPF_STACK, push_r),
	EIGHT(0x58, OPF_OPREG | OPF_STACK, pop_r),
	[0x60] = O(OPF_NO64, pusha),
	[0x61] = O(OPF_NO64, popa),
	[0x62] = O(M, bound), /* EVEX in 64-bit mode or with mod 3 */
	[0x63] = O(M, arpl_movsxd),
	[0x64] = PFX,
	[0x65] = PFX,
	[0x66] = PFX,
	[0x67] = PFX,
	[0x68] = O(OPF_STACK | OPF_IZ, push_imm),
	[0x69] = O(M | OPF_IZ, imul3),
	[0x6a] = O(OPF_STACK | OPF_IB, push_imm),
	[0x6b] = O(M | OPF_IB, imul3),
	[0x6c] = O(B | OPF_STRING, ins),
	[0x6d] = O(OPF_STRING, ins),
	[0x6e] = O(B | OPF_STRING, outs),
	[0x6f] = O(OPF_STRING, outs),
	EIGHT(0x70, OPF_NEAR | OPF_RIP | OPF_IB, jcc),
	EIGHT(0x78, OPF_NEAR | OPF_RIP | OPF_IB, jcc),
	[0x80] = G(OPF_GROUP | B | OPF_IB, grp1),
	[0x81] = G(OPF_GROUP | OPF_IZ, grp1),
	[0x82] = G(OPF_GROUP | B | OPF_IB | OPF_NO64, grp1),
	[0x83] = G(OPF_GROUP | OPF_IB, grp1),
	[0x84] = O(M | B, test_rm_r),
	[0x85] = O(M, test_rm_r),
	[0x86] = O(M | B | OPF_LOCK, xchg_rm_r),
	[0x87] = O(M | OPF_LOCK, xchg_rm_r),
	[0x88] = O(M | B, mov_rm_r),
	[0x89] = O(M, mov_rm_r),
	[0x8a] = O(M | B, mov_r_rm),
	[0x8b] = O(M, mov_r_rm),
	[0x8c] = O(M, mov_rm_sreg),
	[0x8d] = O(M | OPF_MEM, lea),
	[0x8e] = O(M, mov_sreg_rm),
	[0x8f] = G(OPF_GROUP, grp1a),
	EIGHT(0x90, OPF_OPREG, xchg_a_r),
	[0x98] = O(0, cbw),
	[0x99] = O(0, cwd),
	[0x9a] = O(OPF_NO64 | OPF_IFAR | OPF_RIP, call_far_imm),
	[0x9b] = O(0, fwait),
	[0x9c] = O(OPF_STACK, pushf),
	[0x9d] = O(OPF_STACK, popf),
	[0x9e] = O(0, sahf),
	[0x9f] = O(0, lahf),
	[0xa0] = O(B | OPF_IMOFFS, mov_a_moffs),
	[0xa1] = O(OPF_IMOFFS, mov_a_moffs),
	[0xa2] = O(B | OPF_IMOFFS, mov_moffs_a),
	[0xa3] = O(OPF_IMOFFS, mov_moffs_a),
	[0xa4] = O(B | OPF_STRING, movs),
	[0xa5] = O(OPF_STRING, movs),
	[0xa6] = O(B | OPF_STRING, cmps),
	[0xa7] = O(OPF_STRING, cmps),
	[0xa8] = O(B | OPF_IB, test_a_imm),
	[0xa9] = O(OPF_IZ, test_a_imm),
	[0xaa] = O(B | OPF_STRING, stos),
	[0xab] = O(OPF_STRING, stos),
	[0xac] = O(B | OPF_STRING, lods),
	[0xad] = O(OPF_STRING, lods),
	[0xae] = O(B | OPF_STRING, scas),
	[0xaf] = O(OPF_STRING, scas),
	EIGHT(0xb0, OPF_OPREG | B | OPF_IB, mov_r_imm),
	EIGHT(0xb8, OPF_OPREG | OPF_IV, mov_r_imm),
	[0xc0] = O(M | B | OPF_IB, shift_imm),
	[0xc1] = O(M | OPF_IB, shift_imm),
	[0xc2] = O(OPF_NEAR | OPF_RIP | OPF_IW, ret),
	[0xc3] = O(OPF_NEAR | OPF_RIP, ret),
	[0xc4] = O(OPF_NO64 | OPF_MEM | M, load_far_ptr), /* LES, or VEX */
	[0xc5] = O(OPF_NO64 | OPF_MEM | M, load_far_ptr), /* LDS, or VEX */
	[0xc6] = G(OPF_GROUP | B, grp11_b),
	[0xc7] = G(OPF_GROUP, grp11_v),
	[0xc8] = O(OPF_STACK | OPF_IWB, enter),
	[0xc9] = O(OPF_STACK, leave),
	[0xca] = O(OPF_RIP | OPF_IW, retf),
	[0xcb] = O(OPF_RIP, retf),
	[0xcc] = O(OPF_RIP, int3),
	[0xcd] = O(OPF_RIP | OPF_IB, int),
	[0xce] = O(OPF_RIP | OPF_NO64, into),
	[0xcf] = O(OPF_RIP | OPF_KEEPRF, iret),
	[0xd0] = O(M | B, shift_1),
	[0xd1] = O(M, shift_1),
	[0xd2] = O(M | B, shift_cl),
	[0xd3] = O(M, shift_cl),
	[0xd4] = O(OPF_NO64 | B | OPF_IB, aam),
	[0xd5] = O(OPF_NO64 | B | OPF_IB, aad),
	[0xd6] = O(OPF_NO64 | B, salc),
	[0xd7] = O(B, xlat),
	EIGHT(0xd8, M, unsupported), /* x87 */
	[0xe0] = O(OPF_NEAR | OPF_RIP | OPF_IB, loop),
	[0xe1] = O(OPF_NEAR | OPF_RIP | OPF_IB, loop),
	[0xe2] = O(OPF_NEAR | OPF_RIP | OPF_IB, loop),
	[0xe3] = O(OPF_NEAR | OPF_RIP | OPF_IB, jcxz),
	[0xe4] = O(B | OPF_IB, in_imm),
	[0xe5] = O(OPF_IB, in_imm),
	[0xe6] = O(B | OPF_IB, out_imm),
	[0xe7] = O(OPF_IB, out_imm),
	[0xe8] = O(OPF_NEAR | OPF_RIP | OPF_IZ, call_rel),
	[0xe9] = O(OPF_NEAR | OPF_RIP | OPF_IZ, jmp_rel),
	[0xea] = O(OPF_NO64 | OPF_IFAR | OPF_RIP, jmp_far_imm),
	[0xeb] = O(OPF_NEAR | OPF_RIP | OPF_IB, jmp_rel),
	[0xec] = O(B, in_dx),
	[0xed] = O(0, in_dx),
	[0xee] = O(B, out_dx),
	[0xef] = O(0, out_dx),
	[0xf0] = PFX,
	[0xf1] = O(OPF_RIP, icebp),
	[0xf2] = PFX,
	[0xf3] = PFX,
	[0xf4] = O(OPF_PRIV, hlt),
	[0xf5] = O(0, cmc),
	[0xf6] = G(OPF_GROUP | B, grp3_b),
	[0xf7] = G(OPF_GROUP, grp3_v),
	[0xf8] = O(0, clc),
	[0xf9] = O(0, stc),
	[0xfa] = O(0, cli),
	[0xfb] = O(0, sti),
	[0xfc] = O(0, cld),
	[0xfd] = O(0, std),
	[0xfe] = G(OPF_GROUP | B, grp4),
	[0xff] = G(OPF_GROUP, grp5),
};
