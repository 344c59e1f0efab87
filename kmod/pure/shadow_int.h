/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the shadow pager. */
#ifndef VMX_PURE_SHADOW_INT_H
#define VMX_PURE_SHADOW_INT_H

#include "pure/shadow.h"

/* An ordinary page-table entry, SDM 3A table 4-20; those of the guest and ours. */
enum {
	SPT_P = 1 << 0,
	SPT_W = 1 << 1,
	SPT_U = 1 << 2,
	SPT_A = 1 << 5,
	SPT_D = 1 << 6,
	SPT_PS = 1 << 7,
	SPT_AVL = 7 << 9,
	SPT_LOGGED = 1 << 10,	/* in ours: the write right is missing for the dirty log alone (shadow_log.c) */
};
#define SPT_NX BIT_ULL(63)
#define SPT_KEY_SHIFT 59
#define SPT_KEY (15ULL << SPT_KEY_SHIFT)

#define SHADOW_REF_BITS 9

static inline u32 shadow_ref(const struct shadow_page *sp, unsigned int index)
{
	return sp->id << SHADOW_REF_BITS | index;
}

static __always_inline struct shadow_page *shadow_id(const struct shadow *s, u32 id)
{
	return s->chunk[id / SHADOW_CHUNK][id % SHADOW_CHUNK];
}

static __always_inline struct shadow_page *shadow_ref_page(const struct shadow *s, u32 ref)
{
	return shadow_id(s, ref >> SHADOW_REF_BITS);
}

static inline unsigned int shadow_ref_index(u32 ref)
{
	return ref & (SHADOW_ENTRIES - 1);
}

static __always_inline u32 shadow_hash(u64 x, unsigned int bits)
{
	return (u32)((x * 0x9e3779b97f4a7c15ULL) >> (64 - bits));
}

static inline bool shadow_test(const u64 *map, unsigned int i)
{
	return map[i / 64] & BIT_ULL(i % 64);
}

/* Bits that are set, in order; @w, @m: unsigned int, u64. */
#define shadow_for_each(map, i, w, m)                               \
	for (w = 0; w < SHADOW_MAP_WORDS; w++)                      \
		for (m = (map)[w]; m && (i = w * 64 + (unsigned int)__ffs(m), 1); m &= m - 1)

/* For a present entry of ours. */
static inline bool shadow_leaf(const struct shadow_page *sp, u64 spte)
{
	return sp->role.level == PTE_LEVEL_4K || (spte & SPT_PS);
}

static inline unsigned int shadow_entry_size(union shadow_role role)
{
	return role.paging == SHADOW_PAGING_32 ? 4 : 8;
}

/* Guest-physical address of the guest's entry for index @i. */
static __always_inline u64 shadow_entry_gpa(const struct shadow_page *sp, unsigned int i)
{
	u64 gpa = sp->gfn << 12;

	if (likely(sp->role.paging != SHADOW_PAGING_32))
		return gpa + i * 8;
	if (sp->role.level == 1)
		return gpa + (sp->role.part * SHADOW_ENTRIES + i) * 4;
	return gpa + (sp->role.part * (SHADOW_ENTRIES / 2) + i / 2) * 4;
}

/* The frame that a guest's entry names, for index @i of ours. */
static __always_inline u64 shadow_gpte_gfn(const struct shadow_page *sp, unsigned int i, u64 gpte)
{
	u64 gfn;

	if (likely(sp->role.paging != SHADOW_PAGING_32)) {
		gfn = (gpte & GENMASK_ULL(51, 12)) >> 12;
		/* PAT of a large page stands in the address. */
		if (sp->role.level > 1 && (gpte & SPT_PS))
			gfn &= ~(npte_pages(sp->role.level) - 1);
		return gfn;
	}
	if (sp->role.level == 1 || !(gpte & SPT_PS) || !sp->role.pse)
		return (gpte & GENMASK_ULL(31, 12)) >> 12;
	gfn = (gpte & GENMASK_ULL(31, 22)) | (gpte & GENMASK_ULL(20, 13)) << 19;
	return (gfn >> 12) + (i & 1) * npte_pages(PTE_LEVEL_2M);
}

