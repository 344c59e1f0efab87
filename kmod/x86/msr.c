// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDMSR and WRMSR of the guest, GET_MSRS and SET_MSRS of the VMM. What is legal the table of
 * pure/msr.h says; where a value lives this file knows.
 */
#include <linux/irqflags.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "x86/asyncpf.h"
#include "x86/cr.h"
#include "x86/msr_user.h"
#include "x86/state.h"
#include "x86/x86.h"

/* GET_MSRS and SET_MSRS take at most this many; more: -E2BIG. */
#define MAX_IO_MSRS 256

static void fill_access(struct vcpu *vcpu, struct msr_access *a, bool host)
{
	struct vcpu_x86 *x = vcpu->x86;

	a->cpuid = x->cpuid;
	a->host = host;
	a->hwcr_mc_write = x->hwcr & BIT_ULL(18);
	a->mc_banks = x->mcg_cap & 0xff;
	a->mcg_cap = x->mcg_cap;
	a->misc_enable = x->misc_enable;
}

/* ---- values that are kept here ---- */

/* The field that holds a value with no effect of its own, or NULL. */
static u64 *stored(struct vcpu *vcpu, u32 msr)
{
	struct vcpu_x86 *x = vcpu->x86;
	int mtrr;

	switch (msr) {
	case GMSR_UCODE_REV:
		return &x->ucode_rev;
	case GMSR_PLATFORM_INFO:
		return &x->platform_info;
	case GMSR_POWER_CTL:
		return &x->power_ctl;
	case GMSR_ARCH_CAPABILITIES:
		return &x->arch_cap;
	case GMSR_AMD_DE_CFG:
		return &x->de_cfg;
	case GMSR_AMD_HWCR:
		return &x->hwcr;
	case GMSR_PV_POLL_CONTROL:
		return &x->poll_control;
	case GMSR_SMBASE:
		return &x->smbase;
	case GMSR_SMI_COUNT:
		return &x->smi_count;
	default:
		mtrr = msr_mtrr_index(msr);
		if (mtrr < 0)
			return NULL;
		return &x->mtrr[array_index_nospec(mtrr, MSR_MTRR_COUNT)];
	}
}

void msr_vcpu_reset(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->misc_enable = msr_rule(GMSR_MISC_ENABLE)->reset;
	x->platform_info = 0;
	x->power_ctl = 0;
	x->hwcr = msr_rule(GMSR_AMD_HWCR)->reset;
	x->poll_control = msr_rule(GMSR_PV_POLL_CONTROL)->reset;
	x->smbase = msr_rule(GMSR_SMBASE)->reset;
	x->smi_count = 0;
	x->ucode_rev = x86_host.ucode_rev;
	x->arch_cap = x86_host.arch_cap;
	x->de_cfg = x86_host.de_cfg;
	memset(x->mtrr, 0, sizeof(x->mtrr));
}

bool x86_host_may_poll(struct vcpu *vcpu)
{
	return vcpu->x86->poll_control & 1;
}

/* ---- emulated ones ---- */

/* 0, 1: #GP */
static int read_emulated(struct vcpu *vcpu, u32 msr, u64 *val, bool host)
{
	struct vcpu_x86 *x = vcpu->x86;

	switch (msr) {
	case GMSR_TSC:
		*val = x86_guest_tsc(vcpu, rdtsc());
		return 0;
	case GMSR_TSC_ADJUST:
		*val = x->tsc_adjust;
		return 0;
	case GMSR_APIC_BASE:
		*val = lapic_get_base(vcpu);
		return 0;
	case GMSR_TSC_DEADLINE:
		*val = lapic_get_tsc_deadline(vcpu);
		return 0;
	case GMSR_EFER:
		*val = vcpu_efer(vcpu);
		return 0;
	case GMSR_MISC_ENABLE:
		*val = x->misc_enable;
		return 0;
	case GMSR_XSS:
		*val = x->xss;
		return 0;
	case GMSR_PRED_CMD:
		*val = 0;
		return 0;
	case GMSR_PV_SYSTEM_TIME:
	case GMSR_PV_SYSTEM_TIME_OLD:
		*val = x->system_time;
		return 0;
	case GMSR_PV_WALL_CLOCK:
	case GMSR_PV_WALL_CLOCK_OLD:
		*val = x->wall_clock;
		return 0;
	case GMSR_PV_STEAL_TIME:
		*val = x->steal_time;
		return 0;
	case GMSR_PV_EOI_EN:
		*val = lapic_get_pv_eoi(vcpu);
		return 0;
	case GMSR_PV_ASYNC_PF_EN:
	case GMSR_PV_ASYNC_PF_INT:
	case GMSR_PV_ASYNC_PF_ACK:
		*val = apf_msr_read(vcpu, msr);
		return 0;
	default:
		if (msr >= GMSR_X2APIC && msr <= GMSR_X2APIC + 0xff)
			return lapic_msr_read(vcpu, msr, val, false) ? 1 : 0;
		if (msr_is_hyperv(msr))
			return hv_msr_read(vcpu, msr, val, host);
		return mce_msr_read(vcpu, msr, val);
	}
}

