// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that spins, with no exit of its own, does not keep NMIs and interrupts from the host, and
 * they do it no harm. NMIs come from the test module (selftests/kmod-nmi), or from the other CPU,
 * which asks for a backtrace.
 */
#include <sched.h>
#include <sys/utsname.h>
#include "vmxtest.h"

#define NMI_PARAMETERS "/sys/module/vmx_nmi/parameters/"

static volatile u64 loops, damage;
static volatile bool finish;

/*
 * One pass: puts known values in the registers, spins, and looks at them. RSP is moved too, to where
 * nothing may be written: an NMI is the host's, on the host's stack.
 */
static u64 pass(void)
{
	static u64 stack[64];
	u64 wrong;

	for (int i = 0; i < 64; i++)
		stack[i] = 0x5a5a;
	asm volatile("push %%rbp\n mov %%rsp, %%r15\n mov %[stack], %%rsp\n"
		     "mov $0x1111111111111111, %%rbx\n mov $0x2222222222222222, %%rdx\n"
		     "mov $0x3333333333333333, %%rsi\n mov $0x4444444444444444, %%rdi\n"
		     "mov $0x5555555555555555, %%rbp\n mov $0x8888888888888888, %%r8\n"
		     "mov $0x9999999999999999, %%r9\n mov $0xaaaaaaaaaaaaaaaa, %%r10\n"
		     "mov $0xbbbbbbbbbbbbbbbb, %%r11\n mov $0xcccccccccccccccc, %%r12\n"
		     "mov $0xdddddddddddddddd, %%r13\n mov $0xeeeeeeeeeeeeeeee, %%r14\n"
		     "mov $20000, %%ecx\n"
		     "1: dec %%ecx\n jnz 1b\n"
		     "mov %%rsp, %%rax\n mov %%r15, %%rsp\n sub %[stack], %%rax\n"
		     "xor %%rbx, %%r14\n xor %%rdx, %%r13\n xor %%rsi, %%r12\n xor %%rdi, %%r11\n"
		     "xor %%rbp, %%r10\n xor %%r8, %%r9\n"
		     "mov $-1, %%rcx\n mov $0x1111111111111111, %%rbx\n"
		     "xor %%rcx, %%r14\n xor %%rcx, %%r13\n xor %%rcx, %%r12\n"
		     "xor %%rcx, %%r11\n xor %%rcx, %%r10\n xor %%rbx, %%r9\n"
		     "or %%r14, %%rax\n or %%r13, %%rax\n or %%r12, %%rax\n"
		     "or %%r11, %%rax\n or %%r10, %%rax\n or %%r9, %%rax\n pop %%rbp"
		     : "=&a"(wrong) : [stack] "i"(stack + 32)
		     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		       "r15", "memory", "cc");
	for (int i = 0; i < 64; i++)
		wrong |= stack[i] ^ 0x5a5a;
	return wrong;
}

static void guest_spin(u64 id)
{
	if (id)
		irqs_on();
	while (!finish) {
		damage |= pass();
		loops++;
	}
	guest_done();
}

static u64 parameter(const char *name)
{
	char path[100];
	u64 value = 0;
	FILE *f;

	snprintf(path, sizeof(path), NMI_PARAMETERS "%s", name);
	f = fopen(path, "r");
	CHECK(f && fscanf(f, "%lu", &value) == 1);
	fclose(f);
	return value;
}

/* Local timer interrupts of all CPUs. */
static u64 timer_interrupts(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[4096], *p;
	u64 sum = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		p = strstr(line, "LOC:");
		if (!p)
			continue;
		for (p += 4; ; ) {
			char *end;
			u64 n = strtoul(p, &end, 10);

			if (end == p)
				break;
			sum += n;
			p = end;
		}
	}
	fclose(f);
	return sum;
}

static void module_path(char *path, size_t size)
{
	const char *given = getenv("VMX_NMI_MODULE");
	struct utsname name;

	uname(&name);
	if (given)
		snprintf(path, size, "%s", given);
	else
		snprintf(path, size, "build/selftests/kmod-nmi/%s/vmx_nmi.ko", name.release);
}

static bool run(const char *program, const char *argument)
{
	char command[400];

	snprintf(command, sizeof(command), "%s %s", program, argument);
	return system(command) == 0;
}

