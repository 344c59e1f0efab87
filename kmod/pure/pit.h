/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's 8254 interval timer, with the speaker port 0x61.
 *
 * Implements: Intel 8254 data sheet: three counters, modes 0 to 5, BCD, counter latch, read-back;
 * port 0x61 with counter 2's gate and output, speaker data and the refresh toggle.
 * Differs: a new count takes effect at once, also in modes 2 and 3 (the chip ends the half period
 * first), so the null-count flag always reads 0. Gate 0 and 1 are always high, as on a PC.
 *
 * Nothing ticks: outputs and counts follow from the time (`now`, ns of a monotonic clock). Counter
 * 0's rising output is interrupt 0: the caller arms a timer for pit_timer_next().
 *
 * No locks: the caller has one.
 */
#ifndef VMX_PURE_PIT_H
#define VMX_PURE_PIT_H

#include "pure/env.h"
#include "uapi/vmx.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PIT_FREQUENCY 1193182ULL /* Hz */
#define PIT_PORT 0x40
#define PIT_PORT_SPEAKER 0x61

/* Counter 0 interrupts no more often than this: the guest picks the period, the host pays. */
#define PIT_MIN_PERIOD_NS 200000ULL
/* Ticks that wait to be injected, at most: about an hour of Linux' 250 Hz. */
#define PIT_MAX_PENDING (1u << 20)

struct pit {
	struct vmx_pit_channel_state ch[3];
	u32 flags;       /* VMX_PIT_FLAGS_* */
	bool reinject;   /* ticks that the guest could not take are given later, one per EOI */
	bool acked;      /* the last tick was acknowledged */
	u32 pending;     /* ticks not injected yet */
	u64 next;        /* counter 0's next rising output, ns; 0: none */
};

void pit_reset(struct pit *p, u64 now);

/* Port access, one byte: 0x40..0x43 and 0x61. After a write look at pit_timer_next(). */
u8 pit_read(struct pit *p, u16 port, u64 now);
void pit_write(struct pit *p, u16 port, u8 val, u64 now);

/* When must pit_timer_expire() be called? 0: never. */
u64 pit_timer_next(const struct pit *p);

/* The timer went off. Returns true if an edge on interrupt 0 is to be injected now. */
bool pit_timer_expire(struct pit *p, u64 now);

/* The guest ended interrupt 0. Returns true if the next pending tick is to be injected. */
bool pit_ack(struct pit *p);

/* The tick that was to be injected went nowhere, or what was to acknowledge it was reset. */
void pit_reset_reinject(struct pit *p);

/* Counter's output and current count. For tests. */
bool pit_output(const struct pit *p, u32 ch, u64 now);
u32 pit_count(const struct pit *p, u32 ch, u64 now);

void pit_get_state(const struct pit *p, struct vmx_pit_state2 *s);

/* Counting starts anew at now. Impossible values are cut to possible ones. */
void pit_set_state(struct pit *p, const struct vmx_pit_state2 *s, u64 now);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_PIT_H */
