// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one exit costs, seen from the guest: RDTSC around a loop of one operation, the empty
 * loop subtracted. On a host whose TSC counts instructions (QEMU -icount, Bochs) the result
 * is instructions per operation; elsewhere it is TSC ticks.
 *
 * Each operation has a VM of its own. The figure is the median of the runs.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "host.h"
#include "uapi/vmx_ext.h"
#include "guest.h"

#define MAX_RUNS 64
#define MAX_ITERATIONS 4000ul
#define TOUCH_STRIDE (64ul << 10)
#define TOUCH_SIZE (MAX_ITERATIONS * TOUCH_STRIDE)
#define TOUCH_MEM TEST_MEM
#define IO_PORT 0x3fc			/* the kernel serves no such port */
#define SMALL_VA 0x7f0000000000ul	/* 16 pages of 4 KiB, in the low slot */
#define SMALL_PAGES 16ul
#define VECTOR 0x60

static volatile u64 iterations = 2000, runs = 5;
static volatile u64 result[MAX_RUNS];
static volatile u64 *small_pte;		/* of SMALL_VA, in the guest */
static u64 second_root;
static u64 empty_median;
static const char *until;	/* repeat until this file exists */
static bool traced;		/* with the exit trace on */
static int trace_fd = -1;

#define ALWAYS static inline __attribute__((always_inline))

/* One loop per operation, all of the same shape as the empty one. */
#define OPERATION(name) \
	ALWAYS void op_##name(u64 i); \
	static void run_##name(u64 id) \
	{ \
		setup_##name(); \
		for (u64 run = 0; run < runs; run++) { \
			u64 n = iterations, start; \
			guest_sync(run);	/* the host may prepare the run */ \
			start = rdtsc(); \
			for (u64 i = 0; i < n; i++) { \
				op_##name(i); \
				asm volatile("" : : : "memory"); \
			} \
			result[run % MAX_RUNS] = rdtsc() - start; \
		} \
		guest_done(); \
	} \
	ALWAYS void op_##name(u64 i)

#define NO_SETUP(name) ALWAYS void setup_##name(void) { }

NO_SETUP(empty)
OPERATION(empty) { }

NO_SETUP(cpuid)
OPERATION(cpuid)
{
	u32 a, b, c, d;

	guest_cpuid(0, 0, &a, &b, &c, &d);
}

static volatile bool amd;

ALWAYS void setup_hypercall(void)
{
	u32 a, b, c, d;

	guest_cpuid(0, 0, &a, &b, &c, &d);
	amd = b == 0x68747541;
}

OPERATION(hypercall)
{
	u64 nr = 0x7777;	/* refused: there is none of this number */

	if (amd)
		asm volatile("vmmcall" : "+a"(nr) : : "rbx", "rcx", "rdx", "rsi", "memory");
	else
		asm volatile("vmcall" : "+a"(nr) : : "rbx", "rcx", "rdx", "rsi", "memory");
}

NO_SETUP(pic_in)
OPERATION(pic_in) { inb(0x21); }

NO_SETUP(port_in)
OPERATION(port_in) { inb(IO_PORT); }

NO_SETUP(mmio_read)
OPERATION(mmio_read)
{
	u32 v;

	asm volatile("movl (%1), %0" : "=r"(v) : "r"(TEST_MMIO) : "memory");
}

NO_SETUP(wrmsr_tsc_adjust)
OPERATION(wrmsr_tsc_adjust) { wrmsr(MSR_TSC_ADJUST, 0); }

NO_SETUP(cr0_wp)
OPERATION(cr0_wp)
{
	u64 v = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_PG;

	write_cr0(v);
	write_cr0(v | CR0_WP);
}

NO_SETUP(cr4_pge)
OPERATION(cr4_pge)
{
	u64 v = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	write_cr4(v);
	write_cr4(v | CR4_PGE);
}

/* A prime above MAX_ITERATIONS has no factor in common with the number of pages: each is
 * touched once, and in no order that a prefetch could follow. */
