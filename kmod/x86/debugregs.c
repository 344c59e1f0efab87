// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug registers (SDM 3B 17.2, APM 2 13.1). The guest's DR0-3 and DR7 are kept here, DR6 is the
 * backend's. DR0-3 go to the hardware only while DR7 enables one of them, or for a guest that uses
 * them: its first access exits, then all pass until the inner loop is left, since who touches one
 * touches several.
 */
#include <linux/uaccess.h>
#include <asm/debugreg.h>

#include "backend.h"
#include "x86/cr.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_DB 1
#define VECTOR_UD 6
#define VECTOR_GP 13

/* Bits that software can change; the others read as ones (DR6) or as fixed (DR7). */
#define DR6_MUTABLE 0xe00fULL
#define DR6_ONES 0xffff0ff0ULL
#define DR6_BD BIT_ULL(13)
#define DR7_MUTABLE 0xffff2bffULL
#define DR7_ONES BIT_ULL(10)
#define DR7_GD BIT_ULL(13)
#define DR7_ENABLES 0xffULL

/* What DR7 the hardware runs with: the VMM's breakpoints replace the guest's. */
u64 debugregs_effective_dr7(struct vcpu *vcpu)
{
	bool vmm = vcpu->guest_debug & VMX_GUESTDBG_USE_HW_BP;

	return vmm ? (vcpu->x86->guest_dr7 & DR7_MUTABLE) | DR7_ONES : vcpu->x86->dr7;
}

static void note_use(struct vcpu *vcpu)
{
	vcpu->drs_used = (debugregs_effective_dr7(vcpu) & DR7_ENABLES) || vcpu->x86->dr_passed;
}

void debugregs_reload(struct vcpu *vcpu)
{
	backend_call(set_dr7)(vcpu, debugregs_effective_dr7(vcpu));
	note_use(vcpu);
}

void debugregs_vcpu_reset(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	memset(x->db, 0, sizeof(x->db));
	x->dr7 = DR7_ONES;
	backend_call(set_dr6)(vcpu, DR6_ONES);
	debugregs_reload(vcpu);
}

void debugregs_restore(struct vcpu *vcpu, u64 dr6, u64 dr7)
{
	backend_call(set_dr6)(vcpu, (dr6 & DR6_MUTABLE) | DR6_ONES);
	vcpu->x86->dr7 = (dr7 & DR7_MUTABLE) | DR7_ONES;
	debugregs_reload(vcpu);
}

void dr_enter(struct vcpu *vcpu)
{
	bool vmm = vcpu->guest_debug & VMX_GUESTDBG_USE_HW_BP;
	const u64 *db = vmm ? vcpu->x86->guest_db : vcpu->x86->db;

	/* Hold the host's breakpoints back: the CPU must not take one while DR0-3 are foreign. */
	set_debugreg(0, 7);
	set_debugreg(db[0], 0);
	set_debugreg(db[1], 1);
	set_debugreg(db[2], 2);
	set_debugreg(db[3], 3);
}

void dr_leave(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	if (x->dr_passed) {
		get_debugreg(x->db[0], 0);
		get_debugreg(x->db[1], 1);
		get_debugreg(x->db[2], 2);
		get_debugreg(x->db[3], 3);
		x->dr7 = backend_call(get_dr7)(vcpu);
		x->dr_passed = false;
		backend_call(pass_drs)(vcpu, false);
		note_use(vcpu);
	}
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

bool x86_dr_pass(struct vcpu *vcpu)
{
	/* GD wants each access to trap; the VMM's breakpoints must not be seen. */
	if ((vcpu->x86->dr7 & DR7_GD) || vcpu->guest_debug)
		return false;
	vcpu->x86->dr_passed = true;
	vcpu->drs_used = true;
	backend_call(pass_drs)(vcpu, true);
	return true;
}

void x86_clear_dr7_gd(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	if (!(x->dr7 & DR7_GD))
		return;
	x->dr7 &= ~DR7_GD;
	debugregs_reload(vcpu);
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE says #UD; DR7.GD traps every access. */
static int resolve(struct vcpu *vcpu, int *dr)
{
	if (*dr == 4 || *dr == 5) {
		if (vcpu_cr4(vcpu) & X86_CR4_DE) {
			vcpu_raise(vcpu, VECTOR_UD);
			return 1;
		}
		*dr += 2;
	}
	if (vcpu->x86->dr7 & DR7_GD) {
		vcpu_raise_payload(vcpu, VECTOR_DB, DR6_BD);
		return 1;
	}
	return 0;
}

int x86_get_dr(struct vcpu *vcpu, int dr, u64 *val)
{
	if (resolve(vcpu, &dr))
		return 1;
	if (dr < 4)
		*val = vcpu->x86->db[array_index_nospec(dr, 4)];
	else if (dr == 6)
		*val = backend_call(get_dr6)(vcpu);
	else
		*val = vcpu->x86->dr7;
	return 0;
}

int x86_set_dr(struct vcpu *vcpu, int dr, u64 val)
{
	if (resolve(vcpu, &dr))
		return 1;
	if (dr < 4) {
		vcpu->x86->db[array_index_nospec(dr, 4)] = val;
		return 0;
	}
	if (val >> 32) {
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
		return 1;
	}
	if (dr == 6) {
		backend_call(set_dr6)(vcpu, (val & DR6_MUTABLE) | DR6_ONES);
	} else {
		vcpu->x86->dr7 = (val & DR7_MUTABLE) | DR7_ONES;
		debugregs_reload(vcpu);
	}
	return 0;
}

static long get_debugregs(struct vcpu *vcpu, void __user *argp)
{
	struct vmx_debugregs d = {};

	memcpy(d.db, vcpu->x86->db, sizeof(d.db));
	d.dr6 = backend_call(get_dr6)(vcpu);
	d.dr7 = vcpu->x86->dr7;
	return copy_to_user(argp, &d, sizeof(d)) ? -EFAULT : 0;
}

static long set_debugregs(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_debugregs d;

	if (copy_from_user(&d, argp, sizeof(d)))
		return -EFAULT;
	if (d.flags || d.dr6 >> 32 || d.dr7 >> 32)
		return -EINVAL;
	memcpy(vcpu->x86->db, d.db, sizeof(d.db));
	backend_call(set_dr6)(vcpu, d.dr6 | DR6_ONES);
	vcpu->x86->dr7 = (d.dr7 & DR7_MUTABLE) | DR7_ONES;
	debugregs_reload(vcpu);
	return 0;
}

long debugregs_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_GET_DEBUGREGS:
		return get_debugregs(vcpu, (void __user *)arg);
	case VMX_SET_DEBUGREGS:
		return set_debugregs(vcpu, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}
