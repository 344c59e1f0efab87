// SPDX-License-Identifier: GPL-2.0-only
/* INS and OUTS with REP, over a page boundary, backwards. */
#include "vmxtest.h"

#define PORT 0x1f0

static u8 buffer[3 * 4096] __attribute__((aligned(4096)));
static volatile u64 end_si, end_cx;

/* Collects what the guest sends until its next message; answers IN with a running number. */
static size_t serve(struct vcpu *v, u8 *data, size_t max, u32 size, bool in)
{
	size_t n = 0;

	for (;;) {
		struct vmx_run *run = v->run;
		struct ucall uc;
		u8 *p;

		vcpu_expect_exit(v, VMX_EXIT_IO);
		vcpu_check_guest_at(__FILE__, __LINE__, v);
		if (vcpu_get_call(v, &uc))
			return n;
		CHECK_EQ(run->io.port, PORT);
		CHECK_EQ(run->io.size, size);
		CHECK_EQ(run->io.direction, in ? VMX_EXIT_IO_IN : VMX_EXIT_IO_OUT);
		CHECK(run->io.count >= 1);
		CHECK((u64)run->io.count * size <= PAGE_SIZE);
		p = (u8 *)run + run->io.data_offset;
		for (u32 i = 0; i < run->io.count * size; i++, n++) {
			CHECK(n < max);
			if (in)
				p[i] = (u8)(n * 7 + 3);
			else
				data[n] = p[i];
		}
	}
}

static void guest_outsb(u64 id)
{
	u64 si = (u64)buffer + 4096 - 100, cx = 200;

	asm volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	end_si = si;
	end_cx = cx;
	guest_done();
}

TEST(rep_outsb_over_page)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_outsb);
	u8 got[256];

	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i ^ i >> 8);
	ASSERT_EQ(200, serve(v, got, sizeof(got), 1, false));
	ASSERT_EQ(0, memcmp(got, buffer + 4096 - 100, 200));
	ASSERT_EQ((u64)buffer + 4096 + 100, end_si);
	ASSERT_EQ(0, end_cx);
}

static void guest_outsw_down(u64 id)
{
	u64 si = (u64)buffer + 4096 + 20, cx = 20;

	asm volatile("std; rep outsw; cld" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	end_si = si;
	guest_done();
}

TEST(rep_outsw_backwards)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_outsw_down);
	u16 got[20];

	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i * 5 + (i >> 8));
	ASSERT_EQ(40, serve(v, (u8 *)got, sizeof(got), 2, false));
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(*(u16 *)(buffer + 4096 + 20 - 2 * i), got[i]);
	ASSERT_EQ((u64)buffer + 4096 + 20 - 40, end_si);
}

/* The element itself lies on two pages. */
static void guest_outsl_split(u64 id)
{
	u64 si = (u64)buffer + 4096 - 6, cx = 3;

	asm volatile("rep outsl" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	guest_done();
}

TEST(rep_outsl_split_element)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_outsl_split);
	u8 got[12];

	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i * 11);
	ASSERT_EQ(12, serve(v, got, sizeof(got), 4, false));
	ASSERT_EQ(0, memcmp(got, buffer + 4096 - 6, 12));
}

static void guest_insb(u64 id)
{
	u64 di = (u64)buffer + 4096 - 3000, cx = 6000;

	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	end_si = di;
	end_cx = cx;
	guest_done();
}

TEST(rep_insb_over_page)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_insb);

	memset(buffer, 0xee, sizeof(buffer));
	ASSERT_EQ(6000, serve(v, NULL, 6000, 1, true));
	for (size_t i = 0; i < 6000; i++)
		ASSERT_EQ((u8)(i * 7 + 3), buffer[4096 - 3000 + i]);
	ASSERT_EQ(0xee, buffer[4096 - 3001]);
	ASSERT_EQ(0xee, buffer[4096 + 3000]);
	ASSERT_EQ((u64)buffer + 4096 + 3000, end_si);
	ASSERT_EQ(0, end_cx);
}

static void guest_insl(u64 id)
{
	u64 di = (u64)buffer + 4096 - 10, cx = 5;

	asm volatile("rep insl" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	/* without REP, RCX is not touched */
	cx = 0x1234;
	asm volatile("insl" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(cx, 0x1234);
	/* a count of zero does nothing */
	cx = 0;
	asm volatile("rep insl" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	end_si = di;
	guest_done();
}

TEST(insl)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_insl);

	memset(buffer, 0xee, sizeof(buffer));
	ASSERT_EQ(24, serve(v, NULL, 24, 4, true));
	for (size_t i = 0; i < 24; i++)
		ASSERT_EQ((u8)(i * 7 + 3), buffer[4096 - 10 + i]);
	ASSERT_EQ(0xee, buffer[4096 - 10 + 24]);
	ASSERT_EQ((u64)buffer + 4096 - 10 + 24, end_si);
}

/* A page that is not mapped in the middle of REP OUTS: #PF with the right RSI, RCX, CR2. */
static volatile u64 pf_addr, pf_si, pf_cx;

static void on_pf(struct guest_frame *f)
{
	pf_addr = read_cr2();
	pf_si = f->rsi;
	pf_cx = f->rcx;
	guest_done();
}

static void guest_outs_fault(u64 id)
{
	u64 si = TEST_MEM + 4096 - 8, cx = 20;

	guest_handlers[VEC_PF] = on_pf;
	asm volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
}

TEST(rep_outsb_page_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_outs_fault);
	u8 got[20];

	slot_add(vm, SLOT_TEST, TEST_MEM, 2 * PAGE_SIZE);
	pt_map(vm, LOW_PGTABLE, TEST_MEM + 4096, 0, 1, 0);
	ASSERT_EQ(8, serve(v, got, sizeof(got), 1, false));
	ASSERT_EQ(TEST_MEM + 4096, pf_addr);
	ASSERT_EQ(TEST_MEM + 4096, pf_si);
	ASSERT_EQ(12, pf_cx);
}

TEST_HARNESS_MAIN
