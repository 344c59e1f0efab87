// SPDX-License-Identifier: GPL-2.0-only
/* The emulator's view of a vCPU: struct emu_ops over the core and the backend. */
#include <linux/sched/signal.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>

#include "backend.h"
#include "gmem.h"
#include "iobus.h"
#include "irqchip/irqchip.h"
#include "memslot.h"
#include "mmu/mmu.h"
#include "trace.h"
#include "x86/backdoor.h"
#include "x86/cr.h"
#include "x86/emul.h"
#include "x86/emulate.h"
#include "x86/features.h"
#include "x86/msr_user.h"
#include "x86/hyperv.h"
#include "x86/smm.h"
#include "x86/x86.h"

static struct vcpu *to_vcpu(const struct emu_ctxt *c)
{
	return c->opaque;
}

/* ---- memory ---- */

static u32 access_flags(const struct emu_ctxt *c, unsigned int acc)
{
	u32 flags = GVA_READ;

	if (acc & EMU_ACC_WRITE)
		flags |= GVA_WRITE;
	if (acc & EMU_ACC_FETCH)
		flags |= GVA_FETCH;
	if (acc & EMU_ACC_SUPER)
		flags |= GVA_IMPLICIT;
	else if (c->cpl == 3)
		flags |= GVA_USER;
	return flags;
}

static int failed(struct vcpu *vcpu, int err)
{
	vcpu->emul->result = err == -EAGAIN ? -EFAULT : err;
	return EMU_UNHANDLEABLE;
}

static int translate(struct emu_ctxt *c, u64 la, unsigned int acc, u64 *gpa)
{
	struct vcpu *vcpu = to_vcpu(c);
	struct gva_fault fault;
	int r = gva_to_gpa(vcpu, la, access_flags(c, acc), gpa, &fault);

	if (likely(!r))
		return EMU_OK;
	if (r > 0)
		return emu_raise_pf(c, fault.address, fault.error);
	if (r != -ENXIO)
		return failed(vcpu, r);
	/* Page tables on a device: what the CPU would read there nobody can tell. */
	vcpu->emul->no_memory = true;
	return EMU_UNHANDLEABLE;
}

bool emul_is_memory(struct vcpu *vcpu, u64 gpa, bool write)
{
	const struct slot *slot;
	bool memory;
	int idx;

	if (lapic_owns_gpa(vcpu, gpa))
		return false;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	slot = slot_find(vcpu->vm, mmu_space(vcpu), gpa >> PAGE_SHIFT);
	memory = slot && !(write && (slot->flags & VMX_MEM_READONLY));
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return memory;
}

/* A copy went wrong: a device's page, or one that the VMM's mapping cannot give. */
static int not_copied(struct emu_ctxt *c, u64 gpa, bool write)
{
	struct vcpu *vcpu = to_vcpu(c);

	if (emul_is_memory(vcpu, gpa, write))
		return failed(vcpu, -EFAULT);
	c->mmio_gpa = gpa;
	return EMU_IO;
}

static int op_fetch(struct emu_ctxt *c, u64 la, void *buf, unsigned int len)
{
	struct vcpu *vcpu = to_vcpu(c);
	u64 gpa;
	int r = translate(c, la, EMU_ACC_FETCH, &gpa);

	if (r != EMU_OK)
		return r;
	if (!gmem_vcpu_read(vcpu, gpa, buf, len))
		return EMU_OK;
	/* Code on a device: nobody can tell what fetching it would do. */
	vcpu->emul->no_memory = true;
	return EMU_UNHANDLEABLE;
}

static int op_read(struct emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc)
{
	struct vcpu *vcpu = to_vcpu(c);
	u64 gpa;
	int r = translate(c, la, acc, &gpa);

	if (r != EMU_OK)
		return r;
	if (likely(!lapic_owns_gpa(vcpu, gpa)) && !gmem_vcpu_read(vcpu, gpa, buf, len))
		return EMU_OK;
	r = not_copied(c, gpa, false);
	if (r == EMU_IO && len <= 8 && !mmio_device(vcpu, false, gpa, buf, len))
		return EMU_OK;
	return r;
}

