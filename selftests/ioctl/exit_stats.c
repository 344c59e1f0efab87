// SPDX-License-Identifier: GPL-2.0-only
/* The exit statistics of VMX_X_STATS_FD: their format, and that every exit and every tick is accounted for. */
#include "vmxtest.h"
#include "exit_stats.h"

#define ROUNDS 200
#define CPUIDS 5

static void guest_rounds(u64 id)
{
	u32 a, b, c, d;

	for (;;) {
		for (int i = 0; i < CPUIDS; i++)
			guest_cpuid(0, 0, &a, &b, &c, &d);
		guest_sync(0);
	}
}

static u64 tsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (u64)hi << 32;
}

TEST(format)
{
	struct stats_map m;
	struct vcpu *v;
	char *copy;
	int fd;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create_as(vm_create(0), 0, 77, guest_rounds);
	m = stats_map(v->fd);
	ASSERT_EQ(77, m.header->vcpu_id);
	ASSERT_GE(m.header->counters_offset, sizeof(*m.header));
	ASSERT_EQ(m.header->reasons_offset, m.header->counters_offset + 8 * m.header->nr_counters);
	ASSERT_GE(m.header->times_offset, m.header->reasons_offset + 8 * m.header->nr_reasons);
	ASSERT_GE(m.header->names_offset,
		  m.header->times_offset + m.header->nr_reasons * sizeof(struct vmx_x_stats_time));
	ASSERT_EQ(m.header->size, m.header->names_offset +
		  (m.header->nr_counters + m.header->nr_reasons) * VMX_X_STATS_NAME);
	ASSERT_GT(m.header->tsc_khz, 1000);
	ASSERT_EQ(m.header->nr_reasons - 1, stats_reason(&m, "run_ioctl"));
	for (u32 i = 0; i < m.header->nr_reasons; i++)
		ASSERT_TRUE(strlen(stats_reason_name(&m, i)) > 1);
	/* read(2) gives the same */
	copy = malloc(m.header->size + 1);
	fd = (int)must_ioctl(v->fd, VMX_X_STATS_FD, 0);
	ASSERT_EQ(m.header->size, read(fd, copy, m.header->size + 1));
	ASSERT_EQ(0, read(fd, copy, 1));
	ASSERT_EQ(0, memcmp(copy, m.base, 1000));
	free(copy);
	close(fd);
	stats_unmap(&m);
}

TEST(mapping)
{
	struct vcpu *v;
	struct stats_map m;
	size_t whole;
	char *p;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_rounds);
	m = stats_map(v->fd);
	whole = (m.header->size + 4095) & ~4095ul;
	ASSERT_EQ(MAP_FAILED, mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, whole + 4096, PROT_READ, MAP_SHARED, m.fd, 0));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, m.fd, 4096));
	ASSERT_EQ(-1, mprotect((void *)m.base, 4096, PROT_READ | PROT_WRITE));
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, m.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	munmap(p, 4096);
	/* The mapping stays when all else is gone. */
	close(m.fd);
	vcpu_expect_sync(v, 0);
	vm_close(v->vm);
	ASSERT_EQ(1, m.reasons[stats_reason(&m, "io")]);
}

static u64 histogram_sum(const struct stats_map *m, u32 reason)
{
	u64 sum = 0;

	for (int i = 0; i < VMX_X_STATS_BUCKETS; i++)
		sum += m->times[reason].histogram[i];
	return sum;
}

/* What must hold between the numbers of one reason, of which @late exits are not entered yet. */
static void check_times(const struct stats_map *m, u32 reason, u64 late)
{
	const volatile struct vmx_x_stats_time *t = &m->times[reason];
	u64 least = 0, most = 0, n = histogram_sum(m, reason);

	CHECK_EQ(n + late, m->reasons[reason]);
	for (int i = 0; i < VMX_X_STATS_BUCKETS && n; i++) {
		least += t->histogram[i] * (i ? 1ull << (i + VMX_X_STATS_SHIFT) : 0);
		most += t->histogram[i] << (i + VMX_X_STATS_SHIFT + 1);
	}
	CHECK(t->total >= least && t->total <= most);
	CHECK(t->max <= t->total && t->total <= t->max * n);
}

