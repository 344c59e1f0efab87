// SPDX-License-Identifier: GPL-2.0-only
/* The SSE moves that drivers use on MMIO; the registers hold the data afterwards. */
#include "vmxtest.h"

#define M TEST_MMIO

static u8 in[16] __attribute__((aligned(16)));
static u8 out[16] __attribute__((aligned(16)));

static void guest_sse(u64 id)
{
	asm volatile("movups (%0), %%xmm0; movdqa %%xmm0, (%1)" : : "r"(M), "r"(out) : "memory");
	guest_sync(1);
	asm volatile("movdqa (%0), %%xmm15; movaps %%xmm15, (%1)" : : "r"(M), "r"(out) : "memory");
	guest_sync(2);
	asm volatile("movdqa (%0), %%xmm3; movdqu %%xmm3, (%1)" : : "r"(in), "r"(M) : "memory");
	guest_sync(3);
	asm volatile("movdqa (%0), %%xmm9; movaps %%xmm9, (%1)" : : "r"(in), "r"(M) : "memory");
	guest_done();
}

static void serve_16(struct vcpu *v, bool write, u8 *data)
{
	for (u32 done = 0; done < 16; done += v->run->mmio.len) {
		vcpu_expect_exit(v, VMX_EXIT_MMIO);
		CHECK_EQ(v->run->mmio.is_write, write);
		CHECK_EQ(v->run->mmio.phys_addr, M + done);
		CHECK_EQ(v->run->mmio.len, 8);
		if (write)
			memcpy(data + done, v->run->mmio.data, 8);
		else
			memcpy(v->run->mmio.data, data + done, 8);
	}
}

TEST(sse_moves)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_sse);
	u8 data[16];

	for (int i = 0; i < 16; i++) {
		data[i] = (u8)(i * 17 + 1);
		in[i] = (u8)(i * 15 + 2);
	}
	serve_16(v, false, data);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, memcmp(out, data, 16));
	memset(out, 0, 16);
	data[5] ^= 0xff;
	serve_16(v, false, data);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0, memcmp(out, data, 16));
	serve_16(v, true, data);
	ASSERT_EQ(0, memcmp(in, data, 16));
	vcpu_expect_sync(v, 3);
	in[0] ^= 0x80;
	serve_16(v, true, data);
	ASSERT_EQ(0, memcmp(in, data, 16));
	vcpu_expect_done(v);
}

/* AVX: VMOVDQU of 16 and of 32 bytes. */
static u8 wide[32] __attribute__((aligned(32)));

static void guest_avx(u64 id)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	asm volatile("vmovdqu (%0), %%ymm5; vmovdqu %%ymm5, (%1)" : : "r"(M), "r"(wide) : "memory");
	guest_sync(1);
	/* the 16-byte form zeroes the upper half */
	asm volatile("vmovdqu (%0), %%xmm5; vmovdqu %%ymm5, (%1)" : : "r"(M), "r"(wide) : "memory");
	guest_sync(2);
	asm volatile("vmovdqu (%0), %%ymm6; vmovdqu %%ymm6, (%1)" : : "r"(wide), "r"(M) : "memory");
	guest_done();
}

static void serve_n(struct vcpu *v, bool write, u8 *data, u32 n)
{
	for (u32 done = 0; done < n; done += v->run->mmio.len) {
		vcpu_expect_exit(v, VMX_EXIT_MMIO);
		CHECK_EQ(v->run->mmio.is_write, write);
		CHECK_EQ(v->run->mmio.phys_addr, M + done);
		if (write)
			memcpy(data + done, v->run->mmio.data, v->run->mmio.len);
		else
			memcpy(v->run->mmio.data, data + done, v->run->mmio.len);
	}
}

TEST(avx_moves)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_avx);
	struct vmx_xcrs x = { .nr_xcrs = 1, .xcrs = { { .value = 7 } } };
	u8 data[32], zero[16] = { 0 };

	if (!device_is_vmx())
		SKIP(return, "in-tree 6.1 does not emulate AVX moves");
	REQUIRE_CPUID(1, 0, 2, 28, "AVX");
	must_ioctl(v->fd, VMX_SET_XCRS, &x);
	for (int i = 0; i < 32; i++)
		data[i] = (u8)(i * 7 + 1);
	serve_n(v, false, data, 32);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, memcmp(wide, data, 32));
	serve_n(v, false, data, 16);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0, memcmp(wide, data, 16));
	ASSERT_EQ(0, memcmp(wide + 16, zero, 16));
	memcpy(wide, data, 32);
	memset(data, 0, 32);
	serve_n(v, true, data, 32);
	ASSERT_EQ(0, memcmp(wide, data, 32));
	vcpu_expect_done(v);
}

/* MMX: the registers are the x87 stack's, which is all full afterwards, its top 0 (SDM 1 9.6.2). */
static void guest_mmx(u64 id)
{
	u16 status, control = 0;
	u64 vec, value = 0;

	write_cr0(read_cr0() | CR0_NE);
	asm volatile("fninit; fld1; movq (%0), %%mm3; movq %%mm3, (%1); emms" : : "r"(in), "r"(M) : "memory");
	guest_sync(1);
	asm volatile("fninit; fld1; movq (%2), %%mm5; fnstsw %0; movq %%mm5, (%1); emms"
		     : "=&a"(status) : "r"(out), "r"(M) : "memory");
	GUEST_ASSERT_EQ(status >> 11 & 7, 0);
	guest_sync(2);
	/* an x87 exception that is pending comes before the access */
	asm volatile("fninit; fldcw %0; fldz; fldz; fdivp" : : "m"(control));
	GUEST_TRY(vec, "movq %%mm0, (%[a])", (), ([a] "r"(M)));
	GUEST_ASSERT_EQ(vec, VEC_MF);
	GUEST_TRY(vec, "movq (%[a]), %%mm0", (), ([a] "r"(M)));
	GUEST_ASSERT_EQ(vec, VEC_MF);
	asm volatile("fninit; movq (%1), %%mm7; movq %%mm7, %0; emms" : "=m"(value) : "r"(M));
	guest_sync(value);
	guest_done();
}

TEST(mmx_moves)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_mmx);
	u64 data;

	memcpy(in, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	serve_n(v, true, (u8 *)&data, 8);
	ASSERT_EQ(0, memcmp(in, &data, 8));
	vcpu_expect_sync(v, 1);
	data = 0x1122334455667788;
	serve_n(v, false, (u8 *)&data, 8);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0, memcmp(out, &data, 8));
	data = 0x99;
	serve_n(v, false, (u8 *)&data, 8);
	vcpu_expect_sync(v, 0x99);
	vcpu_expect_done(v);
}

/* An unaligned MOVDQA raises #GP(0), MMIO or not. */
static void guest_unaligned(u64 id)
{
	u64 vec;

	GUEST_TRY(vec, "movdqa (%[a]), %%xmm0", (), ([a] "r"(M + 8)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_ASSERT_EQ(guest_error, 0);
	guest_done();
}

TEST(unaligned)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_unaligned);

	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
