// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page faults.
 *
 *	mmu_fault_fast()   interrupts off, from the inner loop: all that the host has mapped
 *	mmu_fault()        allocates tables, has the host fault its page in, then does the same
 *
 * One fault installs the largest page that slot, host and hardware allow, or a 4K page with its
 * neighbours (fault-around): those that the host has mapped too, in an aligned window, with the
 * accessed flag clear, and writable only where the hardware's dirty flag will tell.
 */
#include <linux/io.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>

#include "backend.h"
#include "compat.h"
#include "mmu/internal.h"
#include "stats.h"
#include "x86/asyncpf.h"

enum map_result {
	MAP_DONE,
	MAP_SPURIOUS,	/* the entry was there and allows the access */
	MAP_MMIO,
	MAP_RACE,	/* the entry changed meanwhile: let the guest try again */
	MAP_ABSENT,	/* the host has no page there, or not one to write to */
	MAP_BUSY,	/* the host is changing its mapping, or the lock is taken */
	MAP_NO_TABLE,	/* out of tables, or a large page has come where one was to go */
	MAP_CONFLICT,	/* an entry that should not be there must go first */
	MAP_DEAD,
};

/* ---- tables ---- */

/*
 * Link a new table below the empty entry *p. Its new value; 0: no table at hand, or another thread,
 * that saw the slots of a moment before or after, has mapped a large page there.
 */
static u64 link_table(struct vcpu *vcpu, u64 *p, u64 e)
{
	struct vcpu_mmu *own = vcpu->mmu;
	struct page *page;
	u64 table, old;

	if (!own->nr_tables)
		return 0;
	page = own->tables[own->nr_tables - 1];
	table = npte_make_table(&mmu_format, page_to_phys(page));
	old = cmpxchg(p, e, table);
	if (old != e)
		return npte_is_table(&mmu_format, old) ? old : 0;
	own->nr_tables--;
	atomic64_inc(&vcpu->vm->stat.table_pages);
	return table;
}

static int refill_tables(struct vcpu_mmu *own)
{
	if (own->nr_tables >= MMU_FAULT_TABLES)
		return 0;
	while (own->nr_tables < MMU_SPARE_TABLES) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

		if (!page)
			return -ENOMEM;
		own->tables[own->nr_tables++] = page;
	}
	return 0;
}

/* ---- installing ---- */

bool host_large_special(u64 pfn)
{
	return !pfn_valid(pfn) || !PageCompound(pfn_to_page(pfn));
}

unsigned int mmu_map_level(const struct vm_mmu *mmu, const struct slot *slot, u64 gfn, unsigned int host_level)
{
	const struct slot_mmu *sm = slot->mmu;
	unsigned int level = min_t(unsigned int, host_level, sm->max_level);

	for (; level > PTE_LEVEL_4K; level--) {
		u64 n = npte_pages(level);
		u64 base = gfn & ~(n - 1);

		if (base >= slot->base_gfn && base + n <= slot->base_gfn + slot->npages &&
		    !mmu_range_busy(mmu, slot_gfn_to_hva(slot, base), n << PAGE_SHIFT))
			break;
	}
	return level;
}

/* The rights and marks of an entry for a page of the host's. */
static u64 leaf_bits(const struct slot *slot, const struct host_map *h, bool write)
{
	const struct npte_format *f = &mmu_format;
	u64 bits = host_special(h) ? f->special : 0;

	if (!(h->entry & _PAGE_RW) || (slot->flags & VMX_MEM_READONLY))
		return bits;
	/* Writable before the first write only if that write will leave a trace. */
	if (write || (f->dirty && (!slot->dirty || backend_caps->logs_dirty)))
		bits |= f->write;
	return bits;
}

/* An entry of the host's for ordinary memory, and for that alone. */
#define HOST_PLAIN (_PAGE_PRESENT | _PAGE_USER)
#define HOST_PLAIN_MASK (HOST_PLAIN | HOST_ODD)

static __always_inline bool host_plain(u64 entry)
{
	return (entry & HOST_PLAIN_MASK) == HOST_PLAIN;
}

