// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls for the VMM (VMX_CAP_EXIT_HYPERCALL), services refused that CPUID does not show. */
#include "vmxtest.h"

#define HC_KICK_CPU 5
#define HC_SEND_IPI 10
#define HC_SCHED_YIELD 11
#define HC_MAP_GPA_RANGE 12
#define ENOSYS_PV ((u64)-1000)
#define EINVAL_PV ((u64)-22)

static bool amd;
static volatile u64 result, gpa, pages;

static u64 hypercall(u64 nr, u64 a, u64 b, u64 c)
{
	u64 r = nr;

	if (amd)
		asm volatile("vmmcall" : "+a"(r) : "b"(a), "c"(b), "d"(c), "S"(0ul) : "memory");
	else
		asm volatile("vmcall" : "+a"(r) : "b"(a), "c"(b), "d"(c), "S"(0ul) : "memory");
	return r;
}

static void guest_maps(u64 id)
{
	for (;;) {
		result = hypercall(HC_MAP_GPA_RANGE, gpa, pages, 0x10);
		guest_sync(1);
	}
}

TEST(map_gpa_range)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_maps);
	struct vmx_enable_cap c = { .cap = VMX_CAP_EXIT_HYPERCALL, .args[0] = 1 << 11 };

	REQUIRE_CAP(VMX_CAP_EXIT_HYPERCALL);
	ASSERT_EQ(1 << HC_MAP_GPA_RANGE, check_cap(vm->fd, VMX_CAP_EXIT_HYPERCALL));
	amd = host_is_amd();
	gpa = 0x5000;
	pages = 3;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(ENOSYS_PV, result);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
	c.args[0] = 1 << HC_MAP_GPA_RANGE;
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
	vcpu_expect_exit(v, VMX_EXIT_HYPERCALL);
	ASSERT_EQ(HC_MAP_GPA_RANGE, v->run->hypercall.nr);
	ASSERT_EQ(0x5000, v->run->hypercall.args[0]);
	ASSERT_EQ(3, v->run->hypercall.args[1]);
	ASSERT_EQ(0x10, v->run->hypercall.args[2]);
	v->run->hypercall.ret = 0x123456789a;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0x123456789a, result);
	/* what makes no sense the VMM does not see */
	gpa = 0x5001;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(EINVAL_PV, result);
	gpa = 0x5000;
	pages = 0;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(EINVAL_PV, result);
	c.args[0] = 0;
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(ENOSYS_PV, result);
}

static volatile u64 refused;

static void guest_services(u64 id)
{
	static const u32 msrs[] = { 0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d03, 0x4b564d04,
				    0x4b564d05 };
	u64 v;

	for (;;) {
		u64 n = 0;

		for (u32 i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
			n += rdmsr_try(msrs[i], &v) == VEC_GP;
			n += wrmsr_try(msrs[i], 0) == VEC_GP;
		}
		n += hypercall(HC_KICK_CPU, 0, 0, 0) == ENOSYS_PV;
		n += hypercall(HC_SEND_IPI, 0, 0, 0) == ENOSYS_PV;
		n += hypercall(HC_SCHED_YIELD, 0, 0, 0) == ENOSYS_PV;
		refused = n;
		guest_sync(1);
	}
}

TEST(hidden_services)
{
	struct vmx_cpuid2 *cpuid = cpuid_copy(supported_cpuid());
	struct vmx_enable_cap c = { .cap = VMX_CAP_ENFORCE_PV_FEATURE_CPUID, .args[0] = 1 };
	struct vcpu *v = vcpu_create_bare(vm_create(VM_IRQCHIP), 0);
	struct vmx_cpuid_entry2 *e;

	REQUIRE_CAP(VMX_CAP_ENFORCE_PV_FEATURE_CPUID);
	amd = host_is_amd();
	e = cpuid_find(cpuid, 0x40000001, 0);
	ASSERT_NE(NULL, e);
	e->eax = 0;
	vcpu_set_cpuid(v, cpuid);
	vm_setup_tables(v->vm);
	vcpu_set_long(v, guest_services);
	/* hidden alone does not matter */
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, refused);
	must_ioctl(v->fd, VMX_ENABLE_CAP, &c);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(17, refused);
	c.args[0] = 0;
	must_ioctl(v->fd, VMX_ENABLE_CAP, &c);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, refused);
	c.cap = VMX_CAP_HYPERV_SYNIC + 1000;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_ENABLE_CAP, &c));
}

/* FNOP-like x87 on a device: nobody emulates it. In user mode that is #UD, unless the VMM wants to know. */
extern char user_code[];
static u8 user_stack[4096] __attribute__((aligned(16)));
static volatile u64 uds;

static void on_ud(struct guest_frame *f)
{
	uds++;
	guest_sync(2);
}

static void guest_user(u64 id)
{
	guest_handlers[VEC_UD] = on_ud;
	guest_sync(1);
	asm volatile("pushq %0; push %1; push $2; push %2; lea user_code(%%rip), %%rax; push %%rax; iretq;"
		     ".globl user_code; user_code: fldl (%%rdi); jmp ."
		     : : "i"(SEL_UDATA), "r"(user_stack + sizeof(user_stack)), "i"(SEL_UCODE64),
		       "D"(TEST_MMIO) : "memory", "rax");
}

static void map_user(struct vm *vm)
{
	u64 *e = pt_map(vm, LOW_PGTABLE, TEST_MMIO, TEST_MMIO, 1, PTE_P | PTE_W | PTE_U);

	CHECK(e);
}

TEST(emulation_failure_in_user_mode)
{
	struct vmx_enable_cap c = { .cap = VMX_CAP_EXIT_ON_EMULATION_FAILURE, .args[0] = 1 };
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_user);

	REQUIRE_CAP(VMX_CAP_EXIT_ON_EMULATION_FAILURE);
	map_user(vm);
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(1, uds);

	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_user);
	map_user(vm);
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
	vcpu_expect_sync(v, 1);
	vcpu_expect_exit(v, VMX_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(VMX_INTERNAL_ERROR_EMULATION, v->run->internal.suberror);
	ASSERT_EQ(1, uds);
	c.args[0] = 2;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
}

TEST_HARNESS_MAIN
