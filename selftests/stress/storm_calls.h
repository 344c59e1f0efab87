/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of calls, and what its arguments are made of. Inside a round's process. */
#ifndef STORM_CALLS_H
#define STORM_CALLS_H

#include "storm.h"

#define PAGE 4096ul
#define ARENA (16ul << 20)
#define BUFFER 16384		/* of an argument */
#define EVENTS 4
#define LARGEST_SLOT (1ul << 36)

enum target { SYS, VM, VCPU };

/* A valid argument, in a buffer of BUFFER bytes. */
typedef void fill_fn(struct rng *r, void *buf);

/* The argument: without a size a number; with get, what that call says, changed a little. */
struct call {
	const char *name;
	unsigned long nr;
	enum target target;
	fill_fn *fill;
	unsigned long get;
};

extern const struct call storm_calls[];

extern int storm_device, storm_events[EVENTS];
extern u8 *storm_view;	/* the arena as this program sees it: always there */
extern u8 *storm_arena;	/* the same memory where the slots point to: comes and goes */

u64 storm_some_gpa(struct rng *r);

#endif /* STORM_CALLS_H */
