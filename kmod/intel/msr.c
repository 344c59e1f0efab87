// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that the hardware holds for the guest.
 *
 *   in the VMCS      FS_BASE, GS_BASE, the SYSENTER set, PAT
 *   KERNEL_GS_BASE   the guest's from the first entry after vcpu_load to vcpu_put, by hand: the kernel
 *                    needs the host's only to switch tasks and to go to user mode
 *   SYSCALL set, TSC_AUX  loaded before entry if they differ, the host's come back on the way to user
 *                    mode; the guest's writes exit, so that nothing has to be read back
 *   SPEC_CTRL        by vmenter.S
 *
 * By hand and not by the VMCS's lists: those are walked at each entry and exit, what is here at most
 * once in each run of the VMM's.
 */
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "intel/vt.h"
#include "pure/lapic_hw.h"
#include "pure/msr.h"
#include "x86/features.h"

const u32 vt_umsr_numbers[VT_NR_UMSRS] = {
	[VT_UMSR_STAR] = MSR_STAR,
	[VT_UMSR_LSTAR] = MSR_LSTAR,
	[VT_UMSR_CSTAR] = MSR_CSTAR,
	[VT_UMSR_SFMASK] = MSR_SYSCALL_MASK,
	[VT_UMSR_TSC_AUX] = MSR_TSC_AUX,
};

static int vt_umsr_index(u32 msr)
{
	unsigned int i;

	for (i = 0; i < VT_NR_UMSRS; i++)
		if (vt_umsr_numbers[i] == msr)
			return i;
	return -1;
}

static bool vt_umsr_exists(unsigned int i)
{
	return i != VT_UMSR_TSC_AUX || vt_host.rdtscp || vt_host.rdpid;
}

/* ---- those that come back on the way to user mode ---- */

/* On that CPU, before any guest runs there. */
void vt_umsr_cpu_init(struct vt_cpu *cpu)
{
	unsigned int i;

	for (i = 0; i < VT_NR_UMSRS; i++) {
		cpu->host_umsr[i] = 0;
		if (vt_umsr_exists(i))
			rdmsrl(vt_umsr_numbers[i], cpu->host_umsr[i]);
		cpu->umsr[i] = cpu->host_umsr[i];
	}
}

void vt_restore_umsrs(struct vt_cpu *cpu)
{
	unsigned int i;

	if (!cpu->switched_umsrs)
		return;
	cpu->switched_umsrs = false;
	user_return_notifier_unregister(&cpu->return_notifier);
	for (i = 0; i < VT_NR_UMSRS; i++) {
		if (cpu->umsr[i] != cpu->host_umsr[i]) {
			wrmsrl(vt_umsr_numbers[i], cpu->host_umsr[i]);
			cpu->umsr[i] = cpu->host_umsr[i];
		}
	}
}

static void vt_on_user_return(struct user_return_notifier *notifier)
{
	struct vt_cpu *cpu = container_of(notifier, struct vt_cpu, return_notifier);
	unsigned long flags;

	local_irq_save(flags);
	vt_restore_umsrs(cpu);
	local_irq_restore(flags);
}

/* Interrupts off: against the IPI that switches VMX off and puts the host's values back. */
static void vt_load_umsr(struct vt_cpu *cpu, unsigned int i, u64 val)
{
	if (!cpu->enabled)
		return;
	native_wrmsrl(vt_umsr_numbers[i], val);
	cpu->umsr[i] = val;
	if (!cpu->switched_umsrs) {
		cpu->switched_umsrs = true;
		cpu->return_notifier.on_user_return = vt_on_user_return;
		user_return_notifier_register(&cpu->return_notifier);
	}
}

/* A guest whose EFER.SCE is clear can neither execute SYSCALL nor read the MSRs without an exit. */
void vt_load_umsrs(struct vt_vcpu *vt)
{
	struct vt_cpu *cpu = vt->cpu;
	unsigned int i;

	if (vt->guest_syscall)
		for (i = 0; i < VT_UMSR_TSC_AUX; i++)
			if (cpu->umsr[i] != vt->umsr[i])
				vt_load_umsr(cpu, i, vt->umsr[i]);
	if (vt->guest_tsc_aux && cpu->umsr[VT_UMSR_TSC_AUX] != vt->umsr[VT_UMSR_TSC_AUX])
		vt_load_umsr(cpu, VT_UMSR_TSC_AUX, vt->umsr[VT_UMSR_TSC_AUX]);
}

