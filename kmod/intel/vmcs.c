// SPDX-License-Identifier: GPL-2.0-only
/* The VMCS as it is created, and the state after RESET and INIT (SDM 3A table 9-1). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/gfp.h>
#include <linux/instrumentation.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>

#include "intel/vt.h"

#define VT_PAT_RESET 0x0007040600070406ULL	/* SDM 3A 11.12.4 */
#define VT_DR7_RESET 0x400ULL

/* A PAUSE loop of 4096 ticks, each round within 128 ticks of the last, is a spin: SDM 3C 24.6.13. */
#define VT_PLE_GAP 128
#define VT_PLE_WINDOW 4096

noinstr void vmcs_access_failed(enum vmcs_field field, bool write, u64 val)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 5);
	u64 error = 0;

	/* Without a current VMCS there is no error number either, and 0 says that. */
	asm volatile("1: vmread %1, %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+r"(error) : "r"((u64)VMCS_VM_INSN_ERROR) : "cc");
	instrumentation_begin();
	if (__ratelimit(&limit))
		pr_err("%s of VMCS field %#x (%s) refused: %s; value %#llx\n",
		       write ? "VMWRITE" : "VMREAD", field, vmcs_field_name(field),
		       vt_insn_error_text(error), val);
	instrumentation_end();
}

void *vt_vmcs_alloc(int node)
{
	struct page *page = alloc_pages_node(node, GFP_KERNEL_ACCOUNT | __GFP_ZERO, 0);
	u32 *vmcs;

	if (!page)
		return NULL;
	vmcs = page_address(page);
	vmcs[0] = vt_host.caps.basic & VT_BASIC_REVISION;
	return vmcs;
}

void vt_vmcs_free(void *vmcs)
{
	free_page((unsigned long)vmcs);
}

/* What an exit loads, as far as it is the same on all CPUs at all times. */
static void vt_init_host(void)
{
	vmcs_write(VMCS_HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(VMCS_HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmcs_write(VMCS_HOST_SYSENTER_CS, vt_host.sysenter_cs);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, vt_host.sysenter_eip);
	vmcs_write(VMCS_HOST_PAT, vt_host.pat);
	vmcs_write(VMCS_HOST_EFER, vt_host.efer);
	vmcs_write(VMCS_HOST_RIP, (unsigned long)vt_vmexit);
}

static void vt_init_controls(struct vt_vcpu *vt)
{
	const struct vt_controls *c = &vt_host.c;

	vt->ctl.pin = c->pin;
	vt->ctl.proc = c->proc;
	vt->ctl.proc2 = c->proc2;
	/* Else interrupts stay pending in the host's APIC, and are taken by the usual way. */
	vt->ctl.exit = c->exit;
	if (!vt_host.apic.posted)
		vt->ctl.exit &= ~VT_EXITC_ACK_INTR;
	/* Each vCPU switches these on when it wants them. */
	vt->ctl.proc &= ~(VT_PROC_INTR_WINDOW | VT_PROC_NMI_WINDOW);
	/*
	 * The VMM's own interrupt controllers see the TPR only where an exit shows it (VMX_EXIT_SET_TPR): with
	 * them each access to CR8 exits.
	 */
	if (!vt->tpr_shadow) {
		vt->ctl.proc &= ~VT_PROC_TPR_SHADOW;
		vt->ctl.proc |= VT_PROC_CR8_LOAD | VT_PROC_CR8_STORE;
	}
	if (!vt->vpid)
		vt->ctl.proc2 &= ~VT_PROC2_VPID;
	/* SGX is not for guests: without these the instructions reach the host's enclaves' hardware. */
	vt->ctl.proc2 |= c->proc2_may & (VT_PROC2_ENCLS | VT_PROC2_ENCLV);
	if (vt->ctl.proc2 & VT_PROC2_ENCLS)
		vmcs_write(VMCS_ENCLS_EXIT_BITMAP, ~0ULL);
	if (vt->ctl.proc2 & VT_PROC2_ENCLV)
		vmcs_write(VMCS_ENCLV_EXIT_BITMAP, ~0ULL);
	vt_timer_init(vt);
	vmcs_write(VMCS_PIN_CONTROLS, vt->ctl.pin);
	vmcs_write(VMCS_PROC_CONTROLS, vt->ctl.proc);
	vmcs_write(VMCS_PROC2_CONTROLS, vt->ctl.proc2);
	vmcs_write(VMCS_EXIT_CONTROLS, vt->ctl.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, c->entry);
	vmcs_write(VMCS_EXCEPTION_BITMAP, vt->ctl.exceptions);
	vmcs_write(VMCS_PF_ERROR_MASK, 0);
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}

/* Once, when the VMCS has become current for the first time. */
void vt_vmcs_init(struct vt_vcpu *vt)
{
	vt_init_controls(vt);
	vt_init_host();
	vmcs_write(VMCS_LINK_POINTER, ~0ULL);
	vmcs_write(VMCS_MSR_BITMAP, virt_to_phys(vt->msr_bitmap));
	if (vt->ctl.proc2 & VT_PROC2_VPID)
		vmcs_write(VMCS_VPID, vt->vpid);
	vt_apic_init(vt);
	vt_pml_init(vt);
	if (vt->ctl.proc2 & VT_PROC2_PLE) {
		vmcs_write(VMCS_PLE_GAP, VT_PLE_GAP);
		vmcs_write(VMCS_PLE_WINDOW, VT_PLE_WINDOW);
	}
	if (vt->ctl.proc2 & VT_PROC2_XSAVES)
		vmcs_write(VMCS_XSS_EXIT_BITMAP, 0);
	/* The control follows the ratio: vt_set_tsc(). */
	if (vt_host.c.tsc_scaling)
		vmcs_write(VMCS_TSC_MULTIPLIER, vt->tsc_ratio);
	vmcs_write(VMCS_TSC_OFFSET, vt->tsc_offset);
	vt_set_pat(vt, VT_PAT_RESET);
	vmcs_write(VMCS_GUEST_EFER, 0);
	vmcs_write(VMCS_GUEST_DR7, VT_DR7_RESET);
	vt->dr7 = VT_DR7_RESET;
	vmcs_write(VMCS_CR0_MASK, vt->cr0_mask);
	vmcs_write(VMCS_CR4_MASK, vt->cr4_mask);
	/* Kept beside the VMCS and written when they change: what VMCLEAR leaves in a field is unknown. */
	vmcs_write(VMCS_CR0_SHADOW, vt->cr0_shadow);
	vmcs_write(VMCS_CR4_SHADOW, vt->cr4_shadow);
}

static void vt_reset_msrs(struct vt_vcpu *vt)
{
	unsigned int i;

	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	vt_set_pat(vt, VT_PAT_RESET);
	for (i = 0; i < VT_NR_UMSRS; i++)
		vt->umsr[i] = 0;
	vt->entry.spec_guest = 0;
	vt_set_msr(vt->vcpu, MSR_KERNEL_GS_BASE, 0);
}

/*
 * Segments, tables, pending events and, but for INIT, the MSRs that the backend holds; control
 * registers are vt_vcpu_reset()'s. Before the first entry: vcpu_load takes the MSRs over.
 */
void vt_vmcs_reset(struct vt_vcpu *vt, bool init)
{
	if (!init)
		vt_reset_msrs(vt);
	vt_reset_segments(vt);
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, VT_ACTIVITY_ACTIVE);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}
