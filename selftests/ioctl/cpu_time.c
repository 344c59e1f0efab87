// SPDX-License-Identifier: GPL-2.0-only
/* A guest's CPU time is counted as the guest's, not as the host kernel's. */
#include <sys/resource.h>
#include <sys/time.h>
#include "vmxtest.h"

#define SPIN_MS 1000

static void guest_spin(u64 id)
{
	for (;;)
		asm volatile("" : : : "memory");
}

static void on_alarm(int sig)
{
}

static u64 us(struct timeval t)
{
	return (u64)t.tv_sec * 1000000 + t.tv_usec;
}

TEST(a_spinning_guest_is_user_time)
{
	struct itimerval alarm = { .it_value.tv_sec = SPIN_MS / 1000 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	struct rusage before, after;
	u64 user, kernel;

	ASSERT_EQ(0, sigaction(SIGALRM, &sa, NULL));
	ASSERT_EQ(0, getrusage(RUSAGE_SELF, &before));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &alarm, NULL));
	ASSERT_EQ(-EINTR, try_run(v));
	ASSERT_EQ(0, getrusage(RUSAGE_SELF, &after));
	user = us(after.ru_utime) - us(before.ru_utime);
	kernel = us(after.ru_stime) - us(before.ru_stime);
	/* Ticks tell which it was, and the host takes some for itself. */
	EXPECT_GT(user, SPIN_MS * 1000 / 4);
	EXPECT_GT(user, 2 * kernel) {
		TH_LOG("user %llu us, kernel %llu us", (unsigned long long)user,
		       (unsigned long long)kernel);
	}
}

TEST_HARNESS_MAIN
