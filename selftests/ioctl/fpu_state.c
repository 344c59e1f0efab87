// SPDX-License-Identifier: GPL-2.0-only
/* x87, SSE, AVX and PKRU state is the vCPU's own: over exits, host FPU use, other vCPUs. */
#include "vmxtest.h"

static u8 area[2][4096] __attribute__((aligned(64)));
static volatile bool has_avx, has_pku;

#define FXSAVE_FCW 0
#define FXSAVE_MXCSR 24
#define FXSAVE_ST 32
#define FXSAVE_XMM 160

static void fill_ymm(u64 seed)
{
	static u8 bytes[2][32] __attribute__((aligned(32)));	/* for each vCPU */
	u8 *v = bytes[seed & 1];

	for (int i = 0; i < 32; i++)
		v[i] = (u8)(seed * 31 + (u64)i);
	asm volatile("vmovdqu (%0), %%ymm0; vmovdqu (%0), %%ymm7; vmovdqu (%0), %%ymm15"
		     : : "r"(v) : "memory");
}

static bool check_ymm(u64 seed)
{
	static u8 bytes[2][3][32] __attribute__((aligned(32)));
	u8 (*v)[32] = bytes[seed & 1];

	asm volatile("vmovdqu %%ymm0, (%0); vmovdqu %%ymm7, 32(%0); vmovdqu %%ymm15, 64(%0)"
		     : : "r"(v) : "memory");
	for (int r = 0; r < 3; r++)
		for (int i = 0; i < 32; i++)
			if (v[r][i] != (u8)(seed * 31 + (u64)i))
				return false;
	return true;
}

static u32 rdpkru(void)
{
	u32 a, d;

	asm volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void wrpkru(u32 v)
{
	asm volatile("wrpkru" : : "a"(v), "c"(0), "d"(0) : "memory");
}

/* Loads every register with a pattern of this vCPU, and checks it after each exit. */
static void guest_fpu(u64 id)
{
	u8 *mine = area[id & 1];
	u32 mxcsr = id ? 0x7f80 : 0x3f80;
	u16 fcw = id ? 0x0f7f : 0x0b7f;

	write_cr4(read_cr4() | (has_avx || has_pku ? CR4_OSXSAVE : 0) | (has_pku ? CR4_PKE : 0));
	asm volatile("fninit; fxsave (%0)" : : "r"(mine) : "memory");
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 10; k++)
			mine[FXSAVE_ST + 16 * i + k] = (u8)(id * 100 + (u64)(i * 10 + k));
	for (int i = 0; i < 256; i++)
		mine[FXSAVE_XMM + i] = (u8)(id * 77 + (u64)i * 3);
	*(u32 *)(mine + FXSAVE_MXCSR) = mxcsr;
	*(u16 *)(mine + FXSAVE_FCW) = fcw;
	mine[4] = 0xff;		/* abridged tag word: all valid */
	asm volatile("fxrstor (%0)" : : "r"(mine) : "memory");
	if (has_avx)
		fill_ymm(id);
	if (has_pku)
		wrpkru(id ? 0x55555554 : 0xaaaaaaa8);
	for (;;) {
		static u8 now[2][512] __attribute__((aligned(64)));
		u8 *n = now[id & 1];

		guest_sync(id);
		if (has_avx)
			GUEST_ASSERT(check_ymm(id));
		if (has_pku)
			GUEST_ASSERT_EQ(rdpkru(), id ? 0x55555554 : 0xaaaaaaa8);
		asm volatile("fxsave (%0)" : : "r"(n) : "memory");
		GUEST_ASSERT_EQ(*(u16 *)(n + FXSAVE_FCW), fcw);
		GUEST_ASSERT_EQ(*(u32 *)(n + FXSAVE_MXCSR), mxcsr);
		for (int i = 0; i < 8; i++)
			for (int k = 0; k < 10; k++)
				GUEST_ASSERT_EQ(n[FXSAVE_ST + 16 * i + k], mine[FXSAVE_ST + 16 * i + k]);
		for (int i = 16; i < 112; i++)	/* XMM1 .. XMM6 */
			GUEST_ASSERT_EQ(n[FXSAVE_XMM + i], mine[FXSAVE_XMM + i]);
	}
}