NO_SETUP(touch_isolated)
OPERATION(touch_isolated)
{
	u64 page = i * 7919 % iterations;

	*(volatile u8 *)(TOUCH_MEM + page * TOUCH_STRIDE);
}

NO_SETUP(touch_sequential)
OPERATION(touch_sequential) { *(volatile u8 *)(TOUCH_MEM + i * PAGE_SIZE); }

NO_SETUP(invlpg)
OPERATION(invlpg) { invlpg(SMALL_VA); }

NO_SETUP(cr3_reload)
OPERATION(cr3_reload) { write_cr3(LOW_PGTABLE); }

ALWAYS void setup_xapic_read(void) { xapic_enable(); }
OPERATION(xapic_read) { xapic_read(APIC_ID); }

NO_SETUP(pte_change)
OPERATION(pte_change)
{
	u64 pte = *small_pte;

	*small_pte = pte ^ 0x1000;
	invlpg(SMALL_VA);
	*(volatile u8 *)SMALL_VA;
	*small_pte = pte;
	invlpg(SMALL_VA);
	*(volatile u8 *)SMALL_VA;
}

ALWAYS void touch_eight(void)
{
	for (u64 p = 8; p < 16; p++)
		*(volatile u8 *)(SMALL_VA + p * PAGE_SIZE);
}

NO_SETUP(cr3_switch)
OPERATION(cr3_switch)
{
	write_cr3(second_root);
	touch_eight();
	write_cr3(LOW_PGTABLE);
	touch_eight();
}

/* The shortest handler that ends an interrupt. */
extern char bench_isr[];
asm(".pushsection .text\n"
    "bench_isr: push %rax\n mov $0xfee000b0, %eax\n movl $0, (%rax)\n pop %rax\n iretq\n"
    ".popsection\n");

static volatile u64 isr_address;

ALWAYS void setup_self_ipi_hlt(void)
{
	u64 *gate = (u64 *)LOW_IDT + 2 * VECTOR;

	gate[0] = (isr_address & 0xffff) | SEL_CODE64 << 16 | 0x8e00ull << 32 |
		  (isr_address & 0xffff0000) << 32;
	xapic_enable();
	irqs_off();
}

OPERATION(self_ipi_hlt)
{
	xapic_write(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT | VECTOR);
	sti_hlt_cli();
}

/* Zaps what the guest touched: the slot goes and comes back, the host's pages stay. */
static char *touch_memory;

static void touch_again(struct vm *vm)
{
	slot_set(vm, SLOT_TEST, 0, TOUCH_MEM, 0, NULL);
	slot_set(vm, SLOT_TEST, 0, TOUCH_MEM, TOUCH_SIZE, touch_memory);
}

static void touch_prepare(struct vm *vm)
{
	u64 size = iterations * TOUCH_STRIDE;

	touch_memory = mem_alloc(TOUCH_SIZE);
	madvise(touch_memory, TOUCH_SIZE, MADV_NOHUGEPAGE);
	for (u64 p = 0; p < size; p += PAGE_SIZE)
		touch_memory[p] = 1;
	slot_set(vm, SLOT_TEST, 0, TOUCH_MEM, TOUCH_SIZE, touch_memory);
}

/* Sixteen 4 KiB pages, in a second address space too. */
static void small_prepare(struct vm *vm)
{
	for (u64 p = 0; p < SMALL_PAGES; p++) {
		u64 *e = pt_map(vm, LOW_PGTABLE, SMALL_VA + p * PAGE_SIZE,
				LOW_SCRATCH + p * PAGE_SIZE, 1, PTE_P | PTE_W | PTE_A | PTE_D);

		if (!p)
			small_pte = (u64 *)((char *)e - vm->low);
	}
	second_root = pt_alloc(vm);
	memcpy(vm_ptr(vm, second_root), vm_ptr(vm, LOW_PGTABLE), PAGE_SIZE);
}

