/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory slots: which guest-physical ranges are which of the VMM's addresses.
 *
 * A generation of slots is a sorted array that readers never see change (but for a slot that is
 * appended behind the last one); a change publishes a new array and waits for the readers of the
 * old. Readers hold vm->srcu, or RCU (interrupts off counts). A slot is immutable once published,
 * except for the words of its dirty bitmap.
 */
#ifndef VMX_MEMSLOT_H
#define VMX_MEMSLOT_H

#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "dirty_ring.h"
#include "uapi/vmx.h"
#include "vm.h"

struct vm;
struct vcpu;

#define GPA_INVALID (~0ULL)
#define SLOT_MAX 32764		/* as in-tree reports it */

/*
 * Address spaces of guest-physical memory: what a vCPU sees in system management mode, and what otherwise. A
 * slot's number has its space in bits 31:16. Both count in one generation.
 */
enum slot_space {
	SLOT_SPACE_NORMAL,
	SLOT_SPACE_SMM,
	SLOT_SPACES
};

struct slot {
	u64 base_gfn;
	u64 npages;
	u64 hva;			/* user address of the first page */
	u32 id;				/* with its space */
	u32 flags;			/* VMX_MEM_* */
	/* Bitmap, NULL without VMX_MEM_LOG_DIRTY_PAGES; with rings: pages that are in one. */
	unsigned long *dirty;
	unsigned long *dirty_out;	/* the second, for GET_DIRTY_LOG; with rings: those that wait for room */
	void *mmu;			/* the MMU's own: place in the tree of addresses, largest level */
};

struct slot_entry {
	u64 base_gfn;
	struct slot *slot;
};

struct slot_array {
	u32 n;				/* read with acquire */
	u32 capacity;
	struct slot_entry e[];		/* by base_gfn, disjoint */
};

struct vm_slots {
	u64 generation;			/* see slots_generation() */
	struct slot_array __rcu *array[SLOT_SPACES];
	struct mutex lock;		/* changes, dirty log */
	struct xarray by_id;		/* under lock */
	u64 total_pages;		/* under lock */
	u32 manual_log;			/* VMX_DIRTY_LOG_*, under lock */
	u32 ring_size;			/* bytes of a vCPU's dirty ring, 0: bitmaps; set before there are vCPUs */
	bool ring_spilled;		/* bits are set in dirty_out bitmaps */
	u64 removed_at;			/* jiffies: when the last slot was deleted or moved away; 0: never */
};

int slots_vm_create(struct vm *vm);
void slots_vm_destroy(struct vm *vm);

/* Waits until no reader is left that saw what was published before. May sleep. */
void slots_synchronize(struct vm *vm);

static inline enum slot_space slot_space(const struct slot *slot)
{
	return slot->id >> 16;
}

/* The slot of @space (enum slot_space) that holds @gfn, or NULL. Readers' section. */
static inline const struct slot *slot_find(struct vm *vm, unsigned int space, u64 gfn)
{
	const struct slot_array *a = rcu_dereference_raw(vm->slots->array[space]);
	u32 n = smp_load_acquire(&a->n);
	u32 lo = 0, hi = n;
	const struct slot *slot;

	/* The first entry that begins behind gfn. */
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (a->e[mid].base_gfn <= gfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	slot = a->e[array_index_nospec(lo - 1, n)].slot;
	return gfn - slot->base_gfn < slot->npages ? slot : NULL;
}

/*
 * Changes by 2 with each publication; odd while a change is on its way. What cached a lookup made
 * under an even generation is good, within a readers' section, as long as it still reads the same.
 */
static inline u64 slots_generation(struct vm *vm)
{
	return smp_load_acquire(&vm->slots->generation);
}

/*
 * Was a slot taken away a moment ago, so that the VMM may be about to put another in its place? To change a
 * slot's size it has to delete and to add it (QEMU before 8.0 does so while vCPUs run). A reader that found no
 * slot, and then is told false, has found what the VMM wants to be there.
 */
bool slots_lately_removed(struct vm *vm);

/* The last hit, kept by one thread. Who looks elsewhere from now on sets space, and slot to NULL. */
struct slot_hit {
	u64 generation;
	const struct slot *slot;
	unsigned int space;
};

/* slot_find() in hit->space, with a memory. Readers' section; @hit is the caller's alone. */
static inline const struct slot *slot_find_hit(struct vm *vm, struct slot_hit *hit, u64 gfn)
{
	u64 generation = slots_generation(vm);
	const struct slot *slot = hit->slot;

	if (likely(slot && hit->generation == generation &&
		   gfn - slot->base_gfn < slot->npages))
		return slot;
	slot = slot_find(vm, hit->space, gfn);
	if (slot && !(generation & 1)) {
		hit->generation = generation;
		hit->slot = slot;
	}
	return slot;
}

/* The VMM's address of @gfn, which is in @slot. */
static inline u64 slot_gfn_to_hva(const struct slot *slot, u64 gfn)
{
	return slot->hva + (array_index_nospec(gfn - slot->base_gfn, slot->npages) << 12);
}

/* Marks one page dirty in the slot's log, if it has one. Readers' section, any context. */
static inline void slot_mark_dirty(struct vm *vm, const struct slot *slot, u64 gfn)
{
	u64 bit;

	if (likely(!slot->dirty))
		return;
	bit = array_index_nospec(gfn - slot->base_gfn, slot->npages);
	if (vm->slots->ring_size)
		dirty_ring_mark(vm, slot, bit);
	else if (!test_bit(bit, slot->dirty))
		set_bit(bit, slot->dirty);
}

/* The slot of the VMM's @number, with its space; NULL: there is none. slots->lock held. */
struct slot *slot_by_number(struct vm_slots *slots, u32 number);

/* SET_USER_MEMORY_REGION, GET_DIRTY_LOG, RESET_DIRTY_RINGS...; -ENOIOCTLCMD: not one of these. */
long slot_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

#endif /* VMX_MEMSLOT_H */
