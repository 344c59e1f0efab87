// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log as a ring per vCPU: who fills it, who empties it, and that nothing is lost. */
#include "vmxtest.h"

#define PAGES 4096ul
#define RING_SIZE 16384ul	/* the smallest where the CPU logs by itself */
#define ENTRIES (RING_SIZE / sizeof(struct vmx_dirty_gfn))

static volatile u64 first, howmany, round_no;
static u8 seen[PAGES];

static void guest_writer(u64 id)
{
	for (;;) {
		guest_sync(0);
		for (u64 i = 0; i < howmany; i++)
			*(volatile u64 *)(TEST_MEM + (first + i) % PAGES * 4096) = round_no;
	}
}

static long enable(struct vm *vm, u64 size)
{
	struct vmx_enable_cap c = { .cap = VMX_CAP_DIRTY_LOG_RING_ACQ_REL, .args[0] = size };

	return try_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
}

static struct vmx_dirty_gfn *ring_map(struct vcpu *v)
{
	void *p = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		       VMX_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE);

	CHECK(p != MAP_FAILED);
	return p;
}

struct reader {
	struct vmx_dirty_gfn *ring;
	u64 next;
};

static bool ring_take(struct reader *r, u32 *slot, u64 *offset)
{
	struct vmx_dirty_gfn *e = &r->ring[r->next % ENTRIES];

	if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != VMX_DIRTY_GFN_F_DIRTY)
		return false;
	*slot = e->slot;
	*offset = e->offset;
	__atomic_store_n(&e->flags, VMX_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	r->next++;
	return true;
}

/* Empties the ring into seen[]; how many entries. */
static u64 harvest(struct reader *r)
{
	u64 offset, n = 0;
	u32 slot;

	for (; ring_take(r, &slot, &offset); n++) {
		CHECK_EQ(slot, SLOT_TEST);
		CHECK(offset < PAGES);
		seen[offset] = 1;
	}
	return n;
}

static long reset(struct vm *vm)
{
	return try_ioctl(vm->fd, VMX_RESET_DIRTY_RINGS, NULL);
}

static void check_seen(u64 f, u64 n)
{
	for (u64 p = 0; p < PAGES; p++) {
		bool expected = p >= f && p < f + n;

		if (seen[p] != expected)
			DIE("page %lu is %s", p, expected ? "missing" : "in the ring without a write");
	}
	memset(seen, 0, sizeof(seen));
}

static struct vcpu *start(struct vm **vm, char **mem, struct reader *r, void (*entry)(u64))
{
	struct vcpu *v;

	*vm = vm_create(0);
	*mem = mem_alloc(PAGES * PAGE_SIZE);
	CHECK_EQ(enable(*vm, RING_SIZE), 0);
	slot_set(*vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, *mem);
	v = vcpu_create(*vm, 0, entry);
	*r = (struct reader){ .ring = ring_map(v) };
	return v;
}

static void guest_write(struct vcpu *v, u64 f, u64 n)
{
	first = f;
	howmany = n;
	round_no++;
	vcpu_expect_sync(v, 0);
}

TEST(enabling)
{
	struct vm *vm = vm_create(0);
	long most = check_cap(vm->fd, VMX_CAP_DIRTY_LOG_RING);
	u64 word[PAGES / 64];
	struct vmx_dirty_log log = { .slot = SLOT_TEST, .dirty_bitmap = word };
	struct vmx_clear_dirty_log clear = { .slot = SLOT_TEST, .num_pages = 64, .dirty_bitmap = word };
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	ASSERT_EQ(65536 * 16, most);
	ASSERT_EQ(most, check_cap(vm->fd, VMX_CAP_DIRTY_LOG_RING_ACQ_REL));
	ASSERT_EQ(-EINVAL, reset(vm));
	ASSERT_EQ(-EINVAL, enable(vm, 0));
	ASSERT_EQ(-EINVAL, enable(vm, RING_SIZE - 16));
	ASSERT_EQ(-EINVAL, enable(vm, 1024));
	ASSERT_EQ(-E2BIG, enable(vm, 2 * most));
	ASSERT_EQ(0, enable(vm, RING_SIZE));
	ASSERT_EQ(-EINVAL, enable(vm, RING_SIZE));
	ASSERT_EQ(0, reset(vm));
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE,
		 mem_alloc(PAGES * PAGE_SIZE));
	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log));
	ASSERT_EQ(-ENXIO, try_ioctl(vm->fd, VMX_CLEAR_DIRTY_LOG, &clear));
	v = vcpu_create(vm, 0, guest_writer);

	/* Only shared, and not for executing. */
	ASSERT_EQ(MAP_FAILED, mmap(NULL, RING_SIZE, PROT_READ, MAP_PRIVATE, v->fd,
				   VMX_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, RING_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, v->fd,
				   VMX_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 65 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, v->fd, 0));
	ring_map(v);

	vm = vm_create(0);
	vcpu_create(vm, 0, guest_writer);
	ASSERT_EQ(-EINVAL, enable(vm, RING_SIZE));
}

