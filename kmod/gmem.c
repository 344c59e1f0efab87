// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest-physical memory through the VMM's mappings.
 *
 * The slots are read under SRCU, or under RCU with page faults disabled by the _atomic forms. All
 * hold on to the section while they copy: once a slot's deletion has returned, nothing of ours
 * touches its memory any more.
 */
#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <asm/asm.h>

#include "gmem.h"
#include "memslot.h"
#include "mmu/mmu.h"
#include "vcpu.h"
#include "vm.h"

/* ---- sections ---- */

struct section {
	struct vm *vm;
	unsigned int space;	/* enum slot_space */
	int srcu;
	bool atomic;
};

static bool section_enter(struct section *s, struct vm *vm, unsigned int space, bool atomic)
{
	s->vm = vm;
	s->space = space;
	s->atomic = atomic;
	if (unlikely(current->mm != vm->mm))
		return false;
	if (atomic) {
		/* Without preemption this is an RCU reader, cheaper than by name. */
		preempt_disable();
		pagefault_disable();
	} else {
		might_fault();
		s->srcu = srcu_read_lock(&vm->srcu);
	}
	return true;
}

static void section_leave(const struct section *s)
{
	if (s->atomic) {
		pagefault_enable();
		preempt_enable();
	} else {
		srcu_read_unlock(&s->vm->srcu, s->srcu);
	}
}

/* The VMM's address of @gpa. In a section. */
static int lookup(const struct section *s, u64 gpa, bool write, const struct slot **slot,
		  void __user **ptr)
{
	u64 gfn = gpa >> PAGE_SHIFT;

	*slot = slot_find(s->vm, s->space, gfn);
	if (!*slot)
		return -EFAULT;
	if (write && ((*slot)->flags & VMX_MEM_READONLY))
		return -EROFS;
	*ptr = (void __user *)(slot_gfn_to_hva(*slot, gfn) + (gpa & ~PAGE_MASK));
	return 0;
}

/* ---- copies ---- */

enum copy_kind { COPY_READ, COPY_WRITE, COPY_CLEAR };

/* Addresses in slots were checked with access_ok() when the slot was made. */
static unsigned long copy_part(enum copy_kind kind, bool atomic, void __user *ptr, void *buf,
			       size_t n)
{
	switch (kind) {
	case COPY_READ:
		return atomic ? __copy_from_user_inatomic(buf, ptr, n) :
				__copy_from_user(buf, ptr, n);
	case COPY_WRITE:
		return atomic ? __copy_to_user_inatomic(ptr, buf, n) : __copy_to_user(ptr, buf, n);
	case COPY_CLEAR:
		return __clear_user(ptr, n);
	}
	return n;
}

static int gmem_copy(struct vm *vm, unsigned int space, u64 gpa, void *buf, size_t len,
		     enum copy_kind kind, bool atomic)
{
	bool write = kind != COPY_READ;
	struct section s;
	int ret = 0;

	if (!section_enter(&s, vm, space, atomic))
		return -EFAULT;
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - (gpa & ~PAGE_MASK));
		const struct slot *slot;
		void __user *ptr;

		ret = lookup(&s, gpa, write, &slot, &ptr);
		if (ret)
			break;
		if (copy_part(kind, atomic, ptr, buf, n)) {
			ret = -EFAULT;
			break;
		}
		if (write)
			slot_mark_dirty(vm, slot, gpa >> PAGE_SHIFT);
		if (buf)
			buf += n;
		gpa += n;
		len -= n;
	}
	section_leave(&s);
	return ret;
}

/* Written by the module itself: a page table of the guest's may be there. */
static int wrote(struct vm *vm, unsigned int space, u64 gpa, size_t len, int ret)
{
	if (unlikely(mmu_shadow_vm(vm)) && len)
		mmu_shadow_wrote(vm, NULL, space, gpa, len);
	return ret;
}

int gmem_read(struct vm *vm, u64 gpa, void *buf, size_t len)
{
	return gmem_copy(vm, SLOT_SPACE_NORMAL, gpa, buf, len, COPY_READ, false);
}

int gmem_write(struct vm *vm, u64 gpa, const void *buf, size_t len)
{
	return wrote(vm, SLOT_SPACE_NORMAL, gpa, len,
		     gmem_copy(vm, SLOT_SPACE_NORMAL, gpa, (void *)buf, len, COPY_WRITE, false));
}

int gmem_clear(struct vm *vm, u64 gpa, size_t len)
{
	return wrote(vm, SLOT_SPACE_NORMAL, gpa, len,
		     gmem_copy(vm, SLOT_SPACE_NORMAL, gpa, NULL, len, COPY_CLEAR, false));
}

int gmem_read_atomic(struct vm *vm, u64 gpa, void *buf, size_t len)
{
	return gmem_copy(vm, SLOT_SPACE_NORMAL, gpa, buf, len, COPY_READ, true);
}

