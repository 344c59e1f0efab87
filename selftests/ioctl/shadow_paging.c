// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow paging, chosen for one VM. Among others the cases behind five ways out of a guest that in-tree KVM's
 * shadow pager once had: tables that change under the pager, by the guest and by the VMM, which it does not see. After
 * each step the auditor has to find the books in order; what the guest sees may be old until it flushes.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "uapi/vmx_ext.h"
#include "vmxtest.h"

#define VA 0x7f1234400000ul		/* 2 MiB aligned */
#define ALL (PTE_P | PTE_W)
#define NOWHERE 0xc0000000ul		/* no slot is there */

static volatile u64 entry_va, entry_value, other_root;

#define REQUIRE_VMX() do { \
	if (!device_is_vmx()) \
		SKIP(return, "%s is not vmx", device_path()); \
} while (0)

/* The guest's next message, and then the books. */
static void step(struct vm *vm, struct vcpu *v, u64 stage)
{
	vcpu_expect_sync(v, stage);
	vm_audit(vm);
}

/* The entry of @level for @va. */
static u64 *entry_of(struct vm *vm, u64 va, int level)
{
	u64 table = LOW_PGTABLE;

	for (int l = 4; l > level; l--)
		table = ((u64 *)vm_ptr(vm, table))[va >> (12 + 9 * (l - 1)) & 511] & PTE_ADDR;
	return (u64 *)vm_ptr(vm, table) + (va >> (12 + 9 * (level - 1)) & 511);
}

static u64 *pde_of(struct vm *vm, u64 va)
{
	return entry_of(vm, va, 2);
}

static u64 load(u64 va)
{
	return *(volatile u64 *)va;
}

static void store(u64 va, u64 value)
{
	*(volatile u64 *)va = value;
}

TEST(choice)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create(0);
	u32 how = VMX_X_PAGING_SHADOW;

	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_X_SET_PAGING, &how));
	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_X_GET_PAGING, &how));
	ASSERT_EQ(VMX_X_PAGING_SHADOW, how);
	how = VMX_X_PAGING_NESTED;
	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_X_SET_PAGING, &how));
	ASSERT_FALSE(vm_is_shadow(vm));
	how = 3;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_X_SET_PAGING, &how));
	ASSERT_EQ(-EFAULT, try_ioctl(vm->fd, VMX_X_SET_PAGING, NULL));
	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_X_AUDIT, NULL));
	vcpu_create_bare(vm, 0);
	how = VMX_X_PAGING_SHADOW;
	ASSERT_EQ(-EBUSY, try_ioctl(vm->fd, VMX_X_SET_PAGING, &how));
}

/*
 * A larger page of the guest's, and then a table in the same frame: two pages of ours for one frame, which only
 * their roles tell apart (CVE-2026-53359).
 */
static void guest_table_in_page(u64 id)
{
	u64 i;

	for (i = 0; i < 4; i++)
		store(VA + i * 4096, 0x100 + i);
	guest_sync(1);
	/* The page's first frame becomes a table, by its own contents. */
	for (i = 0; i < 4; i++)
		store(VA + i * 8, (TEST_MEM + 0x100000 + i * 4096) | ALL);
	store(entry_va, TEST_MEM | ALL);
	invlpg(VA);
	guest_sync(2);
	for (i = 0; i < 4; i++)
		store(VA + i * 4096, 0x200 + i);
	guest_sync(3);
	/* And back. */
	store(entry_va, TEST_MEM | ALL | PTE_PS);
	invlpg(VA);
	GUEST_ASSERT_EQ(load(VA + 0x100000), 0x200);
	GUEST_ASSERT_EQ(load(VA + 0x1000), 0x101);
	guest_sync(4);
	store(entry_va, TEST_MEM | ALL);
	invlpg(VA);
	GUEST_ASSERT_EQ(load(VA + 0x3000), 0x203);
	guest_sync(5);
}

TEST(role_of_a_frame)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_table_in_page);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);
	u64 *entry;

	madvise(mem, 0x400000, MADV_NOHUGEPAGE);
	entry = pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 2, ALL);
	entry_va = (char *)entry - vm->low;
	for (u64 stage = 1; stage <= 5; stage++)
		step(vm, v, stage);
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0, mem);
	vm_audit(vm);
	/* What the host maps there now no leaf may still reach. */
	munmap(mem, 0x400000);
	vm_audit(vm);
	vm_close(vm);
}

