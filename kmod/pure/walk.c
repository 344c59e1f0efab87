// SPDX-License-Identifier: GPL-2.0-only
#include "pure/walk.h"

enum {
	CR0_WP = 1 << 16,
};
#define CR0_PG BIT_ULL(31)

enum {
	CR4_PSE = 1 << 4,
	CR4_PAE = 1 << 5,
	CR4_LA57 = 1 << 12,
	CR4_SMEP = 1 << 20,
	CR4_SMAP = 1 << 21,
	CR4_PKE = 1 << 22,
};

enum {
	EFER_LMA = 1 << 10,
	EFER_NXE = 1 << 11,
};

/* Bits of an entry, all formats. */
enum {
	PTE_P = 1 << 0,
	PTE_W = 1 << 1,
	PTE_U = 1 << 2,
	PTE_A = 1 << 5,
	PTE_D = 1 << 6,
	PTE_PS = 1 << 7,
	PTE_PKEY_SHIFT = 59,
};
#define PTE_NX BIT_ULL(63)

/* How often a walk starts anew because an entry changed before its flag could be set. */
#define WALK_TRIES 8

/* The shape of a paging mode. */
struct shape {
	u8 levels;
	u8 index_bits; /* of every level but PAE's top one, which has 2 */
	u8 entry_size;
	bool lma;
	u64 root;
};

static struct shape walk_shape(const struct walk_mode *m)
{
	struct shape s = { .entry_size = 8, .index_bits = 9 };

	if (m->efer & EFER_LMA) {
		s.lma = true;
		s.levels = (m->cr4 & CR4_LA57) ? 5 : 4;
		s.root = m->cr3 & GENMASK_ULL(51, 12);
	} else if (m->cr4 & CR4_PAE) {
		s.levels = 3;
		s.root = m->cr3 & GENMASK_ULL(31, 5);
	} else {
		s.levels = 2;
		s.index_bits = 10;
		s.entry_size = 4;
		s.root = m->cr3 & GENMASK_ULL(31, 12);
	}
	return s;
}

/* Reserved bits of the present entry @e, SDM 3A 4.3, 4.4.2, 4.5.4. */
static u64 reserved_bits(const struct walk_mode *m, const struct shape *s, unsigned int level,
			 bool leaf)
{
	bool nxe = m->efer & EFER_NXE;
	u64 high;

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

	high = m->maxphyaddr < 52 ? GENMASK_ULL(51, m->maxphyaddr) : 0;
	if (!s->lma) {
		high |= GENMASK_ULL(62, 52);
		if (level == 3)
			return high | PTE_NX | GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1);
	}
	if (!nxe)
		high |= PTE_NX;
	if (level >= 4)
		return high | PTE_PS;
	if (!leaf || level == 1)
		return high;
	if (level == 3)
		return m->page1g ? high | GENMASK_ULL(29, 13) : high | PTE_PS;
	return high | GENMASK_ULL(20, 13);
}

static bool is_leaf(const struct walk_mode *m, const struct shape *s, unsigned int level, u64 e)
{
	if (level == 1)
		return true;
	if (!(e & PTE_PS))
		return false;
	if (s->entry_size == 4)
		return m->cr4 & CR4_PSE;
	/* A PS bit higher up is reserved, and found to be so. */
	return level == 2 || (level == 3 && s->lma);
}

/* Does the protection key of a user page forbid the access (SDM 3A 4.6.2)? */
static bool pkey_forbids(const struct walk_mode *m, const struct shape *s, u64 leaf, u32 acc)
{
	unsigned int key, bits;

	if (!s->lma || !(m->cr4 & CR4_PKE) || (acc & WALK_FETCH))
		return false;
	key = (leaf >> PTE_PKEY_SHIFT) & 15;
	bits = (m->pkru >> (2 * key)) & 3;
	if (bits & 1)
		return true;
	if (!(bits & 2) || !(acc & WALK_WRITE))
		return false;
	return (acc & WALK_USER) || (m->cr0 & CR0_WP);
}

/* Access rights, SDM 3A 4.6.1. Returns 0 or the error code's bits that tell why not. */
static u32 check_rights(const struct walk_mode *m, const struct shape *s,
			const struct walk_result *r, u32 acc)
{
	bool user = acc & WALK_USER;
	bool write = acc & WALK_WRITE;
	bool fetch = acc & WALK_FETCH;
	bool denied = false;
	u32 why = 0;

	if (r->user && pkey_forbids(m, s, r->ptes[r->nr - 1], acc))
		why = WALK_PF_P | WALK_PF_PK;

	if (fetch && r->nx)
		denied = true;
	if (user) {
		denied |= !r->user || (write && !r->write);
	} else {
		denied |= write && !r->write && (m->cr0 & CR0_WP);
		if (r->user && fetch)
			denied |= !!(m->cr4 & CR4_SMEP);
		else if (r->user && (m->cr4 & CR4_SMAP))
			denied |= (acc & WALK_IMPLICIT) || !m->ac;
	}
	return denied ? why | WALK_PF_P : why;
}

