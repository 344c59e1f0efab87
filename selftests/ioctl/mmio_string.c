// SPDX-License-Identifier: GPL-2.0-only
/* String instructions between RAM and MMIO. */
#include "vmxtest.h"

#define M TEST_MMIO

static u8 buffer[2 * 4096] __attribute__((aligned(4096)));
static volatile u64 si, di, cx;

#define STRING(insn, s, d, c) do { \
	u64 s_ = (u64)(s), d_ = (u64)(d), c_ = (c); \
	asm volatile(insn : "+S"(s_), "+D"(d_), "+c"(c_) : "a"(0x1122334455667788ull) \
		     : "memory", "cc"); \
	si = s_; di = d_; cx = c_; } while (0)

/* Serves elements of `size`, in order, from `gpa` on, until the guest's next message. */
static u32 serve(struct vcpu *v, u8 *data, bool write, u64 gpa, u32 size, int step)
{
	u32 n = 0;

	for (;; n++, gpa += (u64)step) {
		vcpu_run(v);
		if (v->run->exit_reason != VMX_EXIT_MMIO)
			break;
		CHECK_EQ(v->run->mmio.is_write, write);
		CHECK_EQ(v->run->mmio.phys_addr, gpa);
		CHECK_EQ(v->run->mmio.len, size);
		if (write)
			memcpy(data + n * size, v->run->mmio.data, size);
		else
			memcpy(v->run->mmio.data, data + n * size, size);
	}
	CHECK_EQ(v->run->exit_reason, VMX_EXIT_IO);
	vcpu_check_guest_at(__FILE__, __LINE__, v);
	return n;
}

static void guest_to_mmio(u64 id)
{
	STRING("rep movsb", buffer + 4090, M, 20);
	guest_sync(1);
	STRING("rep movsl", buffer + 4096 - 12, M + 8, 7);
	guest_sync(2);
	STRING("std; rep movsw; cld", buffer + 100, M + 100, 5);
	guest_sync(3);
	STRING("rep stosl", 0, M, 6);
	guest_sync(4);
	STRING("rep stosq", 0, M, 3);
	guest_done();
}

TEST(to_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_to_mmio);
	u8 data[64];

	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i * 13 + (i >> 8));
	ASSERT_EQ(20, serve(v, data, true, M, 1, 1));
	ASSERT_EQ(0, memcmp(data, buffer + 4090, 20));
	ASSERT_EQ((u64)buffer + 4110, si);
	ASSERT_EQ(M + 20, di);
	ASSERT_EQ(0, cx);
	ASSERT_EQ(7, serve(v, data, true, M + 8, 4, 4));
	ASSERT_EQ(0, memcmp(data, buffer + 4096 - 12, 28));
	ASSERT_EQ(5, serve(v, data, true, M + 100, 2, -2));
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, memcmp(data + 2 * i, buffer + 100 - 2 * i, 2));
	ASSERT_EQ((u64)buffer + 90, si);
	ASSERT_EQ(6, serve(v, data, true, M, 4, 4));
	ASSERT_EQ(0x55667788, *(u32 *)(data + 20));
	ASSERT_EQ(3, serve(v, data, true, M, 8, 8));
	ASSERT_EQ(0x1122334455667788ull, *(u64 *)(data + 16));
	ASSERT_EQ(M + 24, di);
}

static void guest_from_mmio(u64 id)
{
	STRING("rep movsb", M, buffer + 4090, 20);
	guest_sync(1);
	STRING("rep movsq", M, buffer + 16, 4);
	guest_sync(2);
	STRING("movsw", M, buffer + 2, 0x1234);
	GUEST_ASSERT_EQ(cx, 0x1234);
	guest_sync(3);
	STRING("lodsl; mov %%eax, %%ecx", M, 0, 0);
	GUEST_ASSERT_EQ(cx, 0x44332211);
	guest_done();
}

TEST(from_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_from_mmio);
	u8 data[64];

	for (int i = 0; i < 64; i++)
		data[i] = (u8)(0x11 * (i + 1));
	memset(buffer, 0, sizeof(buffer));
	ASSERT_EQ(20, serve(v, data, false, M, 1, 1));
	ASSERT_EQ(0, memcmp(data, buffer + 4090, 20));
	ASSERT_EQ(0, buffer[4110]);
	ASSERT_EQ(4, serve(v, data, false, M, 8, 8));
	ASSERT_EQ(0, memcmp(data, buffer + 16, 32));
	ASSERT_EQ(1, serve(v, data, false, M, 2, 2));
	ASSERT_EQ(0x2211, *(u16 *)(buffer + 2));
	ASSERT_EQ(1, serve(v, data, false, M, 4, 4));
}

/* REPE CMPSB and REPNE SCASB stop where they should. */
static void guest_compare(u64 id)
{
	u64 flags;

	STRING("repe cmpsb", M, buffer, 10);
	asm volatile("pushfq; popq %0" : "=r"(flags));
	GUEST_ASSERT_EQ(cx, 6);
	guest_sync(1);
	STRING("mov $3, %%al; repne scasb", 0, M, 10);
	GUEST_ASSERT_EQ(cx, 7);
	GUEST_ASSERT_EQ(di, M + 3);
	guest_done();
}

TEST(compare_and_scan)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_compare);
	u8 data[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	memcpy(buffer, "\1\2\3\x44", 4);
	ASSERT_EQ(4, serve(v, data, false, M, 1, 1));
	ASSERT_EQ(3, serve(v, data, false, M, 1, 1));
}

/* Both sides MMIO: a read and a write exit for each element. */
static void guest_both(u64 id)
{
	STRING("rep movsl", M, M + 0x2000, 3);
	guest_done();
}

TEST(mmio_to_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_both);

	for (u32 i = 0; i < 3; i++) {
		vcpu_answer_mmio(v, M + 4 * i, 4, 0x100 + i);
		vcpu_expect_mmio_write(v, M + 0x2000 + 4 * i, 4, 0x100 + i);
	}
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