/* The same by the VMM, so that the pager still has the page's run of frames where the table is to be. */
static void guest_reads_on(u64 id)
{
	GUEST_ASSERT_EQ(load(VA), entry_value);
	guest_sync(1);
	GUEST_ASSERT_EQ(load(VA + 0x2000), entry_value);
	guest_sync(2);
}

TEST(role_of_a_frame_by_the_vmm)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_reads_on);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);

	madvise(mem, 0x400000, MADV_NOHUGEPAGE);
	mem[0] = entry_value = (TEST_MEM + 0x100000) | ALL | PTE_A | PTE_D;
	mem[2] = (TEST_MEM + 0x102000) | ALL;
	pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 2, ALL);
	step(vm, v, 1);
	*pde_of(vm, VA) = TEST_MEM | ALL | PTE_A;
	mem[0x102000 / 8] = entry_value = 0x777;
	step(vm, v, 2);
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0, mem);
	vm_audit(vm);
	munmap(mem, 0x400000);
	vm_audit(vm);
	vm_close(vm);
}

/* Tables that the VMM changes: leaves of the old entry are found by what was built, not by what is there now. */
static void guest_reads(u64 id)
{
	for (u64 i = 1;; i++) {
		(void)load(VA);
		(void)load(VA + 0x1000);
		guest_sync(2 * i - 1);
		invlpg(VA);
		invlpg(VA + 0x1000);
		GUEST_ASSERT_EQ(load(VA), entry_value);
		guest_sync(2 * i);
	}
}

TEST(entry_changed_by_the_vmm)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_reads);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);
	u64 *pde, *pte, table;

	madvise(mem, 0x400000, MADV_NOHUGEPAGE);
	mem[0] = 1;
	mem[512] = 2;
	mem[0x80000 / 8] = 3;
	pte = pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL);
	pt_map(vm, LOW_PGTABLE, VA + 0x1000, TEST_MEM + 0x1000, 1, ALL);
	entry_value = 1;
	step(vm, v, 1);
	step(vm, v, 2);

	/* The leaf, behind the pager's back (CVE-2026-46113 by a DMA). */
	*pte = (TEST_MEM + 0x1000) | ALL | PTE_A;
	entry_value = 2;
	step(vm, v, 3);
	step(vm, v, 4);
	/* The directory's entry: another table in place of this one, and a larger page in place of both. */
	table = pt_alloc(vm);
	((u64 *)vm_ptr(vm, table))[0] = (TEST_MEM + 0x80000) | ALL | PTE_A;
	((u64 *)vm_ptr(vm, table))[1] = (TEST_MEM + 0x1000) | ALL | PTE_A;
	pde = pde_of(vm, VA);
	*pde = table | ALL | PTE_A;
	entry_value = 3;
	step(vm, v, 5);
	step(vm, v, 6);
	*pde = TEST_MEM | ALL | PTE_PS | PTE_A;
	entry_value = 1;
	step(vm, v, 7);
	step(vm, v, 8);

	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0, mem);
	vm_audit(vm);
	munmap(mem, 0x400000);
	vm_audit(vm);
	vm_close(vm);
}

/* From memory to a device and back, while the translation is in use (CVE-2026-23401). */
TEST(memory_becomes_device)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_reads);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000), *pte;

	mem[0] = 1;
	pte = pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL);
	pt_map(vm, LOW_PGTABLE, VA + 0x1000, TEST_MEM + 0x1000, 1, ALL);
	entry_value = 1;
	step(vm, v, 1);
	step(vm, v, 2);
	*pte = NOWHERE | ALL | PTE_A;
	entry_value = 0x1234;
	step(vm, v, 3);
	vcpu_answer_mmio(v, NOWHERE, 8, 0x1234);
	vm_audit(vm);
	step(vm, v, 4);
	vcpu_answer_mmio(v, NOWHERE, 8, 0x1234);
	*pte = TEST_MEM | ALL | PTE_A | PTE_D;
	vm_audit(vm);
	entry_value = 1;
	step(vm, v, 5);
	step(vm, v, 6);
	/* The same by the slot: its frame is a device, and then memory. */
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0, mem);
	vm_audit(vm);
	entry_value = 7;
	vcpu_answer_mmio(v, TEST_MEM, 8, 7);
	vcpu_answer_mmio(v, TEST_MEM + 0x1000, 8, 7);
	step(vm, v, 7);
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, 0x200000, mem);
	mem[0] = 7;
	step(vm, v, 8);
	vm_close(vm);
}

