// SPDX-License-Identifier: GPL-2.0-only
/* The 8254. See pit.h. */
#include "pure/pit.h"

#define NSEC 1000000000ULL

/* read_state and write_state, and (the first three) rw_mode */
enum { RW_LSB = 1, RW_MSB = 2, RW_WORD0 = 3, RW_WORD1 = 4 };

#define PIT_MODE_NONE 0xff /* since power-up no control word was written */

/* Port 0x61 */
#define SPEAKER_GATE 0x01
#define SPEAKER_DATA 0x02
#define SPEAKER_REFRESH 0x10
#define SPEAKER_OUT 0x20

static u64 pit_ticks(u64 ns)
{
	return mul_u64_u64_div_u64(ns, PIT_FREQUENCY, NSEC);
}

/* The first nanosecond at which that many ticks have passed. */
static u64 pit_ns(u64 ticks)
{
	return mul_u64_u64_div_u64(ticks, NSEC, PIT_FREQUENCY) + 1;
}

/* Is the counter held by its gate? Then count_load_time is -1 - (the time it had run). */
static bool pit_held(const struct vmx_pit_channel_state *c)
{
	return !c->gate && c->mode != 1 && c->mode != 5;
}

/* Nanoseconds that the counter has run; bounded, so that products fit. */
static u64 pit_run_ns(const struct vmx_pit_channel_state *c, u64 now)
{
	u64 ns;

	if (pit_held(c)) {
		ns = c->count_load_time < 0 ? (u64)(-1 - c->count_load_time) : 0;
	} else {
		ns = now - (u64)c->count_load_time;
		if (c->count_load_time > 0 && (u64)c->count_load_time > now)
			ns = 0;
	}
	return min_t(u64, ns, 1ULL << 62);
}

static u64 pit_run(const struct vmx_pit_channel_state *c, u64 now)
{
	return pit_ticks(pit_run_ns(c, now));
}

static bool pit_out(const struct vmx_pit_channel_state *c, u64 now)
{
	u64 d = pit_run(c, now), n = c->count;

	switch (c->mode) {
	case 0:
	case 1:
		return d >= n;
	case 2:
		/* One clock low, while the count is 1. Gate low forces it high. */
		return !c->gate || d % n != n - 1;
	case 3:
		return !c->gate || d % n < (n + 1) / 2;
	default: /* 4, 5: a strobe of one clock */
		return d != n;
	}
}

static u32 pit_to_bcd(u32 v)
{
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
}

static u32 pit_from_bcd(u32 v)
{
	return (v & 0xf) + (v >> 4 & 0xf) * 10 + (v >> 8 & 0xf) * 100 + (v >> 12 & 0xf) * 1000;
}

/* What the counting element shows. */
static u32 pit_counter(const struct vmx_pit_channel_state *c, u64 now)
{
	u64 d = pit_run(c, now), n = c->count;
	u32 range = c->bcd ? 10000 : 0x10000;
	u32 v;

	switch (c->mode) {
	case 2:
		v = (u32)(n - d % n);
		break;
	case 3:
		/* Counts down by two, twice per period. */
		v = (u32)(n - 2 * d % n) & ~1u;
		break;
	default:
		/* After zero it goes on from the top. */
		v = (u32)((n + range - d % range) % range);
		break;
	}
	v %= range;
	return c->bcd ? pit_to_bcd(v) : v;
}

bool pit_output(const struct pit *p, u32 ch, u64 now)
{
	return pit_out(&p->ch[array_index_nospec(ch, 3)], now);
}

u32 pit_count(const struct pit *p, u32 ch, u64 now)
{
	return pit_counter(&p->ch[array_index_nospec(ch, 3)], now);
}

/* ---- counter 0's interrupt ---- */

/* Cycles between interrupts: more than one if they would come too fast. */
static u64 pit_cycle(const struct vmx_pit_channel_state *c)
{
	u64 least = PIT_MIN_PERIOD_NS * PIT_FREQUENCY / NSEC;

	return c->count >= least ? c->count : c->count * ((least + c->count - 1) / c->count);
}

/* Finds the next rising output after now. */
static void pit_schedule(struct pit *p, u64 now)
{
	const struct vmx_pit_channel_state *c = &p->ch[0];
	u64 cycle = pit_cycle(c), start = (u64)c->count_load_time;

	switch (c->mode) {
	case 0:
	case 4:
		p->next = start + pit_ns(c->count);
		if (p->next <= now)
			p->next = 0;
		break;
	case 2:
	case 3:
		p->next = start + pit_ns((pit_run(c, now) / cycle + 1) * cycle);
		break;
	default:
		p->next = 0; /* modes 1 and 5 want a rising gate, which counter 0 never has */
		break;
	}
}

u64 pit_timer_next(const struct pit *p)
{
	return p->flags & VMX_PIT_FLAGS_HPET_LEGACY ? 0 : p->next;
}

