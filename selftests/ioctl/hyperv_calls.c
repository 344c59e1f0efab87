// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's hypercalls: the page, what is refused and how, input in registers, exits and eventfds. */
#include <sys/eventfd.h>
#include "hyperv.h"

static volatile u64 results[32];

static void guest_page(u64 id)
{
	volatile u8 *code = (volatile u8 *)HV_PAGE_CODE;
	u64 gpa = HV_PAGE_CODE;

	/* who does not say who it is has no hypercalls */
	wrmsr(HV_HYPERCALL, gpa | 1);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), 0);
	GUEST_ASSERT_EQ(code[0], 0);
	wrmsr(HV_GUEST_OS_ID, HV_OS_ID);
	wrmsr(HV_HYPERCALL, gpa);
	GUEST_ASSERT_EQ(code[0], 0);
	GUEST_ASSERT_EQ(wrmsr_try(HV_HYPERCALL, TEST_MMIO | 1), VEC_GP);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), gpa);
	wrmsr(HV_HYPERCALL, gpa | 1);
	GUEST_ASSERT_EQ(code[3], 0xc3);
	GUEST_ASSERT_EQ(hv_call(0xbeef, 0, 0), 2);
	wrmsr(HV_GUEST_OS_ID, 0);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), gpa);
	guest_done();
}

TEST(page)
{
	REQUIRE_HV();
	vcpu_expect_done(hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_page));
}

#define EXPECT_CALL(status, ...) GUEST_ASSERT_EQ(hv_call_mem(__VA_ARGS__), status)

static void guest_statuses(u64 id)
{
	u64 in[8] = { 0 };

	hv_guest_setup();
	EXPECT_CALL(2, 0xbeef, in, 0);
	EXPECT_CALL(3, 1ull << 27 | 2, in, 3);			/* reserved bits */
	EXPECT_CALL(0, 8, in, 0);				/* long spin wait */
	EXPECT_CALL(3, HV_REPS(1) | 8, in, 0);
	EXPECT_CALL(0, 2, in, 3);				/* flush */
	EXPECT_CALL(3, 3, in, 3);				/* a list of none */
	EXPECT_CALL(2ull << 32, HV_REPS(2) | 3, in, 5);
	EXPECT_CALL(3, HV_REPS(2) | 2ull << 48 | 3, in, 5);	/* begins behind its end */
	EXPECT_CALL(0, 0x13, in, 4);				/* of nobody */
	in[2] = 1;
	EXPECT_CALL(0, 0x13, in, 4);				/* of all */
	in[2] = 0;
	in[3] = 3;
	EXPECT_CALL(3, 0x13 | HV_HEAD(1), in, 6);		/* two banks, one said */
	EXPECT_CALL(0, 0x13 | HV_HEAD(2), in, 6);
	GUEST_ASSERT_EQ(hv_call(2, HV_PAGE_IN + 4, 0), 4);	/* not aligned */
	GUEST_ASSERT_EQ(hv_call(2, HV_PAGE_IN + 0xff0, 0), 3);	/* across a page */
	GUEST_ASSERT_EQ(hv_call(2, TEST_MMIO, 0), 3);
	in[0] = 15;
	EXPECT_CALL(3, 0xb, in, 2);				/* not a vector */
	GUEST_ASSERT_EQ(hv_call(0xb | HV_FAST, 256, 0), 3);
	GUEST_ASSERT_EQ(hv_call(0xb | HV_FAST, 0x50, 0), 0);	/* to nobody */
	EXPECT_CALL(3, 0x5c, in, 2);				/* no SynIC: no messages */
	GUEST_ASSERT_EQ(hv_call(0x5d | HV_FAST, 1, 0), 3);
	EXPECT_CALL(8, 0x6b, in, 0);				/* debugger: by its MSRs */
	guest_done();
}

TEST(statuses)
{
	REQUIRE_HV();
	vcpu_expect_done(hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_statuses));
}

/* ---- privileges ---- */

static volatile u64 call, in_arg;
static volatile int vector;

