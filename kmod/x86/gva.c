// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest-virtual addresses: pure/walk.h over a vCPU, and the memory of fetch walks.
 *
 * Fetching the bytes of an exiting instruction must be cheap and may not trust anything that the
 * guest can change without an exit. A remembered walk keeps the host addresses of the table entries
 * that it read and what they held; it is good if CR0, CR3, CR4, EFER, the privilege and the slots are
 * the same and each entry still reads the same, which a handful of loads tell.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "gmem.h"
#include "memslot.h"
#include "mmu/internal.h"
#include "pure/walk_inline.h"
#include "vcpu.h"
#include "x86/cr.h"
#include "x86/emul.h"
#include "x86/gva.h"
#include "x86/state.h"
#include "x86/x86.h"

#define FETCH_MAX 15	/* the longest instruction */
#define GVA_WAYS 8
#define GVA_PLAIN 4	/* tables of a plain walk */

/* One remembered page of instructions. */
struct gva_page {
	u64 page;		/* gva >> 12 */
	u64 cr0, cr3, cr4, efer;
	u64 generation;
	u8 user;
	u8 valid;
	u8 plain;		/* long mode, four tables at most: entry[] is filled up to four */
	u8 nr;			/* of entries */
	u8 entry_size;
	const u8 __user *data;
	const void __user *entry[WALK_MAX_LEVELS];
	u64 held[WALK_MAX_LEVELS];
};

struct gva_memory {
	struct gva_page ways[GVA_WAYS];
};

int gva_vcpu_create(struct vcpu *vcpu)
{
	vcpu->mmu->gva = kzalloc(sizeof(*vcpu->mmu->gva), GFP_KERNEL_ACCOUNT);
	return vcpu->mmu->gva ? 0 : -ENOMEM;
}

void gva_vcpu_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->mmu->gva);
	vcpu->mmu->gva = NULL;
}

void gva_forget(struct vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < GVA_WAYS; i++) {
		vcpu->mmu->gva->ways[i].valid = 0;
		vcpu->mmu->gva->ways[i].plain = 0;
	}
}

/* ---- walks ---- */

static int pte_read(void *opaque, u64 gpa, unsigned int size, u64 *val)
{
	struct vcpu *vcpu = opaque;
	int ret = gmem_vcpu_load(vcpu, gpa, size, val);

	/* A table where no memory is: the guest's doing, not the VMM's. */
	return ret && !emul_is_memory(vcpu, gpa, false) ? -ENXIO : ret;
}

static int pte_cmpxchg(void *opaque, u64 gpa, unsigned int size, u64 old, u64 new)
{
	struct vcpu *vcpu = opaque;

	return gmem_vcpu_cmpxchg(vcpu, gpa, &old, new, size);
}

static const struct walk_ops walk_ops_sleeping = {
	.read = pte_read,
	.cmpxchg = pte_cmpxchg,
};

static int pte_read_atomic(void *opaque, u64 gpa, unsigned int size, u64 *val)
{
	struct vcpu *vcpu = opaque;

	return gmem_vcpu_load_atomic(vcpu, gpa, size, val) ? -EAGAIN : 0;
}

static int pte_cmpxchg_atomic(void *opaque, u64 gpa, unsigned int size, u64 old, u64 new)
{
	struct vcpu *vcpu = opaque;
	int ret = gmem_vcpu_cmpxchg_atomic(vcpu, gpa, &old, new, size);

	return ret < 0 ? -EAGAIN : ret;
}

static const struct walk_ops walk_ops_atomic = {
	.read = pte_read_atomic,
	.cmpxchg = pte_cmpxchg_atomic,
};

