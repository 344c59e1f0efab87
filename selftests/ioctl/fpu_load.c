// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vector registers and MXCSR under load: guests that leave in every way, their VMMs, and threads
 * that have nothing to do with them take turns on one host CPU, and each finds what it has put
 * there. Everything between loading the registers and looking at them is one piece of assembly, so
 * that nothing else uses them in between (the compiler does not: -mgeneral-regs-only).
 */
#include <sched.h>
#include "vmxtest.h"

#define REGS 16
#define PORT 0x80
#define SYS_IOCTL 16
#define SYS_SCHED_YIELD 24
#define MXCSR_DEFAULT 0x1f80u
#define THREADS 6

struct vectors {
	u8 reg[REGS][32];
	u32 mxcsr;
} __attribute__((aligned(64)));

/* For each user of the registers: what it loads, and what it finds. */
static struct vectors loaded[THREADS], found[THREADS];
static volatile bool has_avx;
static volatile u64 guest_rounds[2], guest_bad;
static volatile bool stop;
static u64 host_rounds[THREADS];

#define EACH_REG(op)                                                                  \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) \
	op(13) op(14) op(15)
#define LOAD_YMM(n) "vmovdqu 32*" #n "(%[l]), %%ymm" #n "\n\t"
#define LOAD_XMM(n) "movdqu 32*" #n "(%[l]), %%xmm" #n "\n\t"
#define FIND_YMM(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[f])\n\t"
#define FIND_XMM(n) "movdqu %%xmm" #n ", 32*" #n "(%[f])\n\t"

#define AROUND_ASM(load, insn, find)                                                          \
	asm volatile("ldmxcsr 512(%[l])\n\t" EACH_REG(load) insn "\n\t" EACH_REG(find)          \
		     "stmxcsr 512(%[f])"                                                      \
		     : "+a"(a_), "+c"(c_), "+d"(d_), "+D"(di_), "+S"(si_)                     \
		     : [l] "r"(&loaded[id_]), [f] "r"(&found[id_])                            \
		     : "rbx", "r11", "memory", "cc")
/*
 * Loads the registers of user @id, does @insn, stores them. RAX, RCX, RDX, RDI and RSI are @insn's, with
 * the values given, RBX and R11 without.
 */
#define AROUND(id, insn, a, c, d, di, si)                                                     \
	do {                                                                                  \
		u64 id_ = (id), a_ = (a), c_ = (c), d_ = (d), di_ = (di), si_ = (si);         \
		if (has_avx)                                                                  \
			AROUND_ASM(LOAD_YMM, insn, FIND_YMM);                                 \
		else                                                                          \
			AROUND_ASM(LOAD_XMM, insn, FIND_XMM);                                 \
	} while (0)

static void fill(u64 id, u64 round)
{
	u64 x = (id + 1) * 0x9e3779b97f4a7c15ULL + round * 0xbf58476d1ce4e5b9ULL;
	unsigned int i, k;

	for (i = 0; i < REGS; i++)
		for (k = 0; k < 32; k++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			loaded[id].reg[i][k] = (u8)(x >> 56);
		}
	/* Rounding mode and flush-to-zero. */
	loaded[id].mxcsr = MXCSR_DEFAULT | ((u32)(id + round) & 7) << 13;
}

/* The number of the first register that differs, REGS for MXCSR, -1: none. */
static int differs(u64 id)
{
	unsigned int i, k, bytes = has_avx ? 32 : 16;

	for (i = 0; i < REGS; i++)
		for (k = 0; k < bytes; k++)
			if (((volatile u8 *)found[id].reg[i])[k] != loaded[id].reg[i][k])
				return (int)i;
	return ((volatile struct vectors *)&found[id])->mxcsr != loaded[id].mxcsr ? REGS : -1;
}

/* ---- guests: users 0 and 1 ---- */

#define SPIN "1: dec %%rcx\n\tjnz 1b"

static void guest(u64 id)
{
	u64 round;

	if (has_avx)
		write_cr4(read_cr4() | CR4_OSXSAVE);
	for (round = 0; !stop; round++) {
		fill(id, round);
		switch (round % 8) {
		case 0:
		case 1:
			AROUND(id, "inl %%dx, %%eax", 0, 0, PORT, 0, 0);
			break;
		case 2:
			AROUND(id, "movl (%%rdi), %%eax", 0, 0, 0, TEST_MMIO, 0);
			break;
		case 3:
			AROUND(id, "cpuid\n\tinl %%dx, %%eax", 0, 0, PORT, 0, 0);
			break;
		case 4:	/* served with the host's interrupts on */
			AROUND(id, "wbinvd\n\twbinvd", 0, 0, 0, 0, 0);
			break;
		case 5:	/* and then an exit to the VMM from there */
			AROUND(id, "wbinvd\n\tmov $0x80, %%edx\n\tinl %%dx, %%eax", 0, 0, 0, 0, 0);
			break;
		case 6:	/* until the host's timer ticks, now and then */
			AROUND(id, SPIN, 0, round % 64 == 6 ? 400000 : 4000, 0, 0, 0);
			break;
		default:
			AROUND(id, SPIN "\n\tinl %%dx, %%eax", 0, 20000, PORT, 0, 0);
			break;
		}
		GUEST_ASSERT_EQ(differs(id), -1);
		guest_rounds[id]++;
	}
	guest_done();
}

/* Only runs, long enough for its thread to be preempted now and then. */
static void guest_runs(u64 id)
{
	if (has_avx)
		write_cr4(read_cr4() | CR4_OSXSAVE);
	while (!stop) {
		fill(id, guest_rounds[id]);
		AROUND(id, SPIN "\n\tinl %%dx, %%eax", 0, 500000, PORT, 0, 0);
		if (differs(id) >= 0)
			guest_bad = 1 + (u64)differs(id);
		guest_rounds[id]++;
	}
	guest_done();
}

