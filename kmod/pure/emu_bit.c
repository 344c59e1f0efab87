// SPDX-License-Identifier: GPL-2.0-only
/* Bit test and scan, POPCNT, LZCNT, TZCNT, BMI1, BMI2, ADX, MOVBE, CRC32. */
#include "pure/emu_core.h"

enum { BT, BTS, BTR, BTC };

static u64 bit_apply(unsigned int op, u64 v, u64 bit)
{
	switch (op) {
	case BTS:
		return v | bit;
	case BTR:
		return v & ~bit;
	case BTC:
		return v ^ bit;
	default:
		return v;
	}
}

static int bit_test(struct emu_ctxt *c, unsigned int op, unsigned int nr)
{
	unsigned int size = c->insn.opsize;
	u64 bit = 1ULL << (nr & (size * 8 - 1)), old;
	int r;

	if (op == BT) {
		r = emu_rm_read(c, size, &old);
	} else {
		r = emu_rmw_begin(c, size, &old);
		if (r != EMU_OK)
			return r;
		do {
			r = emu_rmw_end(c, size, &old, bit_apply(op, old, bit), c->insn.lock);
		} while (r == EMU_AGAIN);
	}
	if (r == EMU_OK)
		emu_set_flags(c, EFL_CF, old & bit ? EFL_CF : 0);
	return r;
}

/* With a register the offset is signed and reaches beyond the operand (SDM 2A BT). */
int emu_op_bt_r(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 nr = emu_gpr(c, c->insn.reg, size);

	if (!emu_rm_is_reg(c)) {
		s64 off = (s64)emu_sext(nr, size) >> (size == 8 ? 6 : size == 4 ? 5 : 4);

		c->ea = emu_ea_wrap(c, c->ea + (u64)off * size);
	}
	return bit_test(c, (c->insn.opcode >> 3) & 3, (unsigned int)nr);
}

int emu_op_bt_imm(struct emu_ctxt *c)
{
	return bit_test(c, (c->insn.modrm >> 3) & 3, (u8)c->insn.imm);
}

/* BSF, BSR: undefined flags are left; with a zero source the destination stays as it is. */
static int scan(struct emu_ctxt *c, bool reverse)
{
	unsigned int size = c->insn.opsize;
	u64 v;
	int r = emu_rm_read(c, size, &v);

	if (r != EMU_OK)
		return r;
	if (!v) {
		c->rflags |= EFL_ZF;
		return EMU_OK;
	}
	c->rflags &= ~EFL_ZF;
	emu_set_gpr(c, c->insn.reg, size, reverse ? (u64)fls64(v) - 1 : __ffs(v));
	return EMU_OK;
}

static int count_zeros(struct emu_ctxt *c, bool leading)
{
	unsigned int size = c->insn.opsize, bits = size * 8;
	u64 v, n;
	int r = emu_rm_read(c, size, &v);

	if (r != EMU_OK)
		return r;
	if (!v)
		n = bits;
	else
		n = leading ? bits - (unsigned int)fls64(v) : __ffs(v);
	emu_set_gpr(c, c->insn.reg, size, n);
	emu_set_flags(c, EFL_CF | EFL_ZF, (v ? 0 : EFL_CF) | (n ? 0 : EFL_ZF));
	return EMU_OK;
}

int emu_op_bsf(struct emu_ctxt *c)
{
	if (c->insn.rep == 0xf3 && (c->features & EMU_F_BMI1))
		return count_zeros(c, false);
	return scan(c, false);
}

int emu_op_bsr(struct emu_ctxt *c)
{
	if (c->insn.rep == 0xf3 && (c->features & EMU_F_LZCNT))
		return count_zeros(c, true);
	return scan(c, true);
}

int emu_op_popcnt(struct emu_ctxt *c)
{
	u64 v;
	int r;

	if (c->insn.rep != 0xf3 || !(c->features & EMU_F_POPCNT))
		return emu_ud(c);
	r = emu_rm_read(c, c->insn.opsize, &v);
	if (r != EMU_OK)
		return r;
	emu_set_gpr(c, c->insn.reg, c->insn.opsize, hweight64(v));
	emu_set_flags(c, EFL_STATUS, v ? 0 : EFL_ZF);
	return EMU_OK;
}

static u64 byteswap(u64 v, unsigned int size)
{
	return __builtin_bswap64(v) >> (64 - size * 8);
}

