/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the MMU: the nested tables of a VM and the rules for touching them.
 *
 *	who			holds			does
 *	fault			lock for read, irqs off	reads the host's tables, installs by cmpxchg
 *	aging, dirty log	lock for read		clears A or W bits atomically
 *	unmapping		lock for write		takes entries by xchg, unlinks tables
 *	MMU notifier start/end	lock for write		counts the ranges in which nothing is installed
 *
 * A fault looks at the host's page table and installs what it saw in one section under the lock. The
 * host announces each change to its table before it makes it (invalidate_range_start): what was
 * installed before is removed then, and what comes later sees the range in progress. So no page
 * is pinned, and none is ever mapped that the host has taken back.
 *
 * Hardware sets A and D bits at any time, so whole entries are only replaced by cmpxchg or taken by
 * xchg, and a dirty entry's page is told to the host. Tables are freed after the flush and an RCU
 * grace period.
 */
#ifndef VMX_MMU_INTERNAL_H
#define VMX_MMU_INTERNAL_H

#include <linux/atomic.h>
#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/swap.h>
#include <linux/spinlock.h>

#include "memslot.h"
#include "mmu/mmu.h"
#include "pure/pte.h"
#include "vcpu.h"
#include "vm.h"

/* Tables that device marks may cost a VM; what a guest touches beyond that is looked up each time. */
#define MMU_MMIO_TABLES 256
/* Where a LAPIC's registers are by default: SDM 3A 11.4.1. */
#define MMU_LAPIC_GFN (0xfee00000ULL >> PAGE_SHIFT)
/* What one fault can need: a table of each level below the root. */
#define MMU_FAULT_TABLES (PTE_MAX_LEVELS - 1)
/* What a vCPU keeps at hand, so that the slow way to get more is seldom gone. */
#define MMU_SPARE_TABLES (2 * MMU_FAULT_TABLES)

struct vm_mmu {
	rwlock_t lock;
	bool dead;			/* released: nothing is installed any more */
	u8 levels;
	u64 *root[SLOT_SPACES];		/* of SLOT_SPACE_SMM: NULL until a vCPU needs it; set once */
	struct mm_struct *mm;
	/* Ranges of host addresses that are being invalidated, and their hull. */
	unsigned int in_progress;
	unsigned long busy_start;
	unsigned long busy_end;
	struct rb_root_cached by_hva;	/* struct slot_mmu; changed under the lock for write */
	atomic_t flush_pending;		/* unmappings whose flush is still to be done */
	atomic_t mmio_tables;
	u64 lapic_pa;			/* mmu_lapic_pa() */
	bool lapic_on;			/* changed under the lock for write */
	unsigned int nr_logs;		/* slots->lock: slots whose pages the hardware logs; mmu_logging() */
	struct vm_shadow *shadow;	/* NULL: no vCPU of this VM runs on shadow tables; mmu/shadow.h */
	struct vm *vm;
	struct mmu_notifier notifier;
	bool registered;
#ifdef VMX_DEBUG
	atomic64_t taken_seq;		/* counts takings of rights */
	atomic64_t given_seq;		/* and says which of them are relied upon */
	bool ledger_broken;
#endif
};

struct gva_memory;	/* x86/gva.c */

struct vcpu_mmu {
	struct slot_hit hit;		/* hit.space: the space that the vCPU sees */
	u64 *root;			/* of that space */
	struct gva_memory *gva;
	struct vcpu_shadow *shadow;	/* NULL where the VM's is */
	unsigned int nr_tables;
	struct page *tables[MMU_SPARE_TABLES];	/* zeroed, for faults */
#ifdef VMX_DEBUG
	u64 flushed_seq;
#endif
};

/* slot->mmu */
struct slot_mmu {
	struct interval_tree_node node;	/* host addresses, last included */
	const struct slot *slot;
	u8 max_level;			/* 1 while the dirty log is on */
	bool around;			/* neighbours are mapped with a page */
	bool logged;			/* counted in nr_logs */
};

extern struct npte_format mmu_format;
extern unsigned int mmu_fault_around;	/* pages, a power of two */
/*
 * A CPU that an instruction fetch through a large nested page can stop for good: with a machine check, if
 * the guest changes the size of its own page meanwhile (CVE-2018-12207). Code is mapped by 4 KiB then, and
 * large pages are not for executing.
 */
extern bool mmu_small_code;

static inline u64 *mmu_table(u64 e)
{
	return __va(npte_pa(&mmu_format, e));
}