/*
 * Install entries for @n ordinary 4K pages: from the host's entries, where they are of that kind, into
 * empty ones of ours. Returns how many. This loop is what a first touch costs: keep it short.
 */
static __always_inline int copy_entries(u64 *to, const u64 *from, unsigned int n, u64 common,
					bool writable)
{
	/* The write bit is where the host has it (mmu_module_init() made sure). */
	const u64 copied = PTE_PFN_MASK | (writable ? _PAGE_RW : 0);
	long i = -(long)n;
	int count = n;

	to += n;
	from += n;
	do {
		u64 host = READ_ONCE(from[i]), old = 0;

		if (READ_ONCE(to[i]) || !host_plain(host) ||
		    unlikely(!try_cmpxchg(&to[i], &old, (host & copied) | common)))
			count--;
	} while (++i);
	return count;
}

/* The same within a large page of the host's that is mapped small: @e is the first one's entry. */
static int split_entry(u64 *to, unsigned int n, u64 e)
{
	int count = 0;

	for (; n; n--, to++, e += PAGE_SIZE) {
		u64 old = 0;

		if (!READ_ONCE(*to))
			count += try_cmpxchg(to, &old, e);
	}
	return count;
}

/*
 * Map the neighbours of @gfn that the host has mapped, in the same table. mmu->lock held for read,
 * interrupts off. Returns how many.
 */
static int fault_around(const struct slot *slot, u64 gfn, unsigned long hva, u64 *table,
			const struct host_map *h)
{
	const struct npte_format *f = &mmu_format;
	unsigned int n = mmu_fault_around, before = gfn & (n - 1);
	/* Place of the page in the host's table, or within its large page (the low 2 MiB of it). */
	unsigned int index = (hva >> PAGE_SHIFT) & (PTE_ENTRIES - 1);
	u64 common = f->leaf | f->cache[PTE_CACHE_WB];
	/* Writable only if the dirty flag will tell. */
	bool writable = f->dirty && !(slot->flags & VMX_MEM_READONLY);
	u64 left = gfn - slot->base_gfn, right = slot->npages - left;
	u64 *to;

	/* The window ends where the slot or the host's table does. */
	if (unlikely(before > min_t(u64, left, index) || n > right + before ||
		     n > PTE_ENTRIES - index + before)) {
		n -= before;
		before = min3((u64)before, left, (u64)index);
		n = before + min3((u64)n, right, (u64)PTE_ENTRIES - index);
	}
	to = &table[npte_index(gfn, PTE_LEVEL_4K)] - before;
	if (likely(h->level == PTE_LEVEL_4K))
		return copy_entries(to, h->table + index - before, n, common, writable);
	if (host_special(h) || host_cache(h))
		return 0;
	if (writable)
		common |= h->entry & _PAGE_RW;
	return split_entry(to, n, (h->pfn - before) << PAGE_SHIFT | common);
}

/* The leaf for a page of the host's at @level. */
static __always_inline u64 make_leaf(struct vm *vm, const struct slot *slot, const struct host_map *h,
				     unsigned int level, bool write)
{
	const struct npte_format *f = &mmu_format;
	u64 bits = leaf_bits(slot, h, write) | f->accessed | (write ? f->dirty : 0);

	if (likely(level == PTE_LEVEL_4K && !(h->entry & HOST_ODD)))
		return h->pfn << PAGE_SHIFT | f->leaf | f->cache[PTE_CACHE_WB] | bits;
	if (unlikely(host_cache(h)))
		WRITE_ONCE(vm->maps_device, true);
	bits = npte_make_leaf(f, h->pfn & ~(npte_pages(level) - 1), level, host_cache(h), bits);
	if (unlikely(mmu_small_code) && level > PTE_LEVEL_4K)
		return npte_no_exec(f, bits);
	return bits;
}