void vt_umsrs_changed(struct vt_vcpu *vt)
{
	unsigned long flags;

	local_irq_save(flags);
	/* Else the first entry after vcpu_load does it. */
	if (vt->host_saved)
		vt_load_umsrs(vt);
	local_irq_restore(flags);
}

/* ---- one by one ---- */

static void vt_set_kernel_gs(struct vt_vcpu *vt, u64 val)
{
	preempt_disable();
	vt->kernel_gs = val;
	if (vt->host_saved)
		wrmsrl(MSR_KERNEL_GS_BASE, val);
	preempt_enable();
}

static u64 vt_get_kernel_gs(struct vt_vcpu *vt)
{
	preempt_disable();
	if (vt->host_saved)
		rdmsrl(MSR_KERNEL_GS_BASE, vt->kernel_gs);
	preempt_enable();
	return vt->kernel_gs;
}

/*
 * Whoever writes SPEC_CTRL once will do so at each of its context switches: from then on without an
 * exit, at the price of reading it back after each run. But not if the CPU has bits that the guest may not
 * set, for which nothing but the exit stands.
 */
static void vt_set_spec_ctrl(struct vcpu *vcpu, u64 val)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	vt->entry.spec_guest = val;
	if (val && !vt->spec_ctrl_passed && x86_spec_ctrl_passes(vcpu)) {
		vt->spec_ctrl_passed = true;
		vcpu_request(vcpu, REQ_MSR_BITMAP);
	}
}

/* The field of the VMCS that is this MSR, 0: none. (Field 0 is the VPID.) */
static u32 vt_msr_field(u32 msr)
{
	switch (msr) {
	case MSR_FS_BASE:
		return VMCS_GUEST_FS_BASE;
	case MSR_GS_BASE:
		return VMCS_GUEST_GS_BASE;
	case MSR_IA32_SYSENTER_CS:
		return VMCS_GUEST_SYSENTER_CS;
	case MSR_IA32_SYSENTER_ESP:
		return VMCS_GUEST_SYSENTER_ESP;
	case MSR_IA32_SYSENTER_EIP:
		return VMCS_GUEST_SYSENTER_EIP;
	default:
		return 0;
	}
}

int vt_get_msr(struct vcpu *vcpu, u32 msr, u64 *val)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 field = vt_msr_field(msr);
	int i;

	if (field) {
		*val = vmcs_read(field);
		return 0;
	}
	if (msr == MSR_IA32_CR_PAT) {
		*val = vt_get_pat(vt);
		return 0;
	}
	if (msr == MSR_KERNEL_GS_BASE) {
		*val = vt_get_kernel_gs(vt);
		return 0;
	}
	if (msr == MSR_IA32_SPEC_CTRL) {
		if (!vt_host.spec_ctrl)
			return -ENOENT;
		*val = vt->entry.spec_guest;
		return 0;
	}
	i = vt_umsr_index(msr);
	if (i < 0)
		return -ENOENT;
	*val = vt->umsr[i];
	return 0;
}

/* The CPU's own rule; the guest's CPUID, which the VMM writes, may claim more address bits. */
static bool vt_msr_address_bad(u32 msr, u64 val)
{
	unsigned int shift = 64 - boot_cpu_data.x86_virt_bits;

	switch (msr) {
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		return (u64)((s64)(val << shift) >> shift) != val;
	default:
		return false;
	}
}

int vt_set_msr(struct vcpu *vcpu, u32 msr, u64 val)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 field = vt_msr_field(msr);
	int i;

	if (unlikely(vt_msr_address_bad(msr, val)))
		return -EINVAL;
	if (field) {
		vmcs_write(field, val);
		/* FS and GS base are also the segments'. */
		vt->segs.valid = 0;
		return 0;
	}
	if (msr == MSR_IA32_CR_PAT) {
		vt_set_pat(vt, val);
		return 0;
	}
	if (msr == MSR_KERNEL_GS_BASE) {
		vt_set_kernel_gs(vt, val);
		return 0;
	}
	if (msr == MSR_IA32_SPEC_CTRL) {
		if (!vt_host.spec_ctrl)
			return -ENOENT;
		vt_set_spec_ctrl(vcpu, val);
		return 0;
	}
	i = vt_umsr_index(msr);
	if (i < 0)
		return -ENOENT;
	vt->umsr[i] = val;
	vt_umsrs_changed(vt);
	return 0;
}

