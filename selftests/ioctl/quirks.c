// SPDX-License-Identifier: GPL-2.0-only
/* What VMX_CAP_DISABLE_QUIRKS2 switches off, with it and without (MONITOR and MWAIT: mwait_quirk.c). */
#include "vmxtest.h"

#define CODE (TEST_MEM + 0x100)
#define UNKNOWN_HYPERCALL 99

static volatile bool quirk_off, read_only;
static volatile u64 undefined;
static u8 foreign, own;		/* the last byte of 0F 01 xx */

static bool disable(struct vm *vm, u64 quirks)
{
	struct vmx_enable_cap cap = { .cap = VMX_CAP_DISABLE_QUIRKS2, .args = { quirks } };

	quirk_off = quirks;
	if (quirks & ~(u64)check_cap(vm->fd, VMX_CAP_DISABLE_QUIRKS2))
		return false;
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &cap);
	return true;
}

#define REQUIRE_QUIRK(vm, quirk) do { \
	if (!disable(vm, quirk)) \
		SKIP(return, #quirk " cannot be switched off"); } while (0)

/* ---- the other vendor's hypercall instruction ---- */

static void on_ud(struct guest_frame *f)
{
	undefined++;
	f->rip += 3;
}

static void guest_foreign_hypercall(u64 id)
{
	volatile u8 *code = (volatile u8 *)CODE;
	u64 rax = UNKNOWN_HYPERCALL;

	asm volatile("call *%1" : "+a"(rax) : "r"(CODE) : "memory", "rbx", "rcx", "rdx", "rsi");
	if (quirk_off) {
		GUEST_ASSERT_EQ(undefined, 1);
		GUEST_ASSERT_EQ(rax, UNKNOWN_HYPERCALL);
	} else {
		GUEST_ASSERT_EQ(undefined, 0);
		GUEST_ASSERT_EQ(rax, -(u64)PV_ENOSYS);
	}
	GUEST_ASSERT_EQ(code[2], quirk_off || read_only ? foreign : own);
	guest_done();
}

static void foreign_hypercall(bool off, bool ro)
{
	struct vm *vm = vm_create(0);
	u8 *code = (u8 *)slot_add(vm, SLOT_TEST, TEST_MEM, PAGE_SIZE) + 0x100;
	struct vcpu *v;

	own = host_is_amd() ? 0xd9 : 0xc1;
	foreign = own ^ 0xd9 ^ 0xc1;
	memcpy(code, (u8[]){ 0x0f, 0x01, foreign, 0xc3 }, 4);
	undefined = 0;
	read_only = ro;
	guest_handlers[VEC_UD] = on_ud;
	CHECK(disable(vm, off ? VMX_X86_QUIRK_FIX_HYPERCALL_INSN : 0));
	v = vcpu_create(vm, 0, guest_foreign_hypercall);
	if (ro) {
		struct vmx_sregs s = vcpu_sregs(v);

		pt_map(vm, s.cr3, TEST_MEM, TEST_MEM, 1, PTE_P | PTE_A | PTE_D);
		s.cr0 |= CR0_WP;
		vcpu_set_sregs(v, &s);
	}
	vcpu_expect_done(v);
}

TEST(hypercall_is_fixed)
{
	REQUIRE_QUIRK(vm_create(0), VMX_X86_QUIRK_FIX_HYPERCALL_INSN);
	foreign_hypercall(false, false);
}

TEST(hypercall_is_undefined)
{
	REQUIRE_QUIRK(vm_create(0), VMX_X86_QUIRK_FIX_HYPERCALL_INSN);
	foreign_hypercall(true, false);
}

TEST(hypercall_is_served_where_it_cannot_be_fixed)
{
	REQUIRE_QUIRK(vm_create(0), VMX_X86_QUIRK_FIX_HYPERCALL_INSN);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM raises #PF for its own write");
	foreign_hypercall(false, true);
}

static void guest_real_ud(u64 id)
{
	u64 vec;

	GUEST_TRY(vec, "ud2", (), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	/* With LOCK it is no hypercall on any CPU. */
	GUEST_TRY(vec, ".byte 0xf0, 0x0f, 0x01, 0xc1", (), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	GUEST_TRY(vec, ".byte 0xf0, 0x0f, 0x01, 0xd9", (), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	guest_done();
}

TEST(other_undefined_instructions)
{
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_real_ud));
}

/* ---- OUT to port 0x7e ---- */

static void guest_out(u64 id)
{
	asm volatile("mov $0x7e, %%edx\n\t"
		     ".globl quirk_out, quirk_out_end\n"
		     "quirk_out: outb %%al, %%dx\n"
		     "quirk_out_end:" : : "a"(1) : "edx");
	asm volatile("inb $0x7e, %%al" : : : "eax");
	guest_done();
}

extern const char quirk_out[], quirk_out_end[];

static void out_7e(bool off)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	CHECK(disable(vm, off ? VMX_X86_QUIRK_OUT_7E_INC_RIP : 0));
	v = vcpu_create(vm, 0, guest_out);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	CHECK_EQ(v->run->io.port, 0x7e);
	CHECK_EQ(vcpu_regs(v).rip, off ? (u64)quirk_out : (u64)quirk_out_end);
	/* It is made once either way; an IN is like others. */
	vcpu_expect_exit(v, VMX_EXIT_IO);
	CHECK_EQ(v->run->io.direction, VMX_EXIT_IO_IN);
	vcpu_expect_done(v);
}

TEST(out_7e_rip)
{
	REQUIRE_QUIRK(vm_create(0), VMX_X86_QUIRK_OUT_7E_INC_RIP);
	out_7e(false);
	out_7e(true);
}

/* ---- LINT0 after reset ---- */

static u32 lint0(bool off, int id)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_lapic_state state;

	CHECK(disable(vm, off ? VMX_X86_QUIRK_LINT0_REENABLED : 0));
	must_ioctl(vcpu_create_reset(vm, id)->fd, VMX_GET_LAPIC, &state);
	return *(u32 *)(state.regs + APIC_LVT0);
}

