// SPDX-License-Identifier: GPL-2.0-only
#include "pure/look.h"
#include "pure/walk_inline.h"

void look_note(struct vmx_x_walk *w, unsigned int tables, u64 address, u64 value, unsigned int level,
	       unsigned int size, u32 flags)
{
	struct vmx_x_step *step;

	if (w->nr >= VMX_X_WALK_STEPS)
		return;
	step = &w->steps[w->nr++];
	step->address = address;
	step->value = value;
	step->host = 0;
	step->flags = flags;
	step->tables = (u8)tables;
	step->level = (u8)level;
	step->size = (u8)size;
	step->reserved = 0;
}

/* SDM 1 3.3.7.1: the bits above the highest one that is translated are copies of it. */
static bool canonical(const struct walk_shape *s, u64 address)
{
	unsigned int unused = 64 - (12 + 9u * s->levels);

	return !s->lma || (u64)((s64)(address << unused) >> unused) == address;
}

static u32 entry_flags(const struct walk_mode *m, const struct walk_shape *s, unsigned int level, u64 e)
{
	bool leaf;

	if (!(e & WALK_PTE_P))
		return VMX_X_STEP_ABSENT;
	leaf = walk_is_leaf(m, s, level, e);
	if (e & walk_reserved(m, s, level, leaf))
		return VMX_X_STEP_RESERVED;
	return leaf ? VMX_X_STEP_LEAF : 0;
}

bool look_guest(const struct walk_mode *m, look_read_fn read, void *opaque, struct vmx_x_walk *w)
{
	u32 rights = VMX_X_WALK_WRITE | VMX_X_WALK_USER | VMX_X_WALK_EXEC;
	struct walk_shape s;
	unsigned int level;
	u64 table, gva;

	w->cr3 = m->cr3;
	if (!(m->cr0 & WALK_CR0_PG)) {
		w->gpa = w->address & 0xffffffff;
		w->result |= VMX_X_WALK_CANONICAL | VMX_X_WALK_GPA | rights;
		return true;
	}
	s = walk_shape(m);
	w->levels = s.levels;
	if (!canonical(&s, w->address))
		return false;
	w->result |= VMX_X_WALK_CANONICAL;
	gva = s.lma ? w->address : w->address & 0xffffffff;
	table = s.root;
	for (level = s.levels;; level--) {
		unsigned int shift = 12 + s.index_bits * (level - 1);
		/* A PDPTE of PAE paging says nothing of rights. */
		bool pdpte = !s.lma && level == 3;
		u64 index = (gva >> shift) & (pdpte ? 3 : BIT_ULL(s.index_bits) - 1);
		u64 address = table + index * s.entry_size, e = 0;
		u32 flags;

		switch (read(opaque, address, s.entry_size, &e)) {
		case LOOK_READ_OK:
			flags = entry_flags(m, &s, level, e);
			break;
		case LOOK_READ_NO_SLOT:
			flags = VMX_X_STEP_NO_SLOT;
			break;
		default:
			flags = VMX_X_STEP_NOT_HERE;
		}
		look_note(w, VMX_X_TABLES_GUEST, address, e, level, s.entry_size, flags);
		if (flags & ~VMX_X_STEP_LEAF)
			return false;
		if (!pdpte) {
			rights &= (e & WALK_PTE_W) ? ~0u : ~VMX_X_WALK_WRITE;
			rights &= (e & WALK_PTE_U) ? ~0u : ~VMX_X_WALK_USER;
			rights &= s.entry_size == 8 && (e & WALK_PTE_NX) ? ~VMX_X_WALK_EXEC : ~0u;
		}
		if (flags & VMX_X_STEP_LEAF) {
			w->gpa = walk_leaf_gpa(&s, level, e, gva);
			w->guest_shift = (u8)shift;
			w->result |= VMX_X_WALK_GPA | rights;
			return true;
		}
		table = e & GENMASK_ULL(s.entry_size == 8 ? 51 : 31, 12);
	}
}

bool look_ours(const struct npte_format *f, unsigned int tables, u64 root, unsigned int levels, u64 address,
	       look_read_fn read, void *opaque, struct vmx_x_walk *w)
{
	u64 table = root, gfn = address >> 12;
	unsigned int level;

	for (level = levels;; level--) {
		u64 entry = table + npte_index(gfn, level) * 8ULL, mask, e = 0;
		u32 flags = 0;

		if (read(opaque, entry, 8, &e) != LOOK_READ_OK)
			return false;
		if (npte_is_mmio(f, e))
			flags = VMX_X_STEP_DEVICE;
		else if (!npte_is_present(f, e))
			flags = VMX_X_STEP_ABSENT;
		else if (npte_is_leaf(f, e, level))
			flags = VMX_X_STEP_LEAF;
		look_note(w, tables, entry, e, level, 8, flags);
		if (flags & ~VMX_X_STEP_LEAF)
			return false;
		table = npte_pa(f, e);
		if (!flags)
			continue;
		mask = (npte_pages(level) << 12) - 1;
		w->host = (table & ~mask) | (address & mask);
		w->host_shift = (u8)(12 + npte_shift(level));
		w->result |= VMX_X_WALK_HOST;
		return true;
	}
}

void look_hide(const struct npte_format *nested, const struct npte_format *shadow, struct vmx_x_walk *w)
{
	u32 i;

	w->host = 0;
	w->result |= VMX_X_WALK_HIDDEN;
	for (i = 0; i < w->nr; i++) {
		struct vmx_x_step *step = &w->steps[i];

		step->flags |= VMX_X_STEP_HIDDEN;
		step->host = 0;
		if (step->tables == VMX_X_TABLES_GUEST)
			continue;
		step->address = 0;
		/* The mark names nothing of the host's. */
		if (!(step->flags & VMX_X_STEP_DEVICE))
			step->value &= ~(step->tables == VMX_X_TABLES_NESTED ? nested : shadow)->pfn;
	}
}