/* Far more tables than the quota has pages, roots among them: what is in use is given up and built again. */
#define SPACES 24
#define TABLES 40

static volatile u64 roots[SPACES];

static void guest_many(u64 id)
{
	for (u64 round = 0; round < 3; round++) {
		for (u64 s = 0; s < SPACES; s++) {
			write_cr3(roots[s]);
			for (u64 t = 0; t < TABLES; t++) {
				volatile u64 *p = (volatile u64 *)(VA + (t << 21) + t * 8);

				GUEST_ASSERT_EQ(*p, round ? s * TABLES + t + round - 1 + (round > 1 ? s : 0) : *p);
				*p = s * TABLES + t + round + (round ? s : 0);
			}
			guest_sync(round * SPACES + s + 1);
		}
	}
	guest_done();
}

TEST(quota)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, SPACES * 4096);
	struct vcpu *v = vcpu_create(vm, 0, guest_many);
	char *tables = slot_add(vm, SLOT_TEST + 1, TEST_MEM + 0x1000000, SPACES * (TABLES + 4) * 4096);
	u64 next = 0;

	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_NR_MMU_PAGES, (void *)1));
	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_SET_NR_MMU_PAGES, (void *)64));
	(void)mem;
	/* The identity map of the tests, shared, and in each space a page of memory behind TABLES tables. */
	for (u64 s = 0; s < SPACES; s++) {
		u64 *root = (u64 *)(tables + next++ * 4096);
		u64 *pdpt = (u64 *)(tables + next++ * 4096);
		u64 *pd[2] = { (u64 *)(tables + next++ * 4096), (u64 *)(tables + next++ * 4096) };
#define GPA(p) (TEST_MEM + 0x1000000 + (u64)((char *)(p) - tables))
		roots[s] = GPA(root);
		memcpy(root, vm->low + LOW_PGTABLE, 4096);
		root[VA >> 39 & 511] = GPA(pdpt) | ALL;
		pdpt[VA >> 30 & 511] = GPA(pd[0]) | ALL;
		pdpt[(VA >> 30 & 511) + 1] = GPA(pd[1]) | ALL;
		for (u64 t = 0; t < TABLES; t++) {
			u64 va = VA + (t << 21), *pt = (u64 *)(tables + next++ * 4096);

			pd[(va >> 30) - (VA >> 30)][va >> 21 & 511] = GPA(pt) | ALL;
			pt[va >> 12 & 511] = (TEST_MEM + s * 4096) | ALL;
		}
	}
	for (u64 stage = 1; stage <= 3 * SPACES; stage++)
		step(vm, v, stage);
	vcpu_expect_done(v);
	vm_audit(vm);
	vm_close(vm);
}

/* The host is short of memory: pages go, and come back. */
#define SPARSE 300

static void guest_sparse(u64 id)
{
	for (u64 round = 0; round < 3; round++) {
		for (u64 t = 0; t < SPARSE; t++) {
			GUEST_ASSERT_EQ(load(VA + (t << 21)), t + round);
			store(VA + (t << 21), t + round + 1);
		}
		guest_sync(round);
	}
	guest_done();
}

TEST(shrinker)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_sparse);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, SPARSE * 4096);
	char *tables = slot_add(vm, SLOT_TEST + 1, TEST_MEM + 0x1000000, (SPARSE + 8) * 4096);
	u64 next = TEST_MEM + 0x1000000, *pdpt = NULL, *pd = NULL;
	long before;
	int fd;

	for (u64 t = 0; t < SPARSE; t++) {
		u64 va = VA + (t << 21), *pt;
#define HOST(gpa) ((u64 *)(tables + ((gpa) - TEST_MEM - 0x1000000)))

		mem[t * 512] = t;
		if (!pdpt) {
			((u64 *)(vm->low + LOW_PGTABLE))[va >> 39 & 511] = next | ALL;
			pdpt = HOST(next);
			next += 4096;
		}
		if (!(pdpt[va >> 30 & 511] & PTE_P)) {
			pdpt[va >> 30 & 511] = next | ALL;
			next += 4096;
		}
		pd = HOST(pdpt[va >> 30 & 511] & PTE_ADDR);
		pt = HOST(next);
		pd[va >> 21 & 511] = next | ALL;
		next += 4096;
		pt[va >> 12 & 511] = (TEST_MEM + t * 4096) | ALL;
	}
	step(vm, v, 0);
	before = vm_counter(vm, "table_pages");
	ASSERT_LT(SPARSE, before);
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2, write(fd, "2\n", 2));
	close(fd);
	ASSERT_GT(SPARSE / 2, vm_counter(vm, "table_pages"));
	step(vm, v, 1);
	step(vm, v, 2);
	vcpu_expect_done(v);
	vm_close(vm);
}

