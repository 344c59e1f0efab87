// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's MSRs (TLFS appendix C): those of the partition here, those of SynIC, timers and clock by their files. */
#include <linux/math64.h>
#include <linux/sched/cputime.h>

#include "backend.h"
#include "gmem.h"
#include "irqchip/irqchip.h"
#include "pure/lapic.h"
#include "x86/hyperv.h"
#include "x86/state.h"
#include "x86/x86.h"

/* The bus clock of the local APIC's timer (pure/lapic.h) */
#define APIC_HZ 1000000000ULL
#define UNIT_NS 100

/* The guest may touch it? Rows of the table that the guest has no right to are #GP. */
static bool guest_may(const struct vcpu_hv *hv, u32 msr)
{
	if (!hv || !hv->cpuid.present)
		return false;
	if (msr >= VMX_HV_MSR_SYNDBG_CONTROL && msr <= VMX_HV_MSR_SYNDBG_OPTIONS &&
	    !(hv->cpuid.syndbg & VMX_HV_SYNDBG_ALLOW))
		return false;
	return !hv->enforce || hv_msr_privileged(&hv->cpuid, msr);
}

/* What this thread has used of its CPU, which is what the virtual processor has. */
static u64 runtime(void)
{
	u64 user, system;

	task_cputime_adjusted(current, &user, &system);
	return div_u64(user + system, UNIT_NS);
}

/* ---- the local APIC (TLFS 10.2) ---- */

static int apic_read(struct vcpu *vcpu, u32 reg, u64 *val)
{
	u32 low = 0, high = 0;

	if (lapic_get_base(vcpu) & LAPIC_BASE_X2APIC)
		return lapic_msr_read(vcpu, LAPIC_MSR_FIRST + (reg >> 4), val, false) ? 1 : 0;
	lapic_mmio_read(vcpu, reg, 4, &low, false);
	if (reg == LAPIC_ICR)
		lapic_mmio_read(vcpu, LAPIC_ICR_HIGH, 4, &high, false);
	*val = low | (u64)high << 32;
	return 0;
}

static int apic_write(struct vcpu *vcpu, u32 reg, u64 val)
{
	u32 low = (u32)val, high = val >> 32;

	/* What is written to EOI does not matter. */
	if (reg == LAPIC_EOI)
		val = low = 0;
	if (lapic_get_base(vcpu) & LAPIC_BASE_X2APIC)
		return lapic_msr_write(vcpu, LAPIC_MSR_FIRST + (reg >> 4), val, false) ? 1 : 0;
	if (reg == LAPIC_ICR)
		lapic_mmio_write(vcpu, LAPIC_ICR_HIGH, 4, &high, false);
	lapic_mmio_write(vcpu, reg, 4, &low, false);
	return 0;
}

/* The page's first word is where the guest ends an interrupt without an exit, if it may (TLFS 10.3.2). */
static int write_vp_assist(struct vcpu *vcpu, u64 val, bool host)
{
	u64 gpa = val & VMX_HV_PAGE_MASK;
	u32 none = 0;

	if (val & VMX_HV_ENABLE) {
		/* The VMM restores a page that came with the memory. */
		if (!host && gmem_write(vcpu->vm, gpa, &none, sizeof(none)))
			return 1;
		if (lapic_set_pv_eoi(vcpu, gpa | VMX_PV_MSR_ENABLED))
			return 1;
	} else if (lapic_set_pv_eoi(vcpu, 0)) {
		return 1;
	}
	vcpu->x86->hv->vp_assist = val;
	return 0;
}

static int apic_msr_read(struct vcpu *vcpu, u32 msr, u64 *val)
{
	if (msr == VMX_HV_MSR_VP_ASSIST_PAGE) {
		*val = vcpu->x86->hv ? vcpu->x86->hv->vp_assist : 0;
		return 0;
	}
	if (!vcpu->lapic || msr == VMX_HV_MSR_EOI)
		return 1;
	return apic_read(vcpu, msr == VMX_HV_MSR_ICR ? LAPIC_ICR : LAPIC_TPR, val);
}

static int apic_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	if (msr == VMX_HV_MSR_VP_ASSIST_PAGE) {
		/* Off is off, with a local APIC or without. */
		if (!vcpu->lapic && !(val & VMX_HV_ENABLE)) {
			vcpu->x86->hv->vp_assist = val;
			return 0;
		}
		return write_vp_assist(vcpu, val, host);
	}
	if (!vcpu->lapic)
		return 1;
	switch (msr) {
	case VMX_HV_MSR_EOI:
		return apic_write(vcpu, LAPIC_EOI, val);
	case VMX_HV_MSR_ICR:
		return apic_write(vcpu, LAPIC_ICR, val);
	default:
		return apic_write(vcpu, LAPIC_TPR, val);
	}
}

/* ---- the partition ---- */