/* BSWAP of a 16-bit register is undefined; processors clear it. */
int emu_op_bswap(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;

	if (size == 2)
		emu_set_gpr(c, c->insn.reg, 2, 0);
	else
		emu_set_gpr(c, c->insn.reg, size, byteswap(emu_gpr(c, c->insn.reg, size), size));
	return EMU_OK;
}

/* CRC-32C, reflected. */
static u32 crc32c(u32 crc, u64 v, unsigned int bytes)
{
	unsigned int i, b;

	for (i = 0; i < bytes; i++) {
		crc ^= (u8)(v >> (i * 8));
		for (b = 0; b < 8; b++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return crc;
}

static int crc32(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opcode == 0xf0 ? 1 : c->insn.opsize;
	u64 v;
	int r;

	if (!(c->features & EMU_F_CRC32))
		return emu_ud(c);
	r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	emu_set_gpr(c, c->insn.reg, c->insn.rex & 8 ? 8 : 4,
		    crc32c((u32)c->regs[c->insn.reg], v, size));
	return EMU_OK;
}

int emu_op_movbe_crc32(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 v;
	int r;

	if (c->insn.rep == 0xf2)
		return crc32(c);
	if (c->insn.rep || !(c->features & EMU_F_MOVBE) || emu_rm_is_reg(c))
		return emu_ud(c);
	if (c->insn.opcode == 0xf1)
		return emu_rm_write(c, size, byteswap(emu_gpr(c, c->insn.reg, size), size));
	r = emu_rm_read(c, size, &v);
	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.reg, size, byteswap(v, size));
	return r;
}

/* ADCX (66) and ADOX (F3): a carry chain in CF or in OF alone. */
int emu_op_adx(struct emu_ctxt *c)
{
	unsigned int size = c->insn.rex & 8 ? 8 : 4;
	u64 flag, a, b, res;
	int r;

	if (!c->insn.rep && !c->insn.osz66)
		return EMU_UNHANDLEABLE;
	if (c->insn.rep == 0xf2 || !(c->features & EMU_F_ADX))
		return emu_ud(c);
	flag = c->insn.rep == 0xf3 ? EFL_OF : EFL_CF;
	r = emu_rm_read(c, size, &b);
	if (r != EMU_OK)
		return r;
	a = emu_gpr(c, c->insn.reg, size);
	r = !!(emu_add_flags(a, b, !!(c->rflags & flag), size, &res) & EFL_CF);
	emu_set_gpr(c, c->insn.reg, size, res);
	emu_set_flags(c, flag, r ? flag : 0);
	return EMU_OK;
}

/* VEX-coded ones: operands of 4 or 8 bytes by VEX.W, L must be 0. */
static int bmi_check(struct emu_ctxt *c, u32 feature, unsigned int *size)
{
	*size = (c->insn.rex & 8) && emu_is64(c) ? 8 : 4;
	if (c->insn.vlen || !(c->features & feature))
		return emu_ud(c);
	return EMU_OK;
}

int emu_op_andn(struct emu_ctxt *c)
{
	unsigned int size;
	u64 v, res;
	int r = bmi_check(c, EMU_F_BMI1, &size);

	if (r == EMU_OK && (c->insn.rep || c->insn.osz66))
		r = emu_ud(c);
	if (r == EMU_OK)
		r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	res = ~emu_gpr(c, emu_vvvv(c), size) & v & emu_mask(size);
	emu_set_gpr(c, c->insn.reg, size, res);
	emu_set_flags(c, EFL_STATUS, emu_szp(res, size) & (EFL_SF | EFL_ZF));
	return EMU_OK;
}

/* BLSR, BLSMSK, BLSI: the destination is VEX.vvvv. */
int emu_op_bls(struct emu_ctxt *c)
{
	unsigned int size, op = (c->insn.modrm >> 3) & 7;
	u64 v, res, f;
	int r = bmi_check(c, EMU_F_BMI1, &size);

	if (r == EMU_OK && (c->insn.rep || c->insn.osz66 || op < 1 || op > 3))
		r = emu_ud(c);
	if (r == EMU_OK)
		r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	f = v ? 0 : EFL_CF;
	if (op == 1) {
		res = v & (v - 1);
	} else if (op == 2) {
		res = (v ^ (v - 1)) & emu_mask(size);
	} else {
		res = v & -v;
		f = v ? EFL_CF : 0;
	}
	f |= emu_szp(res, size) & (EFL_SF | (op == 2 ? 0 : EFL_ZF));
	emu_set_gpr(c, emu_vvvv(c), size, res);
	emu_set_flags(c, EFL_STATUS, f);
	return EMU_OK;
}

static u64 bits_deposit(u64 v, u64 mask)
{
	u64 res = 0;

	for (; mask; mask &= mask - 1, v >>= 1)
		if (v & 1)
			res |= mask & -mask;
	return res;
}

static u64 bits_extract(u64 v, u64 mask)
{
	u64 res = 0, out = 1;

	for (; mask; mask &= mask - 1, out <<= 1)
		if (v & mask & -mask)
			res |= out;
	return res;
}

int emu_op_bzhi_pdep_pext(struct emu_ctxt *c)
{
	unsigned int size, n;
	u64 v, w, res;
	int r = bmi_check(c, EMU_F_BMI2, &size);

	if (r == EMU_OK && c->insn.osz66)
		r = emu_ud(c);
	if (r == EMU_OK)
		r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	w = emu_gpr(c, emu_vvvv(c), size);
	if (c->insn.rep) {
		res = c->insn.rep == 0xf2 ? bits_deposit(w, v) : bits_extract(w, v);
		emu_set_gpr(c, c->insn.reg, size, res);
		return EMU_OK;
	}
	n = (u8)w;
	res = n < size * 8 ? v & ((1ULL << n) - 1) : v;
	emu_set_gpr(c, c->insn.reg, size, res);
	emu_set_flags(c, EFL_STATUS, (emu_szp(res, size) & (EFL_SF | EFL_ZF)) |
					     (n >= size * 8 ? EFL_CF : 0));
	return EMU_OK;
}

int emu_op_mulx(struct emu_ctxt *c)
{
	unsigned int size;
	unsigned __int128 p;
	u64 v;
	int r = bmi_check(c, EMU_F_BMI2, &size);

	if (r == EMU_OK && c->insn.rep != 0xf2)
		r = emu_ud(c);
	if (r == EMU_OK)
		r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	p = (unsigned __int128)emu_gpr(c, EMU_RDX, size) * v;
	emu_set_gpr(c, emu_vvvv(c), size, (u64)p & emu_mask(size));
	emu_set_gpr(c, c->insn.reg, size, (u64)(p >> (size * 8)) & emu_mask(size));
	return EMU_OK;
}

static u64 shift_plain(u64 v, unsigned int n, unsigned int size, u8 rep, bool left)
{
	n &= size * 8 - 1;
	if (left)
		return (v << n) & emu_mask(size);
	if (rep == 0xf3)
		return (u64)((s64)emu_sext(v, size) >> n) & emu_mask(size);
	return v >> n;
}

/* BEXTR (no prefix), SHLX (66), SARX (F3), SHRX (F2). */
int emu_op_bextr_shiftx(struct emu_ctxt *c)
{
	bool bextr = !c->insn.rep && !c->insn.osz66;
	unsigned int size, start, len;
	u64 v, w, res;
	int r = bmi_check(c, bextr ? EMU_F_BMI1 : EMU_F_BMI2, &size);

	if (r == EMU_OK)
		r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	w = emu_gpr(c, emu_vvvv(c), size);
	if (!bextr) {
		res = shift_plain(v, (unsigned int)w, size, c->insn.rep, c->insn.osz66);
		emu_set_gpr(c, c->insn.reg, size, res);
		return EMU_OK;
	}
	start = (u8)w;
	len = (u8)(w >> 8);
	res = start < size * 8 ? v >> start : 0;
	if (len < 64)
		res &= (1ULL << len) - 1;
	emu_set_gpr(c, c->insn.reg, size, res);
	emu_set_flags(c, EFL_STATUS, res ? 0 : EFL_ZF);
	return EMU_OK;
}

int emu_op_rorx(struct emu_ctxt *c)
{
	unsigned int size, n;
	u64 v;
	int r = bmi_check(c, EMU_F_BMI2, &size);

	if (r == EMU_OK && (c->insn.rep != 0xf2 || c->insn.vvvv != 0))
		r = emu_ud(c);
	if (r == EMU_OK)
		r = emu_rm_read(c, size, &v);
	if (r != EMU_OK)
		return r;
	n = (unsigned int)c->insn.imm & (size * 8 - 1);
	if (n)
		v = ((v >> n) | (v << (size * 8 - n))) & emu_mask(size);
	emu_set_gpr(c, c->insn.reg, size, v);
	return EMU_OK;
}
