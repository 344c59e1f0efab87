// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"

#include <cstring>
#include <initializer_list>

#include "kernel_names.h"

using native::kCode;
using native::kData;
using native::kDataSize;

Random::Random(uint64_t seed) : s_{ seed * 0x9e3779b97f4a7c15ULL + 1, seed ^ 0xd1b54a32d192ed03ULL }
{
	for (int i = 0; i < 8; i++)
		next();
}

uint64_t Random::next()
{
	uint64_t a = s_[0], b = s_[1], r = a + b;

	b ^= a;
	s_[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
	s_[1] = b << 37 | b >> 27;
	return r;
}

uint64_t Random::value()
{
	switch (below(8)) {
	case 0:
		return below(4);
	case 1:
		return ~below(4);
	case 2:
		return 1ULL << below(64);
	case 3:
		return (1ULL << below(64)) - 1;
	case 4:
		return below(256);
	case 5:
		return next() & 0xffffffff;
	default:
		return next();
	}
}

namespace {

template <typename... T> bool is_one_of(emu_fn fn, T... ops)
{
	return ((fn == ops) || ...);
}

/*
 * What is not compared here: leaves user mode, or differs from one execution to the next, or the
 * kernel emulates it (UMIP), or changes segments of this process. Unit tests have these.
 */
bool excluded(const emu_insn &d)
{
	emu_fn f = d.op->fn;

	if (!emu_insn_supported(&d))
		return true;
	return is_one_of(f, emu_op_syscall, emu_op_sysret, emu_op_sysenter, emu_op_sysexit, emu_op_int,
			 emu_op_int3, emu_op_icebp, emu_op_iret, emu_op_retf, emu_op_call_far_imm,
			 emu_op_call_far_m, emu_op_jmp_far_imm, emu_op_jmp_far_m, emu_op_load_far_ptr,
			 emu_op_mov_sreg_rm, emu_op_pop_seg, emu_op_rdtsc, emu_op_rdtscp, emu_op_grp9_7,
			 emu_op_sgdt, emu_op_sidt, emu_op_sldt, emu_op_str, emu_op_smsw, emu_op_vmcall,
			 emu_op_vmmcall, emu_op_grp15_base, emu_op_lar, emu_op_lsl, emu_op_verr,
			 emu_op_verw, emu_op_cpuid, emu_op_bound) &&
	       /* BOUND itself is fine; EVEX is not. */
	       !(f == emu_op_bound && d.mode != EMU_MODE_LONG64 && d.mod != 3);
}

/*
 * MOVBE with both 66 and REX.W: on Skylake a store that crosses into a missing page leaves its first
 * part in memory, and a segment override makes it fault elsewhere. Without the useless 66 it does not.
 */
bool quirk(const emu_insn &d)
{
	return d.op->fn == emu_op_movbe_crc32 && d.osz66 && (d.rex & 8);
}

/* Undefined here, but something on CPUs with TSX, or of other vendors. */
bool unsure(const emu_insn &d)
{
	if (d.op->fn != emu_op_undefined)
		return false;
	if (d.map == 0)
		return d.opcode == 0xc6 || d.opcode == 0xc7;
	if (d.map == 1)
		return d.opcode == 0x01 || d.opcode == 0xc7 || d.opcode == 0xff || d.opcode == 0xb9;
	return true;
}

void put_prefixes(Random &rnd, Case &t, uint8_t &n)
{
	if (rnd.chance(20))
		t.bytes[n++] = 0x66;
	if (rnd.chance(6))
		t.bytes[n++] = 0x67;
	if (rnd.chance(4) && t.mode == EMU_MODE_LONG64)
		t.bytes[n++] = 0x65;
	if (rnd.chance(3))
		t.bytes[n++] = static_cast<uint8_t>(0x26 + 8 * rnd.below(4));
	if (rnd.chance(15))
		t.bytes[n++] = rnd.chance(50) ? 0xf2 : 0xf3;
	if (rnd.chance(6))
		t.bytes[n++] = 0xf0;
	if (t.mode == EMU_MODE_LONG64 && rnd.chance(50))
		t.bytes[n++] = static_cast<uint8_t>(0x40 + rnd.below(16));
}

/* C4 or C5, with an opcode that is emulated. */
void put_vex(Random &rnd, Case &t, uint8_t &n)
{
	static const uint8_t ops1[] = { 0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x28, 0x29, 0x2b,
					0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xe7, 0xf0 };
	static const uint8_t ops2[] = { 0x2a, 0xf2, 0xf3, 0xf5, 0xf6, 0xf7 };
	uint8_t last = static_cast<uint8_t>(rnd.next());
	unsigned int map = static_cast<unsigned int>(1 + rnd.below(3));
	uint8_t op;

	/* vvvv: none, mostly, where the moves want none. */
	if (map == 1 && rnd.chance(80))
		last |= 0x78;
	if (map == 3)
		last = static_cast<uint8_t>((last & 0x80) | 0x7b);
	op = map == 1 ? ops1[rnd.below(sizeof(ops1))] : map == 2 ? ops2[rnd.below(sizeof(ops2))] : 0xf0;
	if (map == 1 && rnd.chance(40)) {
		t.bytes[n++] = 0xc5;
		t.bytes[n++] = last;
	} else {
		t.bytes[n++] = 0xc4;
		t.bytes[n++] = static_cast<uint8_t>((rnd.next() & 0xe0) | map);
		t.bytes[n++] = last;
	}
	/* Outside of 64-bit mode the two top bits make it VEX. */
	if (t.mode != EMU_MODE_LONG64)
		t.bytes[n - (t.bytes[n - 2] == 0xc5 ? 1 : 2)] |= 0xc0;
	t.bytes[n++] = op;
}

void put_opcode(Random &rnd, Case &t, uint8_t &n)
{
	static const uint8_t ops38[] = { 0xf0, 0xf1, 0xf6, 0x2a };

	switch (rnd.below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		t.bytes[n++] = 0x0f;
		t.bytes[n++] = static_cast<uint8_t>(rnd.next());
		break;
	case 6:
		t.bytes[n++] = 0x0f;
		t.bytes[n++] = 0x38;
		t.bytes[n++] = ops38[rnd.below(sizeof(ops38))];
		break;
	case 7:
		put_vex(rnd, t, n);
		break;
	default:
		t.bytes[n++] = static_cast<uint8_t>(rnd.next());
	}
}

/* Somewhere in memory, at times at or over its edges. */
uint64_t pick_address(Random &rnd, bool is64)
{
	uint64_t a;

	switch (rnd.below(24)) {
	case 0:
		a = kData + kDataSize - rnd.below(40);
		break;
	case 1:
		a = kData - rnd.below(40);
		break;
	case 2:
		a = kData + 0x1000 - rnd.below(40);
		break;
	case 3:
		if (is64)
			return 0x800000000000ULL + rnd.below(64); /* which half faults first is up to the CPU */
		[[fallthrough]];
	default:
		a = kData + 64 + rnd.below(kDataSize - 128);
	}
	if (rnd.chance(50))
		a &= ~31ULL;
	return a;
}

/* Makes the ModRM operand's address @want through its base register or displacement. */
bool aim(Random &rnd, Guest &g, Case &t, uint64_t want)
{
	emu_insn &d = g.ctxt().insn;
	auto &r = t.in.regs;
	uint64_t rest = static_cast<uint64_t>(d.disp);

	if (d.adsize == 2)
		return true; /* below what is ever mapped: faults on both sides */
	if (d.index < 16) {
		if (d.index == d.base)
			return false;
		if (d.base >= EMU_RIPREL)
			r[d.index] = rnd.below(256);
		rest += r[d.index] << d.scale;
	}
	if (d.seg == EMU_GS && d.mode == EMU_MODE_LONG64)
		want -= kData;
	else if (d.seg >= EMU_FS)
		return d.mode != EMU_MODE_LONG64;
	if (d.base < 16) {
		r[d.base] = want - rest;
		if (d.adsize == 4 && d.mode == EMU_MODE_LONG64)
			r[d.base] = (r[d.base] & 0xffffffff) | rnd.next() << 32;
		return true;
	}
	/* The displacement is in the instruction: find it there and change it. */
	int32_t old = static_cast<int32_t>(d.disp), disp;
	uint64_t value = want - (rest - static_cast<uint64_t>(d.disp));

	if (d.base == EMU_RIPREL)
		value -= t.in.rip + t.len;
	disp = static_cast<int32_t>(value);
	if (static_cast<uint64_t>(static_cast<int64_t>(disp)) != value)
		return false;
	for (unsigned int i = t.len; i-- >= 5;) {
		if (memcmp(&t.bytes[i - 3], &old, 4) || i < 4)
			continue;
		memcpy(&t.bytes[i - 3], &disp, 4);
		return g.decode({ t.bytes.data(), t.len }, t.mode, t.in.rip) && d.len == t.len &&
		       d.disp == disp;
	}
	return false;
}

/* A place to jump to: mostly among the traps. */
uint64_t pick_target(Random &rnd)
{
	/* Not into the instruction itself. */
	return rnd.chance(90) ? kCode + 0x2020 + rnd.below(0x1f00) : kData + rnd.below(kDataSize);
}

void poke(Case &t, uint64_t at, uint64_t v)
{
	if (at >= kData && at + 8 <= kData + kDataSize)
		memcpy(&t.mem[at - kData], &v, 8);
}

/* Operands that the ModRM byte does not show. */
bool fix_implicit(Random &rnd, Guest &g, Case &t)
{
	emu_insn &d = g.ctxt().insn;
	emu_fn f = d.op->fn;
	auto &r = t.in.regs;
	bool is64 = t.mode == EMU_MODE_LONG64;

	if (is_one_of(f, emu_op_movs, emu_op_stos, emu_op_lods, emu_op_cmps, emu_op_scas, emu_op_ins,
		      emu_op_outs)) {
		if (d.adsize == 2 || d.seg >= EMU_FS)
			return false;
		r[EMU_RSI] = pick_address(rnd, false);
		r[EMU_RDI] = pick_address(rnd, false);
		r[EMU_RCX] = rnd.below(40);
		if (is_one_of(f, emu_op_cmps, emu_op_scas) && rnd.chance(70)) {
			memset(t.mem.data(), 0x5a, t.mem.size());
			r[EMU_RAX] = 0x5a5a5a5a5a5a5a5aULL;
			t.mem[rnd.below(t.mem.size())] = 1;
		}
	} else if (f == emu_op_xlat) {
		r[EMU_RBX] = pick_address(rnd, false) - (r[EMU_RAX] & 0xff);
		return d.adsize != 2 && d.seg < EMU_FS;
	} else if (is_one_of(f, emu_op_mov_a_moffs, emu_op_mov_moffs_a)) {
		uint64_t a = pick_address(rnd, false);

		if (d.seg >= EMU_FS || d.adsize == 2)
			return false;
		memcpy(&t.bytes[t.len - d.adsize], &a, d.adsize);
		return g.decode({ t.bytes.data(), t.len }, t.mode, t.in.rip);
	} else if (f == emu_op_bt_r && d.mod != 3) {
		if (d.reg == d.base || d.reg == d.index)
			return false;
		r[d.reg] = static_cast<uint64_t>(static_cast<int64_t>(rnd.below(16384)) - 8192);
	} else if (is_one_of(f, emu_op_leave, emu_op_enter)) {
		r[EMU_RBP] = pick_address(rnd, is64);
	} else if (f == emu_op_popf) {
		/* No TF, no AC, no NT in this process. */
		poke(t, is64 ? r[EMU_RSP] : static_cast<uint32_t>(r[EMU_RSP]), rnd.next() & 0x200ed7);
	} else if (f == emu_op_ret) {
		poke(t, r[EMU_RSP], pick_target(rnd));
	} else if (is_one_of(f, emu_op_jmp_rm, emu_op_call_rm)) {
		uint64_t target = pick_target(rnd);

		if (d.opsize == 2 || (d.mod == 3 && d.rm == EMU_RSP))
			return false;
		if (d.mod == 3)
			r[d.rm] = target;
		else
			memset(t.mem.data(), 0, t.mem.size()); /* jumps to 0 fault */
	} else if (is_one_of(f, emu_op_jmp_rel, emu_op_jcc, emu_op_call_rel)) {
		/* Long ones: a 32-bit displacement that stays among the traps. */
		if (d.opsize == 2)
			return false;
		if ((d.flags & OPF_IMM_MASK) == OPF_IZ) {
			int32_t rel = static_cast<int32_t>(pick_target(rnd) - (t.in.rip + t.len));

			memcpy(&t.bytes[t.len - 4], &rel, 4);
			return g.decode({ t.bytes.data(), t.len }, t.mode, t.in.rip);
		}
	} else if (f == emu_op_into) {
		t.in.rflags &= ~0x800ULL;
	} else if (f == emu_op_loop || f == emu_op_jcxz) {
		if (rnd.chance(70))
			r[EMU_RCX] = rnd.below(3);
		return d.opsize != 2;
	} else if (f == emu_op_xgetbv) {
		r[EMU_RCX] = 0;
	}
	return true;
}

void random_state(Random &rnd, Case &t)
{
	for (auto &r : t.in.regs)
		r = rnd.value();
	t.in.regs[EMU_RSP] = rnd.chance(92) ? kData + 256 + rnd.below(kDataSize - 512) :
					      pick_address(rnd, t.mode == EMU_MODE_LONG64);
	if (rnd.chance(80))
		t.in.regs[EMU_RSP] &= ~7ULL;
	t.in.rflags = 0x202 | (rnd.next() & 0x8d5) | (rnd.chance(30) ? 0x400 : 0);
	t.in.rip = kCode + 0x2000 - rnd.below(8);
	for (auto &v : t.in.vec)
		for (size_t i = 0; i < v.size(); i += 8) {
			uint64_t x = rnd.next();

			memcpy(&v[i], &x, 8);
		}
	for (size_t i = 0; i < t.mem.size(); i += 8) {
		uint64_t x = rnd.next();

		memcpy(&t.mem[i], &x, 8);
	}
}

} // namespace

bool make_case(Random &rnd, Guest &g, bool compat, Case &t)
{
	emu_insn &d = g.ctxt().insn;
	uint8_t n = 0;

	t.mode = compat && rnd.chance(40) ? EMU_MODE_COMPAT32 : EMU_MODE_LONG64;
	put_prefixes(rnd, t, n);
	put_opcode(rnd, t, n);
	/* ModRM, SIB, displacement and immediate: displacements of 0 to 4 bytes, any values. */
	t.bytes[n++] = static_cast<uint8_t>(rnd.next());
	while (n < 15)
		t.bytes[n++] = static_cast<uint8_t>(rnd.next());
	t.in.rip = kCode + 0x2000;
	if (!g.decode({ t.bytes.data(), n }, t.mode, t.in.rip))
		return false;
	if (excluded(d) || unsure(d) || quirk(d))
		return false;
	t.len = d.len;
	random_state(rnd, t);
	if (!g.decode({ t.bytes.data(), t.len }, t.mode, t.in.rip) || d.len != t.len)
		return false;
	if ((d.flags & OPF_MODRM) && d.mod != 3 && !aim(rnd, g, t, pick_address(rnd, t.mode == EMU_MODE_LONG64)))
		return false;
	if (!fix_implicit(rnd, g, t))
		return false;
	/* A branch to the instruction itself would not end, or run what is in its middle. */
	if ((d.flags & OPF_NEAR) && (d.flags & OPF_IMM_MASK) != 0 && d.imm + t.len < t.len)
		return false;
	if (t.mode != EMU_MODE_LONG64)
		for (auto &r : t.in.regs)
			r = static_cast<uint32_t>(r);
	return true;
}

uint64_t defined_flags(const emu_ctxt &c, const native::State &before)
{
	const emu_insn &d = c.insn;
	emu_fn f = d.op->fn;
	constexpr uint64_t CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128, OF = 2048;
	constexpr uint64_t all = CF | PF | AF | ZF | SF | OF | 0x400;
	unsigned int count, bits = d.opsize * 8u;

	if (is_one_of(f, emu_op_test_rm_r, emu_op_test_rm_imm, emu_op_test_a_imm, emu_op_andn))
		return all & ~(AF | (f == emu_op_andn ? PF : 0));
	if (is_one_of(f, emu_op_alu_rm_r, emu_op_alu_r_rm, emu_op_alu_a_imm, emu_op_alu_rm_imm)) {
		unsigned int op = f == emu_op_alu_rm_imm ? (d.modrm >> 3) & 7u : (d.opcode >> 3) & 7u;

		return op == 1 || op == 4 || op == 6 ? all & ~AF : all;
	}
	if (is_one_of(f, emu_op_mul, emu_op_imul1, emu_op_imul2, emu_op_imul3))
		return all & ~(SF | ZF | AF | PF);
	if (is_one_of(f, emu_op_div, emu_op_idiv))
		return 0x400;
	if (is_one_of(f, emu_op_bsf, emu_op_bsr)) {
		bool zero_count = d.rep == 0xf3 && (c.features & (f == emu_op_bsf ? EMU_F_BMI1 : EMU_F_LZCNT));

		return 0x400 | ZF | (zero_count ? CF : 0);
	}
	if (is_one_of(f, emu_op_bt_r, emu_op_bt_imm))
		return all & ~(OF | SF | AF | PF);
	if (is_one_of(f, emu_op_aam, emu_op_aad))
		return all & ~(OF | AF | CF);
	if (is_one_of(f, emu_op_aaa, emu_op_aas))
		return all & ~(OF | SF | ZF | PF);
	if (is_one_of(f, emu_op_daa, emu_op_das))
		return all & ~OF;
	if (is_one_of(f, emu_op_bls, emu_op_bzhi_pdep_pext))
		return all & ~(AF | PF);
	if (f == emu_op_bextr_shiftx)
		return d.rep || d.osz66 ? all : all & ~(AF | SF | PF);
	if (is_one_of(f, emu_op_shift_imm, emu_op_shift_1, emu_op_shift_cl, emu_op_shld, emu_op_shrd)) {
		bool by_cl = f == emu_op_shift_cl || ((f == emu_op_shld || f == emu_op_shrd) && (d.opcode & 1));
		unsigned int op = (d.modrm >> 3) & 7;

		count = f == emu_op_shift_1 ? 1 : by_cl ? before.regs[1] & 0xff : d.imm & 0xff;
		count &= d.opsize == 8 ? 63 : 31;
		if (!count)
			return all;
		if (f == emu_op_shld || f == emu_op_shrd)
			return count > bits ? 0x400 : count == 1 ? all & ~AF : all & ~(AF | OF);
		if (op < 4) /* rotates */
			return count == 1 ? all : all & ~OF;
		return (count == 1 ? all : all & ~OF) & ~AF & (count > bits ? ~CF : ~0ULL);
	}
	return all;
}
