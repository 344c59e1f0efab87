// SPDX-License-Identifier: GPL-2.0-only
/* The exiting instruction: fetched and matched when the CPU has no next-RIP save. */
#include "backend.h"
#include "gmem.h"
#include "x86/cr.h"
#include "x86/inject.h"
#include "x86/insn.h"
#include "x86/x86.h"

#define DR6_BS (1ULL << 14)
#define VECTOR_DB 1

static noinline int insn_bytes_slow(struct vcpu *vcpu, u64 gva, u8 bytes[16])
{
	struct gva_fault fault;
	u32 access = GVA_FETCH;
	int n;

	if (vcpu_cpl(vcpu) == 3)
		access |= GVA_USER;
	/* Up to the end of the page first: the next one may not be there, nor be needed. */
	n = min_t(u64, EMU_MAX_INSN, PAGE_SIZE - (gva & ~PAGE_MASK));
	if (gva_read(vcpu, gva, access, bytes, n, &fault))
		return 0;
	if (n < EMU_MAX_INSN && !gva_read(vcpu, gva + n, access, bytes + n, EMU_MAX_INSN - n, &fault))
		n = EMU_MAX_INSN;
	return n;
}

/* The instruction's bytes. Returns how many, 0: none to be had. */
static int insn_bytes(struct vcpu *vcpu, u8 bytes[16], bool atomic)
{
	int n = gva_fetch_insn_at_exit(vcpu, bytes);

	if (likely(n > 0))
		return n;
	return atomic ? 0 : insn_bytes_slow(vcpu, x86_linear_rip(vcpu), bytes);
}

bool insn_match(struct vcpu *vcpu, struct emu_simple *insn, bool atomic)
{
	enum emu_mode mode = insn_mode(vcpu);
	u8 bytes[16];
	int n = insn_bytes(vcpu, bytes, atomic);

	return n > 0 && emu_match_simple(bytes, n, mode, insn) != EMU_S_NONE;
}

unsigned int insn_length(struct vcpu *vcpu, enum emu_simple_op want, bool atomic)
{
	enum emu_mode mode;
	u8 bytes[16];
	int n;

	if (vcpu->exit.insn_len)
		return vcpu->exit.insn_len;
	mode = insn_mode(vcpu);
	n = insn_bytes(vcpu, bytes, atomic);
	return n > 0 ? emu_insn_len_simple(bytes, n, mode, want) : 0;
}

void insn_advance(struct vcpu *vcpu, unsigned int len)
{
	u64 old = vcpu_rip(vcpu), rip = old + len, rflags;

	/* Outside 64-bit code EIP wraps; only a carry out of the low half can tell. */
	if (unlikely((old ^ rip) >> 32) && !x86_64bit_code(vcpu))
		rip = (u32)rip;
	vcpu_set_reg(vcpu, VCPU_RIP, rip);
	if (unlikely(vcpu->exit.shadow)) {
		vcpu->exit.shadow = 0;
		backend_call(set_shadow)(vcpu, 0);
		/* What the shadow held back may come now. */
		vcpu->event_check = true;
		debug_insn_done(vcpu);
	}
	rflags = vcpu_reg(vcpu, VCPU_RFLAGS);
	/* RF covers one instruction (SDM 3B 17.3.1.1), else it would hide a breakpoint on the next. */
	if (unlikely(rflags & X86_EFLAGS_RF))
		vcpu_set_reg(vcpu, VCPU_RFLAGS, rflags & ~(u64)X86_EFLAGS_RF);
	if (unlikely(rflags & X86_EFLAGS_TF))
		vcpu_raise_payload(vcpu, VECTOR_DB, DR6_BS);
}
