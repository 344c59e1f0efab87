// SPDX-License-Identifier: GPL-2.0-only
/* fds and mappings closed in every order, processes killed while they run, forks. */
#include <sys/prctl.h>
#include "vmxtest.h"

static volatile u64 loops;

static void guest_spin(u64 id)
{
	for (;;)
		loops++;
}

static void guest_done_now(u64 id)
{
	guest_done();
}

/* All 24 orders of: device, VM, vCPU fd, run mapping. */
TEST(every_order)
{
	for (int order = 0; order < 24; order++) {
		struct vm *vm = vm_create(VM_PIT);
		struct vcpu *v = vcpu_create(vm, 0, guest_done_now);
		int left[4] = { 0, 1, 2, 3 }, n = 4, k = order;

		vcpu_expect_done(v);
		for (; n > 0; n--) {
			int pick = k % n, what = left[pick];

			k /= n;
			left[pick] = left[n - 1];
			switch (what) {
			case 0: ASSERT_EQ(0, close(vm->dev)); break;
			case 1: ASSERT_EQ(0, close(vm->fd)); break;
			case 2: ASSERT_EQ(0, close(v->fd)); break;
			case 3: ASSERT_EQ(0, munmap(v->run, v->run_size)); break;
			}
		}
	}
}

/* The vCPU's fd keeps the VM: it runs on after the VM's fd is closed. */
TEST(vcpu_outlives_vm_fd)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_done_now);

	close(vm->fd);
	close(vm->dev);
	vcpu_expect_done(v);
}

/* The mapping keeps the page after all fds are closed. */
TEST(mapping_outlives_fds)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_done_now);

	vcpu_expect_done(v);
	close(v->fd);
	close(vm->fd);
	close(vm->dev);
	v->run->request_interrupt_window = 1;
	ASSERT_EQ(VMX_EXIT_IO, v->run->exit_reason);
}

TEST(close_while_running)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);

	vcpu_start(v);
	WAIT_UNTIL(loops > 1000, 10000);
	close(vm->fd);
	close(vm->dev);
	vcpu_stop(v);
	close(v->fd);
}

/* A child of fork has the fds, but not the memory: EIO. */
TEST(fork_child_cannot_run)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_done_now);
	struct vmx_userspace_memory_region r = { .slot = 9 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct vmx_regs regs;

		if (try_run(v) != -EIO)
			_exit(1);
		if (try_ioctl(v->fd, VMX_GET_REGS, &regs) != -EIO)
			_exit(2);
		if (try_ioctl(vm->fd, VMX_SET_USER_MEMORY_REGION, &r) != -EIO)
			_exit(3);
		if (try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)5) != -EIO)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	vcpu_expect_done(v);
}

/* The child holds the last references, after the parent is gone with its memory. */
TEST(child_closes_last)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct vm *vm = vm_create(VM_PIT);
		struct vcpu *v = vcpu_create(vm, 0, guest_done_now);

		vcpu_expect_done(v);
		if (!fork()) {
			usleep(200000);
			_exit(0);
		}
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	usleep(400000);
}

static void run_and_kill(int vcpus, int delay_us)
{
	int ready[2], status;
	pid_t pid;
	char c;

	CHECK(!pipe(ready));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(VM_PIT);

		for (int i = 0; i < vcpus; i++)
			vcpu_create(vm, i, guest_spin);
		for (int i = 0; i < vcpus; i++)
			vcpu_start(vm->vcpus[i]);
		while (!loops)
			usleep(100);
		CHECK_EQ(write(ready[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	usleep((useconds_t)delay_us);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ready[0]);
	close(ready[1]);
}

TEST(killed_while_running)
{
	for (int i = 0; i < 5; i++)
		run_and_kill(1, i * 3000);
	for (int i = 0; i < 3; i++)
		run_and_kill(3, i * 7000);
}

/* One thread execs while another runs a guest. */
TEST(exec_while_running)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct vm *vm = vm_create(VM_IRQCHIP);
		struct vcpu *v = vcpu_create(vm, 0, guest_spin);

		vcpu_start(v);
		while (loops < 100)
			usleep(100);
		execl("/bin/true", "true", NULL);
		execl("/proc/self/exe", "self", "--version", NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
}

TEST(many_vms)
{
	for (int i = 0; i < 50; i++) {
		struct vm *vm = vm_create(i & 1 ? VM_PIT : 0);
		struct vcpu *v = vcpu_create(vm, 0, guest_done_now);

		vcpu_expect_done(v);
		munmap(vm->low, LOW_SIZE);
		vm_close(vm);
	}
}

TEST(vms_side_by_side)
{
	struct vcpu *v[8];

	for (int i = 0; i < 8; i++)
		v[i] = vcpu_create(vm_create(VM_PIT), 0, guest_done_now);
	for (int i = 7; i >= 0; i--)
		vcpu_expect_done(v[i]);
	for (int i = 0; i < 8; i++)
		vm_close(v[i]->vm);
}

/* The same vCPU from two threads: one waits for the other, no state is mixed. */
static volatile bool release;

static void guest_until_release(u64 id)
{
	while (!release)
		guest_pause();
	guest_done();
}

static void *second(void *arg)
{
	struct vcpu *v = arg;
	struct vmx_regs r;

	return (void *)try_ioctl(v->fd, VMX_GET_REGS, &r);
}

TEST(two_threads_one_vcpu)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_until_release);
	pthread_t thread;
	void *ret;

	vcpu_start(v);
	usleep(20000);
	ASSERT_EQ(0, pthread_create(&thread, NULL, second, v));
	usleep(20000);
	release = true;
	vcpu_join(v);
	pthread_join(thread, &ret);
	ASSERT_EQ(0, (long)ret);
}

TEST_HARNESS_MAIN