static u32 access_error(const struct walk_mode *m, u32 acc)
{
	bool nx_on = (m->cr4 & CR4_PAE) && (m->efer & EFER_NXE);

	return ((acc & WALK_WRITE) ? WALK_PF_W : 0) | ((acc & WALK_USER) ? WALK_PF_U : 0) |
	       ((acc & WALK_FETCH) && (nx_on || (m->cr4 & CR4_SMEP)) ? WALK_PF_I : 0);
}

/* Physical address from a leaf at @level. */
static u64 leaf_gpa(const struct shape *s, unsigned int level, u64 e, u64 gva)
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

/*
 * From the root to the leaf. 0: r->ptes, rights and gpa are filled in; 1: r->error holds P and RSVD;
 * < 0 from an op.
 */
static int descend(const struct walk_mode *m, const struct shape *s, const struct walk_ops *ops,
		   void *opaque, u64 gva, struct walk_result *r)
{
	u64 table = s->root;
	unsigned int level;
	int ret;

	r->nr = 0;
	r->user = true;
	r->write = true;
	r->nx = false;
	for (level = s->levels; level; level--) {
		unsigned int shift = 12 + s->index_bits * (level - 1);
		u64 index = (gva >> shift) & (BIT_ULL(s->index_bits) - 1);
		u64 gpa, e;
		bool leaf;

		if (level == 3 && !s->lma)
			index &= 3;
		gpa = table + index * s->entry_size;
		ret = ops->read(opaque, gpa, s->entry_size, &e);
		if (ret)
			return ret;
		if (!(e & PTE_P)) {
			r->error = 0;
			return 1;
		}
		leaf = is_leaf(m, s, level, e);
		if (e & reserved_bits(m, s, level, leaf)) {
			r->error = WALK_PF_P | WALK_PF_RSVD;
			return 1;
		}
		r->ptes[r->nr] = e;
		r->pte_gpas[r->nr] = gpa;
		r->nr++;
		/* A PDPTE of PAE paging says nothing of rights. */
		if (level != 3 || s->lma) {
			r->user &= !!(e & PTE_U);
			r->write &= !!(e & PTE_W);
			if (s->entry_size == 8)
				r->nx |= !!(e & PTE_NX);
		}
		if (leaf) {
			r->level = level;
			r->gpa = leaf_gpa(s, level, e, gva);
			return 0;
		}
		table = e & GENMASK_ULL(s->entry_size == 8 ? 51 : 31, 12);
	}
	return -EAGAIN; /* not reached: level 1 is a leaf */
}

/* Accessed flags, and the dirty flag of a written page (SDM 3A 4.8). 1: an entry has changed. */
static int set_flags(const struct shape *s, const struct walk_ops *ops, void *opaque, u32 acc,
		     struct walk_result *r)
{
	unsigned int i;
	int ret;

	for (i = 0; i < r->nr; i++) {
		u64 want = r->ptes[i] | PTE_A;

		/* PAE's PDPTEs have no accessed flag. */
		if (s->levels == 3 && i == 0)
			continue;
		if (i == r->nr - 1u && (acc & WALK_WRITE))
			want |= PTE_D;
		if (want == r->ptes[i])
			continue;
		ret = ops->cmpxchg(opaque, r->pte_gpas[i], s->entry_size, r->ptes[i], want);
		if (ret)
			return ret;
		r->ptes[i] = want;
	}
	return 0;
}

int walk_gva(const struct walk_mode *m, const struct walk_ops *ops, void *opaque, u64 gva, u32 acc,
	     struct walk_result *r)
{
	struct shape s;
	int tries, ret;

	if (acc & WALK_IMPLICIT)
		acc &= ~(u32)WALK_USER;
	r->error = 0;
	if (!(m->cr0 & CR0_PG)) {
		r->gpa = gva & 0xffffffff;
		r->level = 0;
		r->nr = 0;
		r->write = true;
		r->user = true;
		r->nx = false;
		return 0;
	}

	s = walk_shape(m);
	if (!s.lma)
		gva &= 0xffffffff;
	for (tries = 0; tries < WALK_TRIES; tries++) {
		ret = descend(m, &s, ops, opaque, gva, r);
		if (ret < 0)
			return ret;
		if (!ret)
			r->error = check_rights(m, &s, r, acc);
		if (ret || r->error) {
			r->error |= access_error(m, acc);
			return 1;
		}
		if (acc & WALK_PEEK)
			return 0;
		ret = set_flags(&s, ops, opaque, acc, r);
		if (ret <= 0)
			return ret;
	}
	return -EAGAIN;
}
