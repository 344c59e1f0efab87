// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole instructions by the emulator: context in, result out, and the way through the VMM in between.
 *
 *   emulate_insn()    fill the context, decode, execute
 *     finish()        what came of it: registers back; exception, I/O, or failure
 *       serve_io()    pieces for in-kernel devices; the first that is none goes to the VMM
 *   complete_*()      the VMM's next run: its answer in, and on from there
 */
#include "backend.h"
#include "failure.h"
#include "gmem.h"
#include "halt.h"
#include "mmu/mmu.h"
#include "pure/shadow.h"
#include "trace.h"
#include "x86/backdoor.h"
#include "x86/cr.h"
#include "x86/emul.h"
#include "x86/emulate.h"
#include "x86/inject.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_DB 1
#define DR6_BS (1ULL << 14)

int emulate_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_emul *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return -ENOMEM;
	e->ctxt.ops = &emul_ops;
	e->ctxt.opaque = vcpu;
	e->ctxt.pio_buf = vcpu->pio_data;
	e->ctxt.pio_buf_size = PAGE_SIZE;
	vcpu->emul = e;
	return 0;
}

void emulate_vcpu_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->emul);
	vcpu->emul = NULL;
}

/* ---- the context ---- */

/* One CPUID bit of the guest and the feature that it is. */
static const struct {
	u32 leaf;
	u8 word; /* enum cpuid_word */
	u8 bit;
	u32 feature;
} feature_bits[] = {
	{ 1, CPUID_W_ECX, 0, EMU_F_SSE3 },
	{ 1, CPUID_W_ECX, 13, EMU_F_CX16 },
	{ 1, CPUID_W_ECX, 19, EMU_F_SSE41 },
	{ 1, CPUID_W_ECX, 20, EMU_F_CRC32 },
	{ 1, CPUID_W_ECX, 22, EMU_F_MOVBE },
	{ 1, CPUID_W_ECX, 23, EMU_F_POPCNT },
	{ 1, CPUID_W_ECX, 28, EMU_F_AVX },
	{ 7, CPUID_W_EBX, 0, EMU_F_FSGSBASE },
	{ 7, CPUID_W_EBX, 3, EMU_F_BMI1 },
	{ 7, CPUID_W_EBX, 5, EMU_F_AVX2 },
	{ 7, CPUID_W_EBX, 8, EMU_F_BMI2 },
	{ 7, CPUID_W_EBX, 19, EMU_F_ADX },
	{ 7, CPUID_W_EBX, 23, EMU_F_CLFLUSHOPT },
	{ 7, CPUID_W_ECX, 22, EMU_F_RDPID },
	{ 0x80000001, CPUID_W_ECX, 4, EMU_F_CR8_LEGACY },
	{ 0x80000001, CPUID_W_ECX, 5, EMU_F_LZCNT },
	{ 0x80000001, CPUID_W_EDX, 27, EMU_F_RDTSCP },
};

/* The table cannot change once the guest has run, so its address stands for its contents. */
static noinline void fill_features(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	unsigned int i;

	e->features = (vcpu->x86->cpuid->intel ? EMU_F_INTEL : 0) |
		      (backend_caps->far_jump64 ? EMU_F_FAR_JUMP64 : 0) |
		      (backend_caps->far_load64 ? EMU_F_FAR_LOAD64 : 0) |
		      (backdoor_has(vcpu) ? EMU_F_BACKDOOR : 0);
	for (i = 0; i < ARRAY_SIZE(feature_bits); i++) {
		u32 w[CPUID_W_NR] = { [CPUID_W_EAX] = feature_bits[i].leaf };

		x86_cpuid(vcpu, &w[CPUID_W_EAX], &w[CPUID_W_EBX], &w[CPUID_W_ECX], &w[CPUID_W_EDX]);
		if (w[feature_bits[i].word] >> feature_bits[i].bit & 1)
			e->features |= feature_bits[i].feature;
	}
	e->cpuid = vcpu->x86->cpuid;
}

static void fill_regs(struct vcpu *vcpu)
{
	struct emu_ctxt *c = &vcpu->emul->ctxt;

	c->rip = vcpu_rip(vcpu);
	c->rflags = vcpu_reg(vcpu, VCPU_RFLAGS);
	vcpu_reg(vcpu, VCPU_RSP);
	memcpy(c->regs, vcpu->regs, sizeof(c->regs));
}