/* The instruction that makes a hypercall on this hardware, and a near return (TLFS 3.13). */
static int write_hypercall_page(struct vcpu *vcpu, u64 gpa)
{
	u8 code[4];

	memcpy(code, backend_caps->hypercall_insn, 3);
	code[3] = 0xc3;
	return gmem_write(vcpu->vm, gpa, code, sizeof(code));
}

static int write_hypercall(struct vcpu *vcpu, struct vm_hv *v, u64 val)
{
	/* A guest that has not said who it is has no hypercalls: the write is dropped (TLFS 3.13). */
	if (!v->guest_os_id)
		return 0;
	if ((val & VMX_HV_ENABLE) && write_hypercall_page(vcpu, val & VMX_HV_PAGE_MASK))
		return 1;
	v->hypercall = val;
	return 0;
}

static int write_partition(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	struct vm_hv *v = &vcpu->vm->x86->hv;
	struct vcpu_hv *hv = vcpu->x86->hv;
	int r = 0;

	switch (msr) {
	case VMX_HV_MSR_GUEST_OS_ID:
	case VMX_HV_MSR_HYPERCALL:
		mutex_lock(&v->lock);
		if (msr == VMX_HV_MSR_HYPERCALL) {
			r = write_hypercall(vcpu, v, val);
		} else {
			WRITE_ONCE(v->guest_os_id, val);
			if (!val)
				v->hypercall &= ~VMX_HV_ENABLE;
		}
		mutex_unlock(&v->lock);
		return r;
	case VMX_HV_MSR_VP_INDEX:
		if (!host || val >= VM_MAX_VCPUS)
			return 1;
		WRITE_ONCE(hv->vp_index, val);
		return 0;
	case VMX_HV_MSR_RESET:
		if (val == 1 && !host)
			hv_exit_soon(hv, HV_EXIT_RESET, msr);
		return 0;
	default:
		return 1;
	}
}

static int write_crash(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	struct vm_hv *v = &vcpu->vm->x86->hv;

	if (msr == VMX_HV_MSR_CRASH_CTL) {
		/* The VMM says what can be done, the guest that it is to be done (TLFS 2.6). */
		if (host) {
			mutex_lock(&v->lock);
			v->crash_ctl = val & VMX_HV_CRASH_NOTIFY;
			mutex_unlock(&v->lock);
		} else if (val & VMX_HV_CRASH_NOTIFY) {
			hv_exit_soon(vcpu->x86->hv, HV_EXIT_CRASH, msr);
		}
		return 0;
	}
	mutex_lock(&v->lock);
	v->crash[array_index_nospec(msr - VMX_HV_MSR_CRASH_P0, ARRAY_SIZE(v->crash))] = val;
	mutex_unlock(&v->lock);
	return 0;
}

/* ---- the synthetic debugger: registers of the VMM's ---- */

static u64 *syndbg_field(struct vm_hv *v, u32 msr)
{
	switch (msr) {
	case VMX_HV_MSR_SYNDBG_CONTROL:
		return &v->syndbg.control;
	case VMX_HV_MSR_SYNDBG_STATUS:
		return &v->syndbg.status;
	case VMX_HV_MSR_SYNDBG_SEND_BUFFER:
		return &v->syndbg.send;
	case VMX_HV_MSR_SYNDBG_RECV_BUFFER:
		return &v->syndbg.recv;
	case VMX_HV_MSR_SYNDBG_PENDING_BUFFER:
		return &v->syndbg.pending;
	default:
		return &v->syndbg.options;
	}
}

static int write_syndbg(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	struct vm_hv *v = &vcpu->vm->x86->hv;

	mutex_lock(&v->lock);
	*syndbg_field(v, msr) = val;
	mutex_unlock(&v->lock);
	if (!host && (msr == VMX_HV_MSR_SYNDBG_CONTROL || msr == VMX_HV_MSR_SYNDBG_PENDING_BUFFER))
		hv_exit_soon(vcpu->x86->hv, HV_EXIT_SYNDBG, msr);
	return 0;
}

/* ---- the two entrances ---- */

static u64 read_partition(struct vcpu *vcpu, u32 msr)
{
	struct vm_hv *v = &vcpu->vm->x86->hv;
	u64 val = 0;

	mutex_lock(&v->lock);
	switch (msr) {
	case VMX_HV_MSR_GUEST_OS_ID:
		val = v->guest_os_id;
		break;
	case VMX_HV_MSR_HYPERCALL:
		val = v->hypercall;
		break;
	case VMX_HV_MSR_CRASH_P0 ... VMX_HV_MSR_CRASH_CTL - 1:
		val = v->crash[array_index_nospec(msr - VMX_HV_MSR_CRASH_P0,
						  ARRAY_SIZE(v->crash))];
		break;
	case VMX_HV_MSR_CRASH_CTL:
		val = v->crash_ctl;
		break;
	case VMX_HV_MSR_REENLIGHTENMENT_CONTROL:
		val = v->reenlightenment;
		break;
	case VMX_HV_MSR_SYNDBG_CONTROL ... VMX_HV_MSR_SYNDBG_OPTIONS:
		val = *syndbg_field(v, msr);
		break;
	}
	mutex_unlock(&v->lock);
	return val;
}

