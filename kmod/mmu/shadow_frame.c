// SPDX-License-Identifier: GPL-2.0-only
/* What the shadow pager asks of the kernel: the host's frame for one of the guest's, the guest's tables, flushes. */
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "gmem.h"
#include "irqchip/irqchip.h"
#include "mmu/shadow.h"
#include "x86/gva.h"

static struct vcpu *to_vcpu(void *vcpu)
{
	return vcpu;
}

static int op_walk(void *vcpu, u64 gva, u32 acc, struct walk_result *r)
{
	return gva_walk_atomic(to_vcpu(vcpu), gva, acc, r);
}

static int op_load(void *opaque, unsigned int space, u64 gpa, void *buf, unsigned int len)
{
	struct vcpu *vcpu = to_vcpu(opaque);
	const struct slot *slot;
	const void __user *ptr;
	int ret;

	if (unlikely(space != vcpu->mmu->hit.space || current->mm != vcpu->vm->mm))
		return gmem_table_read(vcpu->vm, space, gpa, buf, len);
	slot = slot_find_hit(vcpu->vm, &vcpu->mmu->hit, gpa >> PAGE_SHIFT);
	if (unlikely(!slot))
		return -EFAULT;
	ptr = (const void __user *)(slot_gfn_to_hva(slot, gpa >> PAGE_SHIFT) + (gpa & ~PAGE_MASK));
	pagefault_disable();
	if (len == sizeof(u64))
		ret = __get_user(*(u64 *)buf, (const u64 __user *)ptr);
	else
		ret = raw_copy_from_user(buf, ptr, len) ? -EFAULT : 0;
	pagefault_enable();
	return ret;
}

/* mmu->lock held for write, so nothing is installed behind the notifier's back. */
static enum shadow_frame_result op_frame(void *opaque, unsigned int space, u64 gfn, bool write,
					 struct shadow_frame *f)
{
	struct vcpu *vcpu = to_vcpu(opaque);
	struct vm_mmu *mmu = vcpu->vm->mmu;
	const struct slot *slot;
	unsigned long hva, flags;
	struct host_map h;
	bool there;

	/* Of another space than the vCPU's own only the guest's tables are read, never mapped. */
	if (space != vcpu->mmu->hit.space)
		return SHADOW_FRAME_BUSY;
	slot = slot_find_hit(vcpu->vm, &vcpu->mmu->hit, gfn);
	if (!slot || (write && (slot->flags & VMX_MEM_READONLY)) || lapic_owns_gpa(vcpu, gfn << PAGE_SHIFT))
		return SHADOW_FRAME_MMIO;
	hva = slot_gfn_to_hva(slot, gfn);
	if (mmu->dead || mmu_range_busy(mmu, hva, PAGE_SIZE))
		return SHADOW_FRAME_BUSY;
	local_irq_save(flags);
	there = host_walk(mmu->mm, hva, &h);
	local_irq_restore(flags);
	if (!there || (write && !(h.entry & _PAGE_RW)))
		return SHADOW_FRAME_ABSENT;
	f->pfn = h.pfn;
	f->level = mmu_map_level(mmu, slot, gfn, h.level);
	f->cache = h.entry & HOST_ODD ? host_cache(&h) : PTE_CACHE_WB;
	f->special = host_special(&h);
	/* Writable before the first write only where no log waits for it: the dirty flag tells the host. */
	f->writable = (h.entry & _PAGE_RW) && !(slot->flags & VMX_MEM_READONLY) && (write || !slot->dirty);
	if (unlikely(f->cache != PTE_CACHE_WB))
		WRITE_ONCE(vcpu->vm->maps_device, true);
	return SHADOW_FRAME_OK;
}

/* Entries of the host's for ordinary memory, and for that alone. */
#define HOST_PLAIN (_PAGE_PRESENT | _PAGE_USER)

/* The host's entries stand beside one another, if the frames are in one slot and one of its tables. */
static u32 op_around(void *opaque, unsigned int space, u64 gfn, unsigned int n, struct shadow_frame *f)
{
	struct vcpu *vcpu = to_vcpu(opaque);
	struct vm_mmu *mmu = vcpu->vm->mmu;
	const struct slot *slot = slot_find_hit(vcpu->vm, &vcpu->mmu->hit, gfn);
	bool may_write;
	struct host_map h;
	unsigned long flags;
	const u64 *from;
	u32 there = 0;
	unsigned int i;

	if (!slot || mmu->in_progress || gfn + n > slot->base_gfn + slot->npages ||
	    !((const struct slot_mmu *)slot->mmu)->around)
		return 0;
	may_write = !(slot->flags & VMX_MEM_READONLY) && !slot->dirty;
	local_irq_save(flags);
	if (!host_walk(mmu->mm, slot_gfn_to_hva(slot, gfn), &h) || h.level != PTE_LEVEL_4K)
		goto out;
	from = h.table + ((slot_gfn_to_hva(slot, gfn) >> PAGE_SHIFT) & (PTE_ENTRIES - 1));
	if (from + n > h.table + PTE_ENTRIES)
		goto out;
	for (i = 0; i < n; i++) {
		u64 e = READ_ONCE(from[i]);

		if ((e & (HOST_PLAIN | HOST_ODD)) != HOST_PLAIN)
			continue;
		f[i].pfn = (e & PTE_PFN_MASK) >> PAGE_SHIFT;
		f[i].writable = (e & _PAGE_RW) && may_write;
		there |= BIT(i);
	}
out:
	local_irq_restore(flags);
	return there;
}

static struct shadow_page *op_alloc(void *vcpu, bool direct)
{
	return shadow_mem_alloc(to_vcpu(vcpu)->vm->mmu->shadow, direct);
}

static struct shadow_page *op_table(const struct shadow *s, u64 pa)
{
	return (struct shadow_page *)page_private(pfn_to_page(pa >> PAGE_SHIFT));
}

/*
 * A single vCPU flushes before it enters, and no other TLB has anything. Else the others have to be waited for,
 * which takes interrupts.
 */
static bool op_flush(struct shadow *s, void *vcpu)
{
	struct vm_shadow *vs = to_vm_shadow(s);

	if (READ_ONCE(vs->mmu->vm->nr_vcpus) == 1) {
		backend_call(flush_tlb)(to_vcpu(vcpu));
		WRITE_ONCE(s->flushed, s->stale);
		shadow_reap(vs);
		return true;
	}
	if (irqs_disabled())
		return false;
	shadow_flush_now(vs);
	return true;
}

/* What the guest did with a page, while the host's own entry still holds it. */
static void op_taken(struct shadow *s, u64 spte)
{
	const struct npte_format *f = &shadow_format;
	struct page *page;

	if (spte & f->special)
		return;
	page = pfn_to_page(npte_pa(f, spte) >> PAGE_SHIFT);
	if ((spte & f->dirty) && !PageDirty(page))
		set_page_dirty(page);
	if (spte & f->accessed)
		mark_page_accessed(page);
}

static void op_written(void *opaque, unsigned int space, u64 gfn)
{
	struct vcpu *vcpu = to_vcpu(opaque);
	const struct slot *slot = slot_find_hit(vcpu->vm, &vcpu->mmu->hit, gfn);

	if (slot)
		slot_mark_dirty(vcpu->vm, slot, gfn);
}

const struct shadow_ops shadow_kernel_ops = {
	.walk = op_walk,
	.load = op_load,
	.frame = op_frame,
	.around = op_around,
	.alloc = op_alloc,
	.table = op_table,
	.retire = shadow_mem_retire,
	.flush = op_flush,
	.taken = op_taken,
	.written = op_written,
};
