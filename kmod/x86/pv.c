// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual services other than the clock: hypercalls, steal time, TLB flushes on behalf of
 * others.
 */
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/ktime.h>

#include "backend.h"
#include "gmem.h"
#include "halt.h"
#include "mmu/mmu.h"
#include "irqchip/irqchip.h"
#include "x86/cr.h"
#include "x86/insn.h"
#include "x86/state.h"
#include "x86/x86.h"

/* ---- hypercalls ---- */

bool hypercall_wide(struct vcpu *vcpu)
{
	exit_learn_mode(vcpu);
	return (vcpu->exit.cs_flags & BACKEND_CS_L) && (vcpu_efer(vcpu) & EFER_LMA);
}

static u64 hypercall_arg(struct vcpu *vcpu, enum vcpu_reg reg, bool wide)
{
	return wide ? vcpu->regs[reg] : (u32)vcpu->regs[reg];
}

static void hypercall_result(struct vcpu *vcpu, bool wide, long result)
{
	vcpu_set_reg(vcpu, VCPU_RAX, wide ? (u64)result : (u32)result);
}

/* Let the vCPU that holds what the caller waits for run. */
static void sched_yield_to(struct vcpu *vcpu, u32 apic_id)
{
	struct vcpu *target = irqchip_vcpu_by_apic_id(vcpu->vm, apic_id);

	vcpu_count(vcpu, directed_yield_attempted);
	if (!target || target == vcpu || !READ_ONCE(target->ready))
		return;
	if (vcpu_yield_to(target) > 0)
		vcpu_count(vcpu, directed_yield_successful);
}

/* The guest's TSC and the host's real time at one instant: what a PTP clock is made of. */
static long clock_pairing(struct vcpu *vcpu, u64 gpa, u64 type)
{
	struct vmx_pv_clock_pairing pair = {};
	struct clock_sample s;
	u32 nsec;

	if (type != VMX_PV_CLOCK_PAIRING_WALLCLOCK)
		return -VMX_PV_EOPNOTSUPP;
	/* Without a reliable TSC the pair would say nothing. */
	if (!READ_ONCE(vcpu->vm->x86->master))
		return -VMX_PV_EOPNOTSUPP;
	clock_sample(&s);
	pair.sec = div_u64_rem(s.real_ns, NSEC_PER_SEC, &nsec);
	pair.nsec = nsec;
	pair.tsc = x86_guest_tsc(vcpu, s.tsc);
	return gmem_write(vcpu->vm, gpa, &pair, sizeof(pair)) ? -VMX_PV_EFAULT : 0;
}

/* The features that CPUID shows, from where the PV leaves are: there may be others' before them. */
static u32 pv_features(struct vcpu *vcpu)
{
	u32 base, a, b, c, d;

	for (base = VMX_PV_CPUID_SIGNATURE; base < VMX_PV_CPUID_SIGNATURE + 0x1000; base += 0x100) {
		a = base;
		c = 0;
		x86_cpuid(vcpu, &a, &b, &c, &d);
		if (b != VMX_PV_SIGNATURE_EBX || c != VMX_PV_SIGNATURE_ECX || d != VMX_PV_SIGNATURE_EDX)
			continue;
		a = base + 1;
		c = 0;
		x86_cpuid(vcpu, &a, &b, &c, &d);
		return a;
	}
	return 0;
}

bool pv_allowed(struct vcpu *vcpu, unsigned int feature)
{
	return likely(!vcpu->x86->pv_enforce) || (pv_features(vcpu) & BIT(feature));
}

/* Those that never sleep. */
bool x86_hypercall_fast(struct vcpu *vcpu)
{
	bool wide = hypercall_wide(vcpu);
	long result = -VMX_PV_ENOSYS;

	/* Only the guest's kernel may ask. */
	if (vcpu->exit.cpl) {
		hypercall_result(vcpu, wide, -VMX_PV_EPERM);
		return true;
	}
	switch (hypercall_arg(vcpu, VCPU_RAX, wide)) {
	case VMX_PV_HC_CLOCK_PAIRING:
	case VMX_PV_HC_SCHED_YIELD:
	case VMX_PV_HC_MAP_GPA_RANGE:
		return false;
	case VMX_PV_HC_VAPIC_POLL_IRQ:
		result = 0;
		break;
	case VMX_PV_HC_KICK_CPU:
		if (!pv_allowed(vcpu, VMX_PV_FEATURE_PV_UNHALT))
			break;
		irqchip_pv_kick(vcpu, vcpu->regs[VCPU_RCX]);
		result = 0;
		break;
	case VMX_PV_HC_SEND_IPI:
		if (!pv_allowed(vcpu, VMX_PV_FEATURE_PV_SEND_IPI))
			break;
		result = irqchip_pv_send_ipi(vcpu, hypercall_arg(vcpu, VCPU_RBX, wide),
					     hypercall_arg(vcpu, VCPU_RCX, wide),
					     vcpu->regs[VCPU_RDX], vcpu->regs[VCPU_RSI],
					     wide ? 64 : 32);
		break;
	default:
		break;
	}
	hypercall_result(vcpu, wide, result);
	return true;
}

