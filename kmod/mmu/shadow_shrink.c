// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow pages back to a host that is short of memory: the oldest of each VM, which its guest's faults build again.
 */
#include <linux/mutex.h>
#include <linux/shrinker.h>

#include "compat.h"
#include "mmu/shadow.h"

static LIST_HEAD(shadows);
/* The list, and that what is on it stays. Nothing is allocated under it: the reclaim would only try for it. */
static DEFINE_MUTEX(shadows_lock);
static struct shrinker *shrinker;

void shadow_shrink_add(struct vm_shadow *vs)
{
	mutex_lock(&shadows_lock);
	list_add_tail(&vs->all, &shadows);
	mutex_unlock(&shadows_lock);
}

void shadow_shrink_remove(struct vm_shadow *vs)
{
	mutex_lock(&shadows_lock);
	list_del(&vs->all);
	mutex_unlock(&shadows_lock);
}

static unsigned long count_pages(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long n = 0;
	struct vm_shadow *vs;

	if (!mutex_trylock(&shadows_lock))
		return 0;
	list_for_each_entry(vs, &shadows, all)
		n += READ_ONCE(vs->s.nr);
	mutex_unlock(&shadows_lock);
	return n;
}

/* Up to @n pages of one VM. Returns how many are no longer in use; they are free when the flush is past. */
static unsigned long shrink_one(struct vm_shadow *vs, unsigned long n)
{
	unsigned long gone;
	struct zap z;
	u32 nr;

	zap_lock(&z, vs->mmu);
	nr = vs->s.nr;
	gone = shadow_shrink(&vs->s, nr > n ? nr - n : 0);
	zap_unlock(&z);
	write_lock(&vs->mmu->lock);
	shadow_reap(vs);
	write_unlock(&vs->mmu->lock);
	return gone;
}

/* The VMs in turn: the one that was looked at goes to the end. */
static unsigned long scan_pages(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long gone = 0;
	struct vm_shadow *vs, *last;

	if (!mutex_trylock(&shadows_lock))
		return SHRINK_STOP;
	if (!list_empty(&shadows)) {
		last = list_last_entry(&shadows, struct vm_shadow, all);
		do {
			vs = list_first_entry(&shadows, struct vm_shadow, all);
			gone += shrink_one(vs, sc->nr_to_scan - gone);
			list_move_tail(&vs->all, &shadows);
		} while (gone < sc->nr_to_scan && vs != last);
	}
	mutex_unlock(&shadows_lock);
	return gone;
}

int shadow_shrink_init(void)
{
	shrinker = compat_shrinker_create("vmx-shadow", count_pages, scan_pages);
	return shrinker ? 0 : -ENOMEM;
}

void shadow_shrink_exit(void)
{
	compat_shrinker_destroy(shrinker);
}