static int write_efer(struct vcpu *vcpu, u64 val, bool host)
{
	if (host) {
		x86_force_efer(vcpu, (val & ~(u64)EFER_LMA) | (vcpu_efer(vcpu) & EFER_LMA));
		return 0;
	}
	return x86_set_efer(vcpu, val);
}

static int write_emulated(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	struct vcpu_x86 *x = vcpu->x86;

	switch (msr) {
	case GMSR_TSC:
		if (host)
			tsc_write_host(vcpu, val);
		else
			tsc_write_guest(vcpu, val);
		return 0;
	case GMSR_TSC_ADJUST:
		tsc_adjust_write(vcpu, val, host);
		return 0;
	case GMSR_APIC_BASE:
		return lapic_set_base(vcpu, val, host);
	case GMSR_TSC_DEADLINE:
		lapic_set_tsc_deadline(vcpu, val);
		return 0;
	case GMSR_EFER:
		return write_efer(vcpu, val, host);
	case GMSR_MISC_ENABLE:
		x->misc_enable = val;
		cpuid_vcpu_refresh(vcpu);
		return 0;
	case GMSR_XSS:
		x->xss = val;
		cpuid_vcpu_refresh(vcpu);
		return 0;
	case GMSR_PRED_CMD:
		/* A barrier between this guest's processes; the host's own is elsewhere. */
		if (boot_cpu_has(X86_FEATURE_IBPB))
			wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
		return 0;
	case GMSR_PV_SYSTEM_TIME:
	case GMSR_PV_SYSTEM_TIME_OLD:
		return clock_write_system_time(vcpu, val);
	case GMSR_PV_WALL_CLOCK:
	case GMSR_PV_WALL_CLOCK_OLD:
		return clock_write_wall_clock(vcpu, val);
	case GMSR_PV_STEAL_TIME:
		return steal_write_msr(vcpu, val);
	case GMSR_PV_EOI_EN:
		return lapic_set_pv_eoi(vcpu, val);
	case GMSR_PV_ASYNC_PF_EN:
	case GMSR_PV_ASYNC_PF_INT:
	case GMSR_PV_ASYNC_PF_ACK:
		return apf_msr_write(vcpu, msr, val);
	default:
		if (msr >= GMSR_X2APIC && msr <= GMSR_X2APIC + 0xff)
			return lapic_msr_write(vcpu, msr, val, false) ? 1 : 0;
		if (msr_is_hyperv(msr))
			return hv_msr_write(vcpu, msr, val, host);
		return mce_msr_write(vcpu, msr, val);
	}
}

/* With VMX_CAP_ENFORCE_PV_FEATURE_CPUID: those of services that CPUID does not show are not there. */
static bool pv_msr_allowed(struct vcpu *vcpu, u32 msr)
{
	switch (msr) {
	case GMSR_PV_WALL_CLOCK_OLD:
	case GMSR_PV_SYSTEM_TIME_OLD:
		return pv_allowed(vcpu, VMX_PV_FEATURE_CLOCKSOURCE);
	case GMSR_PV_WALL_CLOCK:
	case GMSR_PV_SYSTEM_TIME:
		return pv_allowed(vcpu, VMX_PV_FEATURE_CLOCKSOURCE2);
	case GMSR_PV_STEAL_TIME:
		return pv_allowed(vcpu, VMX_PV_FEATURE_STEAL_TIME);
	case GMSR_PV_EOI_EN:
		return pv_allowed(vcpu, VMX_PV_FEATURE_PV_EOI);
	case GMSR_PV_ASYNC_PF_EN:
		return pv_allowed(vcpu, VMX_PV_FEATURE_ASYNC_PF);
	case GMSR_PV_ASYNC_PF_INT:
	case GMSR_PV_ASYNC_PF_ACK:
		return pv_allowed(vcpu, VMX_PV_FEATURE_ASYNC_PF_INT);
	case GMSR_PV_POLL_CONTROL:
		return pv_allowed(vcpu, VMX_PV_FEATURE_POLL_CONTROL);
	default:
		return true;
	}
}

