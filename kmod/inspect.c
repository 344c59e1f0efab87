// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at a vCPU from outside.
 *
 *	who looks	vcpu_inspect()			queues what is to be called, requests, kicks
 *	vCPU's thread	REQ_INSPECT, inspect_serve()	calls it between two entries
 *
 * If no thread has the vCPU, who looks takes its mutex and does it alone. A thread may leave the run ioctl before it
 * has seen the request: so who looks tries the mutex again from time to time, and the exit path needs to
 * know nothing of all this.
 */
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "exit_trace.h"
#include "failure.h"
#include "inspect.h"
#include "main.h"
#include "stats.h"
#include "vcpu.h"

#define LOOK_AGAIN (HZ / 100 + 1)

struct inspection {
	struct list_head link;		/* in vcpu->inspections.waiting */
	void (*fn)(struct vcpu *vcpu, void *ctx);
	void *ctx;
	bool done;
};

void inspect_vcpu_init(struct vcpu *vcpu)
{
	spin_lock_init(&vcpu->inspections.lock);
	INIT_LIST_HEAD(&vcpu->inspections.waiting);
	init_waitqueue_head(&vcpu->inspections.done);
}

void inspect_serve(struct vcpu *vcpu)
{
	struct vcpu_inspections *all = &vcpu->inspections;
	struct inspection *i, *next;

	spin_lock(&all->lock);
	list_for_each_entry_safe(i, next, &all->waiting, link) {
		list_del_init(&i->link);
		i->fn(vcpu, i->ctx);
		WRITE_ONCE(i->done, true);
	}
	/* Under the lock: who finds it done is gone as soon as it has had the lock. */
	wake_up_all(&all->done);
	spin_unlock(&all->lock);
}

static bool inspect_here(struct vcpu *vcpu, struct inspection *i)
{
	if (!mutex_trylock(&vcpu->mutex))
		return false;
	vcpu_load(vcpu);
	i->fn(vcpu, i->ctx);
	vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return true;
}

int vcpu_inspect(struct vcpu *vcpu, void (*fn)(struct vcpu *vcpu, void *ctx), void *ctx)
{
	struct vcpu_inspections *all = &vcpu->inspections;
	struct inspection i = { .fn = fn, .ctx = ctx };
	long left;

	INIT_LIST_HEAD(&i.link);
	for (;;) {
		if (inspect_here(vcpu, &i))
			return 0;
		spin_lock(&all->lock);
		list_add_tail(&i.link, &all->waiting);
		spin_unlock(&all->lock);
		vcpu_request(vcpu, REQ_INSPECT);
		vcpu_kick(vcpu);
		left = wait_event_interruptible_timeout(all->done, READ_ONCE(i.done), LOOK_AGAIN);
		/* It is being called, or has been, or never will be. */
		spin_lock(&all->lock);
		list_del_init(&i.link);
		spin_unlock(&all->lock);
		if (i.done)
			return 0;
		if (left < 0)
			return -EINTR;
	}
}

/* ---- the control block ---- */

struct block_look {
	struct vmx_x_field *fields;
	unsigned int nr;
};

static void look_at_block(struct vcpu *vcpu, void *ctx)
{
	struct block_look *look = ctx;

	look->nr = backend_call(get_block)(vcpu, look->fields);
}

static void hide_addresses(struct vmx_x_field *fields, unsigned int nr)
{
	bool all = capable(CAP_SYS_ADMIN);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!(fields[i].flags & VMX_X_FIELD_HIDDEN))
			continue;
		if (all)
			fields[i].flags &= ~VMX_X_FIELD_HIDDEN;
		else
			fields[i].value = 0;
	}
}

static long inspect_get_block(struct vcpu *vcpu, struct vmx_x_block __user *argp)
{
	struct block_look look = {};
	struct vmx_x_block block;
	long r;

	if (copy_from_user(&block, argp, sizeof(block)))
		return -EFAULT;
	if (block.reserved)
		return -EINVAL;
	look.fields = kvcalloc(VM_BLOCK_MAX_FIELDS, sizeof(*look.fields), GFP_KERNEL_ACCOUNT);
	if (!look.fields)
		return -ENOMEM;
	r = vcpu_inspect(vcpu, look_at_block, &look);
	if (r)
		goto out;
	r = -EFAULT;
	if (put_user(look.nr, &argp->nr))
		goto out;
	r = -E2BIG;
	if (block.nr < look.nr)
		goto out;
	hide_addresses(look.fields, look.nr);
	r = copy_to_user(u64_to_user_ptr(block.fields), look.fields, look.nr * sizeof(*look.fields)) ?
		    -EFAULT : 0;
out:
	kvfree(look.fields);
	return r;
}

/* ---- its rules ---- */

struct rules_look {
	struct vmx_x_violation *found;
	unsigned int nr;		/* broken; the first VMX_X_CHECK_MAX of them are in found[] */
	bool all;			/* addresses of the host's, too */
};

static void note_violation(void *ctx, const struct vm_violation *v)
{
	struct rules_look *look = ctx;
	struct vmx_x_violation *out = &look->found[look->nr];

	if (look->nr++ >= VMX_X_CHECK_MAX)
		return;
	out->id = v->id;
	out->value = v->hidden && !look->all ? 0 : v->value;
	strscpy(out->section, v->section, sizeof(out->section));
	strscpy(out->rule, v->rule, sizeof(out->rule));
}

static void look_at_rules(struct vcpu *vcpu, void *ctx)
{
	backend_call(check_block)(vcpu, note_violation, ctx);
}

static long inspect_check_block(struct vcpu *vcpu, struct vmx_x_check __user *argp)
{
	struct rules_look look = { .all = capable(CAP_SYS_ADMIN) };
	struct vmx_x_check check;
	unsigned int n;
	long r;

	if (copy_from_user(&check, argp, sizeof(check)))
		return -EFAULT;
	if (check.reserved)
		return -EINVAL;
	look.found = kvcalloc(VMX_X_CHECK_MAX, sizeof(*look.found), GFP_KERNEL_ACCOUNT);
	if (!look.found)
		return -ENOMEM;
	r = vcpu_inspect(vcpu, look_at_rules, &look);
	if (r)
		goto out;
	n = min3(look.nr, check.nr, (unsigned int)VMX_X_CHECK_MAX);
	if (put_user(look.nr, &argp->nr) ||
	    copy_to_user(u64_to_user_ptr(check.violations), look.found, n * sizeof(*look.found)))
		r = -EFAULT;
out:
	kvfree(look.found);
	return r;
}

long inspect_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case VMX_X_GET_BLOCK:
		return inspect_get_block(vcpu, argp);
	case VMX_X_CHECK_BLOCK:
		return inspect_check_block(vcpu, argp);
	case VMX_X_WALK:
		return inspect_walk(vcpu, argp);
	case VMX_X_TABLES:
		return inspect_tables(vcpu, argp);
	case VMX_X_STATS_FD:
		return stats_page_fd(vcpu);
	case VMX_X_GET_FAILURE:
		return failure_get(vcpu, argp);
	case VMX_X_TRACE_FD:
		return exit_trace_fd(vcpu, argp);
	case VMX_X_INFO:
		return dev_common_ioctl(vcpu->vm, cmd, arg);
	default:
		return -ENOIOCTLCMD;
	}
}
