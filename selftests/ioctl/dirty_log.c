// SPDX-License-Identifier: GPL-2.0-only
/* GET_DIRTY_LOG names exactly the pages that were written since it was last asked. */
#include "vmxtest.h"

#define PAGES 1536ul	/* three 2 MiB regions */

static volatile u64 first, step, howmany, round_no;
static volatile bool only_read;

static void guest_writer(u64 id)
{
	for (;;) {
		guest_sync(0);
		for (u64 i = 0; i < howmany; i++) {
			volatile u64 *p = (volatile u64 *)(TEST_MEM + (first + i * step) * 4096);

			if (only_read)
				(void)*p;
			else
				*p = round_no;
		}
	}
}

static u64 bitmap[PAGES / 64];

static void get_log(struct vm *vm)
{
	struct vmx_dirty_log log = { .slot = SLOT_TEST, .dirty_bitmap = bitmap };

	memset(bitmap, 0xff, sizeof(bitmap));
	must_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log);
}

static bool is_dirty(u64 page)
{
	return bitmap[page / 64] >> (page % 64) & 1;
}

static void guest_write(struct vcpu *v, u64 f, u64 s, u64 n)
{
	first = f;
	step = s;
	howmany = n;
	round_no++;
	vcpu_expect_sync(v, 0);
}

static void check_exact(u64 f, u64 s, u64 n)
{
	for (u64 p = 0; p < PAGES; p++) {
		bool expected = p >= f && (p - f) % s == 0 && (p - f) / s < n;

		if (is_dirty(p) != expected)
			DIE("page %lu is %s", p, expected ? "missing" : "in the log without a write");
	}
}

static struct vcpu *start(struct vm **vm, char **mem, u32 flags, bool huge)
{
	struct vcpu *v;

	*vm = vm_create(0);
	*mem = mem_alloc(PAGES * PAGE_SIZE);
	madvise(*mem, PAGES * PAGE_SIZE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	slot_set(*vm, SLOT_TEST, flags, TEST_MEM, PAGES * PAGE_SIZE, *mem);
	v = vcpu_create(*vm, 0, guest_writer);
	vcpu_expect_sync(v, 0);
	return v;
}

static void rounds(struct vm *vm, struct vcpu *v)
{
	guest_write(v, 0, 1, 1);
	get_log(vm);
	check_exact(0, 1, 1);
	get_log(vm);
	check_exact(0, 1, 0);		/* it was cleared */
	guest_write(v, 0, 1, 1);	/* the same page again */
	get_log(vm);
	check_exact(0, 1, 1);
	guest_write(v, 5, 7, 200);
	get_log(vm);
	check_exact(5, 7, 200);
	guest_write(v, PAGES - 1, 1, 1);
	get_log(vm);
	check_exact(PAGES - 1, 1, 1);
	guest_write(v, 0, 1, PAGES);
	guest_write(v, 0, 1, PAGES);
	get_log(vm);
	check_exact(0, 1, PAGES);
	only_read = true;
	guest_write(v, 0, 1, PAGES);
	only_read = false;
	get_log(vm);
	check_exact(0, 1, 0);
	guest_write(v, 511, 1, 2);
	get_log(vm);
	check_exact(511, 1, 2);
}

TEST(logged_from_the_start)
{
	struct vm *vm;
	char *mem;
	struct vcpu *v = start(&vm, &mem, VMX_MEM_LOG_DIRTY_PAGES, false);

	get_log(vm);
	check_exact(0, 1, 0);
	rounds(vm, v);
}

/* Switched on when pages are mapped writable already. */
TEST(switched_on)
{
	struct vm *vm;
	char *mem;
	struct vcpu *v = start(&vm, &mem, 0, false);

	guest_write(v, 0, 1, PAGES);
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	get_log(vm);
	check_exact(0, 1, 0);
	rounds(vm, v);
	/* off, and on again: what was written between is not in the log */
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	guest_write(v, 0, 1, 100);
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	get_log(vm);
	check_exact(0, 1, 0);
	guest_write(v, 50, 1, 10);
	get_log(vm);
	check_exact(50, 1, 10);
}

/* The same over memory that is mapped with huge pages: still page by page. */
TEST(huge_pages)
{
	struct vm *vm;
	char *mem;
	struct vcpu *v = start(&vm, &mem, 0, true);

	guest_write(v, 0, 1, PAGES);
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	rounds(vm, v);
}

/* What the kernel writes for the guest is logged: an emulated store, string PIO input. */
static void guest_kernel_writes(u64 id)
{
	u64 di = TEST_MEM + 3 * 4096, cx = 4;

	guest_sync(0);
	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(0x300) : "memory");
	di = TEST_MEM + 7 * 4096;
	u64 si = TEST_MMIO;

