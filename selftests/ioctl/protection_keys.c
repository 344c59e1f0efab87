// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection keys of user pages (SDM 3A 4.6.2): the guest changes PKRU without an exit, and what it was last set to counts
 * at once, also where a page is touched for the first time.
 */
#include "vmxtest.h"

#define VA 0x7f1234400000ul
#define KEY 3ul
#define KEYED (PTE_P | PTE_W | PTE_U | KEY << 59)
#define PAGES 16
#define NO_ACCESS (1u << 2 * KEY)
#define NO_WRITE (2u << 2 * KEY)
#define PF 14
#define FINE (~0ull)

static void wrpkru(u32 v)
{
	asm volatile("wrpkru" : : "a"(v), "c"(0), "d"(0) : "memory");
}

/* The next page is one that was not touched before. */
static u64 read_one(u64 *va)
{
	u64 vec, value;

	GUEST_TRY(vec, "mov (%[va]), %[v]", ([v] "=&r"(value)), ([va] "r"(*va)));
	*va += 4096;
	return vec;
}

static u64 write_one(u64 *va)
{
	u64 vec;

	GUEST_TRY(vec, "movq $1, (%[va])", (), ([va] "r"(*va)));
	*va += 4096;
	return vec;
}

static void guest(u64 id)
{
	u64 va = VA;

	write_cr4(read_cr4() | CR4_OSXSAVE | CR4_PKE);
	/* Closed since the last exit. */
	wrpkru(0);
	guest_sync(1);
	wrpkru(NO_ACCESS);
	GUEST_ASSERT_EQ(read_one(&va), PF);
	GUEST_ASSERT_EQ(guest_error, PF_P | PF_PK);
	wrpkru(0);
	guest_sync(2);
	wrpkru(NO_WRITE);
	GUEST_ASSERT_EQ(read_one(&va), FINE);
	GUEST_ASSERT_EQ(write_one(&va), PF);
	GUEST_ASSERT_EQ(guest_error, PF_P | PF_W | PF_PK);
	/* Opened since. */
	wrpkru(NO_ACCESS);
	guest_sync(3);
	wrpkru(0);
	GUEST_ASSERT_EQ(read_one(&va), FINE);
	GUEST_ASSERT_EQ(write_one(&va), FINE);
	/* Without CR0.WP a key that forbids writing says nothing to a supervisor. */
	wrpkru(NO_WRITE);
	write_cr0(read_cr0() & ~CR0_WP);
	GUEST_ASSERT_EQ(write_one(&va), FINE);
	write_cr0(read_cr0() | CR0_WP);
	GUEST_ASSERT_EQ(write_one(&va), PF);
	va -= 2 * 4096;
	GUEST_ASSERT_EQ(read_one(&va), FINE);
	wrpkru(NO_ACCESS);
	va -= 4096;
	GUEST_ASSERT_EQ(read_one(&va), PF);
	guest_done();
}

TEST(pkru_without_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest);
	struct vmx_xcrs x = { .nr_xcrs = 1 };

	if (!cpuid_has(7, 0, 2, 3))
		SKIP(return, "no protection keys");
	for (u64 p = 0; p < PAGES; p++)
		pt_map(vm, LOW_PGTABLE, VA + p * 4096, LOW_SCRATCH + p * 4096, 1, KEYED);
	x.xcrs[0].value = 3u | 1u << 9;
	must_ioctl(v->fd, VMX_SET_XCRS, &x);
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 2);
	vcpu_expect_sync(v, 3);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
