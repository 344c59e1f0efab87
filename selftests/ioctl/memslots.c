// SPDX-License-Identifier: GPL-2.0-only
/* SET_USER_MEMORY_REGION: what is refused, and what a guest sees of what is not. */
#include "vmxtest.h"

static volatile u64 address, value;
static volatile bool store;

static void guest_access(u64 id)
{
	for (;;) {
		guest_sync(0);
		if (store)
			*(volatile u64 *)address = value;
		else
			value = *(volatile u64 *)address;
	}
}

static struct vcpu *start(struct vm **vm)
{
	struct vcpu *v;

	*vm = vm_create(0);
	v = vcpu_create(*vm, 0, guest_access);
	vcpu_expect_sync(v, 0);
	return v;
}

static u64 load(struct vcpu *v, u64 gpa)
{
	address = gpa;
	store = false;
	vcpu_expect_sync(v, 0);
	return value;
}

static void put(struct vcpu *v, u64 gpa, u64 x)
{
	address = gpa;
	value = x;
	store = true;
	vcpu_expect_sync(v, 0);
}

/* The access must be MMIO; it is answered, so that the guest is at its sync again. */
static void expect_mmio_load(struct vcpu *v, u64 gpa)
{
	address = gpa;
	store = false;
	vcpu_answer_mmio(v, gpa, 8, 0x99);
	vcpu_expect_sync(v, 0);
	CHECK_EQ(value, 0x99);
}

static void expect_mmio_store(struct vcpu *v, u64 gpa)
{
	address = gpa;
	value = 0x4242;
	store = true;
	vcpu_expect_mmio_write(v, gpa, 8, 0x4242);
	vcpu_expect_sync(v, 0);
}

TEST(bad_arguments)
{
	struct vm *vm = vm_create(0);
	char *p = mem_alloc(4 * PAGE_SIZE);
	u64 g = TEST_MEM, s = PAGE_SIZE;

	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g + 1, s, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, s + 1, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, s, p + 1));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, s - 1, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 1u << 31, g, s, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 0xfffe, 0, g, s, p));	/* too many slots */
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2 | 7u << 16, 0, g, s, p));	/* address space */
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, s, (void *)0xffff800000000000ul));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, -PAGE_SIZE, 2 * s, p));	/* wraps */
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, 0, p));	/* nothing to delete */
	ASSERT_EQ(-EFAULT, try_ioctl(vm->fd, VMX_SET_USER_MEMORY_REGION, (void *)8));
	ASSERT_EQ(0, try_slot_set(vm, 2, 0, g, s, p));
}

TEST(overlap)
{
	struct vm *vm = vm_create(0);
	char *p = mem_alloc(8 * PAGE_SIZE);
	u64 g = TEST_MEM, s = PAGE_SIZE;

	ASSERT_EQ(0, try_slot_set(vm, 2, 0, g + 4 * s, 2 * s, p));
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 3, 0, g + 4 * s, 2 * s, p));
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 3, 0, g + 5 * s, s, p));
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 3, 0, g + 5 * s, 2 * s, p));
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 3, 0, g + 3 * s, 2 * s, p));
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 3, 0, g, 8 * s, p));
	ASSERT_EQ(0, try_slot_set(vm, 3, 0, g + 3 * s, s, p));
	ASSERT_EQ(0, try_slot_set(vm, 4, 0, g + 6 * s, s, p));
	/* a move onto another is refused too, and leaves the slot where it was */
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 3, 0, g + 5 * s, s, p));
	ASSERT_EQ(-EEXIST, try_slot_set(vm, 5, 0, g + 3 * s, s, p));
}

TEST(size_and_address_of_a_slot_are_fixed)
{
	struct vm *vm = vm_create(0);
	char *p = mem_alloc(8 * PAGE_SIZE);
	u64 g = TEST_MEM, s = PAGE_SIZE;

	ASSERT_EQ(0, try_slot_set(vm, 2, 0, g, 2 * s, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, 3 * s, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, s, p));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, 0, g, 2 * s, p + s));
	ASSERT_EQ(-EINVAL, try_slot_set(vm, 2, VMX_MEM_READONLY, g, 2 * s, p));
	ASSERT_EQ(0, try_slot_set(vm, 2, 0, g, 2 * s, p));		/* no change */
	ASSERT_EQ(0, try_slot_set(vm, 2, VMX_MEM_LOG_DIRTY_PAGES, g, 2 * s, p));
	ASSERT_EQ(0, try_slot_set(vm, 2, 0, g, 2 * s, p));
	ASSERT_EQ(0, try_slot_set(vm, 2, 0, g, 0, NULL));
	ASSERT_EQ(0, try_slot_set(vm, 2, VMX_MEM_READONLY, g, 3 * s, p));
}

