// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots. How a change becomes visible:
 *
 *	generation odd -> array pointer -> generation even -> [wait for readers] -> unmap -> free
 *
 * An added slot needs no wait but for the old array's sake; whoever takes away (delete, move, flags)
 * waits, so that no fault in flight installs anything by the old rules after the unmapping.
 */
#include <linux/compat.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memslot.h"
#include "mmu/mmu.h"
#include "vm.h"

#define SLOT_MAX_PAGES ((1ULL << 31) - 1)	/* of one slot, the ABI's limit */
#define SLOT_VALID_FLAGS (VMX_MEM_LOG_DIRTY_PAGES | VMX_MEM_READONLY)

/* ---- arrays ---- */

static struct slot_array *array_alloc(u32 capacity)
{
	struct slot_array *a;

	a = kvmalloc(struct_size(a, e, capacity), GFP_KERNEL_ACCOUNT);
	if (a) {
		a->n = 0;
		a->capacity = capacity;
	}
	return a;
}

/* The array of the space that @slot is in. */
static struct slot_array *array_locked(struct vm_slots *slots, const struct slot *slot)
{
	return rcu_dereference_protected(slots->array[slot_space(slot)], lockdep_is_held(&slots->lock));
}

/* Where a slot that begins at @gfn is, or would go. */
static u32 array_position(const struct slot_array *a, u64 gfn)
{
	u32 lo = 0, hi = a->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (a->e[mid].base_gfn < gfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool array_overlaps(const struct slot_array *a, u64 base_gfn, u64 npages,
			   const struct slot *except)
{
	u32 i = array_position(a, base_gfn);

	/* The one before may reach into it, and those that follow may begin in it. */
	if (i)
		i--;
	for (; i < a->n && a->e[i].base_gfn < base_gfn + npages; i++) {
		const struct slot *s = a->e[i].slot;

		if (s != except && s->base_gfn + s->npages > base_gfn)
			return true;
	}
	return false;
}

/* A copy without @out and with @in; either may be NULL. NULL without memory. */
static struct slot_array *array_change(const struct slot_array *old, struct slot *out,
				       struct slot *in)
{
	u32 n = old->n + !!in - !!out;
	struct slot_array *a = array_alloc(n + max(n / 2, 8u));
	u32 i, to = 0;
	bool done = !in;

	if (!a)
		return NULL;
	for (i = 0; i < old->n; i++) {
		if (!done && in->base_gfn < old->e[i].base_gfn) {
			a->e[to++] = (struct slot_entry){ in->base_gfn, in };
			done = true;
		}
		if (old->e[i].slot != out)
			a->e[to++] = old->e[i];
	}
	if (!done)
		a->e[to++] = (struct slot_entry){ in->base_gfn, in };
	a->n = to;
	return a;
}

/* ---- publication ---- */

static void generation_begin(struct vm_slots *slots)
{
	WRITE_ONCE(slots->generation, slots->generation + 1);
	smp_wmb();
}

static void generation_end(struct vm_slots *slots)
{
	smp_store_release(&slots->generation, slots->generation + 1);
}

void slots_synchronize(struct vm *vm)
{
	unsigned long cookie = start_poll_synchronize_rcu_expedited();

	/* The two grace periods overlap. */
	synchronize_srcu_expedited(&vm->srcu);
	cond_synchronize_rcu_expedited(cookie);
}

/* Make @a the array where @slot is. The old one is returned: the caller frees it after slots_synchronize(). */
static struct slot_array *slots_publish(struct vm_slots *slots, const struct slot *slot,
					struct slot_array *a)
{
	struct slot_array *old = array_locked(slots, slot);

	generation_begin(slots);
	rcu_assign_pointer(slots->array[slot_space(slot)], a);
	generation_end(slots);
	return old;
}

/* Add @slot in place if it goes last and there is room: readers see it when n grows. */
static bool slots_append(struct vm_slots *slots, struct slot *slot)
{
	struct slot_array *a = array_locked(slots, slot);

	if (a->n == a->capacity || array_position(a, slot->base_gfn) != a->n)
		return false;
	generation_begin(slots);
	a->e[a->n] = (struct slot_entry){ slot->base_gfn, slot };
	smp_store_release(&a->n, a->n + 1);
	generation_end(slots);
	return true;
}

/* For how long a VMM that replaces a slot may be on its way; it is not always running meanwhile. */
#define REPLACEMENT_TIME HZ

bool slots_lately_removed(struct vm *vm)
{
	u64 at = READ_ONCE(vm->slots->removed_at);

	return at && get_jiffies_64() - at < REPLACEMENT_TIME;
}

/*
 * Before the array without the slot is published: who misses the slot must see this. And when the removal, which
 * takes a while on a busy host, is done: it is then that the VMM can go on. slots->lock held.
 */
static void note_removal(struct vm_slots *slots)
{
	WRITE_ONCE(slots->removed_at, get_jiffies_64());
}

/* ---- slots ---- */

static size_t dirty_words(const struct slot *slot)
{
	return BITS_TO_LONGS(slot->npages);
}

static void slot_free_dirty(struct slot *slot)
{
	kvfree(slot->dirty);
	slot->dirty = NULL;
	slot->dirty_out = NULL;
}

static void slot_free(struct vm *vm, struct slot *slot)
{
	mmu_slot_free(vm, slot);
	kfree(slot);
}

/*
 * A slot that nobody sees yet, but that the MMU notifier already heeds. @like: shares its dirty
 * bitmap if both log; the new one owns it then (the caller clears the old one's pointers).
 */
static struct slot *slot_alloc(struct vm *vm, const struct vmx_userspace_memory_region *r,
			       const struct slot *like)
{
	struct slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);
	int ret = -ENOMEM;

	if (!slot)
		return ERR_PTR(-ENOMEM);
	slot->id = r->slot;
	slot->flags = r->flags;
	slot->base_gfn = r->guest_phys_addr >> PAGE_SHIFT;
	slot->npages = r->memory_size >> PAGE_SHIFT;
	slot->hva = r->userspace_addr;
	if (!(r->flags & VMX_MEM_LOG_DIRTY_PAGES)) {
		/* no log */
	} else if (like && like->dirty) {
		slot->dirty = like->dirty;
		slot->dirty_out = like->dirty_out;
	} else {
		slot->dirty = kvcalloc(dirty_words(slot), 2 * sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!slot->dirty)
			goto free_slot;
		slot->dirty_out = slot->dirty + dirty_words(slot);
		if (!vm->slots->ring_size && (vm->slots->manual_log & VMX_DIRTY_LOG_INITIALLY_SET))
			bitmap_fill(slot->dirty, slot->npages);
	}
	ret = mmu_slot_prepare(vm, slot);
	if (ret)
		goto free_dirty;
	return slot;

free_dirty:
	if (!like || slot->dirty != like->dirty)
		slot_free_dirty(slot);
free_slot:
	kfree(slot);
	return ERR_PTR(ret);
}

static int slot_create(struct vm *vm, const struct vmx_userspace_memory_region *r)
{
	struct vm_slots *slots = vm->slots;
	struct slot_array *a, *old;
	struct slot *slot = slot_alloc(vm, r, NULL);
	int ret;

	if (IS_ERR(slot))
		return PTR_ERR(slot);
	ret = xa_err(xa_store(&slots->by_id, slot->id, slot, GFP_KERNEL_ACCOUNT));
	if (ret)
		goto free_slot;
	if (!slots_append(slots, slot)) {
		a = array_change(array_locked(slots, slot), NULL, slot);
		ret = -ENOMEM;
		if (!a)
			goto erase_id;
		old = slots_publish(slots, slot, a);
		slots_synchronize(vm);
		kvfree(old);
	}
	slots->total_pages += slot->npages;
	mmu_slot_added(vm, slot);
	return 0;

erase_id:
	xa_erase(&slots->by_id, slot->id);
free_slot:
	slot_free_dirty(slot);
	slot_free(vm, slot);
	return ret;
}

static int slot_delete(struct vm *vm, struct slot *slot)
{
	struct vm_slots *slots = vm->slots;
	struct slot_array *a, *old;

	a = array_change(array_locked(slots, slot), slot, NULL);
	if (!a)
		return -ENOMEM;
	note_removal(slots);
	old = slots_publish(slots, slot, a);
	slots_synchronize(vm);
	kvfree(old);
	xa_erase(&slots->by_id, slot->id);
	slots->total_pages -= slot->npages;
	mmu_slot_zap(vm, slot);
	slot_free_dirty(slot);
	slot_free(vm, slot);
	note_removal(slots);
	return 0;
}

/* Other flags, or another place: a new slot in the old one's stead. */
static int slot_replace(struct vm *vm, struct slot *old_slot,
			const struct vmx_userspace_memory_region *r)
{
	struct vm_slots *slots = vm->slots;
	struct slot_array *without = NULL, *with, *old;
	struct slot *slot = slot_alloc(vm, r, old_slot);
	bool move, shared;

	if (IS_ERR(slot))
		return PTR_ERR(slot);
	move = slot->base_gfn != old_slot->base_gfn;
	shared = slot->dirty && slot->dirty == old_slot->dirty;
	with = array_change(array_locked(slots, slot), old_slot, slot);
	if (!with)
		goto nomem;
	if (move) {
		/* Nobody may map the pages at the old place once the new one is to be seen. */
		without = array_change(array_locked(slots, slot), old_slot, NULL);
		if (!without)
			goto nomem;
		note_removal(slots);
		old = slots_publish(slots, slot, without);
		slots_synchronize(vm);
		kvfree(old);
		mmu_slot_zap(vm, old_slot);
	}
	/* The id exists, so this allocates nothing. */
	xa_store(&slots->by_id, slot->id, slot, GFP_KERNEL_ACCOUNT);
	old = slots_publish(slots, slot, with);
	slots_synchronize(vm);
	kvfree(old);
	if (move)
		mmu_slot_added(vm, slot);
	else if (slot->dirty)
		mmu_slot_dirty_log_on(vm, slot);
	else if (old_slot->dirty)
		mmu_slot_dirty_log_off(vm, slot);
	if (!shared)
		slot_free_dirty(old_slot);
	slot_free(vm, old_slot);
	return 0;

nomem:
	kvfree(with);
	if (!shared)
		slot_free_dirty(slot);
	slot_free(vm, slot);
	return -ENOMEM;
}

/* A number that an ioctl gives: slot and space. */
static bool slot_number_valid(u32 number)
{
	return number >> 16 < SLOT_SPACES && (u16)number < SLOT_MAX;
}

struct slot *slot_by_number(struct vm_slots *slots, u32 number)
{
	u32 id = array_index_nospec((u16)number, SLOT_MAX);

	if (!slot_number_valid(number))
		return NULL;
	return xa_load(&slots->by_id, id | array_index_nospec(number >> 16, SLOT_SPACES) << 16);
}

static int slot_check(const struct vmx_userspace_memory_region *r)
{
	if (r->flags & ~SLOT_VALID_FLAGS)
		return -EINVAL;
	if (!slot_number_valid(r->slot))
		return -EINVAL;
	if ((r->memory_size | r->guest_phys_addr | r->userspace_addr) & ~PAGE_MASK)
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)r->userspace_addr, r->memory_size))
		return -EINVAL;
	if (r->guest_phys_addr + r->memory_size < r->guest_phys_addr)
		return -EINVAL;
	if (r->memory_size >> PAGE_SHIFT > SLOT_MAX_PAGES)
		return -EINVAL;
	return 0;
}

