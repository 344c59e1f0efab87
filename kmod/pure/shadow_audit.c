// SPDX-License-Identifier: GPL-2.0-only
/*
 * The auditor: every rule of shadow.h, proven for every page and entry. It reads the books and our tables alone, never
 * the guest's memory, so what it says holds at any moment at which the lock can be had.
 */
#include "pure/shadow_int.h"

struct audit {
	const struct shadow *s;
	const struct shadow_audit_ops *ops;
	unsigned int broken;
	u64 leaves;
};

static void broken(struct audit *a, const char *rule, const struct shadow_page *sp, unsigned int i)
{
	a->broken++;
	a->ops->broken(a->ops->ctx, rule, sp, i);
}

#define RULE(a, cond, text, sp, i)                     \
	do {                                           \
		if (!(cond))                           \
			broken(a, text, sp, i);        \
	} while (0)

/* Is the entry in the chain, once, and does each link lead back? @steps bounds a chain that runs in a circle. */
static bool in_chain(const struct shadow *s, u32 head, const struct shadow_page *sp, unsigned int i)
{
	u64 steps = s->nr_leaves + (u64)s->nr * SHADOW_ENTRIES;
	unsigned int found = 0;
	u32 ref, prev = 0;

	for (ref = head; ref && steps--; ref = shadow_ref_page(s, ref)->link[shadow_ref_index(ref)].next) {
		if (shadow_ref_page(s, ref)->link[shadow_ref_index(ref)].prev != prev)
			return false;
		found += ref == shadow_ref(sp, i);
		prev = ref;
	}
	return !ref && found == 1;
}

static void audit_leaf(struct audit *a, const struct shadow_page *sp, unsigned int i, u64 spte)
{
	const struct shadow *s = a->s;
	u64 gfn = shadow_entry_gfn(sp, i), n = npte_pages(sp->role.level), j;
	/* It is, or may become so at any time. */
	bool write = spte & (SPT_W | SPT_LOGGED);
	const struct shadow_page *t;
	u32 head;

	a->leaves++;
	RULE(a, sp->role.level <= PTE_LEVEL_2M, "a leaf is of 4 KiB or 2 MiB", sp, i);
	RULE(a, !(gfn & (n - 1)), "a leaf's frame is aligned to its size", sp, i);
	head = sp->role.level == 1 ? s->leaf_hash[shadow_hash(gfn, s->leaf_bits)] :
				     s->large_hash[shadow_hash(gfn >> 9, s->large_bits)];
	RULE(a, in_chain(s, head, sp, i), "a leaf is in the reverse map of its frame, once", sp, i);
	if (!sp->role.direct) {
		u64 gpte = sp->gpte[i];

		RULE(a, (gpte & SPT_P) && (gpte & SPT_A), "a leaf's guest entry was present and accessed", sp, i);
		RULE(a, shadow_gpte_leaf(sp, gpte), "a leaf's guest entry was a leaf", sp, i);
		RULE(a, !write || (gpte & SPT_D), "a writable leaf's guest entry was dirty", sp, i);
		RULE(a, !write || ((gpte & SPT_W) && (sp->role.access & SHADOW_W)) || !sp->role.wp,
		     "a leaf is writable only if the guest's entries are", sp, i);
		RULE(a, !(spte & SPT_U) || ((gpte & SPT_U) && (sp->role.access & SHADOW_U)),
		     "a leaf is the user's only if the guest's entries are", sp, i);
		RULE(a, (spte & SPT_NX) || !(gpte & SPT_NX) || sp->role.paging == SHADOW_PAGING_32,
		     "a leaf is executable only if the guest's entry is", sp, i);
	} else {
		RULE(a, !write || (sp->role.access & SHADOW_W), "a leaf has its role's write right", sp, i);
		RULE(a, !(spte & SPT_U) || (sp->role.access & SHADOW_U), "a leaf has its role's user right", sp, i);
	}
	for (j = 0; j < n && (write || n > 1); j++) {
		t = shadow_first(s, sp->role.space, gfn + j);
		RULE(a, !t || (t->unsync && n == 1), "a table in sync is write-protected, and in no larger leaf", sp, i);
	}
	if (a->ops->leaf)
		a->ops->leaf(a->ops->ctx, sp, i, gfn, spte);
}