TEST(add_and_delete)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	u64 *p = mem_alloc(4 * PAGE_SIZE);

	expect_mmio_load(v, TEST_MEM);
	slot_set(vm, 2, 0, TEST_MEM, 2 * PAGE_SIZE, p);
	p[0] = 0x1111;
	ASSERT_EQ(0x1111, load(v, TEST_MEM));
	put(v, TEST_MEM + PAGE_SIZE, 0x2222);
	ASSERT_EQ(0x2222, p[512]);
	expect_mmio_load(v, TEST_MEM + 2 * PAGE_SIZE);
	slot_set(vm, 2, 0, TEST_MEM, 0, NULL);
	expect_mmio_load(v, TEST_MEM);
	expect_mmio_store(v, TEST_MEM + PAGE_SIZE);
	ASSERT_EQ(0x2222, p[512]);
	/* the same addresses with other memory */
	slot_set(vm, 2, 0, TEST_MEM, 2 * PAGE_SIZE, p + 1024);
	ASSERT_EQ(0, load(v, TEST_MEM));
}

TEST(move)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	u64 *p = mem_alloc(PAGE_SIZE);

	p[0] = 0x55;
	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0x55, load(v, TEST_MEM));
	slot_set(vm, 2, 0, TEST_MEM + 0x100000, PAGE_SIZE, p);
	expect_mmio_load(v, TEST_MEM);
	ASSERT_EQ(0x55, load(v, TEST_MEM + 0x100000));
	/* over its own old place */
	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0x55, load(v, TEST_MEM));
	expect_mmio_load(v, TEST_MEM + 0x100000);
}

TEST(read_only)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	u64 *p = mem_alloc(PAGE_SIZE);

	p[0] = 0x66;
	slot_set(vm, 2, VMX_MEM_READONLY, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0x66, load(v, TEST_MEM));
	expect_mmio_store(v, TEST_MEM);
	ASSERT_EQ(0x66, p[0]);
	p[0] = 0x67;
	ASSERT_EQ(0x67, load(v, TEST_MEM));
	expect_mmio_store(v, TEST_MEM + 8);
	ASSERT_EQ(0, p[1]);
}

/* Memory that the VMM itself may only read, as a read-only slot. */
TEST(read_only_mapping)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	u64 *p = mem_alloc(PAGE_SIZE);

	p[0] = 0x68;
	ASSERT_EQ(0, mprotect(p, PAGE_SIZE, PROT_READ));
	slot_set(vm, 2, VMX_MEM_READONLY, TEST_MEM, PAGE_SIZE, p);
	ASSERT_EQ(0x68, load(v, TEST_MEM));
	expect_mmio_store(v, TEST_MEM);
}

/* Two slots over the same host memory. */
TEST(alias)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	u64 *p = mem_alloc(PAGE_SIZE);

	slot_set(vm, 2, 0, TEST_MEM, PAGE_SIZE, p);
	slot_set(vm, 3, 0, TEST_MEM + 0x400000, PAGE_SIZE, p);
	put(v, TEST_MEM, 0x70);
	ASSERT_EQ(0x70, load(v, TEST_MEM + 0x400000));
	put(v, TEST_MEM + 0x400000, 0x71);
	ASSERT_EQ(0x71, load(v, TEST_MEM));
}

TEST(many_slots)
{
	struct vm *vm;
	struct vcpu *v = start(&vm);
	int max = check_cap(vm->dev, VMX_CAP_NR_MEMSLOTS);
	u32 n = max < 2000 ? (u32)max - 2 : 2000;
	u64 *p = mem_alloc(n * PAGE_SIZE);

	/* every other page, backwards, so that neighbours differ */
	for (u32 i = 0; i < n; i++)
		slot_set(vm, 2 + i, 0, TEST_MEM + 2 * (n - i) * PAGE_SIZE, PAGE_SIZE, p + 512 * i);
	for (u32 i = 0; i < n; i += 397) {
		p[512 * i] = i + 5;
		ASSERT_EQ(i + 5, load(v, TEST_MEM + 2 * (n - i) * PAGE_SIZE));
		expect_mmio_load(v, TEST_MEM + (2 * (n - i) + 1) * PAGE_SIZE);
	}
}

TEST_HARNESS_MAIN
