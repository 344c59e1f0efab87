// SPDX-License-Identifier: GPL-2.0-only
/* A page with a memory error: the guest's access reaches the VMM as SIGBUS with the address. */
#include "vmxtest.h"

static volatile int signals, code;
static void *volatile address;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	signals++;
	code = info->si_code;
	address = info->si_addr;
}

static void guest_touch(u64 id)
{
	guest_sync(*(volatile u64 *)TEST_MEM);
	guest_sync(*(volatile u64 *)(TEST_MEM + 5 * 4096 + 16));
	guest_done();
}

TEST(sigbus)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_touch);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 16 * PAGE_SIZE);

	madvise(mem, 16 * PAGE_SIZE, MADV_NOHUGEPAGE);
	memset(mem, 7, 16 * PAGE_SIZE);
	ASSERT_EQ(0, sigaction(SIGBUS, &sa, NULL));
	vcpu_expect_sync(v, 0x0707070707070707ull);
	if (madvise(mem + 5 * PAGE_SIZE, PAGE_SIZE, MADV_HWPOISON))
		SKIP(return, "no MADV_HWPOISON: %s", strerror(errno));
	ASSERT_EQ(-EINTR, try_run(v));
	/* a 6.12 host sends a second one itself, on in-tree KVM too */
	ASSERT_LE(1, signals);
	ASSERT_EQ(BUS_MCEERR_AR, code);
	ASSERT_EQ((u64)mem + 5 * PAGE_SIZE, (u64)address & ~(PAGE_SIZE - 1));
	/* the VMM puts another page there, and the guest goes on */
	ASSERT_NE(MAP_FAILED, mmap(mem + 5 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	vcpu_expect_sync(v, 0);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
