// SPDX-License-Identifier: GPL-2.0-only
/* SVM and VMX instructions in a guest that has neither: #UD. Hypercalls. */
#include "vmxtest.h"

#define EXPECT_UD(insn, ...) do { u64 vec_; \
	GUEST_TRY(vec_, insn, (), ("a"(0), "c"(0), ##__VA_ARGS__)); \
	GUEST_ASSERT_EQ(vec_, VEC_UD); } while (0)

static bool gif_intercepted, no_canonical_check;

static void guest_svm(u64 id)
{
	EXPECT_UD("vmrun");
	EXPECT_UD("vmload");
	EXPECT_UD("vmsave");
	/* In-tree intercepts neither on a CPU with virtual GIF, whatever the guest's CPUID. */
	if (gif_intercepted) {
		EXPECT_UD("stgi");
		EXPECT_UD("clgi");
	}
	EXPECT_UD("invlpga %%rax, %%ecx");
	EXPECT_UD("skinit %%eax");
	guest_done();
}

static void guest_vmx(u64 id)
{
	static u64 operand;

	EXPECT_UD("vmxon %[m]", [m] "m"(operand));
	EXPECT_UD("vmclear %[m]", [m] "m"(operand));
	EXPECT_UD("vmptrld %[m]", [m] "m"(operand));
	EXPECT_UD("vmlaunch");
	EXPECT_UD("vmresume");
	EXPECT_UD("vmxoff");
	EXPECT_UD("vmread %%rax, %%rcx");
	guest_done();
}

static void without_svm(struct vmx_cpuid2 *c)
{
	struct vmx_cpuid_entry2 *e = cpuid_find(c, 0x80000001, 0);

	if (e)
		e->ecx &= ~(1u << 2 | 1u << 12);	/* SVM, SKINIT */
	cpuid_find(c, 1, 0)->ecx &= ~(1u << 5);		/* VMX */
}

static void run_without(void (*entry)(u64))
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());

	without_svm(c);
	vcpu_set_cpuid(v, c);
	vcpu_set_long(v, entry);
	vcpu_expect_done(v);
}

TEST(svm)
{
	gif_intercepted = device_is_vmx();
	run_without(guest_svm);
}

TEST(vmx)
{
	run_without(guest_vmx);
}

static u64 vmcall(u64 nr, u64 a)
{
	u64 ret;

	/* Either opcode: the wrong one for this CPU is put right or emulated. */
	asm volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(0), "d"(0), "S"(0) : "memory");
	return ret;
}

static u64 vmmcall(u64 nr, u64 a)
{
	u64 ret;

	asm volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(0), "d"(0), "S"(0) : "memory");
	return ret;
}

static u8 user_stack[4096] __attribute__((aligned(16)));
static volatile u64 user_ret;

static void on_back(struct guest_frame *f)
{
	user_ret = f->rax;
	guest_done();
}

static void guest_hypercalls(u64 id)
{
	u32 a, b, c, d;
	bool amd;

	guest_cpuid(0, 0, &a, &b, &c, &d);
	amd = b == 0x68747541;
	GUEST_ASSERT_EQ((amd ? vmmcall : vmcall)(0xdead, 0), -(u64)PV_ENOSYS);
	GUEST_ASSERT_EQ((amd ? vmmcall : vmcall)(~0ull, 0), -(u64)PV_ENOSYS);
	guest_sync(1);
	/* From ring 3: -EPERM (1) */
	guest_handlers[0x90] = on_back;
	if (amd)
		asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq $1f; iretq\n"
			     "1: mov $5, %%eax; vmmcall; int $0x90" : : "i"(SEL_UDATA),
			     "r"(user_stack + 4096), "i"(SEL_UCODE64) : "memory", "rax");
	else
		asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq $1f; iretq\n"
			     "1: mov $5, %%eax; vmcall; int $0x90" : : "i"(SEL_UDATA),
			     "r"(user_stack + 4096), "i"(SEL_UCODE64) : "memory", "rax");
}

