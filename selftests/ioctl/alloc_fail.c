// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each ioctl with each of its allocations failing, one at a time: it says -ENOMEM, or does without; it
 * leaves nothing half done, so that the same call succeeds next; and nothing leaks or warns, which the
 * kernel's log and kmemleak tell. Needs a kernel with CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC.
 */
#include <sys/eventfd.h>
#include "uapi/vmx_ext.h"
#include "vmxtest.h"

#define MOST_ALLOCATIONS 400	/* of one call; more means that the failure never ends */
#define MEMORY_GPA 0x100000000ul

static int nth_fd = -1;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* All allocations count, also those that may sleep; a failure is not logged. */
static bool can_fail(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return nth_fd >= 0 && device_is_vmx() &&
	       put("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") &&
	       put("/sys/kernel/debug/failslab/verbose", "0") &&
	       put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N") &&
	       put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N") &&
	       put("/sys/kernel/debug/fail_page_alloc/min-order", "0") &&
	       put("/sys/kernel/debug/fail_page_alloc/verbose", "0");
}

#define REQUIRE_FAULT_INJECTION() do { \
	if (!can_fail()) \
		SKIP(return, "no fault injection in this kernel, or not our device"); \
	} while (0)

static void fail_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	CHECK_EQ(pwrite(nth_fd, text, (size_t)len, 0), len);
}

/* Has it failed? Switches it off if not. */
static bool has_failed(void)
{
	char text[16] = "";

	CHECK(pread(nth_fd, text, sizeof(text) - 1, 0) > 0);
	if (!atoi(text))
		return true;
	fail_nth(0);
	return false;
}

/* ---- one call and its object ---- */

static void guest(u64 id)
{
	for (;;)
		guest_sync(id);
}

struct object {
	struct vm *vm;
	struct vcpu *v;
	void *memory;
	int events[2];
	u8 *buf;
};

struct call {
	const char *name;
	long (*make)(struct object *o);
	/* The state before each try; NULL: what the last try left. */
	void (*before)(struct object *o);
	unsigned int flags;	/* of vm_create() */
	bool bare;		/* no vCPU yet */
	bool fresh;		/* a new VM for each try */
	bool logged;		/* the kernel's own allocators log a failure */
};

/* What the kernel logs meanwhile is not judged. */
static void asked_for(const struct call *c, const char *text)
{
	if (c->logged)
		CHECK(put("/dev/kmsg", text));
}

static void object_create(struct object *o, const struct call *c)
{
	o->vm = vm_create(c->flags);
	o->v = c->bare ? NULL : vcpu_create(o->vm, 0, guest);
	for (int i = 0; i < 2; i++)
		o->events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void object_destroy(struct object *o)
{
	vm_close(o->vm);
	close(o->events[0]);
	close(o->events[1]);
}

/* What is copied in and out is present, so that no fault of this process' own is made to fail. */
static void object_init(struct object *o)
{
	memset(o, 0, sizeof(*o));
	o->memory = mem_alloc(PAGE_SIZE_2M);
	o->buf = mem_alloc(65536);
	memset(o->memory, 0, PAGE_SIZE_2M);
	memset(o->buf, 0, 65536);
}

/* How many of the failures made the call fail. */
static unsigned int try_all(const struct call *c)
{
	struct object o;
	unsigned int n, refused = 0;

	object_init(&o);
	if (!c->fresh)
		object_create(&o, c);
	for (n = 1; n <= MOST_ALLOCATIONS; n++) {
		bool failed;
		long ret;

		if (c->fresh)
			object_create(&o, c);
		if (c->before)
			c->before(&o);
		asked_for(c, "asked-for traces begin\n");
		fail_nth(n);
		ret = c->make(&o);
		failed = has_failed();
		asked_for(c, "asked-for traces end\n");
		if (ret < 0) {
			if (ret != -ENOMEM || !failed)
				DIE("%s, failure of allocation %u: %ld", c->name, n, ret);
			refused++;
			ret = c->make(&o);
			if (ret < 0)
				DIE("%s, again after failure %u: %ld", c->name, n, ret);
		}
		/* It all still works. */
		if (o.v)
			vcpu_expect_sync(o.v, 0);
		if (c->fresh)
			object_destroy(&o);
		if (!failed)
			break;
	}
	if (n > MOST_ALLOCATIONS)
		DIE("%s: more than %u allocations", c->name, MOST_ALLOCATIONS);
	if (!c->fresh)
		object_destroy(&o);
	printf("# %s: %u allocations, %u refused\n", c->name, n - 1, refused);
	return refused;
}

#define TRY_ALL(table) do { \
	unsigned int refused_ = 0; \
	REQUIRE_FAULT_INJECTION(); \
	for (size_t i_ = 0; i_ < sizeof(table) / sizeof((table)[0]); i_++) \
		refused_ += try_all(&(table)[i_]); \
	fflush(stdout); \
	ASSERT_GT(refused_, sizeof(table) / sizeof((table)[0]) / 2); \
	} while (0)

