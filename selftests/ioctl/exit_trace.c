// SPDX-License-Identifier: GPL-2.0-only
/* The exit trace, and that it, the statistics, the tracepoints and the guest itself count the same. */
#include <sys/mount.h>
#include <sys/stat.h>
#include "vmxtest.h"
#include "exit_stats.h"

#define ID 173	/* no other test's vCPU has it: by it the tracepoints are told apart */
#define TSC_ADJUST 0x3b

/* What the guest says that it did. */
static volatile u64 did_cpuid, did_out, did_wrmsr;

static void guest_mix(u64 id)
{
	u32 a, b, c, d;

	for (;;) {
		for (int i = 0; i < 7; i++, did_cpuid++)
			guest_cpuid(0, 0, &a, &b, &c, &d);
		for (int i = 0; i < 3; i++, did_wrmsr++)
			asm volatile("wrmsr" : : "c"(TSC_ADJUST), "a"(0), "d"(0) : "memory");
		did_out++;
		guest_sync(0);
	}
}

static void guest_cpuids(u64 id)
{
	u32 a, b, c, d;

	for (;;) {
		for (int i = 0; i < 1000; i++)
			guest_cpuid(0, 0, &a, &b, &c, &d);
		guest_sync(0);
	}
}

/* ---- tracefs ---- */

#define TRACEFS "/sys/kernel/tracing"

static char instance[100];

static bool tracefs_write(const char *name, const char *value)
{
	char path[200];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ok = write(fd, value, strlen(value)) == (long)strlen(value);
	close(fd);
	return ok;
}

static bool tracefs_begin(void)
{
	char filter[30];

	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	snprintf(instance, sizeof(instance), TRACEFS "/instances/vmx-%d", getpid());
	if (mkdir(instance, 0700))
		return false;
	snprintf(filter, sizeof(filter), "vcpu == %d", ID);
	return tracefs_write("events/vmx/vmx_exit/filter", filter) && tracefs_write("buffer_size_kb", "4096") &&
	       tracefs_write("events/vmx/vmx_exit/enable", "1");
}

/* Events by reason. */
static void tracefs_end(u64 *count, u32 nr)
{
	char path[200], line[400];
	FILE *f;

	CHECK(tracefs_write("events/vmx/vmx_exit/enable", "0"));
	snprintf(path, sizeof(path), "%s/trace", instance);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, " reason ");
		unsigned int reason;

		if (line[0] == '#' || !at)
			continue;
		CHECK(!strstr(line, "LOST"));
		CHECK(sscanf(at, " reason %u", &reason) == 1 && reason < nr);
		count[reason]++;
	}
	fclose(f);
	CHECK_EQ(rmdir(instance), 0);
}

/* ---- the tests ---- */

TEST(all_agree)
{
	u64 points[64] = {}, traced[64] = {}, kernel[64] = {}, guest = 0;
	struct stats_map m, before;
	struct trace_map t;
	bool tracefs;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create_as(vm_create(0), 0, ID, guest_mix);
	m = stats_map(v->fd);
	t = trace_map(v->fd, 16384, 0);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(0, t.header->head);
	tracefs = tracefs_begin();
	before = stats_copy(&m);
	did_cpuid = did_wrmsr = did_out = 0;
	trace_enable(&t, true);
	for (int i = 0; i < 300; i++)
		vcpu_expect_sync(v, 0);
	trace_enable(&t, false);
	if (tracefs)
		tracefs_end(points, 64);
	else
		TH_LOG("no tracefs here: the tracepoints were not counted");
	for (u64 n = 0; n < t.header->head; n++) {
		const struct vmx_x_trace_record *r = trace_record(&t, n);

		ASSERT_LT(r->reason, m.header->nr_reasons - 1);
		traced[r->reason]++;
		kernel[r->reason] += r->in_kernel;
		guest += r->in_guest;
	}
	ASSERT_EQ(300, did_out);
	ASSERT_EQ(did_cpuid, traced[stats_reason(&m, "cpuid")]);
	ASSERT_EQ(did_wrmsr, traced[stats_reason(&m, "wrmsr")]);
	ASSERT_EQ(did_out, traced[stats_reason(&m, "io")]);
	for (u32 i = 0; i < m.header->nr_reasons - 1; i++) {
		ASSERT_EQ(m.reasons[i] - before.reasons[i], traced[i]);
		ASSERT_EQ(m.times[i].total - before.times[i].total, kernel[i]);
		if (tracefs)
			ASSERT_EQ(traced[i], points[i]);
	}
	ASSERT_EQ(m.counters[stats_counter(&m, "guest_cycles")] - before.counters[stats_counter(&m, "guest_cycles")],
		  guest);
}

