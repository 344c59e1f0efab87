// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_SET_FIELD: guest state by way of the state that it shows, with its checks; all else only if it is allowed. */
#include "vmxtest.h"
#include "uapi/vmx_ext.h"

/* By backend: the ids (APM 2 appendix B, SDM 3D appendix B) and widths of what the tests write. */
enum what { RIP, RSP, RFLAGS, CR0, CR3, EFER, DR7, FS_BASE, FS_LIMIT, FS_ATTR, FS_SELECTOR, GDTR_BASE, SYSENTER_EIP,
	    PAT, TSC_OFFSET, EXIT, NR_WHAT };

static const struct {
	u32 id;
	u16 width;
} fields[][NR_WHAT] = {
	[VMX_X_BACKEND_SVM] = { { 0x578, 8 }, { 0x5d8, 8 }, { 0x570, 8 }, { 0x558, 8 }, { 0x550, 8 }, { 0x4d0, 8 },
				{ 0x560, 8 }, { 0x448, 8 }, { 0x444, 4 }, { 0x442, 2 }, { 0x440, 2 }, { 0x468, 8 },
				{ 0x638, 8 }, { 0x668, 8 }, { 0x050, 8 }, { 0x070, 8 } },
	[VMX_X_BACKEND_VT] = { { 0x681e, 8 }, { 0x681c, 8 }, { 0x6820, 8 }, { 0x6800, 8 }, { 0x6802, 8 },
			       { 0x2806, 8 }, { 0x681a, 8 }, { 0x680e, 8 }, { 0x4808, 4 }, { 0x481c, 4 },
			       { 0x0808, 2 }, { 0x6816, 8 }, { 0x6826, 8 }, { 0x2804, 8 }, { 0x2010, 8 },
			       { 0x4402, 4 } },
};

static u32 backend(struct vcpu *v)
{
	struct vmx_x_info info = { .size = sizeof(info) };

	must_ioctl(v->fd, VMX_X_INFO, &info);
	return info.backend;
}

static long try_set(struct vcpu *v, u32 id, u16 width, u16 flags, u64 value)
{
	struct vmx_x_set_field set = { .id = id, .width = width, .flags = flags, .value = value };

	return try_ioctl(v->fd, VMX_X_SET_FIELD, &set);
}

static long set(struct vcpu *v, enum what what, u64 value)
{
	u32 b = backend(v);

	return try_set(v, fields[b][what].id, fields[b][what].width, 0, value);
}

static u64 block_value(struct vcpu *v, enum what what)
{
	static struct vmx_x_field found[400];
	struct vmx_x_block arg = { .nr = 400, .fields = (u64)found };
	u32 b = backend(v);

	must_ioctl(v->fd, VMX_X_GET_BLOCK, &arg);
	for (u32 i = 0; i < arg.nr; i++)
		if (found[i].id == fields[b][what].id)
			return found[i].value;
	DIE("no field %#x", fields[b][what].id);
}

static bool raw_allowed(void)
{
	FILE *f = fopen("/sys/module/vmx/parameters/unsafe_control_writes", "r");
	bool yes = f && fgetc(f) == 'Y';

	if (f)
		fclose(f);
	return yes;
}

/* RIP moves behind the one that exited. */
static void finish_instruction(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	CHECK_EQ(try_ioctl(v->fd, VMX_RUN, NULL), -EINTR);
	v->run->immediate_exit = 0;
}

static volatile u64 seen_fs, seen_here;

static void guest_elsewhere(u64 id)
{
	seen_here++;
	seen_fs = 0;
	asm volatile("mov %%fs:0, %0" : "=r"(*(u64 *)&seen_fs));
	guest_done();
}

static void guest_sync_first(u64 id)
{
	guest_sync(1);
	GUEST_ASSERT(false);	/* it goes on elsewhere */
}

static volatile u64 token = 0x1122334455667788;

/* What is written is what the guest then runs with. */
TEST(guest_runs_with_it)
{
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_first);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_SET_FIELD, NULL));
	finish_instruction(v);
	ASSERT_EQ(0, set(v, RIP, (u64)guest_elsewhere));
	ASSERT_EQ(0, set(v, FS_BASE, (u64)&token));
	vcpu_expect_done(v);
	ASSERT_EQ(1, seen_here);
	ASSERT_EQ(token, seen_fs);
}

TEST(same_as_the_state)
{
	struct vmx_debugregs dr;
	struct vmx_regs regs;
	struct vmx_sregs s;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_first);
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	ASSERT_EQ(0, set(v, RSP, regs.rsp - 256));
	ASSERT_EQ(0, set(v, RFLAGS, 0x8d5));
	ASSERT_EQ(0, set(v, FS_SELECTOR, 0x33));
	ASSERT_EQ(0, set(v, FS_LIMIT, 0x12345));
	ASSERT_EQ(0, set(v, FS_ATTR, backend(v) == VMX_X_BACKEND_SVM ? 0x4f3 : 0x40f3));
	ASSERT_EQ(0, set(v, GDTR_BASE, 0xffff800000001000));
	ASSERT_EQ(0, set(v, DR7, 0x401));
	ASSERT_EQ(0, set(v, SYSENTER_EIP, 0xffff800000002000));
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &dr);
	ASSERT_EQ(regs.rsp, block_value(v, RSP));
	ASSERT_EQ(0x8d7, regs.rflags);		/* bit 1 is always set */
	ASSERT_EQ(0x33, s.fs.selector);
	ASSERT_EQ(0x12345, s.fs.limit);
	ASSERT_EQ(3, s.fs.type);
	ASSERT_EQ(3, s.fs.dpl);
	ASSERT_EQ(1, s.fs.db);
	ASSERT_EQ(0, s.fs.g);
	ASSERT_EQ(0xffff800000001000, s.gdt.base);
	ASSERT_EQ(0x401, dr.dr7);
	ASSERT_EQ(0xffff800000002000, block_value(v, SYSENTER_EIP));
	/* CR3: the guest's, whatever tables it runs on. */
	ASSERT_EQ(0, set(v, CR3, s.cr3 | 0x18));
	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	ASSERT_EQ(0x18, s.cr3 & 0xfff);
	if (vm_is_shadow(v->vm))
		ASSERT_NE(s.cr3, block_value(v, CR3));
}

