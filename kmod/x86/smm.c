// SPDX-License-Identifier: GPL-2.0-only
/*
 * System management mode: SDM 3C 31, APM 2 10.
 *
 *	VMX_SMI, LAPIC, MSI --> REQ_SMI --> events.smi_pending --> smm_enter()		state to SMRAM
 *	                                                              |
 *	                                          the handler, in SLOT_SPACE_SMM
 *	                                                              |
 *	                    emulator: RSM  ---------------------> smm_leave()		and back
 *
 * An SMI is taken between instructions, before NMIs and interrupts and before INIT, but behind an event that is
 * on its way already: that one is delivered, and the handler's first instruction is the boundary. In system
 * management mode further SMIs and INIT are latched until RSM, and NMIs until RSM or IRET. While the CPU waits
 * for a start-up message, an SMI waits too.
 */
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/processor-flags.h>
#include <asm/smp.h>

#include "backend.h"
#include "gmem.h"
#include "irqchip/irqchip.h"
#include "memslot.h"
#include "mmu/mmu.h"
#include "pure/smram.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/smm.h"
#include "x86/state.h"
#include "x86/x86.h"

/* CR0 that an SMI clears (SDM 3C table 31-4). */
#define CR0_CLEARED (X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG)
#define DR7_ENTRY 0x400

static_assert((int)SMRAM_ES == VCPU_SEG_ES && (int)SMRAM_CS == VCPU_SEG_CS &&
	      (int)SMRAM_SS == VCPU_SEG_SS && (int)SMRAM_DS == VCPU_SEG_DS &&
	      (int)SMRAM_FS == VCPU_SEG_FS && (int)SMRAM_GS == VCPU_SEG_GS &&
	      (int)SMRAM_TR == VCPU_SEG_TR && (int)SMRAM_LDTR == VCPU_SEG_LDTR &&
	      (int)SMRAM_NR_SEGS == VCPU_NR_SEGS);

/* What one passage needs; too large for the stack. */
struct passage {
	u8 image[SMRAM_SIZE];
	struct smram_state state;
	struct vmx_sregs sregs;
};

/* ---- pending ---- */

void vcpu_queue_smi(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_SMI);
	vcpu_kick(vcpu);
}

void smm_unblocked(struct vcpu *vcpu)
{
	if (vcpu->events.smi_pending)
		vcpu_request(vcpu, REQ_SMI);
}

static bool blocked(const struct vcpu *vcpu)
{
	return vcpu->smm || (vcpu->guest_debug & VMX_GUESTDBG_BLOCKIRQ);
}

void smm_after_event(struct vcpu *vcpu)
{
	if (likely(!vcpu->events.smi_pending) || blocked(vcpu))
		return;
	vcpu_request(vcpu, REQ_SMI);
	/* As in vcpu_kick(): an interrupt that is pending at the entry ends it behind the event. */
	(smp_ops.smp_send_reschedule)(smp_processor_id());
}

/* From now on the other memory. */
static void switch_mode(struct vcpu *vcpu, bool smm)
{
	vcpu->smm = smm;
	if (smm)
		vcpu->run_extras |= VCPU_RUN_SMM;
	else
		vcpu->run_extras &= ~VCPU_RUN_SMM;
	mmu_set_space(vcpu, smm ? SLOT_SPACE_SMM : SLOT_SPACE_NORMAL);
	/* RSM has to exit, on hardware where it does not by itself. */
	vcpu_request(vcpu, REQ_MSR_BITMAP);
	vcpu->event_check = true;
	if (smm)
		return;
	smm_unblocked(vcpu);
	if (lapic_init_latched(vcpu))
		vcpu_request(vcpu, REQ_INIT_SIPI);
}

/* ---- into it ---- */

static void collect(struct vcpu *vcpu, struct smram_state *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->regs); i++)
		s->regs[i] = vcpu_reg(vcpu, i);
	s->rip = vcpu_rip(vcpu);
	s->rflags = vcpu_reg(vcpu, VCPU_RFLAGS);
	s->cr0 = vcpu_cr0(vcpu);
	s->cr3 = vcpu_cr3(vcpu);
	s->cr4 = vcpu_cr4(vcpu);
	s->efer = vcpu_efer(vcpu);
	s->dr6 = backend_call(get_dr6)(vcpu);
	s->dr7 = vcpu->x86->dr7;
	for (i = 0; i < SMRAM_NR_SEGS; i++)
		vcpu_get_segment(vcpu, i, &s->seg[i]);
	backend_call(get_gdt)(vcpu, &s->gdt);
	backend_call(get_idt)(vcpu, &s->idt);
	s->smbase = vcpu->x86->smbase;
	s->shadow = backend_call(get_shadow)(vcpu);
	s->halted = vcpu->mp_state != VMX_MP_STATE_RUNNABLE;
}

