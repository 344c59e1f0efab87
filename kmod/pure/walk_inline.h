/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk of walk.h, for walk.c, and for who wants one in a piece with its accessors: a page fault under shadow
 * paging spends much of its time here.
 */
#ifndef VMX_PURE_WALK_INLINE_H
#define VMX_PURE_WALK_INLINE_H

#include "pure/walk.h"

enum {
	WALK_CR0_WP = 1 << 16,
};
#define WALK_CR0_PG BIT_ULL(31)

enum {
	WALK_CR4_PSE = 1 << 4,
	WALK_CR4_PAE = 1 << 5,
	WALK_CR4_LA57 = 1 << 12,
	WALK_CR4_SMEP = 1 << 20,
	WALK_CR4_SMAP = 1 << 21,
	WALK_CR4_PKE = 1 << 22,
};

enum {
	WALK_EFER_LMA = 1 << 10,
	WALK_EFER_NXE = 1 << 11,
};

/* Bits of an entry, all formats. */
enum {
	WALK_PTE_P = 1 << 0,
	WALK_PTE_W = 1 << 1,
	WALK_PTE_U = 1 << 2,
	WALK_PTE_A = 1 << 5,
	WALK_PTE_D = 1 << 6,
	WALK_PTE_PS = 1 << 7,
	WALK_PTE_PKEY_SHIFT = 59,
};
#define WALK_PTE_NX BIT_ULL(63)

/* How often a walk starts anew because an entry changed before its flag could be set. */
#define WALK_TRIES 8

/* The shape of a paging mode. */
struct walk_shape {
	u8 levels;
	u8 index_bits; /* of every level but PAE's top one, which has 2 */
	u8 entry_size;
	bool lma;
	u64 root;
	u64 high;	/* address bits, and NX, that are reserved in all entries of 8 bytes */
};

static __always_inline u64 walk_high(const struct walk_mode *m)
{
	return (m->maxphyaddr < 52 ? GENMASK_ULL(51, m->maxphyaddr) : 0) |
	       ((m->efer & WALK_EFER_NXE) ? 0 : WALK_PTE_NX);
}

/* Long mode's, 4 levels or 5. */
static __always_inline struct walk_shape walk_shape_long(const struct walk_mode *m)
{
	struct walk_shape s;

	s.lma = true;
	s.entry_size = 8;
	s.index_bits = 9;
	s.levels = (m->cr4 & WALK_CR4_LA57) ? 5 : 4;
	s.root = m->cr3 & GENMASK_ULL(51, 12);
	s.high = walk_high(m);
	return s;
}

/* Of any mode with paging. */
static inline struct walk_shape walk_shape(const struct walk_mode *m)
{
	struct walk_shape s;

	if (m->efer & WALK_EFER_LMA)
		return walk_shape_long(m);
	s.lma = false;
	if (m->cr4 & WALK_CR4_PAE) {
		s.levels = 3;
		s.index_bits = 9;
		s.entry_size = 8;
		s.root = m->cr3 & GENMASK_ULL(31, 5);
		s.high = walk_high(m) | GENMASK_ULL(62, 52);
	} else {
		s.levels = 2;
		s.index_bits = 10;
		s.entry_size = 4;
		s.root = m->cr3 & GENMASK_ULL(31, 12);
		s.high = 0;
	}
	return s;
}

/* Reserved bits of a present entry, SDM 3A 4.3, 4.4.2, 4.5.4. */
static inline u64 walk_reserved(const struct walk_mode *m, const struct walk_shape *s, unsigned int level,
				bool leaf)
{
	if (s->entry_size == 4) {
		unsigned int top;

		if (!leaf || level == 1)
			return 0;
		if (!m->pse36)
			return GENMASK_ULL(21, 13);
		top = m->maxphyaddr < 40 ? m->maxphyaddr : 40;
		/* Address bits 39:32 stand in 20:13; bit 21 is always reserved. */
		return GENMASK_ULL(21, 21) | (top < 40 ? GENMASK_ULL(20, top - 19) : 0);
	}
	if (!s->lma && level == 3)
		return s->high | WALK_PTE_NX | GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1);
	if (level >= 4)
		return s->high | WALK_PTE_PS;
	if (!leaf || level == 1)
		return s->high;
	if (level == 3)
		return m->page1g ? s->high | GENMASK_ULL(29, 13) : s->high | WALK_PTE_PS;
	return s->high | GENMASK_ULL(20, 13);
}