static void guest_one_call(u64 id)
{
	hv_guest_setup();
	for (;;) {
		u64 vec, ret = 0;

		GUEST_TRY(vec, "vmmcall", ("+a"(ret)), ("c"(call), "d"(in_arg)), "r9", "r10", "r11");
		if (vec == VEC_UD && *(volatile u8 *)(HV_PAGE_CODE + 2) == 0xc1)
			GUEST_TRY(vec, "vmcall", ("+a"(ret)), ("c"(call), "d"(in_arg)), "r9", "r10",
				  "r11");
		vector = vec;
		results[0] = ret;
		guest_sync(1);
	}
}

static u64 call_with(u32 ebx, u32 edx, u32 hints, u64 input)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_one_call);
	struct vmx_cpuid2 *c = hv_cpuid();

	cpuid_find(c, 0x40000003, 0)->ebx = ebx;
	cpuid_find(c, 0x40000003, 0)->edx = edx;
	cpuid_find(c, 0x40000004, 0)->eax = hints;
	vcpu_set_cpuid(v, c);
	free(c);
	hv_enable_cap(v, VMX_CAP_HYPERV_ENFORCE_CPUID, 1);
	call = input;
	in_arg = HV_PAGE_IN;
	vcpu_expect_sync(v, 1);
	vm_close(v->vm);
	return vector == -1 ? results[0] : 1000 + (u64)vector;
}

TEST(enforced_privileges)
{
	REQUIRE_HV();
	ASSERT_EQ(6, call_with(~0x10, ~0, ~0, 0x5c));
	ASSERT_EQ(3, call_with(0x10, 0, 0, 0x5c));
	ASSERT_EQ(6, call_with(~0x20, ~0, ~0, 0x5d));
	ASSERT_EQ(3, call_with(0x20, 0, 0, 0x5d));
	ASSERT_EQ(6, call_with(~0, ~0, ~4, 2));
	ASSERT_EQ(0, call_with(0, 0, 4, 2));
	ASSERT_EQ(6, call_with(0, 0, 4, 0x13));
	ASSERT_EQ(0, call_with(0, 0, 4 | 1 << 11, 0x13));
	ASSERT_EQ(6, call_with(~0, ~0, ~(1 << 10), 0xb));
	ASSERT_EQ(0, call_with(0, 0, 1 << 10 | 1 << 11, 0x15));
	ASSERT_EQ(1000 + VEC_UD, call_with(0, ~(1 << 4), 4, 2 | HV_FAST));
	ASSERT_EQ(0, call_with(0, 1 << 4, 4, 2 | HV_FAST));
}

/* ---- 32-bit code: EDX:EAX, EBX:ECX, EDI:ESI ---- */

extern const char code32_start[], code32_end[];

asm(".pushsection .text\n.code32\n"
    "code32_start:\n"
    "	mov $0x40000000, %ecx; mov $0x81000000, %edx; xor %eax, %eax; wrmsr\n"
    "	mov $0x40000001, %ecx; xor %edx, %edx; mov $0x80001, %eax; wrmsr\n"
    "	xor %edx, %edx; mov $0x1000b, %eax; xor %ebx, %ebx; mov $0x50, %ecx; xor %edi, %edi; mov $1, %esi\n"
    "	call 1f\n"
    "	mov %eax, %ebx; mov %edx, %ecx; xor %esi, %esi; mov $1, %edi; mov $1, %eax; mov $0xe0, %edx; out %eax, %dx\n"
    "	hlt\n"
    "1:	mov $0x80000, %ebp; jmp *%ebp\n"
    "code32_end:\n"
    ".code64\n.popsection\n");

TEST(registers_of_32_bit_code)
{
	struct vm *vm;
	struct vcpu *v;
	struct vmx_lapic_state lapic;
	struct vmx_regs r;
	struct ucall uc;

	REQUIRE_HV();
	vm = vm_create(VM_IRQCHIP);
	v = hv_vcpu(vm, 0, guest_page);
	memcpy(vm_ptr(vm, LOW_CODE16), code32_start, code32_end - code32_start);
	vcpu_set_prot32(v, LOW_CODE16);
	r = vcpu_regs(v);
	r.rsp = LOW_STACKS + LOW_STACK_SIZE;
	vcpu_set_regs(v, &r);
	must_ioctl(v->fd, VMX_GET_LAPIC, &lapic);
	*(u32 *)(lapic.regs + APIC_SPIV) = 0x1ff;
	must_ioctl(v->fd, VMX_SET_LAPIC, &lapic);
	uc = vcpu_call(v);
	ASSERT_EQ(CALL_SYNC, uc.call);
	ASSERT_EQ(0, uc.c);	/* EAX of the result */
	ASSERT_EQ(0, uc.d);	/* EDX */
	/* vector 0x50 has arrived */
	must_ioctl(v->fd, VMX_GET_LAPIC, &lapic);
	ASSERT_EQ(1 << 16, *(u32 *)(lapic.regs + 0x220));
}

