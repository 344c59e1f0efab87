// SPDX-License-Identifier: GPL-2.0-only
/* The guest sees what the VMM's mapping is, whatever the VMM does with it. */
#include <linux/memfd.h>
#include <sys/syscall.h>
#include "vmxtest.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define PAGES 600	/* over a 2 MiB boundary: 512 */

static volatile u64 stage, sum, fill;

/* stage 0: add up the first word of each page; 1: write fill + n there; 2: read, then write. */
static void guest_pages(u64 id)
{
	for (;;) {
		u64 s = 0;

		guest_sync(0);
		for (u64 i = 0; i < PAGES; i++) {
			volatile u64 *p = (volatile u64 *)(TEST_MEM + i * 4096);

			if (stage == 1) {
				*p = fill + i;
			} else if (stage == 2) {
				s += *p;
				*p = fill + i;
			} else {
				s += *p;
			}
		}
		sum = s;
	}
}

#define SUM(base) ((u64)PAGES * (base) + (u64)PAGES * (PAGES - 1) / 2)

static struct vcpu *start(struct vm **vm, u64 *mem)
{
	struct vcpu *v;

	*vm = vm_create(0);
	slot_set(*vm, 2, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	v = vcpu_create(*vm, 0, guest_pages);
	vcpu_expect_sync(v, 0);
	return v;
}

static u64 guest_sum(struct vcpu *v)
{
	stage = 0;
	vcpu_expect_sync(v, 0);
	return sum;
}

static void guest_fill(struct vcpu *v, u64 base)
{
	stage = 1;
	fill = base;
	vcpu_expect_sync(v, 0);
}

static void host_fill(u64 *mem, u64 base)
{
	for (u64 i = 0; i < PAGES; i++)
		mem[512 * i] = base + i;
}

static void check_host(u64 *mem, u64 base)
{
	for (u64 i = 0; i < PAGES; i++)
		CHECK_EQ(mem[512 * i], base + i);
}

static u64 *plain(void)
{
	u64 *mem = mem_alloc(PAGES * PAGE_SIZE);

	madvise(mem, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	return mem;
}

TEST(dontneed)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);

	guest_fill(v, 1000);
	check_host(mem, 1000);
	ASSERT_EQ(0, madvise(mem, PAGES * PAGE_SIZE, MADV_DONTNEED));
	ASSERT_EQ(0, guest_sum(v));
	host_fill(mem, 5);
	ASSERT_EQ(SUM(5), guest_sum(v));
	guest_fill(v, 77);
	check_host(mem, 77);
	/* one page in the middle */
	ASSERT_EQ(0, madvise(mem + 512 * 300, PAGE_SIZE, MADV_DONTNEED));
	ASSERT_EQ(SUM(77) - 377, guest_sum(v));
}

/* Read first: the shared zero page; the write after it must reach a page of its own. */
TEST(read_then_write)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);

	ASSERT_EQ(0, guest_sum(v));
	guest_fill(v, 9);
	check_host(mem, 9);
	stage = 2;
	fill = 400;
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(SUM(9), sum);
	check_host(mem, 400);
}

TEST(mmap_over)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);

	guest_fill(v, 1);
	ASSERT_NE(MAP_FAILED, mmap(mem, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, guest_sum(v));
	guest_fill(v, 2);
	check_host(mem, 2);
}

TEST(mremap_away)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);
	u64 *other;

	guest_fill(v, 50);
	other = mremap(mem, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       mem_alloc(PAGES * PAGE_SIZE));
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_NE(MAP_FAILED, mmap(mem, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, guest_sum(v));
	check_host(other, 50);
}

/* munmap: the guest's access ends RUN with EFAULT; mapped again, it goes on. */
TEST(munmap_and_back)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);

	guest_fill(v, 50);
	ASSERT_EQ(0, munmap(mem, PAGES * PAGE_SIZE));
	stage = 0;
	ASSERT_EQ(-EFAULT, try_run(v));
	ASSERT_EQ(-EFAULT, try_run(v));
	ASSERT_EQ(mem, mmap(mem, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(0, sum);
}

TEST(rights_removed)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);

	guest_fill(v, 50);
	ASSERT_EQ(0, mprotect(mem, PAGES * PAGE_SIZE, PROT_READ));
	ASSERT_EQ(SUM(50), guest_sum(v));
	stage = 1;
	fill = 60;
	ASSERT_EQ(-EFAULT, try_run(v));
	check_host(mem, 50);
	ASSERT_EQ(0, mprotect(mem, PAGES * PAGE_SIZE, PROT_NONE));
	ASSERT_EQ(-EFAULT, try_run(v));
	ASSERT_EQ(0, mprotect(mem, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE));
	vcpu_expect_sync(v, 0);
	check_host(mem, 60);
}

