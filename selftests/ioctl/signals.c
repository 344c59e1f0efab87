// SPDX-License-Identifier: GPL-2.0-only
/* Signals, immediate_exit and the signal mask of RUN. */
#include <sys/time.h>
#include <poll.h>
#include "vmxtest.h"

static volatile u64 spins;
static volatile int handled;

static void guest_spin(u64 id)
{
	for (;;)
		spins++;
}

static void on_signal(int sig)
{
	handled++;
}

static void alarm_in_ms(int ms, int again)
{
	struct itimerval t = { .it_value.tv_usec = ms * 1000, .it_interval.tv_usec = again * 1000 };
	struct sigaction sa = { .sa_handler = on_signal };

	CHECK(!sigaction(SIGVTALRM, &sa, NULL));
	CHECK(!setitimer(ITIMER_VIRTUAL, &t, NULL));
}

TEST(immediate_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);

	spins = 0;
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, try_run(v));
	ASSERT_EQ(-EINTR, try_run(v));
	ASSERT_EQ(0, spins);
}

/* A pending exit is completed before immediate_exit takes effect (API doc, 5). */
static volatile u64 read_value;

static void guest_mmio(u64 id)
{
	read_value = *(volatile u32 *)TEST_MMIO;
	guest_done();
}

TEST(immediate_exit_completes_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_mmio);
	struct vmx_regs before, after;

	vcpu_answer_mmio(v, TEST_MMIO, 4, 0x4321);
	before = vcpu_regs(v);
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, try_run(v));
	after = vcpu_regs(v);
	ASSERT_LT(before.rip, after.rip);
	v->run->immediate_exit = 0;
	vcpu_expect_done(v);
	ASSERT_EQ(0x4321, read_value);
}

static void *kicker(void *arg)
{
	pthread_t *target = arg;

	usleep(100000);
	pthread_kill(*target, SIGUSR1);
	return NULL;
}

TEST(kick)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	pthread_t self = pthread_self(), thread;

	kick_init();
	spins = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, kicker, &self));
	ASSERT_EQ(-EINTR, try_run(v));
	ASSERT_EQ(VMX_EXIT_INTR, v->run->exit_reason);
	ASSERT_LT(0, spins);
	pthread_join(thread, NULL);
}

static void guest_halted(u64 id)
{
	for (;;)
		guest_hlt();
}

TEST(kick_in_hlt)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_halted);
	pthread_t self = pthread_self(), thread;

	kick_init();
	ASSERT_EQ(0, pthread_create(&thread, NULL, kicker, &self));
	ASSERT_EQ(-EINTR, try_run(v));
	pthread_join(thread, NULL);
	ASSERT_EQ(VMX_MP_STATE_HALTED, vcpu_mp_state(v));
}

static void set_mask(struct vcpu *v, u64 mask)
{
	struct {
		struct vmx_signal_mask head;
		u64 mask;
	} __attribute__((packed)) m = { .head.len = 8, .mask = mask };

	must_ioctl(v->fd, VMX_SET_SIGNAL_MASK, &m);
}

/* Blocked in the thread, open while in RUN: no window in which it is lost. */
TEST(signal_mask)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	sigset_t block, old;

	kick_init();
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	set_mask(v, 0);
	pthread_kill(pthread_self(), SIGUSR1);
	spins = 0;
	ASSERT_EQ(-EINTR, try_run(v));
	ASSERT_EQ(0, spins);		/* it was pending: no guest code ran */
	sigpending(&old);
	ASSERT_TRUE(sigismember(&old, SIGUSR1));	/* and it still is */
}

TEST(signal_mask_bad_length)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	struct vmx_signal_mask m = { .len = 4 };

	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SIGNAL_MASK, &m));
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_SIGNAL_MASK, NULL));
}

/* Blocked by the mask of RUN: the guest goes on. */
TEST(signal_mask_blocks)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	pthread_t self = pthread_self(), thread;

	kick_init();
	set_mask(v, 1ull << (SIGUSR1 - 1));
	alarm_in_ms(800, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, kicker, &self));
	ASSERT_EQ(-EINTR, try_run(v));	/* by the alarm */
	ASSERT_EQ(1, handled);
	pthread_join(thread, NULL);
}

/* A fast timer must not keep the guest from making progress. */
static void guest_count(u64 id)
{
	for (spins = 0; spins < 2000000; spins++)
		;
	guest_done();
}

TEST(signal_storm)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_count);

	alarm_in_ms(5, 5);
	vcpu_expect_done(v);
	ASSERT_EQ(2000000, spins);
}

TEST_HARNESS_MAIN
