// SPDX-License-Identifier: GPL-2.0-only
/* Lists of VMX_X_TABLES: a part of them at a time, under mmu->lock for read or, of the slots, in a readers' section. */
#include "mmu/look.h"
#include "mmu/shadow.h"

/* Entries that one part looks at. */
#define VISITS 4096

/* Is @r what goes on in @last? */
static bool goes_on(const struct vmx_x_range *last, const struct vmx_x_range *r)
{
	if (last->gpa + (last->pages << PAGE_SHIFT) != r->gpa || last->flags != r->flags || last->level != r->level ||
	    last->space != r->space)
		return false;
	return (r->flags & VMX_X_RANGE_DEVICE) || last->target + (last->pages << PAGE_SHIFT) == r->target;
}

/* False: there is no room. */
static bool add(struct look_list *l, const struct vmx_x_range *r)
{
	if (l->nr && goes_on(&l->ranges[l->nr - 1], r)) {
		l->ranges[l->nr - 1].pages += r->pages;
		return true;
	}
	if (l->nr == l->room)
		return false;
	l->ranges[l->nr++] = *r;
	return true;
}

/* ---- slots; the cursor is the place in both arrays, one after the other ---- */

void mmu_list_slots(struct vm *vm, struct look_list *l)
{
	u64 skip = l->cursor;
	unsigned int space;
	int idx = srcu_read_lock(&vm->srcu);

	for (space = 0; space < SLOT_SPACES; space++) {
		const struct slot_array *a = rcu_dereference_raw(vm->slots->array[space]);
		u32 i, n = smp_load_acquire(&a->n);

		if (skip >= n) {
			skip -= n;
			continue;
		}
		for (i = (u32)skip; i < n && l->nr < l->room; i++) {
			const struct slot *slot = a->e[i].slot;

			l->ranges[l->nr++] = (struct vmx_x_range){
				.gpa = slot->base_gfn << PAGE_SHIFT,
				.pages = slot->npages,
				.target = slot->hva,
				.id = slot->id,
				.flags = (slot->flags & VMX_MEM_READONLY ? VMX_X_RANGE_READONLY : 0) |
					 (slot->dirty ? VMX_X_RANGE_LOGGED : 0),
				.space = (u8)space,
			};
			l->cursor++;
		}
		skip = 0;
		if (i < n)
			goto out;
	}
	l->end = true;
out:
	srcu_read_unlock(&vm->srcu, idx);
}

/* ---- pages ---- */

/* False: nothing is there. */
static bool show_nested(u64 gfn, u64 e, unsigned int level, struct vmx_x_range *r)
{
	const struct npte_format *f = &mmu_format;

	r->level = (u8)level;
	r->pages = npte_pages(level);
	r->gpa = (gfn & ~(r->pages - 1)) << PAGE_SHIFT;
	r->target = 0;
	r->flags = VMX_X_RANGE_DEVICE;
	if (npte_is_mmio(f, e))
		return true;
	if (!npte_is_present(f, e))
		return false;
	r->target = npte_pa(f, e) & ~((r->pages << PAGE_SHIFT) - 1);
	r->flags = (npte_allows(f, e, true, false) ? VMX_X_RANGE_WRITE : 0) |
		   (npte_allows(f, e, false, true) ? VMX_X_RANGE_EXEC : 0) |
		   (e & f->accessed ? VMX_X_RANGE_ACCESSED : 0) | (e & f->dirty ? VMX_X_RANGE_DIRTY : 0);
	return true;
}

/* The cursor is the frame. Lock held. */
static void list_nested(struct vm_mmu *mmu, unsigned int space, struct look_list *l)
{
	u64 *root = READ_ONCE(mmu->root[space]), end = root ? mmu_gfn_end(mmu) : 0;
	unsigned int n;

	for (n = 0; n < VISITS && l->cursor < end; n++) {
		struct vmx_x_range r = { .space = (u8)space };
		unsigned int level;
		u64 e = READ_ONCE(*mmu_find_entry(mmu, root, l->cursor, &level));

		if (show_nested(l->cursor, e, level, &r) && !add(l, &r))
			return;
		l->cursor = (l->cursor | (npte_pages(level) - 1)) + 1;
	}
	l->end = l->cursor >= end;
}

/* The cursor is the page's id and the index. Lock held. */
static void list_shadow(const struct shadow *s, struct look_list *l)
{
	unsigned int n;

	for (n = 0; n < VISITS / PTE_ENTRIES; n++) {
		u32 first = (u32)(l->cursor / PTE_ENTRIES);
		const struct shadow_page *sp = l->cursor / PTE_ENTRIES < SHADOW_MAX_ID ? shadow_used_from(s, first) : NULL;
		unsigned int i = 0;

		if (!sp) {
			l->end = true;
			return;
		}
		if (sp->id == first)
			i = l->cursor % PTE_ENTRIES;
		for (; i < PTE_ENTRIES; i++) {
			struct vmx_x_range r = { .space = sp->role.space };

			l->cursor = (u64)sp->id * PTE_ENTRIES + i;
			if (shadow_show_leaf(s, sp, i, &r) && !add(l, &r))
				return;
		}
		l->cursor++;
	}
}

void mmu_list_pages(struct vm *vm, unsigned int space, struct look_list *l)
{
	struct vm_mmu *mmu = vm->mmu;

	read_lock(&mmu->lock);
	if (mmu->shadow)
		list_shadow(&mmu->shadow->s, l);
	else
		list_nested(mmu, space, l);
	read_unlock(&mmu->lock);
}

/* ---- tables of the guest's; the cursor is the page's id ---- */

void mmu_list_shadowed(struct vm *vm, struct look_list *l)
{
	struct vm_mmu *mmu = vm->mmu;
	unsigned int n;

	read_lock(&mmu->lock);
	for (n = 0; n < VISITS && l->nr < l->room; n++) {
		const struct shadow_page *sp = NULL;

		if (mmu->shadow && l->cursor < SHADOW_MAX_ID)
			sp = shadow_used_from(&mmu->shadow->s, (u32)l->cursor);
		if (!sp) {
			l->end = true;
			break;
		}
		l->cursor = sp->id + 1;
		if (sp->role.direct)
			continue;
		l->ranges[l->nr++] = (struct vmx_x_range){
			.gpa = sp->gfn << PAGE_SHIFT,
			.pages = 1,
			.flags = sp->unsync ? VMX_X_RANGE_UNSYNC : 0,
			.level = sp->role.level,
			.space = sp->role.space,
		};
	}
	read_unlock(&mmu->lock);
}
