// SPDX-License-Identifier: GPL-2.0-only
/* CREATE_VCPU: ids that are taken, too large, and the mapping of the run page. */
#include "vmxtest.h"

TEST(duplicate_id)
{
	struct vm *vm = vm_create(0);

	vcpu_create_bare(vm, 3);
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)3));
	vcpu_create_bare(vm, 0);
}

TEST(id_too_large)
{
	struct vm *vm = vm_create(0);
	long max = check_cap(vm->dev, VMX_CAP_MAX_VCPU_ID);

	ASSERT_LT(0, max);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)max));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)0x80000000l));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)-1l));
}

TEST(id_survives_close)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 1);

	/* A vCPU lives as long as its VM: closing its fd does not free the id. */
	vcpu_close(v);
	ASSERT_EQ(-EEXIST, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)1));
}

TEST(run_mapping)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	long size = must_ioctl(vm->dev, VMX_GET_VCPU_MMAP_SIZE, 0);
	char *again = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);

	ASSERT_NE(MAP_FAILED, again);
	v->run->immediate_exit = 1;
	ASSERT_EQ(1, ((struct vmx_run *)again)->immediate_exit);
	/* A page beyond the three that exist: SIGBUS, not memory of the kernel. */
	ASSERT_EQ(0, munmap(again, (size_t)size));
}

TEST_SIGNAL(beyond_run_mapping, SIGBUS)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	volatile char *p = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, v->fd, 1000 * PAGE_SIZE);

	ASSERT_NE(MAP_FAILED, p);
	(void)*p;
	ASSERT_TRUE(false);
}

static void guest_id(u64 id)
{
	guest_sync(id);
	guest_done();
}

TEST(sixty_four)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	for (int id = 0; id < 64; id++)
		vcpu_create(vm, id, guest_id);
	for (int id = 63; id >= 0; id--) {
		vcpu_expect_sync(vm->vcpus[id], (u64)id);
		vcpu_expect_done(vm->vcpus[id]);
	}
	vm_close(vm);
}

TEST_HARNESS_MAIN
