// SPDX-License-Identifier: GPL-2.0-only
/* VMX_TRANSLATE: where a linear address is, in each mode, with no mark left in the tables. */
#include "vmxtest.h"

static void guest_nothing(u64 id)
{
	guest_sync(1);
	guest_done();
}

static struct vmx_translation translate(struct vcpu *v, u64 address)
{
	struct vmx_translation t = { .linear_address = address, .usermode = 0xff };

	must_ioctl(v->fd, VMX_TRANSLATE, &t);
	CHECK_EQ(t.linear_address, address);
	return t;
}

TEST(long_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_nothing);
	struct vmx_translation t;
	u64 *e;

	slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE_2M);
	e = pt_map(vm, LOW_PGTABLE, 0x7f0000123000, TEST_MEM + 0x5000, 1, PTE_P);
	pt_map(vm, LOW_PGTABLE, 0x7f0040000000, 0x40000000, 2, PTE_P);
	vcpu_expect_sync(v, 1);
	t = translate(v, 0x7f0000123456);
	ASSERT_EQ(1, t.valid);
	ASSERT_EQ(TEST_MEM + 0x5456, t.physical_address);
	ASSERT_EQ(1, t.writeable);
	ASSERT_EQ(0, t.usermode);
	/* neither accessed nor dirty; in-tree KVM marks it accessed */
	if (device_is_vmx())
		ASSERT_EQ(0, *e & 0x60);
	/* a large page, and one where no memory is */
	t = translate(v, 0x7f0040054321);
	ASSERT_EQ(1, t.valid);
	ASSERT_EQ(0x40054321, t.physical_address);
	t = translate(v, 0x7f0000124000);
	ASSERT_EQ(0, t.valid);
	ASSERT_EQ(~0ull, t.physical_address);
	*e = 0;
	ASSERT_EQ(0, translate(v, 0x7f0000123456).valid);
	vcpu_expect_done(v);
}

TEST(without_paging)
{
	struct vcpu *v = vcpu_create_reset(vm_create(0), 0);
	struct vmx_translation t = translate(v, 0xdeadbee1);

	ASSERT_EQ(1, t.valid);
	ASSERT_EQ(0xdeadbee1, t.physical_address);
}

TEST(bad_pointer)
{
	struct vcpu *v = vcpu_create_reset(vm_create(0), 0);

	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_TRANSLATE, (void *)8));
}

TEST_HARNESS_MAIN
