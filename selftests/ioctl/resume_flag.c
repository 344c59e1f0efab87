// SPDX-License-Identifier: GPL-2.0-only
/*
 * RFLAGS.RF covers one instruction (SDM 3B 17.3.1.1), also one that exits and is not executed by the CPU. The
 * IN behind it shows: the VMM finds RF clear there.
 */
#include "vmxtest.h"

#define RFLAGS_RF (1ull << 16)
#define SHOWN_PORT 0x80
#define OTHER_PORT 0x81

#define BEFORE_IN(name, insn) \
	extern const char name[]; \
	asm(".pushsection .text\n" #name ": " insn "\n inb $0x80, %al\n hlt\n.popsection\n")
BEFORE_IN(at_cpuid, "cpuid");
BEFORE_IN(at_rdmsr, "rdmsr");
BEFORE_IN(at_port, "inb $0x81, %al");
BEFORE_IN(at_pic, "inb $0x21, %al");
BEFORE_IN(at_load, "movl (%rbx), %esi");
BEFORE_IN(at_store, "movl %esi, (%rbx)");
BEFORE_IN(at_add, "addl %esi, (%rbx)");

static void guest_start(u64 id)
{
	guest_sync(1);
}

/* Runs to the IN at the shown port; whatever else comes is answered with 0. */
static void expect_rf_gone(unsigned int flags, const char *insn)
{
	struct vcpu *v = vcpu_create(vm_create(flags), 0, guest_start);
	struct vmx_regs r;
	u32 reason;

	vcpu_expect_sync(v, 1);
	v->run->immediate_exit = 1;	/* the OUT is over after that */
	CHECK_EQ(try_run(v), -EINTR);
	v->run->immediate_exit = 0;
	r = vcpu_regs(v);
	r.rip = (u64)insn;
	r.rflags |= RFLAGS_RF;
	r.rax = 0;
	r.rbx = TEST_MMIO;
	r.rcx = 0x3b;	/* TSC_ADJUST */
	vcpu_set_regs(v, &r);
	for (int i = 0; i < 4; i++) {
		reason = vcpu_run(v);
		if (reason == VMX_EXIT_IO && v->run->io.port == SHOWN_PORT)
			break;
		CHECK(reason == VMX_EXIT_MMIO ||
		      (reason == VMX_EXIT_IO && v->run->io.port == OTHER_PORT));
	}
	CHECK_EQ(v->run->io.port, SHOWN_PORT);
	CHECK_EQ(vcpu_regs(v).rflags & RFLAGS_RF, 0);
}

TEST(cpuid_leaf) { expect_rf_gone(0, at_cpuid); }
TEST(read_msr) { expect_rf_gone(0, at_rdmsr); }
TEST(port_of_the_vmm) { expect_rf_gone(0, at_port); }
TEST(port_in_the_kernel) { expect_rf_gone(VM_IRQCHIP, at_pic); }
TEST(load) { expect_rf_gone(0, at_load); }
TEST(store) { expect_rf_gone(0, at_store); }
TEST(read_modify_write) { expect_rf_gone(0, at_add); }

TEST_HARNESS_MAIN