void gva_mode(struct vcpu *vcpu, struct walk_mode *m)
{
	const struct cpuid_table *cpuid = vcpu->x86->cpuid;

	m->cr0 = vcpu_cr0(vcpu);
	m->cr3 = vcpu_cr3(vcpu);
	m->cr4 = vcpu_cr4(vcpu);
	m->efer = vcpu_efer(vcpu);
	m->pkru = (m->cr4 & X86_CR4_PKE) ? x86_pkru(vcpu) : 0;
	m->maxphyaddr = cpuid->phys_bits;
	m->ac = vcpu_reg(vcpu, VCPU_RFLAGS) & X86_EFLAGS_AC;
	/* Hardware walks by what the host has, whatever its guest was told. */
	m->pse36 = boot_cpu_has(X86_FEATURE_PSE36);
	m->page1g = boot_cpu_has(X86_FEATURE_GBPAGES);
}

/* Right under the pager's lock, in the space that the vCPU sees: the slot of a table is nearly always the last one. */
static __always_inline int pte_read_here(void *opaque, u64 gpa, unsigned int size, u64 *val)
{
	struct vcpu *vcpu = opaque;
	const struct slot *slot = slot_find_hit(vcpu->vm, &vcpu->mmu->hit, gpa >> PAGE_SHIFT);
	void __user *ptr;
	u32 val32;

	if (unlikely(!slot))
		return -EAGAIN;
	ptr = (void __user *)(slot_gfn_to_hva(slot, gpa >> PAGE_SHIFT) + (gpa & ~PAGE_MASK));
	if (likely(size == 8))
		return __get_user(*val, (u64 __user *)ptr) ? -EAGAIN : 0;
	if (__get_user(val32, (u32 __user *)ptr))
		return -EAGAIN;
	*val = val32;
	return 0;
}

static const struct walk_ops walk_ops_here = {
	.read = pte_read_here,
	.cmpxchg = pte_cmpxchg_atomic,
};

int gva_walk_atomic(struct vcpu *vcpu, u64 gva, u32 acc, struct walk_result *r)
{
	struct walk_shape shape;
	struct walk_mode m;
	int ret;

	if (unlikely(current->mm != vcpu->vm->mm))
		return -EAGAIN;
	gva_mode(vcpu, &m);
	pagefault_disable();
	if (likely(m.efer & EFER_LMA)) {
		shape = walk_shape_long(&m);
		ret = walk_as(&m, &shape, pte_read_here, pte_cmpxchg_atomic, vcpu, gva, acc, r);
	} else {
		ret = walk_gva(&m, &walk_ops_here, vcpu, gva, acc, r);
	}
	pagefault_enable();
	return ret;
}

union shadow_role gva_shadow_role(struct vcpu *vcpu)
{
	struct walk_mode m;

	gva_mode(vcpu, &m);
	return shadow_mode_role(&m, mmu_space(vcpu));
}

/* enum gva_access and the walker's bits are the same. */
static_assert((int)GVA_WRITE == WALK_WRITE && (int)GVA_FETCH == WALK_FETCH &&
	      (int)GVA_USER == WALK_USER && (int)GVA_IMPLICIT == WALK_IMPLICIT &&
	      (int)GVA_PEEK == WALK_PEEK);

static int translate(struct vcpu *vcpu, const struct walk_ops *ops, u64 gva, u32 flags, u64 *gpa,
		     struct gva_fault *fault)
{
	struct walk_result r;
	struct walk_mode m;
	int ret;

	gva_mode(vcpu, &m);
	ret = walk_gva(&m, ops, vcpu, gva, flags, &r);
	if (!ret) {
		*gpa = r.gpa;
	} else if (ret > 0) {
		fault->address = gva;
		fault->error = r.error;
		fault->vector = 14;
		ret = 1;
	} else if (ret == -EROFS) {
		/* An accessed flag in a read-only slot cannot be set. */
		ret = -EFAULT;
	}
	return ret;
}

int gva_to_gpa(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa, struct gva_fault *fault)
{
	return translate(vcpu, &walk_ops_sleeping, gva, flags, gpa, fault);
}

int gva_to_gpa_atomic(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa, struct gva_fault *fault)
{
	return translate(vcpu, &walk_ops_atomic, gva, flags, gpa, fault);
}

