// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slot that a vCPU's code, stack or tables are in is deleted and added again, as VMMs do that change
 * its size: the vCPU waits for it. One that stays away is told to the VMM, as memory that never was is.
 *
 * The guests have interrupts on: Bochs keeps the host's interrupts from a CPU that it enters with them off, and the
 * VMM that is to add the slot would get that one CPU seldom (emulab/bochs.py).
 */
#include "vmxtest.h"

#define CODE TEST_MEM
#define ROUNDS 25
#define AWAY_US 2000

static volatile u64 loops;
static volatile bool finish, failed;

/* Until the guest is done; port 0x80 and HLT are served, anything else is a failure. */
static void *serve(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		u32 reason = vcpu_run(v);

		if (reason == VMX_EXIT_HLT)
			continue;
		if (reason == VMX_EXIT_IO && v->run->io.port == 0x80)
			continue;
		vcpu_check_guest_at(__FILE__, __LINE__, v);
		if (reason != VMX_EXIT_IO) {
			fprintf(stderr, "# exit %s, suberror %u, rip %#llx\n", exit_name(reason),
				v->run->internal.suberror, vcpu_regs(v).rip);
			failed = true;
		}
		return NULL;
	}
}

static void more_loops(u64 n)
{
	u64 from = loops;

	WAIT_UNTIL(failed || loops >= from + n, 20000);
}

/* `mem`, which is at CODE, goes and comes while entry() runs. */
static void replace_under(struct vm *vm, void (*entry)(u64 id), char *mem)
{
	struct vcpu *v = vcpu_create(vm, 0, entry);
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, serve, v));
	more_loops(2);
	for (int i = 0; i < ROUNDS && !failed; i++) {
		u64 start = now_ms(), end;

		slot_set(vm, SLOT_TEST, 0, CODE, 0, NULL);
		usleep((i % 3) * AWAY_US);
		/* also as another size, as where part of it becomes something else */
		slot_set(vm, SLOT_TEST, 0, CODE, (1 + i % 2) * PAGE_SIZE, mem);
		end = now_ms();
		more_loops(1 + i % 4);
		if (failed)
			DIE("round %d, in which the slot was away for %lu ms", i, end - start);
	}
	finish = true;
	pthread_join(thread, NULL);
	CHECK(!failed);
}

static void guest_caller(u64 id)
{
	irqs_on();
	while (!finish) {
		asm volatile("call *%0" : : "r"(CODE) : "memory", "rax", "rbx", "rcx",
			     "rdx", "rsi", "cc");
		loops++;
	}
	guest_done();
}

/* The code runs for a while, so that most deletions meet it. */
static void run_code(const char *code, size_t size)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, CODE, 2 * PAGE_SIZE);

	memcpy(mem, code, size);
	replace_under(vm, guest_caller, mem);
}

#define RUN_CODE(code) run_code(code, sizeof(code) - 1)

/* mov $65536, %ecx; 1: dec %ecx; jnz 1b; ret: leaves the page by no exit of its own */
TEST(jumps)
{
	RUN_CODE("\xb9\x00\x00\x01\x00" "\xff\xc9\x75\xfc" "\xc3");
}

/* mov $200, %ecx; 1: hlt; dec %ecx; jnz 1b; ret */
TEST(hlt)
{
	RUN_CODE("\xb9\xc8\x00\x00\x00" "\xf4\xff\xc9\x75\xfb" "\xc3");
}

/* The same with in $0x80, %al */
TEST(port)
{
	RUN_CODE("\xb9\xc8\x00\x00\x00" "\xe4\x80\xff\xc9\x75\xfa" "\xc3");
}

/* mov $200, %esi; 1: xor %eax, %eax; cpuid; dec %esi; jnz 1b; ret */
TEST(cpuid)
{
	RUN_CODE("\xbe\xc8\x00\x00\x00" "\x31\xc0\x0f\xa2\xff\xce\x75\xf8" "\xc3");
}

struct desc_table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void guest_faults(u64 id)
{
	struct desc_table idt = { 4095, CODE };
	u64 vec;

	irqs_on();
	asm volatile("lidt %0" : : "m"(idt));
	while (!finish) {
		GUEST_TRY(vec, "ud2", (), ());
		GUEST_ASSERT_EQ(vec, 6);
		loops++;
	}
	guest_done();
}

/* Exceptions on their way when the gate is found missing are delivered once it is there. */
TEST(gates)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, CODE, 2 * PAGE_SIZE);

	memcpy(mem, vm_ptr(vm, LOW_IDT), PAGE_SIZE);
	replace_under(vm, guest_faults, mem);
}

static void guest_flushes(u64 id)
{
	irqs_on();
	while (!finish) {
		write_cr3(CODE);
		loops++;
	}
	guest_done();
}

/* The root of the guest's own page tables. */
TEST(page_tables)
{
	struct vm *vm = vm_create(0);
	char *mem = slot_add(vm, SLOT_TEST, CODE, 2 * PAGE_SIZE);

	memcpy(mem, vm_ptr(vm, LOW_PGTABLE), PAGE_SIZE);
	replace_under(vm, guest_flushes, mem);
}

TEST(stays_away)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_caller);
	char *mem = slot_add(vm, SLOT_TEST, CODE, PAGE_SIZE);
	u64 start;

	memcpy(mem, "\xe4\x80\xc3", 3);	/* in $0x80, %al; ret */
	vcpu_expect_exit(v, VMX_EXIT_IO);
	slot_set(vm, SLOT_TEST, 0, CODE, 0, NULL);
	start = now_ms();
	/* The IN is complete; it is RET that is missing. */
	vcpu_expect_exit(v, VMX_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(VMX_INTERNAL_ERROR_EMULATION, v->run->internal.suberror);
	ASSERT_EQ(CODE + 2, vcpu_regs(v).rip);
	ASSERT_LE(now_ms() - start, 10000);
	/* Nobody waits now for what has been missing for long. */
	start = now_ms();
	vcpu_expect_exit(v, VMX_EXIT_INTERNAL_ERROR);
	ASSERT_LE(now_ms() - start, 400);
	/* The guest goes on where it was, when the VMM wants that. */
	slot_set(vm, SLOT_TEST, 0, CODE, PAGE_SIZE, mem);
	finish = true;
	vcpu_expect_done(v);
}

static void *run_once(void *arg)
{
	return (void *)try_run(arg);
}

/* A signal ends the wait: the run does not come back with what ends it later. */
TEST(signal_while_waiting)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_caller);
	char *mem = slot_add(vm, SLOT_TEST, CODE, PAGE_SIZE);
	pthread_t thread;
	void *ret;

	if (!device_is_vmx())
		SKIP(return, "%s does not wait", device_path());
	kick_init();
	memcpy(mem, "\xe4\x80\xc3", 3);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	slot_set(vm, SLOT_TEST, 0, CODE, 0, NULL);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_once, v));
	usleep(50000);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, &ret);
	ASSERT_EQ(-EINTR, (long)ret);
}

TEST_HARNESS_MAIN
