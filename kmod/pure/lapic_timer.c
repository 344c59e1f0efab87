// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's timer (SDM 3A 11.5.4).
 *
 * Nothing ticks: an expiry time is kept, and the current count follows from it. A masked timer
 * runs on paper only; whoever unmasks it drops the expiries that went by unseen.
 */
#include "pure/lapic.h"

static u32 lapic_timer_mode(const struct lapic *l)
{
	return lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_TIMER_MODE;
}

static bool lapic_timer_periodic(const struct lapic *l)
{
	return lapic_timer_mode(l) == LAPIC_LVT_TIMER_PERIODIC;
}

/* Length of one cycle from count; at least the minimum if the timer is periodic. */
static u64 lapic_timer_period(const struct lapic *l, u32 count)
{
	u64 ns = (u64)count << l->timer_shift;

	return lapic_timer_periodic(l) ? max_t(u64, ns, LAPIC_MIN_PERIOD_NS) : ns;
}

/* Moves an expiry that has passed to the first one after now; a one-shot timer stops. */
static void lapic_timer_advance(struct lapic *l, u64 now)
{
	struct lapic_timer *t = &l->timer;

	if (!t->expiry || now < t->expiry)
		return;
	if (!lapic_timer_periodic(l) || !t->period)
		t->expiry = 0;
	else
		t->expiry += t->period * ((now - t->expiry) / t->period + 1);
}

enum lapic_timer_kind lapic_timer_next(const struct lapic *l, u64 *at)
{
	const struct lapic_timer *t = &l->timer;

	if (!lapic_enabled(l) || (lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED))
		return LAPIC_TIMER_OFF;
	if (lapic_timer_mode(l) == LAPIC_LVT_TIMER_DEADLINE) {
		*at = t->deadline;
		return t->deadline ? LAPIC_TIMER_TSC : LAPIC_TIMER_OFF;
	}
	*at = t->expiry;
	return t->expiry ? LAPIC_TIMER_NS : LAPIC_TIMER_OFF;
}

u32 lapic_timer_expire(struct lapic *l, u64 now, u64 tsc)
{
	struct lapic_timer *t = &l->timer;

	if (lapic_timer_mode(l) == LAPIC_LVT_TIMER_DEADLINE) {
		if (!t->deadline)
			return 0;
		/*
		 * The host's clock and its TSC drift apart a little: early by that is armed again, for
		 * the guest may look at its TSC (SDM 3A 11.5.4.1: not before the TSC is there).
		 */
		if (tsc < t->deadline)
			return LAPIC_FX_TIMER;
		t->deadline = 0;
		lapic_local(l, LAPIC_LVT_TIMER);
		return 0;
	}
	if (!t->expiry)
		return 0;
	if (now < t->expiry)
		return LAPIC_FX_TIMER;
	lapic_timer_advance(l, now);
	lapic_local(l, LAPIC_LVT_TIMER);
	return t->expiry ? LAPIC_FX_TIMER : 0;
}

u64 lapic_deadline_read(struct lapic *l, u64 tsc)
{
	if (lapic_timer_mode(l) != LAPIC_LVT_TIMER_DEADLINE)
		return 0;
	/* Masked, nobody tells us that it passed. */
	if ((lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED) && tsc >= l->timer.deadline)
		l->timer.deadline = 0;
	return l->timer.deadline;
}

u32 lapic_deadline_write(struct lapic *l, u64 deadline)
{
	if (lapic_timer_mode(l) != LAPIC_LVT_TIMER_DEADLINE)
		return 0;
	l->timer.deadline = deadline;
	return LAPIC_FX_TIMER;
}

u32 lapic_timer_current(const struct lapic *l, u64 now)
{
	const struct lapic_timer *t = &l->timer;
	u64 left;

	if (!t->expiry)
		return 0;
	if (now < t->expiry)
		left = t->expiry - now;
	else if (lapic_timer_periodic(l) && t->period)
		left = t->period - (now - t->expiry) % t->period;
	else
		return 0;
	/* Rounded up: the count is 0 only once the timer has expired. */
	left = (left + BIT_ULL(l->timer_shift) - 1) >> l->timer_shift;
	return (u32)min_t(u64, left, lapic_reg(l, LAPIC_TIMER_INITIAL));
}

u32 lapic_timer_set_initial(struct lapic *l, u32 count, u64 now)
{
	struct lapic_timer *t = &l->timer;

	/* SDM 3A 11.5.4.1: in deadline mode writes to the initial count are ignored. */
	if (lapic_timer_mode(l) == LAPIC_LVT_TIMER_DEADLINE)
		return 0;
	lapic_reg_set(l, LAPIC_TIMER_INITIAL, count);
	t->period = count ? lapic_timer_period(l, count) : 0;
	t->expiry = count ? now + t->period : 0;
	return LAPIC_FX_TIMER;
}

static u8 lapic_timer_shift(u32 divide)
{
	/* Bits 3, 1, 0: 000 divides by 2 ... 110 by 128, 111 by 1 (SDM 3A figure 11-10). */
	return (u8)(((divide & 3) | (divide >> 1 & 4)) + 1) & 7;
}

u32 lapic_timer_set_divide(struct lapic *l, u32 divide, u64 now)
{
	struct lapic_timer *t = &l->timer;
	u32 left;

	if (lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED)
		lapic_timer_advance(l, now);
	left = lapic_timer_current(l, now);
	lapic_reg_set(l, LAPIC_TIMER_DIVIDE, divide);
	l->timer_shift = lapic_timer_shift(divide);
	if (!t->expiry)
		return 0;
	t->period = lapic_timer_period(l, lapic_reg(l, LAPIC_TIMER_INITIAL));
	/* The count goes on from where it is, at the new speed; what is due already stays due. */
	if (now < t->expiry)
		t->expiry = now + ((u64)left << l->timer_shift);
	return LAPIC_FX_TIMER;
}

u32 lapic_timer_set_lvt(struct lapic *l, u32 lvt, u64 now)
{
	struct lapic_timer *t = &l->timer;
	u32 old = lapic_reg(l, LAPIC_LVT_TIMER);

	/* What expired unseen, under the mode it had, is gone. */
	if (old & LAPIC_LVT_MASKED)
		lapic_timer_advance(l, now);
	lapic_reg_set(l, LAPIC_LVT_TIMER, lvt);
	if (((old ^ lvt) & LAPIC_LVT_TIMER_MODE) &&
	    ((old | lvt) & LAPIC_LVT_TIMER_DEADLINE)) {
		/* SDM 3A 11.5.4.1: to or from deadline mode disarms the timer. */
		t->expiry = 0;
		t->period = 0;
		t->deadline = 0;
		lapic_reg_set(l, LAPIC_TIMER_INITIAL, 0);
	} else if (t->expiry) {
		/* One-shot to periodic and back: the count goes on. */
		t->period = lapic_timer_period(l, lapic_reg(l, LAPIC_TIMER_INITIAL));
	}
	return LAPIC_FX_TIMER;
}
