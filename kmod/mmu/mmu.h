/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest-physical to host-physical: what the rest of the module asks of the MMU. */
#ifndef VMX_MMU_H
#define VMX_MMU_H

#include <linux/types.h>

#include "exit.h"
#include "memslot.h"

struct vm;
struct vcpu;

int mmu_module_init(void);	/* caches; may sleep */
void mmu_module_exit(void);

int mmu_vm_create(struct vm *vm);	/* registers the MMU notifier on vm->mm */
void mmu_vm_release(struct vm *vm);	/* the mm goes away or the VM ends: unmap all; idempotent */
void mmu_vm_destroy(struct vm *vm);
int mmu_vcpu_create(struct vcpu *vcpu);
void mmu_vcpu_destroy(struct vcpu *vcpu);

/* Give the backend a root if it has none (REQ_MMU_RELOAD). 0 or -ENOMEM. May sleep. */
int mmu_load(struct vcpu *vcpu);

enum mmu_fault_result {
	MMU_RETRY,		/* installed, or spurious, or a race: enter again */
	MMU_MMIO,		/* no slot, or a write to a read-only one: emulate */
	MMU_EFAULT,		/* the VMM's mapping cannot give the page: -EFAULT to the VMM */
	MMU_HWPOISON,		/* SIGBUS was sent to the VMM's thread */
	MMU_NOMEM,
};

/*
 * mmu_fault() - serve a nested page fault.
 * @gpa, @flags (enum vm_pf_flags). May sleep; takes SRCU.
 * mmu_fault_fast(): interrupts off, no lock, no sleep; only what needs no host page to be found:
 * access-bit and write-protection faults, cached MMIO entries. MMU_RETRY if fixed, MMU_MMIO, or
 * -EAGAIN: the slow way.
 */
int mmu_fault(struct vcpu *vcpu, u64 gpa, u32 flags);
int mmu_fault_fast(struct vcpu *vcpu, u64 gpa, u32 flags);

/* Slots are about to change, or have changed (memslot.c calls these). May sleep. */
int mmu_slot_prepare(struct vm *vm, struct slot *new_slot);	/* allocates slot->mmu */
void mmu_slot_free(struct slot *slot);
void mmu_slot_zap(struct vm *vm, const struct slot *slot);	/* unmap, flush */
void mmu_slot_dirty_log_on(struct vm *vm, const struct slot *slot);	/* write-protect, flush */
void mmu_slot_dirty_log_off(struct vm *vm, const struct slot *slot);	/* huge pages may come back */
/* Write-protect the pages of one word of the dirty log; caller flushes. True if any changed. */
bool mmu_dirty_protect(struct vm *vm, const struct slot *slot, u64 gfn_offset, unsigned long mask);

#endif /* VMX_MMU_H */
