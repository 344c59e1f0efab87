// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which controls a vCPU has, from what: its CPUID, the exits that the VMM disabled, debugging by the
 * VMM. What every VMCS has set is in pure/vt_caps.c.
 */
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "x86/features.h"
#include "x86/x86.h"

noinstr void vt_set_proc(struct vt_vcpu *vt, u32 bits, bool on)
{
	u32 val = on ? vt->ctl.proc | bits : vt->ctl.proc & ~bits;

	if (vt->ctl.proc == val)
		return;
	vt->ctl.proc = val;
	vmcs_write(VMCS_PROC_CONTROLS, val);
}

void vt_set_pin(struct vt_vcpu *vt, u32 bits, bool on)
{
	u32 val = on ? vt->ctl.pin | bits : vt->ctl.pin & ~bits;

	if (vt->ctl.pin == val)
		return;
	vt->ctl.pin = val;
	vmcs_write(VMCS_PIN_CONTROLS, val);
}

void vt_set_proc2(struct vt_vcpu *vt, u32 bits, bool on)
{
	u32 val = on ? vt->ctl.proc2 | bits : vt->ctl.proc2 & ~bits;

	/* What the CPU lacks was clear from the start and stays so. */
	val &= vt_host.c.proc2_may;
	if (vt->ctl.proc2 == val)
		return;
	vt->ctl.proc2 = val;
	vmcs_write(VMCS_PROC2_CONTROLS, val);
}

void vt_set_exit(struct vt_vcpu *vt, u32 bits, bool on)
{
	u32 val = on ? vt->ctl.exit | bits : vt->ctl.exit & ~bits;

	if (vt->ctl.exit == val)
		return;
	vt->ctl.exit = val;
	vmcs_write(VMCS_EXIT_CONTROLS, val);
}

/* The CPU changes this field too ("IA-32e mode guest"): read, not kept. */
void vt_set_entry(u32 bits, bool on)
{
	u32 old = vmcs_read(VMCS_ENTRY_CONTROLS), val = on ? old | bits : old & ~bits;

	if (val != old)
		vmcs_write(VMCS_ENTRY_CONTROLS, val);
}

/*
 * #DB and #AC: delivering one can raise it again without end, which no interrupt breaks
 * (CVE-2015-8104, CVE-2015-5307). #MC is the host's. #UD may be for us (x86/exits_ud.c).
 */
void vt_update_exceptions(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 wanted = BIT(1) | BIT(6) | BIT(17) | BIT(18) | vcpu->exceptions_wanted;

	if (vcpu->guest_debug & VMX_GUESTDBG_USE_SW_BP)
		wanted |= BIT(3);
	if (vt->shadow)
		wanted |= BIT(14);
	if (vt->ctl.exceptions == wanted)
		return;
	vt->ctl.exceptions = wanted;
	vmcs_write(VMCS_EXCEPTION_BITMAP, wanted);
}

/* CR0 bits that are the guest's own: all whose value has no effect outside the guest. */
#define VT_CR0_OWN                                                                               \
	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_WP |           \
	 X86_CR0_AM | X86_CR0_PG)

/* The masks, and with new masks the guest's values in new places. */
void vt_update_cr_masks(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u64 cr0 = vcpu_cr0(vcpu), cr4 = vcpu_cr4(vcpu);
	u64 cr0_mask = ~(u64)VT_CR0_OWN | vt_shadow_cr0_mask(vt);
	u64 cr4_mask = ~x86_cr4_guest_allowed(vcpu) | X86_CR4_VMXE | X86_CR4_MCE | vt_shadow_cr4_mask(vt);

	if (vt->cr0_mask != cr0_mask) {
		vt->cr0_mask = cr0_mask;
		vmcs_write(VMCS_CR0_MASK, cr0_mask);
		vt_write_cr0(vt, cr0);
	}
	if (vt->cr4_mask != cr4_mask) {
		vt->cr4_mask = cr4_mask;
		vmcs_write(VMCS_CR4_MASK, cr4_mask);
		vt_write_cr4(vt, cr4);
	}
}

void vt_update_policy(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 disabled = vcpu->vm->disabled_exits;
	bool rdtscp = vt_host.c.rdtscp && x86_guest_has(vcpu, CPUID_F_RDTSCP);
	bool rdpid = vt_host.c.rdtscp && vt_host.rdpid && x86_guest_has(vcpu, CPUID_F_RDPID);

	vt_set_proc(vt, VT_PROC_HLT, !(disabled & VMX_X86_DISABLE_EXITS_HLT));
	vt_set_proc(vt, VT_PROC_MONITOR | VT_PROC_MWAIT,
		    !(disabled & VMX_X86_DISABLE_EXITS_MWAIT));
	/* In real mode PAUSE loops do not exit, nor does PLE count them at CPL above 0. */
	vt_set_proc2(vt, VT_PROC2_PLE,
		     vt_host.c.ple && !(disabled & VMX_X86_DISABLE_EXITS_PAUSE));
	/* One control for RDTSCP and RDPID: who has one of the two has both. */
	vt_set_proc2(vt, VT_PROC2_RDTSCP, rdtscp || rdpid);
	vt_set_proc2(vt, VT_PROC2_INVPCID,
		     vt_host.c.invpcid && x86_guest_has(vcpu, CPUID_F_INVPCID));
	vt_set_proc2(vt, VT_PROC2_XSAVES,
		     vt_host.c.xsaves && x86_guest_has(vcpu, CPUID_F_XSAVES));
	vt_set_proc(vt, VT_PROC_MTF,
		    vt_host.c.mtf && (vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP));
	vt_pml_update(vcpu);
	vt_apic_update(vcpu);
	vt_update_cr_masks(vcpu);
	vt_update_exceptions(vcpu);
	vt->spec_ctrl_passed &= x86_spec_ctrl_passes(vcpu);
	vt_msr_bitmap_update(vcpu);

	if (vt->guest_tsc_aux != (rdtscp || rdpid)) {
		vt->guest_tsc_aux = rdtscp || rdpid;
		vt_umsrs_changed(vt);
	}
}