/* Memory was written for the guest: its page tables may be there. */
static void wrote(struct vcpu *vcpu, u64 gpa, unsigned int len)
{
	if (unlikely(mmu_shadow_vm(vcpu->vm)))
		mmu_shadow_wrote(vcpu->vm, vcpu, mmu_space(vcpu), gpa, len);
}

static int op_write(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len, unsigned int acc)
{
	struct vcpu *vcpu = to_vcpu(c);
	u8 data[8];
	u64 gpa;
	int r = translate(c, la, acc | EMU_ACC_WRITE, &gpa);

	if (r != EMU_OK)
		return r;
	if (likely(!lapic_owns_gpa(vcpu, gpa)) && !gmem_vcpu_write(vcpu, gpa, buf, len)) {
		wrote(vcpu, gpa, len);
		return EMU_OK;
	}
	r = not_copied(c, gpa, true);
	if (r != EMU_IO || len > 8)
		return r;
	memcpy(data, buf, len);
	return mmio_device(vcpu, true, gpa, data, len) ? EMU_IO : EMU_OK;
}

static int op_probe(struct emu_ctxt *c, u64 la, unsigned int len, unsigned int acc)
{
	u64 gpa;
	int r = translate(c, la, acc, &gpa);

	if (r != EMU_OK)
		return r;
	return emul_is_memory(to_vcpu(c), gpa, acc & EMU_ACC_WRITE) ? EMU_OK : EMU_IO;
}

/* An operand that no aligned unit holds: no other access to it is atomic for the host either. */
static int cmpxchg_split(struct vcpu *vcpu, u64 gpa, void *old, const void *new, unsigned int len)
{
	u8 seen[16];
	int r = gmem_vcpu_read(vcpu, gpa, seen, len);

	if (r)
		return r;
	if (memcmp(seen, old, len)) {
		memcpy(old, seen, len);
		return 0;
	}
	return gmem_vcpu_write(vcpu, gpa, new, len);
}

static int op_cmpxchg(struct emu_ctxt *c, u64 la, void *old, const void *new, unsigned int len,
		      unsigned int acc)
{
	struct vcpu *vcpu = to_vcpu(c);
	u64 gpa, o[2] = {}, n[2] = {};
	int r = translate(c, la, acc | EMU_ACC_WRITE, &gpa);

	if (r != EMU_OK)
		return r;
	if (lapic_owns_gpa(vcpu, gpa))
		return not_copied(c, gpa, true);
	memcpy(o, old, len);
	memcpy(n, new, len);
	if (gpa & (len - 1))
		r = cmpxchg_split(vcpu, gpa, o, n, len);
	else if (len == 16)
		r = gmem_vcpu_cmpxchg16(vcpu, gpa, o, n);
	else
		r = gmem_vcpu_cmpxchg(vcpu, gpa, o, n[0], len);
	if (r < 0)
		return not_copied(c, gpa, true);
	wrote(vcpu, gpa, len);
	memcpy(old, o, len);
	return EMU_OK;
}

static int bulk(struct emu_ctxt *c, u64 la, void *to, const void *from, unsigned int len)
{
	struct vcpu *vcpu = to_vcpu(c);
	u64 gpa;
	int r = translate(c, la, from ? EMU_ACC_WRITE : EMU_ACC_READ, &gpa);

	if (r != EMU_OK)
		return r;
	if (lapic_owns_gpa(vcpu, gpa))
		return EMU_UNHANDLEABLE;
	r = from ? gmem_vcpu_write(vcpu, gpa, from, len) : gmem_vcpu_read(vcpu, gpa, to, len);
	if (from && !r)
		wrote(vcpu, gpa, len);
	return r ? EMU_UNHANDLEABLE : EMU_OK;
}

static int op_read_bulk(struct emu_ctxt *c, u64 la, void *buf, unsigned int len)
{
	return bulk(c, la, buf, NULL, len);
}

static int op_write_bulk(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len)
{
	return bulk(c, la, NULL, buf, len);
}

