// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debugging of the guest by the VMM: SET_GUEST_DEBUG and VMX_EXIT_DEBUG.
 *
 * A step ends where the guest is at the next instruction:
 *
 *	the CPU has executed one		VM_EXIT_STEP		debug_stepped()
 *	we have: skipped, emulated, completed	REQ_DEBUG		debug_serve()
 *	an event was delivered: at the handler	either, as the backend sees it
 *
 * The guest's RFLAGS.TF stays its own. A backend that has to step with it (caps.step_by_tf) hides it from
 * what the CPU delivers; the instructions that store RFLAGS, or load it, are emulated (REQ_STEP), so that
 * no TF but the guest's is ever stored.
 *
 * #DB goes to the VMM whatever has caused it, while it steps or has breakpoints: it alone knows which are
 * its own, and gives the others back (SET_VCPU_EVENTS, INJECT_DB).
 */
#include <linux/uaccess.h>

#include "backend.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/smm.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_DB 1
#define VECTOR_BP 3
#define DR6_ONES 0xffff0ff0ULL
#define DR6_B03 0xfULL
#define DR6_BD BIT_ULL(13)
#define DR6_BS BIT_ULL(14)
#define DR7_GD BIT_ULL(13)

#define KEPT                                                                                     \
	(VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_SINGLESTEP | VMX_GUESTDBG_USE_SW_BP |                \
	 VMX_GUESTDBG_USE_HW_BP | VMX_GUESTDBG_BLOCKIRQ)

/* Before the step that the next entry is. */
static void prepare_step(struct vcpu *vcpu)
{
	vcpu->event_check = true;
	if (vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP)
		vcpu_request(vcpu, REQ_STEP);
}

static int to_vmm(struct vcpu *vcpu, u8 vector, u64 dr6)
{
	vcpu->run->exit_reason = VMX_EXIT_DEBUG;
	vcpu->run->debug.arch = (struct vmx_debug_exit_arch){
		.exception = vector,
		.pc = x86_linear_rip(vcpu),
		.dr6 = dr6 | DR6_ONES,
		.dr7 = debugregs_effective_dr7(vcpu),
	};
	prepare_step(vcpu);
	return VCPU_TO_USER;
}

bool debug_exception(struct vcpu *vcpu, u8 vector, u64 payload)
{
	u32 wanted = 0;

	if (vector == VECTOR_DB)
		wanted = VMX_GUESTDBG_SINGLESTEP | VMX_GUESTDBG_USE_HW_BP;
	else if (vector == VECTOR_BP)
		wanted = VMX_GUESTDBG_USE_SW_BP;
	if (!(vcpu->guest_debug & wanted))
		return false;
	to_vmm(vcpu, vector, vector == VECTOR_DB ? payload : 0);
	return true;
}

int debug_stepped(struct vcpu *vcpu)
{
	u64 guest = vcpu->exit.exc.payload, dr6 = DR6_BS;

	if (vcpu->guest_debug & VMX_GUESTDBG_USE_HW_BP) {
		dr6 |= guest & DR6_B03;
		guest &= ~DR6_B03;
	}
	if (guest)
		vcpu_raise_payload(vcpu, VECTOR_DB, guest);
	return to_vmm(vcpu, VECTOR_DB, dr6);
}

int debug_serve(struct vcpu *vcpu)
{
	if (!(vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP))
		return VCPU_RESUME;
	return to_vmm(vcpu, VECTOR_DB, DR6_BS);
}

int debug_before_step(struct vcpu *vcpu)
{
	if (!backend_caps->step_by_tf || !(vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP))
		return VCPU_RESUME;
	/* An event goes first, and elsewhere. */
	if (vcpu->events.exc_pending || vcpu->events.injected.type != VM_EVENT_NONE)
		return VCPU_RESUME;
	return emulate_flags_insn(vcpu, !(vcpu->guest_debug & VMX_GUESTDBG_USE_SW_BP));
}

bool debug_dr_access(struct vcpu *vcpu)
{
	if (!(vcpu->guest_debug & VMX_GUESTDBG_USE_HW_BP) || !(vcpu->x86->guest_dr7 & DR7_GD))
		return false;
	to_vmm(vcpu, VECTOR_DB, DR6_BD);
	return true;
}

static long set_guest_debug(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_guest_debug d;

	if (copy_from_user(&d, argp, sizeof(d)))
		return -EFAULT;
	if (!backend_caps->single_step)
		return -EINVAL;
	if (d.control & (VMX_GUESTDBG_INJECT_DB | VMX_GUESTDBG_INJECT_BP)) {
		if (vcpu->events.exc_pending)
			return -EBUSY;
		/* DR6 is the VMM's to set. */
		vcpu_raise(vcpu, d.control & VMX_GUESTDBG_INJECT_DB ? VECTOR_DB : VECTOR_BP);
	}
	vcpu->guest_debug = d.control & VMX_GUESTDBG_ENABLE ? d.control & KEPT : 0;
	if (vcpu->guest_debug & VMX_GUESTDBG_USE_HW_BP) {
		memcpy(vcpu->x86->guest_db, d.arch.debugreg, sizeof(vcpu->x86->guest_db));
		vcpu->x86->guest_dr7 = d.arch.debugreg[7];
	}
	debugregs_reload(vcpu);
	backend_call(vcpu_update_policy)(vcpu);
	/* The exit that the VMM is in may be half an instruction: its end is the first step. */
	if (vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP)
		vcpu->exit.shadow |= VM_SHADOW_STEP;
	prepare_step(vcpu);
	vcpu_request(vcpu, REQ_EVENT);
	smm_unblocked(vcpu);
	return 0;
}

long guestdebug_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	if (cmd != VMX_SET_GUEST_DEBUG)
		return -ENOIOCTLCMD;
	return set_guest_debug(vcpu, (void __user *)arg);
}
