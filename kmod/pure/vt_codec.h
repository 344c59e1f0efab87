/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Encodings of Intel's virtualisation that need no VMCS at hand: exit qualifications, interruption
 * information, segment access rights, the VMX-preemption timer. The bits themselves are in
 * pure/vt_bits.h; EPT entries in pure/pte.h.
 *
 * All inline: exits are decoded where no other code may run yet.
 */
#ifndef VMX_PURE_VT_CODEC_H
#define VMX_PURE_VT_CODEC_H

#include "pure/env.h"
#include "pure/vt_bits.h"
#include "uapi/vmx_x86.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- exit qualifications: SDM 3C 27.2.1 ---- */

/* Table 27-3. */
enum vt_cr_access_type {
	VT_CR_WRITE,	/* MOV to CR */
	VT_CR_READ,	/* MOV from CR */
	VT_CR_CLTS,
	VT_CR_LMSW,
};

struct vt_cr_access {
	u8 cr;
	u8 type;		/* enum vt_cr_access_type */
	u8 gpr;			/* of MOV */
	bool lmsw_memory;
	u16 lmsw_source;
};

static __always_inline struct vt_cr_access vt_qual_cr(u64 qual)
{
	struct vt_cr_access a;

	a.cr = qual & 0xf;
	a.type = qual >> 4 & 3;
	a.lmsw_memory = qual >> 6 & 1;
	a.gpr = qual >> 8 & 0xf;
	a.lmsw_source = (u16)(qual >> 16);
	return a;
}

/* Table 27-4. */
struct vt_dr_access {
	u8 dr;
	u8 gpr;
	bool write;		/* MOV to DR */
};

static __always_inline struct vt_dr_access vt_qual_dr(u64 qual)
{
	struct vt_dr_access a;

	a.dr = qual & 7;
	a.write = !(qual & 1 << 4);
	a.gpr = qual >> 8 & 0xf;
	return a;
}

/* Table 27-5. */
struct vt_io_access {
	u16 port;
	u8 size;		/* 1, 2, 4 */
	bool in, string, rep;
	bool immediate;		/* the port is in the instruction, not in DX */
};

static __always_inline struct vt_io_access vt_qual_io(u64 qual)
{
	struct vt_io_access a;

	a.size = (qual & 7) + 1;
	a.in = qual >> 3 & 1;
	a.string = qual >> 4 & 1;
	a.rep = qual >> 5 & 1;
	a.immediate = qual >> 6 & 1;
	a.port = (u16)(qual >> 16);
	return a;
}

/* Table 27-2. */
enum vt_task_source {
	VT_TASK_CALL,
	VT_TASK_IRET,
	VT_TASK_JMP,
	VT_TASK_GATE,		/* a task gate in the IDT */
};

struct vt_task_switch {
	u16 selector;		/* of the new TSS */
	u8 source;		/* enum vt_task_source */
};

static __always_inline struct vt_task_switch vt_qual_task(u64 qual)
{
	struct vt_task_switch t;

	t.selector = (u16)qual;
	t.source = qual >> 30 & 3;
	return t;
}

/* Table 27-1: what a #DB adds to DR6, bits B0-B3, BD and BS. */
static __always_inline u64 vt_db_causes(u64 qual)
{
	return qual & 0x600f;
}

/* Table 27-7, the part that does not depend on what the CPU offers. */
struct vt_ept_access {
	bool write, fetch;	/* neither: a read */
	bool present;		/* the entries allow something: a right was missing, not the page */
	bool guest_table;	/* on the walk of the guest's tables, not on the final access */
	bool nmi_unblock;	/* the faulting IRET had unblocked NMIs */
};

static __always_inline struct vt_ept_access vt_qual_ept(u64 qual)
{
	struct vt_ept_access a;

	a.write = qual & VT_EPTV_WRITE;
	a.fetch = qual & VT_EPTV_FETCH;
	a.present = qual & (VT_EPTV_READABLE | VT_EPTV_WRITABLE | VT_EPTV_EXECUTABLE);
	a.guest_table = (qual & (VT_EPTV_GLA_VALID | VT_EPTV_FINAL)) == VT_EPTV_GLA_VALID;
	a.nmi_unblock = qual & VT_EPTV_NMI_UNBLOCK;
	return a;
}