/* Accessed and dirty flags in tables on memory of every kind (CVE-2022-1158: one that has no struct page of the host's). */
static void flags_on(struct __test_metadata *_metadata, void *tables)
{
	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_reads);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
	u64 gpa = TEST_MEM + 0x1000000, *t = tables, *root = (u64 *)(vm->low + LOW_PGTABLE);

	ASSERT_NE(MAP_FAILED, tables);
	slot_set(vm, SLOT_TEST + 1, 0, gpa, 0x200000, tables);
	mem[0] = 5;
	entry_value = 5;
	memset(t, 0, 3 * 4096);
	root[VA >> 39 & 511] = gpa | ALL;
	t[VA >> 30 & 511] = (gpa + 0x1000) | ALL;
	t[512 + (VA >> 21 & 511)] = (gpa + 0x2000) | ALL;
	t[1024] = TEST_MEM | ALL;
	t[1025] = (TEST_MEM + 0x1000) | ALL;
	step(vm, v, 1);
	ASSERT_EQ(PTE_A, t[1024] & (PTE_A | PTE_D));
	ASSERT_EQ(PTE_A, t[VA >> 30 & 511] & PTE_A);
	/* The memory goes away under the tables. */
	madvise(tables, 0x200000, MADV_DONTNEED);
	vm_audit(vm);
	vm_close(vm);
}

TEST(flags_in_private_memory)
{
	REQUIRE_VMX();
	flags_on(_metadata, mem_alloc(0x200000));
}

TEST(flags_in_shared_memory)
{
	REQUIRE_VMX();
	flags_on(_metadata, mmap(NULL, 0x200000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

TEST(flags_in_a_huge_page)
{
	REQUIRE_VMX();

	void *p = mmap(NULL, 0x200000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED)
		SKIP(return, "no huge page to be had");
	flags_on(_metadata, p);
}

/*
 * A table that the guest changes often is its own to write, and what INVLPG finds changed is there again at once: neither
 * the change nor the use faults.
 */
static void guest_changes(u64 id)
{
	for (u64 i = 0; i < 220; i++) {
		u64 page = i % 2;

		store(entry_va, (TEST_MEM + page * 4096) | ALL | PTE_A | PTE_D);
		invlpg(VA);
		GUEST_ASSERT_EQ(load(VA), 5 + page);
		if (i % 20 == 19)
			store(VA, 5 + page);
		if (i == 19)
			guest_sync(1);
	}
	guest_sync(2);
	/* What has become unwritable, or is gone, is not. */
	store(entry_va, TEST_MEM | PTE_P | PTE_A | PTE_D);
	invlpg(VA);
	GUEST_ASSERT_EQ(load(VA), 5);
	u64 vec;
	GUEST_TRY(vec, "movq $12, (%[p])", (), ([p] "r"(VA)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	store(entry_va, (TEST_MEM + 4096) | ALL);
	invlpg(VA);
	store(VA, 7);
	GUEST_ASSERT_EQ(*(volatile u64 *)entry_va & (PTE_A | PTE_D), PTE_A | PTE_D);
	store(entry_va, 0);
	invlpg(VA);
	GUEST_TRY(vec, "movq $12, (%[p])", (), ([p] "r"(VA)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	guest_sync(3);
}

TEST(changes_without_faults)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_changes);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
	long before;

	entry_va = (u64)((char *)pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL) - vm->low);
	mem[0] = 5;
	mem[512] = 6;
	step(vm, v, 1);
	before = vcpu_counter("pf_fixed");
	step(vm, v, 2);
	if (before >= 0) {
		ASSERT_LT(0, before);
		ASSERT_GT(20, vcpu_counter("pf_fixed") - before);
	}
	step(vm, v, 3);
	ASSERT_EQ(5, mem[0]);
	ASSERT_EQ(7, mem[512]);
}

/* A root that was left and is kept may be memory like any other by now: its writes do not go on being emulated. */
static void guest_root_becomes_data(u64 id)
{
	for (u64 i = 0; i < 3; i++) {
		write_cr3(other_root);
		GUEST_ASSERT_EQ(load(VA), 5);
		write_cr3(LOW_PGTABLE);
		GUEST_ASSERT_EQ(load(VA), 5);
	}
	guest_sync(1);
	for (u64 i = 0; i < 1000; i++)
		store(other_root + i % 512 * 8, i << 12);
	guest_sync(2);
}

TEST(root_becomes_data)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_root_becomes_data);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
	long before;

	pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL);
	mem[0] = 5;
	other_root = pt_alloc(vm);
	memcpy(vm_ptr(vm, other_root), vm_ptr(vm, LOW_PGTABLE), 4096);
	step(vm, v, 1);
	before = vcpu_counter("exits");
	step(vm, v, 2);
	if (before >= 0) {
		ASSERT_LT(0, before);
		ASSERT_GT(50, vcpu_counter("exits") - before);
	}
	ASSERT_EQ(511ul << 12, ((u64 *)vm_ptr(vm, other_root))[511]);
}

/*
 * What clears a table that was freed, or copies over it, does so at the CPU's speed. One that maps the very address it is
 * written through is written, too.
 */
static void guest_fills_tables(u64 id)
{
	u64 link = *(volatile u64 *)entry_va, table = link & PTE_ADDR;

	for (u64 i = 0; i < 8; i++) {
		u64 to = table, from = entry_va & ~4095ul, n = 512;

		GUEST_ASSERT_EQ(load(VA), 5);
		store(entry_va, 0);
		invlpg(VA);
		if (i % 2)
			asm volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0ul) : "memory");
		else
			asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
		store(table + (VA >> 21 & 511) * 8, entry_value);
		store(entry_va, link);
	}
	guest_sync(1);
	for (u64 i = 0; i < 8; i++) {
		u64 to = other_root, from = other_root, n = 512;

		asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
		GUEST_ASSERT_EQ(to, other_root + 4096);
		GUEST_ASSERT_EQ(load(VA), 5);
	}
	guest_sync(2);
}