static void audit_link(struct audit *a, const struct shadow_page *sp, unsigned int i)
{
	const struct shadow *s = a->s;
	const struct shadow_page *child = shadow_child(s, sp, i);
	union shadow_role want = sp->role;

	if (!child || shadow_by_id(s, child->id) != child || shadow_find(s, child->gfn, child->role) != child) {
		broken(a, "a pointer leads to a page that is there", sp, i);
		return;
	}
	want.level--;
	want.access = child->role.access;
	want.part = child->role.part;
	want.direct = child->role.direct;
	want.key = child->role.key;
	RULE(a, child->role.word == want.word, "a child has its parent's mode and is one level lower", sp, i);
	RULE(a, !sp->role.direct || child->role.direct, "below a run of frames is a run of frames", sp, i);
	RULE(a, in_chain(s, child->parents, sp, i), "a child knows its parent, once", sp, i);
	RULE(a, !(child->unsync || child->unsync_below) || shadow_test(sp->unsync_map, i),
	     "a parent knows of pages out of sync below it", sp, i);
	if (sp->role.direct) {
		RULE(a, child->gfn == shadow_entry_gfn(sp, i), "a run of frames goes on in its child", sp, i);
		RULE(a, child->role.access == sp->role.access, "a run of frames has one access", sp, i);
		return;
	}
	RULE(a, (sp->gpte[i] & SPT_P) && (sp->gpte[i] & SPT_A), "a pointer's guest entry was present and accessed", sp, i);
	RULE(a, child->role.direct == shadow_gpte_leaf(sp, sp->gpte[i]),
	     "a child is direct where the guest has a larger page, and only there", sp, i);
	RULE(a, child->gfn == shadow_entry_gfn(sp, i), "a child stands for what the guest's entry names", sp, i);
	RULE(a, !(child->role.access & ~(u64)sp->role.access) || !sp->role.wp, "rights do not grow on the way down", sp, i);
	if (!child->role.direct && sp->role.paging == SHADOW_PAGING_32)
		RULE(a, child->role.part == (i & 1), "a child is the half that its parent's entry is for", sp, i);
}

static void audit_page(struct audit *a, const struct shadow_page *sp)
{
	const struct shadow *s = a->s;
	unsigned int i, nr = 0, below = 0;
	const struct shadow_page *t;

	RULE(a, shadow_find(s, sp->gfn, sp->role) == sp, "a page is found by frame and role", sp, 0);
	RULE(a, !sp->unsync || (sp->role.level == 1 && !sp->role.direct), "only level 1 is out of sync", sp, 0);
	RULE(a, !!sp->gpte == !sp->role.direct, "a page has copies unless it is direct", sp, 0);
	for (t = shadow_first(s, sp->role.space, sp->gfn); t && !sp->role.direct; t = shadow_next(s, t))
		RULE(a, t->unsync == sp->unsync, "all pages of a frame are in sync, or none", sp, 0);
	for (i = 0; i < SHADOW_ENTRIES; i++) {
		u64 spte = READ_ONCE(sp->spt[i]);

		RULE(a, !!spte == shadow_test(sp->present_map, i), "present_map says what is there", sp, i);
		RULE(a, !shadow_test(sp->unsync_map, i) || (spte && !shadow_leaf(sp, spte)),
		     "unsync_map names children", sp, i);
		below += shadow_test(sp->unsync_map, i);
		if (!spte)
			continue;
		nr++;
		if (shadow_leaf(sp, spte))
			audit_leaf(a, sp, i, spte);
		else
			audit_link(a, sp, i);
	}
	RULE(a, nr == sp->nr, "a page's entries are counted", sp, 0);
	RULE(a, below == sp->unsync_below, "children out of sync are counted", sp, 0);
}

static void audit_chains(struct audit *a, const u32 *heads, unsigned int bits, bool large)
{
	const struct shadow *s = a->s;
	u32 h, ref;
	u64 n = 0;

	for (h = 0; h < 1u << bits; h++) {
		for (ref = heads[h]; ref && n <= s->nr_leaves; n++) {
			const struct shadow_page *sp = shadow_ref_page(s, ref);
			unsigned int i = shadow_ref_index(ref);
			u64 gfn;

			if (!sp || !sp->spt[i] || !shadow_leaf(sp, sp->spt[i])) {
				broken(a, "the reverse map holds leaves alone", sp, i);
				break;
			}
			gfn = shadow_entry_gfn(sp, i);
			RULE(a, shadow_hash(large ? gfn >> 9 : gfn, bits) == h, "a leaf is in its frame's chain", sp, i);
			ref = sp->link[i].next;
		}
	}
}

unsigned int shadow_audit(const struct shadow *s, const struct shadow_audit_ops *ops)
{
	struct audit a = { .s = s, .ops = ops };
	u32 id, n = 0, prev = 0;

	for (id = s->age_first; id && n <= s->nr; id = shadow_id(s, id)->age_next, n++) {
		const struct shadow_page *sp = shadow_id(s, id);

		RULE(&a, sp->age_prev == prev, "the list of pages leads back", sp, 0);
		audit_page(&a, sp);
		prev = id;
	}
	RULE(&a, n == s->nr && prev == s->age_last, "pages are counted", NULL, 0);
	RULE(&a, a.leaves == s->nr_leaves, "leaves are counted", NULL, 0);
	audit_chains(&a, s->leaf_hash, s->leaf_bits, false);
	audit_chains(&a, s->large_hash, s->large_bits, true);
	return a.broken;
}