/* ---- the two entrances ---- */

int x86_msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host)
{
	const struct msr_rule *rule = msr_rule(msr);
	struct msr_access a = {};
	u64 *field;

	*val = 0;
	if (!rule)
		return X86_MSR_UNKNOWN;
	if (unlikely(vcpu->x86->pv_enforce) && !pv_msr_allowed(vcpu, msr))
		return 1;
	if (msr == GMSR_PLATFORM_INFO && !host && READ_ONCE(vcpu->vm->x86->hide_platform_info))
		return 1;
	fill_access(vcpu, &a, host);
	if (msr_check_read(rule, &a) != MSR_OK)
		return 1;
	switch (rule->treatment) {
	case MSRT_CONST:
		*val = rule->reset;
		return 0;
	case MSRT_PASS:
	case MSRT_BACKEND:
		return backend_call(get_msr)(vcpu, msr, val) ? 1 : 0;
	case MSRT_STORE:
	case MSRT_EMULATE:
		field = stored(vcpu, msr);
		if (field) {
			*val = *field;
			return 0;
		}
		return read_emulated(vcpu, msr, val, host);
	default:
		return 1;
	}
}

int x86_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	const struct msr_rule *rule = msr_rule(msr);
	struct msr_access a = {};
	u64 *field;

	if (!rule)
		return X86_MSR_UNKNOWN;
	if (unlikely(vcpu->x86->pv_enforce) && !pv_msr_allowed(vcpu, msr))
		return 1;
	fill_access(vcpu, &a, host);
	if (rule->check == MSRC_EFER) {
		a.efer = vcpu_efer(vcpu);
		a.paging = x86_paging(vcpu);
	}
	switch (msr_check_write(rule, &a, msr, &val)) {
	case MSR_OK:
		break;
	case MSR_DROP:
		return 0;
	default:
		return 1;
	}
	/* The VMM's CPUID may claim what this CPU has not. */
	if (rule->check == MSRC_SPEC_CTRL && (val & ~x86_host.spec_ctrl))
		return 1;
	switch (rule->treatment) {
	case MSRT_PASS:
	case MSRT_BACKEND:
		return backend_call(set_msr)(vcpu, msr, val) ? 1 : 0;
	case MSRT_STORE:
	case MSRT_EMULATE:
		field = stored(vcpu, msr);
		if (field) {
			*field = val;
			return 0;
		}
		return write_emulated(vcpu, msr, val, host);
	default:
		return 1;
	}
}

/* ---- with interrupts off: what timers and interrupts write all the time ---- */

int x86_msr_write_fast(struct vcpu *vcpu, u32 msr, u64 val)
{
	switch (msr) {
	case GMSR_X2APIC ... GMSR_X2APIC + 0xff:
		return lapic_msr_write(vcpu, msr, val, true);
	case GMSR_TSC_DEADLINE:
		if (!x86_msr_fast_allowed(vcpu))
			return -EAGAIN;
		if (!cpuid_has(vcpu->x86->cpuid, CPUID_F_TSC_DEADLINE))
			return 1;
		lapic_set_tsc_deadline(vcpu, val);
		return 0;
	case GMSR_TSC_ADJUST:
		/* The same value again: no clock moves. */
		if (val != vcpu->x86->tsc_adjust || !x86_msr_fast_allowed(vcpu) ||
		    !cpuid_has(vcpu->x86->cpuid, CPUID_F_TSC_ADJUST))
			return -EAGAIN;
		return 0;
	default:
		return -EAGAIN;
	}
}

int x86_msr_read_fast(struct vcpu *vcpu, u32 msr, u64 *val)
{
	switch (msr) {
	case GMSR_X2APIC ... GMSR_X2APIC + 0xff:
		return lapic_msr_read(vcpu, msr, val, true);
	case GMSR_TSC:
		if (!x86_msr_fast_allowed(vcpu))
			return -EAGAIN;
		*val = x86_guest_tsc(vcpu, rdtsc());
		return 0;
	case GMSR_TSC_DEADLINE:
		if (!x86_msr_fast_allowed(vcpu))
			return -EAGAIN;
		if (!cpuid_has(vcpu->x86->cpuid, CPUID_F_TSC_DEADLINE))
			return 1;
		*val = lapic_get_tsc_deadline(vcpu);
		return 0;
	case GMSR_TSC_ADJUST:
		if (!x86_msr_fast_allowed(vcpu))
			return -EAGAIN;
		if (!cpuid_has(vcpu->x86->cpuid, CPUID_F_TSC_ADJUST))
			return 1;
		*val = vcpu->x86->tsc_adjust;
		return 0;
	default:
		return -EAGAIN;
	}
}

