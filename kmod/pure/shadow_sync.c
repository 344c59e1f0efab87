// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping pages and the guest's tables together.
 *
 *	in sync		the frame is write-protected; the emulator's writes come to shadow_written()
 *	out of sync	level 1 only: the guest writes the frame itself; entries are compared with memory when it
 *			flushes. A page in which two comparisons found nothing new is protected again.
 *
 * unsync_map in the pages above leads to those that are out of sync. A bit may be set without need.
 */
#include "pure/shadow_int.h"

#define QUIET_ENOUGH 2

bool shadow_entry_holds(const struct shadow_page *sp, unsigned int i, u64 gpte)
{
	u64 old = sp->gpte[i];

	if ((old ^ gpte) & ~(u64)(SPT_AVL | SPT_D))
		return false;
	/* What was built with the dirty flag set may be writable. */
	return !(old & SPT_D) || (gpte & SPT_D);
}

bool shadow_try_unsync(struct shadow *s, unsigned int space, u64 gfn)
{
	struct shadow_page *sp;

	for (sp = shadow_first(s, space, gfn); sp; sp = shadow_next(s, sp))
		if (sp->role.level > 1)
			return false;
	for (sp = shadow_first(s, space, gfn); sp; sp = shadow_next(s, sp)) {
		if (sp->unsync)
			continue;
		sp->unsync = true;
		sp->quiet = 0;
		s->stat.unsynced++;
		shadow_mark_parents(s, sp);
	}
	return true;
}

/* ---- comparing ---- */

/* The guest's entries for 64 of ours, one after another; those of a directory stand for two. */
struct group {
	u64 e[64];
};

static bool load_group(struct shadow *s, struct shadow_cpu *cpu, const struct shadow_page *sp, unsigned int w,
		       struct group *g)
{
	unsigned int size = shadow_entry_size(sp->role), n = 64, i;
	u32 small[64];

	if (size == 8)
		return !s->ops->load(cpu->vcpu, sp->role.space, shadow_entry_gpa(sp, w * 64), g->e, 512);
	if (sp->role.level > 1)
		n = 32;
	if (s->ops->load(cpu->vcpu, sp->role.space, shadow_entry_gpa(sp, w * 64), small, n * 4))
		return false;
	for (i = 0; i < 64; i++)
		g->e[i] = small[n == 64 ? i : i / 2];
	return true;
}

/* Drop what has changed. What cannot be compared has, too. */
static unsigned int compare(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp)
{
	unsigned int changed = 0, w, i;
	struct group g;
	u64 m;

	for (w = 0; w < SHADOW_MAP_WORDS; w++) {
		bool known;

		m = sp->present_map[w];
		if (!m)
			continue;
		known = load_group(s, cpu, sp, w, &g);
		for (; m; m &= m - 1) {
			i = (unsigned int)__ffs(m);
			if (known && shadow_entry_holds(sp, w * 64 + i, g.e[i]))
				continue;
			shadow_drop(s, sp, w * 64 + i);
			changed++;
		}
	}
	s->stat.verified++;
	return changed;
}

/* Protect the frame again. False: it cannot be flushed now, and stays out of sync. */
static bool resync(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp)
{
	struct shadow_page *p;

	shadow_protect_table(s, sp->role.space, sp->gfn);
	if (!s->ops->flush(s, cpu->vcpu))
		return false;
	for (p = shadow_first(s, sp->role.space, sp->gfn); p; p = shadow_next(s, p)) {
		if (p != sp)
			compare(s, cpu, p);
		p->unsync = false;
	}
	s->stat.resynced++;
	return true;
}

unsigned int shadow_verify(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp)
{
	unsigned int changed;

	if (sp->quiet >= QUIET_ENOUGH && resync(s, cpu, sp))
		return compare(s, cpu, sp);
	changed = compare(s, cpu, sp);
	if (changed)
		sp->quiet = 0;
	else if (sp->quiet < QUIET_ENOUGH)
		sp->quiet++;
	return changed;
}

void shadow_flush_below(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp)
{
	unsigned int w, i;
	u64 m;

	if (!sp->unsync_below)
		return;
	shadow_for_each(sp->unsync_map, i, w, m) {
		struct shadow_page *child = shadow_child(s, sp, i);

		if (child->unsync)
			shadow_verify(s, cpu, child);
		shadow_flush_below(s, cpu, child);
		if (child->unsync || child->unsync_below)
			continue;
		sp->unsync_map[w] &= ~BIT_ULL(i % 64);
		sp->unsync_below--;
	}
}

/* All pages, whether in sync or not, down from @sp. */
static void compare_tree(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp)
{
	unsigned int w, i;
	u64 m;

	if (!sp->role.direct)
		compare(s, cpu, sp);
	shadow_for_each(sp->present_map, i, w, m)
		if (!shadow_leaf(sp, sp->spt[i]))
			compare_tree(s, cpu, shadow_child(s, sp, i));
}

