/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest-physical to host-physical: what the rest of the module asks of the MMU. */
#ifndef VMX_MMU_H
#define VMX_MMU_H

#include <linux/types.h>

#include "exit.h"
#include "memslot.h"

struct vm;
struct vcpu;

int mmu_module_init(void);	/* format and limits, from backend_caps; may sleep */
void mmu_module_exit(void);

int mmu_vm_create(struct vm *vm);	/* registers the MMU notifier on vm->mm */
void mmu_vm_release(struct vm *vm);	/* the mm goes away or the VM ends: unmap all; idempotent */
void mmu_vm_destroy(struct vm *vm);
int mmu_vcpu_create(struct vcpu *vcpu);
void mmu_vcpu_destroy(struct vcpu *vcpu);

/* Give the backend the root (REQ_MMU_RELOAD). 0 or -ENOMEM: then it is still asked for. May sleep. */
int mmu_load(struct vcpu *vcpu);

/*
 * mmu_set_space() - from its next entry on the vCPU sees the slots of @space (enum slot_space), and so do all
 * accesses on its behalf at once. Own thread. mmu_space(): which those are.
 */
void mmu_set_space(struct vcpu *vcpu, unsigned int space);
unsigned int mmu_space(const struct vcpu *vcpu);

enum mmu_fault_result {
	MMU_RETRY,		/* installed, or spurious, or a race: enter again */
	MMU_MMIO,		/* no slot, or a write to a read-only one: emulate */
	MMU_EFAULT,		/* the VMM's mapping cannot give the page: -EFAULT to the VMM */
	MMU_HWPOISON,		/* SIGBUS was sent to the VMM's thread */
	MMU_NOMEM,
	MMU_EMULATE,		/* shadow paging: the instruction is the emulator's */
};

/*
 * mmu_fault() - serve a nested page fault.
 * @gpa, @flags (enum vm_pf_flags). Interrupts on; may sleep; holds neither SRCU nor a lock while
 * the host's page is brought in. A pending signal is the caller's to see after MMU_RETRY.
 *
 * mmu_fault_fast(): interrupts off, no lock that is waited for, no sleep. Serves all faults but those
 * for which the host's page has to be brought in, or memory for tables is needed.
 * -EAGAIN: the slow way.
 */
int mmu_fault(struct vcpu *vcpu, u64 gpa, u32 flags);
int mmu_fault_fast(struct vcpu *vcpu, u64 gpa, u32 flags);

/*
 * ---- shadow paging (mmu/shadow_vcpu.c) ----
 * Own thread, but for mmu_shadow_wrote(). Nothing happens in a VM that has none, but for mmu_invlpg().
 *
 * mmu_set_paging(): choose it for a VM that has no vCPU and no slot. 0, -EBUSY, -ENOMEM. May sleep.
 * mmu_shadowing(): the vCPU runs on shadow tables, as far as it is known between exits.
 * mmu_mode_changed(): CR0, CR4, EFER or the like are others now: what the next entry needs follows.
 * mmu_cr3_loaded(): CR3 was written. @flush: and what the TLB has for it goes.
 * mmu_guest_flush(): the guest flushes what is not in order for PCID @pcid; ~0: for any. @all: tables whose
 *	changes are seen anyway are looked at, too, as something may have changed them in another way.
 * mmu_invlpg(): the guest flushes an address. Also in a VM without shadow paging.
 * mmu_invlpg_fast(), mmu_cr3_fast(): interrupts off, on shadow tables: INVLPG, and MOV to CR3 of a 64-bit guest.
 *	False: nothing has happened, take the slow way.
 * mmu_mode_fast(): likewise VCPU_CR0 or VCPU_CR4 (@reg) becomes @val, with a flush of all that the guest has. regs[] has it
 *	then, the backend not yet.
 *
 * mmu_shadow_fault(): VM_EXIT_SHADOW_FAULT at linear address @gva. The result as mmu_fault()'s; a #PF of the
 *	guest's has been raised (MMU_RETRY). @gpa: of MMU_MMIO and MMU_EMULATE. The fast form as mmu_fault_fast().
 * mmu_untrack(): what writes to @gpa cannot be emulated: no table stands for the page any more. False: it has to.
 * mmu_untrack_filled(): the guest's instruction is going to store SHADOW_FLOOD elements or more from @gpa on: the same,
 *	for then it need not be emulated. False: it has to. May sleep.
 * mmu_shadow_wrote(): guest memory was written by the module. Any context.
 * mmu_shadow_quota(): SET_NR_MMU_PAGES.
 * mmu_shadow_forget(): the VMM may have put other memory in place of the guest's: all is built anew. May sleep.
 * mmu_audit(): how many rules of the books are broken (mmu/audit.c); each is said in the log.
 */
