// SPDX-License-Identifier: GPL-2.0-only
/* The control block from outside: fields, rules, a vCPU that runs or sleeps, another process, no privilege. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "vmxtest.h"
#include "uapi/vmx_ext.h"

#define ROOM 400

struct block {
	u32 nr;
	struct vmx_x_field fields[ROOM];
};

/* What the tests look for, by backend. */
enum what { RIP, RSP, RFLAGS, CR0, CR3, CS_SELECTOR, MAP, NR_WHAT };

static const u32 ids[][NR_WHAT] = {
	[VMX_X_BACKEND_SVM] = { 0x578, 0x5d8, 0x570, 0x558, 0x550, 0x410, 0x048 },
	[VMX_X_BACKEND_VT] = { 0x681e, 0x681c, 0x6820, 0x6800, 0x6802, 0x0802, 0x2004 },
};

static u32 id_of(struct vcpu *v, enum what what)
{
	struct vmx_x_info info = { .size = sizeof(info) };

	must_ioctl(v->fd, VMX_X_INFO, &info);
	return ids[info.backend][what];
}

static long try_block(int fd, struct block *b)
{
	struct vmx_x_block arg = { .nr = ROOM, .fields = (u64)b->fields };
	long r = try_ioctl(fd, VMX_X_GET_BLOCK, &arg);

	b->nr = arg.nr;
	return r;
}

static const struct vmx_x_field *field(const struct block *b, u32 id)
{
	for (u32 i = 0; i < b->nr; i++)
		if (b->fields[i].id == id)
			return &b->fields[i];
	DIE("no field %#x", id);
}

static u64 value(struct vcpu *v, const struct block *b, enum what what)
{
	return field(b, id_of(v, what))->value;
}

static u32 broken_rules(struct vcpu *v, struct vmx_x_violation *found, u32 room)
{
	struct vmx_x_check check = { .nr = room, .violations = (u64)found };

	must_ioctl(v->fd, VMX_X_CHECK_BLOCK, &check);
	return check.nr;
}

static void guest_sync_twice(u64 id)
{
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

static struct block block;

TEST(fields)
{
	struct vcpu *v;
	struct vmx_regs regs;
	struct vmx_sregs s;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_twice);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, try_block(v->fd, &block));
	ASSERT_TRUE(block.nr > 80);
	for (u32 i = 0; i < block.nr; i++) {
		const struct vmx_x_field *f = &block.fields[i];

		if (i)
			ASSERT_TRUE(f->id > f[-1].id);
		ASSERT_TRUE(f->width == 1 || f->width == 2 || f->width == 4 || f->width == 8);
		ASSERT_TRUE(f->width == 8 || f->value >> f->width * 8 == 0);
		ASSERT_TRUE(f->kind <= VMX_X_FIELD_HOST);
	}
	must_ioctl(v->fd, VMX_GET_REGS, &regs);
	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	ASSERT_EQ(regs.rip, value(v, &block, RIP));
	ASSERT_EQ(regs.rsp, value(v, &block, RSP));
	ASSERT_EQ(regs.rflags, value(v, &block, RFLAGS));
	ASSERT_EQ(s.cs.selector, value(v, &block, CS_SELECTOR));
	ASSERT_EQ(s.cr0 & ~0x60000020ull, value(v, &block, CR0) & ~0x60000020ull);
	if (!vm_is_shadow(v->vm))
		ASSERT_EQ(s.cr3, value(v, &block, CR3));
	/* What is set is what the next entry has. */
	regs.rsp -= 64;
	regs.rflags |= 1;
	vcpu_set_regs(v, &regs);
	ASSERT_EQ(0, try_block(v->fd, &block));
	ASSERT_EQ(regs.rsp, value(v, &block, RSP));
	ASSERT_EQ(regs.rflags, value(v, &block, RFLAGS));
	regs.rsp += 64;
	vcpu_set_regs(v, &regs);
	vcpu_expect_sync(v, 2);
	vcpu_expect_done(v);
}