static int slot_set_region(struct vm *vm, const struct vmx_userspace_memory_region *r)
{
	struct vm_slots *slots = vm->slots;
	u64 base_gfn = r->guest_phys_addr >> PAGE_SHIFT;
	u64 npages = r->memory_size >> PAGE_SHIFT;
	const struct slot_array *space;
	struct slot *old;
	int ret = slot_check(r);

	if (ret)
		return ret;
	lockdep_assert_held(&slots->lock);
	old = slot_by_number(slots, r->slot);
	if (!npages)
		return old ? slot_delete(vm, old) : -EINVAL;
	if (!old) {
		if (slots->total_pages + npages < npages)
			return -EINVAL;
	} else {
		if (old->hva != r->userspace_addr || old->npages != npages ||
		    ((old->flags ^ r->flags) & VMX_MEM_READONLY))
			return -EINVAL;
		if (old->base_gfn == base_gfn && old->flags == r->flags)
			return 0;
	}
	space = rcu_dereference_protected(slots->array[r->slot >> 16], lockdep_is_held(&slots->lock));
	if ((!old || old->base_gfn != base_gfn) &&
	    array_overlaps(space, base_gfn, npages, old))
		return -EEXIST;
	if (base_gfn + npages - 1 > mmu_max_gfn())
		return -EINVAL;
	return old ? slot_replace(vm, old, r) : slot_create(vm, r);
}

