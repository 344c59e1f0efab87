// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU on shadow tables: the roots that it keeps, its faults, what its guest flushes.
 *
 *	mmu_mode_changed()	CR0, CR3, CR4, EFER, CPUID, SMM: another set of roots before the next entry
 *	mmu_guest_flush()	the guest flushed its TLB: pages out of sync are looked at before the next entry
 *	mmu_shadow_fault()	#PF
 *
 * A set of roots is kept for each of the last few values of CR3 in a mode, so that switching between them builds
 * nothing. With PCIDs a set that the guest did not flush when it left or came back is used as it is.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "backend.h"
#include "gmem.h"
#include "mmu/shadow.h"
#include "stats.h"
#include "x86/asyncpf.h"
#include "x86/cr.h"
#include "x86/gva.h"

/* PDPTEs of PAE paging have but the present bit, SDM 3A 4.4.1. */
#define PDPTE_P 1ULL
#define CR3_PCID 0xfffULL

/* ---- life ---- */

int shadow_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_shadow *own;

	if (!vcpu->vm->mmu->shadow)
		return 0;
	own = kzalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);
	if (!own)
		return -ENOMEM;
	own->pae_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | GFP_DMA32);
	if (!own->pae_page) {
		kfree(own);
		return -ENOMEM;
	}
	own->pae = page_address(own->pae_page);
	own->cpu.vcpu = vcpu;
	vcpu->mmu->shadow = own;
	return 0;
}

/* mmu->lock held for write. */
static void drop_set(struct shadow_set *set)
{
	unsigned int i;

	if (!set->valid)
		return;
	for (i = 0; i < SHADOW_ROOTS; i++)
		if (set->root[i])
			shadow_unpin(set->root[i]);
	memset(set, 0, sizeof(*set));
}

void shadow_drop_flooded(struct vcpu_shadow *own, const struct shadow *s)
{
	unsigned int i, j;

	if (likely(own->flooded_seen == s->flooded_roots))
		return;
	own->flooded_seen = s->flooded_roots;
	for (i = 0; i < SHADOW_SETS; i++) {
		struct shadow_set *set = &own->sets[i];

		for (j = 0; j < SHADOW_ROOTS && set != own->now; j++) {
			if (set->root[j] && shadow_root_flooded(set->root[j])) {
				drop_set(set);
				break;
			}
		}
	}
}

void shadow_vcpu_destroy(struct vcpu *vcpu)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	unsigned int i;

	if (!own)
		return;
	write_lock(&mmu->lock);
	for (i = 0; i < SHADOW_SETS; i++)
		drop_set(&own->sets[i]);
	write_unlock(&mmu->lock);
	__free_page(own->pae_page);
	kfree(own);
	vcpu->mmu->shadow = NULL;
}

/* ---- roots ---- */

bool shadow_wanted(struct vcpu *vcpu)
{
	return !backend_caps->shadow_needs_paging || ((vcpu_cr0(vcpu) & X86_CR0_PG) && backend_call(shadow_fits)(vcpu));
}

bool mmu_shadowing(const struct vcpu *vcpu)
{
	return vcpu->mmu->shadow && vcpu->mmu->shadow->now;
}

/* mmu->lock held for write. False: pages are missing. */
static bool make_roots(struct vcpu *vcpu, struct shadow_set *set, const u64 pdptes[SHADOW_ROOTS])
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct shadow *s = &vcpu->vm->mmu->shadow->s;
	struct shadow_cpu *cpu = &own->cpu;
	u64 *pae = own->pae[set - own->sets];
	unsigned int i;

	set->valid = true;
	shadow_make_room(s, SHADOW_ROOTS);
	if (cpu->root_level > 2) {
		set->root[0] = shadow_root(s, cpu, (set->cr3 & GENMASK_ULL(51, 12)) >> PAGE_SHIFT, cpu->root_level, 0);
		return set->root[0];
	}
	for (i = 0; i < SHADOW_ROOTS; i++) {
		unsigned int part = 0;
		u64 gfn;

		WRITE_ONCE(pae[i], 0);
		switch (cpu->role.paging) {
		case SHADOW_PAGING_OFF:
			gfn = (u64)i << 18;
			break;
		case SHADOW_PAGING_32:
			gfn = (set->cr3 & GENMASK_ULL(31, 12)) >> PAGE_SHIFT;
			part = i;
			break;
		default:
			if (!(pdptes[i] & PDPTE_P))
				continue;
			gfn = (pdptes[i] & GENMASK_ULL(51, 12)) >> PAGE_SHIFT;
		}
		set->root[i] = shadow_root(s, cpu, gfn, PTE_LEVEL_2M, part);
		if (!set->root[i])
			return false;
		WRITE_ONCE(pae[i], set->root[i]->pa | PDPTE_P | sme_me_mask);
	}
	return true;
}

