// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page fault under shadow paging.
 *
 *	walk the guest's tables			#PF is its own: out
 *	ask the host for the frame		device, absent: out
 *	from the root down: link a page for each table of the guest's; below a larger page of the
 *	guest's that the host has only in small pieces, direct pages
 *	put the leaf, and its neighbours
 *
 * Where a page had to be made for a table of the guest's, the frame is write-protected and flushed, and then all is
 * done once more: what is built is built from what was read after that.
 */
#include "pure/shadow_int.h"

/* Entries on either side of a fault that are mapped with it: an aligned group. */
#define PREFETCH 8

/* ---- leaves ---- */

/* The W and U bits of entries and of rights follow one another alike. */
_Static_assert(SPT_W >> 1 == SHADOW_W && SPT_U >> 1 == SHADOW_U, "the bits are in one order");

static __always_inline u64 make_leaf(const struct shadow *s, const struct shadow_page *sp, u64 gpte, unsigned int access,
				     bool write, const struct shadow_frame *f)
{
	u64 e, bits = (f->special ? s->format->special : 0) | SPT_A | (write ? SPT_D : 0);
	unsigned int level = sp->role.level;

	if (likely(level == PTE_LEVEL_4K))
		e = npte_make_leaf(s->format, f->pfn, PTE_LEVEL_4K, f->cache, bits);
	else
		e = npte_make_leaf(s->format, f->pfn & ~(npte_pages(level) - 1), level, f->cache, bits);
	e = (e & ~(u64)SPT_U) | ((u64)access << 1 & (SPT_W | SPT_U));
	if (!(access & SHADOW_X) || (s->small_code && level > 1))
		e |= SPT_NX;
	/* The hardware looks at protection keys itself. */
	if (sp->role.direct)
		e |= (u64)sp->role.key << SPT_KEY_SHIFT;
	else if (sp->role.paging >= SHADOW_PAGING_4)
		e |= gpte & SPT_KEY;
	return e;
}

/* Is what is there the same leaf, with no right that the new one lacks? */
static bool keeps_leaf(const struct shadow_page *sp, unsigned int i, u64 old, u64 e, u64 gpte)
{
	if (!shadow_leaf(sp, old) || ((old ^ e) & ~(u64)(SPT_A | SPT_D | SPT_W | SPT_LOGGED)) || (old & ~e & SPT_W))
		return false;
	return sp->role.direct || !((sp->gpte[i] ^ gpte) & ~(u64)(SPT_A | SPT_D | SPT_AVL));
}

enum shadow_result shadow_set_leaf(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, unsigned int i,
				   u64 gpte, u64 gfn, unsigned int access, bool write, const struct shadow_frame *f,
				   bool *replaced)
{
	enum shadow_result ret = SHADOW_RETRY;
	u64 e, old = READ_ONCE(sp->spt[i]);

	if ((access & SHADOW_W) && !f->writable)
		access &= ~(unsigned int)SHADOW_W;
	if (access & SHADOW_W) {
		if (unlikely(shadow_is_table(s, sp->role.space, gfn)) &&
		    !(write && shadow_try_unsync(s, sp->role.space, gfn))) {
			access &= ~(unsigned int)SHADOW_W;
			if (write)
				ret = SHADOW_EMULATE;
		}
	}
	e = make_leaf(s, sp, gpte, access, write && (access & SHADOW_W), f);
	if (old && keeps_leaf(sp, i, old, e, gpte)) {
		/* More rights than a TLB knows need no flush: the fault has made it forget. */
		if (!sp->role.direct)
			sp->gpte[i] = gpte;
		__atomic_fetch_or(&sp->spt[i], e & (SPT_W | SPT_A), __ATOMIC_SEQ_CST);
		/* No longer for the log alone, and somebody may just have taken it at its word. */
		if (!(e & SPT_W) && (old & SPT_LOGGED) &&
		    (__atomic_fetch_and(&sp->spt[i], ~(u64)(SPT_W | SPT_LOGGED), __ATOMIC_SEQ_CST) & SPT_W)) {
			s->stale++;
			*replaced = true;
		}
	} else {
		if (old) {
			shadow_drop(s, sp, i);
			*replaced = true;
		}
		shadow_put_leaf(s, sp, i, gpte, e);
		s->stat.built++;
	}
	if (write && (access & SHADOW_W))
		s->ops->written(cpu->vcpu, sp->role.space, gfn);
	return ret;
}

/* ---- neighbours ---- */