static void begin(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct emu_ctxt *c = &e->ctxt;

	if (unlikely(e->cpuid != vcpu->x86->cpuid))
		fill_features(vcpu);
	c->features = e->features | (vcpu_cr4(vcpu) & X86_CR4_LA57 ? EMU_F_LA57 : 0);
	fill_regs(vcpu);
	c->mode = x86_emu_mode(vcpu);
	c->cpl = vcpu_cpl(vcpu);
	e->result = VCPU_RESUME;
	e->raised = false;
	e->halted = false;
	e->no_memory = false;
	e->or_ud = false;
	e->table_gpa = GPA_INVALID;
	e->frag = 0;
}

static void write_back(struct vcpu *vcpu)
{
	struct emu_ctxt *c = &vcpu->emul->ctxt;
	unsigned int i;

	for (i = 0; i < EMU_NR_GPRS; i++)
		if (vcpu->regs[i] != c->regs[i])
			vcpu_set_reg(vcpu, i, c->regs[i]);
	if (vcpu->regs[VCPU_RIP] != c->rip)
		vcpu_set_reg(vcpu, VCPU_RIP, c->rip);
	if (vcpu->regs[VCPU_RFLAGS] != c->rflags) {
		/* IF may have opened the way for an interrupt. */
		vcpu_set_reg(vcpu, VCPU_RFLAGS, c->rflags);
		vcpu->event_check = true;
	}
}

/* ---- results ---- */

static int raise(struct vcpu *vcpu)
{
	const struct emu_exc *exc = &vcpu->emul->ctxt.exc;

	if (vcpu->emul->raised)
		return VCPU_RESUME;
	if (exc->vector == EMU_EXC_PF)
		vcpu_raise_pf(vcpu, exc->addr, exc->err);
	else if (exc->has_err)
		vcpu_raise_error(vcpu, exc->vector, exc->err);
	else
		vcpu_raise(vcpu, exc->vector);
	return VCPU_RESUME;
}

/*
 * The memory that was missed may come back in a moment: the CPU is to look again, as nothing has been done yet. What
 * was missing when a copy was tried, and there when the slots were looked at, has been taken for -EFAULT.
 */
static bool once_more(struct vcpu *vcpu)
{
	const struct vcpu_emul *e = vcpu->emul;

	if (likely(!e->no_memory && e->result != -EFAULT))
		return false;
	/* RIP is behind a prefix of ours; an event has been taken, a task half stored. */
	if (e->or_ud || vcpu->exit.reason == VM_EXIT_TASK_SWITCH)
		return false;
	return vcpu_wait_for_slot(vcpu);
}

/* User mode of the guest gets #UD, unless the VMM wants to know of that too; what the guest's kernel does is for the VMM to know. */
static int give_up(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct vmx_run *run = vcpu->run;

	if (once_more(vcpu))
		return VCPU_RESUME;
	if (e->result < 0)
		return e->result;
	if (e->table_gpa != GPA_INVALID && mmu_untrack(vcpu, e->table_gpa))
		return VCPU_RESUME;
	vcpu_count(vcpu, insn_emulation_fail);
	if (e->or_ud || (vcpu_cpl(vcpu) == 3 && !vcpu->vm->x86->exit_on_emulation_failure)) {
		vcpu_raise(vcpu, EMU_EXC_UD);
		return VCPU_RESUME;
	}
	run->exit_reason = VMX_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = VMX_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 1;
	run->emulation_failure.flags = 0;
	if (e->nbytes) {
		/* flags, then the size and 15 bytes: two more words */
		run->emulation_failure.ndata = 3;
		run->emulation_failure.flags = VMX_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = min_t(u8, e->nbytes, 15);
		memset(run->emulation_failure.insn_bytes, 0x90, 15);
		memcpy(run->emulation_failure.insn_bytes, e->bytes, min_t(u8, e->nbytes, 15));
	}
	failure_note(vcpu);
	return VCPU_TO_USER;
}