/* Destroys every FPU register of the host thread, and sees that the guest does not. */
static void host_fpu(u32 round)
{
	static u8 in[512] __attribute__((aligned(64))), out[512] __attribute__((aligned(64)));
	u32 mxcsr = round & 1 ? 0x1fa0 : 0x5f80;

	asm volatile("fninit; fld1; fldpi; fxsave (%0)" : : "r"(in) : "memory");
	for (int i = 0; i < 256; i++)
		in[FXSAVE_XMM + i] = (u8)((u32)i ^ round);
	*(u32 *)(in + FXSAVE_MXCSR) = mxcsr;
	asm volatile("fxrstor (%0)" : : "r"(in) : "memory");
	asm volatile("fxsave (%0)" : : "r"(out) : "memory");
	CHECK(!memcmp(in + FXSAVE_XMM, out + FXSAVE_XMM, 256));
}

static void features(void)
{
	struct vmx_cpuid_entry2 *d = cpuid_find(supported_cpuid(), 0xd, 0);

	has_avx = cpuid_has(1, 0, 2, 28) && d && d->eax & 4;
	has_pku = cpuid_has(7, 0, 2, 3) && d && d->eax & 1u << 9;
}

/* XCR0 comes from the VMM: QEMU's SVM does not intercept XSETBV, so that a guest's own
 * change of it is not seen there. */
static struct vcpu *create(struct vm *vm, int id)
{
	struct vcpu *v = vcpu_create(vm, id, guest_fpu);
	struct vmx_xcrs x = { .nr_xcrs = 1 };

	features();
	x.xcrs[0].value = 3u | (has_avx ? 4u : 0) | (has_pku ? 1u << 9 : 0);
	if (has_avx || has_pku)
		must_ioctl(v->fd, VMX_SET_XCRS, &x);
	return v;
}

/* What a VMM loads at a reset of a CPU that has no XSAVE: the value that XCR0 has there. */
TEST(xcr0_without_xsave)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_xcrs x = { .nr_xcrs = 1 };
	struct vmx_cpuid2 *c = supported_cpuid();
	struct vmx_cpuid_entry2 *e = cpuid_find(c, 1, 0);

	if (!(e->ecx & 1u << 26))
		SKIP(return, "no XSAVE on this CPU");
	for (int round = 0; round < 2; round++) {
		/* Without any CPUID, and with one that lacks it. */
		if (round) {
			e->ecx &= ~(1u << 26 | 1u << 28);
			cpuid_find(c, 0xd, 0)->eax = 0;
			cpuid_find(c, 0xd, 0)->edx = 0;
			must_ioctl(v->fd, VMX_SET_CPUID2, c);
		}
		x.xcrs[0].value = 1;
		ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_XCRS, &x));
		for (u64 bad = 0; bad <= 7; bad++) {
			x.xcrs[0].value = bad;
			if (bad != 1)
				ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XCRS, &x));
		}
		must_ioctl(v->fd, VMX_GET_XCRS, &x);
		ASSERT_EQ(1, x.xcrs[0].value);
	}
}

TEST(kept_over_exits)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = create(vm, 0);

	for (u32 i = 0; i < 100; i++) {
		host_fpu(i);
		vcpu_expect_sync(v, 0);
	}
}

TEST(two_vcpus_one_thread)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[2];

	for (int i = 0; i < 2; i++)
		v[i] = create(vm, i);
	for (u32 i = 0; i < 100; i++) {
		host_fpu(i);
		vcpu_expect_sync(v[i & 1], i & 1);
	}
}

TEST(two_threads)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[2];

	for (int i = 0; i < 2; i++) {
		v[i] = create(vm, i);
		vcpu_start(v[i]);
	}
	for (u32 i = 0; i < 200; i++) {
		host_fpu(i);
		usleep(1000);
	}
	for (int i = 0; i < 2; i++) {
		vcpu_stop(v[i]);
		ASSERT_LT(10, v[i]->syncs);
	}
}