/* Put the leaf for @gfn into *p of @level, where @old is. */
static noinline enum map_result change_leaf(struct vcpu *vcpu, const struct slot *slot, u64 gfn,
					    u32 flags, const struct host_map *h, u64 *p, u64 old,
					    unsigned int level)
{
	const struct npte_format *f = &mmu_format;
	bool write = flags & VM_PF_WRITE;
	u64 mask = npte_pages(level) - 1;
	u64 e;

	if (npte_allows(f, old, write, flags & VM_PF_FETCH))
		return MAP_SPURIOUS;
	e = make_leaf(vcpu->vm, slot, h, level, write);
	if ((npte_pa(f, old ^ e) >> PAGE_SHIFT) & ~mask)
		return MAP_CONFLICT;
	e |= old & (f->accessed | f->dirty);
	if (cmpxchg(p, old, e) != old)
		return MAP_RACE;
	if (write)
		slot_mark_dirty(vcpu->vm, slot, gfn);
	return MAP_DONE;
}

static void count_leaves(struct vm *vm, unsigned int level, int around)
{
	if (level == PTE_LEVEL_4K)
		atomic64_add(1 + around, &vm->stat.pages_4k);
	else
		atomic64_inc(level == PTE_LEVEL_2M ? &vm->stat.pages_2m : &vm->stat.pages_1g);
	if (around)
		atomic64_add(around, &vm->stat.fault_around_pages);
}

/* mmu->lock held for read, interrupts off. */
static enum map_result map_page(struct vcpu *vcpu, const struct slot *slot, u64 gfn, u32 flags)
{
	const struct npte_format *f = &mmu_format;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	unsigned long hva = slot_gfn_to_hva(slot, gfn);
	unsigned int level, shift, stop;
	struct host_map h;
	u64 *table, *p, e;
	int around = 0;

	if (unlikely(mmu->dead))
		return MAP_DEAD;
	if (mmu_range_busy(mmu, hva, PAGE_SIZE))
		return MAP_BUSY;
	if (!host_walk(mmu->mm, hva, &h))
		return MAP_ABSENT;
	if ((flags & VM_PF_WRITE) && !(h.entry & _PAGE_RW))
		return MAP_ABSENT;
	level = mmu_map_level(mmu, slot, gfn, h.level);
	if (unlikely(mmu_small_code) && (flags & VM_PF_FETCH))
		level = PTE_LEVEL_4K;

	stop = npte_shift(level);
	table = vcpu->mmu->root;
	for (shift = npte_shift(mmu->levels);; shift -= 9) {
		p = &table[(gfn >> shift) & (PTE_ENTRIES - 1)];
		e = READ_ONCE(*p);
		if (shift == stop) {
			if (!shift || !npte_is_table(f, e))
				break;
			/* Smaller pages are here already: stay with them. */
			stop -= 9;
			level--;
		} else if (unlikely(!npte_is_table(f, e))) {
			if (npte_is_present(f, e))
				return npte_allows(f, e, flags & VM_PF_WRITE,
						   flags & VM_PF_FETCH) ? MAP_SPURIOUS :
									  MAP_CONFLICT;
			e = link_table(vcpu, p, e);
			if (!e)
				return MAP_NO_TABLE;
		}
		table = mmu_table(e);
	}

	if (unlikely(npte_is_present(f, e)))
		return change_leaf(vcpu, slot, gfn, flags, &h, p, e, level);
	if (cmpxchg(p, e, make_leaf(vcpu->vm, slot, &h, level, flags & VM_PF_WRITE)) != e)
		return MAP_RACE;
	if (flags & VM_PF_WRITE)
		slot_mark_dirty(vcpu->vm, slot, gfn);
	if (level == PTE_LEVEL_4K && mmu_fault_around > 1 && ((const struct slot_mmu *)slot->mmu)->around && !mmu->in_progress)
		around = fault_around(slot, gfn, hva, table, &h);
	count_leaves(vcpu->vm, level, around);
	return MAP_DONE;
}

/*
 * No slot there: leave a mark, so that the next access exits with the reserved-bit flag and nobody
 * has to look. @generation: of the slots that were searched. Interrupts off. The mark needs no flush
 * and is only a shortcut: without tables, or with the lock taken, it is left out.
 */