/* A segment as real mode has it, but 4 GiB long (APM 2 10.3.3). */
static void set_real_segment(struct vcpu *vcpu, enum vcpu_seg seg, u16 selector, u64 base)
{
	struct vmx_segment s = {
		.base = base,
		.limit = ~0U,
		.selector = selector,
		.type = 3,	/* data, read and write, accessed */
		.present = 1,
		.s = 1,
		.g = 1,
	};

	vcpu_set_segment(vcpu, seg, &s);
}

/* The state in which the handler starts. What is not named here it finds as it was. */
static void load_entry_state(struct vcpu *vcpu)
{
	u32 smbase = vcpu->x86->smbase;

	vcpu_set_reg(vcpu, VCPU_RFLAGS, X86_EFLAGS_FIXED);
	vcpu_set_reg(vcpu, VCPU_RIP, SMRAM_ENTRY);
	x86_force_cr0(vcpu, vcpu_cr0(vcpu) & ~(u64)CR0_CLEARED);
	x86_force_efer(vcpu, 0);
	x86_force_cr4(vcpu, 0);
	set_real_segment(vcpu, VCPU_SEG_CS, smbase >> 4, smbase);
	set_real_segment(vcpu, VCPU_SEG_DS, 0, 0);
	set_real_segment(vcpu, VCPU_SEG_ES, 0, 0);
	set_real_segment(vcpu, VCPU_SEG_FS, 0, 0);
	set_real_segment(vcpu, VCPU_SEG_GS, 0, 0);
	set_real_segment(vcpu, VCPU_SEG_SS, 0, 0);
	debugregs_restore(vcpu, backend_call(get_dr6)(vcpu), DR7_ENTRY);
	backend_call(set_shadow)(vcpu, 0);
}

static bool is_wide(struct vcpu *vcpu)
{
	return cpuid_has(vcpu->x86->cpuid, CPUID_F_LM);
}

/* Is there a slot where a copy that failed was to go to? Else it was to nowhere, as on a bus. */
static bool is_memory(struct vm *vm, u64 gpa)
{
	int idx = srcu_read_lock(&vm->srcu);
	bool memory = slot_find(vm, SLOT_SPACE_SMM, gpa >> PAGE_SHIFT) &&
		      slot_find(vm, SLOT_SPACE_SMM, (gpa + SMRAM_SIZE - 1) >> PAGE_SHIFT);

	srcu_read_unlock(&vm->srcu, idx);
	return memory;
}

static int smm_enter(struct vcpu *vcpu)
{
	struct passage *p = kmalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	u64 area = (u64)vcpu->x86->smbase + SMRAM_AREA;
	int r;

	if (!p)
		return -ENOMEM;
	collect(vcpu, &p->state);
	smram_encode(&p->state, is_wide(vcpu), p->image);
	r = gmem_smm_write(vcpu->vm, area, p->image, sizeof(p->image));
	kfree(p);
	if (r == -EFAULT && vcpu_wait_for_slot(vcpu))
		return -EAGAIN;
	if (r == -EFAULT && is_memory(vcpu->vm, area))
		return r;

	trace_vmx_smm(vcpu, true, vcpu->x86->smbase);
	vcpu->events.smi_pending = false;
	vcpu->x86->smi_count = (u32)vcpu->x86->smi_count + 1;
	vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
	vcpu->x86->smm_inside_nmi = backend_call(get_nmi_mask)(vcpu);
	backend_call(set_nmi_mask)(vcpu, true);
	load_entry_state(vcpu);
	switch_mode(vcpu, true);
	return VCPU_RESUME;
}

int smm_serve(struct vcpu *vcpu)
{
	struct vcpu_events *ev = &vcpu->events;
	int r;

	ev->smi_pending = true;
	if (blocked(vcpu))
		return VCPU_RESUME;
	if (ev->exc_pending || ev->injected.type != VM_EVENT_NONE) {
		/* smm_after_event() asks again. */
		vcpu->event_check = true;
		return VCPU_RESUME;
	}
	r = smm_enter(vcpu);
	if (r < 0)
		vcpu_request(vcpu, REQ_SMI);
	return r == -EAGAIN ? VCPU_RESUME : r;
}

/* ---- out of it ---- */

/*
 * RSM shuts the CPU down if a reserved bit of CR4 is set, or CR0's are an illegal combination (SDM 3C 31.3.1,
 * APM 2 10.3.5). Other states of control registers that no CPU can be in are answered alike.
 */