/* Reserved bits of an entry for a 4K page, SDM 3A 4.3, 4.4.2, 4.5.4. */
static u64 small_reserved(union shadow_role role)
{
	u64 bits;

	if (role.paging == SHADOW_PAGING_32)
		return 0;
	bits = role.phys_bits < 52 ? GENMASK_ULL(51, role.phys_bits) : 0;
	if (role.paging == SHADOW_PAGING_PAE)
		bits |= GENMASK_ULL(62, 52);
	return role.nxe ? bits : bits | SPT_NX;
}

bool shadow_prefetch_one(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, unsigned int i, u64 gpte)
{
	unsigned int access = sp->role.access;
	struct shadow_frame f;
	bool replaced = false;
	u64 gfn;

	if (!(gpte & SPT_P) || !(gpte & SPT_A) || s->must_flush)
		return false;
	if (gpte & small_reserved(sp->role))
		return false;
	if ((gpte & (SPT_W | SPT_D)) != (SPT_W | SPT_D))
		access &= ~(unsigned int)SHADOW_W;
	if (!(gpte & SPT_U))
		access &= ~(unsigned int)SHADOW_U;
	if (gpte & SPT_NX)
		access &= ~(unsigned int)SHADOW_X;
	gfn = shadow_gpte_gfn(sp, i, gpte);
	if ((access & SHADOW_W) && shadow_is_table(s, sp->role.space, gfn))
		access &= ~(unsigned int)SHADOW_W;
	if (s->ops->frame(cpu->vcpu, sp->role.space, gfn, false, &f) != SHADOW_FRAME_OK)
		return false;
	shadow_set_leaf(s, cpu, sp, i, gpte, gfn, access, false, &f, &replaced);
	s->stat.prefetched++;
	return true;
}

/* The guest goes on from the page before: what it has used already (its accessed flag is set) comes along. */
static noinline void prefetch(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, unsigned int i)
{
	unsigned int size = shadow_entry_size(sp->role), first = i & ~(unsigned int)(PREFETCH - 1), n;
	union {
		u64 big[PREFETCH];
		u32 small[PREFETCH];
	} g;

	if (s->ops->load(cpu->vcpu, sp->role.space, shadow_entry_gpa(sp, first), &g, PREFETCH * size))
		return;
	for (n = 0; n < PREFETCH; n++) {
		u64 gpte = size == 8 ? g.big[n] : g.small[n];

		if (sp->spt[first + n] || !(gpte & SPT_P) || !(gpte & SPT_A))
			continue;
		/* Where one is not to be had the others are not worth the asking. */
		if (!shadow_prefetch_one(s, cpu, sp, first + n, gpte))
			return;
	}
}

/*
 * The same in a run of frames, where the host's neighbours are the guest's. The accessed flags will tell whether it was
 * worth it.
 */
static noinline void prefetch_run(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp, unsigned int i)
{
	unsigned int first = i & ~(unsigned int)(PREFETCH - 1), n;
	struct shadow_frame f[PREFETCH];
	u64 common[2];
	bool tables;
	u32 there;

	/* All tables that may be near are in one region. */
	tables = shadow_may_be_table(s, sp->gfn + first);
	memset(f, 0, sizeof(f[0]));
	f[0].cache = PTE_CACHE_WB;
	common[0] = make_leaf(s, sp, 0, sp->role.access & ~(u64)SHADOW_W, false, &f[0]) & ~(u64)SPT_A;
	common[1] = common[0] | ((sp->role.access & SHADOW_W) ? SPT_W : 0);
	there = s->ops->around(cpu->vcpu, sp->role.space, sp->gfn + first, PREFETCH, f);
	for (n = 0; n < PREFETCH; n++) {
		bool write;

		if (!(there & BIT(n)) || sp->spt[first + n])
			continue;
		write = f[n].writable && !(tables && shadow_is_table(s, sp->role.space, sp->gfn + first + n));
		shadow_put_leaf(s, sp, first + n, 0, common[write] | f[n].pfn << 12);
		s->stat.prefetched++;
	}
}

/* ---- from the root to the leaf ---- */

struct build {
	u64 gva;
	bool write;
	unsigned int access;	/* of the translation */
	unsigned int level;	/* of the leaf that is to be */
	const struct walk_result *walk;
	struct shadow_frame frame;
};