static inline bool walk_is_leaf(const struct walk_mode *m, const struct walk_shape *s, unsigned int level, u64 e)
{
	if (level == 1)
		return true;
	if (!(e & WALK_PTE_PS))
		return false;
	if (s->entry_size == 4)
		return m->cr4 & WALK_CR4_PSE;
	/* A PS bit higher up is reserved, and found to be so. */
	return level == 2 || (level == 3 && s->lma);
}

/* Does the protection key of a user page forbid the access (SDM 3A 4.6.2)? */
static inline bool walk_key_forbids(const struct walk_mode *m, u64 leaf, u32 acc)
{
	unsigned int key, bits;

	if (acc & WALK_FETCH)
		return false;
	key = (leaf >> WALK_PTE_PKEY_SHIFT) & 15;
	bits = (m->pkru >> (2 * key)) & 3;
	if (bits & 1)
		return true;
	if (!(bits & 2) || !(acc & WALK_WRITE))
		return false;
	return (acc & WALK_USER) || (m->cr0 & WALK_CR0_WP);
}

/* Access rights, SDM 3A 4.6.1. Returns 0 or the error code's bits that tell why not. */
static inline u32 walk_check_rights(const struct walk_mode *m, const struct walk_shape *s,
				    const struct walk_result *r, u32 acc)
{
	bool user = acc & WALK_USER;
	bool write = acc & WALK_WRITE;
	bool fetch = acc & WALK_FETCH;
	bool denied = false;
	u32 why = 0;

	if (r->user && s->lma && (m->cr4 & WALK_CR4_PKE) && walk_key_forbids(m, r->ptes[r->nr - 1], acc))
		why = WALK_PF_P | WALK_PF_PK;

	if (fetch && r->nx)
		denied = true;
	if (user) {
		denied |= !r->user || (write && !r->write);
	} else {
		denied |= write && !r->write && (m->cr0 & WALK_CR0_WP);
		if (r->user && fetch)
			denied |= !!(m->cr4 & WALK_CR4_SMEP);
		else if (r->user && (m->cr4 & WALK_CR4_SMAP))
			denied |= (acc & WALK_IMPLICIT) || !m->ac;
	}
	return denied ? why | WALK_PF_P : why;
}

static inline u32 walk_access_error(const struct walk_mode *m, u32 acc)
{
	bool nx_on = (m->cr4 & WALK_CR4_PAE) && (m->efer & WALK_EFER_NXE);

	return ((acc & WALK_WRITE) ? WALK_PF_W : 0) | ((acc & WALK_USER) ? WALK_PF_U : 0) |
	       ((acc & WALK_FETCH) && (nx_on || (m->cr4 & WALK_CR4_SMEP)) ? WALK_PF_I : 0);
}

/* Physical address from a leaf at @level. */
static __always_inline u64 walk_leaf_gpa(const struct walk_shape *s, unsigned int level, u64 e, u64 gva)
{
	unsigned int shift = 12 + s->index_bits * (level - 1);
	u64 mask = BIT_ULL(shift) - 1;
	u64 base;

	if (s->entry_size == 8)
		base = e & GENMASK_ULL(51, 12);
	else if (level == 1)
		base = e & GENMASK_ULL(31, 12);
	else
		base = (e & GENMASK_ULL(31, 22)) | ((e & GENMASK_ULL(20, 13)) << 19);
	return (base & ~mask) | (gva & mask);
}

typedef int (*walk_read_fn)(void *opaque, u64 gpa, unsigned int size, u64 *val);
typedef int (*walk_cmpxchg_fn)(void *opaque, u64 gpa, unsigned int size, u64 old, u64 new_);

/*
 * From the root to the leaf. 0: r->ptes, rights and gpa are filled in, and *@all has the bits that all entries with
 * rights have; 1: r->error holds P and RSVD; < 0 from @read.
 */