/* ---- the host: user 2 and 3 run the guests, 4 and 5 only compute ---- */

static void check_host(u64 id, const char *who)
{
	int bad;

	asm volatile("ldmxcsr %0" : : "m"((u32){ MXCSR_DEFAULT }));
	bad = differs(id);
	if (bad >= 0)
		DIE("%s: register %d is not what was loaded, in round %llu", who, bad,
		    (unsigned long long)host_rounds[id]);
	host_rounds[id]++;
}

static void *vmm(void *arg)
{
	struct vcpu *v = arg;
	u64 id = 2 + (u64)v->id;
	struct ucall uc;

	for (;;) {
		fill(id, host_rounds[id]);
		AROUND(id, "syscall", SYS_IOCTL, 0, 0, (u64)v->fd, VMX_RUN);
		check_host(id, "VMM");
		/* No result of the ioctl was kept: an error would leave the old exit, and no progress. */
		if (vcpu_get_call(v, &uc)) {
			vcpu_check_guest_at(__FILE__, __LINE__, v);
			if (uc.call == CALL_DONE)
				return NULL;
		}
	}
}

struct share {
	struct vcpu *v;
	u64 id;
};

/* One of several threads for the same vCPU: looks at no exit, since the others do not wait for it. */
static void *vmm_shares(void *arg)
{
	const struct share *s = arg;

	while (!stop) {
		fill(s->id, host_rounds[s->id]);
		AROUND(s->id, "syscall", SYS_IOCTL, 0, 0, (u64)s->v->fd, VMX_RUN);
		check_host(s->id, "VMM");
	}
	return NULL;
}

static void *computing(void *arg)
{
	u64 id = (u64)arg;

	while (!stop) {
		fill(id, host_rounds[id]);
		if (host_rounds[id] & 1)
			AROUND(id, SPIN, 0, 100000, 0, 0, 0);
		else
			AROUND(id, "syscall", SYS_SCHED_YIELD, 0, 0, 0, 0);
		check_host(id, "thread beside it");
	}
	return NULL;
}

static void *spinning(void *arg)
{
	u64 id = (u64)arg;

	while (!stop) {
		fill(id, host_rounds[id]);
		AROUND(id, SPIN, 0, 1000000, 0, 0, 0);
		check_host(id, "thread beside it");
	}
	return NULL;
}

static void on_one_cpu(void)
{
	cpu_set_t may, one;
	int cpu;

	CHECK(!sched_getaffinity(0, sizeof(may), &may));
	for (cpu = CPU_SETSIZE - 1; cpu > 0 && !CPU_ISSET(cpu, &may); cpu--)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(!sched_setaffinity(0, sizeof(one), &one));
}

static struct vcpu *create(struct vm *vm, int id, void (*entry)(u64))
{
	struct vcpu *v = vcpu_create(vm, id, entry);
	struct vmx_xcrs x = { .nr_xcrs = 1 };

	x.xcrs[0].value = has_avx ? 7 : 3;
	if (has_avx)
		must_ioctl(v->fd, VMX_SET_XCRS, &x);
	return v;
}

static struct vm *create_vm(void)
{
	struct vmx_cpuid_entry2 *d = cpuid_find(supported_cpuid(), 0xd, 0);

	has_avx = cpuid_has(1, 0, 2, 28) && d && d->eax & 4;
	return vm_create(VM_IRQCHIP);
}

/* Until both guests have done @rounds. */
static void load(u64 rounds)
{
	struct vm *vm = create_vm();
	pthread_t threads[4];
	int i;

	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, vmm, create(vm, i, guest)));
	for (i = 2; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, computing, (void *)(u64)(2 + i)));
	WAIT_UNTIL(guest_rounds[0] >= rounds && guest_rounds[1] >= rounds, 60000);
	stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

TEST(one_cpu)
{
	on_one_cpu();
	load(400);
	for (u64 i = 2; i < THREADS; i++)
		ASSERT_LT(10, host_rounds[i]);
}

/* The CPU that the emulator keeps guests off when its CPUs run at the same time, "0"; else empty. */
static bool cpus_run_at_once(void)
{
	char line[16] = "";
	FILE *f = fopen("/sys/devices/system/cpu/isolated", "r");

	if (f) {
		CHECK(fgets(line, sizeof(line), f) || feof(f));
		fclose(f);
	}
	return line[0] >= '0' && line[0] <= '9';
}

TEST(all_cpus)
{
	if (host_is_tcg() && cpus_run_at_once())
		SKIP(return, "emulated CPUs that run at once disturb each other's flags at FXRSTOR");
	load(400);
}

/*
 * A thread that has waited for the vCPU's mutex enters the guest with the registers of the thread
 * before it on that CPU, which may come next, without having been in user mode in between.
 */
TEST(one_vcpu_two_threads)
{
	struct share shares[2];
	pthread_t threads[3];
	struct vcpu *v;
	u64 i;

	on_one_cpu();
	v = create(create_vm(), 0, guest_runs);
	for (i = 0; i < 2; i++) {
		shares[i] = (struct share){ v, 2 + i };
		CHECK(!pthread_create(&threads[i], NULL, vmm_shares, &shares[i]));
	}
	CHECK(!pthread_create(&threads[2], NULL, spinning, (void *)4));
	WAIT_UNTIL(guest_rounds[0] >= 60, 60000);
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ASSERT_EQ(0, guest_bad);
	for (i = 2; i < 5; i++)
		ASSERT_LT(5, host_rounds[i]);
}

TEST_HARNESS_MAIN
