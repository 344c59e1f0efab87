// SPDX-License-Identifier: GPL-2.0-only
/* Guests that loop inside of event delivery: the vCPU must come back for a signal. */
#include <sys/time.h>
#include "vmxtest.h"

static volatile u64 started;

/* A signal must end RUN. */
static void must_be_stoppable(struct vcpu *v)
{
	kick_init();
	vcpu_start(v);
	WAIT_UNTIL(started, 10000);
	usleep(50000);
	CHECK(!v->ended);
	vcpu_stop(v);
}

/* In a child process, that must die of SIGKILL. */
static void run_killed(void (*entry)(u64), unsigned int flags)
{
	int ready[2], status;
	pid_t pid;
	char c;
	u64 start;

	CHECK(!pipe(ready));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(flags);
		struct vcpu *v = vcpu_create(vm, 0, entry);

		vcpu_start(v);
		while (!started)
			usleep(100);
		CHECK_EQ(write(ready[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	usleep(50000);
	start = now_ms();
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(now_ms() - start < 10000);
}

/*
 * CVE-2015-5307: #AC whose handler's frame is misaligned at CPL 3, so that its delivery
 * raises #AC again, for ever: no instruction is executed.
 */
static u8 user_stack[4096] __attribute__((aligned(16)));

static void guest_ac_loop(u64 id)
{
	volatile u64 *idt = (volatile u64 *)LOW_IDT;

	/* the handler runs at CPL 3 on a stack that is not aligned, with EFLAGS.AC kept */
	idt[2 * VEC_AC] = ((u64)user_stack & 0xffff) | (u64)SEL_UCODE64 << 16 |
			  0xee00ull << 32 | ((u64)user_stack & 0xffff0000) << 32;
	user_stack[0] = 0xeb;		/* jmp . */
	user_stack[1] = 0xfe;
	write_cr0(read_cr0() | CR0_AM);
	started = 1;
	asm volatile("pushq %0; pushq %1; pushq %3; pushq %2; pushq $1f; iretq\n"
		     "1: mov 1(%%rsp), %%rax; jmp 1b"
		     : : "i"(SEL_UDATA), "r"(user_stack + 2048 + 4), "i"(SEL_UCODE64),
		       "i"(RFLAGS_AC | 2) : "memory");
}

/* CVE-2015-8104: a #DB whose delivery hits a watchpoint on the handler's own stack. */
static void guest_db_loop(u64 id)
{
	u64 rsp;

	/* data breakpoint on where the frame is pushed: #DB, whose push hits it again ... */
	asm volatile("mov %%rsp, %0" : "=r"(rsp));
	rsp = (rsp & ~15ull) - 512;
	asm volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(rsp - 8), "r"(0xd0402ull) : "memory");
	started = 1;
	asm volatile("mov %0, %%rsp; 1: int3; mov %0, %%rsp; jmp 1b" : : "r"(rsp) : "memory");
}

static void on_db_again(struct guest_frame *f)
{
}

/* #PF without end, each handled. */
static void guest_pf_storm(u64 id)
{
	started = 1;
	for (;;)
		*(volatile u64 *)TEST_MEM = 1;
}

static void on_pf(struct guest_frame *f)
{
	/* comes back to the same instruction without mending anything */
}

TEST(ac_loop)
{
	struct vm *vm = vm_create(0);

	must_be_stoppable(vcpu_create(vm, 0, guest_ac_loop));
	started = 0;
	run_killed(guest_ac_loop, 0);
}

TEST(db_loop)
{
	struct vm *vm;

	if (host_is_tcg())
		SKIP(return, "QEMU aborts when a watchpoint is hit by the delivery of an event");
	vm = vm_create(0);
	guest_handlers[VEC_DB] = guest_handlers[VEC_BP] = on_db_again;
	must_be_stoppable(vcpu_create(vm, 0, guest_db_loop));
	started = 0;
	run_killed(guest_db_loop, 0);
}

TEST(pf_storm)
{
	struct vm *vm = vm_create(0);

	pt_map(vm, LOW_PGTABLE, TEST_MEM, 0, 1, 0);
	guest_handlers[VEC_PF] = on_pf;
	must_be_stoppable(vcpu_create(vm, 0, guest_pf_storm));
}

/* Exits without end that the kernel serves itself. */
static void guest_exit_storm(u64 id)
{
	u32 a, b, c, d;

	started = 1;
	for (;;) {
		guest_cpuid(0, 0, &a, &b, &c, &d);
		wrmsr(MSR_TSC_ADJUST, 0);
	}
}

TEST(exit_storm)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	must_be_stoppable(vcpu_create(vm, 0, guest_exit_storm));
	started = 0;
	run_killed(guest_exit_storm, VM_IRQCHIP);
}

/* A self-IPI in its own handler, for ever: interrupts are always pending. */
static void on_ipi(struct guest_frame *f)
{
	xapic_eoi();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
}

static void guest_ipi_storm(u64 id)
{
	guest_handlers[0x40] = on_ipi;
	xapic_enable();
	started = 1;
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	irqs_on();
	for (;;)
		guest_hlt();
}

TEST(ipi_storm)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	must_be_stoppable(vcpu_create(vm, 0, guest_ipi_storm));
	started = 0;
	run_killed(guest_ipi_storm, VM_IRQCHIP);
}

/* The shortest periodic timer: it is limited, the host goes on. */
static void on_tick(struct guest_frame *f)
{
	xapic_eoi();
}

static void guest_timer_storm(u64 id)
{
	guest_handlers[0xec] = on_tick;
	xapic_enable();
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, APIC_TIMER_PERIODIC | 0xec);
	xapic_write(APIC_TMICT, 1);
	started = 1;
	irqs_on();
	for (;;)
		guest_hlt();
}

TEST(timer_storm)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	must_be_stoppable(vcpu_create(vm, 0, guest_timer_storm));
	started = 0;
	run_killed(guest_timer_storm, VM_IRQCHIP);
}

/* A string instruction with a huge count on MMIO and in memory. */
static void guest_long_string(u64 id)
{
	u64 di = TEST_MEM, cx = ~0ull;

	started = 1;
	for (;;) {
		asm volatile("rep stosb" : "+D"(di), "+c"(cx) : "a"(0) : "memory");
		di = TEST_MEM;
		cx = ~0ull;
	}
}

static void on_string_pf(struct guest_frame *f)
{
	f->rdi = TEST_MEM;
}

TEST(long_string)
{
	struct vm *vm = vm_create(0);

	slot_add(vm, SLOT_TEST, TEST_MEM, 16 * PAGE_SIZE_2M);
	pt_map(vm, LOW_PGTABLE, TEST_MEM + 15 * PAGE_SIZE_2M, 0, 2, 0);
	guest_handlers[VEC_PF] = on_string_pf;
	must_be_stoppable(vcpu_create(vm, 0, guest_long_string));
}

TEST_HARNESS_MAIN