int gmem_write_atomic(struct vm *vm, u64 gpa, const void *buf, size_t len)
{
	return wrote(vm, SLOT_SPACE_NORMAL, gpa, len,
		     gmem_copy(vm, SLOT_SPACE_NORMAL, gpa, (void *)buf, len, COPY_WRITE, true));
}

int gmem_vcpu_read(struct vcpu *vcpu, u64 gpa, void *buf, size_t len)
{
	return gmem_copy(vcpu->vm, mmu_space(vcpu), gpa, buf, len, COPY_READ, false);
}

int gmem_vcpu_write(struct vcpu *vcpu, u64 gpa, const void *buf, size_t len)
{
	return gmem_copy(vcpu->vm, mmu_space(vcpu), gpa, (void *)buf, len, COPY_WRITE, false);
}

int gmem_table_read(struct vm *vm, unsigned int space, u64 gpa, void *buf, size_t len)
{
	return gmem_copy(vm, space, gpa, buf, len, COPY_READ, true);
}

int gmem_smm_write(struct vm *vm, u64 gpa, const void *buf, size_t len)
{
	return wrote(vm, SLOT_SPACE_SMM, gpa, len,
		     gmem_copy(vm, SLOT_SPACE_SMM, gpa, (void *)buf, len, COPY_WRITE, false));
}

/* ---- single units ---- */

static int load(struct vm *vm, unsigned int space, u64 gpa, unsigned int size, u64 *val,
		bool atomic)
{
	const struct slot *slot;
	void __user *ptr;
	struct section s;
	u32 val32 = 0;
	u64 val64 = 0;
	int ret;

	if (!section_enter(&s, vm, space, atomic))
		return -EFAULT;
	ret = lookup(&s, gpa, false, &slot, &ptr);
	if (!ret && size == 4)
		ret = __get_user(val32, (u32 __user *)ptr);
	else if (!ret)
		ret = __get_user(val64, (u64 __user *)ptr);
	section_leave(&s);
	*val = size == 4 ? val32 : val64;
	return ret;
}

int gmem_vcpu_load(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 *val)
{
	return load(vcpu->vm, mmu_space(vcpu), gpa, size, val, false);
}

int gmem_vcpu_load_atomic(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 *val)
{
	return load(vcpu->vm, mmu_space(vcpu), gpa, size, val, true);
}