/* The host's registers come back as they were when RUN returns. */
TEST(host_state_kept)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = create(vm, 0);
	static u8 before[512] __attribute__((aligned(64))), after[512] __attribute__((aligned(64)));

	vcpu_expect_sync(v, 0);
	for (int round = 0; round < 20; round++) {
		long ret;

		asm volatile("fninit; fldpi; fxsave (%0)" : : "r"(before) : "memory");
		for (int i = 0; i < 256; i++)
			before[FXSAVE_XMM + i] = (u8)(i + round);
		*(u32 *)(before + FXSAVE_MXCSR) = 0x3fa0;
		/* no libc between: it may use XMM registers */
		asm volatile("fxrstor (%1); syscall; fxsave (%2)"
			     : "=a"(ret) : "r"(before), "r"(after), "a"(16 /* ioctl */),
			       "D"(v->fd), "S"(VMX_RUN), "d"(0) : "rcx", "r11", "memory");
		asm volatile("fninit");
		ASSERT_EQ(0, ret);
		vcpu_check_guest_at(__FILE__, __LINE__, v);
		ASSERT_EQ(0x3fa0, *(u32 *)(after + FXSAVE_MXCSR));
		ASSERT_EQ(0, memcmp(before + FXSAVE_XMM, after + FXSAVE_XMM, 256));
		ASSERT_EQ(0, memcmp(before + FXSAVE_ST, after + FXSAVE_ST, 10));
	}
}

/* What the guest has is what GET_XSAVE shows. */
TEST(get_shows_guest_state)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = create(vm, 0);
	static struct vmx_xsave x;
	struct vmx_fpu f;

	REQUIRE_CAP(VMX_CAP_XSAVE);
	vcpu_expect_sync(v, 0);
	must_ioctl(v->fd, VMX_GET_XSAVE, &x);
	ASSERT_EQ(0x0b7f, *(u16 *)x.region);
	ASSERT_EQ(0x3f80, *(u32 *)((u8 *)x.region + FXSAVE_MXCSR));
	ASSERT_EQ(0, memcmp((u8 *)x.region + FXSAVE_XMM + 16, area[0] + FXSAVE_XMM + 16, 96));
	if (has_avx) {
		/* upper halves of YMM0 at 576 */
		ASSERT_EQ(16, *((u8 *)x.region + 576));
		ASSERT_EQ(4, *(u64 *)((u8 *)x.region + 512) & 4);
	}
	must_ioctl(v->fd, VMX_GET_FPU, &f);
	ASSERT_EQ(0x0b7f, f.fcw);
	ASSERT_EQ(0, memcmp(f.xmm[1], area[0] + FXSAVE_XMM + 16, 96));
	/* put back what was read: nothing changes for the guest */
	must_ioctl(v->fd, VMX_SET_XSAVE, &x);
	vcpu_expect_sync(v, 0);
}

/* XCR0 values that the CPU refuses: #GP in the guest. */
static void guest_xcr0(u64 id)
{
	u64 vec;

	GUEST_TRY(vec, "xsetbv", (), ("c"(0), "a"(1), "d"(0)));
	GUEST_ASSERT_EQ(vec, VEC_UD);		/* CR4.OSXSAVE is clear */
	write_cr4(read_cr4() | CR4_OSXSAVE);
	GUEST_TRY(vec, "xsetbv", (), ("c"(0), "a"(2), "d"(0)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_TRY(vec, "xsetbv", (), ("c"(0), "a"(5), "d"(0)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_TRY(vec, "xsetbv", (), ("c"(1), "a"(1), "d"(0)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_TRY(vec, "xsetbv", (), ("c"(0), "a"(3), "d"(0x80000000)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_TRY(vec, "xsetbv", (), ("c"(0), "a"(3), "d"(0)));
	GUEST_ASSERT_EQ(vec, -1);
	guest_done();
}

TEST(xcr0_checked)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_xcr0);

	REQUIRE_CPUID(1, 0, 2, 26, "XSAVE");
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