static struct shadow_set *find_set(struct vcpu_shadow *own, u64 cr3, union shadow_role role)
{
	unsigned int i;

	for (i = 0; i < SHADOW_SETS; i++) {
		struct shadow_set *set = &own->sets[i];

		if (set->valid && set->cr3 == cr3 && set->role.word == role.word)
			return set;
	}
	return NULL;
}

static struct shadow_set *oldest_set(struct vcpu_shadow *own)
{
	struct shadow_set *set = &own->sets[0];
	unsigned int i;

	for (i = 1; i < SHADOW_SETS && set->valid; i++)
		if (!own->sets[i].valid || own->sets[i].used < set->used)
			set = &own->sets[i];
	return set;
}

static u8 root_level(union shadow_role role)
{
	switch (role.paging) {
	case SHADOW_PAGING_4:
		return 4;
	case SHADOW_PAGING_5:
		return 5;
	default:
		return 2;
	}
}

/* The pager's vCPU and the hardware follow the set. mmu->lock held for write. */
static void use_set(struct vcpu *vcpu, struct shadow_set *set)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct shadow_cpu *cpu = &own->cpu;

	own->now = set;
	shadow_drop_flooded(own, &vcpu->vm->mmu->shadow->s);
	set->used = ++own->clock;
	memcpy(cpu->root, set->root, sizeof(cpu->root));
	if (set->sync)
		shadow_flush(&vcpu->vm->mmu->shadow->s, cpu, set->sync_all);
	set->sync = false;
	set->sync_all = false;
	if (cpu->root_level > 2)
		backend_call(set_root)(vcpu, set->root[0]->pa | sme_me_mask, cpu->root_level, false);
	else
		backend_call(set_root)(vcpu, __pa(own->pae[set - own->sets]) | sme_me_mask, 3, false);
}

/* PDPTEs are registers: what memory holds counts when CR3 is loaded (SDM 3A 4.4.1). May sleep. */
static void read_pdptes(struct vcpu *vcpu, u64 cr3, u64 pdptes[SHADOW_ROOTS])
{
	if (gmem_vcpu_read(vcpu, cr3 & GENMASK_ULL(31, 5), pdptes, SHADOW_ROOTS * sizeof(u64)))
		memset(pdptes, 0, SHADOW_ROOTS * sizeof(u64));
}

int shadow_load(struct vcpu *vcpu)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	u64 pdptes[SHADOW_ROOTS] = {};
	struct shadow_set *set;
	u64 cr3 = vcpu_cr3(vcpu);
	int ret = 0;

	own->cpu.role = gva_shadow_role(vcpu);
	own->cpu.root_level = root_level(own->cpu.role);
	if (own->cpu.role.paging == SHADOW_PAGING_OFF)
		cr3 = 0;
	else if (own->cpu.role.paging == SHADOW_PAGING_PAE)
		read_pdptes(vcpu, cr3, pdptes);
	if (shadow_fill(mmu->shadow, SHADOW_POOL_LOW))
		goto no_memory;
	write_lock(&mmu->lock);
	if (unlikely(own->left)) {
		/* On nested tables it may have written to tables that we stand for. */
		own->left = false;
		shadow_zap_all(&mmu->shadow->s);
	}
	set = find_set(own, cr3, own->cpu.role);
	/* The roots of PAE are as old as the load of CR3. */
	if (set && set->sync && own->cpu.role.paging == SHADOW_PAGING_PAE) {
		drop_set(set);
		set = NULL;
	}
	if (!set) {
		set = oldest_set(own);
		drop_set(set);
		set->cr3 = cr3;
		set->role = own->cpu.role;
		set->sync = true;
		/* Slots and vCPUs may have come since. */
		shadow_apply_quota(mmu->shadow);
		if (!make_roots(vcpu, set, pdptes)) {
			drop_set(set);
			own->now = NULL;
			ret = -ENOMEM;
		}
	}
	if (!ret)
		use_set(vcpu, set);
	write_unlock(&mmu->lock);
	if (!ret)
		return 0;