void vt_set_tsc(struct vcpu *vcpu, u64 offset, u64 ratio)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	if (!ratio)	/* the VM runs at the host's rate */
		ratio = 1ULL << 48;
	if (vt->tsc_offset != offset) {
		vt->tsc_offset = offset;
		vmcs_write(VMCS_TSC_OFFSET, offset);
	}
	if (vt->tsc_ratio == ratio)
		return;
	vt->tsc_ratio = ratio;
	if (!vt_host.c.tsc_scaling)
		return;
	vmcs_write(VMCS_TSC_MULTIPLIER, ratio);
	vt_set_proc2(vt, VT_PROC2_TSC_SCALING, ratio != 1ULL << 48);
}

/* ---- the bitmap: a set bit makes the access exit (SDM 3C 24.6.9) ---- */

#define VT_BITMAP_READ_LOW 0x000
#define VT_BITMAP_READ_HIGH 0x400
#define VT_BITMAP_WRITE_LOW 0x800
#define VT_BITMAP_WRITE_HIGH 0xc00

static void vt_pass(struct vcpu *vcpu, u32 msr)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 allowed = x86_msr_allowed(vcpu, msr);
	bool high = msr >= 0xc0000000;
	u32 bit = msr & 0x1fff;

	/* What the bitmap does not cover always exits. */
	if (msr > 0x1fff && (msr < 0xc0000000 || msr > 0xc0001fff))
		return;
	if (allowed & VMX_MSR_FILTER_READ)
		__clear_bit(bit + 8 * (high ? VT_BITMAP_READ_HIGH : VT_BITMAP_READ_LOW),
			    vt->msr_bitmap);
	if (allowed & VMX_MSR_FILTER_WRITE)
		__clear_bit(bit + 8 * (high ? VT_BITMAP_WRITE_HIGH : VT_BITMAP_WRITE_LOW),
			    vt->msr_bitmap);
}

/* Never filtered (x86_msr_allowed()). */
static void vt_pass_x2apic(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	u32 reg, bit;

	if (!vt->delivery) {
		vt_pass(vcpu, LAPIC_MSR_FIRST + (LAPIC_TPR >> 4));
		return;
	}
	for (reg = 0; reg < LAPIC_STATE_SIZE; reg += 0x10) {
		bit = LAPIC_MSR_FIRST + (reg >> 4);
		if (lapic_hw_x2_passes(reg, false))
			__clear_bit(bit + 8 * VT_BITMAP_READ_LOW, vt->msr_bitmap);
		if (lapic_hw_x2_passes(reg, true))
			__clear_bit(bit + 8 * VT_BITMAP_WRITE_LOW, vt->msr_bitmap);
	}
}

/* Anew: what the rules pass, this vCPU's CPUID has, and the hardware switches. */
void vt_msr_bitmap_update(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	unsigned int i;
	u32 msr;

	memset(vt->msr_bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < msr_nr_rules; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		/* Values that come back on the way to user mode are known here, not read back. */
		if (rule->switch_vt == MSRW_USER && rule->first != MSR_KERNEL_GS_BASE)
			continue;
		/* Kept aside, shadow.c. */
		if (vt->shadow_vm && rule->first == MSR_IA32_CR_PAT)
			continue;
		if (!x86_msr_passes(vcpu, rule))
			continue;
		for (msr = rule->first; msr <= rule->last; msr++)
			vt_pass(vcpu, msr);
	}
	if (vt->spec_ctrl_passed)
		vt_pass(vcpu, MSR_IA32_SPEC_CTRL);
	if (vt->ctl.proc2 & VT_PROC2_X2APIC)
		vt_pass_x2apic(vcpu, vt);
}