/* The host's leaf entry behind an address. */
struct host_map {
	u64 entry;
	const u64 *table;	/* that it is in */
	u64 pfn;		/* of the 4K page */
	unsigned int level;
};

/*
 * host_walk() - look an address up in the host's page table as the CPU would. Interrupts off: they
 * keep the tables from being freed. False: not mapped for user mode at this moment (that includes
 * entries for NUMA hinting, migration, swap).
 */
static inline bool host_walk(const struct mm_struct *mm, unsigned long hva, struct host_map *h)
{
	unsigned int shift = PAGE_SHIFT + 9 * (pgtable_l5_enabled() ? 4 : 3);
	const u64 *table = (const u64 *)mm->pgd;
	unsigned int level;
	u64 e;

	for (;; shift -= 9) {
		e = READ_ONCE(table[(hva >> shift) & (PTE_ENTRIES - 1)]);
		if (!(e & _PAGE_PRESENT))
			return false;
		/* PSE is reserved above 1 GiB, and is the PAT bit in a small entry. */
		if (shift == PAGE_SHIFT || (e & _PAGE_PSE))
			break;
		table = __va(e & PTE_PFN_MASK);
	}
	level = (shift - PAGE_SHIFT) / 9 + 1;
	if (!(e & _PAGE_USER))
		return false;
	h->entry = e;
	h->table = table;
	h->level = level;
	h->pfn = (e & PTE_PFN_MASK) >> PAGE_SHIFT;
	if (level > PTE_LEVEL_4K) {
		u64 mask = npte_pages(level) - 1;

		h->pfn = (h->pfn & ~mask) | ((hva >> PAGE_SHIFT) & mask);
	}
	return true;
}

/* Is any of these host addresses being invalidated? mmu->lock held. */
static inline bool mmu_range_busy(const struct vm_mmu *mmu, unsigned long hva, unsigned long len)
{
	return unlikely(mmu->in_progress) && hva < mmu->busy_end && hva + len > mmu->busy_start;
}

/* The tables that @slot's pages are mapped in; NULL: none yet. */
static inline u64 *mmu_slot_root(const struct vm_mmu *mmu, const struct slot *slot)
{
	return READ_ONCE(mmu->root[slot_space(slot)]);
}

/*
 * The entry at which the walk from @root for @gfn ends: a leaf, a device mark, or an empty entry. mmu->lock
 * held, or interrupts off. @level: of the entry.
 */
static inline u64 *mmu_find_entry(const struct vm_mmu *mmu, u64 *root, u64 gfn, unsigned int *level)
{
	u64 *table = root;
	unsigned int l;

	for (l = mmu->levels;; l--) {
		u64 *p = &table[npte_index(gfn, l)];
		u64 e = READ_ONCE(*p);

		if (!npte_is_present(&mmu_format, e) || npte_is_leaf(&mmu_format, e, l)) {
			*level = l;
			return p;
		}
		table = mmu_table(e);
	}
}

/* ---- unmapping (zap.c) ---- */

struct zap {
	struct vm_mmu *mmu;
	u64 *root;			/* where zap_range() takes from; NULL: nothing is there */
	struct list_head tables;	/* unlinked, to be freed */
	long gone[PTE_LEVEL_1G + 1];	/* leaves, by level */
	long nr_tables;
	u64 stale;			/* mmu_shadow_stale() */
	bool flush;			/* something was taken that a TLB may hold */
	bool counted;			/* in mmu->flush_pending */
};

/* Takes mmu->lock for write. zap->root is SLOT_SPACE_NORMAL's; the caller may set another. */
void zap_lock(struct zap *z, struct vm_mmu *mmu);
/* Drops it, flushes what has to be, frees. Never sleeps. */
void zap_unlock(struct zap *z);
/* Drops and takes it, for others to get on. May sleep. */
void zap_yield(struct zap *z);
/* Take one entry, a leaf or a device mark. */
void zap_entry(struct zap *z, u64 *p, unsigned int level);
/* Unlink the table of level 1 (or an empty one of level 2) that *p of @level points to. */
void zap_table(struct zap *z, u64 *p, unsigned int level);
/*
 * Unmap from @gfn up to @end. Returns @end, or, if @may_yield, where to go on after zap_yield().
 */
u64 zap_range(struct zap *z, u64 gfn, u64 end, bool may_yield);
void mmu_free_table(struct page *page);	/* now: nobody else can see it */