bool pit_timer_expire(struct pit *p, u64 now)
{
	const struct vmx_pit_channel_state *c = &p->ch[0];
	u64 n = 1;

	if (!p->next || now < p->next)
		return false;
	if (c->mode == 2 || c->mode == 3) {
		/* Late by whole periods: those ticks count too. */
		n += pit_ticks(min_t(u64, now - p->next, 1ULL << 62)) / pit_cycle(c);
		pit_schedule(p, now);
	} else {
		p->next = 0;
	}
	if (p->flags & VMX_PIT_FLAGS_HPET_LEGACY)
		return false;
	if (!p->reinject)
		return true;
	p->pending = (u32)min_t(u64, p->pending + n, PIT_MAX_PENDING);
	if (!p->acked)
		return false;
	p->acked = false;
	p->pending--;
	return true;
}

bool pit_ack(struct pit *p)
{
	if (!p->reinject)
		return false;
	p->acked = true;
	if (!p->pending)
		return false;
	p->acked = false;
	p->pending--;
	return true;
}

void pit_reset_reinject(struct pit *p)
{
	p->pending = 0;
	p->acked = true;
}

/* ---- ports ---- */

static void pit_load(struct pit *p, u32 ch, u32 val, u64 now)
{
	struct vmx_pit_channel_state *c = &p->ch[ch];

	if (c->bcd)
		val = min(pit_from_bcd(val), 9999u); /* digits above 9 are undefined */
	c->count = val ? val : c->bcd ? 10000 : 0x10000;
	/* A period of one cannot be in modes 2 and 3 (8254 "minimum initial count"). */
	if ((c->mode == 2 || c->mode == 3) && c->count < 2)
		c->count = 2;
	if (c->mode == 1 || c->mode == 5)
		return; /* waits for a rising gate */
	c->count_load_time = pit_held(c) ? -1 : (s64)now;
	if (ch == 0) {
		pit_reset_reinject(p);
		pit_schedule(p, now);
	}
}

static void pit_latch_count(struct vmx_pit_channel_state *c, u64 now)
{
	/* A second latch before the first was read does nothing. */
	if (c->count_latched)
		return;
	c->latched_count = (u16)pit_counter(c, now);
	c->count_latched = c->rw_mode;
}

static void pit_latch_status(struct vmx_pit_channel_state *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status = (u8)(pit_out(c, now) << 7 | c->rw_mode << 4 | (c->mode & 7) << 1 | c->bcd);
	c->status_latched = 1;
}

static void pit_control(struct pit *p, u8 val, u64 now)
{
	struct vmx_pit_channel_state *c;
	u32 ch = val >> 6, rw = val >> 4 & 3;

	if (ch == 3) { /* read-back: bits 5 and 4 low select what, 3:1 the counters */
		for (ch = 0; ch < 3; ch++) {
			if (!(val & 2u << ch))
				continue;
			if (!(val & 0x20))
				pit_latch_count(&p->ch[ch], now);
			if (!(val & 0x10))
				pit_latch_status(&p->ch[ch], now);
		}
		return;
	}
	c = &p->ch[array_index_nospec(ch, 3)];
	if (!rw) {
		pit_latch_count(c, now);
		return;
	}
	c->rw_mode = (u8)rw;
	c->read_state = (u8)rw;
	c->write_state = (u8)rw;
	c->count_latched = 0;
	c->status_latched = 0;
	c->mode = val >> 1 & 7;
	if (c->mode > 5)
		c->mode &= 3; /* 6 and 7 are other ways to say 2 and 3 */
	c->bcd = val & 1;
	if (c->bcd && c->count > 10000)
		c->count = 10000;
	/*
	 * No count yet. Modes 1 and 5 look as if an earlier trigger had run out, so that the output
	 * is high; the others count from here with the old value, as good as any.
	 */
	if (c->mode == 1 || c->mode == 5)
		c->count_load_time = (s64)now - (s64)NSEC;
	else
		c->count_load_time = pit_held(c) ? -1 : (s64)now;
	if ((c->mode == 2 || c->mode == 3) && c->count < 2)
		c->count = 2;
	if (ch == 0)
		p->next = 0;
}

static void pit_set_gate(struct vmx_pit_channel_state *c, u8 gate, u64 now)
{
	u64 run;

	if (c->gate == gate)
		return;
	run = pit_run_ns(c, now);
	c->gate = gate;
	switch (c->mode) {
	case 1:
	case 5:
		if (gate)
			c->count_load_time = (s64)now; /* trigger */
		break;
	case 2:
	case 3:
		c->count_load_time = gate ? (s64)now : -1; /* start anew */
		break;
	default:
		c->count_load_time = gate ? (s64)(now - run) : -1 - (s64)run; /* hold */
		break;
	}
}

