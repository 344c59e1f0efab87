// SPDX-License-Identifier: GPL-2.0-only
/* Segment registers, to and from the VMCS, with what was read since the last exit at hand. */
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "mmu/mmu.h"
#include "pure/vt_codec.h"
#include "x86/cr.h"

/* The VMCS has LDTR before TR (appendix B). */
static __always_inline unsigned int vt_seg_index(enum vcpu_seg seg)
{
	static_assert(VCPU_SEG_ES == 0 && VCPU_SEG_GS == 5 && VCPU_SEG_TR == 6);

	return seg == VCPU_SEG_TR ? 7 : seg == VCPU_SEG_LDTR ? 6 : seg;
}

enum vt_seg_field {
	VT_SEG_SELECTOR,
	VT_SEG_LIMIT,
	VT_SEG_AR,
	VT_SEG_BASE,
};

#define VT_SEG_BIT(seg, field) (1U << (4 * (seg) + (field)))
#define VT_SEG_ALL(seg) (0xfU << 4 * (seg))

/* ---- cached reads ---- */

static bool vt_seg_missing(struct vt_vcpu *vt, enum vcpu_seg seg, enum vt_seg_field field)
{
	u32 bit = VT_SEG_BIT(seg, field);

	if (vt->segs.valid & bit)
		return false;
	vt->segs.valid |= bit;
	return true;
}

u32 vt_seg_ar(struct vt_vcpu *vt, enum vcpu_seg seg)
{
	if (vt_seg_missing(vt, seg, VT_SEG_AR))
		vt->segs.seg[seg].ar = vmcs_read(vmcs_guest_ar(vt_seg_index(seg)));
	return vt->segs.seg[seg].ar;
}

static u64 vt_seg_base_of(struct vt_vcpu *vt, enum vcpu_seg seg)
{
	if (vt_seg_missing(vt, seg, VT_SEG_BASE))
		vt->segs.seg[seg].base = vmcs_read(vmcs_guest_base(vt_seg_index(seg)));
	return vt->segs.seg[seg].base;
}

static u32 vt_seg_limit(struct vt_vcpu *vt, enum vcpu_seg seg)
{
	if (vt_seg_missing(vt, seg, VT_SEG_LIMIT))
		vt->segs.seg[seg].limit = vmcs_read(vmcs_guest_limit(vt_seg_index(seg)));
	return vt->segs.seg[seg].limit;
}

static u16 vt_seg_selector(struct vt_vcpu *vt, enum vcpu_seg seg)
{
	if (vt_seg_missing(vt, seg, VT_SEG_SELECTOR))
		vt->segs.seg[seg].selector = vmcs_read(vmcs_guest_selector(vt_seg_index(seg)));
	return vt->segs.seg[seg].selector;
}

/* ---- the contract's ---- */

u64 vt_seg_base(struct vcpu *vcpu, enum vcpu_seg seg)
{
	return vt_seg_base_of(to_vt(vcpu), seg);
}

/*
 * SS.DPL is the privilege level in every mode (24.4.1). Asked also by perf from an NMI: hence without
 * the cache, which may be in the middle of a change.
 */
int vt_cpl(struct vcpu *vcpu)
{
	return (vmcs_read(VMCS_GUEST_SS_AR) & VT_AR_DPL) >> VT_AR_DPL_SHIFT;
}

unsigned int vt_cs_flags(struct vcpu *vcpu)
{
	return vt_seg_ar(to_vt(vcpu), VCPU_SEG_CS) >> 4 & (BACKEND_CS_L | BACKEND_CS_DB);
}

void vt_get_segment(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 ar = vt_seg_ar(vt, seg);

	*out = (struct vmx_segment){
		.base = vt_seg_base_of(vt, seg),
		.limit = vt_seg_limit(vt, seg),
		.selector = vt_seg_selector(vt, seg),
	};
	vt_ar_unpack(ar, out);
}

static void vt_write_segment(struct vt_vcpu *vt, enum vcpu_seg seg, u16 selector, u64 base,
			     u32 limit, u32 ar)
{
	unsigned int i = vt_seg_index(seg);

	vmcs_write(vmcs_guest_selector(i), selector);
	vmcs_write(vmcs_guest_base(i), base);
	vmcs_write(vmcs_guest_limit(i), limit);
	vmcs_write(vmcs_guest_ar(i), ar);
	vt->segs.seg[seg].selector = selector;
	vt->segs.seg[seg].base = base;
	vt->segs.seg[seg].limit = limit;
	vt->segs.seg[seg].ar = ar;
	vt->segs.valid |= VT_SEG_ALL(seg);
}

#define SEG_TYPE_ACCESSED 1
#define SEG_TYPE_BUSY 2

/*
 * The access rights as 26.3.1.2 wants them, where VMMs are known to be less exact: an accessed bit that
 * is clear in a loaded segment, a TSS that is not busy, a G that does not fit the limit.
 */
static u32 vt_make_ar(enum vcpu_seg seg, const struct vmx_segment *in)
{
	u32 ar = vt_ar_pack(in);

	if (ar & VT_AR_UNUSABLE)
		return ar;
	if (seg == VCPU_SEG_TR)
		ar |= SEG_TYPE_BUSY;
	else if (seg != VCPU_SEG_LDTR)
		ar |= SEG_TYPE_ACCESSED;
	if (in->limit >> 20)
		ar |= VT_AR_G;
	else if ((in->limit & 0xfff) != 0xfff)
		ar &= ~VT_AR_G;
	return ar;
}

void vt_set_segment(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in)
{
	/* Other code is to run: SET_SREGS of a VMM that resets a guest which had halted. */
	if (seg == VCPU_SEG_CS)
		vt_unhalt(to_vt(vcpu));
	vt_write_segment(to_vt(vcpu), seg, in->selector, in->base, in->limit, vt_make_ar(seg, in));
	if (to_vt(vcpu)->shadow) {
		to_vt(vcpu)->segs_written = true;
		mmu_mode_changed(vcpu);
	}
}

/* Types: read-write and execute-read, accessed; LDT; busy 32-bit TSS. */
#define VT_AR_DATA (VT_AR_P | VT_AR_S | 3)
#define VT_AR_CODE (VT_AR_P | VT_AR_S | 0xb)
#define VT_AR_LDT (VT_AR_P | 2)
#define VT_AR_TSS (VT_AR_P | 0xb)

/* SDM 3A table 9-1. */
void vt_reset_segments(struct vt_vcpu *vt)
{
	vt_write_segment(vt, VCPU_SEG_CS, 0xf000, 0xffff0000, 0xffff, VT_AR_CODE);
	vt_write_segment(vt, VCPU_SEG_ES, 0, 0, 0xffff, VT_AR_DATA);
	vt_write_segment(vt, VCPU_SEG_SS, 0, 0, 0xffff, VT_AR_DATA);
	vt_write_segment(vt, VCPU_SEG_DS, 0, 0, 0xffff, VT_AR_DATA);
	vt_write_segment(vt, VCPU_SEG_FS, 0, 0, 0xffff, VT_AR_DATA);
	vt_write_segment(vt, VCPU_SEG_GS, 0, 0, 0xffff, VT_AR_DATA);
	vt_write_segment(vt, VCPU_SEG_LDTR, 0, 0, 0xffff, VT_AR_LDT);
	vt_write_segment(vt, VCPU_SEG_TR, 0, 0, 0xffff, VT_AR_TSS);
}
