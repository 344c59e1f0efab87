/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's own page tables: a walk as the CPU makes it (SDM 3A chapter 4, APM 2 chapter 5).
 *
 *	no paging            linear = physical
 *	32-bit               2 levels of 4-byte entries, 4M pages, PSE-36
 *	PAE                  PDPT of 4, then 2 levels of 8-byte entries
 *	4-level, 5-level     8-byte entries, 2M and 1G pages
 *
 * Rights: U/S, R/W, NX, CR0.WP, SMEP, SMAP, protection keys; reserved bits; accessed and dirty
 * flags, set by compare-and-exchange. Error codes are the CPU's (SDM 3A 4.7).
 * Not here: whether the address is canonical (the caller's #GP or #SS), supervisor protection keys,
 * shadow stacks. PDPTEs of PAE paging are read from memory at each walk, as nested paging on AMD
 * does (APM 2 15.25.10).
 */
#ifndef VMX_PURE_WALK_H
#define VMX_PURE_WALK_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The kind of access; the values are those of enum gva_access. */
enum {
	WALK_READ = 0,
	WALK_WRITE = 1 << 0,
	WALK_FETCH = 1 << 1,
	WALK_USER = 1 << 2,	/* CPL 3 */
	WALK_IMPLICIT = 1 << 3, /* a supervisor access by the CPU itself: SMAP looks at no AC */
	WALK_PEEK = 1 << 4,	/* set no accessed or dirty flag */
};

/* Page-fault error code, SDM 3A figure 4-12. */
enum {
	WALK_PF_P = 1 << 0,
	WALK_PF_W = 1 << 1,
	WALK_PF_U = 1 << 2,
	WALK_PF_RSVD = 1 << 3,
	WALK_PF_I = 1 << 4,
	WALK_PF_PK = 1 << 5,
};

enum {
	WALK_MAX_LEVELS = 5,
};

/* The state of the CPU that a walk depends on. */
struct walk_mode {
	u64 cr0, cr3, cr4, efer;
	u32 pkru;
	u8 maxphyaddr;	/* of the guest's CPUID, 32 to 52 */
	bool ac;	/* RFLAGS.AC */
	bool pse36;	/* CPUID: 4M pages above 4 GiB */
	bool page1g;	/* CPUID: 1G pages */
};

struct walk_ops {
	/*
	 * Read the entry of @size 4 or 8 bytes at guest-physical @gpa in one piece. 0, or < 0, which
	 * walk_gva() returns as it is.
	 */
	int (*read)(void *opaque, u64 gpa, unsigned int size, u64 *val);
	/* Replace @old by @new_ at @gpa atomically. 0; 1: something else is there; < 0: as above. */
	int (*cmpxchg)(void *opaque, u64 gpa, unsigned int size, u64 old, u64 new_);
};

struct walk_result {
	u64 gpa;
	u8 level;	/* 0 no paging; 1 4K; 2 2M or 4M; 3 1G */
	u8 nr;		/* entries that were used */
	bool write;	/* what the entries allow, before CR0.WP, SMEP and SMAP */
	bool user;
	bool nx;
	u32 error;	/* when walk_gva() returned 1 */
	u64 ptes[WALK_MAX_LEVELS];	/* from the top, with the flags that were set */
	u64 pte_gpas[WALK_MAX_LEVELS];
};

/*
 * walk_gva() - translate @gva for an access of the kind @acc.
 * Returns 0; 1: page fault with r->error; -EAGAIN: the tables changed under the walk too often; or
 * what an op returned.
 */
int walk_gva(const struct walk_mode *m, const struct walk_ops *ops, void *opaque, u64 gva, u32 acc,
	     struct walk_result *r);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_WALK_H */