TEST(arguments)
{
	struct vmx_x_block arg = { .nr = 3, .fields = (u64)block.fields };
	struct vmx_x_check check = { .reserved = 1 };
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_twice);
	memset(&block, 0xaa, sizeof(block));
	ASSERT_EQ(-E2BIG, try_ioctl(v->fd, VMX_X_GET_BLOCK, &arg));
	ASSERT_TRUE(arg.nr > 80 && arg.nr < ROOM);
	ASSERT_EQ(0xaaaaaaaa, block.fields[0].id);
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_X_GET_BLOCK, &arg));
	ASSERT_EQ(0xaaaaaaaa, block.fields[arg.nr].id);
	arg.reserved = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_GET_BLOCK, &arg));
	arg.reserved = 0;
	arg.fields = 8;
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_GET_BLOCK, &arg));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_GET_BLOCK, (void *)8));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_CHECK_BLOCK, &check));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_CHECK_BLOCK, (void *)8));
}

TEST(rules)
{
	struct vmx_x_violation found[4] = {}, none = {};
	struct vmx_sregs good, bad;
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_sync_twice);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, broken_rules(v, found, 4));
	good = bad = vcpu_sregs(v);
	bad.cs.db = 1;		/* refused by both makes: 64-bit code with 32-bit operands */
	vcpu_set_sregs(v, &bad);
	ASSERT_EQ(1, broken_rules(v, found, 0));
	ASSERT_EQ(0, memcmp(found, &none, sizeof(none)));
	ASSERT_EQ(1, broken_rules(v, found, 4));
	TH_LOG("%s: field %#x is %#llx: %s", found[0].section, found[0].id, (unsigned long long)found[0].value,
	       found[0].rule);
	ASSERT_EQ(found[0].id, host_is_amd() ? 0x412 : 0x4816);	/* CS's attributes, access rights */
	ASSERT_TRUE(found[0].value & (host_is_amd() ? 1 << 10 : 1 << 14));
	ASSERT_TRUE(strlen(found[0].rule) > 8 && strlen(found[0].section) >= 6);
	ASSERT_EQ(0, memcmp(&found[1], &none, sizeof(none)));
	vcpu_set_sregs(v, &good);
	ASSERT_EQ(0, broken_rules(v, found, 4));
	vcpu_expect_sync(v, 2);
}

/* ---- vCPUs that some thread has ---- */

static volatile u64 rounds, leave;
extern char spin_begin[], spin_end[];

static void guest_spin(u64 id)
{
	asm volatile("spin_begin: incq %0\n\t"
		     "cmpq $0, %1\n\t"
		     "je spin_begin\n"
		     "spin_end:" : "+m"(rounds) : "m"(leave) : "cc");
	guest_done();
}

TEST(running)
{
	struct vcpu *v;
	u64 rip, before;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(0), 0, guest_spin);
	vcpu_start(v);
	while (rounds < 1000)
		usleep(100);
	for (int i = 0; i < 300; i++) {
		ASSERT_EQ(0, try_block(v->fd, &block));
		rip = value(v, &block, RIP);
		ASSERT_TRUE(rip >= (u64)spin_begin && rip < (u64)spin_end);
	}
	ASSERT_EQ(0, broken_rules(v, NULL, 0));
	before = rounds;
	while (rounds == before)
		usleep(100);
	leave = 1;
	vcpu_join(v);
}

static volatile u64 woken;

static void on_irq(struct guest_frame *f)
{
	xapic_eoi();
}

static void guest_halts(u64 id)
{
	guest_handlers[0x40] = on_irq;
	xapic_enable();
	irqs_on();
	rounds = 1;
	asm volatile("hlt");
	woken++;
	guest_done();
}