/* ---- ports ---- */

static u32 first_value(const struct emu_ctxt *c, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, c->pio_buf, size);
	return val;
}

static int op_pio_in(struct emu_ctxt *c, u16 port, unsigned int size, unsigned int count)
{
	struct vcpu *vcpu = to_vcpu(c);
	unsigned int i;

	for (i = 0; i < count; i++) {
		u32 val = 0;

		if (iobus_read(vcpu, IOBUS_PIO, port, size, &val)) {
			if (!i)
				return EMU_IO;
			val = ~0U; /* the device went away meanwhile */
		}
		memcpy(c->pio_buf + i * size, &val, size);
	}
	trace_vmx_pio(vcpu, false, port, size, count, first_value(c, size));
	return EMU_OK;
}

static int op_pio_out(struct emu_ctxt *c, u16 port, unsigned int size, unsigned int count)
{
	struct vcpu *vcpu = to_vcpu(c);
	unsigned int i;

	for (i = 0; i < count; i++) {
		u32 val = 0;

		memcpy(&val, c->pio_buf + i * size, size);
		if (iobus_write(vcpu, IOBUS_PIO, port, size, &val) && !i)
			return EMU_IO;
	}
	trace_vmx_pio(vcpu, true, port, size, count, first_value(c, size));
	return EMU_OK;
}

/* ---- segments and tables ---- */

static enum vcpu_seg seg_number(unsigned int seg)
{
	if (seg == EMU_LDTR)
		return VCPU_SEG_LDTR;
	if (seg == EMU_TR)
		return VCPU_SEG_TR;
	return (enum vcpu_seg)seg;
}

static_assert(sizeof(struct emu_seg) == sizeof(struct vmx_segment));
static_assert(offsetof(struct emu_seg, unusable) == offsetof(struct vmx_segment, unusable));
static_assert(offsetof(struct emu_seg, type) == offsetof(struct vmx_segment, type));

static void op_get_seg(struct emu_ctxt *c, unsigned int seg, struct emu_seg *s)
{
	struct vmx_segment v;

	vcpu_get_segment(to_vcpu(c), seg_number(seg), &v);
	memcpy(s, &v, sizeof(*s));
}

static void op_set_seg(struct emu_ctxt *c, unsigned int seg, const struct emu_seg *s)
{
	struct vmx_segment v;

	memcpy(&v, s, sizeof(v));
	vcpu_set_segment(to_vcpu(c), seg_number(seg), &v);
}

static void op_get_dt(struct emu_ctxt *c, unsigned int which, struct emu_dtr *d)
{
	struct vmx_dtable t = {};

	if (which == EMU_GDT)
		backend_call(get_gdt)(to_vcpu(c), &t);
	else
		backend_call(get_idt)(to_vcpu(c), &t);
	d->base = t.base;
	d->limit = t.limit;
}

static void op_set_dt(struct emu_ctxt *c, unsigned int which, const struct emu_dtr *d)
{
	struct vmx_dtable t = { .base = d->base, .limit = d->limit };

	if (which == EMU_GDT)
		backend_call(set_gdt)(to_vcpu(c), &t);
	else
		backend_call(set_idt)(to_vcpu(c), &t);
}

/* ---- control, debug and model-specific registers ---- */

static u64 op_get_cr(struct emu_ctxt *c, unsigned int nr)
{
	struct vcpu *vcpu = to_vcpu(c);

	switch (nr) {
	case 0:
		return vcpu_cr0(vcpu);
	case 2:
		return vcpu->cr2;
	case 3:
		return vcpu_cr3(vcpu);
	case 4:
		return vcpu_cr4(vcpu);
	case 8:
		return x86_get_cr8(vcpu);
	default:
		return 0;
	}
}

/* The setters say 1 for an illegal value. */
static int gp_if(struct emu_ctxt *c, int r)
{
	return r ? emu_raise_err(c, EMU_EXC_GP, 0) : EMU_OK;
}