TEST(hypercalls)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_hypercalls);

	vcpu_expect_sync(v, 1);
	vcpu_expect_done(v);
	ASSERT_EQ(-1ull, user_ret);
}

static void guest_msrs(u64 id)
{
	u64 v;

	GUEST_ASSERT_EQ(rdmsr_try(0x12345678, &v), VEC_GP);
	GUEST_ASSERT_EQ(guest_error, 0);
	GUEST_ASSERT_EQ(wrmsr_try(0x12345678, 0), VEC_GP);
	/* passed through to the CPU; QEMU's does not check it */
	if (!no_canonical_check)
		GUEST_ASSERT_EQ(wrmsr_try(MSR_LSTAR, 0x8000000000000000ull), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_EFER, 1ull << 40), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PAT, 0x0202020202020202ull), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_LSTAR, 0x123456), -1);
	GUEST_ASSERT_EQ(rdmsr_try(MSR_LSTAR, &v), -1);
	GUEST_ASSERT_EQ(v, 0x123456);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PAT, 0x0007040600070406ull), -1);
	GUEST_ASSERT_EQ(rdmsr(MSR_PAT), 0x0007040600070406ull);
	/* paging is on: LME may not change (SDM 3A 9.8.5) */
	GUEST_ASSERT_EQ(wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_LME), VEC_GP);
	guest_done();
}

TEST(bad_msrs)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_msrs);

	no_canonical_check = host_is_tcg();
	vcpu_expect_done(v);
}

/*
 * /dev/vmx lets a guest with nested paging write CR0, CR4 and CR8 without an exit, so the CPU checks the value; QEMU's
 * TCG checks none of them but for reserved bits of CR4. In-tree KVM intercepts the writes and checks them itself.
 */
static volatile u64 no_cr_check;

static void guest_crs(u64 id)
{
	u64 vec;

	if (!no_cr_check) {
		GUEST_TRY(vec, "mov %[v], %%cr0", (), ([v] "r"((read_cr0() & ~(u64)CR0_PE))));
		GUEST_ASSERT_EQ(vec, VEC_GP);
		GUEST_TRY(vec, "mov %[v], %%cr0", (), ([v] "r"((read_cr0() | CR0_NW))));
		GUEST_ASSERT_EQ(vec, VEC_GP);
		GUEST_TRY(vec, "mov %[v], %%cr4", (), ([v] "r"((read_cr4() & ~(u64)CR4_PAE))));
		GUEST_ASSERT_EQ(vec, VEC_GP);
		GUEST_TRY(vec, "mov %[v], %%cr8", (), ([v] "r"(16ul)));
		GUEST_ASSERT_EQ(vec, VEC_GP);
	}
	/* These the emulated CPU does look at, and ends the run. */
	GUEST_TRY(vec, "mov %[v], %%cr4", (), ([v] "r"((read_cr4() | 1ull << 31))));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_TRY(vec, "mov %[v], %%cr4", (), ([v] "r"((read_cr4() | CR4_VMXE))));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	/* a change that is allowed, and is seen */
	write_cr4(read_cr4() & ~(u64)CR4_PGE);
	GUEST_ASSERT(!(read_cr4() & CR4_PGE));
	write_cr0(read_cr0() | CR0_TS);
	GUEST_TRY(vec, "movaps %%xmm0, %%xmm1", (), ());
	GUEST_ASSERT_EQ(vec, VEC_NM);
	asm volatile("clts");
	GUEST_ASSERT(!(read_cr0() & CR0_TS));
	GUEST_TRY(vec, "movaps %%xmm0, %%xmm1", (), ());
	GUEST_ASSERT_EQ(vec, -1);
	guest_done();
}

TEST(bad_control_registers)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());

	no_cr_check = device_is_vmx() && host_is_tcg();
	without_svm(c);
	vcpu_set_cpuid(v, c);
	vcpu_set_long(v, guest_crs);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
