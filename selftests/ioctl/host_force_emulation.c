// SPDX-License-Identifier: GPL-2.0-only
/* The module's parameter force_emulation_prefix: what follows UD2 "kvm" is emulated. */
#include "vmxtest.h"

#define PARAMETER "/sys/module/vmx/parameters/force_emulation_prefix"
#define FEP "ud2; .ascii \"kvm\"; "

static volatile u64 faulted, vector;

static void on_fault(struct guest_frame *f)
{
	faulted = f->rip;
	vector = f->vector;
	f->rip = f->r15;
}

/* One instruction behind the prefix; r15: where to go on after a fault. Its offset from the prefix, if it faults. */
#define FORCED(insn, outs, ins) TRIED(FEP, insn, outs, ins)
#define NATIVE(insn, outs, ins) TRIED("", insn, outs, ins)
#define TRIED(prefix, insn, outs, ins) \
({ \
	u64 start_; \
	faulted = 0; \
	asm volatile("lea 1f(%%rip), %%r14; lea 2f(%%rip), %%r15\n" \
		     "1:\t" prefix insn "\n2:\n\tmov %%r14, %[start_]" \
		     : [start_] "=&r"(start_) GUEST_UNPAREN outs : GUEST_UNPAREN2 ins \
		     : "r13", "r14", "r15", "memory", "cc"); \
	faulted ? faulted - start_ : (u64)-1; \
})

static void guest_forced(u64 id)
{
	u64 value = 41;

	guest_handlers[VEC_UD] = on_fault;
	guest_handlers[VEC_GP] = on_fault;
	if (!id) {
		GUEST_ASSERT_EQ(FORCED("inc %[v]", ([v] "+r"(value)), ()), 0);
		GUEST_ASSERT_EQ(vector, VEC_UD);
		guest_done();
	}
	GUEST_ASSERT_EQ(FORCED("inc %[v]", ([v] "+r"(value)), ()), -1);
	GUEST_ASSERT_EQ(value, 42);
	GUEST_ASSERT_EQ(FORCED("mov %%cr0, %[v]", ([v] "=r"(value)), ()), -1);
	GUEST_ASSERT_EQ(value, read_cr0());
	/* Its own faults are behind the prefix. */
	GUEST_ASSERT_EQ(FORCED("wrmsr", (), ("c"(0x12345), "a"(0), "d"(0))), 5);
	GUEST_ASSERT_EQ(vector, VEC_GP);
	GUEST_ASSERT_EQ(FORCED("ud2", (), ()), 5);
	GUEST_ASSERT_EQ(vector, VEC_UD);
	/* The emulator has no x87 arithmetic. */
	GUEST_ASSERT_EQ(FORCED("fsin", (), ()), 5);
	GUEST_ASSERT_EQ(vector, VEC_UD);
	guest_done();
}

/*
 * Far pointers with REX.W: whether their offsets have 32 bits (APM 3 JMP far) or 64 (SDM 2A JMP) no CPUID tells. The
 * emulator does as the CPU does.
 */
static struct { u64 low, high; } far_pointer;

static void guest_far(u64 id)
{
	u64 native, forced;

	guest_handlers[VEC_GP] = on_fault;
	far_pointer.low = 0x11223344ull | (u64)SEL_DATA << 32;
	far_pointer.high = SEL_DATA;
	native = forced = (u64)&far_pointer;
	/* REX.W LSS (%rax), %rax */
	GUEST_ASSERT_EQ(NATIVE(".byte 0x48, 0x0f, 0xb2, 0x00", ("+a"(native)), ()), -1);
	GUEST_ASSERT_EQ(FORCED(".byte 0x48, 0x0f, 0xb2, 0x00", ("+a"(forced)), ()), -1);
	GUEST_ASSERT_EQ((u32)native, 0x11223344);
	GUEST_ASSERT_EQ(native, forced);
	/* with a 32-bit offset the selector is 0, and #GP */
	far_pointer.high = SEL_CODE64;
	native = NATIVE("lea 3f(%%rip), %%r13; mov %%r13, %[p]; rex.W ljmp *%[p]; 3:", (), ([p] "m"(far_pointer)));
	vector = 0;
	asm volatile("lea 4f(%%rip), %%rax; mov %%rax, %[p]; lea 4f(%%rip), %%r15\n"
		     FEP "rex.W ljmp *%[p]\n4:" : [p] "+m"(far_pointer) : : "rax", "r15", "memory");
	GUEST_ASSERT_EQ(vector == VEC_GP, native != (u64)-1);
	guest_done();
}

/* A fault has RF set in the RFLAGS that it saves (SDM 3B 17.3.1.1), which a debugger in the guest relies on. */
static void on_rf(struct guest_frame *f)
{
	vector = f->rflags >> 16 & 1;
	f->rip = f->r15;
}

static void guest_rf(u64 id)
{
	vector = 2;
	guest_handlers[VEC_UD] = on_rf;
	asm volatile("lea 1f(%%rip), %%r15; ud2; 1:" : : : "r15", "memory");
	GUEST_ASSERT_EQ(vector, 1);
	guest_done();
}

TEST(resume_flag)
{
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_rf));
}

static bool set_parameter(const char *value)
{
	FILE *f = fopen(PARAMETER, "w");
	bool done = f && fputs(value, f) >= 0;

	return f && !fclose(f) && done;
}

TEST(off)
{
	if (!device_is_vmx() || !set_parameter("0"))
		SKIP(return, "needs our module and root");
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_forced));
}

TEST(on)
{
	struct vm *vm;

	if (!device_is_vmx() || !set_parameter("1"))
		SKIP(return, "needs our module and root");
	vm = vm_create(0);
	vcpu_expect_done(vcpu_create(vm, 1, guest_forced));
	ASSERT_TRUE(set_parameter("0"));
}

TEST(far_pointers)
{
	if (!device_is_vmx() || !set_parameter("1"))
		SKIP(return, "needs our module and root");
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_far));
	ASSERT_TRUE(set_parameter("0"));
}

TEST_HARNESS_MAIN