static int set_cr8(struct emu_ctxt *c, u64 val)
{
	struct vcpu *vcpu = to_vcpu(c);
	u64 old = x86_get_cr8(vcpu);
	int r = x86_set_cr8(vcpu, val);

	vcpu->event_check = true;
	/* As in exits_cr.c. */
	if (!r && !vcpu->lapic && val < old) {
		vcpu->run->exit_reason = VMX_EXIT_SET_TPR;
		vcpu->emul->result = VCPU_TO_USER;
	}
	return gp_if(c, r);
}

static int op_set_cr(struct emu_ctxt *c, unsigned int nr, u64 val)
{
	struct vcpu *vcpu = to_vcpu(c);

	switch (nr) {
	case 0:
		return gp_if(c, x86_set_cr0(vcpu, val));
	case 2:
		vcpu->cr2 = val;
		return EMU_OK;
	case 3:
		return gp_if(c, x86_set_cr3(vcpu, val));
	case 4:
		return gp_if(c, x86_set_cr4(vcpu, val));
	case 8:
		return set_cr8(c, val);
	default:
		return emu_raise(c, EMU_EXC_UD);
	}
}

/* These raise what there is to raise themselves. */
static int raised_if(struct emu_ctxt *c, int r)
{
	if (!r)
		return EMU_OK;
	to_vcpu(c)->emul->raised = true;
	return EMU_EXCEPTION;
}

static int op_get_dr(struct emu_ctxt *c, unsigned int nr, u64 *val)
{
	return raised_if(c, x86_get_dr(to_vcpu(c), nr, val));
}

static int op_set_dr(struct emu_ctxt *c, unsigned int nr, u64 val)
{
	return raised_if(c, x86_set_dr(to_vcpu(c), nr, val));
}

/*
 * RDMSR and WRMSR come here only if they were written after the exit for something else. One that is the
 * VMM's exits by itself when the guest executes it again.
 */
static int msr_result(struct emu_ctxt *c, int r)
{
	return r && x86_msr_wants_exit(to_vcpu(c), r) ? EMU_RESTART : gp_if(c, r);
}

static int op_get_msr(struct emu_ctxt *c, u32 msr, u64 *val)
{
	return msr_result(c, x86_rdmsr(to_vcpu(c), msr, val));
}

static int op_set_msr(struct emu_ctxt *c, u32 msr, u64 val)
{
	return msr_result(c, x86_wrmsr(to_vcpu(c), msr, val));
}

static int op_rdtsc(struct emu_ctxt *c, u64 *tsc, u32 *aux)
{
	struct vcpu *vcpu = to_vcpu(c);
	u64 val = 0;

	*tsc = x86_guest_tsc(vcpu, rdtsc());
	if (backend_call(get_msr)(vcpu, MSR_TSC_AUX, &val))
		val = 0;
	*aux = (u32)val;
	return EMU_OK;
}

