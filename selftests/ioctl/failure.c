// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_GET_FAILURE: what went wrong last, as it was, and who set the state last. */
#include <sys/prctl.h>
#include "vmxtest.h"
#include "uapi/vmx_ext.h"
#include "uapi/vmx_ioctl.h"

static void guest_sync_first(u64 id)
{
	guest_sync(1);
	guest_done();
}

static struct vmx_x_failure failure;

static const struct vmx_x_failure_write *written(u32 cmd)
{
	for (u32 i = 0; i < failure.nr_writes; i++)
		if (failure.writes[i].cmd == cmd)
			return &failure.writes[i];
	DIE("no row for ioctl %#x", cmd);
}

TEST(nothing_yet)
{
	struct vmx_sregs s;
	struct vcpu *v;
	u64 sregs;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_first);
	must_ioctl(v->fd, VMX_X_GET_FAILURE, &failure);
	ASSERT_EQ(0, failure.count);
	ASSERT_LE(failure.nr_writes, VMX_X_FAILURE_WRITES);
	sregs = written(VMX_SET_SREGS)->count;
	ASSERT_GE(sregs, 1);
	ASSERT_EQ(0, written(VMX_SET_XCRS)->count);
	vcpu_expect_sync(v, 1);
	prctl(PR_SET_NAME, "who-sets-it");
	s = vcpu_sregs(v);
	vcpu_set_sregs(v, &s);
	/* What is refused has set nothing. */
	s.cr0 = 1ull << 31;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	must_ioctl(v->fd, VMX_X_GET_FAILURE, &failure);
	ASSERT_EQ(sregs + 1, written(VMX_SET_SREGS)->count);
	ASSERT_EQ(getpid(), written(VMX_SET_SREGS)->tid);
	ASSERT_STREQ("who-sets-it", written(VMX_SET_SREGS)->comm);
	ASSERT_GE(written(VMX_SET_SREGS)->exits, 1);
	ASSERT_LT(written(VMX_SET_SREGS)->tsc, failure.now);
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_GET_FAILURE, (void *)8));
	/* By way of the run page, too. */
	v->run->s.regs.sregs = vcpu_sregs(v);
	v->run->vmx_dirty_regs = VMX_SYNC_X86_SREGS;
	vcpu_expect_done(v);
	must_ioctl(v->fd, VMX_X_GET_FAILURE, &failure);
	ASSERT_EQ(sregs + 2, written(VMX_SET_SREGS)->count);
}

/* An instruction where there is no memory. */
TEST(internal_error)
{
	struct vmx_regs regs;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_first);
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	regs.rip = TEST_MMIO + 0x123;
	vcpu_set_regs(v, &regs);
	for (u64 n = 1; n < 3; n++) {
		ASSERT_EQ(0, try_ioctl(v->fd, VMX_RUN, NULL));
		ASSERT_EQ(VMX_EXIT_INTERNAL_ERROR, v->run->exit_reason);
		must_ioctl(v->fd, VMX_X_GET_FAILURE, &failure);
		ASSERT_EQ(n, failure.count);
		ASSERT_EQ(VMX_EXIT_INTERNAL_ERROR, failure.exit_reason);
		ASSERT_EQ(v->run->internal.suberror, failure.suberror);
		ASSERT_EQ(v->run->internal.ndata, failure.nr_data);
		ASSERT_EQ(0, memcmp(v->run->internal.data, failure.data, 8 * failure.nr_data));
		ASSERT_EQ(regs.rip, failure.rip);
		ASSERT_EQ(1, failure.long_code);
		ASSERT_EQ(0, failure.nr_rules);
		ASSERT_GT(failure.tsc, written(VMX_SET_REGS)->tsc);
	}
	/* It stays, for who comes later. */
	vcpu_set_long(v, guest_sync_first);
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_X_GET_FAILURE, &failure);
	ASSERT_EQ(2, failure.count);
	ASSERT_EQ(TEST_MMIO + 0x123, failure.rip);
	ASSERT_LT(failure.tsc, written(VMX_SET_REGS)->tsc);
}

/* A refused entry, where this emulated CPU refuses state that SET_SREGS takes. */
TEST(refused_entry)
{
	struct vmx_sregs s;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	if (host_is_tcg() && host_is_amd())
		SKIP(return, "this emulated CPU runs such code");
	v = vcpu_create(vm_create(0), 0, guest_sync_first);
	s = vcpu_sregs(v);
	s.cs.db = 1;
	vcpu_set_sregs(v, &s);
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_RUN, NULL));
	ASSERT_EQ(VMX_EXIT_FAIL_ENTRY, v->run->exit_reason);
	must_ioctl(v->fd, VMX_X_GET_FAILURE, &failure);
	ASSERT_EQ(1, failure.count);
	ASSERT_EQ(VMX_EXIT_FAIL_ENTRY, failure.exit_reason);
	ASSERT_EQ((u32)v->run->fail_entry.hardware_entry_failure_reason, failure.hw_reason);
	ASSERT_GE(failure.nr_rules, 1);
	ASSERT_TRUE(strlen(failure.rules[0].rule) > 5);
	ASSERT_LT(written(VMX_SET_SREGS)->tsc, failure.tsc);
}

TEST_HARNESS_MAIN