TEST(refused)
{
	struct vmx_sregs s, after;
	struct vmx_regs regs;
	struct vcpu *v;
	u32 b;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_first);
	vcpu_expect_sync(v, 1);
	b = backend(v);
	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	ASSERT_EQ(-EINVAL, set(v, CR0, s.cr0 & ~1ull));			/* paging without protection */
	ASSERT_EQ(-EINVAL, set(v, CR0, s.cr0 | 1ull << 40));
	ASSERT_EQ(-EINVAL, set(v, CR3, 1ull << 60));
	ASSERT_EQ(-EINVAL, set(v, EFER, s.efer & ~(1ull << 8)));	/* LMA without LME */
	ASSERT_EQ(-EINVAL, set(v, DR7, 1ull << 33));
	ASSERT_EQ(-EINVAL, set(v, RFLAGS, 1ull << 33));
	ASSERT_EQ(-EINVAL, set(v, PAT, 2));				/* a reserved memory type */
	ASSERT_EQ(-EINVAL, set(v, FS_LIMIT, 1ull << 32));		/* does not fit */
	ASSERT_EQ(-EINVAL, try_set(v, fields[b][RIP].id, 4, 0, 0));
	ASSERT_EQ(-EINVAL, try_set(v, fields[b][RIP].id, 8, 2, 0));
	ASSERT_EQ(-ENOENT, try_set(v, 0xffff, 8, 0, 0));
	ASSERT_EQ(-ENOENT, try_set(v, 0x10000002, 8, 0, 0));
	ASSERT_EQ(-EROFS, set(v, EXIT, 0));
	if (!raw_allowed()) {
		ASSERT_EQ(-EPERM, set(v, TSC_OFFSET, 0));
		ASSERT_EQ(-EPERM, try_set(v, fields[b][RIP].id, 8, VMX_X_SET_FIELD_RAW, 0));
	}
	must_ioctl(v->fd, VMX_GET_SREGS, &after);
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	ASSERT_EQ(0, memcmp(&s, &after, sizeof(s)));
	/* Another process may look, not touch. */
	if (!fork())
		_exit(set(v, RSP, 0) == -EIO ? 0 : 1);
	else {
		int status;

		CHECK(wait(&status) > 0);
		ASSERT_EQ(0, status);
	}
}

static void guest_sync_twice(u64 id)
{
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

/* A block that breaks a rule: the entry is refused, the rule has a name, and put right the guest goes on. */
TEST(raw)
{
	static const struct {
		u32 id;
		u16 width;
		u64 bad;
	} breaks[] = {
		[VMX_X_BACKEND_SVM] = { 0x4d0, 8, 0xd00 },	/* EFER without SVME */
		[VMX_X_BACKEND_VT] = { 0x4826, 4, 9 },		/* no such activity state */
	};
	struct vmx_x_violation found[4];
	struct vmx_x_check check = { .nr = 4, .violations = (u64)found };
	struct vmx_regs regs;
	struct vmx_sregs s;
	struct vcpu *v;
	u64 good;
	u32 b;

	if (!device_is_vmx() || !raw_allowed())
		SKIP(return, "vmx is loaded without unsafe_control_writes=1");
	v = vcpu_create(vm_create(0), 0, guest_sync_twice);
	vcpu_expect_sync(v, 1);
	b = backend(v);
	finish_instruction(v);
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	good = b == VMX_X_BACKEND_SVM ? s.efer | 1 << 12 : 0;
	ASSERT_EQ(0, try_set(v, breaks[b].id, breaks[b].width, VMX_X_SET_FIELD_RAW, breaks[b].bad));
	must_ioctl(v->fd, VMX_X_CHECK_BLOCK, &check);
	ASSERT_EQ(1, check.nr);
	ASSERT_EQ(breaks[b].id, found[0].id);
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_RUN, NULL));
	ASSERT_EQ(VMX_EXIT_FAIL_ENTRY, v->run->exit_reason);
	ASSERT_EQ(0, try_set(v, breaks[b].id, breaks[b].width, VMX_X_SET_FIELD_RAW, good));
	/* QEMU's VMRUN stores its own state in the block that it refuses. */
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &regs);
	vcpu_expect_sync(v, 2);
	/* Root alone, whatever the module allows. */
	CHECK_EQ(seteuid(65534), 0);
	ASSERT_EQ(-EPERM, try_set(v, breaks[b].id, breaks[b].width, VMX_X_SET_FIELD_RAW, good));
	CHECK_EQ(seteuid(0), 0);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
