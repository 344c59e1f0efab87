// SPDX-License-Identifier: GPL-2.0-only
/* Pages of the shadow pager: finding, making, linking, freeing them. */
#include "pure/shadow_int.h"

void shadow_init(struct shadow *s)
{
	s->nr = 0;
	s->age_first = 0;
	s->age_last = 0;
	s->nr_leaves = 0;
	s->must_flush = false;
	s->stale = 0;
	s->flushed = 0;
	s->flooded_roots = 0;
}

struct shadow_page *shadow_by_id(const struct shadow *s, u32 id)
{
	return id && id < SHADOW_MAX_ID && s->chunk[id / SHADOW_CHUNK] ? shadow_id(s, id) : NULL;
}

/* ---- finding ---- */

static u32 *page_head(const struct shadow *s, u64 gfn)
{
	return &s->page_hash[shadow_hash(gfn, s->page_bits)];
}

static u32 *region_count(const struct shadow *s, u64 gfn)
{
	return &s->region[shadow_hash(gfn >> 9, s->region_bits)];
}

struct shadow_page *shadow_find(const struct shadow *s, u64 gfn, union shadow_role role)
{
	u32 id;

	for (id = *page_head(s, gfn); id; id = shadow_id(s, id)->hash_next) {
		struct shadow_page *sp = shadow_id(s, id);

		if (sp->gfn == gfn && sp->role.word == role.word)
			return sp;
	}
	return NULL;
}

static struct shadow_page *indirect_from(const struct shadow *s, u32 id, unsigned int space, u64 gfn)
{
	for (; id; id = shadow_id(s, id)->hash_next) {
		struct shadow_page *sp = shadow_id(s, id);

		if (sp->gfn == gfn && !sp->role.direct && sp->role.space == space)
			return sp;
	}
	return NULL;
}

struct shadow_page *shadow_first(const struct shadow *s, unsigned int space, u64 gfn)
{
	return indirect_from(s, *page_head(s, gfn), space, gfn);
}

struct shadow_page *shadow_next(const struct shadow *s, const struct shadow_page *sp)
{
	return indirect_from(s, sp->hash_next, sp->role.space, sp->gfn);
}

bool shadow_may_be_table(const struct shadow *s, u64 gfn)
{
	return READ_ONCE(*region_count(s, gfn));
}

bool shadow_is_table(const struct shadow *s, unsigned int space, u64 gfn)
{
	return *region_count(s, gfn) && shadow_first(s, space, gfn);
}

bool shadow_region_used(const struct shadow *s, unsigned int space, u64 gfn)
{
	const u64 n = npte_pages(PTE_LEVEL_2M);
	u64 i;

	if (!*region_count(s, gfn))
		return false;
	gfn &= ~(n - 1);
	for (i = 0; i < n; i++)
		if (shadow_first(s, space, gfn + i))
			return true;
	return false;
}

/* ---- links ---- */

struct shadow_page *shadow_child(const struct shadow *s, const struct shadow_page *sp, unsigned int i)
{
	return s->ops->table(s, npte_pa(s->format, sp->spt[i]));
}

union shadow_role shadow_child_role(const struct shadow_page *sp, unsigned int rights, unsigned int part)
{
	union shadow_role role = sp->role;

	role.level--;
	role.direct = 0;
	role.access = rights;
	role.part = role.paging == SHADOW_PAGING_32 ? part & 1 : 0;
	return role;
}

void shadow_mark_parents(struct shadow *s, struct shadow_page *sp)
{
	u32 ref;

	for (ref = sp->parents; ref;) {
		struct shadow_page *p = shadow_ref_page(s, ref);
		unsigned int i = shadow_ref_index(ref);

		ref = p->link[i].next;
		/* A bit that is set has been told further up. */
		if (shadow_test(p->unsync_map, i))
			continue;
		p->unsync_map[i / 64] |= BIT_ULL(i % 64);
		/* As deep as tables are: each page's parents are one level higher. */
		if (!p->unsync_below++)
			shadow_mark_parents(s, p);
	}
}

void shadow_link_child(struct shadow *s, struct shadow_page *sp, unsigned int i, u64 gpte, struct shadow_page *child)
{
	if (!sp->role.direct)
		sp->gpte[i] = gpte;
	sp->present_map[i / 64] |= BIT_ULL(i % 64);
	sp->nr++;
	shadow_chain_add(s, &child->parents, sp, i);
	/* All rights: those that the guest's tables leave are in the leaves. */
	WRITE_ONCE(sp->spt[i], npte_make_table(s->format, child->pa));
	if (child->unsync || child->unsync_below) {
		sp->unsync_map[i / 64] |= BIT_ULL(i % 64);
		if (!sp->unsync_below++)
			shadow_mark_parents(s, sp);
	}
	s->stat.linked++;
}