/* The frame of entry @i, by our copy: of a leaf that which is mapped, else that of the table or of the run below. */
static __always_inline u64 shadow_entry_gfn(const struct shadow_page *sp, unsigned int i)
{
	if (sp->role.direct)
		return sp->gfn + i * npte_pages(sp->role.level);
	return shadow_gpte_gfn(sp, i, sp->gpte[i]);
}

/* Does a present entry of the guest at @sp's level map a page? */
static __always_inline bool shadow_gpte_leaf(const struct shadow_page *sp, u64 gpte)
{
	if (sp->role.level == 1)
		return true;
	if (!(gpte & SPT_PS) || sp->role.level > 3)
		return false;
	return sp->role.paging != SHADOW_PAGING_32 || sp->role.pse;
}

/* ---- shadow_page.c ---- */
struct shadow_page *shadow_find(const struct shadow *s, u64 gfn, union shadow_role role);
/* Find or make it. NULL: alloc() has none. Pages of the same frame go out of sync or into it as need be. */
struct shadow_page *shadow_get(struct shadow *s, struct shadow_cpu *cpu, u64 gfn, union shadow_role role);
void shadow_link_child(struct shadow *s, struct shadow_page *sp, unsigned int i, u64 gpte, struct shadow_page *child);
/* Take any entry. */
void shadow_drop(struct shadow *s, struct shadow_page *sp, unsigned int i);
/* Empty it; free it unless it is pinned. */
void shadow_zap_page(struct shadow *s, struct shadow_page *sp);
void shadow_mark_parents(struct shadow *s, struct shadow_page *sp);
/* The table that the pointer spt[i] leads to. */
struct shadow_page *shadow_child(const struct shadow *s, const struct shadow_page *sp, unsigned int i);
/* The role of the child that stands for a table of the guest's. @rights: of the entries down to it. */
union shadow_role shadow_child_role(const struct shadow_page *sp, unsigned int rights, unsigned int part);
/* The first page, of any role, of the frame; and the next. Direct ones are left out. */
struct shadow_page *shadow_first(const struct shadow *s, unsigned int space, u64 gfn);
struct shadow_page *shadow_next(const struct shadow *s, const struct shadow_page *sp);
bool shadow_region_used(const struct shadow *s, unsigned int space, u64 gfn);

/* ---- shadow_rmap.c ---- */
void shadow_put_leaf(struct shadow *s, struct shadow_page *sp, unsigned int i, u64 gpte, u64 spte);
void shadow_take_leaf(struct shadow *s, struct shadow_page *sp, unsigned int i);
/* Write-protect all leaves of a frame that becomes a table: larger ones go. True if any was. */
bool shadow_protect_table(struct shadow *s, unsigned int space, u64 gfn);
void shadow_chain_add(struct shadow *s, u32 *head, struct shadow_page *sp, unsigned int i);
void shadow_chain_del(struct shadow *s, u32 *head, struct shadow_page *sp, unsigned int i);

/* ---- shadow_fault.c ---- */
/*
 * Put the leaf for entry @i, whose guest's entry is @gpte and may have been there before. @access: of all entries.
 * SHADOW_EMULATE: it is there, without the write right.
 */
enum shadow_result shadow_set_leaf(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, unsigned int i,
				   u64 gpte, u64 gfn, unsigned int access, bool write,
				   const struct shadow_frame *f, bool *replaced);
/* Map what entry @i of a level-1 page leads to, if it costs nothing. False: not to be had. */
bool shadow_prefetch_one(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, unsigned int i, u64 gpte);

/* ---- shadow_sync.c ---- */
/* May the frame be written: is it no table, or one that can go out of sync, which it then does? */
bool shadow_try_unsync(struct shadow *s, unsigned int space, u64 gfn);
/* Is entry @i still right when the guest's is @gpte? */
bool shadow_entry_holds(const struct shadow_page *sp, unsigned int i, u64 gpte);
/* Compare the page with memory; returns how many entries had changed. */
unsigned int shadow_verify(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp);
/* Do so with all pages out of sync below @sp. */
void shadow_flush_below(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp);

#endif /* VMX_PURE_SHADOW_INT_H */
