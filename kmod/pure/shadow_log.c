// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes under a dirty log, without the lock.
 *
 * Where shadow_protect() takes the write right from a leaf it says so in the entry: SPT_LOGGED. All else that the right
 * depends on is as it was then, since whatever takes it for another reason takes this bit, too. So a write fault there
 * has only to set the right again and to tell the log, and one compare-and-exchange does the first: if anything has
 * happened to the entry meanwhile, it fails.
 *
 * The tables on the way are not freed under a vCPU with interrupts off, as little as under the CPU's own walk.
 */
#include "pure/shadow_int.h"

bool shadow_fault_logged(const struct shadow *s, const struct shadow_cpu *cpu, u64 gva)
{
	const struct shadow_page *sp;
	unsigned int i, level = cpu->root_level;
	u64 gfn, again, spte;

	if (level == 2)
		gva &= 0xffffffff;
	sp = cpu->root[level == 2 ? gva >> 30 & 3 : 0];
	if (!sp)
		return false;
	for (;; level--) {
		i = (unsigned int)(gva >> (12 + 9 * (level - 1))) & (SHADOW_ENTRIES - 1);
		spte = READ_ONCE(sp->spt[i]);
		if (!(spte & SPT_P) || (level > 1 && (spte & SPT_PS)))
			return false;
		if (level == 1)
			break;
		sp = s->ops->table(s, npte_pa(s->format, spte));
	}
	if ((spte & (SPT_W | SPT_LOGGED)) != SPT_LOGGED)
		return false;
	gfn = shadow_entry_gfn(sp, i);
	if (!__atomic_compare_exchange_n(&sp->spt[i], &spte, spte | SPT_W, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return false;
	/*
	 * After the right: had the log been read before it, that would have been in vain, and the write unseen. Another
	 * frame may have come into the entry between the two looks; one mark too many does no harm.
	 */
	again = shadow_entry_gfn(sp, i);
	s->ops->written(cpu->vcpu, sp->role.space, again);
	if (again != gfn)
		s->ops->written(cpu->vcpu, sp->role.space, gfn);
	return true;
}
