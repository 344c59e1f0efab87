// SPDX-License-Identifier: GPL-2.0-only
/* Decoding: lengths against capstone over random bytes, prefixes, fetching, the two tiny decoders. */
#include <capstone/capstone.h>
#include <gtest/gtest.h>

#include <random>

#include "emu_machine.h"

namespace {

struct ModePair {
	emu_mode mode;
	cs_mode capstone;
};

/*
 * Where the two may differ:
 *  - EVEX and XOP are recognised here but not measured;
 *  - opcodes without a handler in the 0F38 and 0F3A maps are all taken to have ModRM, while capstone
 *    refuses those that are not assigned (it decides nothing then);
 *  - undefined ones: capstone refuses them, or has them from another vendor;
 *  - VEX: capstone refuses encodings that this decoder measures and then rejects;
 *  - a 66 prefix on near branches and far ones in 64-bit mode: capstone follows Intel for some and AMD for
 *    others; here EMU_F_INTEL decides. Left out;
 *  - a 67 prefix on near branches: capstone takes it for the displacement's size, no processor does (the
 *    comparison with the real CPU covers it);
 *  - 66 together with F2 or F3 on an instruction with a 16- or 32-bit immediate: capstone forgets the 66
 *    (likewise covered).
 */
bool comparable(const emu_insn &d)
{
	if (d.map == 0 && (d.opcode == 0x62 || (d.opcode == 0x8f && (d.modrm & 0x38))))
		return false;
	if (!emu_insn_supported(&d) && (d.map > 1 || d.vex))
		return false;
	if (emu_insn_undefined(&d))
		return false;
	if (d.osz66 && (d.flags & OPF_NEAR))
		return false;
	if (d.adsize != (d.mode == EMU_MODE_LONG64 ? 8 : d.mode == EMU_MODE_PROT32 ? 4 : 2) &&
	    (d.flags & OPF_NEAR) && (d.flags & OPF_IMM_MASK) == OPF_IZ)
		return false;
	if (d.osz66 && d.rep && d.map == 0 && (d.flags & OPF_IMM_MASK) == OPF_IZ)
		return false;
	return true;
}

TEST(EmuDecode, LengthsAgreeWithCapstone)
{
	const ModePair modes[] = { { EMU_MODE_LONG64, CS_MODE_64 },
				   { EMU_MODE_PROT32, CS_MODE_32 },
				   { EMU_MODE_PROT16, CS_MODE_16 } };
	std::mt19937_64 rnd(42);

	for (const ModePair &p : modes) {
		Machine m;
		csh cs;
		unsigned int compared = 0, differences = 0;

		if (p.mode == EMU_MODE_LONG64)
			m.long64();
		else if (p.mode == EMU_MODE_PROT32)
			m.protected32();
		else
			m.protected16();
		ASSERT_EQ(cs_open(CS_ARCH_X86, p.capstone, &cs), CS_ERR_OK);
		for (unsigned int i = 0; i < 300000; i++) {
			uint8_t b[16];
			const uint8_t *code = b;
			size_t size = 15;
			uint64_t at = kCodeAt;
			cs_insn *insn = cs_malloc(cs);

			for (uint8_t &x : b)
				x = static_cast<uint8_t>(rnd());
			if (i % 3 == 0)
				b[0] = 0x0f;
			if (emu_decode(&m.c, b, 15) == EMU_OK && comparable(m.c.insn) &&
			    cs_disasm_iter(cs, &code, &size, &at, insn)) {
				compared++;
				differences += insn->size != m.c.insn.len;
				EXPECT_EQ(insn->size, m.c.insn.len)
					<< insn->mnemonic << " " << insn->op_str << " in mode " << p.mode
					<< std::hex << " bytes " << +b[0] << " " << +b[1] << " " << +b[2] << " "
					<< +b[3] << " " << +b[4];
			}
			cs_free(insn, 1);
			if (differences > 20)
				break;
		}
		EXPECT_GT(compared, 100000u);
		cs_close(&cs);
	}
}

TEST(EmuDecode, FifteenBytesAtMost)
{
	Machine m;
	std::vector<uint8_t> b(20, 0x66);

	m.long64();
	b[14] = 0x90;
	EXPECT_EQ(emu_decode(&m.c, b.data(), 15), EMU_OK);
	EXPECT_EQ(m.c.insn.len, 15);
	b[14] = 0x66;
	b[15] = 0x90;
	EXPECT_EQ(emu_decode(&m.c, b.data(), 15), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_GP);
	b.assign(20, 0x40);
	EXPECT_EQ(emu_decode(&m.c, b.data(), 15), EMU_EXCEPTION);
	/* ten prefixes and a seven-byte instruction */
	b.assign(20, 0x2e);
	b[9] = 0x48;
	b[10] = 0xc7;
	b[11] = 0x05;
	EXPECT_EQ(emu_decode(&m.c, b.data(), 15), EMU_EXCEPTION);
}

TEST(EmuDecode, FetchesOnlyWhatItNeeds)
{
	Machine m;

	m.long64();
	m.c.rip = kCodeAt + 0xffe;
	m.put(kCodeAt + 0xffe, 0xd889, 2); /* mov eax, ebx: ends with the page */
	EXPECT_EQ(emu_decode(&m.c, nullptr, 0), EMU_OK);
	EXPECT_EQ(m.c.insn.len, 2);
	m.put(kCodeAt + 0xffe, 0x808b, 2); /* with a displacement behind it */
	EXPECT_EQ(emu_decode(&m.c, nullptr, 0), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_PF);
	EXPECT_EQ(m.c.exc.addr, kCodeAt + 0x1000);
	m.map(kCodeAt + 0x1000);
	m.put(kCodeAt + 0x1000, 0x12345678, 4);
	EXPECT_EQ(emu_decode(&m.c, nullptr, 0), EMU_OK);
	EXPECT_EQ(m.c.insn.disp, 0x12345678);
	EXPECT_EQ(m.c.insn.len, 6);
	/* The same from one byte that the hardware gave. */
	uint8_t one = 0x8b;
	EXPECT_EQ(emu_decode(&m.c, &one, 1), EMU_OK);
	EXPECT_EQ(m.c.insn.len, 6);
}

TEST(EmuDecode, CodeSegmentLimit)
{
	Machine m;

	m.real();
	m.c.rip = 0xffff;
	m.map(kCodeAt + 0xf000, 0x1000);
	m.put(kCodeAt + 0xffff, 0xb8, 1);
	EXPECT_EQ(emu_decode(&m.c, nullptr, 0), EMU_EXCEPTION);
	EXPECT_EQ(m.c.exc.vector, EMU_EXC_GP);
	EXPECT_FALSE(m.c.exc.has_err);
}

TEST(EmuDecode, CachedInstructionIsTheSame)
{
	Machine m;
	emu_insn keep;

	m.long64();
	m.c.regs[EMU_RBX] = 5;
	EXPECT_EQ(m.run({ 0x48, 0x01, 0xd8 }), EMU_OK);
	keep = m.c.insn;
	m.run({ 0x90 });
	emu_set_insn(&m.c, &keep);
	EXPECT_EQ(emu_exec(&m.c), EMU_OK);
	EXPECT_EQ(m.c.regs[EMU_RAX], 10u);
}

/* ---- the tiny decoders ---- */

struct SimpleCase {
	emu_mode mode;
	std::vector<uint8_t> bytes;
	emu_simple_op op;
	unsigned int len;
};

TEST(EmuSimple, Recognises)
{
	const emu_mode L = EMU_MODE_LONG64, P = EMU_MODE_PROT32, R = EMU_MODE_REAL;
	const SimpleCase cases[] = {
		{ L, { 0x0f, 0xa2 }, EMU_S_CPUID, 2 },
		{ L, { 0x66, 0x2e, 0x48, 0x0f, 0xa2 }, EMU_S_CPUID, 5 },
		{ L, { 0xf4 }, EMU_S_HLT, 1 },
		{ L, { 0x0f, 0x01, 0xd9 }, EMU_S_VMMCALL, 3 },
		{ L, { 0x0f, 0x01, 0xc1 }, EMU_S_VMCALL, 3 },
		{ L, { 0x0f, 0x01, 0xd8 }, EMU_S_VMRUN, 3 },
		{ L, { 0x0f, 0x30 }, EMU_S_WRMSR, 2 },
		{ L, { 0x0f, 0x32 }, EMU_S_RDMSR, 2 },
		{ L, { 0x0f, 0x31 }, EMU_S_RDTSC, 2 },
		{ L, { 0x0f, 0x01, 0xf9 }, EMU_S_RDTSCP, 3 },
		{ L, { 0xf3, 0x90 }, EMU_S_PAUSE, 2 },
		{ L, { 0x90 }, EMU_S_NONE, 0 },
		{ L, { 0xf0, 0x0f, 0xa2 }, EMU_S_NONE, 0 },
		{ L, { 0x0f, 0x01, 0x78, 0x10 }, EMU_S_INVLPG, 4 },
		{ L, { 0x0f, 0x01, 0x3c, 0x25, 1, 2, 3, 4 }, EMU_S_INVLPG, 8 },
		{ L, { 0x0f, 0x01, 0x3d, 1, 2, 3, 4 }, EMU_S_INVLPG, 7 },
		{ R, { 0x0f, 0x01, 0x3e, 1, 2 }, EMU_S_INVLPG, 5 },
		{ R, { 0x67, 0x0f, 0x01, 0x3d, 1, 2, 3, 4 }, EMU_S_INVLPG, 8 },
		{ L, { 0x0f, 0x22, 0xd8 }, EMU_S_MOV_CR_R, 3 },
		{ L, { 0x44, 0x0f, 0x20, 0xc0 }, EMU_S_MOV_R_CR, 4 },
		{ L, { 0xe4, 0x60 }, EMU_S_IN, 2 },
		{ L, { 0x66, 0xef }, EMU_S_OUT, 2 },
		{ L, { 0x0f, 0x08 }, EMU_S_INVD, 2 },
		{ L, { 0x0f, 0x09 }, EMU_S_WBINVD, 2 },
		{ L, { 0x0f, 0x06 }, EMU_S_CLTS, 2 },
		{ L, { 0x0f, 0x01, 0xd1 }, EMU_S_XSETBV, 3 },
		{ L, { 0x66, 0x0f, 0x38, 0x82, 0x08 }, EMU_S_INVPCID, 5 },
		{ P, { 0xce }, EMU_S_INTO, 1 },
		{ L, { 0xce }, EMU_S_NONE, 0 },
		{ P, { 0x48 }, EMU_S_NONE, 0 },
		{ L, { 0x0f }, EMU_S_NONE, 0 },
		{ L, { 0x66, 0x66 }, EMU_S_NONE, 0 },
	};

	for (const SimpleCase &t : cases) {
		emu_simple s;

		EXPECT_EQ(emu_match_simple(t.bytes.data(), static_cast<unsigned>(t.bytes.size()), t.mode, &s),
			  t.op);
		EXPECT_EQ(s.len, t.len);
		EXPECT_EQ(emu_insn_len_simple(t.bytes.data(), static_cast<unsigned>(t.bytes.size()), t.mode,
					      t.op == EMU_S_NONE ? EMU_S_HLT : t.op),
			  t.len);
	}
}

TEST(EmuSimple, Operands)
{
	const uint8_t cr8[] = { 0x45, 0x0f, 0x22, 0xc7 }; /* mov cr8, r15 */
	const uint8_t in[] = { 0xe5, 0x71 };
	const uint8_t out16[] = { 0xef };
	emu_simple s;

	EXPECT_EQ(emu_match_simple(cr8, 4, EMU_MODE_LONG64, &s), EMU_S_MOV_CR_R);
	EXPECT_EQ(s.crn, 8);
	EXPECT_EQ(s.reg, 15);
	EXPECT_EQ(emu_match_simple(in, 2, EMU_MODE_LONG64, &s), EMU_S_IN);
	EXPECT_TRUE(s.imm_port);
	EXPECT_EQ(s.imm, 0x71);
	EXPECT_EQ(s.size, 4);
	EXPECT_EQ(emu_match_simple(out16, 1, EMU_MODE_REAL, &s), EMU_S_OUT);
	EXPECT_EQ(s.size, 2);
}

/* What the tiny decoders say of an instruction the big one says too. */
TEST(EmuSimple, AgreesWithTheDecoder)
{
	std::mt19937_64 rnd(7);
	unsigned int moves = 0, simples = 0;

	for (emu_mode mode : { EMU_MODE_LONG64, EMU_MODE_PROT32 }) {
		Machine m;

		if (mode == EMU_MODE_LONG64)
			m.long64();
		else
			m.protected32();
		for (unsigned int i = 0; i < 400000; i++) {
			uint8_t b[15];
			emu_mov mov;
			emu_simple s;

			for (uint8_t &x : b)
				x = static_cast<uint8_t>(rnd());
			if (i & 1)
				b[0] = static_cast<uint8_t>(0x40 | (b[0] & 15));
			if (i & 2)
				b[1] = static_cast<uint8_t>(0x88 | (b[1] & 3));
			if (emu_decode(&m.c, b, 15) != EMU_OK)
				continue;
			if (emu_match_simple(b, 15, mode, &s) != EMU_S_NONE && !m.c.insn.lock) {
				simples++;
				EXPECT_EQ(s.len, m.c.insn.len) << std::hex << +b[0] << " " << +b[1];
			}
			if (!emu_mmio_simple(b, 15, mode, &mov))
				continue;
			moves++;
			EXPECT_EQ(mov.len, m.c.insn.len);
			EXPECT_EQ(mov.seg, m.c.insn.seg);
			/* Execute both ways on the same memory. */
			for (auto &r : m.c.regs)
				r = rnd();
			m.c.regs[EMU_RSP] = kStackTop - 64;
			for (unsigned int seg = 0; seg < 6; seg++)
				m.segs[seg].base = 0;
			uint64_t ea = emu_mov_ea(&mov, m.c.regs, m.c.rip);
			uint64_t at = ea & ~4095ULL, value = rnd(), before = value;
			uint64_t regs[16];
			bool mine = !m.find(ea) && !m.find(ea + 7) && (ea & 4095) < 4088 &&
				    (mode != EMU_MODE_LONG64 || emu_canonical(&m.c, ea));

			if (!mine || mov.seg == EMU_CS)
				continue;
			m.map(at);
			m.put(ea, value, 8);
			memcpy(regs, m.c.regs, sizeof(regs));
			ASSERT_EQ(emu_exec(&m.c), EMU_OK);
			if (mov.write) {
				uint64_t v = emu_mov_store_value(&mov, regs);

				memcpy(&before, &v, mov.size);
				EXPECT_EQ(m.get(ea, 8), before);
			} else {
				emu_mov_load(&mov, regs, value);
				EXPECT_EQ(memcmp(regs, m.c.regs, sizeof(regs)), 0)
					<< std::hex << +b[0] << " " << +b[1] << " " << +b[2];
			}
			m.unmap(at);
			m.c.rip = kCodeAt;
		}
	}
	EXPECT_GT(moves, 10000u);
	EXPECT_GT(simples, 1000u);
}

TEST(EmuSimple, EveryTruncationIsRefused)
{
	const uint8_t b[] = { 0x65, 0x48, 0xc7, 0x84, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8 };
	emu_mov m;

	for (unsigned int n = 0; n < sizeof(b); n++)
		EXPECT_FALSE(emu_mmio_simple(b, n, EMU_MODE_LONG64, &m));
	ASSERT_TRUE(emu_mmio_simple(b, sizeof(b), EMU_MODE_LONG64, &m));
	EXPECT_EQ(m.len, sizeof(b));
	EXPECT_EQ(m.seg, EMU_GS);
	EXPECT_EQ(m.size, 8);
	EXPECT_EQ(m.imm, 0x08070605u);
	EXPECT_EQ(m.disp, 0x04030201);
}

} // namespace
