// SPDX-License-Identifier: GPL-2.0-only
/* A TLB flush leaves a halted vCPU asleep, and is done before the vCPU runs again. */
#include <sys/syscall.h>
#include "vmxtest.h"

#define PAGES 200

static volatile u64 irqs, sum;
static volatile bool halted;
static volatile int vcpu_tid;

static void on_irq(struct guest_frame *f)
{
	irqs++;
	xapic_eoi();
}

static void guest_touches_and_halts(u64 id)
{
	volatile u64 *mem = (volatile u64 *)TEST_MEM;
	u64 s = 0;

	guest_handlers[0x40] = on_irq;
	xapic_enable();
	for (u64 i = 0; i < PAGES; i++)
		mem[512 * i] = i + 1;
	halted = true;
	while (!irqs)
		sti_hlt_cli();
	for (u64 i = 0; i < PAGES; i++)
		s += mem[512 * i];
	sum = s;
	guest_done();
}

static void *run_vcpu(void *arg)
{
	vcpu_tid = (int)syscall(SYS_gettid);
	vcpu_expect_done((struct vcpu *)arg);
	return NULL;
}

/* How often the vCPU's thread went to sleep; *asleep: is it now? */
static u64 sleeps(bool *asleep)
{
	char name[64], line[256];
	u64 n = ~0ull;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/status", vcpu_tid);
	f = fopen(name, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "State:", 6))
			*asleep = line[7] == 'S';
		if (!strncmp(line, "voluntary_ctxt_switches:", 24))
			n = strtoull(line + 24, NULL, 10);
	}
	fclose(f);
	CHECK(n != ~0ull);
	return n;
}

TEST(flushes)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_touches_and_halts);
	struct vmx_msi msi = { .address_lo = 0xfee00000u, .data = 0x40 };
	char *mem = mem_alloc(PAGES * PAGE_SIZE);
	pthread_t thread;
	bool asleep = false;
	u64 before;

	madvise(mem, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	slot_set(vm, 2, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_vcpu, v));
	WAIT_UNTIL(halted && (sleeps(&asleep), asleep), 20000);
	before = sleeps(&asleep);
	/* each page is in the guest's tables, so each of these flushes */
	for (u64 i = 0; i < PAGES; i++) {
		ASSERT_EQ(0, madvise(mem + i * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED));
		usleep(300);	/* time to wake up and sleep again */
	}
	ASSERT_LE(sleeps(&asleep), before + PAGES / 10);
	ASSERT_LT(0, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
	pthread_join(thread, NULL);
	/* and none was forgotten */
	ASSERT_EQ(0, sum);
}

TEST_HARNESS_MAIN
