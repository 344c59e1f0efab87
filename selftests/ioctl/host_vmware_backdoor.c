// SPDX-License-Identifier: GPL-2.0-only
/* The module's parameter enable_vmware_backdoor: two I/O ports and three counters, for user mode too. */
#include "vmxtest.h"

#define PARAMETER "/sys/module/vmx/parameters/enable_vmware_backdoor"
#define PORT 0x5658
#define PMC 0x10000

static u8 user_stack[4096] __attribute__((aligned(16)));
static volatile u64 faults, last_error, clock_seen;

/* r15: where to go on. */
static void on_gp(struct guest_frame *f)
{
	faults++;
	last_error = f->error;
	f->rip = f->r15;
}

static void on_back(struct guest_frame *f)
{
	guest_done();
}

#define SKIPPED(insn, ...) asm volatile("lea 1f(%%rip), %%r15; " insn "; 1:" __VA_ARGS__)

static u64 rdpmc(u32 counter)
{
	u32 lo = 0, hi = 0;

	SKIPPED("rdpmc", : "+a"(lo), "+d"(hi) : "c"(counter) : "r15", "memory");
	return lo | (u64)hi << 32;
}

static void expect_faults(u64 n)
{
	GUEST_ASSERT_EQ(faults, n);
	faults = 0;
}

static void use_counters(bool there)
{
	u64 first;

	for (u32 i = 0; i < 3; i++) {
		first = rdpmc(PMC + i);
		if (there)
			GUEST_ASSERT(rdpmc(PMC + i) > first);
		else
			GUEST_ASSERT_EQ(rdpmc(PMC + i), 0);
	}
	expect_faults(there ? 0 : 6);
	rdpmc(0);
	rdpmc(PMC - 1);
	rdpmc(PMC + 3);
	expect_faults(3);
	GUEST_ASSERT_EQ(last_error, 0);
}

static void user(void)
{
	u64 rax = 1, rbx = 2, rdx = PORT;

	use_counters(true);
	SKIPPED("inl %%dx, %%eax", : "+a"(rax), "+b"(rbx) : "d"(rdx) : "r15", "memory");
	expect_faults(0);
	GUEST_ASSERT_EQ(rax, 0x12345678);
	GUEST_ASSERT_EQ(rbx, 0x77);
	SKIPPED("outb %%al, %%dx", : : "a"(0x42), "d"(PORT + 1) : "r15", "memory");
	expect_faults(0);
	/* no other port, no other instruction; an error code stays what it is */
	SKIPPED("outb %%al, %%dx", : : "a"(0x42), "d"(PORT + 2) : "r15", "memory");
	SKIPPED("outb %%al, %%dx", : : "a"(0x42), "d"(PORT - 1) : "r15", "memory");
	SKIPPED("hlt", : : : "r15", "memory");
	expect_faults(3);
	SKIPPED("mov %0, %%es", : : "r"(0x1238) : "r15", "memory");
	expect_faults(1);
	GUEST_ASSERT_EQ(last_error, 0x1238);
	asm volatile("int $0x90");
}

static void go_to_user(void)
{
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i"(SEL_UDATA), "r"(user_stack + sizeof(user_stack) - 8), "i"(SEL_UCODE64), "r"(user)
		     : "memory");
}

static void guest_with(u64 id)
{
	guest_handlers[VEC_GP] = on_gp;
	guest_handlers[0x90] = on_back;
	use_counters(true);
	clock_seen = rdpmc(PMC + 2);
	guest_sync(0);
	go_to_user();
}

static void user_without(void)
{
	use_counters(false);
	SKIPPED("inl %%dx, %%eax", : : "a"(0), "d"(PORT) : "r15", "memory");
	expect_faults(1);
	asm volatile("int $0x90");
}

static void guest_without(u64 id)
{
	guest_handlers[VEC_GP] = on_gp;
	guest_handlers[0x90] = on_back;
	use_counters(false);
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i"(SEL_UDATA), "r"(user_stack + sizeof(user_stack) - 8), "i"(SEL_UCODE64),
		       "r"(user_without) : "memory");
}

static bool set_parameter(const char *value)
{
	FILE *f = fopen(PARAMETER, "w");
	bool done = f && fputs(value, f) >= 0;

	return f && !fclose(f) && done;
}

FIXTURE(backdoor) { int unused; };
FIXTURE_SETUP(backdoor) { }
FIXTURE_TEARDOWN(backdoor)
{
	if (device_is_vmx())
		set_parameter("0");
}

TEST_F(backdoor, on)
{
	struct vmx_clock_data before, after;
	struct vmx_regs r;
	struct vcpu *v;
	struct vm *vm;

	if (!device_is_vmx() || !set_parameter("1"))
		SKIP(return, "needs our module and root");
	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_with);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &before);
	vcpu_expect_sync(v, 0);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &after);
	ASSERT_LE(before.clock, clock_seen);
	ASSERT_LE(clock_seen, after.clock);

	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(PORT, v->run->io.port);
	ASSERT_EQ(4, v->run->io.size);
	ASSERT_EQ(VMX_EXIT_IO_IN, v->run->io.direction);
	r = vcpu_regs(v);
	ASSERT_EQ(1, r.rax);
	r.rbx = 0x77;
	vcpu_set_regs(v, &r);
	*(u32 *)((u8 *)v->run + v->run->io.data_offset) = 0x12345678;
	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(PORT + 1, v->run->io.port);
	ASSERT_EQ(VMX_EXIT_IO_OUT, v->run->io.direction);
	ASSERT_EQ(0x42, *((u8 *)v->run + v->run->io.data_offset));
	vcpu_expect_done(v);
}

TEST_F(backdoor, off)
{
	if (!device_is_vmx() || !set_parameter("0"))
		SKIP(return, "needs our module and root");
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_without));
}

TEST_HARNESS_MAIN
