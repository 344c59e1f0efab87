/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks of a VM entry, in words: which field of a VMCS breaks which rule of the SDM. Run when
 * a CPU refuses a VMCS (it says no more than "control", "host" or "guest state"), and by debug
 * builds before entries.
 *
 * Sections are those of the editions in which VM entries are chapter 26 of volume 3C:
 *	26.2.1.1-3	controls		vt_check_ctl.c
 *	26.2.2-4	host state		vt_check_host.c
 *	26.3.1.1, 3-6	guest state		vt_check_guest.c
 *	26.3.1.2	guest segments		vt_check_seg.c
 *
 * Not checked: what is in memory (the VMCS behind the link pointer, MSR lists); the fields of
 * tertiary controls, of Intel PT, LBR, FRED, HLAT, SPP and SMM, which the backend does not use; the
 * host's 32-bit mode.
 */
#ifndef VMX_PURE_VT_CHECK_H
#define VMX_PURE_VT_CHECK_H

#include "pure/env.h"
#include "pure/vmcs.h"
#include "pure/vt_caps.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vt_violation {
	u32 field;		/* enum vmcs_field */
	u64 value;		/* as read() gave it */
	const char *rule;	/* what should be so, in words */
	const char *section;	/* "26.3.1.2" */
};

struct vt_check_env {
	/* Value of a field. Asked only for fields that exist if the controls are what the CPU allows. */
	u64 (*read)(void *ctx, u32 field);
	void (*report)(void *ctx, const struct vt_violation *v);
	void *ctx;
	const struct vt_caps *caps;
	u8 maxphyaddr;		/* CPUID 8000_0008 EAX 7:0 */
	u8 linear_bits;		/* CPUID 8000_0008 EAX 15:8: 48 or 57 */
	int vtpr;		/* the TPR in the virtual-APIC page; -1: unknown, its rule is skipped */
	u64 cr3_high;		/* bits above maxphyaddr that CR3 may have (LAM); usually 0 */
	u64 perf_global_reserved; /* of IA32_PERF_GLOBAL_CTRL; 0: unknown */
};

/* vt_check_entry() - reports each violation; returns how many. Any context. */
unsigned int vt_check_entry(const struct vt_check_env *env);

/*
 * vt_check_restricted() - only the segments, by the rules of an entry without "unrestricted guest", whatever the
 * controls say now, of a guest with CR0.PE set. Reports nothing (@report may be NULL); returns how many rules are
 * broken. Any context.
 */
unsigned int vt_check_restricted(const struct vt_check_env *env);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_VT_CHECK_H */
