// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSR accesses of the guest that the VMM has a say in: the filter (X86_SET_MSR_FILTER), and exits for what is
 * filtered, unknown or illegal (VMX_CAP_X86_USER_SPACE_MSR).
 *
 * The filter is read under vm->srcu and replaced whole, under vm->lock. While no VM of this host has one, the
 * fast path does not look (msr_filters_in_use).
 */
#include <linux/compat.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "x86/features.h"
#include "x86/insn.h"
#include "x86/msr_user.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_GP 13
#define FILTER_BOTH (VMX_MSR_FILTER_READ | VMX_MSR_FILTER_WRITE)

DEFINE_STATIC_KEY_FALSE(msr_filters_in_use);

/* ---- the filter ---- */

struct msr_filter {
	bool allow;			/* what no range covers */
	u32 nr;
	struct {
		u32 flags;		/* VMX_MSR_FILTER_READ, _WRITE: what it is about */
		u32 base;
		u32 nmsrs;
		unsigned long *bitmap;	/* 1: allowed */
	} range[VMX_MSR_FILTER_MAX_RANGES];
};

static void filter_free(struct msr_filter *f)
{
	u32 i;

	if (!f)
		return;
	for (i = 0; i < f->nr; i++)
		kfree(f->range[i].bitmap);
	kfree(f);
}

static bool filter_allows(const struct msr_filter *f, u32 msr, u32 access)
{
	u32 i;

	for (i = 0; i < f->nr; i++) {
		u32 offset = msr - f->range[i].base;

		if (offset >= f->range[i].nmsrs || !(f->range[i].flags & access))
			continue;
		return test_bit(array_index_nospec(offset, f->range[i].nmsrs), f->range[i].bitmap);
	}
	return f->allow;
}

u32 x86_msr_allowed(struct vcpu *vcpu, u32 msr)
{
	const struct msr_filter *f;
	u32 allowed = FILTER_BOTH;
	int idx;

	/* Those of the x2APIC are never filtered: virtualisation of the APIC could not obey. */
	if (!static_branch_unlikely(&msr_filters_in_use) || (msr >= GMSR_X2APIC && msr <= GMSR_X2APIC + 0xff))
		return FILTER_BOTH;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	f = srcu_dereference(vcpu->vm->x86->msr_filter, &vcpu->vm->srcu);
	if (f)
		allowed = (filter_allows(f, msr, VMX_MSR_FILTER_READ) ? VMX_MSR_FILTER_READ : 0) |
			  (filter_allows(f, msr, VMX_MSR_FILTER_WRITE) ? VMX_MSR_FILTER_WRITE : 0);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return allowed;
}

bool x86_msr_filtered(struct vcpu *vcpu)
{
	return rcu_access_pointer(vcpu->vm->x86->msr_filter) != NULL;
}