static int done(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct emu_ctxt *c = &e->ctxt;
	u32 shadow = 0;

	if (c->shadow == EMU_SHADOW_STI)
		shadow = VMX_X86_SHADOW_INT_STI;
	else if (c->shadow == EMU_SHADOW_MOVSS)
		shadow = VMX_X86_SHADOW_INT_MOV_SS;
	backend_call(set_shadow)(vcpu, shadow);
	if (unlikely(c->single_step))
		vcpu_raise_payload(vcpu, VECTOR_DB, DR6_BS);
	debug_insn_done(vcpu);
	if (e->halted && e->result == VCPU_RESUME)
		return vcpu_halt(vcpu);
	return e->result;
}

static int finish(struct vcpu *vcpu, int r);

/* The VMM may have changed what the instruction was in the middle of; then it starts anew. */
static bool still_there(struct vcpu *vcpu)
{
	struct emu_ctxt *c = &vcpu->emul->ctxt;

	return vcpu_rip(vcpu) == c->rip && x86_emu_mode(vcpu) == c->mode &&
	       vcpu_cpl(vcpu) == c->cpl;
}

/* On with the instruction, from the VMM's view of registers and segments. */
static int resume(struct vcpu *vcpu)
{
	struct emu_ctxt *c = &vcpu->emul->ctxt;

	fill_regs(vcpu);
	c->seg_valid = 0;
	vcpu->emul->frag = 0;
	return finish(vcpu, emu_resume(c));
}

static int serve_io(struct vcpu *vcpu);

/* The VMM has served one piece of a device access. */
static int complete_mmio(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct emu_frag *f;

	if (!still_there(vcpu))
		return VCPU_RESUME;
	f = &e->ctxt.io.frag[array_index_nospec(e->frag, EMU_MAX_FRAGS)];
	if (e->ctxt.io.kind == EMU_IO_MMIO_READ)
		memcpy(f->data, vcpu->run->mmio.data, sizeof(f->data));
	e->frag++;
	return serve_io(vcpu);
}

static int complete_pio(struct vcpu *vcpu)
{
	return still_there(vcpu) ? resume(vcpu) : VCPU_RESUME;
}

static int serve_io(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct emu_io *io = &e->ctxt.io;
	bool write = io->kind == EMU_IO_MMIO_WRITE;

	if (io->kind == EMU_IO_PIO_IN || io->kind == EMU_IO_PIO_OUT) {
		vcpu->complete_userspace_io = complete_pio;
		return pio_to_user(vcpu, io->kind == EMU_IO_PIO_IN, io->port, io->size, io->count);
	}
	for (; e->frag < io->nr && e->frag < EMU_MAX_FRAGS; e->frag++) {
		struct emu_frag *f = &io->frag[e->frag];

		if (!mmio_device(vcpu, write, f->gpa, f->data, f->len))
			continue;
		vcpu->complete_userspace_io = complete_mmio;
		return mmio_to_user(vcpu, write, f->gpa, f->data, f->len);
	}
	return resume(vcpu);
}

/* Registers are at an instruction's or an iteration's boundary whatever the result. */
static int finish(struct vcpu *vcpu, int r)
{
	write_back(vcpu);
	switch (r) {
	case EMU_OK:
	case EMU_RESTART:
		return done(vcpu);
	case EMU_EXCEPTION:
		return raise(vcpu);
	case EMU_IO:
		return serve_io(vcpu);
	default:
		return give_up(vcpu);
	}
}

/* ---- entry points ---- */

static int decode(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct emu_ctxt *c = &e->ctxt;
	int n = gva_fetch_insn(vcpu, x86_linear_rip(vcpu), e->bytes);
	int r;

	e->nbytes = n > 0 ? n : 0;
	r = emu_decode(c, e->bytes, e->nbytes);
	if (c->nbytes > e->nbytes) {
		e->nbytes = c->nbytes;
		memcpy(e->bytes, c->bytes, c->nbytes);
	}
	return r;
}

/* @r: decode()'s. */
static int execute(struct vcpu *vcpu, int r)
{
	struct vcpu_emul *e = vcpu->emul;

	vcpu_count(vcpu, insn_emulations);
	if (r == EMU_OK)
		r = emu_exec(&e->ctxt);
	trace_vmx_emulate(vcpu, vcpu_rip(vcpu), e->bytes, e->nbytes, r);
	return finish(vcpu, r);
}

int emulate_insn(struct vcpu *vcpu, u64 gpa)
{
	begin(vcpu);
	return execute(vcpu, decode(vcpu));
}

