// SPDX-License-Identifier: GPL-2.0-only
/* SET_SREGS moves GDT and IDT of a vCPU that has run: the guest sees it and works with it. */
#include "vmxtest.h"

#define NEW_GDT		LOW_SCRATCH
#define NEW_IDT		(LOW_SCRATCH + 0x1000)
#define SEL_NEW		0x440	/* behind the TSSs: nothing is there in the first GDT */
#define NEW_LIMIT	0x1234	/* of the segment that only the second has */
#define VEC_ASKED	0x90
#define VEC_OTHER	0xa0	/* whose handler the second IDT has for VEC_ASKED */

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static volatile u64 asked, other;

static void on_asked(struct guest_frame *f)
{
	asked++;
}

static void on_other(struct guest_frame *f)
{
	other++;
}

/* The limit of SEL_NEW's segment, 0 if there is none. */
static u64 segment_limit(void)
{
	u64 limit = 0;

	asm volatile("lsl %1, %0; jz 1f; xor %0, %0; 1:" : "+r"(limit) : "r"((u64)SEL_NEW) : "cc");
	return limit;
}

static void guest_looks(u64 id)
{
	struct table gdt, idt;

	guest_handlers[VEC_ASKED] = on_asked;
	guest_handlers[VEC_OTHER] = on_other;
	for (;;) {
		asm volatile("sgdt %0; sidt %1" : "=m"(gdt), "=m"(idt));
		asm volatile("int %0" : : "i"(VEC_ASKED) : "memory");
		guest_call(CALL_SYNC, gdt.base, idt.base, (u64)gdt.limit << 16 | idt.limit,
			   segment_limit());
	}
}

static void expect(struct vcpu *v, u64 gdt, u64 idt, u64 limits, u64 segment)
{
	struct ucall uc = vcpu_call(v);

	CHECK_EQ(uc.call, CALL_SYNC);
	CHECK_EQ(uc.a, gdt);
	CHECK_EQ(uc.b, idt);
	CHECK_EQ(uc.c, limits);
	CHECK_EQ(uc.d, segment);
}

static void set_tables(struct vcpu *v, u64 gdt, u16 gdt_limit, u64 idt, u16 idt_limit)
{
	struct vmx_sregs s = vcpu_sregs(v);

	s.gdt = (struct vmx_dtable){ .base = gdt, .limit = gdt_limit };
	s.idt = (struct vmx_dtable){ .base = idt, .limit = idt_limit };
	vcpu_set_sregs(v, &s);
}

TEST(tables_move)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_looks);
	u64 *gdt = (u64 *)(vm->low + NEW_GDT), *idt = (u64 *)(vm->low + NEW_IDT);

	memcpy(gdt, vm->low + LOW_GDT, 0x500);
	memcpy(idt, vm->low + LOW_IDT, 0x1000);
	/* a data segment in bytes: SDM 3A 3.4.5 */
	gdt[SEL_NEW / 8] = 0x0040930000000000ull | NEW_LIMIT;
	memcpy(idt + 2 * VEC_ASKED, idt + 2 * VEC_OTHER, 16);

	expect(v, LOW_GDT, LOW_IDT, 0x4ff0fff, 0);
	for (u64 i = 1; i <= 5; i++) {
		/* one alone, then the other, then back */
		set_tables(v, NEW_GDT, 0x447, LOW_IDT, 0xfff);
		expect(v, NEW_GDT, LOW_IDT, 0x4470fff, NEW_LIMIT);
		ASSERT_EQ(2 * i, asked);
		ASSERT_EQ(i - 1, other);
		set_tables(v, NEW_GDT, 0x447, NEW_IDT, 0xfef);
		expect(v, NEW_GDT, NEW_IDT, 0x4470fef, NEW_LIMIT);
		ASSERT_EQ(2 * i, asked);
		ASSERT_EQ(i, other);
		set_tables(v, LOW_GDT, 0x4ff, LOW_IDT, 0xfff);
		expect(v, LOW_GDT, LOW_IDT, 0x4ff0fff, 0);
		ASSERT_EQ(2 * i + 1, asked);
		ASSERT_EQ(i, other);
	}
}

TEST_HARNESS_MAIN
