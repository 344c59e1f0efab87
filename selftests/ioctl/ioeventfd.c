// SPDX-License-Identifier: GPL-2.0-only
/* ioeventfds: port and memory, length, datamatch, wildcard length, removal. */
#include <sys/eventfd.h>
#include "vmxtest.h"

#define M TEST_MMIO

static long assign(struct vm *vm, int fd, u64 addr, u32 len, u32 flags, u64 match)
{
	struct vmx_ioeventfd e = { .datamatch = match, .addr = addr, .len = len, .fd = fd,
				   .flags = flags };

	return try_ioctl(vm->fd, VMX_IOEVENTFD, &e);
}

/* What was signalled since the last call. */
static u64 taken(int fd)
{
	u64 n = 0;

	return read(fd, &n, 8) == 8 ? n : 0;
}

static int event(void)
{
	return eventfd(0, EFD_NONBLOCK);
}

static void guest_pio(u64 id)
{
	outb(0x500, 1);
	outb(0x500, 2);
	guest_sync(1);
	outw(0x500, 3);		/* other width: exits */
	outb(0x501, 4);		/* other port: exits */
	inb(0x500);		/* a read: exits */
	outb(0x510, 7);		/* matches */
	outb(0x510, 8);		/* does not: exits */
	guest_done();
}

TEST(pio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_pio);
	int any = event(), seven = event();

	ASSERT_EQ(0, assign(vm, any, 0x500, 1, VMX_IOEVENTFD_FLAG_PIO, 0));
	ASSERT_EQ(0, assign(vm, seven, 0x510, 1,
			    VMX_IOEVENTFD_FLAG_PIO | VMX_IOEVENTFD_FLAG_DATAMATCH, 7));
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(2, taken(any));
	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(2, v->run->io.size);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(0x501, v->run->io.port);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(VMX_EXIT_IO_IN, v->run->io.direction);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(0x510, v->run->io.port);
	ASSERT_EQ(8, *((u8 *)v->run + v->run->io.data_offset));
	vcpu_expect_done(v);
	ASSERT_EQ(1, taken(seven));
	ASSERT_EQ(0, taken(any));
}

static void guest_mmio(u64 id)
{
	*(volatile u32 *)M = 0x1234;
	*(volatile u16 *)(M + 8) = 0x55;
	*(volatile u64 *)(M + 16) = 0xa1;
	*(volatile u64 *)(M + 16) = 0xa2;
	*(volatile u8 *)(M + 24) = 1;
	*(volatile u32 *)(M + 24) = 2;
	guest_sync(1);
	*(volatile u32 *)(M + 4) = 3;	/* exits */
	guest_sync(2);
	*(volatile u32 *)M = 4;		/* removed: exits */
	guest_done();
}

TEST(mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_mmio);
	int fd[5];

	for (int i = 0; i < 5; i++)
		fd[i] = event();
	ASSERT_EQ(0, assign(vm, fd[0], M, 4, 0, 0));
	ASSERT_EQ(0, assign(vm, fd[1], M + 8, 2, VMX_IOEVENTFD_FLAG_DATAMATCH, 0x55));
	ASSERT_EQ(0, assign(vm, fd[2], M + 16, 8, VMX_IOEVENTFD_FLAG_DATAMATCH, 0xa1));
	ASSERT_EQ(0, assign(vm, fd[3], M + 16, 8, VMX_IOEVENTFD_FLAG_DATAMATCH, 0xa2));
	ASSERT_EQ(0, assign(vm, fd[4], M + 24, 0, 0, 0));	/* any length */
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, taken(fd[0]));
	ASSERT_EQ(1, taken(fd[1]));
	ASSERT_EQ(1, taken(fd[2]));
	ASSERT_EQ(1, taken(fd[3]));
	ASSERT_EQ(2, taken(fd[4]));
	vcpu_expect_mmio_write(v, M + 4, 4, 3);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0, assign(vm, fd[0], M, 4, VMX_IOEVENTFD_FLAG_DEASSIGN, 0));
	vcpu_expect_mmio_write(v, M, 4, 4);
	vcpu_expect_done(v);
	ASSERT_EQ(0, taken(fd[0]));
}

/* They are the guest's devices, which runs on though the VM's fd is closed. */
static void guest_orphan(u64 id)
{
	guest_sync(1);
	outb(0x500, 1);
	*(volatile u32 *)M = 2;
	guest_sync(2);
	guest_done();
}

