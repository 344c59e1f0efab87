// SPDX-License-Identifier: GPL-2.0-only
/* A VM's shadow pages: their memory, flushes, what slots and the host do to them. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "backend.h"
#include "mmu/shadow.h"

#define PAGE_BITS 12
#define LEAF_BITS_FIRST 14
#define LEAF_BITS_LAST 22
#define LARGE_BITS 10
#define REGION_BITS 12
/* Quota for a VM whose VMM does not ask: a table for as many pages of memory, and at least so many. */
#define QUOTA_RATIO 64
#define QUOTA_LEAST 1024
/* What each vCPU may pin and needs for a fault, above any quota. */
#define QUOTA_VCPU (SHADOW_SETS * SHADOW_ROOTS + 2 * SHADOW_FAULT_PAGES)

struct npte_format shadow_format __ro_after_init;

/* ---- pages ---- */

static void mem_free(struct vm_shadow *vs, struct shadow_mem *m)
{
	u32 id = m->sp.id;

	if (m->sp.spt)
		free_page((unsigned long)m->sp.spt);
	if (m->gpte)
		free_page((unsigned long)m->gpte);
	if (m->sp.link)
		free_page((unsigned long)m->sp.link);
	if (id) {
		vs->s.chunk[id / SHADOW_CHUNK][id % SHADOW_CHUNK] = NULL;
		ida_free(&vs->ids, id);
	}
	kfree(m);
}

/* Its number, and a place in the table of numbers. Two may want the same new chunk. */
static int mem_number(struct vm_shadow *vs, struct shadow_mem *m)
{
	int id = ida_alloc_range(&vs->ids, 1, SHADOW_MAX_ID - 1, GFP_KERNEL_ACCOUNT);
	struct shadow_page ***chunk, **new;

	if (id < 0)
		return -ENOMEM;
	chunk = &vs->s.chunk[id / SHADOW_CHUNK];
	if (!READ_ONCE(*chunk)) {
		new = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
		if (!new || cmpxchg(chunk, NULL, new))
			free_page((unsigned long)new);
		if (!new && !READ_ONCE(*chunk)) {
			ida_free(&vs->ids, id);
			return -ENOMEM;
		}
	}
	m->sp.id = id;
	(*chunk)[id % SHADOW_CHUNK] = &m->sp;
	return 0;
}

static_assert(SHADOW_CHUNK * sizeof(void *) == PAGE_SIZE);

static struct shadow_mem *mem_new(struct vm_shadow *vs)
{
	struct shadow_mem *m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);

	if (!m)
		return NULL;
	m->sp.spt = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	m->gpte = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	m->sp.link = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!m->sp.spt || !m->gpte || !m->sp.link || mem_number(vs, m)) {
		mem_free(vs, m);
		return NULL;
	}
	m->sp.pa = __pa(m->sp.spt);
	m->sp.owner = m;
	set_page_private(virt_to_page(m->sp.spt), (unsigned long)&m->sp);
	return m;
}

int shadow_fill(struct vm_shadow *vs, unsigned int n)
{
	struct shadow_mem *m, *next;
	unsigned int got = 0;
	LIST_HEAD(list);

	if (READ_ONCE(vs->nr_pool) >= n)
		return 0;
	for (; got < SHADOW_POOL_FILL; got++) {
		m = mem_new(vs);
		if (!m)
			break;
		list_add(&m->list, &list);
	}
	write_lock(&vs->mmu->lock);
	list_for_each_entry_safe(m, next, &list, list)
		list_move(&m->list, &vs->pool);
	vs->nr_pool += got;
	write_unlock(&vs->mmu->lock);
	return READ_ONCE(vs->nr_pool) >= n ? 0 : -ENOMEM;
}

struct shadow_page *shadow_mem_alloc(struct vm_shadow *vs, bool direct)
{
	struct shadow_mem *m = list_first_entry_or_null(&vs->pool, struct shadow_mem, list);

	if (!m)
		return NULL;
	list_del(&m->list);
	vs->nr_pool--;
	m->sp.gpte = direct ? NULL : m->gpte;
	atomic64_inc(&vs->mmu->vm->stat.table_pages);
	return &m->sp;
}

/* ---- flushes ---- */

void shadow_mem_retire(struct shadow *s, struct shadow_page *sp)
{
	struct vm_shadow *vs = to_vm_shadow(s);
	struct shadow_mem *m = sp->owner;

	/* A table may be in a paging-structure cache though no entry of it is in a TLB. */
	m->seq = ++s->stale;
	list_add_tail(&m->list, &vs->retired);
	vs->nr_retired++;
	atomic64_dec(&vs->mmu->vm->stat.table_pages);
}

