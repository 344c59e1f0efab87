/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU with Intel's virtualisation offers, and what the backend makes of it: the capability
 * MSRs (SDM 3D appendix A) go in, the control words to write and a list of what is missing come
 * out. Which control is needed, and what it costs to be without, is a table in vt_caps.c.
 *
 * Not here: CPUID's VMX bit and IA32_FEATURE_CONTROL, which the host code looks at first.
 */
#ifndef VMX_PURE_VT_CAPS_H
#define VMX_PURE_VT_CAPS_H

#include "pure/env.h"
#include "pure/vt_bits.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(member, MSR): raw values; 0 where the CPU has no such MSR. In an order fit for reading. */
#define VT_CAPS_MSRS(X)                                                                   \
	X(basic, VT_MSR_BASIC) X(pin, VT_MSR_PIN) X(proc, VT_MSR_PROC) X(exit, VT_MSR_EXIT) \
	X(entry, VT_MSR_ENTRY) X(misc, VT_MSR_MISC) X(cr0_fixed0, VT_MSR_CR0_FIXED0)      \
	X(cr0_fixed1, VT_MSR_CR0_FIXED1) X(cr4_fixed0, VT_MSR_CR4_FIXED0)                 \
	X(cr4_fixed1, VT_MSR_CR4_FIXED1) X(vmcs_enum, VT_MSR_VMCS_ENUM)                   \
	X(true_pin, VT_MSR_TRUE_PIN) X(true_proc, VT_MSR_TRUE_PROC)                       \
	X(true_exit, VT_MSR_TRUE_EXIT) X(true_entry, VT_MSR_TRUE_ENTRY)                   \
	X(proc2, VT_MSR_PROC2) X(ept_vpid, VT_MSR_EPT_VPID) X(vmfunc, VT_MSR_VMFUNC)      \
	X(proc3, VT_MSR_PROC3) X(exit2, VT_MSR_EXIT2)

struct vt_caps {
#define VT_CAPS_MEMBER(member, msr) u64 member;
	VT_CAPS_MSRS(VT_CAPS_MEMBER)
#undef VT_CAPS_MEMBER
};

/*
 * vt_caps_read() - fills in @caps by @rdmsr, which is called only for MSRs that exist according to
 * those read before (A.1, A.3.2, A.3.3, A.4.1).
 */
void vt_caps_read(struct vt_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx);

/* vt_caps_difference() - the number of the first MSR in which two CPUs differ; 0: none. */
u32 vt_caps_difference(const struct vt_caps *a, const struct vt_caps *b);

/*
 * vt_timer_is_broken() - does the preemption timer of this CPU count at another rate than it should, by its
 * maker's list of errata? @signature: CPUID 1 EAX.
 */
bool vt_timer_is_broken(u32 signature);

/* The five words of controls that the table speaks of, and EPT's and VPID's capabilities. */
enum vt_word {
	VT_WORD_PIN,
	VT_WORD_PROC,
	VT_WORD_PROC2,
	VT_WORD_EXIT,
	VT_WORD_ENTRY,
	VT_NR_WORDS,
};

/*
 * vt_caps_word() - a word's capabilities: bits that must be 1 in 31:0, that may be 1 in 63:32
 * (vt_must_be_1(), vt_may_be_1()); the TRUE MSR if there is one.
 */
u64 vt_caps_word(const struct vt_caps *caps, enum vt_word word);

enum vt_need {
	VT_REQUIRED,		/* set; without it there is no backend */
	VT_REQUIRED_LATER,	/* must exist; clear at first, switched when needed */
	VT_WANTED,		/* set where it exists */
	VT_OFFERED,		/* clear at first; used by a feature that can do without */
	VT_UNWANTED,		/* clear where the CPU lets us clear it */
};

/* Something that a CPU lacks: "%s (%s bit %u) is missing: %s" makes a sentence of it. */
struct vt_lack {
	const char *control;	/* the SDM's name */
	const char *msr;
	const char *without;	/* what follows from that */
	u8 bit;			/* of the MSR */
	bool fatal;		/* the backend cannot work on this CPU */
};

#define VT_MAX_LACKS 48

/* Too large for a kernel stack. */
struct vt_controls {
	/* To write; all bits that must be 1 are in, VT_REQUIRED_LATER and VT_OFFERED are not. */
	u32 pin, proc, proc2, exit, entry;
	/* Bits that may be 1, for what is switched later. */
	u32 pin_may, proc_may, proc2_may, exit_may, entry_may;

	bool ept;		/* four levels, write-back, INVEPT */
	bool ept_levels_5;
	bool ept_2m, ept_1g;
	bool ept_ad;
	bool ept_execute_only;
	bool ept_advanced_info;	/* VT_EPTV_USER and its neighbours are valid */
	bool invept_single, invept_all;
	bool vpid;		/* with INVVPID of one or of all contexts */
	bool invvpid_address, invvpid_single, invvpid_all, invvpid_keep_global;
	bool unrestricted;
	bool shadow;		/* what shadow paging needs exits of can exit */
	bool virtual_nmi;
	bool msr_bitmap;
	bool pml;		/* implies ept_ad */
	bool ple;
	bool tsc_scaling;
	bool preemption_timer;
	bool save_timer;	/* exits can store what is left of it */
	u8 timer_shift;		/* it counts once in 2^timer_shift ticks of the TSC */
	bool tpr_shadow, apic_access, x2apic, apic_register, virtual_intr, posted_intr;
	bool xsaves, rdtscp, invpcid, user_wait;
	bool desc_exit, wbinvd_exit, rdrand_exit, rdseed_exit, bus_lock, mtf;
	bool ack_intr;
	bool load_efer, save_efer, load_pat, save_pat;
	bool load_perf_global;	/* at entries and at exits */
	bool activity_hlt, activity_shutdown, activity_wait_sipi;
	bool inject_len_0;	/* software events with instruction length 0 */
	u16 max_msr_list;	/* recommended limit of each MSR list */
	u32 revision;		/* the first word of a VMCS */
	u16 vmcs_bytes;

	/* What is missing, fatal ones included. */
	unsigned int nr_lacks;
	struct vt_lack lacks[VT_MAX_LACKS];
};

/*
 * vt_caps_decide() - fills in @out. Returns the number of requirements that @caps does not meet;
 * unless that is 0, only the lists in @out are of use.
 */
unsigned int vt_caps_decide(const struct vt_caps *caps, struct vt_controls *out);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_VT_CAPS_H */
