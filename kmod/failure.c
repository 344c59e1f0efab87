// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failed entries and internal errors, for who comes later: most VMMs stop, or end, with no more than a number. Beside
 * what failed stands which ioctl last set which part of the state, when, and by which thread, so that a value that
 * breaks a rule can be followed to who wrote it. Nothing here is on the path of an exit.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "backend.h"
#include "failure.h"
#include "stats.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ioctl.h"

struct vcpu_failures {
	spinlock_t lock;
	struct vmx_x_failure last;
	bool hidden[VMX_X_FAILURE_RULES];	/* the value of this rule is an address of the host's */
};

/* The ioctls that set a vCPU's state. Their place here is their place in vmx_x_failure.writes[]. */
static const unsigned int setters[] = {
	VMX_SET_REGS, VMX_SET_SREGS, VMX_SET_SREGS2, VMX_SET_MSRS, VMX_SET_VCPU_EVENTS, VMX_SET_DEBUGREGS, VMX_SET_FPU,
	VMX_SET_XSAVE, VMX_SET_XCRS, VMX_SET_LAPIC, VMX_SET_CPUID2, VMX_SET_MP_STATE, VMX_SET_GUEST_DEBUG,
	VMX_X_SET_FIELD,
};

static_assert(ARRAY_SIZE(setters) <= VMX_X_FAILURE_WRITES);

int failure_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_failures *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!f)
		return -ENOMEM;
	spin_lock_init(&f->lock);
	f->last.tsc_khz = tsc_khz;
	f->last.nr_writes = ARRAY_SIZE(setters);
	for (i = 0; i < ARRAY_SIZE(setters); i++)
		f->last.writes[i].cmd = setters[i];
	vcpu->failures = f;
	return 0;
}

void failure_vcpu_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->failures);
}

void failure_note_ioctl(struct vcpu *vcpu, unsigned int cmd)
{
	struct vcpu_failures *f = vcpu->failures;
	struct vmx_x_failure_write *w;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(setters) && setters[i] != cmd; i++)
		;
	if (i == ARRAY_SIZE(setters))
		return;
	w = &f->last.writes[i];
	spin_lock(&f->lock);
	w->count++;
	w->tsc = rdtsc();
	w->exits = vcpu->stats->exits;
	w->tid = task_pid_nr(current);
	get_task_comm(w->comm, current);
	spin_unlock(&f->lock);
}

static void note_rule(void *ctx, const struct vm_violation *v)
{
	struct vcpu_failures *f = ctx;
	struct vmx_x_violation *out;

	if (f->last.nr_rules++ >= VMX_X_FAILURE_RULES)
		return;
	f->hidden[f->last.nr_rules - 1] = v->hidden;
	out = &f->last.rules[f->last.nr_rules - 1];
	memset(out, 0, sizeof(*out));
	out->id = v->id;
	out->value = v->value;
	strscpy(out->section, v->section, sizeof(out->section));
	strscpy(out->rule, v->rule, sizeof(out->rule));
}

void failure_note(struct vcpu *vcpu)
{
	struct vcpu_failures *f = vcpu->failures;
	struct vmx_x_failure *last = &f->last;
	const struct vmx_run *run = vcpu->run;
	struct vmx_segment cs;
	unsigned int i;

	vcpu_get_segment(vcpu, VCPU_SEG_CS, &cs);
	spin_lock(&f->lock);
	last->count++;
	last->tsc = rdtsc();
	last->exits = vcpu->stats->exits;
	last->exit_reason = READ_ONCE(run->exit_reason);
	last->hw_reason = vcpu->exit.hw_reason;
	last->rip = vcpu_rip(vcpu);
	last->cs_base = cs.base;
	last->rflags = vcpu_reg(vcpu, VCPU_RFLAGS);
	last->cr0 = vcpu_cr0(vcpu);
	last->cr3 = vcpu_cr3(vcpu);
	last->cr4 = vcpu_cr4(vcpu);
	last->efer = vcpu_efer(vcpu);
	last->long_code = cs.l && (last->efer & EFER_LMA);
	last->code32 = cs.db;
	last->suberror = 0;
	last->nr_data = 0;
	last->nr_rules = 0;
	if (last->exit_reason == VMX_EXIT_INTERNAL_ERROR) {
		/* The VMM can write there, too: every word is a number, and that is all. */
		last->suberror = READ_ONCE(run->internal.suberror);
		last->nr_data = min_t(u32, READ_ONCE(run->internal.ndata), VMX_X_FAILURE_DATA);
		for (i = 0; i < last->nr_data; i++)
			last->data[i] = READ_ONCE(run->internal.data[i]);
	} else {
		backend_call(check_block)(vcpu, note_rule, f);
	}
	spin_unlock(&f->lock);
}

long failure_get(struct vcpu *vcpu, void __user *argp)
{
	struct vmx_x_failure *copy = kmalloc(sizeof(*copy), GFP_KERNEL_ACCOUNT);
	struct vcpu_failures *f = vcpu->failures;
	bool all = capable(CAP_SYS_ADMIN);
	unsigned int i;
	long r;

	if (!copy)
		return -ENOMEM;
	spin_lock(&f->lock);
	*copy = f->last;
	for (i = 0; i < min_t(u32, copy->nr_rules, VMX_X_FAILURE_RULES); i++)
		if (f->hidden[i] && !all)
			copy->rules[i].value = 0;
	spin_unlock(&f->lock);
	copy->now = rdtsc();
	r = copy_to_user(argp, copy, sizeof(*copy)) ? -EFAULT : 0;
	kfree(copy);
	return r;
}
