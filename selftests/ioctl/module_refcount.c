// SPDX-License-Identifier: GPL-2.0-only
/* The module cannot go while a VM is there, nor while only one of its fds is. */
#include <sys/syscall.h>
#include "vmxtest.h"

static long remove_module(void)
{
	return syscall(SYS_delete_module, "vmx", O_NONBLOCK) < 0 ? -errno : 0;
}

static const char *why_not(void)
{
	if (!device_is_vmx())
		return "only for /dev/vmx: other modules hold in-tree KVM";
	if (geteuid())
		return "needs root";
	if (access("/sys/module/vmx", F_OK))
		return "vmx is not loaded as a module";
	return NULL;
}

static void guest_nop(u64 id)
{
	guest_done();
}

static void refused(struct __test_metadata *_metadata)
{
	long ret = remove_module();

	/* EAGAIN: with O_NONBLOCK while the count is not zero (delete_module(2)) */
	ASSERT_TRUE(ret == -EBUSY || ret == -EAGAIN || ret == -EWOULDBLOCK) {
		TH_LOG("rmmod: %ld", ret);
	}
	ASSERT_EQ(0, access("/sys/module/vmx", F_OK));
}

TEST(busy_by_each_fd)
{
	struct vm *vm;
	struct vcpu *v;

	if (why_not())
		SKIP(return, "%s", why_not());
	vm = vm_create(VM_PIT);
	v = vcpu_create(vm, 0, guest_nop);
	refused(_metadata);
	vcpu_expect_done(v);
	refused(_metadata);
	close(vm->dev);
	close(vm->fd);
	refused(_metadata);	/* the vCPU's fd is left */
	vcpu_expect_done(v);
	close(v->fd);
	refused(_metadata);	/* the mapping is left */
	ASSERT_EQ(0, munmap(v->run, v->run_size));
}

TEST(busy_by_device)
{
	int dev;

	if (why_not())
		SKIP(return, "%s", why_not());
	dev = device_open();
	refused(_metadata);
	close(dev);
}

TEST(busy_by_stats_fd)
{
	struct vm *vm;
	int fd;

	if (why_not())
		SKIP(return, "%s", why_not());
	REQUIRE_CAP(VMX_CAP_BINARY_STATS_FD);
	vm = vm_create(0);
	fd = (int)try_ioctl(vm->fd, VMX_GET_STATS_FD, 0);
	ASSERT_LE(0, fd);
	close(vm->fd);
	close(vm->dev);
	refused(_metadata);
	close(fd);
}

TEST_HARNESS_MAIN