static u8 pit_read_counter(struct vmx_pit_channel_state *c, u64 now)
{
	u32 v;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->count_latched) {
		switch (c->count_latched) {
		case RW_WORD0:
			c->count_latched = RW_MSB;
			return (u8)c->latched_count;
		case RW_MSB:
			c->count_latched = 0;
			return (u8)(c->latched_count >> 8);
		default:
			c->count_latched = 0;
			return (u8)c->latched_count;
		}
	}
	v = pit_counter(c, now);
	switch (c->read_state) {
	case RW_MSB:
		return (u8)(v >> 8);
	case RW_WORD0:
		c->read_state = RW_WORD1;
		return (u8)v;
	case RW_WORD1:
		c->read_state = RW_WORD0;
		return (u8)(v >> 8);
	default:
		return (u8)v;
	}
}

u8 pit_read(struct pit *p, u16 port, u64 now)
{
	const struct vmx_pit_channel_state *c = &p->ch[2];
	u32 ch = port & 3;

	if (port == PIT_PORT_SPEAKER)
		return (u8)((p->flags & VMX_PIT_FLAGS_SPEAKER_DATA_ON ? SPEAKER_DATA : 0) |
			    (c->gate ? SPEAKER_GATE : 0) | (pit_out(c, now) ? SPEAKER_OUT : 0) |
			    (now >> 14 & 1 ? SPEAKER_REFRESH : 0)); /* about every 15 us */
	if ((port & ~3) != PIT_PORT || ch == 3)
		return 0xff; /* the control word cannot be read back (but as the command) */
	return pit_read_counter(&p->ch[array_index_nospec(ch, 3)], now);
}

static void pit_write_counter(struct pit *p, u32 ch, u8 val, u64 now)
{
	struct vmx_pit_channel_state *c = &p->ch[array_index_nospec(ch, 3)];

	switch (c->write_state) {
	case RW_MSB:
		pit_load(p, ch, (u32)val << 8, now);
		break;
	case RW_WORD0:
		c->write_latch = val;
		c->write_state = RW_WORD1;
		break;
	case RW_WORD1:
		c->write_state = RW_WORD0;
		pit_load(p, ch, c->write_latch | (u32)val << 8, now);
		break;
	default:
		pit_load(p, ch, val, now);
		break;
	}
}

void pit_write(struct pit *p, u16 port, u8 val, u64 now)
{
	u32 ch = port & 3;

	if (port == PIT_PORT_SPEAKER) {
		p->flags &= ~(u32)VMX_PIT_FLAGS_SPEAKER_DATA_ON;
		if (val & SPEAKER_DATA)
			p->flags |= VMX_PIT_FLAGS_SPEAKER_DATA_ON;
		pit_set_gate(&p->ch[2], val & SPEAKER_GATE, now);
	} else if ((port & ~3) != PIT_PORT) {
		return;
	} else if (ch == 3) {
		pit_control(p, val, now);
	} else {
		pit_write_counter(p, ch, val, now);
	}
}

/* ---- state ---- */

void pit_reset(struct pit *p, u64 now)
{
	u32 ch;

	memset(p, 0, sizeof(*p));
	p->reinject = true;
	p->acked = true;
	for (ch = 0; ch < 3; ch++) {
		p->ch[ch].mode = PIT_MODE_NONE;
		p->ch[ch].gate = ch != 2;
		p->ch[ch].count = 0x10000;
		p->ch[ch].count_load_time = ch != 2 ? (s64)now : -1;
	}
}

void pit_get_state(const struct pit *p, struct vmx_pit_state2 *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->channels, p->ch, sizeof(s->channels));
	s->flags = p->flags;
}

void pit_set_state(struct pit *p, const struct vmx_pit_state2 *s, u64 now)
{
	u32 ch;

	memcpy(p->ch, s->channels, sizeof(p->ch));
	p->flags = s->flags & (VMX_PIT_FLAGS_HPET_LEGACY | VMX_PIT_FLAGS_SPEAKER_DATA_ON);
	for (ch = 0; ch < 3; ch++) {
		struct vmx_pit_channel_state *c = &p->ch[ch];

		if (c->mode > 5 && c->mode != PIT_MODE_NONE)
			c->mode &= 3;
		c->bcd = !!c->bcd;
		c->gate = ch == 2 ? !!c->gate : 1;
		c->rw_mode &= 3;
		if (c->read_state > RW_WORD1)
			c->read_state = c->rw_mode;
		if (c->write_state > RW_WORD1)
			c->write_state = c->rw_mode;
		if (c->count_latched > RW_WORD0)
			c->count_latched = 0;
		if (!c->count || c->count > 0x10000)
			c->count = 0x10000;
		if (c->bcd && c->count > 10000)
			c->count = 10000;
		if ((c->mode == 2 || c->mode == 3) && c->count < 2)
			c->count = 2;
		/* Clocks of two machines have nothing to do with each other: count from here. */
		if (c->mode != 1 && c->mode != 5)
			c->count_load_time = pit_held(c) ? -1 : (s64)now;
		else
			c->count_load_time = (s64)now - (s64)NSEC;
	}
	pit_reset_reinject(p);
	p->next = 0;
	if (p->ch[0].mode != PIT_MODE_NONE)
		pit_schedule(p, now);
}