no_memory:
	/* Not to be entered without. */
	vcpu_request(vcpu, REQ_MMU_RELOAD);
	return -ENOMEM;
}

void shadow_leave(struct vcpu *vcpu)
{
	vcpu->mmu->shadow->now = NULL;
	vcpu->mmu->shadow->left = true;
}

/* ---- what the guest changes and flushes ---- */

void mmu_mode_changed(struct vcpu *vcpu)
{
	if (vcpu->mmu->shadow)
		vcpu_request(vcpu, REQ_MMU_RELOAD);
}

/* Sets for which it matters: @pcid of all, or any (~0). */
static void want_sync(struct vcpu_shadow *own, u64 pcid, bool all)
{
	unsigned int i;

	for (i = 0; i < SHADOW_SETS; i++) {
		struct shadow_set *set = &own->sets[i];

		if (!set->valid || (pcid != ~0ULL && (set->cr3 & CR3_PCID) != pcid))
			continue;
		set->sync = true;
		set->sync_all |= all;
	}
}

void mmu_guest_flush(struct vcpu *vcpu, u64 pcid, bool all)
{
	if (!vcpu->mmu->shadow)
		return;
	want_sync(vcpu->mmu->shadow, pcid, all);
	vcpu_request(vcpu, REQ_MMU_RELOAD);
}

void mmu_cr3_loaded(struct vcpu *vcpu, bool flush)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	u64 cr3 = vcpu_cr3(vcpu);
	unsigned int i;

	if (!own)
		return;
	/* Without PCIDs a load flushes for all; sets of other values are looked at when they come to be loaded. */
	for (i = 0; flush && i < SHADOW_SETS; i++)
		if (own->sets[i].valid && own->sets[i].cr3 == cr3)
			own->sets[i].sync = true;
	vcpu_request(vcpu, REQ_MMU_RELOAD);
}

/* With the lock for write, which is given back. */
static __always_inline void flush_address(struct vcpu *vcpu, u64 gva)
{
	struct vm_mmu *mmu = vcpu->vm->mmu;
	bool all = shadow_invlpg(&mmu->shadow->s, &vcpu->mmu->shadow->cpu, gva);

	write_unlock(&mmu->lock);
	if (all)
		backend_call(flush_tlb)(vcpu);
	else
		backend_call(flush_gva)(vcpu, gva);
}

void mmu_invlpg(struct vcpu *vcpu, u64 gva)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	unsigned int i;

	if (!own || !own->now) {
		backend_call(flush_gva)(vcpu, gva);
		return;
	}
	write_lock(&vcpu->vm->mmu->lock);
	flush_address(vcpu, gva);
	/* Global pages are flushed for all PCIDs (SDM 3A 4.10.4.1). */
	if (vcpu_cr4(vcpu) & X86_CR4_PCIDE)
		for (i = 0; i < SHADOW_SETS; i++)
			own->sets[i].sync |= &own->sets[i] != own->now;
}

bool mmu_invlpg_fast(struct vcpu *vcpu, u64 gva)
{
	/* With PCIDs there is more to it. */
	if ((vcpu_cr4(vcpu) & X86_CR4_PCIDE) || !write_trylock(&vcpu->vm->mmu->lock))
		return false;
	flush_address(vcpu, gva);
	return true;
}

bool mmu_cr3_fast(struct vcpu *vcpu, u64 cr3)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	struct shadow_set *set;
	bool keep = false;

	if (vcpu_cr4(vcpu) & X86_CR4_PCIDE) {
		keep = cr3 & X86_CR3_PCID_NOFLUSH;
		cr3 &= ~X86_CR3_PCID_NOFLUSH;
	}
	/* What is too large is #GP; roots that are not there yet take memory. */
	if (own->cpu.root_level == 2 || (cr3 >> own->cpu.role.phys_bits) || vcpu_requests_pending(vcpu))
		return false;
	set = find_set(own, cr3, own->cpu.role);
	if (!set || !write_trylock(&mmu->lock))
		return false;
	vcpu->regs[VCPU_CR3] = cr3;
	set->sync |= !keep;
	use_set(vcpu, set);
	write_unlock(&mmu->lock);
	return true;
}