/*
 * A second of the guest's spinning: did NMIs and timer interrupts come at their rate? (expected: periods of the NMIs'
 * timer.)
 */
static bool interrupts_come(void)
{
	u64 start = now_ms(), ticks = timer_interrupts(), before = loops;
	u64 nmis = parameter("nmis"), expected = parameter("expected"), ms;

	usleep(1000000);
	expected = parameter("expected") - expected;
	nmis = parameter("nmis") - nmis;
	ticks = timer_interrupts() - ticks;
	ms = now_ms() - start;
	printf("# %lu NMIs in %lu periods, %lu timer interrupts in %lu ms, %lu passes of the guest\n",
	       nmis, expected, ticks, ms, loops - before);
	fflush(stdout);
	CHECK(loops > before);
	CHECK(expected * 2000 >= parameter("hz") * ms);
	/* The two are not read at the same moment. */
	CHECK(nmis <= expected + 5);
	/* QEMU's timers are late and leave periods out. HZ is 100 at least. */
	return nmis + 5 >= (host_is_tcg() ? expected / 4 : expected) && ticks * 1000 / ms >= 80;
}

/*
 * Spins with interrupts on (id 1) or off (0) in the guest. QEMU's timers come still more seldom while others keep it
 * from its CPUs, so there one good second of a few will do: what a guest holds up it holds up in all of them.
 */
static void spin_under_nmis(int id)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, id, guest_spin);
	u64 end;
	bool come;

	finish = false;
	loops = damage = 0;
	vcpu_start(v);
	WAIT_UNTIL(loops, 20000);
	end = now_ms() + (host_is_tcg() ? 15000 : 0);
	do
		come = interrupts_come();
	while (!come && now_ms() < end);
	finish = true;
	vcpu_join(v);
	CHECK_EQ(damage, 0);
	CHECK(come);
	vm_close(vm);
}

FIXTURE(host) { int unused; };
FIXTURE_SETUP(host) { }
FIXTURE_TEARDOWN(host) { }

TEST_F_TIMEOUT(host, nmis_while_the_guest_spins, 60)
{
	bool loaded = !access(NMI_PARAMETERS, F_OK);
	char path[300];

	module_path(path, sizeof(path));
	if (!loaded && (geteuid() || access(path, R_OK)))
		SKIP(return, "needs root and the test module: make test-module-RELEASE");
	if (!loaded)
		ASSERT_TRUE(run("insmod", path));
	spin_under_nmis(0);
	spin_under_nmis(1);
	if (!loaded)
		ASSERT_TRUE(run("rmmod", "vmx_nmi"));
}

/* What the kernel logs between these lines was asked for: scripts/emulab/splat.py. */
static void to_log(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

/* Does a record that comes in the next seconds hold the text? */
static bool log_says(int fd, const char *text)
{
	char record[8192];
	u64 end = now_ms() + 15000;

	while (now_ms() < end) {
		ssize_t n = read(fd, record, sizeof(record) - 1);

		if (n < 0) {
			usleep(1000);
			continue;
		}
		record[n] = 0;
		if (strstr(record, text))
			return true;
	}
	return false;
}

static void pin(pthread_t thread, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(!pthread_setaffinity_np(thread, sizeof(one), &one));
}

TEST_F_TIMEOUT(host, backtrace_of_a_cpu_whose_guest_spins, 60)
{
	struct vm *vm;
	struct vcpu *v;
	int trigger, log;
	bool seen;

	if (geteuid() || access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "needs root and /proc/sysrq-trigger");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "the host has no second CPU to ask from");
	trigger = open("/proc/sysrq-trigger", O_WRONLY);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, trigger);
	ASSERT_LE(0, log);
	lseek(log, 0, SEEK_END);
	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_spin);
	pin(pthread_self(), 0);
	vcpu_start(v);
	pin(v->thread, 1);
	for (int i = 0; i < 5; i++) {
		u64 before = loops;

		WAIT_UNTIL(loops > before, 20000);
		to_log("asked-for traces begin\n");
		ASSERT_EQ(1, write(trigger, "l", 1));
		seen = log_says(log, "NMI backtrace for cpu 1");
		usleep(100000);		/* the trace itself */
		to_log("asked-for traces end\n");
		ASSERT_TRUE(seen);
	}
	finish = true;
	vcpu_join(v);
	ASSERT_EQ(0, damage);
}

TEST_HARNESS_MAIN