/* One size of cmpxchg: the macro looks at the types. */
#define CMPXCHG_USER(type)                                                                \
	({                                                                                \
		type expected_ = *old;                                                    \
		int r_ = __try_cmpxchg_user((type __user *)ptr, &expected_, (type)new,    \
					    fault_##type);                                \
		*old = expected_;                                                         \
		r_;                                                                       \
	})

static int cmpxchg_user(void __user *ptr, u64 *old, u64 new, unsigned int size)
{
	switch (size) {
	case 1:
		return CMPXCHG_USER(u8);
	case 2:
		return CMPXCHG_USER(u16);
	case 4:
		return CMPXCHG_USER(u32);
	case 8:
		return CMPXCHG_USER(u64);
	}
	return -EFAULT;
}

static int do_cmpxchg(struct vm *vm, unsigned int space, u64 gpa, u64 *old, u64 new,
		      unsigned int size, bool atomic)
{
	const struct slot *slot;
	void __user *ptr;
	struct section s;
	int ret;

	if (gpa & (size - 1))
		return -EFAULT;
	if (!section_enter(&s, vm, space, atomic))
		return -EFAULT;
	ret = lookup(&s, gpa, true, &slot, &ptr);
	if (!ret)
		ret = cmpxchg_user(ptr, old, new, size);
	if (!ret)
		slot_mark_dirty(vm, slot, gpa >> PAGE_SHIFT);
	section_leave(&s);
	return ret;
}

int gmem_cmpxchg(struct vm *vm, u64 gpa, u64 *old, u64 new, unsigned int size)
{
	return wrote(vm, SLOT_SPACE_NORMAL, gpa, size,
		     do_cmpxchg(vm, SLOT_SPACE_NORMAL, gpa, old, new, size, false));
}

int gmem_vcpu_cmpxchg(struct vcpu *vcpu, u64 gpa, u64 *old, u64 new, unsigned int size)
{
	return do_cmpxchg(vcpu->vm, mmu_space(vcpu), gpa, old, new, size, false);
}

int gmem_vcpu_cmpxchg_atomic(struct vcpu *vcpu, u64 gpa, u64 *old, u64 new, unsigned int size)
{
	return do_cmpxchg(vcpu->vm, mmu_space(vcpu), gpa, old, new, size, true);
}

/* 0, 1: not equal, -EFAULT. CMPXCHG16B: RDX:RAX is compared, RCX:RBX written (SDM 2A). */
static int cmpxchg16_user(void __user *ptr, u64 old[2], const u64 new[2])
{
	int err = 0;
	bool equal = false;

	__uaccess_begin_nospec();
	asm volatile("1: lock cmpxchg16b %[mem]\n"
		     "   sete %[equal]\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG, %[err])
		     : [err] "+r"(err), [equal] "+r"(equal), "+a"(old[0]), "+d"(old[1]),
		       [mem] "+m"(*(struct { u64 word[2]; } __force *)ptr)
		     : "b"(new[0]), "c"(new[1])
		     : "memory", "cc");
	__uaccess_end();
	return err ?: !equal;
}

int gmem_vcpu_cmpxchg16(struct vcpu *vcpu, u64 gpa, u64 old[2], const u64 new[2])
{
	struct vm *vm = vcpu->vm;
	const struct slot *slot;
	void __user *ptr;
	struct section s;
	int ret;

	if ((gpa & 15) || !boot_cpu_has(X86_FEATURE_CX16))
		return -EFAULT;
	if (!section_enter(&s, vm, mmu_space(vcpu), false))
		return -EFAULT;
	ret = lookup(&s, gpa, true, &slot, &ptr);
	if (!ret)
		ret = cmpxchg16_user(ptr, old, new);
	if (!ret)
		slot_mark_dirty(vm, slot, gpa >> PAGE_SHIFT);
	section_leave(&s);
	return ret;
}

/* ---- cached places ---- */

/* In a section. */
static void cache_fill(struct vm *vm, struct gmem_cache *c)
{
	u64 gfn = c->gpa >> PAGE_SHIFT;

	c->generation = slots_generation(vm);
	c->hva = 0;
	c->slot = slot_find(vm, SLOT_SPACE_NORMAL, gfn);
	/* Across two pages, or in the middle of a change: nothing to remember. */
	if (!c->slot || gfn != (c->gpa + c->len - 1) >> PAGE_SHIFT || (c->generation & 1))
		return;
	c->hva = slot_gfn_to_hva(c->slot, gfn) + (c->gpa & ~PAGE_MASK);
}

int gmem_cache_init(struct vm *vm, struct gmem_cache *c, u64 gpa, u32 len)
{
	u64 gfn, last;
	struct section s;
	int ret = 0;

	c->gpa = gpa;
	c->len = len;
	c->hva = 0;
	if (!len || gpa + len < gpa || !section_enter(&s, vm, SLOT_SPACE_NORMAL, true))
		return -EFAULT;
	cache_fill(vm, c);
	last = (gpa + len - 1) >> PAGE_SHIFT;
	for (gfn = gpa >> PAGE_SHIFT; gfn <= last && !ret; gfn++)
		ret = slot_find(vm, SLOT_SPACE_NORMAL, gfn) ? 0 : -EFAULT;
	section_leave(&s);
	return ret;
}

static int cache_access(struct vm *vm, struct gmem_cache *c, u32 offset, void *buf, u32 len,
			enum copy_kind kind, bool atomic)
{
	bool write = kind == COPY_WRITE;
	struct section s;
	int ret = 0;

	if (offset > c->len || len > c->len - offset)
		return -EFAULT;
	if (!section_enter(&s, vm, SLOT_SPACE_NORMAL, atomic))
		return -EFAULT;
	if (unlikely(c->generation != slots_generation(vm)))
		cache_fill(vm, c);
	if (unlikely(!c->hva)) {
		section_leave(&s);
		return gmem_copy(vm, SLOT_SPACE_NORMAL, c->gpa + offset, buf, len, kind, atomic);
	}
	if (write && (c->slot->flags & VMX_MEM_READONLY))
		ret = -EROFS;
	else if (copy_part(kind, atomic, (void __user *)(c->hva + offset), buf, len))
		ret = -EFAULT;
	else if (write)
		slot_mark_dirty(vm, c->slot, c->gpa >> PAGE_SHIFT);
	section_leave(&s);
	return ret;
}

int gmem_cache_read(struct vm *vm, struct gmem_cache *c, u32 offset, void *buf, u32 len)
{
	return cache_access(vm, c, offset, buf, len, COPY_READ, false);
}

int gmem_cache_write(struct vm *vm, struct gmem_cache *c, u32 offset, const void *buf, u32 len)
{
	return wrote(vm, SLOT_SPACE_NORMAL, c->gpa + offset, len,
		     cache_access(vm, c, offset, (void *)buf, len, COPY_WRITE, false));
}

int gmem_cache_read_atomic(struct vm *vm, struct gmem_cache *c, u32 offset, void *buf, u32 len)
{
	return cache_access(vm, c, offset, buf, len, COPY_READ, true);
}

int gmem_cache_write_atomic(struct vm *vm, struct gmem_cache *c, u32 offset, const void *buf,
			    u32 len)
{
	return wrote(vm, SLOT_SPACE_NORMAL, c->gpa + offset, len,
		     cache_access(vm, c, offset, (void *)buf, len, COPY_WRITE, true));
}