TEST(tables_are_filled)
{
	REQUIRE_VMX();

	struct vm *vm = vm_create_shadow();
	struct vcpu *v = vcpu_create(vm, 0, guest_fills_tables);
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
	long before;

	pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL);
	mem[0] = 5;
	entry_value = *pde_of(vm, VA);
	entry_va = (u64)((char *)entry_of(vm, VA, 3) - vm->low);
	other_root = (u64)((char *)pde_of(vm, 0) - vm->low) & ~4095ul;
	before = vcpu_counter("insn_emulations");
	step(vm, v, 1);
	/* The two stores above are emulated, and no more than these. */
	if (before >= 0)
		ASSERT_GT(8 * 3, vcpu_counter("insn_emulations") - before);
	before = vcpu_counter("insn_emulations");
	step(vm, v, 2);
	if (before >= 0)
		ASSERT_LT(0, vcpu_counter("insn_emulations") - before);
}

/* Without CR0.WP the kernel may write where nobody else may, and what users see stays read-only. */
static void guest_no_wp(u64 id)
{
	u64 vec;

	write_cr0(read_cr0() & ~CR0_WP);
	store(VA, 11);
	GUEST_ASSERT_EQ(load(VA), 11);
	guest_sync(1);
	write_cr0(read_cr0() | CR0_WP);
	GUEST_ASSERT_EQ(load(VA), 11);
	GUEST_TRY(vec, "movq $12, (%[p])", (), ([p] "r"(VA)));
	GUEST_ASSERT_EQ(vec, VEC_PF);
	GUEST_ASSERT_EQ(guest_error, PF_P | PF_W);
	GUEST_ASSERT_EQ(load(VA), 11);
	guest_sync(2);
}

TEST(without_write_protection)
{
	REQUIRE_VMX();

	for (int user = 0; user < 2; user++) {
		struct vm *vm = vm_create_shadow();
		struct vcpu *v = vcpu_create(vm, 0, guest_no_wp);

		slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
		pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, PTE_P | (user ? PTE_U : 0));
		step(vm, v, 1);
		step(vm, v, 2);
		vm_close(vm);
	}
}

TEST_HARNESS_MAIN
