// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses of every size at every offset over a page boundary where one or both pages
 * are MMIO. The VMM sees one exit for each page's part, cut to 8 bytes; data arrive whole.
 */
#include "vmxtest.h"

#define BOUNDARY (TEST_MEM + PAGE_SIZE)		/* RAM below, MMIO above */
#define M_BOUNDARY (TEST_MMIO + PAGE_SIZE)	/* MMIO on both sides */

static volatile u64 at, size, is_write;
static volatile u64 value;

static void guest_access(u64 id)
{
	for (;;) {
		guest_sync(0);
		switch (size | is_write << 8) {
		case 2: value = *(volatile u16 *)at; break;
		case 4: value = *(volatile u32 *)at; break;
		case 8: value = *(volatile u64 *)at; break;
		case 0x102: *(volatile u16 *)at = (u16)value; break;
		case 0x104: *(volatile u32 *)at = (u32)value; break;
		case 0x108: *(volatile u64 *)at = value; break;
		}
	}
}

static const u64 pattern = 0x1827364554637281ull;

/* Answers or records MMIO until the guest's next message. Returns the number of exits. */
static int serve(struct vcpu *v, u8 *mmio, u64 lowest)
{
	for (int n = 0; ; n++) {
		u64 gpa;
		u32 len;

		vcpu_run(v);
		if (v->run->exit_reason == VMX_EXIT_IO) {
			vcpu_check_guest_at(__FILE__, __LINE__, v);
			return n;
		}
		CHECK_EQ(v->run->exit_reason, VMX_EXIT_MMIO);
		gpa = v->run->mmio.phys_addr;
		len = v->run->mmio.len;
		CHECK(len >= 1 && len <= 8);
		CHECK(gpa >= lowest && gpa + len <= lowest + 16);
		CHECK_EQ(gpa >> 12, (gpa + len - 1) >> 12);	/* never over the boundary */
		if (v->run->mmio.is_write)
			memcpy(mmio + (gpa - lowest), v->run->mmio.data, len);
		else
			memcpy(v->run->mmio.data, mmio + (gpa - lowest), len);
	}
}

static void all_offsets(struct vcpu *v, u64 boundary, u8 *ram)
{
	static const u64 sizes[] = { 2, 4, 8 };

	for (int s = 0; s < 3; s++) {
		for (u64 below = 1; below < sizes[s]; below++) {
			u64 mask = sizes[s] == 8 ? ~0ull : (1ull << 8 * sizes[s]) - 1;
			u8 mmio[16] = { 0 };	/* boundary - 8 .. boundary + 8 */

			at = boundary - below;
			size = sizes[s];
			is_write = 1;
			value = pattern;
			if (ram)
				memset(ram - 8, 0, 8);
			CHECK_EQ(serve(v, mmio, boundary - 8), ram ? 1 : 2);
			if (ram)
				memcpy(mmio, ram - 8, 8);
			CHECK(!memcmp(mmio + 8 - below, &pattern, size));
			CHECK_EQ(mmio[8 - below - 1], 0);

			is_write = 0;
			value = 0;
			CHECK_EQ(serve(v, mmio, boundary - 8), ram ? 1 : 2);
			CHECK_EQ(value, pattern & mask);
		}
	}
}

TEST(both_pages_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_access);

	vcpu_expect_sync(v, 0);
	all_offsets(v, M_BOUNDARY, NULL);
}

TEST(first_page_ram)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_access);
	u8 *ram = slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE);

	vcpu_expect_sync(v, 0);
	all_offsets(v, BOUNDARY, ram + PAGE_SIZE);
}

/* The second page has no translation: #PF before anything is written or read anywhere. */
static volatile u64 faults, fault_cr2;

static void on_pf(struct guest_frame *f)
{
	faults++;
	fault_cr2 = read_cr2();
	guest_done();
}

static void guest_fault(u64 id)
{
	guest_handlers[VEC_PF] = on_pf;
	*(volatile u64 *)(M_BOUNDARY - 3) = pattern;
}

TEST(second_page_not_present)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_fault);

	pt_map(vm, LOW_PGTABLE, M_BOUNDARY, 0, 1, 0);
	vcpu_expect_done(v);
	ASSERT_EQ(1, faults);
	ASSERT_EQ(M_BOUNDARY, fault_cr2);
}

/* Aligned but larger than 8 bytes is cut by size, not by page. */
static u8 vector[16] __attribute__((aligned(16)));

static void guest_16(u64 id)
{
	asm volatile("movdqu (%0), %%xmm1; movdqu %%xmm1, (%1)" : : "r"(M_BOUNDARY - 5),
		     "r"(vector) : "memory");
	guest_done();
}

TEST(sixteen_bytes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_16);
	u8 mmio[32];
	int n = 0;

	for (int i = 0; i < 32; i++)
		mmio[i] = (u8)(i * 3 + 1);
	for (;; n++) {
		u64 gpa;

		vcpu_run(v);
		if (v->run->exit_reason != VMX_EXIT_MMIO)
			break;
		gpa = v->run->mmio.phys_addr;
		ASSERT_EQ(gpa >> 12, (gpa + v->run->mmio.len - 1) >> 12);
		memcpy(v->run->mmio.data, mmio + (gpa - (M_BOUNDARY - 16)), v->run->mmio.len);
	}
	vcpu_check_guest_at(__FILE__, __LINE__, v);
	ASSERT_EQ(3, n);	/* 5, then 8 and 3 */
	ASSERT_EQ(0, memcmp(vector, mmio + 11, 16));
}

TEST_HARNESS_MAIN