static void drop_link(struct shadow *s, struct shadow_page *sp, unsigned int i)
{
	struct shadow_page *child = shadow_child(s, sp, i);

	WRITE_ONCE(sp->spt[i], 0);
	shadow_chain_del(s, &child->parents, sp, i);
	sp->present_map[i / 64] &= ~BIT_ULL(i % 64);
	sp->nr--;
	if (shadow_test(sp->unsync_map, i)) {
		sp->unsync_map[i / 64] &= ~BIT_ULL(i % 64);
		sp->unsync_below--;
	}
	s->stale++;
	s->stat.dropped++;
}

void shadow_drop(struct shadow *s, struct shadow_page *sp, unsigned int i)
{
	if (shadow_leaf(sp, READ_ONCE(sp->spt[i])))
		shadow_take_leaf(s, sp, i);
	else
		drop_link(s, sp, i);
}

static void empty(struct shadow *s, struct shadow_page *sp)
{
	unsigned int i, w;
	u64 m;

	shadow_for_each(sp->present_map, i, w, m)
		shadow_drop(s, sp, i);
}

/* ---- life of a page ---- */

static void age_append(struct shadow *s, struct shadow_page *sp)
{
	sp->age_next = 0;
	sp->age_prev = s->age_last;
	if (s->age_last)
		shadow_id(s, s->age_last)->age_next = sp->id;
	else
		s->age_first = sp->id;
	s->age_last = sp->id;
}

static void age_remove(struct shadow *s, struct shadow_page *sp)
{
	if (sp->age_next)
		shadow_id(s, sp->age_next)->age_prev = sp->age_prev;
	else
		s->age_last = sp->age_prev;
	if (sp->age_prev)
		shadow_id(s, sp->age_prev)->age_next = sp->age_next;
	else
		s->age_first = sp->age_next;
}

static void insert(struct shadow *s, struct shadow_page *sp)
{
	u32 *head = page_head(s, sp->gfn);

	sp->hash_prev = 0;
	sp->hash_next = *head;
	if (*head)
		shadow_id(s, *head)->hash_prev = sp->id;
	*head = sp->id;
	age_append(s, sp);
	s->nr++;
	if (!sp->role.direct)
		(*region_count(s, sp->gfn))++;
}

static void remove_page(struct shadow *s, struct shadow_page *sp)
{
	if (sp->hash_next)
		shadow_id(s, sp->hash_next)->hash_prev = sp->hash_prev;
	if (sp->hash_prev)
		shadow_id(s, sp->hash_prev)->hash_next = sp->hash_next;
	else
		*page_head(s, sp->gfn) = sp->hash_next;
	age_remove(s, sp);
	s->nr--;
	if (!sp->role.direct)
		(*region_count(s, sp->gfn))--;
}

/* What the other pages of the frame are decides whether a new one is in sync. */
static void join_frame(struct shadow *s, struct shadow_page *sp)
{
	unsigned int space = sp->role.space;
	struct shadow_page *other;

	for (other = shadow_first(s, space, sp->gfn); other; other = shadow_next(s, other))
		if (other != sp && other->unsync)
			break;
	if (other && sp->role.level == 1) {
		sp->unsync = true;
		return;
	}
	/*
	 * In sync: the frame is not written any more before anything is read from it. A leaf that let it be written may
	 * be gone and still be in a TLB.
	 */
	if (shadow_protect_table(s, space, sp->gfn) || s->stale != READ_ONCE(s->flushed))
		s->must_flush = true;
	if (!other)
		return;
	/*
	 * A page of level 1 cannot stay out of sync beside this one. Until must_flush is served others may write to
	 * the frame: what they have is given up.
	 */
	for (other = shadow_first(s, space, sp->gfn); other; other = shadow_next(s, other)) {
		if (!other->unsync)
			continue;
		empty(s, other);
		other->unsync = false;
	}
}

struct shadow_page *shadow_get(struct shadow *s, struct shadow_cpu *cpu, u64 gfn, union shadow_role role)
{
	struct shadow_page *sp = shadow_find(s, gfn, role);