/* ---- messages and events ---- */

static void guest_events(u64 id)
{
	hv_guest_setup();
	for (;;) {
		results[0] = hv_call(call, in_arg, 0x1234);
		guest_sync(1);
	}
}

TEST(exits)
{
	struct vcpu *v;

	REQUIRE_CAP(VMX_CAP_HYPERV_SYNIC2);
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_events);
	hv_enable_cap(v, VMX_CAP_HYPERV_SYNIC2, 0);
	call = 0x5c;
	in_arg = HV_PAGE_IN;
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	ASSERT_EQ(VMX_EXIT_HYPERV_HCALL, v->run->hyperv.type);
	ASSERT_EQ(0x5c, v->run->hyperv.u.hcall.input);
	ASSERT_EQ(HV_PAGE_IN, v->run->hyperv.u.hcall.params[0]);
	ASSERT_EQ(0x1234, v->run->hyperv.u.hcall.params[1]);
	v->run->hyperv.u.hcall.result = 19;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(19, results[0]);
}

static long hv_eventfd(struct vm *vm, u32 conn, int fd, u32 flags)
{
	struct vmx_hyperv_eventfd e = { .conn_id = conn, .fd = fd, .flags = flags };

	return try_ioctl(vm->fd, VMX_HYPERV_EVENTFD, &e);
}

TEST(eventfds)
{
	struct vm *vm;
	struct vcpu *v;
	int fd = eventfd(0, EFD_NONBLOCK);
	eventfd_t n;

	REQUIRE_CAP(VMX_CAP_HYPERV_EVENTFD);
	vm = vm_create(VM_IRQCHIP);
	v = hv_vcpu(vm, 0, guest_events);
	hv_enable_cap(v, VMX_CAP_HYPERV_SYNIC2, 0);
	ASSERT_EQ(-EINVAL, hv_eventfd(vm, 1 << 24, fd, 0));
	ASSERT_EQ(-EINVAL, hv_eventfd(vm, 1, fd, 2));
	ASSERT_EQ(-ENOENT, hv_eventfd(vm, 1, fd, VMX_HYPERV_EVENTFD_DEASSIGN));
	ASSERT_EQ(-EBADF, hv_eventfd(vm, 1, -1, 0));
	ASSERT_EQ(0, hv_eventfd(vm, 0x123456, fd, 0));
	ASSERT_EQ(-EEXIST, hv_eventfd(vm, 0x123456, fd, 0));
	call = 0x5d | HV_FAST;
	in_arg = 0x123456;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, results[0]);
	ASSERT_EQ(0, eventfd_read(fd, &n));
	ASSERT_EQ(1, n);
	/* in memory */
	*(u64 *)vm_ptr(vm, HV_PAGE_IN) = 0x123456;
	call = 0x5d;
	in_arg = HV_PAGE_IN;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, results[0]);
	ASSERT_EQ(0, eventfd_read(fd, &n));
	/* another connection, and a flag: the VMM's */
	call = 0x5d | HV_FAST;
	in_arg = 0x123457;
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	ASSERT_EQ(0x5d | HV_FAST, v->run->hyperv.u.hcall.input);
	ASSERT_EQ(0x123457, v->run->hyperv.u.hcall.params[0]);
	v->run->hyperv.u.hcall.result = 18;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(18, results[0]);
	in_arg = 0x123456 | 1ull << 32;
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	vcpu_expect_sync(v, 1);
	in_arg = 1 << 24;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(3, results[0]);
	ASSERT_EQ(0, hv_eventfd(vm, 0x123456, -1, VMX_HYPERV_EVENTFD_DEASSIGN));
	in_arg = 0x123456;
	vcpu_expect_exit(v, VMX_EXIT_HYPERV);
	ASSERT_EQ(-1, eventfd_read(fd, &n));
}

TEST_HARNESS_MAIN
