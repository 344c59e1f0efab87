// SPDX-License-Identifier: GPL-2.0-only
/* ioctls by the 32-bit system call entry (INT 80h), as a 32-bit VMM makes them. */
#include "vmxtest.h"

#define NR32_IOCTL 54

static long ioctl32(int fd, u32 req, void *arg)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "a"(NR32_IOCTL), "b"(fd), "c"(req), "d"((u32)(u64)arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static bool have_compat(void)
{
	long ret;
	int status;
	pid_t pid = fork();

	if (!pid) {
		asm volatile("int $0x80" : "=a"(ret) : "a"(20 /* getpid */)
			     : "memory", "r8", "r9", "r10", "r11");
		_exit((int)ret == getpid() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static void guest_write(u64 id)
{
	for (;;) {
		*(volatile u64 *)(TEST_MEM + 3 * 4096) = 1;
		guest_sync(0);
	}
}

/* All data lies in the program, below 4 GiB. */
static struct vmx_regs regs;
static struct vmx_userspace_memory_region region;
static u64 bitmap[1];
static struct {
	u32 slot, padding;
	u32 bitmap, garbage;	/* a 32-bit pointer, and what lies behind it */
} dirty_log;
static struct {
	u32 len;
	u8 mask[8];
} mask32;

TEST(same_results)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_write);
	char *mem;

	if (!have_compat())
		SKIP(return, "the host kernel has no 32-bit system calls");
	ASSERT_EQ(12, ioctl32(vm->dev, VMX_GET_API_VERSION, NULL));
	ASSERT_EQ(-EINVAL, ioctl32(vm->dev, VMX_RUN, NULL));
	ASSERT_EQ(-ENOTTY, ioctl32(vm->fd, VMX_RUN, NULL));
	ASSERT_EQ(1, ioctl32(vm->dev, VMX_CHECK_EXTENSION, (void *)VMX_CAP_USER_MEMORY));
	mem = mem_alloc(PAGE_SIZE_2M);
	region = (struct vmx_userspace_memory_region){ .slot = SLOT_TEST,
		.flags = VMX_MEM_LOG_DIRTY_PAGES, .guest_phys_addr = TEST_MEM,
		.memory_size = 16 * PAGE_SIZE, .userspace_addr = (u64)mem };
	ASSERT_EQ(0, ioctl32(vm->fd, VMX_SET_USER_MEMORY_REGION, &region));
	ASSERT_EQ(0, ioctl32(v->fd, VMX_GET_REGS, &regs));
	ASSERT_EQ((u64)guest_write, regs.rip);
	ASSERT_EQ(0, ioctl32(v->fd, VMX_RUN, NULL));
	ASSERT_EQ(VMX_EXIT_IO, v->run->exit_reason);
}

/* The one structure that holds a pointer. */
TEST(dirty_log_pointer)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_write);

	if (!have_compat())
		SKIP(return, "the host kernel has no 32-bit system calls");
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, 16 * PAGE_SIZE,
		 mem_alloc(PAGE_SIZE_2M));
	vcpu_expect_sync(v, 0);
	dirty_log.slot = SLOT_TEST;
	dirty_log.bitmap = (u32)(u64)bitmap;
	dirty_log.garbage = 0xdeadbeef;
	ASSERT_EQ(0, ioctl32(vm->fd, VMX_GET_DIRTY_LOG, &dirty_log));
	ASSERT_EQ(1 << 3, bitmap[0]);
}

static volatile int handled;

static void on_signal(int sig)
{
	handled++;
}

/* A 32-bit signal set has its two words the other way about in memory only on big endian. */
TEST(signal_mask)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_write);
	sigset_t block;

	if (!have_compat())
		SKIP(return, "the host kernel has no 32-bit system calls");
	mask32.len = 8;
	ASSERT_EQ(0, ioctl32(v->fd, VMX_SET_SIGNAL_MASK, &mask32));
	signal(SIGUSR1, on_signal);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &block, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	ASSERT_EQ(-EINTR, try_run(v));
	mask32.len = 4;
	ASSERT_EQ(-EINVAL, ioctl32(v->fd, VMX_SET_SIGNAL_MASK, &mask32));
}

TEST_HARNESS_MAIN