static int complete_hypercall(struct vcpu *vcpu)
{
	hypercall_result(vcpu, vcpu->run->hypercall.longmode, READ_ONCE(vcpu->run->hypercall.ret));
	return VCPU_RESUME;
}

/* The guest shares pages, or takes them back: the VMM's business. 0: the exit is filled in. */
static long map_gpa_range(struct vcpu *vcpu, bool wide)
{
	struct vmx_run *run = vcpu->run;
	u64 gpa = hypercall_arg(vcpu, VCPU_RBX, wide), pages = hypercall_arg(vcpu, VCPU_RCX, wide);

	if (!(READ_ONCE(vcpu->vm->x86->hypercall_exits) & BIT_ULL(VMX_PV_HC_MAP_GPA_RANGE)))
		return -VMX_PV_ENOSYS;
	if ((gpa & ~PAGE_MASK) || !pages || (gpa >> PAGE_SHIFT) + pages <= gpa >> PAGE_SHIFT)
		return -VMX_PV_EINVAL;
	run->exit_reason = VMX_EXIT_HYPERCALL;
	run->hypercall.nr = VMX_PV_HC_MAP_GPA_RANGE;
	memset(run->hypercall.args, 0, sizeof(run->hypercall.args));
	run->hypercall.args[0] = gpa;
	run->hypercall.args[1] = pages;
	run->hypercall.args[2] = hypercall_arg(vcpu, VCPU_RDX, wide);
	run->hypercall.ret = 0;
	run->hypercall.longmode = wide;
	vcpu->complete_userspace_io = complete_hypercall;
	return 0;
}

int x86_hypercall(struct vcpu *vcpu)
{
	bool wide = hypercall_wide(vcpu);
	u64 arg0 = hypercall_arg(vcpu, VCPU_RBX, wide);
	long result;

	if (hv_hypercalls(vcpu))
		return hv_hypercall(vcpu);
	if (x86_hypercall_fast(vcpu))
		return VCPU_RESUME;
	switch (hypercall_arg(vcpu, VCPU_RAX, wide)) {
	case VMX_PV_HC_CLOCK_PAIRING:
		result = clock_pairing(vcpu, arg0, hypercall_arg(vcpu, VCPU_RCX, wide));
		break;
	case VMX_PV_HC_MAP_GPA_RANGE:
		result = map_gpa_range(vcpu, wide);
		if (!result)
			return VCPU_TO_USER;
		break;
	default:
		result = -VMX_PV_ENOSYS;
		if (pv_allowed(vcpu, VMX_PV_FEATURE_PV_SCHED_YIELD)) {
			sched_yield_to(vcpu, arg0);
			result = 0;
		}
	}
	hypercall_result(vcpu, wide, result);
	return VCPU_RESUME;
}

int x86_foreign_hypercall(struct vcpu *vcpu)
{
	u8 own = backend_caps->hypercall_insn[2], seen;
	struct emu_simple insn;
	struct gva_fault fault;
	u32 flags = GVA_WRITE;
	u64 last;

	if (vcpu->vm->disabled_quirks & VMX_X86_QUIRK_FIX_HYPERCALL_INSN)
		return -ENOENT;
	if (!insn_match(vcpu, &insn, false))
		return -ENOENT;
	if (insn.op != EMU_S_VMCALL && insn.op != EMU_S_VMMCALL)
		return -ENOENT;
	seen = insn.op == EMU_S_VMCALL ? 0xc1 : 0xd9;
	if (seen == own || (hv_hypercalls(vcpu) && hv_hypercall_ud(vcpu)))
		return -ENOENT;
	if (vcpu_cpl(vcpu) == 3)
		flags |= GVA_USER;
	/* One byte differs, so other CPUs may be about to execute it. */
	last = x86_linear_rip(vcpu) + insn.len - 1;
	if (!gva_write(vcpu, last, flags, &own, 1, &fault))
		return VCPU_RESUME;
	vcpu_count(vcpu, hypercalls);
	insn_advance(vcpu, insn.len);
	return x86_hypercall(vcpu);
}