/* HLT goes on, and is one HLT to whoever counts. */
TEST(halted)
{
	struct vmx_msi msi = { .address_lo = APIC_DEFAULT_BASE, .data = 0x40 };
	struct vcpu *v;
	long halts;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_halts);
	vcpu_start(v);
	while (!rounds)
		usleep(100);
	usleep(20000);
	halts = vcpu_counter("halt_exits");
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, try_block(v->fd, &block));
		ASSERT_EQ(0, woken);
	}
	ASSERT_EQ(halts, vcpu_counter("halt_exits"));
	ASSERT_EQ(1, try_ioctl(v->vm->fd, VMX_SIGNAL_MSI, &msi));
	vcpu_join(v);
	ASSERT_EQ(1, woken);
}

static void *run_once(void *arg)
{
	struct vcpu *v = arg;

	return (void *)try_ioctl(v->fd, VMX_RUN, 0);
}

/* Before its SIPI: the run ioctl stays in the kernel. */
TEST(waiting_for_sipi)
{
	struct vmx_mp_state state;
	pthread_t thread;
	struct vcpu *ap;
	struct vm *vm;
	void *r;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	vm = vm_create(VM_IRQCHIP);
	vcpu_create(vm, 0, guest_sync_twice);
	ap = vcpu_create_reset(vm, 1);
	must_ioctl(ap->fd, VMX_GET_MP_STATE, &state);
	ASSERT_EQ(VMX_MP_STATE_UNINITIALIZED, state.mp_state);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_once, ap));
	usleep(20000);
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, try_block(ap->fd, &block));
		ASSERT_EQ(0xfff0, value(ap, &block, RIP));
		ASSERT_EQ(EBUSY, pthread_tryjoin_np(thread, &r));
	}
	_exit(0);	/* the thread with it */
}

/* ---- other processes ---- */

/* @look in a child, which has the fds and not the memory. */
static int in_child(struct vcpu *v, int (*look)(struct vcpu *v))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(look(v));
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int look_as_other(struct vcpu *v)
{
	struct vmx_regs regs;

	CHECK_EQ(try_block(v->fd, &block), 0);
	CHECK(value(v, &block, MAP));
	CHECK(!(field(&block, id_of(v, MAP))->flags & VMX_X_FIELD_HIDDEN));
	CHECK_EQ(broken_rules(v, NULL, 0), 0);
	CHECK_EQ(try_ioctl(v->fd, VMX_GET_REGS, &regs), -EIO);
	CHECK_EQ(try_ioctl(v->fd, VMX_SET_REGS, &regs), -EIO);
	CHECK_EQ(try_ioctl(v->fd, VMX_RUN, NULL), -EIO);
	CHECK(try_ioctl(v->fd, VMX_X_STATS_FD, NULL) >= 0);
	return 42;
}

static int look_as_nobody(struct vcpu *v)
{
	unsigned int hidden = 0;

	CHECK_EQ(syscall(SYS_setuid, 65534), 0);
	CHECK_EQ(try_block(v->fd, &block), 0);
	for (u32 i = 0; i < block.nr; i++) {
		if (block.fields[i].flags & VMX_X_FIELD_HIDDEN) {
			CHECK_EQ(block.fields[i].value, 0);
			hidden++;
		}
	}
	CHECK(hidden >= 4);
	CHECK(field(&block, id_of(v, MAP))->flags & VMX_X_FIELD_HIDDEN);
	CHECK(value(v, &block, RIP));
	return 43;
}

TEST(other_process)
{
	struct vcpu *v;

	if (!device_is_vmx())
		SKIP(return, "an ioctl of vmx alone");
	if (geteuid())
		SKIP(return, "needs root");
	v = vcpu_create(vm_create(0), 0, guest_sync_twice);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(42, in_child(v, look_as_other));
	ASSERT_EQ(43, in_child(v, look_as_nobody));
	vcpu_expect_sync(v, 2);
	/* And one that runs. */
	v = vcpu_create(vm_create(0), 0, guest_spin);
	vcpu_start(v);
	while (rounds < 1000)
		usleep(100);
	ASSERT_EQ(42, in_child(v, look_as_other));
	leave = 1;
	vcpu_join(v);
}

TEST_HARNESS_MAIN
