// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMware's backdoor, for guests that were made for that: two I/O ports and three performance counters that do not
 * exist, all of which user mode may use whatever the TSS and CR4.PCE say (VMware, "Timekeeping in VMware Virtual
 * Machines", pseudo-performance counters). What the ports answer is the VMM's business; the counters are
 *
 *	0x10000		the host's TSC
 *	0x10001		real time, in ns: the host's, since its boot
 *	0x10002		apparent time, in ns: the guest's clock
 *
 * The CPU refuses user mode with #GP, so that a vCPU that has the backdoor exits at each #GP: it is off unless the
 * parameter says otherwise, and what a vCPU has is decided when it is created.
 */
#include <linux/bits.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <asm/msr.h>

#include "vcpu.h"
#include "vm.h"
#include "x86/backdoor.h"
#include "x86/state.h"

#define VECTOR_GP 13

static bool enable_vmware_backdoor;
module_param(enable_vmware_backdoor, bool, 0644);
MODULE_PARM_DESC(enable_vmware_backdoor,
		 "vCPUs that are created from now on have VMware's backdoor: its ports and counters, in user mode too (default 0)");

void backdoor_vcpu_create(struct vcpu *vcpu)
{
	if (READ_ONCE(enable_vmware_backdoor))
		vcpu->exceptions_wanted |= BIT(VECTOR_GP);
}

bool backdoor_has(const struct vcpu *vcpu)
{
	return vcpu->exceptions_wanted & BIT(VECTOR_GP);
}

bool backdoor_counter(struct vcpu *vcpu, u32 index, u64 *val)
{
	struct vm_x86 *v = vcpu->vm->x86;

	if (!backdoor_has(vcpu))
		return false;
	switch (index) {
	case EMU_BACKDOOR_PMC:
		*val = rdtsc();
		return true;
	case EMU_BACKDOOR_PMC + 1:
		*val = ktime_get_boottime_ns();
		return true;
	case EMU_BACKDOOR_PMC + 2:
		mutex_lock(&v->clock_lock);
		clock_check_sample(vcpu->vm);
		*val = clock_now(v);
		mutex_unlock(&v->clock_lock);
		return true;
	default:
		return false;
	}
}