TEST(rounds)
{
	struct reader r;
	struct vm *vm;
	char *mem;
	struct vcpu *v;
	u64 offset;
	u32 slot;

	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	v = start(&vm, &mem, &r, guest_writer);
	vcpu_expect_sync(v, 0);
	ASSERT_FALSE(ring_take(&r, &slot, &offset));
	guest_write(v, 10, 100);
	ASSERT_EQ(100, harvest(&r));
	check_seen(10, 100);
	/* Harvested but not reset: a second write is no second entry. */
	guest_write(v, 10, 100);
	ASSERT_EQ(0, harvest(&r));
	ASSERT_EQ(100, reset(vm));
	ASSERT_EQ(0, reset(vm));
	guest_write(v, 50, 100);
	ASSERT_EQ(100, harvest(&r));
	check_seen(50, 100);
	ASSERT_EQ(100, reset(vm));
	/* What is not harvested is not reset. */
	guest_write(v, 0, 3);
	ASSERT_TRUE(ring_take(&r, &slot, &offset));
	ASSERT_EQ(1, reset(vm));
	ASSERT_EQ(2, harvest(&r));
	ASSERT_EQ(2, reset(vm));
	memset(seen, 0, sizeof(seen));
	/* Many times around. */
	for (u64 f = 0; f + 300 < PAGES; f += 300) {
		guest_write(v, f, 300);
		ASSERT_EQ(300, harvest(&r));
		ASSERT_EQ(300, reset(vm));
		check_seen(f, 300);
	}
}

/* A ring that fills up makes the guest wait, and nothing is missing in the end. */
TEST(full)
{
	struct reader r;
	struct vm *vm;
	char *mem;
	struct vcpu *v;
	u64 total = 0, n, fulls = 0;

	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	v = start(&vm, &mem, &r, guest_writer);
	vcpu_expect_sync(v, 0);
	howmany = PAGES;
	for (;;) {
		if (vcpu_run(v) != VMX_EXIT_DIRTY_RING_FULL)
			break;
		fulls++;
		/* It says so until there is room, even if all is harvested. */
		ASSERT_EQ(VMX_EXIT_DIRTY_RING_FULL, vcpu_run(v));
		n = harvest(&r);
		ASSERT_LE(n, ENTRIES);
		ASSERT_GE(n, ENTRIES - 64 - 512);
		ASSERT_EQ(VMX_EXIT_DIRTY_RING_FULL, vcpu_run(v));
		ASSERT_EQ(n, reset(vm));
		total += n;
	}
	ASSERT_EQ(VMX_EXIT_IO, v->run->exit_reason);
	total += harvest(&r);
	/* The write that found it full is made after the reset, and once more an entry. */
	ASSERT_GE(total, PAGES);
	ASSERT_LE(total, PAGES + fulls);
	ASSERT_GE(fulls, PAGES / ENTRIES);
	check_seen(0, PAGES);
}

/* What a migration relies on: the guest writes while another thread harvests and copies. */
static volatile bool finish;

static void guest_scribbler(u64 id)
{
	u64 x = 1 + id;

	while (!finish) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		*(volatile u64 *)(TEST_MEM + (x >> 33) % PAGES * 4096) = x;
	}
	guest_done();
}

static void *run_until_done(void *arg)
{
	struct vcpu *v = arg;

	while (vcpu_run(v) == VMX_EXIT_DIRTY_RING_FULL)
		usleep(100);
	CHECK_EQ(v->run->exit_reason, VMX_EXIT_IO);
	return NULL;
}

static void copy_seen(struct vm *vm, struct reader *r, char *copy, const char *mem)
{
	harvest(&r[0]);
	harvest(&r[1]);
	CHECK(reset(vm) >= 0);
	for (u64 p = 0; p < PAGES; p++)
		if (seen[p])
			memcpy(copy + p * PAGE_SIZE, mem + p * PAGE_SIZE, PAGE_SIZE);
	memset(seen, 0, sizeof(seen));
}

static void migrate(bool from_the_start)
{
	char *mem = mem_alloc(PAGES * PAGE_SIZE), *copy = mem_alloc(PAGES * PAGE_SIZE);
	struct vm *vm = vm_create(0);
	struct reader r[2] = { };
	struct vcpu *v[2];
	pthread_t t[2];

	CHECK_EQ(enable(vm, RING_SIZE), 0);
	slot_set(vm, SLOT_TEST, from_the_start ? VMX_MEM_LOG_DIRTY_PAGES : 0, TEST_MEM, PAGES * PAGE_SIZE,
		 mem);
	for (int i = 0; i < 2; i++) {
		v[i] = vcpu_create(vm, i, guest_scribbler);
		r[i].ring = ring_map(v[i]);
		pthread_create(&t[i], NULL, run_until_done, v[i]);
	}
	if (!from_the_start) {
		usleep(20000);
		slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
		memcpy(copy, mem, PAGES * PAGE_SIZE);
	}
	for (int i = 0; i < 60; i++) {
		copy_seen(vm, r, copy, mem);
		usleep(1000);
	}
	finish = true;
	for (int i = 0; i < 2; i++) {
		while (pthread_tryjoin_np(t[i], NULL)) {
			copy_seen(vm, r, copy, mem);
			usleep(1000);
		}
	}
	copy_seen(vm, r, copy, mem);
	CHECK_EQ(memcmp(copy, mem, PAGES * PAGE_SIZE), 0);
}