int emulate_table_write(struct vcpu *vcpu, u64 gpa)
{
	struct vcpu_emul *e = vcpu->emul;
	int r;

	begin(vcpu);
	e->table_gpa = gpa;
	r = decode(vcpu);
	/* A table that was freed is cleared, or a page copied to it: the CPU does so in far less time. */
	if (r == EMU_OK && emu_rep_stores(&e->ctxt) >= SHADOW_FLOOD && mmu_untrack_filled(vcpu, gpa))
		return VCPU_RESUME;
	return execute(vcpu, r);
}

int emulate_insn_or_ud(struct vcpu *vcpu)
{
	begin(vcpu);
	vcpu->emul->or_ud = true;
	return execute(vcpu, decode(vcpu));
}

/* Instructions that store RFLAGS where the guest sees it, or load it: PUSHF, POPF, INT3, INT n, INTO, IRET. */
static bool stores_flags(const struct emu_insn *insn, bool int3)
{
	if (insn->map == 1)
		/* SYSCALL, SYSRET, SYSENTER, SYSEXIT */
		return insn->opcode == 0x05 || insn->opcode == 0x07 || insn->opcode == 0x34 ||
		       insn->opcode == 0x35;
	if (insn->map)
		return false;
	return insn->opcode == 0x9c || insn->opcode == 0x9d || (insn->opcode == 0xcc && int3) ||
	       insn->opcode == 0xcd || insn->opcode == 0xce || insn->opcode == 0xcf;
}

int emulate_flags_insn(struct vcpu *vcpu, bool int3)
{
	struct vcpu_emul *e = vcpu->emul;
	int r;

	begin(vcpu);
	if (decode(vcpu) != EMU_OK || !stores_flags(&e->ctxt.insn, int3))
		return VCPU_RESUME;
	r = emu_exec(&e->ctxt);
	if (r == EMU_UNHANDLEABLE)
		return VCPU_RESUME;
	vcpu_count(vcpu, insn_emulations);
	return finish(vcpu, r);
}

/* IN, OUT, INS, OUTS, RDPMC. */
static bool may_be_backdoor(const struct emu_insn *insn)
{
	u8 op = insn->opcode;

	if (insn->map)
		return insn->map == 1 && op == 0x33;
	return (op & 0xfc) == 0x6c || (op & 0xf4) == 0xe4;
}

int emulate_backdoor_insn(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;

	begin(vcpu);
	/* Decided on the very bytes that are executed: another CPU of the guest may change them. */
	if (decode(vcpu) != EMU_OK || !may_be_backdoor(&e->ctxt.insn)) {
		vcpu_raise_error(vcpu, EMU_EXC_GP, 0);
		return VCPU_RESUME;
	}
	vcpu_count(vcpu, insn_emulations);
	return finish(vcpu, emu_exec(&e->ctxt));
}

int emulate_task_switch(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	struct emu_ctxt *c = &e->ctxt;
	u16 sel = vcpu->exit.task.selector;
	u8 reason = vcpu->exit.task.reason, event = vcpu->exit.vectoring.type;
	u64 rip;
	int r = EMU_OK;

	begin(vcpu);
	rip = c->rip;
	/* The old task is to go on after an instruction, but at one that faulted or was interrupted. */
	if (reason != EMU_TASK_GATE || event == VM_EVENT_SOFT_INT || event == VM_EVENT_SOFT_EXC) {
		r = decode(vcpu);
		if (r != EMU_OK)
			return finish(vcpu, r);
		c->rip = (u32)(c->rip + c->insn.len);
	} else {
		emu_begin(c);
	}
	/* The switch delivers the event. */
	vcpu->events.injected.type = VM_EVENT_NONE;
	r = emu_task_switch(c, sel, reason & 3, vcpu->exit.task.has_error, vcpu->exit.task.error);
	if (r != EMU_OK && !c->branch_far)
		c->rip = rip;
	/* A task that an NMI starts runs with NMIs blocked; IRET ends that, also as a switch of tasks. */
	else if (event == VM_EVENT_NMI)
		backend_call(set_nmi_mask)(vcpu, true);
	else if (reason == EMU_TASK_IRET)
		backend_call(set_nmi_mask)(vcpu, false);
	return finish(vcpu, r);
}
