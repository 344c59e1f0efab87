// SPDX-License-Identifier: GPL-2.0-only
/* The device's own ioctls: right and wrong arguments. */
#include "vmxtest.h"

TEST(api_version)
{
	int dev = device_open();

	ASSERT_EQ(12, try_ioctl(dev, VMX_GET_API_VERSION, 0));
	ASSERT_EQ(-EINVAL, try_ioctl(dev, VMX_GET_API_VERSION, (void *)1));
}

TEST(unknown_ioctls)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);

	/* The device answers EINVAL, as it does for every ioctl that it does not know. */
	ASSERT_EQ(-EINVAL, try_ioctl(vm->dev, _IO(0xae, 0xfe), 0));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->dev, VMX_RUN, 0));
	ASSERT_EQ(-ENOTTY, try_ioctl(vm->fd, _IO(0xae, 0xfe), 0));
	ASSERT_EQ(-ENOTTY, try_ioctl(vm->fd, VMX_RUN, 0));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, _IO(0xae, 0xfe), 0));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_CREATE_IRQCHIP, 0));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, _IO('T', 0x01), 0));
}

TEST(check_extension)
{
	int dev = device_open();

	ASSERT_EQ(0, check_cap(dev, 0xfffff));
	ASSERT_EQ(0, check_cap(dev, -1));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_USER_MEMORY));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_IRQCHIP));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_HLT));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_IMMEDIATE_EXIT));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_READONLY_MEM));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_DESTROY_MEMORY_REGION_WORKS));
	ASSERT_EQ(1, check_cap(dev, VMX_CAP_JOIN_MEMORY_REGIONS_WORKS));
	ASSERT_EQ(2, check_cap(dev, VMX_CAP_COALESCED_MMIO));
	ASSERT_EQ(4096, check_cap(dev, VMX_CAP_IRQ_ROUTING));
	ASSERT_LE(64, check_cap(dev, VMX_CAP_MAX_VCPUS));
	ASSERT_LE(1, check_cap(dev, VMX_CAP_NR_VCPUS));
	ASSERT_LE(check_cap(dev, VMX_CAP_MAX_VCPUS), check_cap(dev, VMX_CAP_MAX_VCPU_ID));
	ASSERT_LE(509, check_cap(dev, VMX_CAP_NR_MEMSLOTS));
}

TEST(check_extension_on_vm)
{
	struct vm *vm = vm_create(0);

	ASSERT_EQ(1, check_cap(vm->dev, VMX_CAP_CHECK_EXTENSION_VM));
	ASSERT_EQ(0, check_cap(vm->fd, 0xfffff));
	ASSERT_EQ(1, check_cap(vm->fd, VMX_CAP_USER_MEMORY));
	ASSERT_EQ(check_cap(vm->dev, VMX_CAP_NR_MEMSLOTS), check_cap(vm->fd, VMX_CAP_NR_MEMSLOTS));
}

TEST(vcpu_mmap_size)
{
	int dev = device_open();
	long size = try_ioctl(dev, VMX_GET_VCPU_MMAP_SIZE, 0);

	/* run page, PIO data page, coalesced MMIO page; more is allowed */
	ASSERT_LE(3 * (long)PAGE_SIZE, size);
	ASSERT_EQ(0, size % (long)PAGE_SIZE);
	ASSERT_EQ(-EINVAL, try_ioctl(dev, VMX_GET_VCPU_MMAP_SIZE, (void *)1));
}

TEST(nr_mmu_pages)
{
	struct vm *vm = vm_create(0);

	ASSERT_EQ(1, check_cap(vm->fd, VMX_CAP_MMU_SHADOW_CACHE_CONTROL));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_SET_NR_MMU_PAGES, (void *)63));
	ASSERT_EQ(0, try_ioctl(vm->fd, VMX_SET_NR_MMU_PAGES, (void *)64));
	ASSERT_EQ(64, try_ioctl(vm->fd, VMX_GET_NR_MMU_PAGES, 0));
}

