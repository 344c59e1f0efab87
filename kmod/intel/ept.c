// SPDX-License-Identifier: GPL-2.0-only
/*
 * The roots, the VPID, and what is dropped when.
 *
 * The CPU tags what it caches of a guest with VPID and EPT root (SDM 3C 28.3.1): entries and exits
 * flush nothing, and one INVEPT for the root drops all that this CPU has of the VM, whatever the VPID.
 * A vCPU that comes to a CPU where it was not before does so too: it may have missed flushes.
 *
 *	another root, a page gone, a right gone, RESET	INVEPT, single context, before the next entry
 *	the same on shadow tables, which have no tag but the VPID	INVVPID, single context
 *	INVLPG that was emulated			INVVPID, individual address
 *	VMXON						INVEPT and INVVPID, all contexts
 */
#include <linux/bitmap.h>
#include <linux/irqflags.h>
#include <linux/mutex.h>
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "mmu/mmu.h"
#include "x86/cr.h"

/* ---- VPIDs: one for each vCPU while there are any; 0 is the host's ---- */

#define VT_NR_VPIDS 65536

static DEFINE_MUTEX(vpid_lock);
static DECLARE_BITMAP(vpids, VT_NR_VPIDS);

void vt_vpid_alloc(struct vt_vcpu *vt)
{
	unsigned long vpid;

	vt->vpid = 0;
	if (!vt_host.c.vpid)
		return;
	mutex_lock(&vpid_lock);
	vpid = find_next_zero_bit(vpids, VT_NR_VPIDS, 1);
	if (vpid < VT_NR_VPIDS) {
		__set_bit(vpid, vpids);
		vt->vpid = vpid;
	}
	mutex_unlock(&vpid_lock);
}

void vt_vpid_free(struct vt_vcpu *vt)
{
	if (!vt->vpid)
		return;
	mutex_lock(&vpid_lock);
	__clear_bit(vt->vpid, vpids);
	mutex_unlock(&vpid_lock);
}

/* ---- the root ---- */

void vt_set_root(struct vcpu *vcpu, u64 root, unsigned int levels, bool nested)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u64 eptp = root | VT_EPTP_TYPE_WB | (u64)(levels - 1) << VT_EPTP_LEVELS_SHIFT;

	if (vt->shadow == nested)
		vt_set_shadow_paging(vcpu, !nested);
	/* Paging on, and on EPT: the segments do not fit. */
	if (unlikely(nested && vt->shadow_vm && (vcpu_cr0(vcpu) & X86_CR0_PG)))
		vt->slow |= VT_SLOW_UNFIT;
	else
		vt->slow &= ~VT_SLOW_UNFIT;
	if (!nested) {
		/* What the CPU keeps of another root would pass for this one's. */
		vmcs_write(VMCS_GUEST_CR3, root);
		vt_flush_tlb(vcpu);
		return;
	}
	if (vt_host.c.ept_ad)
		eptp |= VT_EPTP_AD;
	if (vt->eptp == eptp)
		return;
	vt->eptp = eptp;
	vmcs_write(VMCS_EPT_POINTER, eptp);
	vt_flush_tlb(vcpu);
}

/* ---- flushes ---- */

void vt_flush_tlb(struct vcpu *vcpu)
{
	to_vt(vcpu)->slow |= VT_SLOW_FLUSH;
}

/* Without a VPID entries and exits have flushed (28.3.3.1). One of the two ways there is (pure/vt_caps.c). */
static void vt_flush_vpid(struct vt_vcpu *vt)
{
	if (vt->vpid && (!vt_host.c.invvpid_single || vmx_insn_invvpid(VT_INVVPID_SINGLE, vt->vpid, 0)))
		vmx_insn_invvpid(VT_INVVPID_ALL, 0, 0);
}

void vt_flush_now(struct vt_vcpu *vt)
{
	vt->slow &= ~VT_SLOW_FLUSH;
	/* Refused is not flushed: rather all than nothing. */
	if (vt->shadow)
		vt_flush_vpid(vt);
	else if (!vt_host.c.invept_single || vmx_insn_invept(VT_INVEPT_SINGLE, vt->eptp))
		vmx_insn_invept(VT_INVEPT_ALL, 0);
	mmu_note_flush(vt->vcpu);
}

void vt_flush_gva(struct vcpu *vcpu, u64 gva)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	unsigned long flags;

	/* On the CPU that it is loaded on; without a VPID each entry drops them anyway. */
	local_irq_save(flags);
	if (vcpu->cpu >= 0 && vt->cpu->enabled && vt->vpid) {
		/* A non-canonical address has no translation, and is an error to INVVPID. */
		if (!vt_host.c.invvpid_address || (s64)(gva << 7) >> 7 != (s64)gva ||
		    vmx_insn_invvpid(VT_INVVPID_ADDRESS, vt->vpid, gva))
			vt->slow |= VT_SLOW_FLUSH;
	}
	local_irq_restore(flags);
}

void vt_flush_cpu(void)
{
	vmx_insn_invept(VT_INVEPT_ALL, 0);
	if (vt_host.c.invvpid_all)
		vmx_insn_invvpid(VT_INVVPID_ALL, 0, 0);
}