static inline bool zap_should_yield(const struct zap *z)
{
	return need_resched() || rwlock_needbreak(&z->mmu->lock);
}

/* All guest frames that the tables can map. */
static inline u64 mmu_gfn_end(const struct vm_mmu *mmu)
{
	return 1ULL << (9 * mmu->levels);
}

/* The dirty flag of a leaf is being cleared: what it said is the host's to know. mmu->lock held. */
void tell_host(u64 e);

/* ---- a leaf from the host's entry (fault.c) ---- */

/* Bits of a host's entry that speak of anything but ordinary memory (also: it is a large entry). */
#define HOST_ODD (_PAGE_PWT | _PAGE_PCD | _PAGE_PAT | _PAGE_SPECIAL | _PAGE_DEVMAP)

static inline unsigned int host_cache(const struct host_map *h)
{
	unsigned int pat = h->level == PTE_LEVEL_4K ? _PAGE_BIT_PAT : _PAGE_BIT_PAT_LARGE;

	return ((h->entry >> _PAGE_BIT_PWT) & 3) | ((h->entry >> pat) & 1) << 2;
}

/* A large entry has no mark for a driver's memory; what is ordinary is compound. */
bool host_large_special(u64 pfn);

/* Is there a struct page that wants to know of accesses? Anything else follows the notifier alone. */
static __always_inline bool host_special(const struct host_map *h)
{
	if (h->level == PTE_LEVEL_4K || (h->entry & (_PAGE_SPECIAL | _PAGE_DEVMAP)))
		return h->entry & (_PAGE_SPECIAL | _PAGE_DEVMAP);
	return host_large_special(h->pfn);
}

/* The largest level at which @gfn can be mapped, if the host does so at @host_level. mmu->lock held. */
unsigned int mmu_map_level(const struct vm_mmu *mmu, const struct slot *slot, u64 gfn, unsigned int host_level);

/* Have the host map its page, for writing if @write. MMU_RETRY: look again; else enum mmu_fault_result. May sleep. */
int mmu_fault_in(struct mm_struct *mm, unsigned long hva, bool write);

/* ---- shadow paging (shadow_vm.c, shadow_vcpu.c): nothing, false or 0 where the VM has none ---- */

int shadow_vm_create(struct vm *vm);
void shadow_vm_destroy(struct vm *vm);
int shadow_vcpu_create(struct vcpu *vcpu);
void shadow_vcpu_destroy(struct vcpu *vcpu);
/* The vCPU's mode is one that it runs in on shadow tables. */
bool shadow_wanted(struct vcpu *vcpu);
/* mmu_load() for such a mode, and the end of it. */
int shadow_load(struct vcpu *vcpu);
void shadow_leave(struct vcpu *vcpu);
/* mmu->lock held for write. True if anything was taken that a TLB may hold. */
bool mmu_shadow_zap(struct vm_mmu *mmu, unsigned int space, u64 gfn, u64 end);
bool mmu_shadow_protect(struct vm_mmu *mmu, unsigned int space, u64 gfn);
bool mmu_shadow_young(struct vm_mmu *mmu, unsigned int space, u64 gfn, bool clear);
void mmu_shadow_zap_all(struct vm_mmu *mmu);
/*
 * Takings that no flush has followed yet; with the lock. 0: none. Who has had all vCPUs flush since says so by
 * mmu_shadow_flushed(); without the lock.
 */
u64 mmu_shadow_stale(struct vm_mmu *mmu);
void mmu_shadow_flushed(struct vm_mmu *mmu, u64 stale);
/* @pages more of guest memory. 0 or -ENOMEM. May sleep. */
int mmu_shadow_memory(struct vm *vm, u64 pages);

/* ---- MMU notifier (notifier.c) ---- */
int mmu_notifier_attach(struct vm_mmu *mmu);
void mmu_notifier_detach(struct vm_mmu *mmu);

/* ---- ledger (ledger.c) ---- */
#ifdef VMX_DEBUG
/* Rights were taken out of the tables; returns what ledger_relied() gets once all have flushed. */
u64 ledger_taken(struct vm_mmu *mmu);
void ledger_relied(struct vm_mmu *mmu, u64 seq);
#else
static inline u64 ledger_taken(struct vm_mmu *mmu) { return 0; }
static inline void ledger_relied(struct vm_mmu *mmu, u64 seq) { }
#endif

#endif /* VMX_MMU_INTERNAL_H */