void shadow_flush(struct shadow *s, struct shadow_cpu *cpu, bool all)
{
	unsigned int i;

	for (i = 0; i < SHADOW_ROOTS; i++) {
		struct shadow_page *root = cpu->root[i];

		if (!root)
			continue;
		shadow_flush_below(s, cpu, root);
		if (all)
			compare_tree(s, cpu, root);
	}
}

/* ---- one address ---- */

/* The guest's entry for @i, now. */
static __always_inline bool load_entry(struct shadow *s, void *vcpu, const struct shadow_page *sp, unsigned int i,
				       u64 *gpte)
{
	u64 gpa = shadow_entry_gpa(sp, i);
	u32 small;

	if (likely(shadow_entry_size(sp->role) == 8))
		return !s->ops->load(vcpu, sp->role.space, gpa, gpte, 8);
	if (s->ops->load(vcpu, sp->role.space, gpa, &small, 4))
		return false;
	*gpte = small;
	return true;
}

/*
 * All levels are looked at: this is where what bypassed the protection ends. What the guest flushes one address for it
 * will most often use next: the new entry is put in at once, which saves a fault.
 */
bool shadow_invlpg(struct shadow *s, struct shadow_cpu *cpu, u64 gva)
{
	struct shadow_page *sp = cpu->root[cpu->root_level == 2 ? gva >> 30 & 3 : 0];
	unsigned int i, level;
	u64 gpte;

	for (; sp; sp = shadow_child(s, sp, i)) {
		level = sp->role.level;
		i = (unsigned int)(gva >> (12 + 9 * (level - 1))) & (SHADOW_ENTRIES - 1);
		/* The guest's page may be larger than what the TLB has of it. */
		if (!sp->spt[i] || sp->role.direct)
			return level > 1 || sp->role.direct;
		if (!load_entry(s, cpu->vcpu, sp, i, &gpte)) {
			shadow_drop(s, sp, i);
			return level > 1;
		}
		if (!shadow_entry_holds(sp, i, gpte)) {
			shadow_drop(s, sp, i);
			if (level == 1)
				shadow_prefetch_one(s, cpu, sp, i, gpte);
			return level > 1;
		}
		if (shadow_leaf(sp, sp->spt[i]))
			return false;
	}
	return true;
}

/* ---- writes ---- */

static void written_page(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, u64 gpa, unsigned int len)
{
	unsigned int size = shadow_entry_size(sp->role);
	unsigned int from = (gpa & 0xfff) / size, to = ((gpa & 0xfff) + len - 1) / size;
	unsigned int g, i, n = size == 4 && sp->role.level > 1 ? 2 : 1, k;

	for (g = from; g <= to; g++) {
		/* From the guest's entry to ours: 32-bit tables are in parts. */
		unsigned int part = size == 8 ? 0 : n == 2 ? g >> 8 : g >> 9;

		if (part != sp->role.part)
			continue;
		i = n == 2 ? (g & 255) * 2 : g & (SHADOW_ENTRIES - 1);
		for (k = i; k < i + n; k++) {
			bool was = sp->spt[k];
			u64 gpte;

			if (!was && (!cpu || sp->role.level > 1))
				continue;
			if (!cpu || !load_entry(s, cpu->vcpu, sp, k, &gpte)) {
				if (was)
					shadow_drop(s, sp, k);
				continue;
			}
			if (was && shadow_entry_holds(sp, k, gpte))
				continue;
			if (was)
				shadow_drop(s, sp, k);
			if (sp->role.level == 1)
				shadow_prefetch_one(s, cpu, sp, k, gpte);
		}
	}
}

bool shadow_root_flooded(const struct shadow_page *sp)
{
	return sp->flood >= SHADOW_FLOOD;
}

bool shadow_untrack_filled(struct shadow *s, unsigned int space, u64 gfn)
{
	struct shadow_page *sp, *next;
	bool pinned = false;

	for (sp = shadow_first(s, space, gfn); sp; sp = shadow_next(s, sp)) {
		if (!sp->pins)
			continue;
		sp->flood = SHADOW_FLOOD;
		s->flooded_roots++;
		pinned = true;
	}
	if (pinned)
		return false;
	for (sp = shadow_first(s, space, gfn); sp; sp = next) {
		next = shadow_next(s, sp);
		s->stat.flooded++;
		shadow_zap_page(s, sp);
	}
	return true;
}

void shadow_written(struct shadow *s, struct shadow_cpu *cpu, unsigned int space, u64 gpa, unsigned int len)
{
	while (len) {
		unsigned int n = 0x1000 - (unsigned int)(gpa & 0xfff);
		struct shadow_page *sp, *next;

		if (n > len)
			n = len;
		for (sp = shadow_first(s, space, gpa >> 12); sp; sp = next) {
			next = shadow_next(s, sp);
			s->stat.emulated++;
			written_page(s, cpu, sp, gpa, n);
			if (sp->unsync || (sp->flood < SHADOW_FLOOD && ++sp->flood < SHADOW_FLOOD))
				continue;
			if (sp->pins) {
				s->flooded_roots++;
				continue;
			}
			s->stat.flooded++;
			shadow_zap_page(s, sp);
		}
		gpa += n;
		len -= n;
	}
}