/* ---- ioctls ---- */

/* MSRs of the lists that this host's CPU lacks. */
static bool host_has(u32 msr)
{
	switch (msr) {
	case GMSR_SPEC_CTRL:
		return x86_host.env.spec_ctrl;
	case GMSR_TSC_AUX:
		return x86_host.env.tsc_aux;
	case GMSR_XSS:
		return boot_cpu_has(X86_FEATURE_XSAVES);
	case GMSR_ARCH_CAPABILITIES:
		return x86_host.env.arch_cap;
	case GMSR_AMD_DE_CFG:
		return x86_host.de_cfg;
	default:
		return true;
	}
}

/* The room counts even when it is too little: the caller learns how much there must be. */
static long get_list(struct vmx_msr_list __user *argp, u32 flag)
{
	u32 count, room;
	u32 *list;
	long r = 0;

	if (get_user(room, &argp->nmsrs))
		return -EFAULT;
	count = msr_list(flag, host_has, NULL, 0);
	if (put_user(count, &argp->nmsrs))
		return -EFAULT;
	if (room < count)
		return -E2BIG;
	list = kvcalloc(count, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	msr_list(flag, host_has, list, count);
	if (copy_to_user(argp->indices, list, count * sizeof(*list)))
		r = -EFAULT;
	kvfree(list);
	return r;
}

/* A feature MSR on the system fd: what this host offers. 0, 1: not one. */
static int feature_msr(struct vcpu *unused, u32 msr, u64 *val, bool host)
{
	switch (msr) {
	case GMSR_UCODE_REV:
		*val = x86_host.ucode_rev;
		return 0;
	case GMSR_ARCH_CAPABILITIES:
		*val = x86_host.arch_cap;
		return !x86_host.env.arch_cap;
	case GMSR_AMD_DE_CFG:
		*val = x86_host.de_cfg;
		return !x86_host.de_cfg;
	default:
		return 1;
	}
}

static struct vmx_msrs_entry *take_entries(struct vmx_msrs __user *argp, u32 *count)
{
	struct vmx_msrs head;

	if (copy_from_user(&head, argp, sizeof(head)))
		return ERR_PTR(-EFAULT);
	if (head.nmsrs >= MAX_IO_MSRS)
		return ERR_PTR(-E2BIG);
	*count = head.nmsrs;
	return vmemdup_user(argp->entries, head.nmsrs * sizeof(struct vmx_msrs_entry));
}

/* Returns how many were read before one that failed. */
static long get_msrs(struct vcpu *vcpu, struct vmx_msrs __user *argp,
		     int (*get)(struct vcpu *, u32, u64 *, bool))
{
	struct vmx_msrs_entry *entries;
	u32 count, i;
	long r;

	entries = take_entries(argp, &count);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	for (i = 0; i < count; i++) {
		u64 val = 0;

		if (get(vcpu, entries[i].index, &val, true))
			break;
		entries[i].data = val;
	}
	r = i;
	if (copy_to_user(argp->entries, entries, count * sizeof(*entries)))
		r = -EFAULT;
	kvfree(entries);
	return r;
}

static long set_msrs(struct vcpu *vcpu, struct vmx_msrs __user *argp)
{
	struct vmx_msrs_entry *entries;
	u32 count, i;

	entries = take_entries(argp, &count);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	for (i = 0; i < count; i++)
		if (x86_msr_write(vcpu, entries[i].index, entries[i].data, true))
			break;
	kvfree(entries);
	return i;
}

long msr_dev_ioctl(unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_GET_MSR_INDEX_LIST:
		return get_list((void __user *)arg, MSRF_SAVE);
	case VMX_GET_MSR_FEATURE_INDEX_LIST:
		return get_list((void __user *)arg, MSRF_FEATURE);
	case VMX_GET_MSRS:
		return get_msrs(NULL, (void __user *)arg, feature_msr);
	default:
		return -ENOIOCTLCMD;
	}
}

long msr_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_GET_MSRS:
		return get_msrs(vcpu, (void __user *)arg, x86_msr_read);
	case VMX_SET_MSRS:
		return set_msrs(vcpu, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}
