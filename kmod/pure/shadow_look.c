// SPDX-License-Identifier: GPL-2.0-only
/* Shadow pages to be listed. */
#include "pure/shadow_int.h"
#include "uapi/vmx_ext.h"

struct shadow_page *shadow_used_from(const struct shadow *s, u32 id)
{
	if (!id)
		id = 1;
	while (id < SHADOW_MAX_ID) {
		struct shadow_page *sp;

		if (!s->chunk[id / SHADOW_CHUNK]) {
			id = (id | (SHADOW_CHUNK - 1)) + 1;
			continue;
		}
		sp = shadow_id(s, id);
		/* One that is in nobody's use is not found by what it was. */
		if (sp && sp->spt && shadow_find(s, sp->gfn, sp->role) == sp)
			return sp;
		id++;
	}
	return NULL;
}

bool shadow_show_leaf(const struct shadow *s, const struct shadow_page *sp, unsigned int i, struct vmx_x_range *r)
{
	u64 spte = READ_ONCE(sp->spt[i]);

	if (!(spte & SPT_P) || !shadow_leaf(sp, spte))
		return false;
	r->gpa = shadow_entry_gfn(sp, i) << 12;
	r->pages = npte_pages(sp->role.level);
	r->target = npte_pa(s->format, spte) & ~((r->pages << 12) - 1);
	r->flags = (u16)((spte & SPT_W ? VMX_X_RANGE_WRITE : 0) | (spte & SPT_NX ? 0 : VMX_X_RANGE_EXEC) |
			 (spte & SPT_U ? VMX_X_RANGE_USER : 0) | (spte & SPT_A ? VMX_X_RANGE_ACCESSED : 0) |
			 (spte & SPT_D ? VMX_X_RANGE_DIRTY : 0) | (spte & SPT_LOGGED ? VMX_X_RANGE_LOGGED : 0));
	r->level = sp->role.level;
	return true;
}
