/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rest of the kernel must be told around guest execution: RCU (guest mode is a quiescent
 * state), context tracking, lockdep and the tracers (interrupts are on in the guest), CPU time.
 */
#ifndef VMX_GUEST_STATE_H
#define VMX_GUEST_STATE_H

#include <linux/context_tracking.h>
#include <linux/ftrace.h>
#include <linux/instrumentation.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/vtime.h>

#include "compat.h"

/*
 * From now on CPU time is the guest's. Interrupts off. @noted: the vCPU's own word.
 *
 * RCU is told of the guest mode once in a jiffy: a tick ends a series of entries, so a grace period
 * waits no longer than that.
 */
static __always_inline void guest_time_start(unsigned long *noted)
{
	vtime_account_guest_enter();
	if (likely(*noted == jiffies) || context_tracking_enabled_this_cpu())
		return;
	*noted = jiffies;
	compat_rcu_virt_note();
}

static __always_inline void guest_time_end(void)
{
	vtime_account_guest_exit();
}

/* noinstr code only between the two. */
static __always_inline void guest_state_enter(void)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();
	context_tracking_guest_enter();
	lockdep_hardirqs_on(CALLER_ADDR0);
}

static __always_inline void guest_state_exit(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();
	instrumentation_begin();
	trace_hardirqs_off_finish();
	instrumentation_end();
}

#endif /* VMX_GUEST_STATE_H */
