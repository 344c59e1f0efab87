// SPDX-License-Identifier: GPL-2.0-only
/* Slots added, deleted, moved and re-flagged while a vCPU uses them. */
#include <sched.h>
#include "vmxtest.h"

static volatile u64 loops, bad, mmio_seen;
static volatile bool finish;

#define OLD 0x1111111111111111ull
#define NEW 0x2222222222222222ull
#define MMIO_ANSWER 0x3333333333333333ull

static void guest_reader(u64 id)
{
	while (!finish) {
		u64 v = *(volatile u64 *)TEST_MEM;

		if (v == MMIO_ANSWER)
			mmio_seen++;
		else if (v != OLD && v != NEW)
			bad++;
		loops++;
	}
	guest_done();
}

/* Runs the vCPU and answers MMIO until the guest is done. */
static void *serve(void *arg)
{
	struct vcpu *v = arg;
	u64 answer = MMIO_ANSWER;

	for (;;) {
		u32 reason = vcpu_run(v);

		if (reason == VMX_EXIT_IO) {
			vcpu_check_guest_at(__FILE__, __LINE__, v);
			return NULL;
		}
		if (reason != VMX_EXIT_MMIO)
			DIE("exit %s", exit_name(reason));
		CHECK_EQ(v->run->mmio.phys_addr, TEST_MEM);
		CHECK(!v->run->mmio.is_write);
		memcpy(v->run->mmio.data, &answer, 8);
	}
}

static void more_loops(u64 n)
{
	u64 from = loops;

	WAIT_UNTIL(loops >= from + n, 20000);
}

TEST(delete_and_add)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_reader);
	u64 *p = mem_alloc(2 * PAGE_SIZE);
	pthread_t thread;

	p[0] = OLD;
	p[512] = NEW;
	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, v));
	for (int i = 0; i < 20; i++) {
		u64 before;

		more_loops(20);
		slot_set(vm, 2, 0, TEST_MEM, 0, NULL);
		before = mmio_seen;
		more_loops(3);
		/* not one read may reach the old page once the ioctl has returned */
		WAIT_UNTIL(mmio_seen > before, 20000);
		slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, i & 1 ? p : p + 512);
	}
	finish = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, bad);
}

TEST(delete_is_exact)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_reader);
	u64 *p = mem_alloc(2 * PAGE_SIZE);
	pthread_t thread;

	p[0] = OLD;
	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, v));
	more_loops(100);
	slot_set(vm, 2, 0, TEST_MEM, 0, NULL);
	more_loops(2);		/* an access that was under way is over */
	p[0] = 0xbad;
	more_loops(20);
	finish = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, bad);
	ASSERT_LE(10, mmio_seen);
}

TEST(flags_toggled)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_reader);
	u64 *p = mem_alloc(PAGE_SIZE);
	pthread_t thread;

	p[0] = OLD;
	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, v));
	for (int i = 0; i < 20; i++) {
		slot_set(vm, 2, i & 1 ? 0 : VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGE_SIZE, p);
		more_loops(5);
	}
	finish = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, bad);
	ASSERT_EQ(0, mmio_seen);
}

/* Other slots come and go: the one in use must never be missing. */
TEST(neighbours)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_reader);
	u64 *p = mem_alloc(4 * PAGE_SIZE);
	pthread_t thread;

	p[0] = OLD;
	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, v));
	for (int i = 0; i < 40; i++) {
		slot_set(vm, 3, 0, TEST_MEM + PAGE_SIZE, 2 * PAGE_SIZE, p + 512);
		slot_set(vm, 4, 0, TEST_MEM - PAGE_SIZE, PAGE_SIZE, p + 1024);
		slot_set(vm, 3, 0, TEST_MEM + PAGE_SIZE, 0, NULL);
		slot_set(vm, 4, 0, TEST_MEM - PAGE_SIZE, 0, NULL);
		more_loops(1);
	}
	finish = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, bad);
	ASSERT_EQ(0, mmio_seen);
}

static void guest_teller(u64 id)
{
	for (u64 i = 1; !finish; i++) {
		loops = *(volatile u64 *)TEST_MEM;
		guest_sync(i);
	}
	guest_done();
}

static void pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(!sched_setaffinity(0, sizeof(one), &one));
}

#define MOVES 64

/*
 * The flush that a removal owes the vCPU is due on another CPU than it ran on; debug builds keep accounts of that. Each
 * flush may cost a CPU an address space identifier: first the one, then the other hands out more of them, so that the
 * vCPU is also given one on both that has the same number.
 */
TEST(flushed_on_another_cpu)
{
	cpu_set_t may;
	u64 runs = 0;
	int cpu = 0;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(may), &may));
	if (CPU_COUNT(&may) < 2)
		SKIP(return, "there is one CPU");
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_teller);
	u64 *p = mem_alloc(2 * PAGE_SIZE);

	p[0] = OLD;
	p[PAGE_SIZE / 8] = NEW;
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, PAGE_SIZE, p);
	for (int i = 0; i < 3 * MOVES; i++) {
		do
			cpu = (cpu + 1) % CPU_SETSIZE;
		while (!CPU_ISSET(cpu, &may));
		pin(cpu);
		for (int n = (i % 2 == (i < MOVES)) ? 2 : 1; n; n--) {
			bool other = ++runs % 2;

			slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0, NULL);
			slot_set(vm, SLOT_TEST, 0, TEST_MEM, PAGE_SIZE, p + other * PAGE_SIZE / 8);
			vcpu_expect_sync(v, runs);
			ASSERT_EQ(other ? NEW : OLD, loops);
		}
	}
	finish = true;
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
