/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory slots: which guest-physical ranges are which of the VMM's addresses.
 *
 * A generation of slots is an immutable, sorted array; a change publishes a new one and waits for
 * SRCU and RCU readers of the old. Readers hold vm->srcu, or RCU (interrupts off counts).
 */
#ifndef VMX_MEMSLOT_H
#define VMX_MEMSLOT_H

#include <linux/types.h>

#include "uapi/vmx.h"

struct vm;
struct vcpu;

#define GPA_INVALID (~0ULL)
#define SLOT_MAX 32764		/* as in-tree reports it */

struct slot {
	u64 base_gfn;
	u64 npages;
	u64 hva;			/* user address of the first page */
	u32 id;
	u32 flags;			/* VMX_MEM_* */
	unsigned long *dirty;		/* bitmap, NULL without VMX_MEM_LOG_DIRTY_PAGES */
	unsigned long *dirty_out;	/* the second bitmap, for GET_DIRTY_LOG */
	void *mmu;			/* the MMU's own (largest mapping level allowed, reverse map) */
};

int slots_vm_create(struct vm *vm);
void slots_vm_destroy(struct vm *vm);

/* The slot that holds @gfn, or NULL. Readers' section. slot_find_vcpu keeps the last hit. */
const struct slot *slot_find(struct vm *vm, u64 gfn);

/* Changes with each publication; odd while a change is on its way. What cached a lookup compares it. */
u64 slots_generation(struct vm *vm);

static inline u64 slot_gfn_to_hva(const struct slot *slot, u64 gfn)
{
	return slot->hva + ((gfn - slot->base_gfn) << 12);
}

/* Marks one page dirty in the slot's log, if it has one. Readers' section, any context. */
void slot_mark_dirty(struct vm *vm, const struct slot *slot, u64 gfn);

/* SET_USER_MEMORY_REGION, GET_DIRTY_LOG, CLEAR_DIRTY_LOG...; -ENOIOCTLCMD: not one of these. */
long slot_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

#endif /* VMX_MEMSLOT_H */