void shadow_reap(struct vm_shadow *vs)
{
	u64 flushed = READ_ONCE(vs->s.flushed);
	struct shadow_mem *m, *next;

	list_for_each_entry_safe(m, next, &vs->retired, list) {
		if (m->seq > flushed)
			break;
		vs->nr_retired--;
		if (vs->nr_pool < SHADOW_POOL_MAX) {
			/* Emptied entry by entry: its tables are zero. */
			list_move(&m->list, &vs->pool);
			vs->nr_pool++;
		} else {
			list_del(&m->list);
			mem_free(vs, m);
		}
	}
}

static void note_flushed(struct vm_shadow *vs, u64 seq)
{
	u64 old = READ_ONCE(vs->s.flushed);

	while (old < seq && !try_cmpxchg(&vs->s.flushed, &old, seq))
		;
}

void shadow_flush_now(struct vm_shadow *vs)
{
	struct vm_mmu *mmu = vs->mmu;
	u64 stale = vs->s.stale, seq = ledger_taken(mmu);

	vm_flush_tlbs(mmu->vm);
	ledger_relied(mmu, seq);
	note_flushed(vs, stale);
	shadow_reap(vs);
}

u64 mmu_shadow_stale(struct vm_mmu *mmu)
{
	struct vm_shadow *vs = mmu->shadow;

	return vs && vs->s.stale != READ_ONCE(vs->s.flushed) ? vs->s.stale : 0;
}

void mmu_shadow_flushed(struct vm_mmu *mmu, u64 stale)
{
	if (stale)
		note_flushed(mmu->shadow, stale);
}

/* ---- quota ---- */

void shadow_apply_quota(struct vm_shadow *vs)
{
	struct vm *vm = vs->mmu->vm;
	u64 pages = READ_ONCE(vm->slots->total_pages);
	u32 want = vs->asked ? vs->asked : clamp_t(u64, pages / QUOTA_RATIO, QUOTA_LEAST, SHADOW_MAX_ID / 2);

	vs->s.limit = min_t(u64, (u64)want + (u64)READ_ONCE(vm->nr_vcpus) * QUOTA_VCPU, SHADOW_MAX_ID / 2);
	if (vs->s.nr > vs->s.limit)
		shadow_shrink(&vs->s, vs->s.limit);
}

void mmu_shadow_quota(struct vm *vm, u32 pages)
{
	struct vm_shadow *vs = vm->mmu->shadow;
	struct zap z;

	if (!vs)
		return;
	zap_lock(&z, vm->mmu);
	vs->asked = pages;
	shadow_apply_quota(vs);
	zap_unlock(&z);
}

void mmu_shadow_forget(struct vm *vm)
{
	struct zap z;

	if (!vm->mmu->shadow)
		return;
	zap_lock(&z, vm->mmu);
	shadow_zap_all(&vm->mmu->shadow->s);
	zap_unlock(&z);
}

/* ---- slots, the notifier, the dirty log: mmu->lock held for write unless said ---- */

bool mmu_shadow_zap(struct vm_mmu *mmu, unsigned int space, u64 gfn, u64 end)
{
	return mmu->shadow && shadow_zap_frames(&mmu->shadow->s, space, gfn, end);
}

void mmu_shadow_zap_all(struct vm_mmu *mmu)
{
	if (mmu->shadow)
		shadow_zap_all(&mmu->shadow->s);
}

bool mmu_shadow_protect(struct vm_mmu *mmu, unsigned int space, u64 gfn)
{
	bool any;

	if (!mmu->shadow)
		return false;
	any = shadow_zap_large(&mmu->shadow->s, space, gfn, gfn + 1);
	return shadow_protect(&mmu->shadow->s, space, gfn) || any;
}

bool mmu_shadow_young(struct vm_mmu *mmu, unsigned int space, u64 gfn, bool clear)
{
	return mmu->shadow && shadow_young(&mmu->shadow->s, space, gfn, clear);
}