/* ---- dirty log ---- */

/* The slot with a dirty log of the number that an ioctl gives. slots->lock held. */
static struct slot *dirty_slot(struct vm *vm, u32 number)
{
	struct slot *slot;

	if (vm->slots->ring_size)
		return ERR_PTR(-ENXIO);
	if (!slot_number_valid(number))
		return ERR_PTR(-EINVAL);
	slot = slot_by_number(vm->slots, number);
	if (!slot || !slot->dirty)
		return ERR_PTR(-ENOENT);
	return slot;
}

/*
 * Each word is taken out of the bitmap before its pages are protected: a write that slips in
 * between is found in the next round. All are flushed before the VMM reads memory. With
 * VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2 both are left to CLEAR_DIRTY_LOG.
 */
static long slot_get_dirty_log(struct vm *vm, const struct vmx_dirty_log *log)
{
	struct slot *slot = dirty_slot(vm, log->slot);
	bool flush = false;
	size_t i;

	if (IS_ERR(slot))
		return PTR_ERR(slot);
	mmu_dirty_collect(vm);
	for (i = 0; i < dirty_words(slot); i++) {
		unsigned long mask = 0;

		if (vm->slots->manual_log) {
			mask = READ_ONCE(slot->dirty[i]);
		} else if (READ_ONCE(slot->dirty[i])) {
			mask = xchg(&slot->dirty[i], 0);
			flush |= mmu_dirty_protect(vm, slot, i * BITS_PER_LONG, mask);
		}
		slot->dirty_out[i] = mask;
		if (!(i % 64))
			cond_resched();
	}
	if (!vm->slots->manual_log)
		mmu_dirty_flush(vm, flush);
	if (copy_to_user(log->dirty_bitmap, slot->dirty_out, dirty_words(slot) * sizeof(long)))
		return -EFAULT;
	return 0;
}

