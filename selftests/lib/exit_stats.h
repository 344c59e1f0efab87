/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's exit statistics and its exit trace, mapped. */
#ifndef SELFTESTS_LIB_EXIT_STATS_H
#define SELFTESTS_LIB_EXIT_STATS_H

#include "host.h"
#include "uapi/vmx_ext.h"

struct stats_map {
	int fd;
	const char *base;
	const struct vmx_x_stats_header *header;
	const volatile u64 *counters, *reasons;
	const volatile struct vmx_x_stats_time *times;
};

struct stats_map stats_map(int vcpu_fd);
void stats_unmap(struct stats_map *m);
/* The number of a counter, of a reason; ends the test if there is none of that name. */
u32 stats_counter(const struct stats_map *m, const char *name);
u32 stats_reason(const struct stats_map *m, const char *name);
const char *stats_reason_name(const struct stats_map *m, u32 reason);
/* All the counts and times of one moment: header.size bytes, which the caller frees. */
struct stats_map stats_copy(const struct stats_map *m);
/* All time that was accounted for, ticks. */
u64 stats_time(const struct stats_map *m);

struct trace_map {
	int fd;
	const volatile struct vmx_x_trace_header *header;
	const struct vmx_x_trace_record *records;
};

long try_trace(int vcpu_fd, u32 records, u64 reasons);
struct trace_map trace_map(int vcpu_fd, u32 records, u64 reasons);
void trace_unmap(struct trace_map *t);
void trace_enable(const struct trace_map *t, bool on);
/* Record number @n, which must be in the ring. */
const struct vmx_x_trace_record *trace_record(const struct trace_map *t, u64 n);

#endif
