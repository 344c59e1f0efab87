// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fault may map neighbours, but the guest must not be seen to have touched them: a page that it did
 * not write stays clean.
 */
#include <sys/syscall.h>
#include "vmxtest.h"

#define PAGES 64ul
#define WRITTEN 21ul
#define KPF_DIRTY 4
#define PRESENT (1ull << 63)
#define PFN_MASK ((1ull << 55) - 1)

static volatile u64 touch, write_it;

static void guest_touch(u64 id)
{
	for (;;) {
		volatile u64 *p = (volatile u64 *)(TEST_MEM + touch * 4096);

		if (write_it)
			*p = 0x600d;
		guest_sync(*p);
	}
}

static void run_touch(struct vcpu *v, u64 page, bool write, u64 expected)
{
	touch = page;
	write_it = write;
	vcpu_expect_sync(v, expected);
}

static u64 file_word(const char *path, u64 index)
{
	int fd = open(path, O_RDONLY);
	u64 v = 0;

	if (fd < 0 || pread(fd, &v, 8, (off_t)(index * 8)) != 8)
		v = 0;
	if (fd >= 0)
		close(fd);
	return v;
}

static u64 page_frame(void *p)
{
	u64 e = file_word("/proc/self/pagemap", (u64)p / PAGE_SIZE);

	return (e & PRESENT) ? e & PFN_MASK : 0;
}

/* Shared memory whose pages are all mapped and clean: only read so far. */
static char *clean_pages(void)
{
	int fd = (int)syscall(SYS_memfd_create, "clean", 0);
	volatile u64 sum = 0;
	char *mem;

	CHECK(fd >= 0 && !ftruncate(fd, PAGES * PAGE_SIZE));
	mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mem != MAP_FAILED);
	for (u64 i = 0; i < PAGES; i++)
		sum += *(volatile u64 *)(mem + i * PAGE_SIZE);
	return mem;
}

/* In-tree KVM of Linux 6.12 maps what is read for writing at once and counts it as written. */
#define NEED_OURS() do { \
	if (!device_is_vmx()) \
		SKIP(return, "in-tree KVM counts pages as written that were only read"); \
	} while (0)

TEST(neighbours_stay_clean)
{
	char *mem = clean_pages();
	struct vm *vm = vm_create(0);
	u64 frames[PAGES];
	struct vcpu *v;

	NEED_OURS();
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	v = vcpu_create(vm, 0, guest_touch);
	for (u64 i = 0; i < PAGES; i++) {
		frames[i] = page_frame(mem + i * PAGE_SIZE);
		if (!frames[i] || file_word("/proc/kpageflags", frames[i]) >> KPF_DIRTY & 1)
			SKIP(return, "the host's pages are not clean, or do not show");
	}
	run_touch(v, 20, false, 0);
	run_touch(v, WRITTEN, true, 0x600d);
	/* The host takes all back, and learns what was written. */
	ASSERT_EQ(0, madvise(mem, PAGES * PAGE_SIZE, MADV_DONTNEED));
	for (u64 i = 0; i < PAGES; i++) {
		u64 flags = file_word("/proc/kpageflags", frames[i]);

		EXPECT_EQ(i == WRITTEN, flags >> KPF_DIRTY & 1)
			TH_LOG("page %lu", (unsigned long)i);
	}
	EXPECT_EQ(0x600d, *(u64 *)(mem + WRITTEN * PAGE_SIZE));
}

TEST(neighbours_are_mapped)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v;
	long before;
	char *mem;

	if (vm_counter(vm, "fault_around_pages") < 0)
		SKIP(return, "no statistic fault_around_pages");
	if (vm_is_shadow(vm))
		SKIP(return, "under shadow paging a page is mapped only when the guest has touched it");
	mem = slot_add(vm, SLOT_TEST, TEST_MEM, PAGES * PAGE_SIZE);
	madvise(mem, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	v = vcpu_create(vm, 0, guest_touch);
	/* 16..23 are there, 24..31 are not. */
	for (u64 i = 16; i < 24; i++)
		*(u64 *)(mem + i * PAGE_SIZE) = i;
	run_touch(v, 0, false, 0);	/* the guest's own code and stack are mapped now */
	before = vm_counter(vm, "fault_around_pages");
	run_touch(v, 18, false, 18);
	ASSERT_EQ(before + 7, vm_counter(vm, "fault_around_pages"));
	for (u64 i = 16; i < 24; i++)
		run_touch(v, i, false, i);
	ASSERT_EQ(before + 7, vm_counter(vm, "fault_around_pages"));
}

/* Without a log of the hardware's a neighbour that is mapped would hide a write; with one it does not. */
TEST(while_logging)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, PAGES * PAGE_SIZE);
	struct vmx_dirty_log log = { .slot = SLOT_TEST };
	struct vcpu *v = vcpu_create(vm, 0, guest_touch);
	u64 bitmap = 0;
	long before;

	NEED_OURS();
	memset(mem, 0, PAGES * PAGE_SIZE);
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	run_touch(v, 0, false, 0);
	before = vm_counter(vm, "fault_around_pages");
	run_touch(v, 20, false, 0);
	run_touch(v, WRITTEN, true, 0x600d);
	ASSERT_EQ(vmx_flag_used("pml") && !vm_is_shadow(vm), before < vm_counter(vm, "fault_around_pages"));
	log.dirty_bitmap = &bitmap;
	must_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log);
	ASSERT_EQ(1ull << WRITTEN, bitmap);
}

TEST_HARNESS_MAIN