bool gva_peek(struct vcpu *vcpu, u64 gva, u64 *gpa)
{
	struct walk_result r;
	struct walk_mode m;

	gva_mode(vcpu, &m);
	m.cr4 &= ~(u64)(X86_CR4_SMAP | X86_CR4_PKE);
	if (walk_gva(&m, &walk_ops_sleeping, vcpu, gva, GVA_PEEK, &r))
		return false;
	*gpa = r.gpa;
	return true;
}

/* ---- copies ---- */

/* Both pages are translated before any byte is moved: a fault on the second leaves nothing half done. */
static int gva_copy(struct vcpu *vcpu, u64 gva, u32 flags, void *buf, size_t len, bool write,
		    struct gva_fault *fault)
{
	while (len) {
		size_t first = min_t(size_t, len, PAGE_SIZE - (gva & ~PAGE_MASK));
		size_t second = min_t(size_t, len - first, PAGE_SIZE);
		u64 gpa[2];
		int ret;

		ret = gva_to_gpa(vcpu, gva, flags, &gpa[0], fault);
		if (!ret && second)
			ret = gva_to_gpa(vcpu, gva + first, flags, &gpa[1], fault);
		if (ret)
			return ret;
		ret = write ? gmem_vcpu_write(vcpu, gpa[0], buf, first) :
			      gmem_vcpu_read(vcpu, gpa[0], buf, first);
		if (!ret && second)
			ret = write ? gmem_vcpu_write(vcpu, gpa[1], buf + first, second) :
				      gmem_vcpu_read(vcpu, gpa[1], buf + first, second);
		if (ret)
			return ret;
		gva += first + second;
		buf += first + second;
		len -= first + second;
	}
	return 0;
}

int gva_read(struct vcpu *vcpu, u64 gva, u32 flags, void *buf, size_t len, struct gva_fault *fault)
{
	return gva_copy(vcpu, gva, flags, buf, len, false, fault);
}

int gva_write(struct vcpu *vcpu, u64 gva, u32 flags, const void *buf, size_t len,
	      struct gva_fault *fault)
{
	return gva_copy(vcpu, gva, flags | GVA_WRITE, (void *)buf, len, true, fault);
}

/* ---- fetching ---- */

#define FETCH_REGS                                                                                \
	(BIT(VCPU_RIP) | BIT(VCPU_CR0) | BIT(VCPU_CR3) | BIT(VCPU_CR4) | BIT(VCPU_EFER))

/* Does the remembered walk belong to this page in the vCPU's present state? FETCH_REGS are there. */
static __always_inline bool page_matches(struct vcpu *vcpu, const struct gva_page *w, u64 page,
					 u8 user)
{
	return w->page == page && w->user == user && w->cr3 == vcpu->regs[VCPU_CR3] &&
	       w->cr0 == vcpu->regs[VCPU_CR0] && w->cr4 == vcpu->regs[VCPU_CR4] &&
	       w->efer == vcpu->regs[VCPU_EFER] && w->generation == slots_generation(vcpu->vm);
}

/* Within user_access_begin(): goes to @label if the entry differs or cannot be read. */
#define ENTRY_HOLDS(type, w, i, label)                                                            \
	do {                                                                                      \
		type now;                                                                         \
                                                                                                  \
		unsafe_get_user(now, (const type __user *)(w)->entry[i], label);                  \
		if (unlikely(now != (w)->held[i]))                                                \
			goto label;                                                               \
	} while (0)

/*
 * Compare the entries with what they held and read one or two words at @offset, which both end in the
 * page. False: an entry differs, or the host's page is not there. Page faults disabled. @plain: of a plain
 * walk, without a loop.
 */
