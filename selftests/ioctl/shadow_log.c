// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log of a VM on shadow tables: its write faults are served without a lock, while the log is read, the tables
 * are changed by another vCPU, and the books are audited.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "uapi/vmx_ext.h"
#include "vmxtest.h"

#define PAGES 1024ul
#define WINDOW 0x7f1234400000ul
#define ALL (PTE_P | PTE_W | PTE_A | PTE_D)
#define VCPUS 3
#define ROUNDS 60

static volatile bool finish;
static volatile u64 window_entry;
static u64 bitmap[PAGES / 64];

static u64 next(u64 x)
{
	return x * 6364136223846793005ull + 1442695040888963407ull;
}

static void guest_scribbler(u64 id)
{
	u64 x = id + 1;

	while (!finish) {
		x = next(x);
		*(volatile u64 *)(TEST_MEM + (x >> 33) % PAGES * 4096 + id * 8) = x;
	}
	guest_done();
}

/* Through an entry that leads elsewhere each time: leaves come and go under the others' feet. */
static void guest_mapper(u64 id)
{
	u64 x = id + 1;

	while (!finish) {
		x = next(x);
		*(volatile u64 *)window_entry = (TEST_MEM + (x >> 33) % PAGES * 4096) | ALL;
		invlpg(WINDOW);
		for (u64 i = 0; i < 20; i++)
			*(volatile u64 *)(WINDOW + 4096 - 8) = x + i;
	}
	guest_done();
}

TEST(read_while_written)
{
	if (!device_is_vmx())
		SKIP(return, "%s is not vmx", device_path());

	struct vmx_dirty_log log = { .slot = SLOT_TEST, .dirty_bitmap = bitmap };
	char *mem = mem_alloc(PAGES * PAGE_SIZE), *copy = mem_alloc(PAGES * PAGE_SIZE);
	struct vm *vm = vm_create_shadow();
	struct vcpu *v[VCPUS];

	madvise(mem, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	slot_set(vm, SLOT_TEST, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	for (int i = 0; i < VCPUS; i++)
		v[i] = vcpu_create(vm, i, i == 2 ? guest_mapper : guest_scribbler);
	window_entry = (char *)pt_map(vm, LOW_PGTABLE, WINDOW, TEST_MEM, 1, ALL) - vm->low;
	for (int i = 0; i < VCPUS; i++)
		vcpu_start(v[i]);
	usleep(20000);
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, PAGES * PAGE_SIZE, mem);
	memcpy(copy, mem, PAGES * PAGE_SIZE);
	for (int round = 0; round <= ROUNDS; round++) {
		if (round == ROUNDS) {
			finish = true;
			for (int i = 0; i < VCPUS; i++)
				vcpu_join(v[i]);
		}
		must_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log);
		for (u64 p = 0; p < PAGES; p++)
			if (bitmap[p / 64] >> (p % 64) & 1)
				memcpy(copy + p * PAGE_SIZE, mem + p * PAGE_SIZE, PAGE_SIZE);
		vm_audit(vm);
		usleep(round % 8 * 500);
	}
	ASSERT_EQ(0, memcmp(copy, mem, PAGES * PAGE_SIZE));
	ASSERT_LT(0, vcpu_counter("pf_logged"));
	vm_close(vm);
}

TEST_HARNESS_MAIN