TEST(migrate_from_the_start)
{
	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	migrate(true);
}

TEST(migrate_switched_on)
{
	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	migrate(false);
}

/* What the kernel writes for the guest is in the ring too. */
static void guest_kernel_writes(u64 id)
{
	u64 di = TEST_MEM + 3 * 4096, si = TEST_MMIO, cx = 4;

	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(0x300) : "memory");
	di = TEST_MEM + 4 * 4096;
	asm volatile("movsl" : "+D"(di), "+S"(si) : : "memory");
	wrmsr(MSR_PV_SYSTEM_TIME, (TEST_MEM + 5 * 4096) | 1);
	guest_sync(0);
	guest_done();
}

TEST(writes_by_the_kernel)
{
	struct reader r;
	struct vm *vm;
	char *mem;
	struct vcpu *v;
	u32 reason;
	u64 n;

	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	v = start(&vm, &mem, &r, guest_kernel_writes);
	do
		reason = vcpu_run(v);
	while (reason == VMX_EXIT_MMIO || (reason == VMX_EXIT_IO && v->run->io.port == 0x300));
	vcpu_check_guest_at(__FILE__, __LINE__, v);
	ASSERT_EQ(3, harvest(&r));
	check_seen(3, 3);
	/* The VMM's own: a vCPU that does not run. */
	vcpu_set_msr(v, MSR_PV_WALL_CLOCK, TEST_MEM + 6 * 4096);
	/* The MSR's area is written in three steps; one entry is enough. */
	n = harvest(&r);
	ASSERT_GE(n, 1);
	if (device_is_vmx())
		ASSERT_EQ(1, n);
	check_seen(6, 1);
}

/* More of those than there is room for, with nothing run or reset between. */
TEST(no_room)
{
	struct reader r;
	struct vm *vm;
	char *mem;
	struct vcpu *v;
	u64 n = ENTRIES + 500, total = 0;
	long freed;

	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM warns, and forgets");
	v = start(&vm, &mem, &r, guest_writer);
	for (u64 i = 0; i < n; i++)
		vcpu_set_msr(v, MSR_PV_WALL_CLOCK, TEST_MEM + i * 4096);
	do {
		total += harvest(&r);
		freed = reset(vm);
		ASSERT_GE(freed, 0);
	} while (freed);
	ASSERT_EQ(n, total);
	check_seen(0, n);
	vcpu_expect_sync(v, 0);
	guest_write(v, 7, 9);
	ASSERT_EQ(9, harvest(&r));
	check_seen(7, 9);
}

/* The VMM may write anything into the ring, and delete slots whose pages are in it. */
TEST(nonsense)
{
	struct reader r;
	struct vm *vm;
	char *mem;
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_DIRTY_LOG_RING);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM frees entries that it never filled");
	v = start(&vm, &mem, &r, guest_writer);
	vcpu_expect_sync(v, 0);
	guest_write(v, 0, 6);
	r.ring[0] = (struct vmx_dirty_gfn){ VMX_DIRTY_GFN_F_RESET, ~0u, ~0ull };
	r.ring[1] = (struct vmx_dirty_gfn){ VMX_DIRTY_GFN_F_RESET, SLOT_TEST, ~0ull };
	r.ring[2] = (struct vmx_dirty_gfn){ VMX_DIRTY_GFN_F_RESET, 0x7fff, 0 };
	r.ring[3] = (struct vmx_dirty_gfn){ ~0u, SLOT_LOW, 0 };		/* has no log */
	r.ring[4] = (struct vmx_dirty_gfn){ VMX_DIRTY_GFN_F_RESET, SLOT_TEST, PAGES };
	ASSERT_EQ(5, reset(vm));
	r.next = 5;
	ASSERT_EQ(1, harvest(&r));
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0, mem);
	ASSERT_EQ(1, reset(vm));
	for (u64 i = 0; i < ENTRIES; i++)
		r.ring[i].flags = ~0u;
	ASSERT_EQ(0, reset(vm));
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	memset(seen, 0, sizeof(seen));
	guest_write(v, 20, 30);
	ASSERT_EQ(30, harvest(&r));
	check_seen(20, 30);
}

TEST_HARNESS_MAIN