bool mmu_mode_fast(struct vcpu *vcpu, unsigned int reg, u64 val)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	u64 old = vcpu_reg(vcpu, reg);
	struct shadow_set *set = NULL;
	union shadow_role role;

	if (vcpu_requests_pending(vcpu))
		return false;
	vcpu->regs[reg] = val;
	role = gva_shadow_role(vcpu);
	/* Of the others CR3 is not the whole key. */
	if (own->cpu.root_level > 2 && root_level(role) == own->cpu.root_level)
		set = find_set(own, vcpu_cr3(vcpu), role);
	if (!set || !write_trylock(&mmu->lock)) {
		vcpu->regs[reg] = old;
		return false;
	}
	own->cpu.role = role;
	want_sync(own, ~0ULL, false);
	use_set(vcpu, set);
	write_unlock(&mmu->lock);
	return true;
}

/* ---- faults ---- */

static u32 access_of(struct vcpu *vcpu, u32 flags)
{
	u32 acc = 0;

	if (flags & VM_PF_WRITE)
		acc |= WALK_WRITE;
	if (flags & VM_PF_FETCH)
		acc |= WALK_FETCH;
	if (flags & VM_PF_USER)
		acc |= WALK_USER;
	else if (vcpu->exit.cpl == 3)
		acc |= WALK_IMPLICIT;
	return acc;
}

/* With the lock for write. */
static enum shadow_result serve(struct vcpu *vcpu, u64 gva, u32 acc, struct shadow_out *out)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_shadow *vs = vcpu->vm->mmu->shadow;
	enum shadow_result ret;

	if (unlikely(vs->missed)) {
		vs->missed = false;
		shadow_zap_all(&vs->s);
	}
	ret = shadow_fault(&vs->s, &own->cpu, gva, acc, out);
	/* Nothing else waits for a flush with this vCPU alone: what was replaced it may have cached. */
	if (out->flush_gva)
		backend_call(flush_gva)(vcpu, gva);
	return ret;
}

/* Interrupts off: whoever flushes before he frees a table waits for that. */
static noinline bool fault_for_log(struct vcpu *vcpu, u64 gva, u32 flags)
{
	const struct vm_shadow *vs = vcpu->vm->mmu->shadow;

	if ((flags & (VM_PF_PRESENT | VM_PF_WRITE | VM_PF_RSVD)) != (VM_PF_PRESENT | VM_PF_WRITE) ||
	    READ_ONCE(vs->audited) || !shadow_fault_logged(&vs->s, &vcpu->mmu->shadow->cpu, gva))
		return false;
	vcpu_count(vcpu, pf_logged);
	return true;
}

int mmu_shadow_fault_fast(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa)
{
	struct vm_mmu *mmu = vcpu->vm->mmu;
	struct shadow_out out;
	enum shadow_result ret;

	if (unlikely(READ_ONCE(mmu->shadow->s.logged)) && fault_for_log(vcpu, gva, flags))
		return MMU_RETRY;
	exit_learn_mode(vcpu);
	if (unlikely(mmu->shadow->nr_pool < SHADOW_POOL_LOW || mmu->shadow->nr_retired > SHADOW_RETIRED_MAX) ||
	    !write_trylock(&mmu->lock))
		return -EAGAIN;
	ret = serve(vcpu, gva, access_of(vcpu, flags), &out);
	write_unlock(&mmu->lock);
	switch (ret) {
	case SHADOW_RETRY:
		vcpu_count(vcpu, pf_fixed);
		return MMU_RETRY;
	case SHADOW_GUEST_FAULT:
		vcpu_raise_pf_again(vcpu, gva, out.walk.error);
		vcpu->event_check = true;
		return MMU_RETRY;
	case SHADOW_MMIO:
		*gpa = out.walk.gpa;
		return MMU_MMIO;
	default:
		return -EAGAIN;
	}
}

/* The host's page for @gpa is not there. */
static int bring_in(struct vcpu *vcpu, u64 gpa, bool write, enum apf_result *apf)
{
	const struct slot *slot;
	unsigned long hva = 0;
	int idx;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	slot = slot_find(vcpu->vm, mmu_space(vcpu), gpa >> PAGE_SHIFT);
	if (slot)
		hva = slot_gfn_to_hva(slot, gpa >> PAGE_SHIFT);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (!hva)
		return MMU_RETRY;
	/* If it was present and is not: whatever the reason, wait. */
	*apf = *apf == APF_PRESENT ? APF_NO : apf_fault(vcpu, hva, write);
	if (*apf == APF_TOLD || *apf == APF_PRESENT)
		return MMU_RETRY;
	return mmu_fault_in(vcpu->vm->mm, hva, write);
}