/* After fork both processes share the pages; what the guest writes stays in its own. */
TEST(fork_copies)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);
	int ready[2], status;
	pid_t pid;
	char c;

	guest_fill(v, 50);
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid) {
		/* the child looks only after the guest wrote */
		if (read(ready[0], &c, 1) != 1)
			_exit(1);
		for (u64 i = 0; i < PAGES; i++)
			if (mem[512 * i] != 50 + i)
				_exit(2);
		_exit(0);
	}
	ASSERT_EQ(SUM(50), guest_sum(v));
	guest_fill(v, 90);
	check_host(mem, 90);
	ASSERT_EQ(1, write(ready[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(SUM(90), guest_sum(v));
	host_fill(mem, 11);
	ASSERT_EQ(SUM(11), guest_sum(v));
}

TEST(memfd_shared)
{
	int fd = memfd_create("guest", 0);
	struct vm *vm;
	struct vcpu *v;
	u64 *mem, *other;

	ASSERT_EQ(0, ftruncate(fd, PAGES * PAGE_SIZE));
	mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	other = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	v = start(&vm, mem);
	guest_fill(v, 50);
	check_host(other, 50);
	host_fill(other, 70);
	ASSERT_EQ(SUM(70), guest_sum(v));
	ASSERT_EQ(0, fallocate(fd, 3 /* PUNCH_HOLE | KEEP_SIZE */, 0, PAGES * PAGE_SIZE));
	ASSERT_EQ(0, guest_sum(v));
	guest_fill(v, 80);
	check_host(other, 80);
	/* beyond the end of the file there is nothing */
	ASSERT_EQ(0, ftruncate(fd, PAGE_SIZE));
	stage = 0;
	ASSERT_EQ(-EFAULT, try_run(v));
}

/* A private file mapping: read from the page cache, written into a copy. */
TEST(file_private)
{
	char name[] = "/tmp/vmx-test-XXXXXX";
	int fd = mkstemp(name);
	struct vm *vm;
	struct vcpu *v;
	u64 *mem, first;

	ASSERT_LE(0, fd);
	unlink(name);
	for (u64 i = 0; i < PAGES; i++) {
		u64 x = 30 + i;

		ASSERT_EQ(8, pwrite(fd, &x, 8, (off_t)(i * PAGE_SIZE)));
	}
	ASSERT_EQ(0, ftruncate(fd, PAGES * PAGE_SIZE));
	mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	v = start(&vm, mem);
	ASSERT_EQ(SUM(30), guest_sum(v));
	guest_fill(v, 40);
	check_host(mem, 40);
	ASSERT_EQ(8, pread(fd, &first, 8, 0));
	ASSERT_EQ(30, first);
}

/* Paged out (or, without swap, only unmapped), and back. */
TEST(pageout)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v = start(&vm, mem);

	guest_fill(v, 50);
	if (madvise(mem, PAGES * PAGE_SIZE, MADV_PAGEOUT))
		SKIP(return, "no MADV_PAGEOUT");
	ASSERT_EQ(SUM(50), guest_sum(v));
	guest_fill(v, 60);
	check_host(mem, 60);
}

TEST(ksm)
{
	u64 *mem = plain();
	struct vm *vm;
	struct vcpu *v;
	FILE *f = fopen("/sys/kernel/mm/ksm/run", "w");
	u64 shared = 0;

	if (!f)
		SKIP(return, "the host kernel has no KSM, or this is not root");
	v = start(&vm, mem);
	for (u64 i = 0; i < PAGES * 512; i++)
		mem[i] = 0x5a5a;
	ASSERT_EQ((u64)PAGES * 0x5a5a, guest_sum(v));
	ASSERT_EQ(0, madvise(mem, PAGES * PAGE_SIZE, MADV_MERGEABLE));
	ASSERT_EQ(0, system("echo 0 >/sys/kernel/mm/ksm/sleep_millisecs;"
			    "echo 10000 >/sys/kernel/mm/ksm/pages_to_scan"));
	fputs("1", f);
	fclose(f);
	for (int i = 0; i < 200 && shared < 100; i++) {
		FILE *s = fopen("/sys/kernel/mm/ksm/pages_sharing", "r");

		ASSERT_EQ(1, fscanf(s, "%lu", &shared));
		fclose(s);
		usleep(50000);
	}
	ASSERT_LE(100, shared);
	ASSERT_EQ((u64)PAGES * 0x5a5a, guest_sum(v));
	guest_fill(v, 50);		/* breaks the sharing, page by page */
	check_host(mem, 50);
	for (u64 i = 0; i < PAGES; i++)
		ASSERT_EQ(0x5a5a, mem[512 * i + 1]);
	ASSERT_EQ(0, system("echo 2 >/sys/kernel/mm/ksm/run"));
	ASSERT_EQ(SUM(50), guest_sum(v));
}

/* The whole mapping goes while a vCPU writes into it. */
static volatile u64 count;

static void guest_writer(u64 id)
{
	for (;;) {
		*(volatile u64 *)(TEST_MEM + (count % PAGES) * 4096) = count;
		count++;
	}
}

static void *run_until_fault(void *arg)
{
	struct vcpu *v = arg;
	long ret;

	do {
		ret = try_run(v);
	} while (ret == -EINTR || ret == -EAGAIN);
	return (void *)ret;
}

TEST(munmap_running)
{
	u64 *mem = plain();
	struct vm *vm = vm_create(0);
	struct vcpu *v;
	pthread_t thread;
	void *ret;

	slot_set(vm, 2, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	v = vcpu_create(vm, 0, guest_writer);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_until_fault, v));
	WAIT_UNTIL(count > 2000, 10000);
	ASSERT_EQ(0, munmap(mem, PAGES * PAGE_SIZE));
	pthread_join(thread, &ret);
	ASSERT_EQ(-EFAULT, (long)ret);
}

/* Pages are dropped under a running vCPU, again and again; the guest's own writes decide. */
TEST(dontneed_running)
{
	u64 *mem = plain();
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	slot_set(vm, 2, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	v = vcpu_create(vm, 0, guest_writer);
	vcpu_start(v);
	for (int i = 0; i < 50; i++) {
		u64 from = count;

		ASSERT_EQ(0, madvise(mem, PAGES * PAGE_SIZE, MADV_DONTNEED));
		WAIT_UNTIL(count > from + 100, 10000);
	}
	vcpu_stop(v);
	/* the last write is there, in the VMM's own view */
	ASSERT_EQ(count - 1, mem[512 * ((count - 1) % PAGES)]);
}

TEST_HARNESS_MAIN
