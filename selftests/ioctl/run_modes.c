// SPDX-License-Identifier: GPL-2.0-only
/* Guest code runs in real, 16- and 32-bit protected and 64-bit mode, and moves between them. */
#include "vmxtest.h"

CODE16(real_add, "add %bx, %ax; mov %ax, %di; mov $1, %eax; mov $0xe0, %dx; out %eax, %dx; hlt");
/* Far call, segment arithmetic, a software interrupt through the IVT and IRET. */
CODE16(real_int,
       "mov $0x1234, %ax\n int $0x40\n mov %ax, %di\n mov $1, %eax\n mov $0xe0, %dx\n"
       "out %eax, %dx\n hlt\n .balign 64\n add $1, %ax\n iret\n");
/* Big real mode: a 4 GiB data segment kept from protected mode. */
CODE16(real_big,
       "cli\n xor %ax, %ax\n mov %ax, %ds\n lgdtl 0x9000\n mov %cr0, %eax\n or $1, %al\n"
       "mov %eax, %cr0\n mov $0x10, %bx\n mov %bx, %ds\n and $0xfe, %al\n mov %eax, %cr0\n"
       "xor %bx, %bx\n mov %bx, %ds\n mov $0x10000000, %ebx\n addr32 movl (%ebx), %edi\n"
       "mov $1, %eax\n mov $0xe0, %dx\n out %eax, %dx\n hlt\n");
CODE32(prot_mul, "mov $1000, %eax; mov $3000, %ecx; mul %ecx; mov %eax, %edi; mov $1, %eax;"
       "mov $0xe0, %edx; out %eax, %dx; hlt");
/* Loads every data segment from the GDT, pushes and pops, and calls through memory. */
CODE32(prot_segments,
       "mov $0x10, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs;"
       "mov %eax, %ss; ljmp $0x18, $1f; 1: call 2f; mov $1, %eax; mov $0xe0, %edx;"
       "out %eax, %dx; hlt; 2: push $0x55; pop %edi; mov %cs, %esi; ret");

TEST(real_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);
	struct vmx_regs r;

	vcpu_set_real(v, real_add, real_add_end);
	r = vcpu_regs(v);
	r.rax = 0xfff0;
	r.rbx = 0x0022;
	vcpu_set_regs(v, &r);
	vcpu_expect_sync(v, 0x12);
	r = vcpu_regs(v);
	ASSERT_TRUE(r.rflags & RFLAGS_CF);
	vcpu_expect_exit(v, VMX_EXIT_HLT);
}

TEST(real_mode_interrupt)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);

	vcpu_set_real(v, real_int, real_int_end);
	*(u32 *)(vm->low + 4 * 0x40) = 0x08000040;	/* 0800:0040 */
	vcpu_expect_sync(v, 0x1235);
}

TEST(real_mode_large_segment)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);
	u32 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE);

	*mem = 0xcafe0001;
	vcpu_set_real(v, real_big, real_big_end);
	memcpy(vm->low + 0x9000, "\xff\x04\x00\x00\x01\x00", 6);	/* LOW_GDT */
	vcpu_expect_sync(v, 0xcafe0001);
}

TEST(reset_vector)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);
	char *rom = slot_add(vm, SLOT_TEST, 0xfffff000, PAGE_SIZE);
	struct vmx_regs r = vcpu_regs(v);
	struct vmx_sregs s = vcpu_sregs(v);

	/* SDM 3A 9.1.4: execution begins at FFFFFFF0H */
	ASSERT_EQ(0xfff0, r.rip);
	ASSERT_EQ(0xffff0000, s.cs.base);
	ASSERT_EQ(0xf000, s.cs.selector);
	ASSERT_EQ(CR0_CD | CR0_NW | CR0_ET, s.cr0);
	ASSERT_EQ(2, r.rflags);
	ASSERT_EQ(0x600, r.rdx);	/* of a vCPU that had no CPUID yet */
	rom[0xff0] = (char)0xf4;	/* HLT */
	vcpu_expect_exit(v, VMX_EXIT_HLT);
	r = vcpu_regs(v);
	ASSERT_EQ(0xfff1, r.rip);
}

TEST(protected_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);

	vcpu_set_prot32(v, (u64)prot_mul);
	vcpu_expect_sync(v, 3000000);
	vcpu_expect_exit(v, VMX_EXIT_HLT);
}

TEST(protected_mode_segments)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);
	struct ucall uc;

	vcpu_set_prot32(v, (u64)prot_segments);
	uc = vcpu_call(v);
	ASSERT_EQ(0x55, uc.a);
	ASSERT_EQ(SEL_CODE32, uc.b);
}

static void guest_long(u64 id)
{
	u64 high = 0x123456789abcdef0ull;
	u16 cs;

	asm volatile("mov %%cs, %0" : "=r"(cs));
	GUEST_ASSERT_EQ(cs, SEL_CODE64);
	asm volatile("rol $16, %0" : "+r"(high));
	guest_sync(high);
	guest_done();
}

TEST(long_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_long);

	vcpu_expect_sync(v, 0x56789abcdef01234ull);
	vcpu_expect_done(v);
}

static void guest_ap_path(u64 id)
{
	guest_sync(0x64);
	guest_done();
}

TEST(real_to_long)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_reset(vm, 0);
	struct vmx_sregs s = vcpu_sregs(v);
	struct vmx_regs r = { .rip = 0, .rflags = 2 };

	vm_setup_ap(vm, guest_ap_path);
	s.cs.selector = LOW_CODE16 >> 4;
	s.cs.base = LOW_CODE16;
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &r);
	vcpu_expect_sync(v, 0x64);
	s = vcpu_sregs(v);
	ASSERT_EQ(EFER_LMA | EFER_LME | EFER_NX, s.efer);
	ASSERT_EQ(1, s.cs.l);
}

TEST_HARNESS_MAIN
