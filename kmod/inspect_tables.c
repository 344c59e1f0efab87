// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_TABLES: lists of slots, of what is mapped, and of what is shadowed. */
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "inspect.h"
#include "mmu/look.h"
#include "mmu/mmu.h"
#include "vcpu.h"

/* Ranges that are gathered in one call. */
#define TABLES_ROOM 1024

static void list_part(struct vcpu *vcpu, u32 what, struct look_list *l)
{
	switch (what) {
	case VMX_X_LIST_SLOTS:
		mmu_list_slots(vcpu->vm, l);
		break;
	case VMX_X_LIST_PAGES:
		mmu_list_pages(vcpu->vm, mmu_space(vcpu), l);
		break;
	case VMX_X_LIST_SHADOWED:
		mmu_list_shadowed(vcpu->vm, l);
		break;
	}
}

static void hide_targets(struct look_list *l)
{
	u32 i;

	for (i = 0; i < l->nr; i++)
		l->ranges[i].target = 0;
}

long inspect_tables(struct vcpu *vcpu, struct vmx_x_tables __user *argp)
{
	struct vmx_x_tables t;
	struct look_list l = {};
	long r = 0;

	if (copy_from_user(&t, argp, sizeof(t)))
		return -EFAULT;
	if (t.what > VMX_X_LIST_SHADOWED || !t.nr || t.reserved)
		return -EINVAL;
	l.room = min_t(u32, t.nr, TABLES_ROOM);
	l.cursor = t.cursor;
	l.ranges = kvcalloc(l.room, sizeof(*l.ranges), GFP_KERNEL_ACCOUNT);
	if (!l.ranges)
		return -ENOMEM;
	list_part(vcpu, t.what, &l);
	t.result = (mmu_shadow_vm(vcpu->vm) ? VMX_X_TABLES_ON_SHADOW : 0) | (l.end ? VMX_X_TABLES_END : 0);
	/* A slot's is the VMM's own address. */
	if (t.what == VMX_X_LIST_PAGES && !capable(CAP_SYS_ADMIN)) {
		hide_targets(&l);
		t.result |= VMX_X_TABLES_HIDDEN;
	}
	t.nr = l.nr;
	t.cursor = l.cursor;
	if (copy_to_user(u64_to_user_ptr(t.ranges), l.ranges, l.nr * sizeof(*l.ranges)) ||
	    copy_to_user(argp, &t, sizeof(t)))
		r = -EFAULT;
	kvfree(l.ranges);
	return r;
}
