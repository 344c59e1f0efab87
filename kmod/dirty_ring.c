// SPDX-License-Identifier: GPL-2.0-only
/* Dirty rings; dirty_ring.h has the picture. */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "backend.h"
#include "dirty_ring.h"
#include "memslot.h"
#include "mmu/mmu.h"
#include "vcpu.h"
#include "vm.h"

/*
 * A vCPU enters with at least so many entries free: what the handling of one exit writes, and the log of
 * the hardware, which is emptied after the exit.
 */
#define RESERVED_FOR_EXIT 64
#define RESERVED_FOR_LOG 512

struct dirty_ring {
	struct vmx_dirty_gfn *gfns;	/* the VMM maps it and may write anything there */
	struct vcpu *vcpu;
	u32 entries;			/* a power of two */
	u32 soft;			/* in use: no entry into the guest */
	u32 reset;			/* written with release under slots->lock */
	raw_spinlock_t lock;		/* dirty, and what is written there; inside everything */
	u32 dirty;			/* counts on; the place is its remainder */
};

static u32 reserved_entries(void)
{
	return RESERVED_FOR_EXIT + (backend_caps->logs_dirty ? RESERVED_FOR_LOG : 0);
}

static u32 ring_used(const struct dirty_ring *ring)
{
	return READ_ONCE(ring->dirty) - smp_load_acquire(&ring->reset);
}

/* ---- pushing ---- */

/* False: @most entries are in use. Any context. */
static bool ring_push(struct dirty_ring *ring, u32 slot, u64 offset, u32 most)
{
	struct vmx_dirty_gfn *e;
	unsigned long flags;
	u32 used;

	raw_spin_lock_irqsave(&ring->lock, flags);
	used = ring_used(ring);
	if (used >= most) {
		raw_spin_unlock_irqrestore(&ring->lock, flags);
		return false;
	}
	e = &ring->gfns[ring->dirty & (ring->entries - 1)];
	WRITE_ONCE(e->slot, slot);
	WRITE_ONCE(e->offset, offset);
	smp_store_release(&e->flags, VMX_DIRTY_GFN_F_DIRTY);
	WRITE_ONCE(ring->dirty, ring->dirty + 1);
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	if (used + 1 >= ring->soft)
		vcpu_request(ring->vcpu, REQ_DIRTY_FULL);
	return true;
}

void dirty_ring_mark(struct vm *vm, const struct slot *slot, u64 number)
{
	struct vcpu *vcpu;

	/* A full barrier: who finds the bit set has its write seen by whoever clears it. */
	if (test_and_set_bit(number, slot->dirty))
		return;
	preempt_disable();
	vcpu = vcpu_running();
	preempt_enable();
	if (!vcpu || vcpu->vm != vm)
		vcpu = vm_vcpu(vm, 0);
	if (vcpu && ring_push(vcpu->dirty_ring, slot->id, number, vcpu->dirty_ring->entries))
		return;
	/* The VMM may have the kernel write more than a ring holds, by ioctls alone: it waits for a reset. */
	set_bit(number, slot->dirty_out);
	smp_store_release(&vm->slots->ring_spilled, true);
}

bool dirty_ring_serve_full(struct vcpu *vcpu)
{
	struct dirty_ring *ring = vcpu->dirty_ring;

	if (ring_used(ring) < ring->soft)
		return false;
	vcpu_request(vcpu, REQ_DIRTY_FULL);
	vcpu->run->exit_reason = VMX_EXIT_DIRTY_RING_FULL;
	return true;
}

/* ---- reset ---- */

/* Pages of one word of a slot's bitmap, to be protected together. */
struct reset_batch {
	u32 slot;
	u64 word;
	unsigned long mask;
	bool changed;
};

static void batch_flush(struct vm *vm, struct reset_batch *b)
{
	struct slot *slot = NULL;

	if (b->mask)
		slot = slot_by_number(vm->slots, b->slot);
	/* The slot may be gone since, and the VMM may have written another number. */
	if (slot && slot->dirty && b->word < BITS_TO_LONGS(slot->npages)) {
		u64 word = array_index_nospec(b->word, BITS_TO_LONGS(slot->npages));
		u64 left = slot->npages - word * BITS_PER_LONG;

		if (left < BITS_PER_LONG)
			b->mask &= BIT(left) - 1;
		atomic_long_andnot(b->mask, (atomic_long_t *)&slot->dirty[word]);
		smp_mb__after_atomic();
		b->changed |= mmu_dirty_protect(vm, slot, word * BITS_PER_LONG, b->mask);
	}
	b->mask = 0;
}

static void batch_add(struct vm *vm, struct reset_batch *b, u32 slot, u64 offset)
{
	u64 word = offset / BITS_PER_LONG;

	if (b->mask && (b->slot != slot || b->word != word))
		batch_flush(vm, b);
	b->slot = slot;
	b->word = word;
	b->mask |= BIT(offset % BITS_PER_LONG);
}

