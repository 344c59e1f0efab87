// SPDX-License-Identifier: GPL-2.0-only
/* The single things that the storm does. Objects are in tables that all threads use without a lock. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "storm_calls.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ioctl.h"
#include "uapi/vmx_ext.h"

#define VMS 4
#define VCPUS 12
#define OTHERS 8
#define RUN_ROOM (1ul << 30)

int storm_device, storm_events[EVENTS];
u8 *storm_view, *storm_arena;
static int vms[VMS], vcpus[VCPUS], others[OTHERS];
static struct vmx_run *runs[VCPUS];
static int pair[2];
static int arena_fd;
static u8 *run_room;	/* address space for the vCPUs' pages */
static size_t run_used;

/* ---- fds ---- */

static void put_fd(int *where, int fd)
{
	int old = __atomic_exchange_n(where, fd, __ATOMIC_RELAXED);

	if (old > 2)
		close(old);
}

/*
 * Each vCPU's pages lie where nothing else ever was: wherever the kernel chose, it might choose a hole
 * that another thread has just made in the arena and is about to close.
 */
static void keep_vcpu(struct rng *r, int fd)
{
	unsigned int i = rng_below(r, VCPUS);
	size_t at = __atomic_fetch_add(&run_used, 4 * PAGE, __ATOMIC_RELAXED);
	void *run = MAP_FAILED;

	if (at + 4 * PAGE <= RUN_ROOM)
		run = mmap(run_room + at, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	/* The old one stays mapped: another thread may be writing there. */
	if (run != MAP_FAILED)
		__atomic_store_n(&runs[i], run, __ATOMIC_RELAXED);
	put_fd(&vcpus[i], fd);
}

static void keep_result(struct rng *r, unsigned long nr, int fd)
{
	if (nr == VMX_CREATE_VM)
		put_fd(&vms[rng_below(r, VMS)], fd);
	else if (nr == VMX_CREATE_VCPU)
		keep_vcpu(r, fd);
	else if (nr == VMX_X_TRACE_FD && rng_below(r, 4))
		ioctl(fd, VMX_X_TRACE_ENABLE, 1);
	if (nr == VMX_GET_STATS_FD || nr == VMX_X_STATS_FD || nr == VMX_X_TRACE_FD)
		put_fd(&others[rng_below(r, OTHERS)], fd);
}

static int target_fd(struct rng *r, enum target target)
{
	int fd = -1;

	/* Now and then the wrong kind. */
	if (!rng_below(r, 50))
		target = rng_below(r, 3);
	if (target == SYS)
		return storm_device;
	/* Most tries find one that is open. */
	for (int tries = 0; tries < 3 && fd < 0; tries++)
		fd = target == VM ? vms[rng_below(r, VMS)] : vcpus[rng_below(r, VCPUS)];
	return fd;
}

/* ---- ioctls ---- */

static void *bad_pointer(struct rng *r)
{
	static const uintptr_t bad[] = { 0, 1, 0xffff800000000000, 0xffffffff81000000, 0x7ffffffff000,
					 ~0ul };
	u32 i = rng_below(r, 9);

	if (i < 6)
		return (void *)bad[i];
	/* What may be unmapped at any time, and the last bytes of what is there. */
	return i < 8 ? storm_arena + rng_below(r, ARENA) : storm_view + ARENA - rng_below(r, 64);
}

static void mutate(struct rng *r, u8 *buf, unsigned int size)
{
	for (u32 n = rng_below(r, 4); n && size; n--) {
		u32 at = rng_below(r, size);

		buf[at] = rng_below(r, 2) ? buf[at] ^ (u8)(1u << rng_below(r, 8)) : (u8)rng_next(r);
	}
}

static void random_bytes(struct rng *r, u8 *buf, unsigned int size)
{
	for (unsigned int i = 0; i + 8 <= size; i += 8) {
		u64 val = rng_next(r) >> rng_below(r, 64);

		memcpy(buf + i, &val, 8);
	}
}

static unsigned long argument(struct rng *r, const struct call *c, int fd, u8 *buf)
{
	unsigned int size = _IOC_SIZE(c->nr);

	if (!size)	/* a number */
		return rng_below(r, 4) ? rng_below(r, 4) : rng_next(r) >> rng_below(r, 64);
	switch (rng_below(r, 16)) {
	case 0:
		return (unsigned long)bad_pointer(r);
	case 1:
		if (c->nr != VMX_SET_SIGNAL_MASK)
			random_bytes(r, buf, BUFFER / 4);
		/* What the kernel writes there must not be this program. */
		if (c->nr == VMX_GET_DIRTY_LOG)
			((struct vmx_dirty_log *)(void *)buf)->dirty_bitmap = bad_pointer(r);
		break;
	default:
		if (c->fill)
			c->fill(r, buf);
		if (c->get && ioctl(fd, c->get, buf) == 0)
			mutate(r, buf, size < BUFFER ? size : BUFFER);
	}
	return (unsigned long)buf;
}

static void random_ioctl(struct rng *r)
{
	u8 buf[BUFFER] __attribute__((aligned(16)));
	unsigned int i = rng_below(r, storm_nr_calls);
	const struct call *c = &storm_calls[i];
	int fd = target_fd(r, c->target);
	unsigned long nr = c->nr, arg = argument(r, c, fd, buf);
	int ret;

	if (!rng_below(r, 100))
		nr ^= 1ul << rng_below(r, 32);
	storm_note(c->name, fd, arg);
	ret = ioctl(fd, nr, arg);
	storm_noted(ret);
	shared->calls[i]++;
	if (ret < 0)
		return;
	shared->good[i]++;
	keep_result(r, nr, ret);
}

static void random_run(struct rng *r)
{
	unsigned int i = rng_below(r, VCPUS);
	struct vmx_run *run = runs[i];
	int ret;

	for (u32 n = rng_below(r, 30); n; n--) {
		if (run)
			run->immediate_exit = !rng_below(r, 8);
		shared->runs++;
		storm_note("RUN", vcpus[i], i);
		ret = ioctl(vcpus[i], VMX_RUN, 0);
		storm_noted(ret);
		if (ret)
			return;
		shared->exits++;
		/* The answer to a storm_device access, or anything. */
		if (run && !rng_below(r, 4))
			random_bytes(r, (u8 *)run + 32, 64 + rng_below(r, 256));
	}
}

/* Flat 32-bit code, or 64-bit code under the tables of page 1; from any byte. */
static void random_mode(struct rng *r)
{
	int fd = vcpus[rng_below(r, VCPUS)];
	struct vmx_sregs s;
	struct vmx_regs regs;

	if (ioctl(fd, VMX_GET_SREGS, &s) || ioctl(fd, VMX_GET_REGS, &regs))
		return;
	s.cs.base = s.ds.base = s.es.base = s.ss.base = 0;
	s.cs.limit = s.ds.limit = s.es.limit = s.ss.limit = 0xffffffff;
	s.cs.g = s.ds.g = s.es.g = s.ss.g = 1;
	s.cs.db = s.ds.db = s.es.db = s.ss.db = 1;
	s.cr0 |= 1;
	if (rng_below(r, 2)) {
		s.cr0 |= 1u << 31;
		s.cr3 = 0x1000;
		s.cr4 |= 1 << 5;
		s.efer |= 0x500;
		s.cs.l = 1;
		s.cs.db = 0;
	}
	random_bytes(r, (u8 *)&regs, 16 * 8);
	regs.rip = rng_below(r, 1 << 20);
	regs.rsp = rng_below(r, 1 << 20);
	regs.rflags = 2 | rng_below(r, 1 << 18);
	if (!ioctl(fd, VMX_SET_SREGS, &s))
		ioctl(fd, VMX_SET_REGS, &regs);
}

/* ---- memory ---- */

static bool host_is_tcg(void)
{
	u32 eax, ebx, ecx, edx;

	__cpuid(0x40000000, eax, ebx, ecx, edx);
	return ebx == 0x54474354 && ecx == 0x43544743 && edx == 0x47435447;	/* "TCGTCGTCGTCG" */
}

static void write_code(struct rng *r, u8 *page)
{
	static const char *const code[] = {
		"\x0f\xa2", "\xf4", "\xec", "\xee", "\xed", "\xef", "\x0f\x32", "\x0f\x30", "\x0f\x31",
		"\x0f\x22\xc0", "\x0f\x20\xc0", "\x0f\x22\xe0", "\x0f\x22\xd8", "\x0f\x01\xd9",
		"\x0f\x01\xc1", "\x0f\x01\x3f", "\xfb", "\xfa", "\xcc", "\xcd\x20", "\xcf", "\x9d", "\x9c",
		"\xf3\xa4", "\xf3\x6e", "\xf3\x6c", "\x89\x07", "\x01\x15", "\xf0\x0f\xb1\x0f", "\x0f\x09",
		"\xf3\x90", "\x0f\x01\xc8", "\x0f\x01\xc9", "\x0f\x01\xd1", "\x0f\x01\x17",
		"\x66\xb9\x80\x08\x01\xc0", "\x66\xb9\x1b\x01\x01\x01", "\x8e\xd8", "\x0f\xff",
		"\xea\x40\x01\x40\x01", "\xbf\xe0\xfe", "\x67\x66\x89\x05\xb0\xff\xe0\xfe", "\x66\xba\xf8\x03",
		/*
		 * Last: MOV to DR7. QEMU ends by a fault or an assertion of its own when guests arm
		 * breakpoints (see the README).
		 */
		"\x0f\x23\xf8",
	};
	u32 nr = sizeof(code) / sizeof(code[0]) - host_is_tcg();

	for (unsigned int at = 0; at + 16 <= PAGE; at += 8) {
		const char *c = code[rng_below(r, nr)];

		memset(page + at, 0x90, 8);
		memcpy(page + at, c, strlen(c));
		if (!rng_below(r, 12))
			memcpy(page + at, "\xeb\xe0", 2);
	}
	/* The reset vector, when this page is the last below 4 GiB: jmp 0xf000:0 */
	if (rng_below(r, 2))
		memcpy(page + 0xff0, "\xea\x01\x01\x01\xf1", 5);
}

/* Page 1 and 2 of what slots usually begin with: identity, 4 GiB, writable, for user and supervisor. */
static void write_tables(void)
{
	u64 *root = (u64 *)(storm_view + PAGE), *gigabytes = (u64 *)(storm_view + 2 * PAGE);

	root[0] = 0x2007;
	for (u64 i = 0; i < 4; i++)
		gigabytes[i] = i << 30 | 0x87;
}

static void random_memory(struct rng *r)
{
	size_t at = rng_below(r, ARENA / PAGE) * PAGE, len = (1 + rng_below(r, 64)) * PAGE;
	u32 what = rng_below(r, 8);

	if (at + len > ARENA)
		len = ARENA - at;
	storm_note("memory", (int)what, at);
	switch (what) {
	case 0:
		munmap(storm_arena + at, len);
		/* Nothing of ours may come to lie where slots point to. */
		mmap(storm_arena + at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 1:
		madvise(storm_arena + at, len, MADV_DONTNEED);
		break;
	case 2:
		mprotect(storm_arena + at, len, rng_below(r, 2) ? PROT_READ : PROT_NONE);
		break;
	case 3:
		fallocate(arena_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
		break;
	case 4:	/* anonymous, where transparent huge pages may come */
		mmap(storm_arena + at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0);
		break;
	default:
		mmap(storm_arena + at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_fd,
		     (off_t)at);
		write_code(r, storm_view + at);
		write_tables();
	}
	storm_noted(0);
}

/* ---- fds in other hands ---- */

static void send_fd(struct rng *r)
{
	int fd = target_fd(r, VM + rng_below(r, 2));
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(pair[0], &m, MSG_DONTWAIT);
}

static void receive_fd(struct rng *r)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	int fd;

	if (recvmsg(pair[1], &m, MSG_DONTWAIT) < 0 || !CMSG_FIRSTHDR(&m))
		return;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	put_fd(&others[rng_below(r, OTHERS)], fd);
	ioctl(fd, VMX_CHECK_EXTENSION, 0);
}

/* A child has the fds and another address space: what its parent made gives it EIO. */
static void heir(struct rng *r)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	pid_t pid;

	storm_note("fork", -1, 0);
	pid = fork();
	if (pid > 0) {
		/* A VM of its own may run for ever, and block its alarm meanwhile. */
		for (unsigned int n = 0; waitpid(pid, NULL, WNOHANG) == 0; n++) {
			if (n == 500)
				kill(pid, SIGKILL);
			nanosleep(&pause, NULL);
		}
		storm_noted(pid);
		return;
	}
	if (pid < 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (u32 n = rng_below(r, 60); n; n--)
		rng_below(r, 4) ? random_ioctl(r) : rng_below(r, 2) ? receive_fd(r) : random_run(r);
	_exit(0);
}

static void random_close(struct rng *r)
{
	storm_note("close", -1, 0);
	switch (rng_below(r, 4)) {
	case 0:
		put_fd(&vms[rng_below(r, VMS)], -1);
		break;
	case 1:
		put_fd(&others[rng_below(r, OTHERS)], -1);
		break;
	case 2:
		put_fd(&storm_events[rng_below(r, EVENTS)], eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
		break;
	default:
		put_fd(&vcpus[rng_below(r, VCPUS)], -1);
	}
	storm_noted(0);
}

static void random_small(struct rng *r)
{
	char buf[512];
	u64 one = 1;
	ssize_t done;

	switch (rng_below(r, 4)) {
	case 0:
		done = write(storm_events[rng_below(r, EVENTS)], &one, sizeof(one));
		break;
	case 1:
		done = read(storm_events[rng_below(r, EVENTS)], &one, sizeof(one));
		break;
	case 2:
		done = pread(others[rng_below(r, OTHERS)], buf, sizeof(buf), rng_below(r, 4096));
		break;
	default:
		done = 0;
		put_fd(&others[rng_below(r, OTHERS)], dup(target_fd(r, VCPU)));
	}
	(void)done;
}

/* ---- all of it ---- */

/* The storm_arena, with nothing behind it that a slot or a copy that is too long could reach. */
static u8 *map_alone(size_t room)
{
	u8 *p = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || mmap(p, ARENA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_fd,
				    0) != p)
		_exit(2);
	return p;
}

/* A VM that gets far: chips, code at the reset vector and at 0, two vCPUs. */
static void furnish(struct rng *r, int vm)
{
	struct vmx_userspace_memory_region low = { .memory_size = 2 << 20 };
	struct vmx_userspace_memory_region high = { .slot = 1, .guest_phys_addr = 0xffff0000,
						    .memory_size = 0x10000 };
	struct vmx_pit_config pit = { 0 };

	low.userspace_addr = (u64)(uintptr_t)storm_arena;
	high.userspace_addr = low.userspace_addr + PAGE * 64;
	ioctl(vm, VMX_CREATE_IRQCHIP, 0);
	ioctl(vm, VMX_CREATE_PIT2, &pit);
	ioctl(vm, VMX_SET_USER_MEMORY_REGION, &low);
	ioctl(vm, VMX_SET_USER_MEMORY_REGION, &high);
	for (unsigned long id = 0; id < 2; id++) {
		struct vmx_mp_state runnable = { 0 };
		int fd = ioctl(vm, VMX_CREATE_VCPU, id);

		if (fd < 0)
			continue;
		ioctl(fd, VMX_SET_MP_STATE, &runnable);
		keep_vcpu(r, fd);
	}
}

void storm_begin(struct rng *rng)
{
	const char *path = getenv("VMX_DEVICE");

	storm_device = open(path ? path : "/dev/vmx", O_RDWR | O_CLOEXEC);
	arena_fd = memfd_create("arena", MFD_CLOEXEC);
	if (storm_device < 0 || arena_fd < 0 || ftruncate(arena_fd, ARENA) ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		_exit(2);
	storm_view = map_alone(ARENA + PAGE);
	storm_arena = map_alone(LARGEST_SLOT + 2 * ARENA);
	run_room = mmap(NULL, RUN_ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (run_room == MAP_FAILED)
		_exit(2);
	for (unsigned int i = 0; i < 512; i++)
		write_code(rng, storm_view + i * PAGE);
	write_tables();
	for (unsigned int i = 0; i < OTHERS; i++)
		others[i] = -1;
	for (unsigned int i = 0; i < VCPUS; i++)
		vcpus[i] = -1;
	for (unsigned int i = 0; i < EVENTS; i++)
		storm_events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned int i = 0; i < VMS; i++) {
		vms[i] = ioctl(storm_device, VMX_CREATE_VM, 0);
		if (i % 2)
			furnish(rng, vms[i]);
	}
}

void storm_step(struct rng *rng)
{
	u32 what = rng_below(rng, 1000);

	if (what < 700)
		random_ioctl(rng);
	else if (what < 800)
		random_run(rng);
	else if (what < 850)
		random_mode(rng);
	else if (what < 900)
		random_memory(rng);
	else if (what < 960)
		random_small(rng);
	else if (what < 970)
		random_close(rng);
	else if (what < 983)
		send_fd(rng);
	else if (what < 996)
		receive_fd(rng);
	else
		heir(rng);
}
