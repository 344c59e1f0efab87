// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMX-preemption timer (SDM 3C 25.5.1): it counts down while the guest runs, once whenever bit X of the
 * TSC changes (X: IA32_VMX_MISC 4:0), and ends the run at 0.
 *
 * Two have a use for it: the timer of the guest's LAPIC (set_timer), which is written anew before each entry
 * since it stands still outside of the guest; and on Bochs the end of each run after a while (see
 * vt_host_is_bochs()), for which alone the CPU keeps what is left of it.
 */
#include <asm/msr.h>

#include "intel/vt.h"
#include "pure/vt_codec.h"

/* Ticks of the TSC, where runs are timed: about a millisecond. */
#define VT_TIMED_RUN (1U << 22)

#define VT_NO_TSC (~0ULL)

/* What to write so that the run ends once the TSC reaches @tsc, or earlier if that is a minute away. */
static __always_inline u32 vt_timer_count(u64 tsc)
{
	return vt_preemption_timer_value(rdtsc(), tsc, vt_host.c.timer_shift);
}

noinstr void vt_timer_enter(struct vt_vcpu *vt)
{
	vmcs_write(VMCS_PREEMPTION_TIMER, vt_timer_count(min(vt->timer_tsc, vt->run_end)));
}

/* With the VMCS current. */
void vt_timer_init(struct vt_vcpu *vt)
{
	vt->timer_tsc = VT_NO_TSC;
	vt->run_end = VT_NO_TSC;
	if (!vt_host.timed_runs && !vt_host.guest_timer)
		return;
	vt->ctl.pin |= VT_PIN_PREEMPTION_TIMER;
	if (vt_host.timed_runs) {
		/* What is left of it is for the next run, so that frequent exits do not hold it up. */
		vt->ctl.exit |= VT_EXITC_SAVE_TIMER;
		vt->run_end = rdtsc() + VT_TIMED_RUN;
	}
	vmcs_write(VMCS_PREEMPTION_TIMER, vt_timer_count(vt->run_end));
}

void vt_set_timer(struct vcpu *vcpu, u64 tsc)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	if (tsc != VT_NO_TSC) {
		vt->slow |= VT_SLOW_TIMER;
	} else if (vt->slow & VT_SLOW_TIMER) {
		vt->slow &= ~VT_SLOW_TIMER;
		vmcs_write(VMCS_PREEMPTION_TIMER, vt_timer_count(vt->run_end));
	}
	vt->timer_tsc = tsc;
}

/* It ended the run: for whom? A run's end is an interrupt of the host's, maybe. */
noinstr void vt_timer_exit(struct vt_vcpu *vt, struct vm_exit *exit)
{
	u64 now = rdtsc();

	/* If both are due the run's end is left for the next one, which is short. */
	if (now >= vt->timer_tsc)
		return;
	exit->reason = VM_EXIT_HOST_INTR;
	if (vt_host.timed_runs)
		vt->run_end = now + VT_TIMED_RUN;
	vmcs_write(VMCS_PREEMPTION_TIMER, vt_timer_count(vt->run_end));
}