/* Where the guest's entry for @level stands in the walk's list. */
static unsigned int walk_index(unsigned int paging, unsigned int level)
{
	static const u8 top[] = {
		[SHADOW_PAGING_OFF] = 0, [SHADOW_PAGING_32] = 2, [SHADOW_PAGING_PAE] = 3,
		[SHADOW_PAGING_4] = 4, [SHADOW_PAGING_5] = 5,
	};

	return top[paging] - level;
}

/* What an entry of the guest's leaves of @access. */
static __always_inline unsigned int rights_of(unsigned int access, u64 e, unsigned int paging)
{
	access &= (unsigned int)(e >> 1 & (SHADOW_W | SHADOW_U)) | SHADOW_X;
	if ((e & SPT_NX) && paging != SHADOW_PAGING_32)
		access &= ~(unsigned int)SHADOW_X;
	return access;
}

/*
 * What the leaf may allow. The hardware runs with CR0.WP, since tables are to be protected from supervisors too. A
 * guest without it may write to what is read-only as a supervisor: then the page is the supervisor's alone until
 * user code touches it, which replaces the entry.
 * False: emulate. With SMAP or protection keys, which look at users' pages alone, that would let it read where it may
 * not; and keys that forbid writing forbid it to a supervisor only with CR0.WP.
 */
static bool leaf_access(const struct shadow_page *root, struct build *b, bool user)
{
	const struct walk_result *w = b->walk;

	b->access = (w->write ? SHADOW_W : 0) | (w->user ? SHADOW_U : 0) | (w->nx ? 0 : SHADOW_X);
	if (b->write && w->user && !user && root->role.pke)
		return false;
	if (b->write && !w->write) {
		if (w->user && root->role.smap)
			return false;
		b->access |= SHADOW_W;
		b->access &= ~(unsigned int)SHADOW_U;
		if (w->user && root->role.smep)
			b->access &= ~(unsigned int)SHADOW_X;
	} else if (w->nr && !(w->ptes[w->nr - 1] & SPT_D)) {
		/* The flag is to be set by the first write. */
		b->access &= ~(unsigned int)SHADOW_W;
	}
	return true;
}

/*
 * What the pointer spt[i] leads to, if that is right for this fault. A child follows from its parent and the copy of the
 * guest's entry; but where the guest has a larger page also from what the translation allows.
 */
static __always_inline struct shadow_page *same_child(const struct shadow *s, const struct shadow_page *sp,
						      unsigned int i, const struct build *b, u64 gpte)
{
	u64 spte = sp->spt[i];
	struct shadow_page *child;

	if (!spte || shadow_leaf(sp, spte) || (!sp->role.direct && sp->gpte[i] != gpte))
		return NULL;
	child = shadow_child(s, sp, i);
	return !child->role.direct || child->role.access == b->access ? child : NULL;
}

/* The page below entry @i of @sp on the way to the leaf. NULL: none at hand. */
static noinline struct shadow_page *new_child(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *sp,
					      unsigned int i, const struct build *b, u64 gpte, bool *replaced)
{
	unsigned int level = sp->role.level;
	union shadow_role role;
	struct shadow_page *child;
	u64 gfn, spte;

	if (b->walk->level && level > b->walk->level) {
		gfn = shadow_gpte_gfn(sp, i, gpte);
		role = shadow_child_role(sp, rights_of(sp->role.access, gpte, sp->role.paging),
					 (unsigned int)(b->gva >> 21) & 1);
	} else {
		/* A run of frames: the guest's page, or a part of it, is larger than ours. */
		gfn = b->walk->gpa >> 12 & ~(npte_pages(level) - 1);
		role = sp->role;
		role.level--;
		role.direct = 1;
		role.part = 0;
		role.access = b->access;
		if (role.paging >= SHADOW_PAGING_4)
			role.key = b->walk->ptes[b->walk->nr - 1] >> SPT_KEY_SHIFT & 15;
	}
	spte = sp->spt[i];
	if (spte && !shadow_leaf(sp, spte)) {
		child = shadow_child(s, sp, i);
		if (child->gfn == gfn && child->role.word == role.word) {
			if (!sp->role.direct)
				sp->gpte[i] = gpte; /* same table, same rights: only flags */
			return child;
		}
	}
	child = shadow_get(s, cpu, gfn, role);
	/* shadow_get() may have emptied this entry. */
	if (!child)
		return NULL;
	if (sp->spt[i]) {
		shadow_drop(s, sp, i);
		*replaced = true;
	}
	shadow_link_child(s, sp, i, gpte, child);
	return child;
}