static long slot_clear_dirty_log(struct vm *vm, const struct vmx_clear_dirty_log *log)
{
	struct slot *slot = dirty_slot(vm, log->slot);
	u64 first = log->first_page, n = log->num_pages;
	bool flush = false;
	size_t i, words = BITS_TO_LONGS(n);

	if (log->first_page & 63)
		return -EINVAL;
	if (IS_ERR(slot))
		return PTR_ERR(slot);
	if (first > slot->npages || n > slot->npages - first ||
	    (n < slot->npages - first && (n & 63)))
		return -EINVAL;
	if (copy_from_user(slot->dirty_out, log->dirty_bitmap, words * sizeof(long)))
		return -EFAULT;
	for (i = 0; i < words; i++) {
		size_t word = first / BITS_PER_LONG + i;
		unsigned long mask = slot->dirty_out[i];

		if (mask)
			mask &= atomic_long_fetch_andnot(mask, (atomic_long_t *)&slot->dirty[word]);
		if (mask)
			flush |= mmu_dirty_protect(vm, slot, word * BITS_PER_LONG, mask);
		if (!(i % 64))
			cond_resched();
	}
	mmu_dirty_flush(vm, flush);
	return 0;
}

long slot_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	union {
		struct vmx_userspace_memory_region region;
		struct vmx_dirty_log log;
		struct vmx_clear_dirty_log clear;
	} u;
	long ret;

	switch (cmd) {
	case VMX_RESET_DIRTY_RINGS:
		mutex_lock(&vm->slots->lock);
		ret = dirty_ring_reset(vm);
		mutex_unlock(&vm->slots->lock);
		return ret;
	case VMX_SET_USER_MEMORY_REGION:
	case VMX_GET_DIRTY_LOG:
	case VMX_CLEAR_DIRTY_LOG:
		break;
	default:
		return -ENOIOCTLCMD;
	}
	if (copy_from_user(&u, (void __user *)arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	/* A 32-bit VMM fills in only half of the pointer. */
	if (in_compat_syscall() && cmd == VMX_GET_DIRTY_LOG)
		u.log.padding2 = (u32)u.log.padding2;
	else if (in_compat_syscall() && cmd == VMX_CLEAR_DIRTY_LOG)
		u.clear.padding2 = (u32)u.clear.padding2;
	mutex_lock(&vm->slots->lock);
	if (cmd == VMX_SET_USER_MEMORY_REGION)
		ret = slot_set_region(vm, &u.region);
	else if (cmd == VMX_GET_DIRTY_LOG)
		ret = slot_get_dirty_log(vm, &u.log);
	else
		ret = slot_clear_dirty_log(vm, &u.clear);
	mutex_unlock(&vm->slots->lock);
	return ret;
}

/* ---- life ---- */

int slots_vm_create(struct vm *vm)
{
	struct vm_slots *slots = kzalloc(sizeof(*slots), GFP_KERNEL_ACCOUNT);
	struct slot_array *a[SLOT_SPACES] = {};
	unsigned int i;

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < SLOT_SPACES; i++) {
		a[i] = array_alloc(16);
		if (!a[i])
			goto nomem;
	}
	mutex_init(&slots->lock);
	xa_init(&slots->by_id);
	for (i = 0; i < SLOT_SPACES; i++)
		rcu_assign_pointer(slots->array[i], a[i]);
	vm->slots = slots;
	return 0;

nomem:
	while (i--)
		kvfree(a[i]);
	kfree(slots);
	return -ENOMEM;
}

void slots_vm_destroy(struct vm *vm)
{
	struct vm_slots *slots = vm->slots;
	struct slot *slot;
	unsigned long id;
	unsigned int i;

	if (!slots)
		return;
	/* No reader is left: the vCPUs are gone. */
	xa_for_each(&slots->by_id, id, slot) {
		slot_free_dirty(slot);
		slot_free(vm, slot);
	}
	xa_destroy(&slots->by_id);
	for (i = 0; i < SLOT_SPACES; i++)
		kvfree(rcu_dereference_protected(slots->array[i], true));
	mutex_destroy(&slots->lock);
	kfree(slots);
	vm->slots = NULL;
}