/* A table of the guest's is not at hand: look at it the slow way, which brings it in. */
static int walk_slowly(struct vcpu *vcpu, u64 gva, u32 acc)
{
	struct gva_fault fault;
	u64 gpa;
	int ret = gva_to_gpa(vcpu, gva, acc, &gpa, &fault);

	/* A fault is the pager's to find, now that it can. A table where no memory is: the emulator's. */
	return ret >= 0 || ret == -EAGAIN ? MMU_RETRY : MMU_EMULATE;
}

int mmu_shadow_fault(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa)
{
	struct vm_mmu *mmu = vcpu->vm->mmu;
	bool write = flags & VM_PF_WRITE;
	enum apf_result apf = APF_NO;
	struct shadow_out out;
	enum shadow_result sr;
	u32 acc;
	int tries, ret;

	might_sleep();
	exit_learn_mode(vcpu);
	acc = access_of(vcpu, flags);
	for (tries = 0; tries < 4; tries++) {
		if (shadow_fill(mmu->shadow, SHADOW_POOL_LOW))
			return MMU_NOMEM;
		write_lock(&mmu->lock);
		if (mmu->shadow->nr_retired > SHADOW_RETIRED_MAX)
			shadow_flush_now(mmu->shadow);
		sr = serve(vcpu, gva, acc, &out);
		write_unlock(&mmu->lock);
		*gpa = out.walk.gpa;
		switch (sr) {
		case SHADOW_RETRY:
			vcpu_count(vcpu, pf_fixed);
			return MMU_RETRY;
		case SHADOW_GUEST_FAULT:
			vcpu_raise_pf_again(vcpu, gva, out.walk.error);
			return MMU_RETRY;
		case SHADOW_MMIO:
			return MMU_MMIO;
		case SHADOW_EMULATE:
			return MMU_EMULATE;
		case SHADOW_ROOT_CHANGED:
			mmu_cr3_loaded(vcpu, true);
			return MMU_RETRY;
		case SHADOW_ABSENT:
			ret = bring_in(vcpu, out.walk.gpa, write, &apf);
			if (ret != MMU_RETRY || apf == APF_TOLD)
				return ret;
			break;
		case SHADOW_WALK_ABSENT:
			ret = walk_slowly(vcpu, gva, acc);
			if (ret != MMU_RETRY)
				return ret;
			break;
		case SHADOW_BUSY:
		case SHADOW_AGAIN:
			cond_resched();
			break;
		}
		if (signal_pending(current))
			return MMU_RETRY;
	}
	return MMU_RETRY;
}

/* How often an instruction may make the pager let go of the same table before it counts as impossible. */
#define UNTRACK_TRIES 16

bool mmu_untrack(struct vcpu *vcpu, u64 gpa)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct zap z;
	bool gone;

	if (own->untrack_rip != vcpu_rip(vcpu)) {
		own->untrack_rip = vcpu_rip(vcpu);
		own->untracked = 0;
	}
	if (own->untracked++ >= UNTRACK_TRIES)
		return false;
	zap_lock(&z, vcpu->vm->mmu);
	gone = shadow_untrack(&vcpu->vm->mmu->shadow->s, mmu_space(vcpu), gpa >> PAGE_SHIFT);
	zap_unlock(&z);
	return gone;
}

/* An instruction that is back at the same table after fewer exits got no further: the table leads to itself. */
#define FILLED_EXITS 16

bool mmu_untrack_filled(struct vcpu *vcpu, u64 gpa)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	struct shadow *s = &mmu->shadow->s;
	u64 exits = vcpu->stats->exits;
	bool gone;

	if (own->filled_gpa == gpa && exits - own->filled_exits < FILLED_EXITS)
		return false;
	write_lock(&mmu->lock);
	gone = shadow_untrack_filled(s, mmu_space(vcpu), gpa >> PAGE_SHIFT);
	if (!gone) {
		/* Roots that are only kept are let go of. */
		shadow_drop_flooded(own, s);
		gone = shadow_untrack_filled(s, mmu_space(vcpu), gpa >> PAGE_SHIFT);
	}
	write_unlock(&mmu->lock);
	own->filled_gpa = gpa;
	own->filled_exits = exits;
	return gone;
}