	asm volatile("movsl" : "+D"(di), "+S"(si) : : "memory");
	wrmsr(MSR_PV_SYSTEM_TIME, (TEST_MEM + 9 * 4096) | 1);
	guest_sync(0);
	guest_done();
}

TEST(writes_by_the_kernel)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_kernel_writes);

	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE,
		 mem_alloc(PAGES * PAGE_SIZE));
	vcpu_expect_sync(v, 0);
	for (;;) {
		u32 reason = vcpu_run(v);

		if (reason == VMX_EXIT_IO && v->run->io.port == 0x300)
			continue;
		if (reason != VMX_EXIT_MMIO)
			break;
	}
	vcpu_check_guest_at(__FILE__, __LINE__, v);
	get_log(vm);
	ASSERT_TRUE(is_dirty(3));
	ASSERT_TRUE(is_dirty(7));
	ASSERT_TRUE(is_dirty(9));
	ASSERT_FALSE(is_dirty(4));
	ASSERT_FALSE(is_dirty(8));
}

/* What a migration relies on: pages copied when the log names them end up as the guest left them. */
static volatile bool finish;

static void guest_scribbler(u64 id)
{
	u64 x = 1;

	while (!finish) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		*(volatile u64 *)(TEST_MEM + (x >> 33) % PAGES * 4096) = x;
	}
	guest_done();
}

static void copy_dirty(struct vm *vm, char *to, const char *from)
{
	get_log(vm);
	for (u64 p = 0; p < PAGES; p++)
		if (is_dirty(p))
			memcpy(to + p * PAGE_SIZE, from + p * PAGE_SIZE, PAGE_SIZE);
}