/* Without the lock. More memory: longer chains of leaves, unless the hash grows with it. May sleep. */
int mmu_shadow_memory(struct vm *vm, u64 pages)
{
	struct vm_shadow *vs = vm->mmu->shadow;
	unsigned int bits = LEAF_BITS_FIRST;
	u32 *new, *old;
	struct zap z;

	if (!vs)
		return 0;
	pages += READ_ONCE(vm->slots->total_pages);
	while (bits < LEAF_BITS_LAST && (1ULL << bits) < pages / 2)
		bits++;
	if (bits <= vs->s.leaf_bits)
		return 0;
	new = kvcalloc(1UL << bits, sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	zap_lock(&z, vm->mmu);
	shadow_zap_frames(&vs->s, SLOT_SPACE_NORMAL, 0, ~0ULL);
	shadow_zap_frames(&vs->s, SLOT_SPACE_SMM, 0, ~0ULL);
	old = vs->s.leaf_hash;
	vs->s.leaf_hash = new;
	vs->s.leaf_bits = bits;
	shadow_apply_quota(vs);
	zap_unlock(&z);
	kvfree(old);
	return 0;
}

/*
 * The module has written to guest memory; @vcpu: on its behalf, or NULL. Any context: if the lock cannot be had at
 * once with interrupts off, all is dropped before the next fault.
 */
void mmu_shadow_wrote(struct vm *vm, struct vcpu *vcpu, unsigned int space, u64 gpa, size_t len)
{
	struct vm_shadow *vs = vm->mmu->shadow;
	struct vcpu_shadow *own = vcpu ? vcpu->mmu->shadow : NULL;
	u64 gfn, last = (gpa + len - 1) >> PAGE_SHIFT;
	bool table = false;

	/* A table that is made meanwhile is read after this write. */
	smp_mb();
	for (gfn = gpa >> PAGE_SHIFT; gfn <= last && !table; gfn++)
		table = shadow_may_be_table(&vs->s, gfn);
	if (likely(!table))
		return;
	if (!irqs_disabled()) {
		write_lock(&vm->mmu->lock);
	} else if (!write_trylock(&vm->mmu->lock)) {
		WRITE_ONCE(vs->missed, true);
		return;
	}
	shadow_written(&vs->s, own && own->now ? &own->cpu : NULL, space, gpa, len);
	if (own)
		shadow_drop_flooded(own, &vs->s);
	write_unlock(&vm->mmu->lock);
}

/* ---- life ---- */

static void vs_free(struct vm_shadow *vs)
{
	struct shadow_mem *m, *next;
	unsigned int i;

	list_splice_init(&vs->retired, &vs->pool);
	list_for_each_entry_safe(m, next, &vs->pool, list)
		mem_free(vs, m);
	for (i = 0; i < ARRAY_SIZE(vs->s.chunk); i++)
		free_page((unsigned long)vs->s.chunk[i]);
	ida_destroy(&vs->ids);
	kvfree(vs->s.page_hash);
	kvfree(vs->s.leaf_hash);
	kvfree(vs->s.large_hash);
	kvfree(vs->s.region);
	kvfree(vs);
}

int shadow_vm_create(struct vm *vm)
{
	struct vm_shadow *vs = kvzalloc(sizeof(*vs), GFP_KERNEL_ACCOUNT);
	struct shadow *s;

	if (!vs)
		return -ENOMEM;
	s = &vs->s;
	vs->mmu = vm->mmu;
	INIT_LIST_HEAD(&vs->pool);
	INIT_LIST_HEAD(&vs->retired);
	ida_init(&vs->ids);
	s->ops = &shadow_kernel_ops;
	s->format = &shadow_format;
	s->small_code = mmu_small_code;
	s->owner = vs;
	s->leaves[PTE_LEVEL_4K] = (u64 *)&vm->stat.pages_4k.counter;
	s->leaves[PTE_LEVEL_2M] = (u64 *)&vm->stat.pages_2m.counter;
	s->page_bits = PAGE_BITS;
	s->leaf_bits = LEAF_BITS_FIRST;
	s->large_bits = LARGE_BITS;
	s->region_bits = REGION_BITS;
	s->page_hash = kvcalloc(1UL << s->page_bits, sizeof(u32), GFP_KERNEL_ACCOUNT);
	s->leaf_hash = kvcalloc(1UL << s->leaf_bits, sizeof(u32), GFP_KERNEL_ACCOUNT);
	s->large_hash = kvcalloc(1UL << s->large_bits, sizeof(u32), GFP_KERNEL_ACCOUNT);
	s->region = kvcalloc(1UL << s->region_bits, sizeof(u32), GFP_KERNEL_ACCOUNT);
	if (!s->page_hash || !s->leaf_hash || !s->large_hash || !s->region) {
		vs_free(vs);
		return -ENOMEM;
	}
	shadow_init(s);
	s->limit = QUOTA_LEAST;
	vs->asked = READ_ONCE(vm->nr_mmu_pages);
	/* The notifier may be there already. */
	write_lock(&vm->mmu->lock);
	vm->mmu->shadow = vs;
	write_unlock(&vm->mmu->lock);
	shadow_shrink_add(vs);
	return 0;
}

/* No vCPU is left, or there has been none: nothing is pinned, and no TLB has anything. */
void shadow_vm_destroy(struct vm *vm)
{
	struct vm_shadow *vs = vm->mmu->shadow;

	if (!vs)
		return;
	shadow_shrink_remove(vs);
	write_lock(&vm->mmu->lock);
	shadow_zap_all(&vs->s);
	vm->mmu->shadow = NULL;
	write_unlock(&vm->mmu->lock);
	vs_free(vs);
}