#define OP(op, text, ...) { .name = #op, .what = text, .entry = run_##op, ##__VA_ARGS__ }
static const struct operation {
	const char *name, *what;
	void (*entry)(u64 id);
	void (*prepare)(struct vm *vm);
	void (*before_run)(struct vm *vm);
} operations[] = {
	OP(empty, "the empty loop"),
	OP(cpuid, "CPUID"),
	OP(hypercall, "hypercall that is refused"),
	OP(pic_in, "IN from the in-kernel PIC"),
	OP(port_in, "IN answered by the VMM"),
	OP(mmio_read, "MMIO read answered by the VMM"),
	OP(wrmsr_tsc_adjust, "WRMSR TSC_ADJUST"),
	OP(cr0_wp, "CR0.WP cleared and set"),
	OP(cr4_pge, "CR4.PGE cleared and set"),
	OP(touch_isolated, "first touch of a 4 KiB page, isolated", .prepare = touch_prepare,
	   .before_run = touch_again),
	OP(touch_sequential, "first touch of a 4 KiB page, in sequence", .prepare = touch_prepare,
	   .before_run = touch_again),
	OP(invlpg, "INVLPG", .prepare = small_prepare),
	OP(cr3_reload, "CR3 reloaded with the same value"),
	OP(xapic_read, "xAPIC register read"),
	OP(pte_change, "a PTE changed, INVLPG, touched; twice", .prepare = small_prepare),
	OP(cr3_switch, "two CR3 switches, 8 pages touched after each", .prepare = small_prepare),
	OP(self_ipi_hlt, "self-IPI pending, HLT, interrupt, EOI"),
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/*
 * For --until, before each run. The first run has warmed everything up: then whoever traces
 * this may start. The file is looked for every 2 ms, so that this is not what is traced.
 */
static bool told_to_end(const struct operation *op, u64 run)
{
	static u64 last;
	struct timespec now;
	u64 ns;

	if (run == 1) {
		printf("looping: %s\n", op->name);
		fflush(stdout);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ul + now.tv_nsec;
	if (ns - last < 2000000)
		return false;
	last = ns;
	return !access(until, F_OK);
}

/* The exit trace of vmx on, with a ring that nobody reads. */
static void trace(struct vcpu *v)
{
	struct vmx_x_trace arg = { .size = sizeof(arg), .records = 4096 };
	int fd = (int)must_ioctl(v->fd, VMX_X_TRACE_FD, &arg);

	must_ioctl(fd, VMX_X_TRACE_ENABLE, 1);
	if (trace_fd >= 0)
		close(trace_fd);
	trace_fd = fd;
}

/* Runs one operation in a VM of its own: all runs, into result[]. */
static void run_operation(const struct operation *op)
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *v = vcpu_create(vm, 0, op->entry);
	struct vmx_run *run = v->run;
	struct ucall uc;

	isr_address = (u64)bench_isr;
	if (op->prepare)
		op->prepare(vm);
	if (traced)
		trace(v);
	/* The VMM's half of an exit is as short as it can be: RUN again. An IN or a read gets
	 * whatever lies in the run page. */
	for (;;) {
		long ret = try_run(v);

		if (ret < 0 && ret != -4 /* EINTR */)
			DIE("%s: RUN: %s", op->name, strerror((int)-ret));
		if (run->exit_reason == VMX_EXIT_IO && run->io.port == IO_PORT)
			continue;
		if (run->exit_reason == VMX_EXIT_MMIO && run->mmio.phys_addr == TEST_MMIO)
			continue;
		if (!vcpu_get_call(v, &uc))
			DIE("%s: exit %s", op->name, exit_name(run->exit_reason));
		vcpu_check_guest_at(__FILE__, __LINE__, v);
		if (uc.call == CALL_DONE)
			break;
		if (until && told_to_end(op, uc.a))
			break;
		if (op->before_run && uc.a)
			op->before_run(vm);
	}
	for (int i = 0; i < MAX_TEST_SLOTS; i++)
		if (vm->slots[i].size && i != SLOT_IMAGE)
			munmap(vm->slots[i].hva, vm->slots[i].size);
	vm_close(vm);
}

/* The minimum and the median of an operation's runs, for all iterations. */
static void measure(const struct operation *op, u64 *min, u64 *median)
{
	u64 sorted[MAX_RUNS];

	run_operation(op);
	for (u64 i = 0; i < runs; i++)
		sorted[i] = result[i];
	qsort(sorted, runs, sizeof(sorted[0]), by_value);
	*min = sorted[0];
	*median = sorted[runs / 2];
}

/* Ticks per operation, times ten. */
static long per_op(u64 ticks, u64 empty)
{
	return ((long)ticks - (long)empty) * 10 / (long)iterations;
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: vmx_exit_bench [--device PATH] [--ops A,B,...] [--iterations N]\n"
		"                      [--runs N] [--trace] [--json] [--list] [--until FILE]\n"
		"Instructions (or TSC ticks) per operation in a guest, the empty loop subtracted.\n"
		"  --device PATH   default: $VMX_DEVICE, else /dev/vmx\n"
		"  --ops LIST      only these; --list names them\n"
		"  --iterations N  per run, at most %lu (default %lu)\n"
		"  --runs N        of which the median is shown (default %lu)\n"
		"  --trace         with the exit trace on (vmx only)\n"
		"  --json          one object per line: op, instructions, min, iterations\n"
		"  --until FILE    only repeat the operations, each until FILE exists: to be traced\n",
		MAX_ITERATIONS, iterations, runs);
}

