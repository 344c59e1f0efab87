/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables and guest memory to be looked at, by any process: nothing is brought in, set or built. */
#ifndef VMX_MMU_LOOK_H
#define VMX_MMU_LOOK_H

#include "pure/look.h"

struct vm;
struct vcpu;

/*
 * mmu_peek() - 4 or 8 bytes of guest memory (@space: enum slot_space), aligned, in one piece, if the page is mapped by the
 * VMM at this moment and is ordinary memory. Any process. May sleep; no locks held.
 */
enum look_read mmu_peek(struct vm *vm, unsigned int space, u64 gpa, unsigned int size, u64 *value);

/*
 * mmu_look_shadow() - the shadow tables that the vCPU uses, for linear address @gva. False: it uses none. The vCPU is out of
 * the guest (vcpu_inspect()). Never sleeps.
 */
bool mmu_look_shadow(struct vcpu *vcpu, u64 gva, struct vmx_x_walk *w);

/* mmu_look_nested() - the nested tables of @space for @gpa. Never sleeps. */
void mmu_look_nested(struct vm *vm, unsigned int space, u64 gpa, struct vmx_x_walk *w);
/* Host-physical address, 0: not mapped. */
u64 mmu_look_host(struct vm *vm, unsigned int space, u64 gpa);

/* Takes the host's addresses out of a walk. */
void mmu_look_hide(struct vmx_x_walk *w);

/* A part of a list. */
struct look_list {
	struct vmx_x_range *ranges;
	u32 room;
	u32 nr;
	u64 cursor;	/* in: where to begin; out: where to go on */
	bool end;
};

/*
 * Parts of VMX_X_LIST_SLOTS, _PAGES, _SHADOWED. Each looks at a bounded number of entries under one lock. mmu_list_slots()
 * may sleep, the others never do.
 */
void mmu_list_slots(struct vm *vm, struct look_list *l);
void mmu_list_pages(struct vm *vm, unsigned int space, struct look_list *l);
void mmu_list_shadowed(struct vm *vm, struct look_list *l);

#endif /* VMX_MMU_LOOK_H */