int mmu_set_paging(struct vm *vm, bool shadow);
bool mmu_shadow_default(void);	/* of the parameter and the CPU */
bool mmu_shadow_vm(const struct vm *vm);
bool mmu_shadowing(const struct vcpu *vcpu);
void mmu_mode_changed(struct vcpu *vcpu);
void mmu_cr3_loaded(struct vcpu *vcpu, bool flush);
void mmu_guest_flush(struct vcpu *vcpu, u64 pcid, bool all);
void mmu_invlpg(struct vcpu *vcpu, u64 gva);
bool mmu_invlpg_fast(struct vcpu *vcpu, u64 gva);
bool mmu_cr3_fast(struct vcpu *vcpu, u64 cr3);
bool mmu_mode_fast(struct vcpu *vcpu, unsigned int reg, u64 val);
int mmu_shadow_fault(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa);
int mmu_shadow_fault_fast(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa);
bool mmu_untrack(struct vcpu *vcpu, u64 gpa);
bool mmu_untrack_filled(struct vcpu *vcpu, u64 gpa);
void mmu_shadow_wrote(struct vm *vm, struct vcpu *vcpu, unsigned int space, u64 gpa, size_t len);
void mmu_shadow_quota(struct vm *vm, u32 pages);
void mmu_shadow_forget(struct vm *vm);
unsigned int mmu_audit(struct vm *vm);

/* The last guest frame that a slot may hold. */
u64 mmu_max_gfn(void);

/*
 * ---- hardware that watches accesses to LAPICs (caps.lapic_page) ----
 * A frame of the VM's own stands at the LAPICs' default address, whatever slot covers it; nothing is ever
 * in it.
 *
 * mmu_lapic_pa(): its host-physical address; constant, 0 without the capability.
 * mmu_lapic_page(): from now on, or (on: false) no longer. What was at the address before, of a slot or this,
 * no vCPU can reach any more on return. Off at first. May sleep. Without the capability it is never on.
 * mmu_map_lapic_page(): serve a fault at the address. True: it is mapped now; false: it was, or is not to be,
 * or there was no memory at hand: it is for the one who emulates. Interrupts off.
 */
u64 mmu_lapic_pa(const struct vm *vm);
void mmu_lapic_page(struct vm *vm, bool on);
bool mmu_map_lapic_page(struct vcpu *vcpu);

/*
 * Slots are about to change, or have changed (memslot.c calls these, slots->lock held). May sleep.
 * A slot is prepared before it is published, and freed after its last reader.
 */
int mmu_slot_prepare(struct vm *vm, struct slot *new_slot);	/* allocates slot->mmu */
void mmu_slot_free(struct vm *vm, struct slot *slot);
void mmu_slot_added(struct vm *vm, const struct slot *slot);	/* device marks there are wrong now */
void mmu_slot_zap(struct vm *vm, const struct slot *slot);	/* unmap, flush */
void mmu_slot_dirty_log_on(struct vm *vm, const struct slot *slot);	/* write-protect, flush */
void mmu_slot_dirty_log_off(struct vm *vm, const struct slot *slot);	/* huge pages may come back */
/*
 * Write-protect the pages of one word of the dirty log; the caller ends with mmu_dirty_flush().
 * True if any entry changed.
 */
bool mmu_dirty_protect(struct vm *vm, const struct slot *slot, u64 gfn_offset, unsigned long mask);
void mmu_dirty_flush(struct vm *vm, bool changed);

/*
 * ---- hardware that logs dirtied frames (caps.logs_dirty) ----
 * mmu_logging(): is there a slot with a dirty log, so that the hardware is to log what its guests write? When
 * that changes every vCPU is asked for vcpu_update_policy; when logging begins it is on in all of them before
 * anything relies on it.
 * mmu_log_dirty(): own thread, right after an exit, interrupts off: @gpa was written.
 * mmu_dirty_collect(): when it returns, what guests wrote before the call is in the bitmaps. Interrupts on.
 */
bool mmu_logging(const struct vm *vm);
void mmu_log_dirty(struct vcpu *vcpu, u64 gpa);
void mmu_dirty_collect(struct vm *vm);

/*
 * The flush ledger of debug builds (mmu/ledger.c). The backend calls mmu_note_flush() when the next
 * entry will drop all of this vCPU's translations, right before that entry, and mmu_ledger_check()
 * last before it enters and first after it left; interrupts off throughout.
 */
#ifdef VMX_DEBUG
void mmu_note_flush(struct vcpu *vcpu);
void mmu_ledger_check(struct vcpu *vcpu);
#else
static inline void mmu_note_flush(struct vcpu *vcpu) { }
static inline void mmu_ledger_check(struct vcpu *vcpu) { }
#endif

#endif /* VMX_MMU_H */