TEST(lint0_after_reset)
{
	REQUIRE_QUIRK(vm_create(0), VMX_X86_QUIRK_LINT0_REENABLED);
	ASSERT_EQ(APIC_DM_EXTINT, lint0(false, 0));
	ASSERT_EQ(APIC_LVT_MASKED, lint0(true, 0));
}

/* ---- the LAPIC's page in x2APIC mode ---- */

static void guest_x2apic_page(u64 id)
{
	x2apic_enable();
	guest_sync(*(volatile u32 *)(APIC_DEFAULT_BASE + APIC_VERSION));
	guest_done();
}

TEST(lapic_page_in_x2apic_mode)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;

	REQUIRE_QUIRK(vm, VMX_X86_QUIRK_LAPIC_MMIO_HOLE);
	v = vcpu_create(vm, 0, guest_x2apic_page);
	vcpu_answer_mmio(v, APIC_DEFAULT_BASE + APIC_VERSION, 4, 0x1234);
	vcpu_expect_sync(v, 0x1234);
	/* By default nobody asks the VMM. */
	vm = vm_create(VM_IRQCHIP);
	v = vcpu_create(vm, 0, guest_x2apic_page);
	ASSERT_EQ(CALL_SYNC, vcpu_call(v).call);
}

/* ---- CR0.CD and NW ---- */

static void guest_uncached(u64 id)
{
	write_cr0(read_cr0() | CR0_CD | CR0_NW);
	guest_sync(0);
	for (int i = 0; i < 100; i++)
		GUEST_ASSERT_EQ(read_cr0() & (CR0_CD | CR0_NW), CR0_CD | CR0_NW);
	guest_sync(1);
	write_cr0(read_cr0() & ~(u64)(CR0_CD | CR0_NW));
	GUEST_ASSERT_EQ(read_cr0() & (CR0_CD | CR0_NW), 0);
	guest_done();
}

/* The guest sees what it wrote in any case. Where that is also what it runs with, its reads need no exit. */
static long cr_exits_while_uncached(bool off)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v;
	long before, after;

	CHECK(disable(vm, off ? VMX_X86_QUIRK_CD_NW_CLEARED : 0));
	v = vcpu_create(vm, 0, guest_uncached);
	vcpu_expect_sync(v, 0);
	before = vcpu_counter("exit:cr");
	vcpu_expect_sync(v, 1);
	after = vcpu_counter("exit:cr");
	vcpu_expect_done(v);
	vm_close(vm);
	return after - before;
}

TEST(cd_nw)
{
	REQUIRE_QUIRK(vm_create(0), VMX_X86_QUIRK_CD_NW_CLEARED);
	cr_exits_while_uncached(true);
	if (!device_is_vmx() || !host_is_amd())
		SKIP(return, "the CPU lets no one see which value the guest runs with");
	if (vm_is_shadow(vm_create(0)))
		SKIP(return, "under shadow paging every access to CR0 exits");
	ASSERT_EQ(0, cr_exits_while_uncached(true));
	ASSERT_GE(cr_exits_while_uncached(false), 100);
}

TEST_HARNESS_MAIN