static __always_inline bool page_read(const struct gva_page *w, unsigned int offset, u64 *bytes,
				      unsigned int words, bool plain)
{
	const u64 __user *data = (const u64 __user *)(w->data + offset);
	unsigned int i;

	if (!user_access_begin(w->data, PAGE_SIZE))
		return false;
	if (plain) {
		ENTRY_HOLDS(u64, w, 0, fault);
		ENTRY_HOLDS(u64, w, 1, fault);
		ENTRY_HOLDS(u64, w, 2, fault);
		ENTRY_HOLDS(u64, w, 3, fault);
	}
	for (i = 0; !plain && i < w->nr; i++) {
		if (likely(w->entry_size == 8))
			ENTRY_HOLDS(u64, w, i, fault);
		else
			ENTRY_HOLDS(u32, w, i, fault);
	}
	unsafe_get_user(bytes[0], data, fault);
	if (words > 1)
		unsafe_get_user(bytes[1], data + 1, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

/* The VMM's address of @gpa, or NULL. Readers' section. */
static const void __user *gpa_to_user(struct vcpu *vcpu, u64 gpa)
{
	const struct slot *slot = slot_find(vcpu->vm, mmu_space(vcpu), gpa >> PAGE_SHIFT);

	if (!slot)
		return NULL;
	return (const void __user *)(slot_gfn_to_hva(slot, gpa >> PAGE_SHIFT) + (gpa & ~PAGE_MASK));
}

/* Walk for the fetch and remember it. False: cannot be had now. */
static noinline bool page_learn(struct vcpu *vcpu, struct gva_page *w, u64 page, u8 user)
{
	u64 generation = slots_generation(vcpu->vm);
	struct walk_result r;
	struct walk_mode m;
	unsigned int i;

	w->valid = 0;
	w->plain = 0;
	gva_mode(vcpu, &m);
	if ((generation & 1) || walk_gva(&m, &walk_ops_atomic, vcpu, page << PAGE_SHIFT,
					 GVA_FETCH | (user ? GVA_USER : 0), &r))
		return false;
	w->data = gpa_to_user(vcpu, r.gpa);
	if (!w->data)
		return false;
	for (i = 0; i < r.nr; i++) {
		w->entry[i] = gpa_to_user(vcpu, r.pte_gpas[i]);
		w->held[i] = r.ptes[i];
		if (!w->entry[i])
			return false;
	}
	w->nr = r.nr;
	w->entry_size = (m.efer & EFER_LMA) || (m.cr4 & X86_CR4_PAE) ? 8 : 4;
	w->page = page;
	w->user = user;
	w->cr0 = m.cr0;
	w->cr3 = m.cr3;
	w->cr4 = m.cr4;
	w->efer = m.efer;
	w->generation = generation;
	w->valid = 1;
	if ((m.efer & EFER_LMA) && r.nr && r.nr <= GVA_PLAIN) {
		for (; i < GVA_PLAIN; i++) {
			w->entry[i] = w->entry[0];
			w->held[i] = w->held[0];
		}
		w->plain = 1;
	}
	return true;
}

/* 16 bytes of the page that @gva is in, from @offset. Readers' section, page faults disabled. */
static noinline bool fetch_page(struct vcpu *vcpu, u64 page, u8 user, unsigned int offset,
				u64 bytes[2])
{
	struct gva_page *w = &vcpu->mmu->gva->ways[page % GVA_WAYS];

	/* So that all of them are in regs[]. */
	vcpu_cr0(vcpu);
	vcpu_cr3(vcpu);
	vcpu_cr4(vcpu);
	vcpu_efer(vcpu);
	if (w->valid && page_matches(vcpu, w, page, user) &&
	    page_read(w, offset, bytes, 2, false))
		return true;
	if (w->valid && w->page == page && w->user == user) {
		/*
		 * The same page with other control registers: code that switches them back and forth, each of which
		 * exits under shadow paging. A second place for it, by what is different.
		 */
		w = &vcpu->mmu->gva->ways[(page + 1 + (vcpu->regs[VCPU_CR4] >> 7 & 1) +
					   (vcpu->regs[VCPU_CR0] >> 15 & 2)) % GVA_WAYS];
		if (w->valid && page_matches(vcpu, w, page, user) && page_read(w, offset, bytes, 2, false))
			return true;
	}
	return page_learn(vcpu, w, page, user) && page_read(w, offset, bytes, 2, false);
}

/* An instruction that may reach into the next page: @n bytes, fewer than 16, are in this one. */
static noinline int fetch_across(struct vcpu *vcpu, u64 page, u8 user, unsigned int n, u8 buf[16])
{
	union {
		u64 word[2];
		u8 byte[16];
	} b;

	if (!fetch_page(vcpu, page, user, PAGE_SIZE - 16, b.word))
		return -EAGAIN;
	memcpy(buf, b.byte + 16 - n, n);
	if (n < FETCH_MAX && fetch_page(vcpu, page + 1, user, 0, b.word)) {
		memcpy(buf + n, b.byte, FETCH_MAX - n);
		n = FETCH_MAX;
	}
	return min_t(int, n, FETCH_MAX);
}

static noinline int fetch_slow(struct vcpu *vcpu, u64 gva, u8 user, u8 buf[16])
{
	unsigned int offset = gva & ~PAGE_MASK;
	u64 page = gva >> PAGE_SHIFT;
	/* With interrupts off this is a reader's section by itself. */
	bool lock = !irqs_disabled();
	int n = -EAGAIN;

	if (unlikely(current->mm != vcpu->vm->mm))
		return -EAGAIN;
	if (lock)
		rcu_read_lock();
	pagefault_disable();
	if (unlikely(offset > PAGE_SIZE - 16))
		n = fetch_across(vcpu, page, user, PAGE_SIZE - offset, buf);
	else if (fetch_page(vcpu, page, user, offset, (u64 *)buf))
		n = FETCH_MAX;
	pagefault_enable();
	if (lock)
		rcu_read_unlock();
	return n;
}

/* What an exit does not bring by itself on every hardware. */
static noinline void learn_state(struct vcpu *vcpu)
{
	exit_learn_mode(vcpu);
	vcpu_cr0(vcpu);
	vcpu_cr3(vcpu);
	vcpu_cr4(vcpu);
	vcpu_efer(vcpu);
}

/* A plain walk that is remembered for what the vCPU now executes at RIP, or NULL. */
static __always_inline const struct gva_page *page_at_exit(struct vcpu *vcpu, u64 rip,
							   unsigned int bytes)
{
	u64 page = rip >> PAGE_SHIFT;
	const struct gva_page *w = &vcpu->mmu->gva->ways[page % GVA_WAYS];

	if (unlikely(!vcpu->exit.mode_known || (vcpu->regs_avail & FETCH_REGS) != FETCH_REGS))
		learn_state(vcpu);
	if (likely((vcpu->exit.cs_flags & BACKEND_CS_L) && w->plain &&
		   (rip & ~PAGE_MASK) <= PAGE_SIZE - bytes &&
		   page_matches(vcpu, w, page, vcpu->exit.cpl == 3)))
		return w;
	return NULL;
}

struct gva_word gva_fetch_at_exit(struct vcpu *vcpu)
{
	u64 rip = vcpu->regs[VCPU_RIP];
	const struct gva_page *w = page_at_exit(vcpu, rip, sizeof(u64));
	struct gva_word word = {};

	if (unlikely(!w))
		return word;
	pagefault_disable();
	word.ok = page_read(w, rip & ~PAGE_MASK, &word.bytes, 1, true);
	pagefault_enable();
	return word;
}

int gva_fetch_insn_at_exit(struct vcpu *vcpu, u8 buf[16])
{
	u64 rip = vcpu->regs[VCPU_RIP];
	const struct gva_page *w = page_at_exit(vcpu, rip, 16);
	bool ok;

	if (likely(w)) {
		pagefault_disable();
		ok = page_read(w, rip & ~PAGE_MASK, (u64 *)buf, 2, true);
		pagefault_enable();
		if (likely(ok))
			return FETCH_MAX;
	}
	return fetch_slow(vcpu, x86_linear_rip(vcpu), vcpu_cpl(vcpu) == 3, buf);
}

int gva_fetch_insn(struct vcpu *vcpu, u64 gva, u8 buf[16])
{
	return fetch_slow(vcpu, gva, vcpu_cpl(vcpu) == 3, buf);
}