static bool restorable(struct vcpu *vcpu, const struct vmx_sregs *s)
{
	if (s->efer & ~(x86_efer_guest_allowed(vcpu) | EFER_LMA))
		return false;
	if ((s->efer & EFER_LMA) && s->cs.l && s->cs.db)
		return false;
	return sregs_state_valid(vcpu, s);
}

static void to_sregs(const struct smram_state *s, struct vmx_sregs *out)
{
	memset(out, 0, sizeof(*out));
	out->es = s->seg[SMRAM_ES];
	out->cs = s->seg[SMRAM_CS];
	out->ss = s->seg[SMRAM_SS];
	out->ds = s->seg[SMRAM_DS];
	out->fs = s->seg[SMRAM_FS];
	out->gs = s->seg[SMRAM_GS];
	out->tr = s->seg[SMRAM_TR];
	out->ldt = s->seg[SMRAM_LDTR];
	out->gdt = s->gdt;
	out->idt = s->idt;
	out->cr0 = s->cr0;
	out->cr3 = s->cr3;
	out->cr4 = s->cr4;
	/* LMA follows from the other two. */
	out->efer = s->efer & ~(u64)EFER_LMA;
	if ((s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG))
		out->efer |= EFER_LMA;
}

static void restore(struct vcpu *vcpu, const struct smram_state *s, const struct vmx_sregs *sregs)
{
	u64 rip = s->rip, rflags = s->rflags;
	unsigned int i;

	if (!(sregs->efer & EFER_LMA) || !sregs->cs.l)
		rip = (u32)rip;
	/* There is no virtual-8086 mode in the one, nor in real mode. */
	if ((sregs->efer & EFER_LMA) || !(sregs->cr0 & X86_CR0_PE))
		rflags &= ~(u64)X86_EFLAGS_VM;
	for (i = 0; i < ARRAY_SIZE(s->regs); i++)
		vcpu_set_reg(vcpu, i, s->regs[i]);
	vcpu_set_reg(vcpu, VCPU_RIP, rip);
	vcpu_set_reg(vcpu, VCPU_RFLAGS, rflags);
	sregs_load(vcpu, sregs);
	debugregs_restore(vcpu, s->dr6, s->dr7);
	vcpu->x86->smbase = s->smbase;
}

int smm_leave(struct vcpu *vcpu, u8 *shadow)
{
	struct passage *p = kmalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	u64 area = (u64)vcpu->x86->smbase + SMRAM_AREA;
	struct smram_state *s;
	int r;

	if (!p)
		return -ENOMEM;
	s = &p->state;
	if (gmem_vcpu_read(vcpu, area, p->image, sizeof(p->image))) {
		/* The emulator waits for it to come back. */
		r = is_memory(vcpu->vm, area) || slots_lately_removed(vcpu->vm) ? -EFAULT :
										  SMM_SHUTDOWN;
		goto out;
	}
	smram_decode(s, is_wide(vcpu), vcpu->x86->cpuid->virt_bits ?: 48, p->image);
	to_sregs(s, &p->sregs);
	r = SMM_SHUTDOWN;
	if (!restorable(vcpu, &p->sregs))
		goto out;

	trace_vmx_smm(vcpu, false, s->smbase);
	restore(vcpu, s, &p->sregs);
	/* The save area does not keep it: an NMI handler that was interrupted is protected again. */
	backend_call(set_nmi_mask)(vcpu, vcpu->x86->smm_inside_nmi);
	vcpu->x86->smm_inside_nmi = false;
	switch_mode(vcpu, false);
	*shadow = s->shadow;
	r = s->halted ? SMM_LEFT_HALTED : SMM_LEFT;
out:
	kfree(p);
	return r;
}

/* ---- the VMM's view ---- */

void smm_set_state(struct vcpu *vcpu, bool smm, bool pending, bool inside_nmi)
{
	vcpu->events.smi_pending = pending;
	if (pending)
		vcpu_request(vcpu, REQ_SMI);
	else
		vcpu_take_request(vcpu, REQ_SMI);
	if (vcpu->smm != smm)
		switch_mode(vcpu, smm);
	vcpu->x86->smm_inside_nmi = smm && inside_nmi;
}

void smm_vcpu_reset(struct vcpu *vcpu)
{
	smm_set_state(vcpu, false, false, false);
}

long smm_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	if (cmd != VMX_SMI)
		return -ENOIOCTLCMD;
	vcpu_queue_smi(vcpu);
	return 0;
}
