/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How other threads request interrupts of a local APIC: an atomic map that its owner drains.
 *
 * The first 64 bytes have the layout of a posted-interrupt descriptor (SDM 3C 30.6): hardware that
 * processes posted interrupts is a change of who drains, not of who sends. NV, NDST and SN are for
 * devices that post by themselves: not used, nor kept.
 *
 *   sender                                   owner (the vCPU's thread)
 *   level[] := edge or level (if different)
 *   PIR bit := 1        (locked)             ON := 0        (locked)
 *   ON := 1             (locked)             take PIR words (locked), merge them into IRR
 *   was ON 0? kick the vCPU                  about to sleep: is ON set? then do not
 *
 * All of this may run in any context, with interrupts off.
 */
#ifndef VMX_PURE_LAPIC_PIR_H
#define VMX_PURE_LAPIC_PIR_H

#include "pure/lapic.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lapic_pir {
	u64 pir[4];
	u64 control; /* bit 0: ON, outstanding notification; 1: SN; 23:16: NV; 63:32: NDST */
	u64 reserved[3];
} __attribute__((aligned(64)));

#define LAPIC_PIR_ON 1ULL
#define LAPIC_PIR_HELD (1ULL << 8)	/* software's own (such bits are): held[] is not empty */
#define LAPIC_PIR_ANY (LAPIC_PIR_ON | LAPIC_PIR_HELD)

#ifdef __cplusplus
static_assert(sizeof(struct lapic_pir) == 64, "a posted-interrupt descriptor is a cache line");
#else
_Static_assert(sizeof(struct lapic_pir) == 64, "a posted-interrupt descriptor is a cache line");
#endif

struct lapic_post {
	struct lapic_pir pi;
	u64 level[4]; /* the trigger mode of each vector's last request: 1 = level */
	u64 watch[4]; /* vectors whose EOI somebody wants to hear of though they are edges */
	u64 held[4];  /* requests that only the owner may take: lapic_pir_hold() */
};

enum lapic_post_result {
	LAPIC_POST_COALESCED, /* was pending already */
	LAPIC_POST_QUIET,     /* new; a notification is outstanding already */
	LAPIC_POST_NOTIFY,    /* new, and the vCPU must be kicked */
};

static inline void lapic_post_trigger(struct lapic_post *p, u8 vec, bool level)
{
	u64 bit = 1ULL << (vec & 63);
	unsigned int w = vec >> 6;
	u64 trig = __atomic_load_n(&p->level[w], __ATOMIC_RELAXED);

	if (unlikely(!!(trig & bit) != level)) {
		if (level)
			__atomic_fetch_or(&p->level[w], bit, __ATOMIC_RELAXED);
		else
			__atomic_fetch_and(&p->level[w], ~bit, __ATOMIC_RELAXED);
	}
}

static inline enum lapic_post_result lapic_pir_post(struct lapic_post *p, u8 vec, bool level)
{
	u64 bit = 1ULL << (vec & 63);
	unsigned int w = vec >> 6;

	lapic_post_trigger(p, vec, level);
	if (__atomic_fetch_or(&p->pi.pir[w], bit, __ATOMIC_SEQ_CST) & bit)
		return LAPIC_POST_COALESCED;
	if (__atomic_fetch_or(&p->pi.control, LAPIC_PIR_ON, __ATOMIC_SEQ_CST) & LAPIC_PIR_ON)
		return LAPIC_POST_QUIET;
	return LAPIC_POST_NOTIFY;
}

/*
 * The same where hardware may drain the other map: this one is the owner's alone. Who is told to notify must
 * make the owner come, not the hardware.
 */
static inline enum lapic_post_result lapic_pir_hold(struct lapic_post *p, u8 vec, bool level)
{
	u64 bit = 1ULL << (vec & 63);
	unsigned int w = vec >> 6;

	lapic_post_trigger(p, vec, level);
	if (__atomic_fetch_or(&p->held[w], bit, __ATOMIC_SEQ_CST) & bit)
		return LAPIC_POST_COALESCED;
	if (__atomic_fetch_or(&p->pi.control, LAPIC_PIR_HELD, __ATOMIC_SEQ_CST) & LAPIC_PIR_HELD)
		return LAPIC_POST_QUIET;
	return LAPIC_POST_NOTIFY;
}

/* Is something posted that was not drained? The owner's check before it sleeps or enters. */
static inline bool lapic_pir_pending(const struct lapic_post *p)
{
	return __atomic_load_n(&p->pi.control, __ATOMIC_ACQUIRE) & LAPIC_PIR_ANY;
}

/* Slow half of lapic_pir_drain(). */
void lapic_pir_drain_words(struct lapic *l, struct lapic_post *p);

/* The owner takes what was posted into IRR and TMR. */
static inline void lapic_pir_drain(struct lapic *l, struct lapic_post *p)
{
	if (unlikely(lapic_pir_pending(p)))
		lapic_pir_drain_words(l, p);
}

/* Drops what was posted (INIT, SET_LAPIC, a disabled APIC). */
void lapic_pir_clear(struct lapic_post *p);

/* Forgets all watches; true if there were any. */
static inline bool lapic_unwatch_all(struct lapic_post *p)
{
	u64 any = 0;
	unsigned int w;

	for (w = 0; w < 4; w++)
		any |= __atomic_exchange_n(&p->watch[w], 0, __ATOMIC_ACQ_REL);
	return any;
}

static inline bool lapic_watched(const struct lapic_post *p, u8 vec)
{
	return __atomic_load_n(&p->watch[vec >> 6], __ATOMIC_RELAXED) >> (vec & 63) & 1;
}

/* Asks for lapic_unwatch() to tell of vec's next EOI. Any context. */
static inline void lapic_watch(struct lapic_post *p, u8 vec)
{
	__atomic_fetch_or(&p->watch[vec >> 6], 1ULL << (vec & 63), __ATOMIC_RELEASE);
}

/* At an EOI: was vec watched? It no longer is. */
static inline bool lapic_unwatch(struct lapic_post *p, u8 vec)
{
	u64 bit = 1ULL << (vec & 63);

	if (likely(!(__atomic_load_n(&p->watch[vec >> 6], __ATOMIC_RELAXED) & bit)))
		return false;
	return __atomic_fetch_and(&p->watch[vec >> 6], ~bit, __ATOMIC_ACQ_REL) & bit;
}

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_LAPIC_PIR_H */
