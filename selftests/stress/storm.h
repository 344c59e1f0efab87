/* SPDX-License-Identifier: GPL-2.0-only */
/* What ioctl_storm.c and storm_steps.c share. */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define STORM_MAX_CALLS 128

struct rng {
	u64 state;
};

/* xorshift64* */
static inline u64 rng_next(struct rng *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 2685821657736338717ull;
}

static inline u32 rng_below(struct rng *r, u32 limit)
{
	return (u32)((rng_next(r) >> 32) * limit >> 32);
}

/* Counted in all processes; some counts may get lost. */
struct shared {
	u64 calls[STORM_MAX_CALLS];
	u64 good[STORM_MAX_CALLS];
	u64 runs, exits;
};

struct round_state {
	bool stop;
};

extern struct shared *shared;
extern struct round_state round_state;
extern const unsigned int storm_nr_calls;

const char *storm_call_name(unsigned int call);

/* storm_begin() - in a round's process, before its threads: the memory for guests, the device. */
void storm_begin(struct rng *rng);

/* storm_step() - one random thing. */
void storm_step(struct rng *rng);

#endif /* STORM_H */
