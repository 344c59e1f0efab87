// SPDX-License-Identifier: GPL-2.0-only
/* Code that is written and then run; instructions over page boundaries; fetches from MMIO. */
#include "vmxtest.h"

#define CODE TEST_MEM

static u64 call(u64 where)
{
	u64 ret;

	asm volatile("call *%1" : "=a"(ret) : "r"(where) : "memory", "rcx", "rdx", "rdi", "rsi",
		     "r8", "r9", "r10", "r11", "cc");
	return ret;
}

/* mov $value, %eax; ret */
static void emit(u64 where, u32 value)
{
	volatile u8 *p = (volatile u8 *)where;

	p[0] = 0xb8;
	*(volatile u32 *)(p + 1) = value;
	p[5] = 0xc3;
}

static void guest_smc(u64 id)
{
	u32 a = 0, b, c = 0, d;

	for (u32 i = 0; i < 200; i++) {
		emit(CODE + 64 * (i % 7), i);
		asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));	/* serialises */
		a = c = 0;
		GUEST_ASSERT_EQ(call(CODE + 64 * (i % 7)), i);
	}
	/* over a page boundary, each half changed by itself */
	emit(CODE + 4096 - 3, 0x11223344);
	GUEST_ASSERT_EQ(call(CODE + 4096 - 3), 0x11223344);
	*(volatile u8 *)(CODE + 4096) = 0x99;
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	GUEST_ASSERT_EQ(call(CODE + 4096 - 3), 0x11993344);
	guest_done();
}

TEST(written_by_the_guest)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_smc);

	slot_add(vm, SLOT_TEST, TEST_MEM, 4 * PAGE_SIZE);
	vcpu_expect_done(v);
}

static void guest_calls(u64 id)
{
	for (;;)
		guest_sync(call(CODE));
}

TEST(written_by_the_host)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_calls);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE);

	for (u32 i = 0; i < 50; i++) {
		memcpy(mem, "\xb8\0\0\0\0\xc3", 6);
		memcpy(mem + 1, &i, 4);
		vcpu_expect_sync(v, i);
	}
}

/* An MMIO instruction that lies on two pages, is decoded whole. */
static void guest_split(u64 id)
{
	guest_sync(call(CODE + 4096 - 4));
	guest_done();
}

TEST(mmio_instruction_over_page)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_split);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 2 * PAGE_SIZE);

	/* mov 0xd0000040(no base), %eax: 8b 04 25 disp32; zero-extended by an address prefix */
	memcpy(mem + 4096 - 4, "\x67\x8b\x04\x25\x40\x00\x00\xd0\xc3", 9);
	vcpu_answer_mmio(v, TEST_MMIO + 0x40, 4, 0x1234);
	vcpu_expect_sync(v, 0x1234);
	vcpu_expect_done(v);
}

/* The same, and the second page is no memory: the VMM is told, the host does not hang. */
TEST(mmio_instruction_into_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_split);
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE);

	memcpy(mem + 4096 - 4, "\x67\x8b\x04\x25", 4);
	vcpu_expect_exit(v, VMX_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(VMX_INTERNAL_ERROR_EMULATION, v->run->internal.suberror);
}

TEST(jump_to_mmio)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_calls);

	vcpu_expect_exit(v, VMX_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(VMX_INTERNAL_ERROR_EMULATION, v->run->internal.suberror);
	ASSERT_EQ(CODE, vcpu_regs(v).rip);
}

/* Code on a read-only slot (a ROM) that reads MMIO. */
TEST(rom_code)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_split);
	char *mem = mem_alloc(2 * PAGE_SIZE);

	memcpy(mem + 4096 - 4, "\x67\x8b\x04\x25\x40\x00\x00\xd0\xc3", 9);
	slot_set(vm, SLOT_TEST, VMX_MEM_READONLY, TEST_MEM, 2 * PAGE_SIZE, mem);
	vcpu_answer_mmio(v, TEST_MMIO + 0x40, 4, 0x77);
	vcpu_expect_sync(v, 0x77);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