TEST(records)
{
	struct vmx_regs regs;
	struct vmx_sregs s;
	struct stats_map m;
	struct trace_map t;
	struct vcpu *v;
	u64 last = 0, n, cpuids = 0;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_mix);
	m = stats_map(v->fd);
	t = trace_map(v->fd, 1024, 0);
	trace_enable(&t, true);
	vcpu_expect_sync(v, 0);
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	for (n = 0; n < t.header->head; n++) {
		const struct vmx_x_trace_record *r = trace_record(&t, n);

		ASSERT_GT(r->tsc, last);
		last = r->tsc;
		ASSERT_EQ(s.cr3, r->cr3);
		ASSERT_GT(r->in_guest, 0);
		ASSERT_GT(r->in_kernel, 0);
		if (r->reason == stats_reason(&m, "cpuid")) {
			cpuids++;
			ASSERT_EQ(VMX_X_TRACE_FAST, r->result);
			ASSERT_EQ(0x0f, *(u8 *)r->rip);		/* the guest's program is ours */
			ASSERT_EQ(0xa2, *(u8 *)(r->rip + 1));
		}
	}
	ASSERT_EQ(7, cpuids);
	/* The last went to the VMM. */
	ASSERT_EQ(stats_reason(&m, "io"), trace_record(&t, n - 1)->reason);
	ASSERT_EQ(VMX_X_TRACE_VMM, trace_record(&t, n - 1)->result);
	ASSERT_EQ(VMX_EXIT_IO, trace_record(&t, n - 1)->detail);
	/* A signal's or immediate_exit's return has no exit of its own; so no record. */
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, try_ioctl(v->fd, VMX_RUN, NULL));
	ASSERT_EQ(n, t.header->head);
	v->run->immediate_exit = 0;
	/* Nor has what happens while it is off. */
	trace_enable(&t, false);
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(n, t.header->head);
	ASSERT_EQ(0, t.header->enabled);
	trace_enable(&t, true);
	trace_enable(&t, true);
	vcpu_expect_sync(v, 0);
	ASSERT_GE(t.header->head, n + 11);
}

/* A ring that is too small: which are lost is known exactly. */
TEST(loss)
{
	struct stats_map m, before;
	struct trace_map t;
	struct vcpu *v;
	u64 head, exits;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_cpuids);
	m = stats_map(v->fd);
	t = trace_map(v->fd, 64, 0);
	before = stats_copy(&m);
	trace_enable(&t, true);
	for (int i = 0; i < 5; i++)
		vcpu_expect_sync(v, 0);
	head = t.header->head;
	exits = stats_counter(&m, "exits");
	ASSERT_EQ(m.counters[exits] - before.counters[exits], head);
	ASSERT_GE(head, 5005);
	for (u64 n = head - 63; n < head; n++)
		ASSERT_GE(trace_record(&t, n)->tsc, trace_record(&t, n == head - 63 ? n : n - 1)->tsc);
}

TEST(reasons)
{
	struct stats_map m;
	struct trace_map t;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_mix);
	m = stats_map(v->fd);
	t = trace_map(v->fd, 64, 1ull << stats_reason(&m, "wrmsr"));
	trace_enable(&t, true);
	for (int i = 0; i < 10; i++)
		vcpu_expect_sync(v, 0);
	ASSERT_EQ(30, t.header->head);
	for (u64 n = 0; n < 30; n++)
		ASSERT_EQ(stats_reason(&m, "wrmsr"), trace_record(&t, n)->reason);
}

TEST(arguments)
{
	struct vmx_x_trace arg = { .size = sizeof(arg), .records = 64 };
	struct trace_map t;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_mix);
	ASSERT_EQ(-EINVAL, try_trace(v->fd, 63, 0));
	ASSERT_EQ(-EINVAL, try_trace(v->fd, 32, 0));
	ASSERT_EQ(-EINVAL, try_trace(v->fd, 65, 0));
	ASSERT_EQ(-EINVAL, try_trace(v->fd, 1u << 21, 0));
	ASSERT_EQ(-EINVAL, try_trace(v->fd, 0, 0));
	arg.reserved[1] = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_TRACE_FD, &arg));
	arg.reserved[1] = 0;
	arg.size--;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_TRACE_FD, &arg));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_TRACE_FD, (void *)8));
	t = trace_map(v->fd, 64, 0);
	ASSERT_EQ(-EBUSY, try_trace(v->fd, 64, 0));
	ASSERT_EQ(-EINVAL, try_ioctl(t.fd, VMX_X_TRACE_ENABLE, (void *)2));
	ASSERT_EQ(-ENOTTY, try_ioctl(t.fd, VMX_X_TRACE_FD, &arg));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, 0));
	ASSERT_EQ(EACCES, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, t.fd, 0));
	ASSERT_EQ(EPERM, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 8192 + 1, PROT_READ, MAP_SHARED, t.fd, 0));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, t.fd, 4096));
	ASSERT_EQ(-1, mprotect((void *)t.header, 4096, PROT_READ | PROT_WRITE));
	trace_unmap(&t);
	/* It is free again. */
	t = trace_map(v->fd, 64, 0);
	trace_enable(&t, true);
	vcpu_expect_sync(v, 0);
	/* The ring outlives the VM's own fds. */
	vm_close(v->vm);
	ASSERT_GE(t.header->head, 11);
	trace_unmap(&t);
}

/* On and off, and away, while the guest runs. */
TEST(beside_a_running_guest)
{
	struct trace_map t;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_cpuids);
	vcpu_start(v);
	for (int i = 0; i < 40; i++) {
		u64 head;

		t = trace_map(v->fd, 64 << i % 5, 0);
		trace_enable(&t, true);
		while (t.header->head < 200)
			;
		if (i % 3) {
			trace_enable(&t, false);
			head = t.header->head;
			for (u64 n = head - 63; n < head; n++)
				ASSERT_NE(0, trace_record(&t, n)->in_kernel);
			usleep(500);
			ASSERT_EQ(head, t.header->head);
		}
		trace_unmap(&t);
	}
	vcpu_stop(v);
}

TEST_HARNESS_MAIN
