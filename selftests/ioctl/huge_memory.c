// SPDX-License-Identifier: GPL-2.0-only
/* Memory slots over huge pages: THP split and collapsed, hugetlbfs, odd alignment. */
#include "vmxtest.h"

#define SIZE (8ul << 20)

static volatile u64 seed, bad_page;
static volatile bool check_only;

static void guest_pattern(u64 id)
{
	for (;;) {
		guest_sync(0);
		bad_page = 0;
		for (u64 off = 0; off < SIZE; off += 4096) {
			volatile u64 *p = (volatile u64 *)(TEST_MEM + off);

			if (!check_only)
				*p = seed + off;
			else if (*p != seed + off && !bad_page)
				bad_page = off | 1;
		}
	}
}

static void guest_fill(struct vcpu *v, u64 s)
{
	seed = s;
	check_only = false;
	vcpu_expect_sync(v, 0);
}

static void guest_check(struct vcpu *v)
{
	check_only = true;
	vcpu_expect_sync(v, 0);
	CHECK_EQ(bad_page, 0);
}

static void host_check(char *mem)
{
	for (u64 off = 0; off < SIZE; off += 4096)
		CHECK_EQ(*(u64 *)(mem + off), seed + off);
}

static struct vcpu *start(struct vm **vm, u64 gpa, void *mem)
{
	struct vcpu *v;

	*vm = vm_create(0);
	slot_set(*vm, SLOT_TEST, 0, gpa, SIZE, mem);
	v = vcpu_create(*vm, 0, guest_pattern);
	vcpu_expect_sync(v, 0);
	return v;
}

static bool is_thp(void *mem)
{
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false;
	unsigned long from, to, kb, huge = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (u64)mem >= from && (u64)mem < to;
		if (here && sscanf(line, "AnonHugePages: %lu kB", &kb) == 1)
			huge += kb;
	}
	if (f)
		fclose(f);
	return huge > 0;
}

TEST(thp_split)
{
	char *mem = mem_alloc(SIZE);
	struct vm *vm;
	struct vcpu *v;

	madvise(mem, SIZE, MADV_HUGEPAGE);
	memset(mem, 0, SIZE);
	if (!is_thp(mem))
		SKIP(return, "the host gives no transparent huge page");
	v = start(&vm, TEST_MEM, mem);
	guest_fill(v, 1);
	host_check(mem);
	/* one page of the first huge page goes: the rest must stay as it was */
	ASSERT_EQ(0, madvise(mem + 0x5000, PAGE_SIZE, MADV_DONTNEED));
	check_only = true;
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(0x5001, bad_page);
	*(u64 *)(mem + 0x5000) = seed + 0x5000;
	guest_check(v);
	/* rights split it too */
	ASSERT_EQ(0, mprotect(mem + 0x203000, PAGE_SIZE, PROT_READ));
	guest_check(v);
	ASSERT_EQ(0, mprotect(mem + 0x203000, PAGE_SIZE, PROT_READ | PROT_WRITE));
	guest_fill(v, 77);
	host_check(mem);
	/* collapsed again, while the guest holds it */
	madvise(mem, SIZE, 25 /* MADV_COLLAPSE: 6.1 */);
	guest_check(v);
	guest_fill(v, 99);
	host_check(mem);
}

/* Huge pages are used; gone while writes are logged; and back afterwards. */
TEST(huge_again_after_logging)
{
	char *mem = mem_alloc(SIZE);
	struct vm *vm;
	struct vcpu *v;
	long base;

	madvise(mem, SIZE, MADV_HUGEPAGE);
	memset(mem, 0, SIZE);
	if (!is_thp(mem))
		SKIP(return, "the host gives no transparent huge page");
	v = start(&vm, TEST_MEM, mem);
	base = vm_counter(vm, "pages_2m");		/* of the other slots */
	if (base < 0)
		SKIP(return, "no statistic pages_2m");
	guest_fill(v, 1);
	ASSERT_LE(base + 1, vm_counter(vm, "pages_2m"));
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, SIZE, mem);
	guest_fill(v, 2);
	ASSERT_EQ(base, vm_counter(vm, "pages_2m"));
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, SIZE, mem);
	guest_fill(v, 3);
	ASSERT_LE(base + 1, vm_counter(vm, "pages_2m"));
	host_check(mem);
}

/* The guest address has another 2 MiB phase than the host's: no huge mapping may be made. */
TEST(thp_out_of_phase)
{
	char *mem = mem_alloc(SIZE + PAGE_SIZE_2M);
	struct vm *vm;
	struct vcpu *v;

	madvise(mem, SIZE + PAGE_SIZE_2M, MADV_HUGEPAGE);
	memset(mem, 0, SIZE + PAGE_SIZE_2M);
	v = start(&vm, TEST_MEM, mem + 0x3000);
	guest_fill(v, 5);
	host_check(mem + 0x3000);
	ASSERT_EQ(0, *(u64 *)mem);
	guest_check(v);
}

/* A slot that ends inside of a huge page: what lies behind it is not the guest's. */
static void guest_edge(u64 id)
{
	*(volatile u64 *)TEST_MEM = 1;
	*(volatile u64 *)(TEST_MEM + 0xff000) = 2;
	*(volatile u64 *)(TEST_MEM + 0x100000) = 3;
	guest_done();
}

TEST(slot_ends_in_huge_page)
{
	char *mem = mem_alloc(PAGE_SIZE_2M);
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	madvise(mem, PAGE_SIZE_2M, MADV_HUGEPAGE);
	memset(mem, 0, PAGE_SIZE_2M);
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0x100000, mem);
	v = vcpu_create(vm, 0, guest_edge);
	vcpu_expect_mmio_write(v, TEST_MEM + 0x100000, 8, 3);
	vcpu_expect_done(v);
	ASSERT_EQ(2, *(u64 *)(mem + 0xff000));
	ASSERT_EQ(0, *(u64 *)(mem + 0x100000));
}

TEST(hugetlbfs)
{
	char *mem;
	struct vm *vm;
	struct vcpu *v;
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (f) {
		fputs("8", f);
		fclose(f);
	}
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED)
		SKIP(return, "the host has no free hugetlbfs pages");
	v = start(&vm, TEST_MEM, mem);
	guest_fill(v, 3);
	host_check(mem);
	/* a hole in it */
	ASSERT_EQ(0, madvise(mem + PAGE_SIZE_2M, PAGE_SIZE_2M, MADV_DONTNEED));
	check_only = true;
	vcpu_expect_sync(v, 0);
	ASSERT_EQ(PAGE_SIZE_2M | 1, bad_page);
	guest_fill(v, 4);
	host_check(mem);
	/* dirty logging splits it, and it comes together again */
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, SIZE, mem);
	guest_fill(v, 5);
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, SIZE, mem);
	guest_fill(v, 6);
	host_check(mem);
	f = fopen("/proc/sys/vm/nr_hugepages", "w");
	if (f) {
		fputs("0", f);
		fclose(f);
	}
}

TEST_HARNESS_MAIN