/* ---- steal time ---- */

#define STEAL_OFFSET(field) offsetof(struct vmx_pv_steal_time, field)

void steal_vcpu_reset(struct vcpu *vcpu)
{
	vcpu->x86->steal_time = 0;
	vcpu->x86->steal_marked = false;
}

int steal_write_msr(struct vcpu *vcpu, u64 val)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->steal_time = val;
	if (!(val & VMX_PV_MSR_ENABLED))
		return 0;
	/* A page that is not memory: the guest reads what it can. */
	if (gmem_cache_init(vcpu->vm, &x->steal_page, val & VMX_PV_STEAL_VALID_BITS,
			    sizeof(struct vmx_pv_steal_time)))
		return 0;
	x->last_task = current;
	x->last_run_delay = current->sched_info.run_delay;
	x->steal_marked = true;
	vcpu_request(vcpu, REQ_STEAL_UPDATE);
	return 0;
}

void steal_vcpu_load(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	/* Most loads come without waiting: nothing to say. */
	if (x->steal_marked || x->last_task != current ||
	    x->last_run_delay != current->sched_info.run_delay)
		vcpu_request(vcpu, REQ_STEAL_UPDATE);
}

void steal_vcpu_preempted(struct vcpu *vcpu)
{
	static const u8 preempted = VMX_PV_VCPU_PREEMPTED;
	struct vcpu_x86 *x = vcpu->x86;

	if (x->steal_marked)
		return;
	/* Others need not wait for this one's TLB flush, and may flush through this byte. */
	if (gmem_cache_write_atomic(vcpu->vm, &x->steal_page, STEAL_OFFSET(preempted), &preempted,
				    sizeof(preempted)))
		return;
	x->steal_marked = true;
	vcpu_count(vcpu, preemption_reported);
}

/* The preempted byte to 0, and what it was: another vCPU may set the flush bit until then. */
static u8 clear_preempted(struct vcpu *vcpu)
{
	u64 gpa = (vcpu->x86->steal_time & VMX_PV_STEAL_VALID_BITS) + STEAL_OFFSET(preempted);
	u64 old = VMX_PV_VCPU_PREEMPTED;
	int tries;

	/*
	 * The byte has four values that make sense; a guest that plays with it stops the service.
	 */
	for (tries = 0; tries < 8; tries++) {
		int r = gmem_cmpxchg(vcpu->vm, gpa, &old, 0, 1);

		if (!r)
			return old;
		if (r < 0)
			break;
	}
	return VMX_PV_VCPU_FLUSH_TLB;
}

void x86_serve_steal_update(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;
	struct gmem_cache *page = &x->steal_page;
	u64 delay = current->sched_info.run_delay, steal;
	u32 version;

	if (!(x->steal_time & VMX_PV_MSR_ENABLED))
		return;
	if (x->steal_marked) {
		x->steal_marked = false;
		if (clear_preempted(vcpu) & VMX_PV_VCPU_FLUSH_TLB) {
			vcpu_count(vcpu, tlb_flush);
			backend_call(flush_tlb)(vcpu);
			mmu_guest_flush(vcpu, ~0ULL, false);
		}
	}
	if (x->last_task != current) {
		x->last_task = current;
		x->last_run_delay = delay;
		return;
	}
	if (gmem_cache_read(vcpu->vm, page, STEAL_OFFSET(version), &version, sizeof(version)) ||
	    gmem_cache_read(vcpu->vm, page, STEAL_OFFSET(steal), &steal, sizeof(steal)))
		return;
	version = (version | 1) + (version & 1 ? 2 : 0);
	if (gmem_cache_write(vcpu->vm, page, STEAL_OFFSET(version), &version, sizeof(version)))
		return;
	smp_wmb();
	steal += delay - x->last_run_delay;
	x->last_run_delay = delay;
	gmem_cache_write(vcpu->vm, page, STEAL_OFFSET(steal), &steal, sizeof(steal));
	smp_wmb();
	version++;
	gmem_cache_write(vcpu->vm, page, STEAL_OFFSET(version), &version, sizeof(version));
}
