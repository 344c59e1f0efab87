// SPDX-License-Identifier: GPL-2.0-only
/* Coalesced zones: writes go into the ring, reads exit, a full ring exits. */
#include "vmxtest.h"

#define M TEST_MMIO

static void guest_writes(u64 id)
{
	for (u32 i = 0; i < 5; i++)
		*(volatile u32 *)(M + 4 * i) = 0x100 + i;
	*(volatile u8 *)(M + 0x1000) = 9;	/* outside: exits */
	guest_sync(1);
	for (u32 i = 0; ; i++)
		*(volatile u32 *)M = i;		/* until the ring is full */
}

TEST(mmio_ring)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_writes);
	long page = check_cap(vm->dev, VMX_CAP_COALESCED_MMIO);
	struct vmx_coalesced_mmio_zone zone = { .addr = M, .size = 0x1000 };
	struct vmx_coalesced_mmio_ring *ring;
	u32 queued, max = (u32)((PAGE_SIZE - sizeof(*ring)) / sizeof(struct vmx_coalesced_mmio));

	REQUIRE_CAP(VMX_CAP_COALESCED_MMIO);
	ring = (void *)((char *)v->run + (u64)page * PAGE_SIZE);
	must_ioctl(vm->fd, VMX_REGISTER_COALESCED_MMIO, &zone);
	vcpu_expect_mmio_write(v, M + 0x1000, 1, 9);
	ASSERT_EQ(0, ring->first);
	ASSERT_EQ(5, ring->last);
	for (u32 i = 0; i < 5; i++) {
		u32 data;

		ASSERT_EQ(M + 4 * i, ring->coalesced_mmio[i].phys_addr);
		ASSERT_EQ(4, ring->coalesced_mmio[i].len);
		memcpy(&data, ring->coalesced_mmio[i].data, 4);
		ASSERT_EQ(0x100 + i, data);
	}
	ring->first = ring->last;
	vcpu_expect_sync(v, 1);
	vcpu_expect_exit(v, VMX_EXIT_MMIO);	/* full: at least one entry stays free */
	queued = (ring->last + max - 5) % max;
	/* in-tree's arithmetic calls it full early after a wrap of the index */
	ASSERT_LE(device_is_vmx() ? max - 1 : 1, queued);
	ASSERT_EQ(queued, *(u32 *)v->run->mmio.data);
	/* a nonsense index from user space must not reach outside the page */
	ring->last = 0x7fffffff;
	ring->first = 3;
	try_run(v);
	ASSERT_EQ(VMX_EXIT_MMIO, v->run->exit_reason);
	ring->first = ring->last = 0;
	must_ioctl(vm->fd, VMX_UNREGISTER_COALESCED_MMIO, &zone);
	vcpu_expect_exit(v, VMX_EXIT_MMIO);
	ASSERT_EQ(0, ring->last);
}

static void guest_port(u64 id)
{
	outb(0x70, 0x55);
	outb(0x71, 0x66);
	guest_done();
}

TEST(pio_ring)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_port);
	long page = check_cap(vm->dev, VMX_CAP_COALESCED_MMIO);
	struct vmx_coalesced_mmio_zone zone = { .addr = 0x70, .size = 1, .pio = 1 };
	struct vmx_coalesced_mmio_ring *ring;

	REQUIRE_CAP(VMX_CAP_COALESCED_PIO);
	ring = (void *)((char *)v->run + (u64)page * PAGE_SIZE);
	must_ioctl(vm->fd, VMX_REGISTER_COALESCED_MMIO, &zone);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	ASSERT_EQ(0x71, v->run->io.port);
	ASSERT_EQ(1, ring->last);
	ASSERT_EQ(0x70, ring->coalesced_mmio[0].phys_addr);
	ASSERT_EQ(0x55, ring->coalesced_mmio[0].data[0]);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