static void map_mmio(struct vcpu *vcpu, u64 gfn, u64 generation)
{
	const struct npte_format *f = &mmu_format;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	u64 *table = vcpu->mmu->root, *p, e;
	unsigned int l;

	if (!f->mmio || gfn >= mmu_gfn_end(mmu) || (generation & 1) || !read_trylock(&mmu->lock))
		return;
	/* A slot that is added removes the marks, under the lock, after it changed the generation. */
	if (mmu->dead || slots_generation(vcpu->vm) != generation)
		goto unlock;
	for (l = mmu->levels; l > PTE_LEVEL_4K; l--) {
		p = &table[npte_index(gfn, l)];
		e = READ_ONCE(*p);
		if (!npte_is_present(f, e)) {
			if (atomic_read(&mmu->mmio_tables) >= MMU_MMIO_TABLES)
				goto unlock;
			e = link_table(vcpu, p, e);
			if (!e)
				goto unlock;
			atomic_inc(&mmu->mmio_tables);
		} else if (npte_is_leaf(f, e, l)) {
			goto unlock;
		}
		table = mmu_table(e);
	}
	p = &table[npte_index(gfn, PTE_LEVEL_4K)];
	cmpxchg(p, 0, f->mmio);
unlock:
	read_unlock(&mmu->lock);
}

/* A leaf that needs no flags set and of which the host is told nothing. Not for code: such a fetch is a fault. */
static u64 lapic_leaf(const struct vm_mmu *mmu)
{
	const struct npte_format *f = &mmu_format;

	return npte_no_exec(f, npte_make_leaf(f, mmu->lapic_pa >> PAGE_SHIFT, PTE_LEVEL_4K, PTE_CACHE_WB,
					      f->write | f->special | f->accessed | f->dirty));
}

bool mmu_map_lapic_page(struct vcpu *vcpu)
{
	struct vm_mmu *mmu = vcpu->vm->mmu;
	u64 *table = vcpu->mmu->root, *p, e;
	bool mapped = false;
	unsigned int l;

	/* With shadow paging the hardware does not watch it in nested tables either (intel/shadow.c). */
	if (!READ_ONCE(mmu->lapic_on) || mmu->shadow || !read_trylock(&mmu->lock))
		return false;
	if (!mmu->lapic_on || mmu->dead)
		goto unlock;
	for (l = mmu->levels; l > PTE_LEVEL_4K; l--) {
		p = &table[npte_index(MMU_LAPIC_GFN, l)];
		e = READ_ONCE(*p);
		/* A slot that covers the address has no large pages: not table is empty. */
		if (!npte_is_table(&mmu_format, e)) {
			e = e ? 0 : link_table(vcpu, p, e);
			if (!e)
				goto unlock;
		}
		table = mmu_table(e);
	}
	p = &table[npte_index(MMU_LAPIC_GFN, PTE_LEVEL_4K)];
	e = READ_ONCE(*p);
	mapped = (!e || npte_is_mmio(&mmu_format, e)) && cmpxchg(p, e, lapic_leaf(mmu)) == e;
	if (mapped)
		atomic64_inc(&vcpu->vm->stat.pages_4k);
unlock:
	read_unlock(&mmu->lock);
	return mapped;
}

/* Interrupts off (so RCU readers); @hva: where to have the host look after MAP_ABSENT. */
static enum map_result serve_fault(struct vcpu *vcpu, u64 gfn, u32 flags, unsigned long *hva)
{
	struct vm *vm = vcpu->vm;
	struct vm_mmu *mmu = vm->mmu;
	u64 generation = slots_generation(vm);
	const struct slot *slot = slot_find_hit(vm, &vcpu->mmu->hit, gfn);
	enum map_result ret;

	if (!slot) {
		map_mmio(vcpu, gfn, generation);
		return MAP_MMIO;
	}
	if ((flags & VM_PF_WRITE) && (slot->flags & VMX_MEM_READONLY))
		return MAP_MMIO;
	if (hva)
		*hva = slot_gfn_to_hva(slot, gfn);
	/* A writer may be waiting for this CPU to take an interrupt: do not wait for the writer. */
	if (!read_trylock(&mmu->lock))
		return MAP_BUSY;
	ret = map_page(vcpu, slot, gfn, flags);
	read_unlock(&mmu->lock);
	return ret;
}