static int op_rdpmc(struct emu_ctxt *c, u32 idx, u64 *val)
{
	if (backdoor_counter(to_vcpu(c), idx, val))
		return EMU_OK;
	/* No PMU: every other counter is out of range. */
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

static int op_get_xcr(struct emu_ctxt *c, u32 idx, u64 *val)
{
	if (idx)
		return emu_raise_err(c, EMU_EXC_GP, 0);
	*val = x86_get_xcr0(to_vcpu(c));
	return EMU_OK;
}

static int op_set_xcr(struct emu_ctxt *c, u32 idx, u64 val)
{
	return gp_if(c, idx || x86_set_xcr0(to_vcpu(c), val));
}

static int op_cpuid(struct emu_ctxt *c, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	x86_cpuid(to_vcpu(c), eax, ebx, ecx, edx);
	return EMU_OK;
}

/* ---- the rest ---- */

static int op_halt(struct emu_ctxt *c)
{
	to_vcpu(c)->emul->halted = true;
	return EMU_OK;
}

/* The context goes on as the interrupted program. */
static int op_rsm(struct emu_ctxt *c)
{
	struct vcpu *vcpu = to_vcpu(c);
	u8 shadow = 0;
	int r;

	if (!vcpu->smm)
		return emu_raise(c, EMU_EXC_UD);
	r = smm_leave(vcpu, &shadow);
	if (r < 0)
		return failed(vcpu, r);
	if (r == SMM_SHUTDOWN) {
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		return EMU_RESTART;
	}
	vcpu->emul->halted = r == SMM_LEFT_HALTED;
	memcpy(c->regs, vcpu->regs, sizeof(c->regs));
	c->rip = vcpu_rip(vcpu);
	c->rflags = vcpu_reg(vcpu, VCPU_RFLAGS);
	c->mode = x86_emu_mode(vcpu);
	c->cpl = vcpu_cpl(vcpu);
	if (shadow & VMX_X86_SHADOW_INT_MOV_SS)
		c->shadow = EMU_SHADOW_MOVSS;
	else if (shadow)
		c->shadow = EMU_SHADOW_STI;
	return EMU_OK;
}

static int op_invlpg(struct emu_ctxt *c, u64 la)
{
	mmu_invlpg(to_vcpu(c), la);
	return EMU_OK;
}

#define INVPCID_ADDRESS 0
#define INVPCID_CONTEXT 1

/* Under nested paging the guest executes it itself. */
static int op_invpcid(struct emu_ctxt *c, unsigned int type, u16 pcid, u64 la)
{
	struct vcpu *vcpu = to_vcpu(c);

	if (!x86_guest_has(vcpu, CPUID_F_INVPCID))
		return emu_raise(c, EMU_EXC_UD);
	if (type == INVPCID_ADDRESS && pcid == (vcpu_cr3(vcpu) & X86_CR3_PCID_MASK)) {
		mmu_invlpg(vcpu, la);
		return EMU_OK;
	}
	mmu_guest_flush(vcpu, type <= INVPCID_CONTEXT ? pcid : ~0ULL, false);
	backend_call(flush_tlb)(vcpu);
	return EMU_OK;
}

/* Caches are coherent with all that a guest can reach here. */
static int op_wbinvd(struct emu_ctxt *c)
{
	return EMU_OK;
}

static int op_hypercall(struct emu_ctxt *c)
{
	struct vcpu *vcpu = to_vcpu(c);

	if (hv_hypercalls(vcpu) && hv_hypercall_ud(vcpu))
		return emu_raise(c, EMU_EXC_UD);
	/* Its arguments are in the vCPU's registers, unchanged since the context was filled. */
	vcpu_count(vcpu, hypercalls);
	vcpu->emul->result = x86_hypercall(vcpu);
	c->regs[EMU_RAX] = vcpu_reg(vcpu, VCPU_RAX);
	c->regs[EMU_RDX] = vcpu_reg(vcpu, VCPU_RDX);
	return EMU_OK;
}

static void op_iret(struct emu_ctxt *c)
{
	backend_call(set_nmi_mask)(to_vcpu(c), false);
}

/*
 * Vector registers. Once kept the guest's are the task's, but the task may have been switched out
 * since; then they are brought back first. Bottom halves are held off meanwhile.
 */
static void vec_begin(struct vcpu *vcpu)
{
	x86_fpu_keep(vcpu);
	fpregs_lock();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

#define VEC_CASES(op) \
	switch (reg) { \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) \
	op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) \
	}
#define VEC_CASE(n, insn) case n: asm volatile(insn : : [p] "r" (p) : "memory"); break;
#define GET_XMM(n) VEC_CASE(n, "movdqu %%xmm" #n ", (%[p])")
#define SET_XMM(n) VEC_CASE(n, "movdqu (%[p]), %%xmm" #n)
#define SET_VXMM(n) VEC_CASE(n, "vmovdqu (%[p]), %%xmm" #n)
#define GET_MMX(n) VEC_CASE(n, "movq %%mm" #n ", (%[p])")
#define SET_MMX(n) VEC_CASE(n, "movq (%[p]), %%mm" #n)
#define GET_YMM(n) VEC_CASE(n, "vmovdqu %%ymm" #n ", (%[p])")
#define SET_YMM(n) VEC_CASE(n, "vmovdqu (%[p]), %%ymm" #n)