static void migrate(u32 flags, bool huge)
{
	struct vm *vm = vm_create(0);
	char *mem = mem_alloc(PAGES * PAGE_SIZE), *copy = mem_alloc(PAGES * PAGE_SIZE);
	struct vcpu *v;

	madvise(mem, PAGES * PAGE_SIZE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	slot_set(vm, SLOT_TEST, flags, TEST_MEM, PAGES * PAGE_SIZE, mem);
	v = vcpu_create(vm, 0, guest_scribbler);
	vcpu_start(v);
	usleep(20000);
	if (!flags) {
		slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
		memcpy(copy, mem, PAGES * PAGE_SIZE);
	}
	for (int i = 0; i < 12; i++) {
		copy_dirty(vm, copy, mem);
		usleep(i * 1000);
	}
	finish = true;
	vcpu_join(v);
	copy_dirty(vm, copy, mem);
	CHECK_EQ(memcmp(copy, mem, PAGES * PAGE_SIZE), 0);
	/* 512 pages fill the CPU's log. From the start most are marked by the fault that maps them. */
	if (!flags && vmx_flag_used("pml") && !vm_is_shadow(vm))
		CHECK(vcpu_counter("exit:pml_full") > 0);
	/* There a page that was written before faults for the log alone. */
	if (!flags && vm_is_shadow(vm))
		CHECK(vcpu_counter("pf_logged") > 0);
}

TEST(migrate_from_the_start) { migrate(VMX_MEM_LOG_DIRTY_PAGES, false); }
TEST(migrate_switched_on) { migrate(0, false); }
TEST(migrate_huge) { migrate(0, true); }

static long clear_log(struct vm *vm, u64 from, u32 n, u64 *map)
{
	struct vmx_clear_dirty_log log = { .slot = SLOT_TEST, .first_page = from, .num_pages = n,
					   .dirty_bitmap = map };

	return try_ioctl(vm->fd, VMX_CLEAR_DIRTY_LOG, &log);
}

static long protect_by_hand(struct vm *vm, u64 flags)
{
	struct vmx_enable_cap c = { .cap = VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args[0] = flags };

	return try_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
}

/* GET_DIRTY_LOG only looks; CLEAR_DIRTY_LOG takes what it is given. */
TEST(cleared_by_hand)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_writer);
	u64 some[1] = { 0x5 };

	REQUIRE_CAP(VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	ASSERT_EQ(0, protect_by_hand(vm, VMX_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE,
		 mem_alloc(PAGES * PAGE_SIZE));
	vcpu_expect_sync(v, 0);
	guest_write(v, 0, 1, 4);
	get_log(vm);
	check_exact(0, 1, 4);
	get_log(vm);
	check_exact(0, 1, 4);
	ASSERT_EQ(0, clear_log(vm, 0, 64, some));
	get_log(vm);
	check_exact(1, 2, 2);
	/* what was cleared is logged again; what was not stays */
	guest_write(v, 2, 1, 1);
	get_log(vm);
	check_exact(1, 1, 3);
	ASSERT_EQ(-EINVAL, clear_log(vm, 1, 64, some));
	ASSERT_EQ(-EINVAL, clear_log(vm, 0, 63, some));
	ASSERT_EQ(-EINVAL, clear_log(vm, PAGES, 64, some));
}

TEST(initially_set)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_writer);
	u64 all[1] = { ~0ull };

	REQUIRE_CAP(VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	ASSERT_EQ(-EINVAL, protect_by_hand(vm, VMX_DIRTY_LOG_INITIALLY_SET));
	ASSERT_EQ(-EINVAL, protect_by_hand(vm, 4));
	ASSERT_EQ(0, protect_by_hand(vm, VMX_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
					 VMX_DIRTY_LOG_INITIALLY_SET));
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE,
		 mem_alloc(PAGES * PAGE_SIZE));
	vcpu_expect_sync(v, 0);
	get_log(vm);
	check_exact(0, 1, PAGES);
	ASSERT_EQ(0, clear_log(vm, 0, 64, all));
	get_log(vm);
	check_exact(64, 1, PAGES - 64);
	guest_write(v, 7, 1, 1);
	get_log(vm);
	ASSERT_TRUE(is_dirty(7));
	ASSERT_FALSE(is_dirty(8));
}

TEST(bad)
{
	struct vm *vm = vm_create(0);
	struct vmx_dirty_log log = { .slot = SLOT_TEST, .dirty_bitmap = bitmap };

	ASSERT_EQ(-ENOENT, try_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log));	/* no such slot */
	slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE);
	ASSERT_EQ(-ENOENT, try_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log));	/* not logged */
	log.slot = 0xffff;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log));
}

/* While it runs: no write that was made before GET_DIRTY_LOG returned is ever lost. */
static volatile u64 stop_guest;

static void guest_runner(u64 id)
{
	u64 n = 0;

	for (; !stop_guest; n++)
		*(volatile u64 *)(TEST_MEM + (n * 13 % PAGES) * 4096) = n;
	guest_done();
}

TEST(running)
{
	static u64 copy[PAGES];
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_runner);
	u64 *mem = mem_alloc(PAGES * PAGE_SIZE);

	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	vcpu_start(v);
	/* a migration in small: copy what is dirty, at the end all must be equal */
	for (int i = 0; i < 30; i++) {
		get_log(vm);
		for (u64 p = 0; p < PAGES; p++)
			if (is_dirty(p))
				copy[p] = *(volatile u64 *)&mem[512 * p];
		usleep(5000);
	}
	stop_guest = 1;
	vcpu_join(v);
	get_log(vm);
	for (u64 p = 0; p < PAGES; p++) {
		if (is_dirty(p))
			copy[p] = mem[512 * p];
		ASSERT_EQ(mem[512 * p], copy[p]);
	}
}

TEST_HARNESS_MAIN
