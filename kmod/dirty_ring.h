/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty rings (VMX_CAP_DIRTY_LOG_RING): the dirty log as a queue per vCPU that the VMM maps and empties
 * while the guest runs.
 *
 *	reset (kernel)		harvested by the VMM	dirty			room
 *	  |                        |                      |                      |
 *	--+--- F_RESET ---...------+--- F_DIRTY ---...----+--- 0 ---...----------+
 *	  ^ reset                                         ^ dirty
 *
 * The slot's bitmap says which pages are in a ring (or wait for room in one): a page is pushed when its
 * bit becomes set, and RESET_DIRTY_RINGS clears the bit before it protects the page again. So no page is in
 * the rings twice, and a write after the reset is always a new entry.
 */
#ifndef VMX_DIRTY_RING_H
#define VMX_DIRTY_RING_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct dirty_ring;
struct slot;
struct vcpu;
struct vm;

/* The most bytes that a ring may have; what CHECK_EXTENSION answers. */
#define DIRTY_RING_MAX_SIZE (65536 * 16)

/*
 * ENABLE_CAP with @size bytes for each ring. -EINVAL: no power of two, too small, once more, or there are
 * vCPUs; -E2BIG. Takes vm->lock and slots->lock.
 */
long dirty_ring_enable(struct vm *vm, u64 size);

/* With vCPUs: 0 or -ENOMEM; without the capability there is no ring and no cost. */
int dirty_ring_vcpu_create(struct vcpu *vcpu);
void dirty_ring_vcpu_destroy(struct vcpu *vcpu);

/*
 * Page @number of the bit was written (slot->dirty is not NULL). Goes into the ring of the vCPU that this
 * CPU has loaded; a thread without one uses the first vCPU's. Readers' section of the slots, any context.
 */
void dirty_ring_mark(struct vm *vm, const struct slot *slot, u64 number);

/* REQ_DIRTY_FULL: true, and the exit filled in, if there still is too little room to enter. Own thread. */
bool dirty_ring_serve_full(struct vcpu *vcpu);

/* RESET_DIRTY_RINGS: the number of entries freed, or -EINVAL without rings. slots->lock held; may sleep. */
long dirty_ring_reset(struct vm *vm);

/*
 * The vCPU fd's mapping from page VMX_DIRTY_LOG_PAGE_OFFSET on. check: 0 or -EINVAL, a private or executable
 * mapping of the ring. page: that of @pgoff, NULL if it has none.
 */
int dirty_ring_check_mmap(struct vcpu *vcpu, struct vm_area_struct *vma);
struct page *dirty_ring_page(struct vcpu *vcpu, unsigned long pgoff);

#endif /* VMX_DIRTY_RING_H */