int mmu_fault_fast(struct vcpu *vcpu, u64 gpa, u32 flags)
{
	/* No other entry of ours has a reserved bit, and no mark outlives the adding of a slot. */
	if (flags & VM_PF_RSVD)
		return MMU_MMIO;
	switch (serve_fault(vcpu, gpa >> PAGE_SHIFT, flags, NULL)) {
	case MAP_DONE:
		vcpu_count(vcpu, pf_fixed);
		return MMU_RETRY;
	case MAP_SPURIOUS:
	case MAP_RACE:
		vcpu_count(vcpu, pf_spurious);
		return MMU_RETRY;
	case MAP_MMIO:
		return MMU_MMIO;
	default:
		return -EAGAIN;
	}
}

/* ---- the slow way ---- */

/* The page is poisoned? Then SIGBUS with the address, as for the VMM's own access. */
static int check_poison(unsigned long hva, bool write)
{
	struct page *page;
	long n;

	n = get_user_pages_unlocked(hva, 1, &page, FOLL_HWPOISON | (write ? FOLL_WRITE : 0));
	if (n == 1) {
		put_page(page);
		return MMU_RETRY;
	}
	if (n != -EHWPOISON)
		return n == -EINTR || n == -EAGAIN ? MMU_RETRY : MMU_EFAULT;
	send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT, current);
	return MMU_HWPOISON;
}

int mmu_fault_in(struct mm_struct *mm, unsigned long hva, bool write)
{
	bool unlocked = false;
	int ret;

	if (mmap_read_lock_killable(mm))
		return MMU_RETRY;	/* killed: the run loop sees the signal */
	ret = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	mmap_read_unlock(mm);
	switch (ret) {
	case 0:
	case -EINTR:
		return MMU_RETRY;
	case -ENOMEM:
		return MMU_NOMEM;
	default:
		return check_poison(hva, write);
	}
}

static void remove_conflict(struct vcpu *vcpu, u64 gfn)
{
	struct zap z;

	zap_lock(&z, vcpu->vm->mmu);
	z.root = vcpu->mmu->root;
	zap_range(&z, gfn, gfn + 1, false);
	zap_unlock(&z);
}

int mmu_fault(struct vcpu *vcpu, u64 gpa, u32 flags)
{
	struct vm *vm = vcpu->vm;
	u64 gfn = gpa >> PAGE_SHIFT;
	bool write = flags & VM_PF_WRITE;
	enum apf_result apf = APF_NO;
	unsigned long hva = 0;
	enum map_result map;
	int tries, ret;

	might_sleep();
	if (flags & VM_PF_RSVD)
		return MMU_MMIO;
	/* A few rounds; then the guest runs into it again, and signals are seen in between. */
	for (tries = 0; tries < 4; tries++) {
		if (refill_tables(vcpu->mmu))
			return MMU_NOMEM;
		local_irq_disable();
		map = serve_fault(vcpu, gfn, flags, &hva);
		local_irq_enable();
		switch (map) {
		case MAP_DONE:
			vcpu_count(vcpu, pf_fixed);
			return MMU_RETRY;
		case MAP_SPURIOUS:
		case MAP_RACE:
			vcpu_count(vcpu, pf_spurious);
			return MMU_RETRY;
		case MAP_MMIO:
			return MMU_MMIO;
		case MAP_DEAD:
			return MMU_EFAULT;
		case MAP_BUSY:
			/* Waiting for the lock makes a long unmapping yield it. */
			read_lock(&vm->mmu->lock);
			read_unlock(&vm->mmu->lock);
			cond_resched();
			break;
		case MAP_NO_TABLE:
			break;
		case MAP_CONFLICT:
			remove_conflict(vcpu, gfn);
			break;
		case MAP_ABSENT:
			/* If it was present and is not: whatever the reason, wait. */
			apf = apf == APF_PRESENT ? APF_NO : apf_fault(vcpu, hva, write);
			if (apf == APF_TOLD)
				return MMU_RETRY;
			if (apf == APF_PRESENT)
				break;
			ret = mmu_fault_in(vm->mm, hva, write);
			if (ret != MMU_RETRY)
				return ret;
			if (signal_pending(current))
				return MMU_RETRY;
			break;
		}
	}
	return MMU_RETRY;
}