TEST(create_vm_bad_type)
{
	int dev = device_open();

	ASSERT_EQ(-EINVAL, try_ioctl(dev, VMX_CREATE_VM, (void *)0x7777));
	ASSERT_EQ(-EINVAL, try_ioctl(dev, VMX_CREATE_VM, (void *)-1l));
}

TEST(supported_cpuid_too_small)
{
	struct {
		struct vmx_cpuid2 head;
		struct vmx_cpuid_entry2 e[1];
	} small = { .head.nent = 1 };
	int dev = device_open();

	ASSERT_EQ(-E2BIG, try_ioctl(dev, VMX_GET_SUPPORTED_CPUID, &small));
	ASSERT_EQ(-EFAULT, try_ioctl(dev, VMX_GET_SUPPORTED_CPUID, (void *)8));
}

TEST(msr_index_list)
{
	static struct {
		struct vmx_msr_list head;
		u32 index[1000];
	} list;
	int dev = device_open();
	bool tsc = false, star = false;

	list.head.nmsrs = 1;
	ASSERT_EQ(-E2BIG, try_ioctl(dev, VMX_GET_MSR_INDEX_LIST, &list));
	ASSERT_LT(1, list.head.nmsrs);
	ASSERT_GE(1000, list.head.nmsrs);
	ASSERT_EQ(0, try_ioctl(dev, VMX_GET_MSR_INDEX_LIST, &list));
	for (u32 i = 0; i < list.head.nmsrs; i++) {
		tsc |= list.index[i] == MSR_TSC;
		star |= list.index[i] == MSR_STAR;
	}
	ASSERT_TRUE(tsc);
	ASSERT_TRUE(star);
}

static bool listed(int dev, unsigned long request, u32 first, u32 last)
{
	static struct {
		struct vmx_msr_list head;
		u32 index[1000];
	} list;

	list.head.nmsrs = 1000;
	must_ioctl(dev, request, &list);
	for (u32 i = 0; i < list.head.nmsrs; i++)
		if (list.index[i] >= first && list.index[i] <= last)
			return true;
	return false;
}

/* No part of nesting is offered, neither to the VMM nor to the guest, and none is accepted. */
TEST(no_nesting)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_nested_state state = { .size = sizeof(state) };
	struct vmx_cpuid2 *c = supported_cpuid();
	struct vmx_cpuid_entry2 *e = cpuid_find(c, 0x80000001, 0);

	if (!device_is_vmx())
		SKIP(return, "in-tree nests");
	ASSERT_EQ(0, check_cap(vm->dev, VMX_CAP_NESTED_STATE));
	ASSERT_EQ(0, check_cap(vm->fd, VMX_CAP_NESTED_STATE));
	ASSERT_EQ(0, check_cap(vm->fd, VMX_CAP_HYPERV_ENLIGHTENED_VMCS));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_GET_NESTED_STATE, &state));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_NESTED_STATE, &state));
	ASSERT_EQ(0, cpuid_find(c, 1, 0)->ecx & 1u << 5);	/* VMX */
	ASSERT_TRUE(e);
	ASSERT_EQ(0, e->ecx & (1u << 2 | 1u << 12));		/* SVM, SKINIT */
	e = cpuid_find(c, 0x8000000a, 0);
	ASSERT_TRUE(!e || !(e->eax | e->ebx | e->ecx | e->edx));
	ASSERT_FALSE(listed(vm->dev, VMX_GET_MSR_INDEX_LIST, 0x480, 0x493));	/* VMX's */
	ASSERT_FALSE(listed(vm->dev, VMX_GET_MSR_FEATURE_INDEX_LIST, 0x480, 0x493));
	ASSERT_FALSE(listed(vm->dev, VMX_GET_MSR_INDEX_LIST, 0xc0010114, 0xc0010117)); /* VM_CR, HSAVE_PA */
}

TEST_HARNESS_MAIN
