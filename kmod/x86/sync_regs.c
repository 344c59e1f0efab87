// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX_CAP_SYNC_REGS: registers by way of struct vmx_run, to spare the ioctls around a run. The page is the
 * VMM's to write at any time: each part is copied before anything is made of it.
 */
#include "backend.h"
#include "failure.h"
#include "uapi/vmx_ioctl.h"
#include "x86/state.h"
#include "x86/x86.h"

/* Apart, so that no two of these are on the stack at once. */
static noinline void load_regs(struct vcpu *vcpu)
{
	u64 regs[18];

	static_assert(sizeof(regs) == sizeof(struct vmx_regs));
	memcpy(regs, &vcpu->run->s.regs.regs, sizeof(regs));
	barrier();
	regs_set(vcpu, regs);
}

static noinline int load_sregs(struct vcpu *vcpu)
{
	struct vmx_sregs s;

	memcpy(&s, &vcpu->run->s.regs.sregs, sizeof(s));
	barrier();
	return sregs_set(vcpu, &s);
}

static noinline int load_events(struct vcpu *vcpu)
{
	struct vmx_vcpu_events e;

	memcpy(&e, &vcpu->run->s.regs.events, sizeof(e));
	barrier();
	return events_set(vcpu, &e);
}

/* What was taken over is no longer dirty; it is as if @ioctl had set it. */
static void taken(struct vcpu *vcpu, u64 field, unsigned int ioctl)
{
	vcpu->run->vmx_dirty_regs &= ~field;
	failure_note_ioctl(vcpu, ioctl);
}

int sync_regs_load(struct vcpu *vcpu)
{
	u64 valid = READ_ONCE(vcpu->run->vmx_valid_regs), dirty = READ_ONCE(vcpu->run->vmx_dirty_regs);

	if (valid & VMX_SYNC_X86_VALID_FIELDS)
		vcpu->run_extras |= VCPU_RUN_SYNC;
	if ((valid | dirty) & ~VMX_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (dirty & VMX_SYNC_X86_REGS) {
		load_regs(vcpu);
		taken(vcpu, VMX_SYNC_X86_REGS, VMX_SET_REGS);
	}
	if (dirty & VMX_SYNC_X86_SREGS) {
		if (load_sregs(vcpu))
			return -EINVAL;
		taken(vcpu, VMX_SYNC_X86_SREGS, VMX_SET_SREGS);
	}
	if (dirty & VMX_SYNC_X86_EVENTS) {
		if (load_events(vcpu))
			return -EINVAL;
		taken(vcpu, VMX_SYNC_X86_EVENTS, VMX_SET_VCPU_EVENTS);
	}
	return 0;
}

/* Built in place: nothing of it is read back. */
void sync_regs_store(struct vcpu *vcpu)
{
	u64 valid = READ_ONCE(vcpu->run->vmx_valid_regs);
	struct vmx_sync_regs *s = &vcpu->run->s.regs;

	if (valid & VMX_SYNC_X86_REGS)
		regs_get(vcpu, (u64 *)&s->regs);
	if (valid & VMX_SYNC_X86_SREGS)
		sregs_get(vcpu, &s->sregs);
	if (valid & VMX_SYNC_X86_EVENTS)
		events_get(vcpu, &s->events);
}
