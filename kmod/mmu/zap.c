// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking entries out of the nested tables.
 *
 * Between zap_lock() and zap_unlock() entries are taken and tables unlinked; zap_unlock() flushes
 * before anything is freed. Whoever finds nothing to take may not conclude that nothing is in a
 * TLB: another may have taken it and not yet have flushed. flush_pending counts those.
 */
#include "mmu/internal.h"

void mmu_free_table(struct page *page)
{
	__free_page(page);
}

static void free_table_rcu(struct rcu_head *head)
{
	mmu_free_table(container_of(head, struct page, rcu_head));
}

void zap_lock(struct zap *z, struct vm_mmu *mmu)
{
	memset(z, 0, sizeof(*z));
	z->mmu = mmu;
	z->root = mmu->root[SLOT_SPACE_NORMAL];
	INIT_LIST_HEAD(&z->tables);
	write_lock(&mmu->lock);
}

static void zap_count_pending(struct zap *z)
{
	if (z->flush && !z->counted) {
		z->counted = true;
		atomic_inc(&z->mmu->flush_pending);
	}
}

void zap_yield(struct zap *z)
{
	zap_count_pending(z);
	write_unlock(&z->mmu->lock);
	cond_resched();
	write_lock(&z->mmu->lock);
}

void zap_unlock(struct zap *z)
{
	struct vm_mmu *mmu = z->mmu;
	struct vm *vm = mmu->vm;
	struct page *page, *next;
	bool flush;
	u64 seq = 0;

	z->stale = mmu_shadow_stale(mmu);
	if (unlikely(z->stale))
		z->flush = true;
	zap_count_pending(z);
	flush = z->flush || atomic_read(&mmu->flush_pending);
	if (z->flush)
		seq = ledger_taken(mmu);
	write_unlock(&mmu->lock);

	if (flush)
		vm_flush_tlbs(vm);
	if (unlikely(z->stale))
		mmu_shadow_flushed(mmu, z->stale);
	if (z->counted)
		atomic_dec(&mmu->flush_pending);
	if (z->flush) {
		ledger_relied(mmu, seq);
		atomic64_sub(z->gone[PTE_LEVEL_4K], &vm->stat.pages_4k);
		atomic64_sub(z->gone[PTE_LEVEL_2M], &vm->stat.pages_2m);
		atomic64_sub(z->gone[PTE_LEVEL_1G], &vm->stat.pages_1g);
	}
	if (!z->nr_tables)
		return;
	atomic64_sub(z->nr_tables, &vm->stat.table_pages);
	/* Lookups with interrupts off may still stand in one. */
	list_for_each_entry_safe(page, next, &z->tables, lru) {
		list_del(&page->lru);
		call_rcu(&page->rcu_head, free_table_rcu);
	}
}

/* Tell the host what the guest did with a page, while the host's own entry still holds it. */
void tell_host(u64 e)
{
	const struct npte_format *f = &mmu_format;
	struct page *page;

	if (e & f->special)
		return;
	page = pfn_to_page(npte_pa(f, e) >> PAGE_SHIFT);
	/* Without a dirty flag in hardware every writable page may have been written. */
	if ((e & (f->dirty ? f->dirty : f->write)) && !PageDirty(page))
		set_page_dirty(page);
	if (e & f->accessed)
		mark_page_accessed(page);
}

void zap_entry(struct zap *z, u64 *p, unsigned int level)
{
	u64 e = xchg(p, 0);

	if (!npte_is_present(&mmu_format, e))
		return;
	z->flush = true;
	z->gone[level]++;
	tell_host(e & ~(u64)(level > PTE_LEVEL_4K ? (npte_pages(level) - 1) << PAGE_SHIFT : 0));
}

void zap_table(struct zap *z, u64 *p, unsigned int level)
{
	u64 e = xchg(p, 0);
	u64 *table = mmu_table(e);
	struct page *page = virt_to_page(table);
	unsigned int i;

	/*
	 * A CPU that still has the table's address in a paging-structure cache may go on to set
	 * flags in it: each entry is taken as if the table were still linked.
	 */
	for (i = 0; i < PTE_ENTRIES; i++)
		if (READ_ONCE(table[i]))
			zap_entry(z, &table[i], level - 1);
	z->flush = true;
	z->nr_tables++;
	list_add(&page->lru, &z->tables);
}

/* The part of a level-1 table from @gfn on; all of it: the table goes too. */
static void zap_last_level(struct zap *z, u64 *p, u64 e, u64 gfn, u64 end)
{
	u64 base = gfn & ~(PTE_ENTRIES - 1ULL);
	u64 *table = mmu_table(e);

	if (gfn == base && end >= base + PTE_ENTRIES) {
		zap_table(z, p, PTE_LEVEL_2M);
		return;
	}
	end = min(end, base + PTE_ENTRIES);
	for (; gfn < end; gfn++) {
		u64 *q = &table[npte_index(gfn, PTE_LEVEL_4K)];

		if (READ_ONCE(*q))
			zap_entry(z, q, PTE_LEVEL_4K);
	}
}

/* The level-2 table that covers the 1 GiB from @gfn on, if nothing is left in it. */
static void zap_empty_level2(struct zap *z, u64 gfn)
{
	u64 *table = z->root;
	unsigned int i, l;
	u64 *p = NULL;
	u64 e = 0;

	for (l = z->mmu->levels; l >= PTE_LEVEL_1G; l--) {
		p = &table[npte_index(gfn, l)];
		e = READ_ONCE(*p);
		if (!npte_is_present(&mmu_format, e) || npte_is_leaf(&mmu_format, e, l))
			return;
		table = mmu_table(e);
	}
	for (i = 0; i < PTE_ENTRIES; i++)
		if (READ_ONCE(table[i]))
			return;
	zap_table(z, p, PTE_LEVEL_1G);
}

u64 zap_range(struct zap *z, u64 gfn, u64 end, bool may_yield)
{
	const u64 first = gfn;
	struct vm_mmu *mmu = z->mmu;

	lockdep_assert_held_write(&mmu->lock);
	if (!z->root)
		return ~0ULL;
	end = min(end, mmu_gfn_end(mmu));
	while (gfn < end) {
		u64 *table = z->root, *p, e;
		unsigned int l;

		for (l = mmu->levels;; l--) {
			p = &table[npte_index(gfn, l)];
			e = READ_ONCE(*p);
			if (!npte_is_present(&mmu_format, e) || npte_is_leaf(&mmu_format, e, l)) {
				if (e)
					zap_entry(z, p, l);
				break;
			}
			if (l == PTE_LEVEL_2M) {
				zap_last_level(z, p, e, gfn, end);
				break;
			}
			table = mmu_table(e);
		}
		gfn = (gfn | (npte_pages(l) - 1)) + 1;
		if (l < PTE_LEVEL_1G && !(gfn & (npte_pages(PTE_LEVEL_1G) - 1)) && gfn <= end &&
		    gfn - npte_pages(PTE_LEVEL_1G) >= first)
			zap_empty_level2(z, gfn - npte_pages(PTE_LEVEL_1G));
		if (may_yield && gfn < end && zap_should_yield(z))
			return gfn;
	}
	return ~0ULL;
}
