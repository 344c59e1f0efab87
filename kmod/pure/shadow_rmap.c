// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reverse map: from a guest frame to the leaves that map it.
 *
 * Leaves of one frame are in one chain, which those of other frames with the same hash may share: the entry's copy of
 * the guest's entry tells. 4K leaves are hashed by frame, larger ones by their 2 MiB.
 */
#include "pure/shadow_int.h"

static u32 *leaf_head(const struct shadow *s, unsigned int level, u64 gfn)
{
	if (level == PTE_LEVEL_4K)
		return &s->leaf_hash[shadow_hash(gfn, s->leaf_bits)];
	return &s->large_hash[shadow_hash(gfn >> 9, s->large_bits)];
}

void shadow_chain_add(struct shadow *s, u32 *head, struct shadow_page *sp, unsigned int i)
{
	struct shadow_link *l = &sp->link[i];

	l->next = *head;
	l->prev = 0;
	if (l->next)
		shadow_ref_page(s, l->next)->link[shadow_ref_index(l->next)].prev = shadow_ref(sp, i);
	*head = shadow_ref(sp, i);
}

void shadow_chain_del(struct shadow *s, u32 *head, struct shadow_page *sp, unsigned int i)
{
	struct shadow_link *l = &sp->link[i];

	if (l->next)
		shadow_ref_page(s, l->next)->link[shadow_ref_index(l->next)].prev = l->prev;
	if (l->prev)
		shadow_ref_page(s, l->prev)->link[shadow_ref_index(l->prev)].next = l->next;
	else
		*head = l->next;
	l->next = 0;
	l->prev = 0;
}

void shadow_put_leaf(struct shadow *s, struct shadow_page *sp, unsigned int i, u64 gpte, u64 spte)
{
	if (!sp->role.direct)
		sp->gpte[i] = gpte;
	sp->present_map[i / 64] |= BIT_ULL(i % 64);
	sp->nr++;
	s->nr_leaves++;
	__atomic_fetch_add(s->leaves[sp->role.level], 1, __ATOMIC_RELAXED);
	shadow_chain_add(s, leaf_head(s, sp->role.level, shadow_entry_gfn(sp, i)), sp, i);
	WRITE_ONCE(sp->spt[i], spte);
}

void shadow_take_leaf(struct shadow *s, struct shadow_page *sp, unsigned int i)
{
	u64 spte = __atomic_exchange_n(&sp->spt[i], 0, __ATOMIC_SEQ_CST);

	shadow_chain_del(s, leaf_head(s, sp->role.level, shadow_entry_gfn(sp, i)), sp, i);
	sp->present_map[i / 64] &= ~BIT_ULL(i % 64);
	sp->nr--;
	s->nr_leaves--;
	__atomic_fetch_sub(s->leaves[sp->role.level], 1, __ATOMIC_RELAXED);
	s->stale++;
	s->stat.dropped++;
	s->ops->taken(s, spte);
}

/* ---- by frame ---- */

/* Is this entry of a chain a leaf of the frame? @gfn: of a large leaf its first. */
static bool is_of(const struct shadow_page *sp, unsigned int i, unsigned int space, u64 gfn)
{
	return sp->role.space == space && shadow_entry_gfn(sp, i) == gfn;
}

static bool take_chain(struct shadow *s, unsigned int space, unsigned int level, u64 gfn)
{
	u32 ref = *leaf_head(s, level, gfn);
	bool any = false;

	while (ref) {
		struct shadow_page *sp = shadow_ref_page(s, ref);
		unsigned int i = shadow_ref_index(ref);

		ref = sp->link[i].next;
		if (is_of(sp, i, space, gfn)) {
			shadow_take_leaf(s, sp, i);
			any = true;
		}
	}
	return any;
}

/* When there are fewer pages than frames: look at what is there. */
static bool take_all(struct shadow *s, unsigned int space, u64 gfn, u64 end, unsigned int min_level)
{
	bool any = false;
	u32 id;

	for (id = s->age_first; id; id = shadow_id(s, id)->age_next) {
		struct shadow_page *sp = shadow_id(s, id);
		unsigned int i, w;
		u64 m;

		if (sp->role.space != space || sp->role.level < min_level)
			continue;
		shadow_for_each(sp->present_map, i, w, m) {
			u64 first = shadow_entry_gfn(sp, i);

			if (!shadow_leaf(sp, sp->spt[i]) || first >= end ||
			    first + npte_pages(sp->role.level) <= gfn)
				continue;
			shadow_take_leaf(s, sp, i);
			any = true;
		}
	}
	return any;
}