/* ---- VMs and vCPUs ---- */

static long close_if_fd(long fd)
{
	if (fd >= 0)
		close((int)fd);
	return fd;
}

static long make_vm(struct object *o)
{
	return close_if_fd(try_ioctl(o->vm->dev, VMX_CREATE_VM, NULL));
}

static long make_vcpu(struct object *o)
{
	return close_if_fd(try_ioctl(o->vm->fd, VMX_CREATE_VCPU, (void *)1));
}

static long make_irqchip(struct object *o)
{
	return try_ioctl(o->vm->fd, VMX_CREATE_IRQCHIP, NULL);
}

static long make_pit(struct object *o)
{
	memset(o->buf, 0, sizeof(struct vmx_pit_config));
	return try_ioctl(o->vm->fd, VMX_CREATE_PIT2, o->buf);
}

static long make_split(struct object *o)
{
	struct vmx_enable_cap cap = { .cap = VMX_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	return try_ioctl(o->vm->fd, VMX_ENABLE_CAP, &cap);
}

TEST(creation)
{
	static const struct call calls[] = {
		{ "CREATE_VM", .make = make_vm, .flags = VM_BARE, .bare = true },
		{ "CREATE_VCPU", .make = make_vcpu, .fresh = true, .logged = true },
		{ "CREATE_VCPU with irqchip", .make = make_vcpu, .flags = VM_PIT, .fresh = true, .logged = true },
		{ "CREATE_IRQCHIP", .make = make_irqchip, .bare = true, .fresh = true },
		{ "CREATE_PIT2", .make = make_pit, .flags = VM_IRQCHIP, .bare = true, .fresh = true },
		{ "ENABLE_CAP(SPLIT_IRQCHIP)", .make = make_split, .bare = true, .fresh = true },
	};

	TRY_ALL(calls);
}

/* ---- memory ---- */

static long add_slot(struct object *o)
{
	return try_slot_set(o->vm, 5, 0, MEMORY_GPA, PAGE_SIZE_2M, o->memory);
}

static long add_logged_slot(struct object *o)
{
	return try_slot_set(o->vm, 5, VMX_MEM_LOG_DIRTY_PAGES, MEMORY_GPA, PAGE_SIZE_2M, o->memory);
}

static long delete_slot(struct object *o)
{
	return try_slot_set(o->vm, 5, 0, MEMORY_GPA, 0, o->memory);
}

static long move_slot(struct object *o)
{
	return try_slot_set(o->vm, 5, 0, 2 * MEMORY_GPA, PAGE_SIZE_2M, o->memory);
}

static void have_slot(struct object *o)
{
	CHECK_EQ(add_slot(o), 0);
}

static void have_logged_slot(struct object *o)
{
	CHECK_EQ(add_logged_slot(o), 0);
}

static long get_log(struct object *o)
{
	struct vmx_dirty_log log = { .slot = 5, .dirty_bitmap = o->buf };

	return try_ioctl(o->vm->fd, VMX_GET_DIRTY_LOG, &log);
}

/* Fresh, nothing is mapped: a page of a table for each level of each address. */
static long run(struct object *o)
{
	return try_run(o->v);
}

TEST(memory)
{
	static const struct call calls[] = {
		{ "add a slot", .make = add_slot, .fresh = true },
		{ "add a slot with a log", .make = add_logged_slot, .fresh = true },
		{ "delete a slot", .make = delete_slot, .before = have_slot, .fresh = true },
		{ "move a slot", .make = move_slot, .before = have_slot, .fresh = true },
		{ "log a slot", .make = add_logged_slot, .before = have_slot, .fresh = true },
		{ "stop logging", .make = add_slot, .before = have_logged_slot, .fresh = true },
		{ "GET_DIRTY_LOG", .make = get_log, .before = have_logged_slot, .fresh = true },
		{ "RUN, nothing mapped", .make = run, .fresh = true },
		{ "RUN", .make = run },
	};

	TRY_ALL(calls);
}

/* ---- interrupts and devices ---- */

static long set_routing(struct object *o)
{
	struct vmx_irq_routing *t = (void *)o->buf;

	memset(t, 0, sizeof(*t) + 30 * sizeof(t->entries[0]));
	t->nr = 30;
	for (u32 i = 0; i < t->nr; i++) {
		t->entries[i].gsi = i;
		t->entries[i].type = VMX_IRQ_ROUTING_MSI;
		t->entries[i].u.msi.address_lo = 0xfee00000;
		t->entries[i].u.msi.data = 0x20 + i;
	}
	return try_ioctl(o->vm->fd, VMX_SET_GSI_ROUTING, t);
}

static long irqfd(struct object *o, u32 flags)
{
	struct vmx_irqfd i = { .fd = (u32)o->events[0], .gsi = 5, .flags = flags,
			       .resamplefd = (u32)o->events[1] };

	return try_ioctl(o->vm->fd, VMX_IRQFD, &i);
}

static long add_irqfd(struct object *o)
{
	return irqfd(o, 0);
}

static long add_resampled(struct object *o)
{
	return irqfd(o, VMX_IRQFD_FLAG_RESAMPLE);
}

static long delete_irqfd(struct object *o)
{
	return irqfd(o, VMX_IRQFD_FLAG_DEASSIGN);
}

static void have_irqfd(struct object *o)
{
	CHECK_EQ(add_irqfd(o), 0);
}

static long ioeventfd(struct object *o, u32 flags)
{
	struct vmx_ioeventfd i = { .addr = 0x500, .len = 2, .fd = o->events[0], .datamatch = 7,
				   .flags = VMX_IOEVENTFD_FLAG_PIO | VMX_IOEVENTFD_FLAG_DATAMATCH | flags };

	return try_ioctl(o->vm->fd, VMX_IOEVENTFD, &i);
}

static long add_ioeventfd(struct object *o)
{
	return ioeventfd(o, 0);
}

static long delete_ioeventfd(struct object *o)
{
	return ioeventfd(o, VMX_IOEVENTFD_FLAG_DEASSIGN);
}

static void have_ioeventfd(struct object *o)
{
	CHECK_EQ(add_ioeventfd(o), 0);
}

static long zone(struct object *o, unsigned long nr)
{
	struct vmx_coalesced_mmio_zone z = { .addr = MEMORY_GPA, .size = 64 };

	return try_ioctl(o->vm->fd, nr, &z);
}

static long add_zone(struct object *o)
{
	return zone(o, VMX_REGISTER_COALESCED_MMIO);
}

static long delete_zone(struct object *o)
{
	return zone(o, VMX_UNREGISTER_COALESCED_MMIO);
}

static void have_zone(struct object *o)
{
	CHECK_EQ(add_zone(o), 0);
}

static long signal_msi(struct object *o)
{
	struct vmx_msi m = { .address_lo = 0xfee00000, .data = 0x4040 };
	long ret = try_ioctl(o->vm->fd, VMX_SIGNAL_MSI, &m);

	return ret == -EPERM ? 0 : ret;	/* the LAPIC is off: nobody takes it */
}

TEST(devices)
{
	static const struct call calls[] = {
		{ "SET_GSI_ROUTING", .make = set_routing, .flags = VM_PIT },
		{ "IRQFD", .make = add_irqfd, .flags = VM_PIT, .fresh = true },
		{ "IRQFD with resampling", .make = add_resampled, .flags = VM_PIT, .fresh = true },
		{ "IRQFD away", .make = delete_irqfd, .before = have_irqfd, .flags = VM_PIT, .fresh = true },
		{ "IOEVENTFD", .make = add_ioeventfd, .fresh = true },
		{ "IOEVENTFD away", .make = delete_ioeventfd, .before = have_ioeventfd, .fresh = true },
		{ "REGISTER_COALESCED_MMIO", .make = add_zone, .fresh = true },
		{ "UNREGISTER_COALESCED_MMIO", .make = delete_zone, .before = have_zone, .fresh = true },
		{ "SIGNAL_MSI", .make = signal_msi, .flags = VM_PIT },
	};

	TRY_ALL(calls);
}

/* ---- a vCPU's state ---- */

static long get_cpuid(struct object *o)
{
	((struct vmx_cpuid2 *)o->buf)->nent = 256;
	return try_ioctl(o->vm->dev, VMX_GET_SUPPORTED_CPUID, o->buf);
}

static long set_cpuid(struct object *o)
{
	return try_ioctl(o->v->fd, VMX_SET_CPUID2, supported_cpuid());
}

/* PAT, read and written as it is. */
static long msr(struct object *o, unsigned long nr)
{
	struct vmx_msrs *m = (void *)o->buf;
	long ret;

	memset(m, 0, sizeof(*m) + sizeof(m->entries[0]));
	m->nmsrs = 1;
	m->entries[0].index = 0x277;
	m->entries[0].data = 0x0007040600070406;
	ret = try_ioctl(o->v->fd, nr, m);
	return ret == 1 ? 0 : ret < 0 ? ret : -EPROTO;
}

static long get_msrs(struct object *o)
{
	return msr(o, VMX_GET_MSRS);
}

static long set_msrs(struct object *o)
{
	return msr(o, VMX_SET_MSRS);
}

static long set_filter(struct object *o)
{
	struct vmx_msr_filter *f = (void *)o->buf;
	static u8 bitmap[8] = { 255 };

	memset(f, 0, sizeof(*f));
	f->ranges[0].flags = VMX_MSR_FILTER_READ;
	f->ranges[0].nmsrs = 64;
	f->ranges[0].base = 0x8000;
	f->ranges[0].bitmap = bitmap;
	return try_ioctl(o->vm->fd, VMX_X86_SET_MSR_FILTER, f);
}

/* Reads and writes back. */
#define STATE(name) \
	static long get_##name(struct object *o) \
	{ \
		return try_ioctl(o->v->fd, VMX_GET_##name, o->buf); \
	} \
	static long set_##name(struct object *o) \
	{ \
		return try_ioctl(o->v->fd, VMX_SET_##name, o->buf); \
	} \
	static void have_##name(struct object *o) \
	{ \
		CHECK_EQ(get_##name(o), 0); \
	}
STATE(SREGS) STATE(FPU) STATE(XSAVE) STATE(XCRS) STATE(DEBUGREGS) STATE(VCPU_EVENTS) STATE(LAPIC)
#define BOTH(name) \
	{ "GET_" #name, .make = get_##name, .flags = VM_PIT }, \
	{ "SET_" #name, .make = set_##name, .before = have_##name, .flags = VM_PIT }

static long stats_fd(struct object *o)
{
	long ret = close_if_fd(try_ioctl(o->vm->fd, VMX_GET_STATS_FD, NULL));

	return ret < 0 ? ret : close_if_fd(try_ioctl(o->v->fd, VMX_GET_STATS_FD, NULL));
}

static long stats_page(struct object *o)
{
	return close_if_fd(try_ioctl(o->v->fd, VMX_X_STATS_FD, NULL));
}

static long exit_trace(struct object *o)
{
	struct vmx_x_trace arg = { .size = sizeof(arg), .records = 256 };

	return close_if_fd(try_ioctl(o->v->fd, VMX_X_TRACE_FD, &arg));
}

TEST(state)
{
	static const struct call calls[] = {
		{ "GET_SUPPORTED_CPUID", .make = get_cpuid },
		{ "SET_CPUID2", .make = set_cpuid, .fresh = true },
		{ "GET_MSRS", .make = get_msrs }, { "SET_MSRS", .make = set_msrs },
		{ "X86_SET_MSR_FILTER", .make = set_filter },
		BOTH(SREGS), BOTH(FPU), BOTH(XSAVE), BOTH(XCRS), BOTH(DEBUGREGS), BOTH(VCPU_EVENTS),
		BOTH(LAPIC),
		{ "GET_STATS_FD", .make = stats_fd }, { "X_STATS_FD", .make = stats_page },
		{ "X_TRACE_FD", .make = exit_trace },
	};

	TRY_ALL(calls);
}

TEST_HARNESS_MAIN