int hv_msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host)
{
	struct vcpu_hv *hv = vcpu->x86->hv;

	if (!host && !guest_may(hv, msr))
		return 1;
	switch (msr) {
	case VMX_HV_MSR_VP_INDEX:
		*val = hv_vp_index(vcpu);
		return 0;
	case VMX_HV_MSR_VP_RUNTIME:
		*val = runtime() + (hv ? hv->runtime_offset : 0);
		return 0;
	case VMX_HV_MSR_TSC_FREQUENCY:
		*val = x86_guest_tsc_khz(vcpu) * 1000;
		return 0;
	case VMX_HV_MSR_APIC_FREQUENCY:
		*val = APIC_HZ;
		return 0;
	case VMX_HV_MSR_TIME_REF_COUNT:
	case VMX_HV_MSR_REFERENCE_TSC:
	case VMX_HV_MSR_TSC_EMULATION_CONTROL:
	case VMX_HV_MSR_TSC_EMULATION_STATUS:
		*val = hv_read_clock_msr(vcpu, msr);
		return 0;
	case VMX_HV_MSR_EOI ... VMX_HV_MSR_VP_ASSIST_PAGE:
		return apic_msr_read(vcpu, msr, val);
	case VMX_HV_MSR_SCONTROL ... VMX_HV_MSR_SINT0 + VMX_HV_SINTS - 1:
		return hv_synic_read(hv, msr, val, host);
	case VMX_HV_MSR_STIMER0_CONFIG ... VMX_HV_MSR_STIMER0_CONFIG + 2 * VMX_HV_STIMERS - 1:
		return hv_stimer_read(hv, msr, val, host);
	default:
		/* RESET reads as 0. */
		*val = read_partition(vcpu, msr);
		return 0;
	}
}

static int write_clock(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	switch (msr) {
	case VMX_HV_MSR_REFERENCE_TSC:
		return hv_write_reference_tsc(vcpu, val, host);
	case VMX_HV_MSR_TSC_EMULATION_STATUS:
		/* The guest only acknowledges. */
		if (val && !host)
			return 1;
		break;
	}
	hv_write_tsc_emulation(vcpu, msr, val);
	return 0;
}

int hv_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	struct vcpu_hv *hv = vcpu->x86->hv;

	if (!host && !guest_may(hv, msr))
		return 1;
	hv = hv_get(vcpu);
	if (!hv)
		return 1;
	switch (msr) {
	case VMX_HV_MSR_TIME_REF_COUNT:
	case VMX_HV_MSR_TSC_FREQUENCY:
	case VMX_HV_MSR_APIC_FREQUENCY:
		/* Read-only; a VMM may give back what it has read. */
		return !host;
	case VMX_HV_MSR_VP_RUNTIME:
		if (!host)
			return 1;
		hv->runtime_offset = val - runtime();
		return 0;
	case VMX_HV_MSR_REENLIGHTENMENT_CONTROL:
		mutex_lock(&vcpu->vm->x86->hv.lock);
		vcpu->vm->x86->hv.reenlightenment = val;
		mutex_unlock(&vcpu->vm->x86->hv.lock);
		return 0;
	case VMX_HV_MSR_REFERENCE_TSC:
	case VMX_HV_MSR_TSC_EMULATION_CONTROL:
	case VMX_HV_MSR_TSC_EMULATION_STATUS:
		return write_clock(vcpu, msr, val, host);
	case VMX_HV_MSR_EOI ... VMX_HV_MSR_VP_ASSIST_PAGE:
		return apic_msr_write(vcpu, msr, val, host);
	case VMX_HV_MSR_SCONTROL ... VMX_HV_MSR_SINT0 + VMX_HV_SINTS - 1:
		return hv_synic_write(hv, msr, val, host);
	case VMX_HV_MSR_STIMER0_CONFIG ... VMX_HV_MSR_STIMER0_CONFIG + 2 * VMX_HV_STIMERS - 1:
		return hv_stimer_write(hv, msr, val, host);
	case VMX_HV_MSR_SYNDBG_CONTROL ... VMX_HV_MSR_SYNDBG_OPTIONS:
		return write_syndbg(vcpu, msr, val, host);
	case VMX_HV_MSR_CRASH_P0 ... VMX_HV_MSR_CRASH_CTL:
		return write_crash(vcpu, msr, val, host);
	default:
		return write_partition(vcpu, msr, val, host);
	}
}
