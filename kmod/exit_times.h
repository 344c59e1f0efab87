/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a vCPU's time goes: to the guest, to each reason of exit, to the VMM. All by the TSC, which is read once
 * before and once after the guest runs:
 *
 *	exit_times_ioctl()	the VMM's time ends, the time of "run_ioctl" begins
 *	exit_times_enter()	what is open ends here; the guest's time begins
 *	exit_times_exit()	the guest's time ends; what was open is entered, this exit is open
 *	exit_times_return()	what is open ends and is entered; the VMM's time begins
 *
 * uapi/vmx_ext.h says how a reader finds it. The vCPU's own thread only.
 */
#ifndef VMX_EXIT_TIMES_H
#define VMX_EXIT_TIMES_H

#include <linux/bitops.h>
#include <linux/jump_label.h>
#include <asm/msr.h>

#include "stats.h"
#include "vcpu.h"

DECLARE_STATIC_KEY_TRUE(exit_times_key);

#define exit_times_on() static_branch_likely(&exit_times_key)

/* 0 if @to is before @from: on another CPU, whose TSC is behind, or after a suspend, where it starts anew. */
static __always_inline u64 exit_times_between(u64 from, u64 to)
{
	s64 ticks = to - from;

	return unlikely(ticks < 0) ? 0 : ticks;
}

/* What is open ends at @now. Inside stats_begin() and stats_end(). */
static __always_inline void exit_times_close(struct vcpu *vcpu, u64 now)
{
	struct vmx_x_stats_time *open = vcpu->times.open;
	u64 ticks = exit_times_between(vcpu->times.at_exit, now);

	open->total += ticks;
	if (unlikely(ticks > open->max))
		open->max = ticks;
	open->histogram[__fls(ticks >> VMX_X_STATS_SHIFT | 1)]++;
}

/* Interrupts off, directly before the entry. */
static __always_inline void exit_times_enter(struct vcpu *vcpu)
{
	if (exit_times_on())
		vcpu->times.at_entry = rdtsc();
}

/* Directly after the exit: counts it, too. */
static __always_inline void exit_times_exit(struct vcpu *vcpu)
{
	struct vcpu_times *times = &vcpu->times;
	struct vcpu_stats *stats = vcpu->stats;
	unsigned long reason = vcpu->exit.reason;

	if (exit_times_on()) {
		u64 now = rdtsc(), at_entry = times->at_entry;

		stats_begin(stats);
		exit_times_close(vcpu, at_entry);
		times->at_exit = now;
		now -= at_entry;
		OPTIMIZER_HIDE_VAR(now);	/* else it loads, adds, subtracts and stores */
		stats->guest_cycles += now;
		times->open = &stats->times[reason];
	} else {
		stats_begin(stats);
	}
	stats->exits++;
	stats->by_reason[reason]++;
	stats_end(stats);
}

static __always_inline void exit_times_ioctl(struct vcpu *vcpu)
{
	struct vcpu_times *times = &vcpu->times;
	struct vcpu_stats *stats = vcpu->stats;

	stats_begin(stats);
	stats->by_reason[VM_EXIT_NR]++;
	if (exit_times_on()) {
		u64 now = rdtsc();

		stats->vmm_cycles += exit_times_between(times->returned, now);
		times->at_exit = now;
		times->open = &stats->times[VM_EXIT_NR];
	}
	stats_end(stats);
}

static __always_inline void exit_times_return(struct vcpu *vcpu)
{
	struct vcpu_times *times = &vcpu->times;
	struct vcpu_stats *stats = vcpu->stats;

	stats_begin(stats);
	stats->user_exits++;
	if (exit_times_on()) {
		times->returned = rdtsc();
		exit_times_close(vcpu, times->returned);
	}
	stats_end(stats);
}

#endif /* VMX_EXIT_TIMES_H */