TEST(counts_and_times)
{
	struct stats_map m, before;
	struct vcpu *v;
	u64 exits = 0;
	u32 ioctl_row;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_rounds);
	m = stats_map(v->fd);
	before = stats_copy(&m);
	for (int i = 0; i < ROUNDS; i++)
		vcpu_expect_sync(v, 0);
	ioctl_row = stats_reason(&m, "run_ioctl");
	ASSERT_EQ(0, m.header->seq & 1);
	ASSERT_EQ(ROUNDS * CPUIDS, m.reasons[stats_reason(&m, "cpuid")]);
	ASSERT_EQ(ROUNDS, m.reasons[stats_reason(&m, "io")]);
	ASSERT_EQ(0, m.reasons[stats_reason(&m, "hlt")]);
	ASSERT_EQ(m.counters[stats_counter(&m, "user_exits")], m.reasons[ioctl_row]);
	for (u32 i = 0; i < m.header->nr_reasons; i++) {
		check_times(&m, i, 0);
		if (m.reasons[i] - before.reasons[i])
			ASSERT_GT(m.times[i].total, before.times[i].total);
		if (i != ioctl_row)
			exits += m.reasons[i];
	}
	ASSERT_EQ(exits, m.counters[stats_counter(&m, "exits")]);
	ASSERT_GT(m.counters[stats_counter(&m, "guest_cycles")], 0);
	ASSERT_EQ(0, m.counters[stats_counter(&m, "halt_cycles")]);
}

/* All time between two returns to the VMM is accounted for. */
TEST(no_time_is_lost)
{
	u64 before[2], after[2], sum[2];
	struct stats_map m;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_rounds);
	m = stats_map(v->fd);
	vcpu_expect_sync(v, 0);
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < (k ? ROUNDS : 0); i++)
			vcpu_expect_sync(v, 0);
		usleep(2000);
		before[k] = tsc();
		vcpu_expect_sync(v, 0);
		after[k] = tsc();
		sum[k] = stats_time(&m);
	}
	ASSERT_GE(sum[1] - sum[0], before[1] - after[0]);
	ASSERT_LE(sum[1] - sum[0], after[1] - before[0]);
	ASSERT_GE(m.counters[stats_counter(&m, "vmm_cycles")], 2 * 2ull * m.header->tsc_khz);
}

/* A reader sees one moment, while the guest runs. */
TEST(reader_beside)
{
	struct stats_map m;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_rounds);
	m = stats_map(v->fd);
	vcpu_start(v);
	for (int n = 0; n < 300; n++) {
		struct stats_map now = stats_copy(&m);
		u64 exits = 0, late = 0;

		for (u32 i = 0; i < now.header->nr_reasons; i++) {
			late += now.reasons[i] - histogram_sum(&now, i);
			if (i < now.header->nr_reasons - 1)
				exits += now.reasons[i];
		}
		ASSERT_LE(late, 1);
		ASSERT_EQ(exits, now.counters[stats_counter(&now, "exits")]);
		free((void *)now.base);
	}
	vcpu_stop(v);
}

static void guest_halts(u64 id)
{
	for (;;) {
		guest_sync(0);
		guest_hlt();
	}
}

/* The time in HLT is part of its exit's, and is told apart. */
TEST(halted)
{
	struct stats_map m;
	struct vcpu *v;
	u64 halted;
	u32 hlt;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_halts);
	m = stats_map(v->fd);
	hlt = stats_reason(&m, "hlt");
	vcpu_start(v);
	while (!m.counters[stats_counter(&m, "halt_exits")])
		usleep(1000);
	usleep(50000);
	vcpu_stop(v);
	halted = m.counters[stats_counter(&m, "halt_cycles")];
	ASSERT_GE(halted, 50ull * m.header->tsc_khz);
	ASSERT_EQ(1, m.reasons[hlt]);
	check_times(&m, hlt, 0);
	ASSERT_GE(m.times[hlt].total, halted);
}

TEST_HARNESS_MAIN
