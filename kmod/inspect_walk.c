// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_WALK: an address through the guest's tables and ours. */
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "inspect.h"
#include "mmu/look.h"
#include "mmu/mmu.h"
#include "vcpu.h"
#include "x86/cr.h"
#include "x86/gva.h"

struct walk_look {
	struct vmx_x_walk walk;		/* what the caller gets */
	struct vmx_x_walk shadow;	/* steps of shadow tables: these come last, and are found first */
	struct walk_mode mode;
	struct vcpu *vcpu;
	bool shadowing;
	u8 space;
};

/* What is of the vCPU's own thread. */
static void look_at_mode(struct vcpu *vcpu, void *ctx)
{
	struct walk_look *look = ctx;

	gva_mode(vcpu, &look->mode);
	look->space = (u8)mmu_space(vcpu);
	/* Without paging a physical address is a linear one. */
	if ((look->walk.flags & VMX_X_WALK_PHYSICAL) && (look->mode.cr0 & X86_CR0_PG))
		look->shadowing = mmu_shadowing(vcpu);
	else
		look->shadowing = mmu_look_shadow(vcpu, look->walk.address, &look->shadow);
}

static enum look_read read_guest(void *opaque, u64 gpa, unsigned int size, u64 *value)
{
	struct walk_look *look = opaque;

	return mmu_peek(look->vcpu->vm, look->space, gpa, size, value);
}

static void append_shadow(struct walk_look *look)
{
	struct vmx_x_walk *w = &look->walk;
	u32 i;

	w->result |= VMX_X_WALK_SHADOW | look->shadow.result;
	w->host = look->shadow.host;
	w->host_shift = look->shadow.host_shift;
	for (i = 0; i < look->shadow.nr && w->nr < VMX_X_WALK_STEPS; i++)
		w->steps[w->nr++] = look->shadow.steps[i];
}

static void walk_tables(struct walk_look *look)
{
	struct vmx_x_walk *w = &look->walk;
	struct vm *vm = look->vcpu->vm;
	bool found = true;
	u32 i;

	w->space = look->space;
	if (w->flags & VMX_X_WALK_PHYSICAL) {
		w->cr3 = look->mode.cr3;
		w->gpa = w->address;
		w->result |= VMX_X_WALK_CANONICAL | VMX_X_WALK_GPA;
	} else {
		found = look_guest(&look->mode, read_guest, look, w);
	}
	if (look->shadowing) {
		if (w->result & VMX_X_WALK_CANONICAL)
			append_shadow(look);
		else
			w->result |= VMX_X_WALK_SHADOW;
		return;
	}
	for (i = 0; i < w->nr; i++)
		w->steps[i].host = mmu_look_host(vm, look->space, w->steps[i].address);
	if (found)
		mmu_look_nested(vm, look->space, w->gpa, w);
}

long inspect_walk(struct vcpu *vcpu, struct vmx_x_walk __user *argp)
{
	struct walk_look *look = kzalloc(sizeof(*look), GFP_KERNEL_ACCOUNT);
	struct vmx_x_walk *w;
	long r = -EFAULT;

	if (!look)
		return -ENOMEM;
	w = &look->walk;
	if (copy_from_user(w, argp, offsetof(struct vmx_x_walk, result)))
		goto out;
	r = -EINVAL;
	if ((w->flags & ~VMX_X_WALK_PHYSICAL) || w->reserved)
		goto out;
	look->vcpu = vcpu;
	r = vcpu_inspect(vcpu, look_at_mode, look);
	if (r)
		goto out;
	walk_tables(look);
	if (!capable(CAP_SYS_ADMIN))
		mmu_look_hide(w);
	if (copy_to_user(argp, w, sizeof(*w)))
		r = -EFAULT;
out:
	kfree(look);
	return r;
}
