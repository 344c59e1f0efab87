// SPDX-License-Identifier: GPL-2.0-only
/* Synthetic timers and the reference clock (TLFS 12). */
#include "pure/hyperv.h"

void hv_stimer_reset(struct hv_stimer *t)
{
	memset(t, 0, sizeof(*t));
}

static void stop(struct hv_stimer *t)
{
	t->expires = 0;
	t->undelivered = false;
}

void hv_stimer_set_config(struct hv_stimer *t, u64 config)
{
	/* Without a source there is nobody to send a message to: it stays off (TLFS 12.3). */
	if (!(config & VMX_HV_STIMER_DIRECT) &&
	    !(config >> VMX_HV_STIMER_SINT_SHIFT & (VMX_HV_SINTS - 1)))
		config &= ~VMX_HV_STIMER_ENABLE;
	t->config = config;
	stop(t);
}

void hv_stimer_set_count(struct hv_stimer *t, u64 count)
{
	t->count = count;
	if (!count)
		t->config &= ~VMX_HV_STIMER_ENABLE;
	else if (t->config & VMX_HV_STIMER_AUTO)
		hv_stimer_set_config(t, t->config | VMX_HV_STIMER_ENABLE);
	stop(t);
}

static u64 period(const struct hv_stimer *t)
{
	return max(t->count, (u64)HV_STIMER_MIN_PERIOD);
}

/* No sum may pass the end of time: it would look like the past. */
static u64 later(u64 now, u64 by)
{
	return now + by < now ? ~0ULL : now + by;
}

static void start(struct hv_stimer *t, u64 now)
{
	/* COUNT is a period, or the time itself. */
	t->expires = hv_stimer_periodic(t) ? later(now, period(t)) : t->count;
}

enum hv_stimer_step hv_stimer_run(struct hv_stimer *t, u64 now)
{
	if (!(t->config & VMX_HV_STIMER_ENABLE) || !t->count)
		return HV_STIMER_OFF;
	if (t->undelivered)
		return HV_STIMER_FIRE;
	if (!t->expires)
		start(t, now);
	return now >= t->expires ? HV_STIMER_FIRE : HV_STIMER_WAIT;
}

void hv_stimer_fired(struct hv_stimer *t, bool delivered, u64 now)
{
	u64 late;

	if (!hv_stimer_periodic(t)) {
		t->undelivered = !delivered;
		if (delivered) {
			t->config &= ~VMX_HV_STIMER_ENABLE;
			t->expires = 0;
		}
		return;
	}
	/* Ticks that could not be had in time are lost; the next one is on the grid. */
	t->undelivered = false;
	late = now > t->expires ? (now - t->expires) % period(t) : 0;
	t->expires = later(now, period(t) - late);
}

u64 hv_tsc_scale(u32 khz)
{
	u64 high, rest;

	/* At 10 MHz and below the quotient has no room. */
	if (khz <= 10000)
		return 0;
	/* 10^4 * 2^64 / khz in two halves. */
	high = (10000ULL << 32) / khz;
	rest = (10000ULL << 32) % khz;
	return (high << 32) + (rest << 32) / khz;
}