/* One range of the VMM's; an empty one is none. */
static long filter_add(struct msr_filter *f, const struct vmx_msr_filter_range *r)
{
	size_t size = BITS_TO_LONGS((u64)r->nmsrs) * sizeof(long);
	unsigned long *bitmap;

	if (!r->nmsrs)
		return 0;
	if (!r->flags || (r->flags & ~FILTER_BOTH) || size > VMX_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	bitmap = memdup_user((void __user *)r->bitmap, size);
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	f->range[f->nr].flags = r->flags;
	f->range[f->nr].base = r->base;
	f->range[f->nr].nmsrs = r->nmsrs;
	f->range[f->nr++].bitmap = bitmap;
	return 0;
}

static struct msr_filter *filter_make(const struct vmx_msr_filter *in)
{
	struct msr_filter *f;
	long r = 0;
	u32 i;

	if (in->flags & ~VMX_MSR_FILTER_DEFAULT_DENY)
		return ERR_PTR(-EINVAL);
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->allow = !(in->flags & VMX_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; i < VMX_MSR_FILTER_MAX_RANGES && !r; i++)
		r = filter_add(f, &in->ranges[i]);
	/* To allow nothing at all is more likely a mistake. */
	if (!r && !f->nr && !f->allow)
		r = -EINVAL;
	if (!r)
		return f;
	filter_free(f);
	return ERR_PTR(r);
}

static void filter_set(struct vm *vm, struct msr_filter *f)
{
	struct msr_filter *old;

	/* All allowed is no filter. */
	if (f && !f->nr) {
		filter_free(f);
		f = NULL;
	}
	if (f)
		static_branch_inc(&msr_filters_in_use);
	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(vm->x86->msr_filter, f, lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	synchronize_srcu(&vm->srcu);
	/* The maps, before the caller goes on: what has been denied must exit. */
	vm_request_all(vm, REQ_MSR_BITMAP, true);
	if (old)
		static_branch_dec(&msr_filters_in_use);
	filter_free(old);
}

/* struct vmx_msr_filter as a 32-bit VMM has it. */
struct compat_filter {
	u32 flags;
	struct {
		u32 flags;
		u32 nmsrs;
		u32 base;
		compat_uptr_t bitmap;
	} ranges[VMX_MSR_FILTER_MAX_RANGES];
};

#define COMPAT_SET_FILTER _IOW(VMXIO, 0xc6, struct compat_filter)

static noinline long take_compat(struct vmx_msr_filter *in, const void __user *argp)
{
	struct compat_filter c;
	u32 i;

	if (copy_from_user(&c, argp, sizeof(c)))
		return -EFAULT;
	in->flags = c.flags;
	for (i = 0; i < VMX_MSR_FILTER_MAX_RANGES; i++)
		in->ranges[i] = (struct vmx_msr_filter_range){
			.flags = c.ranges[i].flags,
			.nmsrs = c.ranges[i].nmsrs,
			.base = c.ranges[i].base,
			.bitmap = (u8 *)(unsigned long)c.ranges[i].bitmap,
		};
	return 0;
}

static noinline struct msr_filter *take_filter(const void __user *argp, bool compat)
{
	struct vmx_msr_filter in;

	if (compat ? take_compat(&in, argp) : copy_from_user(&in, argp, sizeof(in)))
		return ERR_PTR(-EFAULT);
	return filter_make(&in);
}

long msr_filter_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	bool compat = in_compat_syscall() && cmd == COMPAT_SET_FILTER;
	struct msr_filter *f;

	if (cmd != VMX_X86_SET_MSR_FILTER && !compat)
		return -ENOIOCTLCMD;
	f = take_filter((void __user *)arg, compat);
	if (IS_ERR(f))
		return PTR_ERR(f);
	filter_set(vm, f);
	return 0;
}

void msr_filter_vm_destroy(struct vm *vm)
{
	struct msr_filter *f = rcu_dereference_protected(vm->x86->msr_filter, true);

	if (!f)
		return;
	static_branch_dec(&msr_filters_in_use);
	filter_free(f);
}

/* ---- exits ---- */

/* The VMM has decided. */
static int complete_msr(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;
	u64 data = READ_ONCE(vcpu->run->msr.data);

	if (vcpu_rip(vcpu) != x->msr_rip)
		return VCPU_RESUME;
	if (READ_ONCE(vcpu->run->msr.error)) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VCPU_RESUME;
	}
	if (!x->msr_write) {
		vcpu_set_reg(vcpu, VCPU_RAX, (u32)data);
		vcpu_set_reg(vcpu, VCPU_RDX, data >> 32);
	}
	insn_advance(vcpu, x->msr_len);
	return VCPU_RESUME;
}

/* Does the VMM want to see an access that came out like this? */
static u32 exit_reason(struct vcpu *vcpu, int result)
{
	u32 reason = VMX_MSR_EXIT_REASON_INVAL;

	if (result == X86_MSR_FILTERED)
		reason = VMX_MSR_EXIT_REASON_FILTER;
	else if (result == X86_MSR_UNKNOWN)
		reason = VMX_MSR_EXIT_REASON_UNKNOWN;
	return reason & READ_ONCE(vcpu->vm->x86->msr_exits);
}

/* The instruction has failed: #GP, or the VMM's turn. */
static int msr_failed(struct vcpu *vcpu, u32 msr, bool write, u64 val, int result, unsigned int len)
{
	struct vmx_run *run = vcpu->run;
	u32 reason = exit_reason(vcpu, result);

	if (!reason) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return VCPU_RESUME;
	}
	vcpu->x86->msr_rip = vcpu_rip(vcpu);
	vcpu->x86->msr_len = len;
	vcpu->x86->msr_write = write;
	run->exit_reason = write ? VMX_EXIT_X86_WRMSR : VMX_EXIT_X86_RDMSR;
	run->msr.error = 0;
	memset(run->msr.pad, 0, sizeof(run->msr.pad));
	run->msr.reason = reason;
	run->msr.index = msr;
	run->msr.data = write ? val : 0;
	vcpu->complete_userspace_io = complete_msr;
	return VCPU_TO_USER;
}

int x86_rdmsr(struct vcpu *vcpu, u32 msr, u64 *val)
{
	if (!(x86_msr_allowed(vcpu, msr) & VMX_MSR_FILTER_READ)) {
		*val = 0;
		return X86_MSR_FILTERED;
	}
	return x86_msr_read(vcpu, msr, val, false);
}

int x86_wrmsr(struct vcpu *vcpu, u32 msr, u64 val)
{
	if (!(x86_msr_allowed(vcpu, msr) & VMX_MSR_FILTER_WRITE))
		return X86_MSR_FILTERED;
	return x86_msr_write(vcpu, msr, val, false);
}

bool x86_msr_wants_exit(struct vcpu *vcpu, int result)
{
	return exit_reason(vcpu, result);
}

int x86_rdmsr_failed(struct vcpu *vcpu, u32 msr, int result, unsigned int len)
{
	return msr_failed(vcpu, msr, false, 0, result, len);
}

int x86_wrmsr_failed(struct vcpu *vcpu, u32 msr, u64 val, int result, unsigned int len)
{
	return msr_failed(vcpu, msr, true, val, result, len);
}