static u32 ring_reset(struct vm *vm, struct dirty_ring *ring, struct reset_batch *b)
{
	u32 count = 0, used = ring_used(ring);

	for (; count < used; count++) {
		struct vmx_dirty_gfn *e = &ring->gfns[ring->reset & (ring->entries - 1)];

		/* Pairs with the VMM's release; it has read the entry. */
		if (!(smp_load_acquire(&e->flags) & VMX_DIRTY_GFN_F_RESET))
			break;
		batch_add(vm, b, READ_ONCE(e->slot), READ_ONCE(e->offset));
		WRITE_ONCE(e->flags, 0);
		smp_store_release(&ring->reset, ring->reset + 1);
		if (!(count % 256))
			cond_resched();
	}
	batch_flush(vm, b);
	return count;
}

/* Into any ring that still lets its vCPU enter. */
static bool push_anywhere(struct vm *vm, u32 slot, u64 offset)
{
	struct vcpu *vcpu;
	unsigned long i;

	vm_for_each_vcpu(i, vcpu, vm)
		if (ring_push(vcpu->dirty_ring, slot, offset, vcpu->dirty_ring->soft))
			return true;
	return false;
}

/* What found no room has some now. */
static void take_back_spilled(struct vm *vm)
{
	struct slot *slot;
	unsigned long id;
	u64 i;

	if (!xchg(&vm->slots->ring_spilled, false))
		return;
	xa_for_each(&vm->slots->by_id, id, slot) {
		if (!slot->dirty)
			continue;
		for_each_set_bit(i, slot->dirty_out, slot->npages) {
			if (!push_anywhere(vm, slot->id, i)) {
				WRITE_ONCE(vm->slots->ring_spilled, true);
				return;
			}
			clear_bit(i, slot->dirty_out);
		}
		cond_resched();
	}
}

long dirty_ring_reset(struct vm *vm)
{
	struct reset_batch b = { };
	struct vcpu *vcpu;
	unsigned long i;
	long count = 0;

	lockdep_assert_held(&vm->slots->lock);
	if (!vm->slots->ring_size)
		return -EINVAL;
	vm_for_each_vcpu(i, vcpu, vm)
		count += ring_reset(vm, vcpu->dirty_ring, &b);
	if (count)
		mmu_dirty_flush(vm, b.changed);
	take_back_spilled(vm);
	return count;
}

/* ---- the VMM's mapping ---- */

static bool ring_covers(const struct dirty_ring *ring, unsigned long pgoff, unsigned long pages)
{
	return ring && pgoff + pages > VMX_DIRTY_LOG_PAGE_OFFSET &&
	       pgoff < VMX_DIRTY_LOG_PAGE_OFFSET +
			       (ring->entries * sizeof(*ring->gfns) >> PAGE_SHIFT);
}

int dirty_ring_check_mmap(struct vcpu *vcpu, struct vm_area_struct *vma)
{
	if (ring_covers(vcpu->dirty_ring, vma->vm_pgoff, vma_pages(vma)) &&
	    ((vma->vm_flags & VM_EXEC) || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	return 0;
}

struct page *dirty_ring_page(struct vcpu *vcpu, unsigned long pgoff)
{
	struct dirty_ring *ring = vcpu->dirty_ring;

	if (!ring_covers(ring, pgoff, 1))
		return NULL;
	return vmalloc_to_page((void *)ring->gfns + ((pgoff - VMX_DIRTY_LOG_PAGE_OFFSET) << PAGE_SHIFT));
}

/* ---- life ---- */

int dirty_ring_vcpu_create(struct vcpu *vcpu)
{
	u32 size = READ_ONCE(vcpu->vm->slots->ring_size);
	struct dirty_ring *ring;

	if (!size)
		return 0;
	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	ring->gfns = __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->gfns) {
		kfree(ring);
		return -ENOMEM;
	}
	ring->entries = size / sizeof(*ring->gfns);
	ring->soft = ring->entries - reserved_entries();
	ring->vcpu = vcpu;
	raw_spin_lock_init(&ring->lock);
	vcpu->dirty_ring = ring;
	return 0;
}

void dirty_ring_vcpu_destroy(struct vcpu *vcpu)
{
	if (!vcpu->dirty_ring)
		return;
	vfree(vcpu->dirty_ring->gfns);
	kfree(vcpu->dirty_ring);
	vcpu->dirty_ring = NULL;
}

long dirty_ring_enable(struct vm *vm, u64 size)
{
	struct slot *slot;
	unsigned long id;
	long r = 0;

	if (!is_power_of_2(size) || size < PAGE_SIZE ||
	    size < reserved_entries() * sizeof(struct vmx_dirty_gfn))
		return -EINVAL;
	if (size > DIRTY_RING_MAX_SIZE)
		return -E2BIG;
	mutex_lock(&vm->lock);
	mutex_lock(&vm->slots->lock);
	if (vm->nr_vcpus || vm->slots->ring_size) {
		r = -EINVAL;
		goto unlock;
	}
	/* Nobody has written anything; but bitmaps may have been filled to begin with. */
	xa_for_each(&vm->slots->by_id, id, slot)
		if (slot->dirty)
			bitmap_zero(slot->dirty, slot->npages);
	WRITE_ONCE(vm->slots->ring_size, size);
unlock:
	mutex_unlock(&vm->slots->lock);
	mutex_unlock(&vm->lock);
	return r;
}
