// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "exit_stats.h"

static void locate(struct stats_map *m)
{
	m->header = (const void *)m->base;
	m->counters = (const void *)(m->base + m->header->counters_offset);
	m->reasons = (const void *)(m->base + m->header->reasons_offset);
	m->times = (const void *)(m->base + m->header->times_offset);
}

struct stats_map stats_map(int vcpu_fd)
{
	struct stats_map m = { .fd = (int)try_ioctl(vcpu_fd, VMX_X_STATS_FD, NULL) };
	struct vmx_x_stats_header h;

	CHECK(m.fd >= 0);
	CHECK_EQ(read(m.fd, &h, sizeof(h)), (long)sizeof(h));
	CHECK_EQ(h.version, VMX_X_STATS_VERSION);
	m.base = mmap(NULL, h.size, PROT_READ, MAP_SHARED, m.fd, 0);
	CHECK(m.base != MAP_FAILED);
	locate(&m);
	return m;
}

void stats_unmap(struct stats_map *m)
{
	munmap((void *)m->base, m->header->size);
	close(m->fd);
}

static u32 find_name(const struct stats_map *m, u32 from, u32 to, const char *name)
{
	const char (*names)[VMX_X_STATS_NAME] = (const void *)(m->base + m->header->names_offset);

	for (u32 i = from; i < to; i++)
		if (!strncmp(names[i], name, VMX_X_STATS_NAME))
			return i - from;
	DIE("the statistics have no %s", name);
}

u32 stats_counter(const struct stats_map *m, const char *name)
{
	return find_name(m, 0, m->header->nr_counters, name);
}

u32 stats_reason(const struct stats_map *m, const char *name)
{
	u32 first = m->header->nr_counters;

	return find_name(m, first, first + m->header->nr_reasons, name);
}

const char *stats_reason_name(const struct stats_map *m, u32 reason)
{
	CHECK(reason < m->header->nr_reasons);
	return m->base + m->header->names_offset + (m->header->nr_counters + reason) * VMX_X_STATS_NAME;
}

struct stats_map stats_copy(const struct stats_map *m)
{
	const volatile u32 *seq = &m->header->seq;
	size_t size = m->header->size;
	struct stats_map copy = { .fd = -1 };
	char *to = malloc(size);
	u32 before;

	CHECK(to);
	do {
		do {
			before = *seq;
		} while (before & 1);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		memcpy(to, m->base, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (*seq != before);
	copy.base = to;
	locate(&copy);
	return copy;
}

u64 stats_time(const struct stats_map *m)
{
	u64 sum = m->counters[stats_counter(m, "guest_cycles")] + m->counters[stats_counter(m, "vmm_cycles")];

	for (u32 i = 0; i < m->header->nr_reasons; i++)
		sum += m->times[i].total;
	return sum;
}

long try_trace(int vcpu_fd, u32 records, u64 reasons)
{
	struct vmx_x_trace arg = { .size = sizeof(arg), .records = records, .reasons = reasons };

	return try_ioctl(vcpu_fd, VMX_X_TRACE_FD, &arg);
}

struct trace_map trace_map(int vcpu_fd, u32 records, u64 reasons)
{
	struct trace_map t = { .fd = (int)try_trace(vcpu_fd, records, reasons) };
	char *base;

	CHECK(t.fd >= 0);
	base = mmap(NULL, 4096 + records * sizeof(*t.records), PROT_READ, MAP_SHARED, t.fd, 0);
	CHECK(base != MAP_FAILED);
	t.header = (const void *)base;
	CHECK_EQ(t.header->version, VMX_X_TRACE_VERSION);
	CHECK_EQ(t.header->record_size, sizeof(*t.records));
	CHECK_EQ(t.header->nr_records, records);
	t.records = (const void *)(base + t.header->header_size);
	return t;
}

void trace_unmap(struct trace_map *t)
{
	munmap((void *)t->header, 4096 + t->header->nr_records * sizeof(*t->records));
	close(t->fd);
}

void trace_enable(const struct trace_map *t, bool on)
{
	must_ioctl(t->fd, VMX_X_TRACE_ENABLE, on);
}

const struct vmx_x_trace_record *trace_record(const struct trace_map *t, u64 n)
{
	u64 head = __atomic_load_n(&t->header->head, __ATOMIC_ACQUIRE);

	CHECK(n < head && head - n < t->header->nr_records);
	return &t->records[n % t->header->nr_records];
}