/* ---- interruption information ---- */

static __always_inline u32 vt_intr_pack(enum vt_intr_type type, u8 vector, bool error)
{
	return VT_INTR_VALID | (u32)type << VT_INTR_TYPE_SHIFT | vector |
	       (error ? (u32)VT_INTR_DELIVER_ERROR : 0);
}

static __always_inline enum vt_intr_type vt_intr_type(u32 info)
{
	return (enum vt_intr_type)((info & VT_INTR_TYPE) >> VT_INTR_TYPE_SHIFT);
}

static __always_inline u8 vt_intr_vector(u32 info)
{
	return info & VT_INTR_VECTOR;
}

/* ---- segment access rights: SDM 3C table 24-2 ---- */

/*
 * vt_ar_pack() - a segment that is not present cannot be entered with unless it is unusable
 * (26.3.1.2), so that is what it becomes. Its other fields are kept: SS.DPL is the CPL even then.
 */
static inline u32 vt_ar_pack(const struct vmx_segment *s)
{
	u32 ar = (s->type & VT_AR_TYPE) | (s->s ? VT_AR_S : 0) |
		 (u32)(s->dpl & 3) << VT_AR_DPL_SHIFT | (s->present ? VT_AR_P : 0) |
		 (s->avl ? VT_AR_AVL : 0) | (s->l ? VT_AR_L : 0) | (s->db ? VT_AR_DB : 0) |
		 (s->g ? VT_AR_G : 0);

	return s->unusable || !s->present ? ar | VT_AR_UNUSABLE : ar;
}

/*
 * vt_ar_unpack() - sets the attributes in @s, and leaves base, limit and selector. What is unusable
 * is not present to software, whatever the bit says.
 */
static inline void vt_ar_unpack(u32 ar, struct vmx_segment *s)
{
	s->type = ar & VT_AR_TYPE;
	s->s = !!(ar & VT_AR_S);
	s->dpl = (ar & VT_AR_DPL) >> VT_AR_DPL_SHIFT;
	s->unusable = !!(ar & VT_AR_UNUSABLE);
	s->present = !s->unusable && (ar & VT_AR_P);
	s->avl = !!(ar & VT_AR_AVL);
	s->l = !!(ar & VT_AR_L);
	s->db = !!(ar & VT_AR_DB);
	s->g = !!(ar & VT_AR_G);
}

/* ---- the VMX-preemption timer: SDM 3C 25.5.1 ---- */

/*
 * vt_preemption_timer_value() - the value with which the timer expires at TSC @deadline, @now being
 * the TSC of the host, and @shift from IA32_VMX_MISC: it counts whenever bit @shift of the TSC
 * changes, whatever its phase at the entry.
 *
 *	TSC      |....now....|...........|....deadline.|
 *	counts               1           2             3  <- value: the first one not before it
 *
 * 0 for a deadline that has passed: the exit comes before the guest's next instruction. A deadline
 * farther than the timer reaches gives its largest value; it expires early then, to be set again.
 */
static __always_inline u32 vt_preemption_timer_value(u64 now, u64 deadline, unsigned int shift)
{
	u64 counts;

	if (deadline <= now)
		return 0;
	counts = (deadline >> shift) - (now >> shift);
	if (deadline & ((1ULL << shift) - 1))
		counts++;
	return counts > 0xffffffffULL ? 0xffffffffU : (u32)counts;
}

/* ---- the page-modification log: SDM 3C 28.2.6 ---- */

enum { VT_PML_LAST = 511 };	/* the entry that is used first, and the index of an empty log */

/*
 * vt_pml_first() - entries from this one to VT_PML_LAST are in use. @index: the PML index, which is one less;
 * a full log's has gone through 0 and is none of 0 to 511.
 */
static inline unsigned int vt_pml_first(u16 index)
{
	return index > VT_PML_LAST ? 0 : index + 1u;
}

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_VT_CODEC_H */