	if (sp) {
		sp->used = true;
		/* It was not below the root that it is now wanted for when the guest flushed that one. */
		if (unlikely(sp->unsync))
			shadow_verify(s, cpu, sp);
		if (unlikely(sp->unsync_below))
			shadow_flush_below(s, cpu, sp);
		return sp;
	}
	sp = s->ops->alloc(cpu->vcpu, role.direct);
	if (!sp)
		return NULL;
	sp->role = role;
	sp->gfn = gfn;
	sp->parents = 0;
	sp->pins = 0;
	sp->nr = 0;
	sp->unsync_below = 0;
	sp->flood = 0;
	sp->quiet = 0;
	sp->unsync = false;
	sp->used = true;
	memset(sp->present_map, 0, sizeof(sp->present_map));
	memset(sp->unsync_map, 0, sizeof(sp->unsync_map));
	insert(s, sp);
	s->stat.created++;
	if (!role.direct)
		join_frame(s, sp);
	return sp;
}

void shadow_zap_page(struct shadow *s, struct shadow_page *sp)
{
	empty(s, sp);
	while (sp->parents)
		drop_link(s, shadow_ref_page(s, sp->parents), shadow_ref_index(sp->parents));
	s->stat.zapped++;
	if (sp->pins)
		return;
	remove_page(s, sp);
	s->ops->retire(s, sp);
}

void shadow_zap_all(struct shadow *s)
{
	u32 id = s->age_first;

	while (id) {
		struct shadow_page *sp = shadow_id(s, id);

		/* Zapping one leaves all others where they are. */
		id = sp->age_next;
		shadow_zap_page(s, sp);
	}
}

/*
 * The oldest that was not of use lately goes. One look at each page gives those that were a second chance; after
 * two rounds only pinned ones are left.
 */
u32 shadow_shrink(struct shadow *s, u32 want)
{
	u32 looks = 2 * s->nr, gone = 0;

	while (s->nr > want && looks--) {
		struct shadow_page *sp = shadow_id(s, s->age_first);

		if (sp->pins || sp->used) {
			sp->used = false;
			age_remove(s, sp);
			age_append(s, sp);
			continue;
		}
		shadow_zap_page(s, sp);
		s->stat.reclaimed++;
		gone++;
	}
	return gone;
}

void shadow_make_room(struct shadow *s, u32 n)
{
	if (unlikely(s->nr + n > s->limit))
		shadow_shrink(s, s->limit > n ? s->limit - n : 0);
}

/* ---- roots ---- */

struct shadow_page *shadow_root(struct shadow *s, struct shadow_cpu *cpu, u64 gfn, unsigned int level,
				unsigned int part)
{
	union shadow_role role = cpu->role;
	struct shadow_page *sp;

	role.level = level;
	role.part = part;
	role.access = SHADOW_ALL;
	role.direct = role.paging == SHADOW_PAGING_OFF;
	sp = shadow_get(s, cpu, gfn, role);
	if (sp)
		sp->pins++;
	return sp;
}

void shadow_unpin(struct shadow_page *sp)
{
	sp->pins--;
}

bool shadow_untrack(struct shadow *s, unsigned int space, u64 gfn)
{
	struct shadow_page *sp = shadow_first(s, space, gfn);
	bool all = true;

	while (sp) {
		struct shadow_page *next = shadow_next(s, sp);

		if (sp->pins)
			all = false;
		shadow_zap_page(s, sp);
		sp = next;
	}
	return all;
}

union shadow_role shadow_mode_role(const struct walk_mode *m, unsigned int space)
{
	const u64 wp = BIT_ULL(16), pg = BIT_ULL(31), pse = BIT_ULL(4), pae = BIT_ULL(5), la57 = BIT_ULL(12);
	const u64 smep = BIT_ULL(20), smap = BIT_ULL(21), pke = BIT_ULL(22), lma = BIT_ULL(10), nxe = BIT_ULL(11);
	union shadow_role role = { .word = 0 };

	role.space = space;
	if (!(m->cr0 & pg))
		return role;
	if (m->efer & lma)
		role.paging = (m->cr4 & la57) ? SHADOW_PAGING_5 : SHADOW_PAGING_4;
	else
		role.paging = (m->cr4 & pae) ? SHADOW_PAGING_PAE : SHADOW_PAGING_32;
	role.wp = !!(m->cr0 & wp);
	if (!role.wp) {
		role.smep = !!(m->cr4 & smep);
		role.smap = !!(m->cr4 & smap);
		role.pke = role.paging >= SHADOW_PAGING_4 && (m->cr4 & pke);
	}
	if (role.paging == SHADOW_PAGING_32) {
		role.pse = !!(m->cr4 & pse);
		role.pse36 = m->pse36;
	} else {
		role.nxe = !!(m->efer & nxe);
		role.page1g = m->page1g;
	}
	role.phys_bits = m->maxphyaddr;
	return role;
}