static __always_inline int walk_descend(const struct walk_mode *m, const struct walk_shape *s, walk_read_fn read,
					void *opaque, u64 gva, struct walk_result *r, u64 *all)
{
	u64 table = s->root, both = ~0ULL, any = 0;
	unsigned int level, nr = 0;

	for (level = s->levels;; level--) {
		unsigned int shift = 12 + s->index_bits * (level - 1);
		u64 index = (gva >> shift) & (BIT_ULL(s->index_bits) - 1);
		/* A PDPTE of PAE paging says nothing of rights. */
		bool pdpte = !s->lma && level == 3;
		bool leaf = level == 1;
		u64 gpa, e;
		int ret;

		if (pdpte)
			index &= 3;
		gpa = table + index * s->entry_size;
		ret = read(opaque, gpa, s->entry_size, &e);
		if (unlikely(ret))
			return ret;
		if (!(e & WALK_PTE_P)) {
			r->nr = nr;
			r->error = 0;
			return 1;
		}
		/* All bits that are ever reserved above level 1, but in a page's address. */
		if (unlikely((e & (s->high | WALK_PTE_PS)) || pdpte)) {
			leaf = walk_is_leaf(m, s, level, e);
			if (e & walk_reserved(m, s, level, leaf)) {
				r->nr = nr;
				r->error = WALK_PF_P | WALK_PF_RSVD;
				return 1;
			}
		}
		r->ptes[nr] = e;
		r->pte_gpas[nr] = gpa;
		nr++;
		if (!pdpte) {
			both &= e;
			any |= e;
		}
		if (leaf) {
			r->nr = nr;
			r->level = level;
			r->gpa = walk_leaf_gpa(s, level, e, gva);
			r->user = both & WALK_PTE_U;
			r->write = both & WALK_PTE_W;
			r->nx = s->entry_size == 8 && (any & WALK_PTE_NX);
			*all = both;
			return 0;
		}
		table = e & GENMASK_ULL(s->entry_size == 8 ? 51 : 31, 12);
	}
}

/* Accessed flags, and the dirty flag of a written page (SDM 3A 4.8). 1: an entry has changed. */
static inline int walk_set_flags(const struct walk_shape *s, walk_cmpxchg_fn replace, void *opaque, u32 acc,
				 struct walk_result *r)
{
	unsigned int i;
	int ret;

	for (i = 0; i < r->nr; i++) {
		u64 want = r->ptes[i] | WALK_PTE_A;

		/* PAE's PDPTEs have no accessed flag. */
		if (s->levels == 3 && i == 0)
			continue;
		if (i == r->nr - 1u && (acc & WALK_WRITE))
			want |= WALK_PTE_D;
		if (want == r->ptes[i])
			continue;
		ret = replace(opaque, r->pte_gpas[i], s->entry_size, r->ptes[i], want);
		if (ret)
			return ret;
		r->ptes[i] = want;
	}
	return 0;
}

/* walk_gva() in a mode with paging. @gva: of 32 bits without long mode. */
static __always_inline int walk_as(const struct walk_mode *m, const struct walk_shape *s, walk_read_fn read,
				   walk_cmpxchg_fn replace, void *opaque, u64 gva, u32 acc, struct walk_result *r)
{
	int tries, ret;
	u64 all = 0;

	if (acc & WALK_IMPLICIT)
		acc &= ~(u32)WALK_USER;
	r->error = 0;
	for (tries = 0; tries < WALK_TRIES; tries++) {
		ret = walk_descend(m, s, read, opaque, gva, r, &all);
		if (unlikely(ret < 0))
			return ret;
		if (!ret)
			r->error = walk_check_rights(m, s, r, acc);
		if (ret || r->error) {
			r->error |= walk_access_error(m, acc);
			return 1;
		}
		if ((acc & WALK_PEEK) ||
		    ((all & WALK_PTE_A) && (!(acc & WALK_WRITE) || (r->ptes[r->nr - 1] & WALK_PTE_D))))
			return 0;
		ret = walk_set_flags(s, replace, opaque, acc, r);
		if (ret <= 0)
			return ret;
	}
	return -EAGAIN;
}

#endif /* VMX_PURE_WALK_INLINE_H */