static bool chosen(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (!strncmp(p, name, len) && (!p[len] || p[len] == ','))
			return true;
	return !list;
}

static bool known(const char *list)
{
	for (const char *p = list; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
		size_t len = strcspn(p, ","), i;

		for (i = 0; i < OPERATIONS; i++)
			if (strlen(operations[i].name) == len &&
			    !strncmp(operations[i].name, p, len))
				break;
		if (i == OPERATIONS) {
			fprintf(stderr, "vmx_exit_bench: no operation '%.*s'\n", (int)len, p);
			return false;
		}
	}
	return true;
}

static u64 number(const char *text, u64 max)
{
	char *end;
	u64 v = strtoul(text, &end, 0);

	if (*end || !v || v > max) {
		fprintf(stderr, "vmx_exit_bench: '%s' is not between 1 and %lu\n", text, max);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' }, { "ops", required_argument, NULL, 'o' },
		{ "iterations", required_argument, NULL, 'i' }, { "runs", required_argument, NULL, 'r' },
		{ "trace", no_argument, NULL, 't' }, { "json", no_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' },
		{ "until", required_argument, NULL, 'u' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *ops = NULL;
	bool json = false;
	u64 min, median, none;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd': setenv("VMX_DEVICE", optarg, 1); break;
		case 'o': ops = optarg; break;
		case 'i': iterations = number(optarg, MAX_ITERATIONS); break;
		case 'r': runs = number(optarg, MAX_RUNS); break;
		case 't': traced = true; break;
		case 'j': json = true; break;
		case 'u': until = optarg; break;
		case 'l':
			for (size_t i = 1; i < OPERATIONS; i++)
				printf("%-18s %s\n", operations[i].name, operations[i].what);
			return 0;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc || !known(ops)) {
		usage(stderr);
		return 2;
	}
	if (until)
		runs = ~0ul;
	else
		measure(&operations[0], &none, &empty_median);
	for (size_t i = 1; i < OPERATIONS; i++) {
		const struct operation *op = &operations[i];
		long m, lowest;

		if (!chosen(ops, op->name))
			continue;
		if (until) {
			run_operation(op);
			continue;
		}
		measure(op, &min, &median);
		m = per_op(median, empty_median);
		lowest = per_op(min, empty_median);
		if (json)
			printf("{\"op\": \"%s\", \"instructions\": %ld.%ld, \"min\": %ld.%ld, "
			       "\"iterations\": %lu}\n", op->name, m / 10, labs(m % 10), lowest / 10,
			       labs(lowest % 10), iterations);
		else
			printf("%-46s %8ld.%ld  (min %ld)\n", op->what, m / 10, labs(m % 10),
			       lowest / 10);
		fflush(stdout);
	}
	return 0;
}
