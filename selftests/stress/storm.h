/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the storm share. */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define STORM_MAX_CALLS 128
#define STORM_THREADS 5
#define STORM_HISTORY 32

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

/* Neighbouring seeds give unlike rounds (splitmix64's mixing); never 0, where xorshift stays. */
static inline struct rng rng_from(u64 seed)
{
	seed += 0x9e3779b97f4a7c15ull;
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ull;
	seed = (seed ^ seed >> 27) * 0x94d049bb133111ebull;
	seed ^= seed >> 31;
	return (struct rng){ seed ? seed : 1 };
}

/* One thing that a thread did, or (result STORM_RUNNING) is doing. */
#define STORM_RUNNING 0x7fffffff
struct storm_event {
	const char *what;
	int fd;
	u64 arg;
	int result, error;
};

/* The last things that one thread did, its heirs' too; read when something went wrong. */
struct storm_history {
	pid_t thread;
	u64 count;
	struct storm_event events[STORM_HISTORY];
};

/* Counted in all processes; some counts may get lost. */
struct shared {
	u64 calls[STORM_MAX_CALLS];
	u64 good[STORM_MAX_CALLS];
	u64 runs, exits;
	bool told;	/* of a fault: the first thread that has one reports it */
	struct storm_history history[STORM_THREADS];
};

struct round_state {
	bool stop;
};

extern struct shared *shared;
extern struct round_state round_state;
extern const unsigned int storm_nr_calls;

/* storm_begin() - in a round's process, before its threads: the memory for guests, the device. */
void storm_begin(struct rng *rng);

/* storm_step() - one random thing. */
void storm_step(struct rng *rng);

/* storm_thread_begin() - this thread's steps are noted in shared->history[@index]. */
void storm_thread_begin(unsigned int index);

/* storm_note() - this thread is about to do @what; storm_noted() - with this result, and errno. */
void storm_note(const char *what, int fd, u64 arg);
void storm_noted(int result);

/* storm_catch_faults() - a fault of this process is told with registers and mappings, then kills it. */
void storm_catch_faults(void);

/* storm_tell_history() - what each thread did last; storm_tell_process() - where each hangs. */
void storm_tell_history(void);
void storm_tell_process(pid_t pid);

#endif /* STORM_H */