/* Looking at a page's entries costs about as much as this many frames. */
#define PAGE_COST 64

bool shadow_zap_large(struct shadow *s, unsigned int space, u64 gfn, u64 end)
{
	const u64 n = npte_pages(PTE_LEVEL_2M);
	bool any = false;

	if ((end - gfn) / n > s->nr)
		return take_all(s, space, gfn, end, PTE_LEVEL_2M);
	for (gfn &= ~(n - 1); gfn < end; gfn += n)
		any |= take_chain(s, space, PTE_LEVEL_2M, gfn);
	return any;
}

bool shadow_zap_frames(struct shadow *s, unsigned int space, u64 gfn, u64 end)
{
	bool any;

	if (gfn >= end || !s->nr_leaves)
		return false;
	if ((end - gfn) / PAGE_COST > s->nr)
		return take_all(s, space, gfn, end, PTE_LEVEL_4K);
	any = shadow_zap_large(s, space, gfn, end);
	for (; gfn < end; gfn++)
		any |= take_chain(s, space, PTE_LEVEL_4K, gfn);
	return any;
}

/* Clear @bit in the leaves of the frame at @level. Returns all bits that they had. */
static u64 clear_chain(struct shadow *s, unsigned int space, unsigned int level, u64 gfn, u64 bit)
{
	u32 ref = *leaf_head(s, level, gfn);
	u64 had = 0;

	while (ref) {
		struct shadow_page *sp = shadow_ref_page(s, ref);
		unsigned int i = shadow_ref_index(ref);

		ref = sp->link[i].next;
		if (!is_of(sp, i, space, gfn))
			continue;
		if (READ_ONCE(sp->spt[i]) & bit)
			had |= __atomic_fetch_and(&sp->spt[i], ~bit, __ATOMIC_SEQ_CST);
	}
	return had;
}

/* Take the write right from the leaves of the frame at @level, and say in them that it was for the log. */
static bool log_chain(struct shadow *s, unsigned int space, unsigned int level, u64 gfn)
{
	u32 ref = *leaf_head(s, level, gfn);
	bool any = false;

	while (ref) {
		struct shadow_page *sp = shadow_ref_page(s, ref);
		unsigned int i = shadow_ref_index(ref);
		u64 e = READ_ONCE(sp->spt[i]);

		ref = sp->link[i].next;
		if (!is_of(sp, i, space, gfn))
			continue;
		while ((e & SPT_W) && !__atomic_compare_exchange_n(&sp->spt[i], &e, (e & ~(u64)SPT_W) | SPT_LOGGED, false,
								   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			;
		any |= e & SPT_W;
	}
	return any;
}

bool shadow_protect(struct shadow *s, unsigned int space, u64 gfn)
{
	const u64 mask = npte_pages(PTE_LEVEL_2M) - 1;
	bool any;

	any = log_chain(s, space, PTE_LEVEL_4K, gfn);
	any |= log_chain(s, space, PTE_LEVEL_2M, gfn & ~mask);
	if (!any)
		return false;
	s->stale++;
	WRITE_ONCE(s->logged, true);
	return true;
}

bool shadow_protect_table(struct shadow *s, unsigned int space, u64 gfn)
{
	const u64 mask = npte_pages(PTE_LEVEL_2M) - 1;
	bool any = take_chain(s, space, PTE_LEVEL_2M, gfn & ~mask);

	if (!(clear_chain(s, space, PTE_LEVEL_4K, gfn, SPT_W | SPT_LOGGED) & SPT_W))
		return any;
	s->stale++;
	return true;
}

bool shadow_young(struct shadow *s, unsigned int space, u64 gfn, bool clear)
{
	const u64 mask = npte_pages(PTE_LEVEL_2M) - 1;
	unsigned int level;

	for (level = PTE_LEVEL_4K; level <= PTE_LEVEL_2M; level++) {
		u64 first = level == PTE_LEVEL_4K ? gfn : gfn & ~mask;
		u32 ref = *leaf_head(s, level, first);

		if (clear) {
			if (clear_chain(s, space, level, first, SPT_A) & SPT_A)
				return true;
			continue;
		}
		while (ref) {
			const struct shadow_page *sp = shadow_ref_page(s, ref);
			unsigned int i = shadow_ref_index(ref);

			if (is_of(sp, i, space, first) && (READ_ONCE(sp->spt[i]) & SPT_A))
				return true;
			ref = sp->link[i].next;
		}
	}
	return false;
}