static enum shadow_result build(struct shadow *s, struct shadow_cpu *cpu, struct shadow_page *root, struct build *b,
				bool *replaced)
{
	struct shadow_page *sp = root;
	unsigned int level, i, at = walk_index(root->role.paging, root->role.level);
	enum shadow_result ret;
	u64 gpte;

	for (level = root->role.level;; level--) {
		struct shadow_page *child;

		i = (unsigned int)(b->gva >> (12 + 9 * (level - 1))) & (SHADOW_ENTRIES - 1);
		gpte = sp->role.direct ? 0 : b->walk->ptes[at++];
		sp->used = true;
		sp->flood = 0;
		if (level == b->level)
			break;
		child = same_child(s, sp, i, b, gpte);
		if (unlikely(!child))
			child = new_child(s, cpu, sp, i, b, gpte, replaced);
		if (!child)
			return SHADOW_AGAIN;
		sp = child;
	}
	if (s->must_flush)
		return SHADOW_RETRY;
	ret = shadow_set_leaf(s, cpu, sp, i, gpte, b->walk->gpa >> 12 & ~(npte_pages(level) - 1), b->access, b->write,
			      &b->frame, replaced);
	if (level == 1 && i && sp->spt[i - 1] && ret == SHADOW_RETRY) {
		if (sp->role.direct)
			prefetch_run(s, cpu, sp, i);
		else
			prefetch(s, cpu, sp, i);
	}
	return ret;
}

static unsigned int choose_level(const struct shadow *s, const struct shadow_cpu *cpu, const struct build *b,
				 u32 acc)
{
	unsigned int level = b->walk->level ? b->walk->level : PTE_LEVEL_2M;

	if (level > b->frame.level)
		level = b->frame.level;
	if (level > PTE_LEVEL_2M)
		level = PTE_LEVEL_2M;
	if (level > 1 && (((acc & WALK_FETCH) && s->small_code) ||
			  shadow_region_used(s, cpu->role.space, b->walk->gpa >> 12)))
		level = 1;
	return level;
}

static enum shadow_result once(struct shadow *s, struct shadow_cpu *cpu, u64 gva, u32 acc, struct shadow_out *out)
{
	struct build b = { .gva = gva, .write = acc & WALK_WRITE, .walk = &out->walk };
	struct shadow_page *root;
	int ret;

	ret = s->ops->walk(cpu->vcpu, gva, acc, &out->walk);
	if (ret)
		return ret > 0 ? SHADOW_GUEST_FAULT : SHADOW_WALK_ABSENT;
	root = cpu->root[cpu->root_level == 2 ? gva >> 30 & 3 : 0];
	if (cpu->role.paging == SHADOW_PAGING_PAE &&
	    (!root || root->gfn != (out->walk.ptes[0] & GENMASK_ULL(51, 12)) >> 12))
		return SHADOW_ROOT_CHANGED;
	switch (s->ops->frame(cpu->vcpu, cpu->role.space, out->walk.gpa >> 12, b.write, &b.frame)) {
	case SHADOW_FRAME_MMIO:
		return SHADOW_MMIO;
	case SHADOW_FRAME_ABSENT:
		return SHADOW_ABSENT;
	case SHADOW_FRAME_BUSY:
		return SHADOW_BUSY;
	default:
		break;
	}
	if (!leaf_access(root, &b, acc & WALK_USER))
		return SHADOW_EMULATE;
	b.level = choose_level(s, cpu, &b, acc);
	return build(s, cpu, root, &b, &out->flush_gva);
}

enum shadow_result shadow_fault(struct shadow *s, struct shadow_cpu *cpu, u64 gva, u32 acc, struct shadow_out *out)
{
	enum shadow_result ret;
	unsigned int tries;

	s->stat.faults++;
	out->flush_gva = false;
	if (cpu->root_level == 2)
		gva &= 0xffffffff;
	/* Once more for each level at which a page had to be made, at most. */
	for (tries = 0; tries <= SHADOW_FAULT_PAGES; tries++) {
		if (unlikely(s->must_flush)) {
			if (!s->ops->flush(s, cpu->vcpu))
				return SHADOW_AGAIN;
			s->must_flush = false;
		}
		shadow_make_room(s, SHADOW_FAULT_PAGES);
		ret = once(s, cpu, gva, acc, out);
		if (!s->must_flush)
			return ret;
	}
	return ret == SHADOW_RETRY ? SHADOW_AGAIN : ret;
}