TEST(after_the_vm_fd)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_orphan);
	int port = event(), page = event();

	ASSERT_EQ(0, assign(vm, port, 0x500, 1, VMX_IOEVENTFD_FLAG_PIO, 0));
	ASSERT_EQ(0, assign(vm, page, M, 4, 0, 0));
	vcpu_expect_sync(v, 1);
	close(vm->fd);
	vm->fd = -1;
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(1, taken(port));
	ASSERT_EQ(1, taken(page));
	/* and not the vCPU's: their fds do not keep it */
	close(port);
	close(page);
	vcpu_expect_done(v);
}

/*
 * Many devices: found by a hash of their address, so put several into one bucket (ports 64 apart, pages
 * 64 apart) and beside each other, and take them away in another order than they came.
 */
#define MANY 40u

static u32 port_of(u32 i)
{
	return i < 20 ? 0x1000 + 64 * i : 0x2000 + i;
}

static u64 page_of(u32 i)
{
	return i < 20 ? M + 64 * PAGE_SIZE * i : M + PAGE_SIZE * i;
}

static void guest_many(u64 id)
{
	for (u64 round = 1;; round++) {
		for (u32 i = 0; i < MANY; i++) {
			outb((u16)port_of(i), (u8)i);
			*(volatile u32 *)page_of(i) = i;
		}
		guest_sync(round);
	}
}

/* One round of the guest's: what is not in @there exits, in the guest's order. */
static void many_round(struct vcpu *v, u64 round, const bool there[MANY])
{
	for (u32 i = 0; i < MANY; i++) {
		if (there[i])
			continue;
		vcpu_expect_exit(v, VMX_EXIT_IO);
		CHECK(v->run->io.port == port_of(i));
		vcpu_expect_mmio_write(v, page_of(i), 4, i);
	}
	vcpu_expect_sync(v, round);
}

TEST(many)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_many);
	bool there[MANY] = {};
	int port[MANY], page[MANY];

	for (u32 i = 0; i < MANY; i++) {
		u32 k = i * 7 % MANY;

		port[k] = event();
		page[k] = event();
		ASSERT_EQ(0, assign(vm, port[k], port_of(k), 1, VMX_IOEVENTFD_FLAG_PIO, 0));
		ASSERT_EQ(0, assign(vm, page[k], page_of(k), 4, 0, 0));
		there[k] = true;
	}
	many_round(v, 1, there);
	for (u32 i = 0; i < MANY; i += 3) {
		ASSERT_EQ(0, assign(vm, port[i], port_of(i), 1,
				    VMX_IOEVENTFD_FLAG_PIO | VMX_IOEVENTFD_FLAG_DEASSIGN, 0));
		ASSERT_EQ(0, assign(vm, page[i], page_of(i), 4, VMX_IOEVENTFD_FLAG_DEASSIGN, 0));
		there[i] = false;
	}
	many_round(v, 2, there);
	for (u32 i = 0; i < MANY; i++) {
		ASSERT_EQ(there[i] ? 2 : 1, taken(port[i]));
		ASSERT_EQ(there[i] ? 2 : 1, taken(page[i]));
	}
}

TEST(bad)
{
	struct vm *vm = vm_create(0);
	int fd = event();

	ASSERT_EQ(-EINVAL, assign(vm, fd, M, 3, 0, 0));
	ASSERT_EQ(-EINVAL, assign(vm, fd, M, 16, 0, 0));
	ASSERT_EQ(-EINVAL, assign(vm, fd, ~0ull, 8, 0, 0));	/* wraps */
	ASSERT_EQ(-EINVAL, assign(vm, fd, M, 4, 0x80, 0));
	ASSERT_EQ(-EINVAL, assign(vm, fd, M, 0, VMX_IOEVENTFD_FLAG_DATAMATCH, 1));
	ASSERT_EQ(-EBADF, assign(vm, 999, M, 4, 0, 0));
	ASSERT_EQ(-EINVAL, assign(vm, 0, M, 4, 0, 0));		/* not an eventfd */
	ASSERT_EQ(-ENOENT, assign(vm, fd, M, 4, VMX_IOEVENTFD_FLAG_DEASSIGN, 0));
	ASSERT_EQ(0, assign(vm, fd, M, 4, 0, 0));
	ASSERT_EQ(-EEXIST, assign(vm, event(), M, 4, 0, 0));
	ASSERT_EQ(0, assign(vm, event(), M + 4, 4, 0, 0));
}

TEST_HARNESS_MAIN
