/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shadow paging around the pure pager (pure/shadow.h): memory, locks, flushes, the host's frames.
 *
 *	shadow_vm.c	a VM's: pages, their flushes and freeing, slots, the MMU notifier, the dirty log
 *	shadow_vcpu.c	a vCPU's: roots it keeps, faults, the guest's flushes
 *	shadow_shrink.c	when the host is short of memory
 *	shadow_frame.c	what the host has behind a frame, and the guest's tables as the pager reads them
 *
 * The pager runs under mmu->lock, for write. With interrupts off the lock is only tried for, so that who holds it
 * may wait for the IPIs of a flush.
 */
#ifndef VMX_MMU_SHADOW_H
#define VMX_MMU_SHADOW_H

#include <linux/idr.h>
#include <linux/list.h>

#include "mmu/internal.h"
#include "pure/shadow.h"

/* Pages at hand before a fault, and what is got in one go. */
#define SHADOW_POOL_LOW (SHADOW_FAULT_PAGES + SHADOW_ROOTS)
#define SHADOW_POOL_FILL (4 * SHADOW_POOL_LOW)
/* Empty pages that are kept. */
#define SHADOW_POOL_MAX 64
/* Pages that wait for a flush. */
#define SHADOW_RETIRED_MAX 64
/* Roots that a vCPU keeps: a CR3 that comes back costs no walk. */
#define SHADOW_SETS 8

struct shadow_mem {
	struct shadow_page sp;
	struct list_head list;		/* pool or retired */
	u64 seq;			/* retired: free when flushed has come to this */
	u64 *gpte;
};

struct vm_shadow {
	struct shadow s;		/* under mmu->lock for write */
	struct vm_mmu *mmu;
	struct list_head pool;
	unsigned int nr_pool;
	struct list_head retired;
	unsigned int nr_retired;
	struct ida ids;
	bool missed;			/* a write to a table was not told: nothing can be kept */
	bool audited;			/* nothing is done without the lock */
	u32 asked;			/* quota by SET_NR_MMU_PAGES; 0: by the memory */
	struct list_head all;		/* of the VMs that have shadow pages: shadow_shrink.c */
};

/* The roots of one CR3 in one mode. */
struct shadow_set {
	u64 cr3;			/* with its PCID */
	union shadow_role role;
	struct shadow_page *root[SHADOW_ROOTS];
	bool valid;
	bool sync;			/* the guest has flushed since it was last in use */
	bool sync_all;
	u64 used;
};

struct vcpu_shadow {
	struct shadow_cpu cpu;		/* of the set in use */
	struct shadow_set sets[SHADOW_SETS];
	struct shadow_set *now;		/* NULL: the nested root is in use */
	bool left;			/* it was since the last of them */
	u64 clock;
	u64 flooded_seen;		/* shadow.flooded_roots when the sets were last looked at */
	u64 (*pae)[SHADOW_ROOTS];	/* for each set what CR3 leads to where the hardware's paging is PAE's */
	struct page *pae_page;		/* below 4 GiB */
	u64 untrack_rip;
	unsigned int untracked;		/* times at that RIP */
	u64 filled_gpa;			/* of the last mmu_untrack_filled(), */
	u64 filled_exits;		/* and how many exits there had been */
};

extern struct npte_format shadow_format;
extern const struct shadow_ops shadow_kernel_ops;

static inline struct vm_shadow *to_vm_shadow(const struct shadow *s)
{
	return s->owner;
}

/* shadow_vm.c; all but fill under the lock for write. */
struct shadow_page *shadow_mem_alloc(struct vm_shadow *vs, bool direct);
void shadow_mem_retire(struct shadow *s, struct shadow_page *sp);
/* Have @n pages in the pool. May sleep; without the lock. 0, -ENOMEM. */
int shadow_fill(struct vm_shadow *vs, unsigned int n);
/* All vCPUs drop what they have; interrupts on. */
void shadow_flush_now(struct vm_shadow *vs);
/* Pages whose flush is past go back to the pool. */
void shadow_reap(struct vm_shadow *vs);
/* The quota as it is now, and what is above it goes. */
void shadow_apply_quota(struct vm_shadow *vs);

/*
 * shadow_shrink.c. A VM is on the list as long as it has the pager; nobody holds its mmu->lock who adds or removes it.
 * init: 0, -ENOMEM. May sleep.
 */
void shadow_shrink_add(struct vm_shadow *vs);
void shadow_shrink_remove(struct vm_shadow *vs);
int shadow_shrink_init(void);
void shadow_shrink_exit(void);
/* shadow_vcpu.c; the lock for write. Let go of kept roots whose tables look like none any more, if there may be any. */
void shadow_drop_flooded(struct vcpu_shadow *own, const struct shadow *s);

#endif /* VMX_MMU_SHADOW_H */