#define MMX_CASES(op) switch (reg) { op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) }
#define X87_STATUS_ES BIT(7)

/*
 * The guest's x87 exception that is pending, which an MMX move would raise here, in the host. With CR0.NE clear
 * the chip set makes an interrupt of it (SDM 1 8.7.2); not here.
 */
static int x87_pending(struct emu_ctxt *c)
{
	u16 status;

	asm volatile("fnstsw %0" : "=am" (status));
	if (likely(!(status & X87_STATUS_ES)))
		return EMU_OK;
	return vcpu_cr0(to_vcpu(c)) & X86_CR0_NE ? emu_raise(c, EMU_EXC_MF) : EMU_UNHANDLEABLE;
}

static int op_check_x87(struct emu_ctxt *c)
{
	int r;

	vec_begin(to_vcpu(c));
	r = x87_pending(c);
	fpregs_unlock();
	return r;
}

/* The moves themselves leave the x87 stack as MMX instructions do: all full, its top 0 (SDM 1 9.6.2). */
static int op_get_mmx(struct emu_ctxt *c, unsigned int reg, void *p)
{
	int r;

	vec_begin(to_vcpu(c));
	r = x87_pending(c);
	if (r == EMU_OK)
		MMX_CASES(GET_MMX)
	fpregs_unlock();
	return r;
}

static int op_set_mmx(struct emu_ctxt *c, unsigned int reg, const void *p)
{
	int r;

	vec_begin(to_vcpu(c));
	r = x87_pending(c);
	if (r == EMU_OK)
		MMX_CASES(SET_MMX)
	fpregs_unlock();
	return r;
}

static int op_get_vec(struct emu_ctxt *c, unsigned int reg, void *p, unsigned int len)
{
	if (len == 8)
		return op_get_mmx(c, reg, p);
	vec_begin(to_vcpu(c));
	if (len == 32)
		VEC_CASES(GET_YMM)
	else
		VEC_CASES(GET_XMM)
	fpregs_unlock();
	return EMU_OK;
}

void x86_read_xmm(struct vcpu *vcpu, u64 *to, unsigned int n)
{
	unsigned int reg;

	vec_begin(vcpu);
	for (reg = 0; reg < n; reg++, to += 2) {
		u64 *p = to;

		VEC_CASES(GET_XMM)
	}
	fpregs_unlock();
}

static int op_set_vec(struct emu_ctxt *c, unsigned int reg, const void *p, unsigned int len,
		      bool clear)
{
	if (len == 8)
		return op_set_mmx(c, reg, p);
	vec_begin(to_vcpu(c));
	if (len == 32)
		VEC_CASES(SET_YMM)
	else if (clear)
		VEC_CASES(SET_VXMM)
	else
		VEC_CASES(SET_XMM)
	fpregs_unlock();
	return EMU_OK;
}

const struct emu_ops emul_ops = {
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.probe = op_probe,
	.cmpxchg = op_cmpxchg,
	.read_bulk = op_read_bulk,
	.write_bulk = op_write_bulk,
	.pio_in = op_pio_in,
	.pio_out = op_pio_out,
	.check_x87 = op_check_x87,
	.get_seg = op_get_seg,
	.set_seg = op_set_seg,
	.get_dt = op_get_dt,
	.set_dt = op_set_dt,
	.get_cr = op_get_cr,
	.set_cr = op_set_cr,
	.get_dr = op_get_dr,
	.set_dr = op_set_dr,
	.get_msr = op_get_msr,
	.set_msr = op_set_msr,
	.rdtsc = op_rdtsc,
	.rdpmc = op_rdpmc,
	.get_xcr = op_get_xcr,
	.set_xcr = op_set_xcr,
	.cpuid = op_cpuid,
	.halt = op_halt,
	.rsm = op_rsm,
	.invlpg = op_invlpg,
	.invpcid = op_invpcid,
	.wbinvd = op_wbinvd,
	.hypercall = op_hypercall,
	.iret = op_iret,
	.get_vec = op_get_vec,
	.set_vec = op_set_vec,
};
