// SPDX-License-Identifier: GPL-2.0-only
/* SET_GUEST_DEBUG and EXIT_DEBUG: steps, breakpoints, events given back to the guest. */
#include "vmxtest.h"

#define DR6_ONES 0xffff0ff0u
#define DR6_BS 0x4000u
#define DR6_BD 0x2000u

static volatile u64 watched, hits, hit_rip, hit_rflags, pushed, dr;

static void debug(struct vcpu *v, u32 control)
{
	struct vmx_guest_debug g = { .control = control };

	must_ioctl(v->fd, VMX_SET_GUEST_DEBUG, &g);
}

#define STEP (VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_SINGLESTEP)

/* The next exit must be a step that ends at pc. */
#define expect_step(v, where) do { \
	vcpu_expect_exit(v, VMX_EXIT_DEBUG); \
	CHECK_EQ((v)->run->debug.arch.exception, VEC_DB); \
	CHECK_EQ((v)->run->debug.arch.pc, (u64)(where)); \
	CHECK_EQ(vcpu_regs(v).rip, (u64)(where)); \
	CHECK_EQ((v)->run->debug.arch.dr6, DR6_ONES | DR6_BS); } while (0)

/* Over the message that the guest stopped at: the end of an I/O instruction is a step by itself. */
static void begin_steps(struct vcpu *v, u32 control, const char *where)
{
	int n;

	debug(v, control);
	for (n = 0; n < 50; n++) {
		vcpu_expect_exit(v, VMX_EXIT_DEBUG);
		if (v->run->debug.arch.pc == (u64)where)
			return;
	}
	DIE("did not step to %p", where);
}

TEST(capability)
{
	u32 all = 0x001f0003, got = check_cap(vm_create(0)->fd, VMX_CAP_SET_GUEST_DEBUG2);

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	ASSERT_EQ(all, got & all);
}

/* ---- steps ---- */

extern char s_start[], s_cpuid[], s_after_cpuid[], s_store[], s_load[], s_end[], s_rdmsr[], s_wrmsr[];

static void guest_steps(u64 id)
{
	guest_sync(1);
	asm volatile(".globl s_start, s_cpuid, s_after_cpuid, s_store, s_load, s_end, s_rdmsr, s_wrmsr;"
		     "s_start: xor %%eax, %%eax; s_cpuid: cpuid; s_after_cpuid: mov $0x277, %%ecx;"
		     "s_rdmsr: rdmsr; s_wrmsr: wrmsr;"
		     "s_store: movl $7, %0; s_load: mov %0, %%eax; s_end: nop"
		     : "+m"(watched) : : "rax", "rbx", "rcx", "rdx", "memory");
	guest_done();
}

/* Instructions that run, that are skipped by the kernel, that touch memory: one after the other. */
TEST(steps)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_steps);

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	vcpu_expect_sync(v, 1);
	begin_steps(v, STEP, s_start);
	expect_step(v, s_cpuid);
	expect_step(v, s_after_cpuid);
	expect_step(v, s_rdmsr);
	expect_step(v, s_wrmsr);
	expect_step(v, s_store);
	expect_step(v, s_load);
	expect_step(v, s_end);
	ASSERT_EQ(7, watched);
	debug(v, 0);
	vcpu_expect_done(v);
	ASSERT_EQ(0, vcpu_regs(v).rflags & RFLAGS_TF);
}

#define DEVICE (TEST_MMIO + 0x100)

extern char d_in[], d_read[], d_write[], d_string[], d_end[];

static void guest_device(u64 id)
{
	guest_sync(1);
	asm volatile(".globl d_in, d_read, d_write, d_string, d_end;"
		     "d_in: in $0x70, %%al; d_read: mov (%%rdi), %%eax; d_write: mov %%eax, 4(%%rdi);"
		     "d_string: movsl; d_end: nop"
		     : : "D"(DEVICE), "S"(&watched) : "rax", "memory");
	guest_done();
}

/* The VMM's half of an instruction comes first, then the step. */
TEST(steps_over_devices)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_device);

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	watched = 0x1234;
	vcpu_expect_sync(v, 1);
	begin_steps(v, STEP, d_in);
	vcpu_expect_exit(v, VMX_EXIT_IO);
	expect_step(v, d_read);
	vcpu_answer_mmio(v, DEVICE, 4, 0x55);
	expect_step(v, d_write);
	vcpu_expect_mmio_write(v, DEVICE + 4, 4, 0x55);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM forgets the step of a store that the VMM serves");
	expect_step(v, d_string);
	vcpu_expect_mmio_write(v, DEVICE, 4, 0x1234);
	expect_step(v, d_end);
	debug(v, 0);
	vcpu_expect_done(v);
}

static void count_db(struct guest_frame *f)
{
	hits++;
	hit_rip = f->rip;
	hit_rflags = f->rflags;
	if (hits == 3)
		f->rflags &= ~(u64)RFLAGS_TF;
}

extern char t_pushf[], t_popf[], t_or[], t_on[], t_n1[], t_n2[], t_off[];

static void guest_flags(u64 id)
{
	guest_handlers[VEC_DB] = count_db;
	guest_sync(1);
	asm volatile(".globl t_pushf, t_popf, t_or, t_on, t_n1, t_n2, t_off;"
		     "t_pushf: pushfq; mov (%%rsp), %%rax; mov %%rax, %0;"
		     "t_popf: popfq; t_or: pushfq; orl $0x100, (%%rsp); t_on: popfq;"
		     "t_n1: nop; t_n2: nop; t_off: nop; nop"
		     : "=m"(pushed) : : "rax", "memory", "cc");
	guest_done();
}

/* The guest sees its own TF, and its own traps. */
TEST(own_trap_flag)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_flags);
	int n, at_off = 0;

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM shows the guest the VMM's TF, and takes its traps");
	vcpu_expect_sync(v, 1);
	begin_steps(v, STEP, t_pushf);
	for (n = 0; n < 4000; n++) {
		if (vcpu_run(v) != VMX_EXIT_DEBUG)
			break;
		CHECK_EQ(v->run->debug.arch.exception, VEC_DB);
		if (v->run->debug.arch.pc == (u64)t_n1)
			CHECK(vcpu_regs(v).rflags & RFLAGS_TF);
		at_off += v->run->debug.arch.pc == (u64)t_off;
	}
	vcpu_check_guest_at(__FILE__, __LINE__, v);
	debug(v, 0);
	ASSERT_EQ(VMX_EXIT_IO, v->run->exit_reason);
	ASSERT_EQ(0, pushed & RFLAGS_TF);
	ASSERT_EQ(3, hits);
	ASSERT_LE(1, at_off);
	ASSERT_EQ(RFLAGS_TF, hit_rflags & RFLAGS_TF);
}

static void on_ud(struct guest_frame *f)
{
	hits++;
	hit_rflags = f->rflags;
	f->rip += 2;
}

extern char f_ud2[], f_int[], f_end[];

static void on_int(struct guest_frame *f)
{
	hits += 0x10;
	hit_rflags |= f->rflags;
}

static void guest_faults(u64 id)
{
	guest_handlers[VEC_UD] = on_ud;
	guest_handlers[0x50] = on_int;
	guest_sync(1);
	asm volatile(".globl f_ud2, f_int, f_end;"
		     "f_ud2: ud2; f_int: int $0x50; f_end: nop" : : : "memory");
	guest_done();
}

/* A step into an exception's handler; no frame shows TF. */
TEST(steps_into_handlers)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_faults);
	bool after_ud = false, after_int = false;
	u64 handler;
	int n;

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM shows the guest the VMM's TF, and runs handlers as one step");
	vcpu_expect_sync(v, 1);
	begin_steps(v, STEP, f_ud2);
	vcpu_expect_exit(v, VMX_EXIT_DEBUG);
	handler = v->run->debug.arch.pc;
	ASSERT_NE((u64)f_ud2, handler);
	ASSERT_NE((u64)f_int, handler);
	ASSERT_EQ(0, hits);
	for (n = 0; n < 4000 && vcpu_run(v) == VMX_EXIT_DEBUG; n++) {
		after_ud |= v->run->debug.arch.pc == (u64)f_int;
		after_int |= v->run->debug.arch.pc == (u64)f_end;
	}
	ASSERT_EQ(true, after_ud);
	ASSERT_EQ(true, after_int);
	ASSERT_EQ(0x11, hits);
	ASSERT_EQ(0, hit_rflags & RFLAGS_TF);
	ASSERT_EQ(VMX_EXIT_IO, v->run->exit_reason);
}

extern char h_hlt[], h_end[];

static void on_tick(struct guest_frame *f)
{
	hits++;
	xapic_eoi();
}

static void guest_halts(u64 id)
{
	guest_handlers[0x40] = on_tick;
	xapic_enable();
	irqs_on();
	guest_sync(1);
	asm volatile(".globl h_hlt, h_end; h_hlt: hlt; h_end: nop" : : : "memory");
	guest_done();
}

/* HLT is a step too; the vCPU is halted then. */
TEST(steps_over_hlt)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_halts);
	struct vmx_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	vcpu_expect_sync(v, 1);
	begin_steps(v, STEP, h_hlt);
	expect_step(v, h_end);
	ASSERT_EQ(VMX_MP_STATE_HALTED, vcpu_mp_state(v));
	debug(v, 0);
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
	vcpu_expect_done(v);
	ASSERT_EQ(1, hits);
}

extern char b_sti[], b_nop1[], b_nop2[], b_cpuid[], b_nop3[];

static void guest_blocked(u64 id)
{
	guest_handlers[0x40] = on_tick;
	xapic_enable();
	guest_sync(1);
	asm volatile(".globl b_sti, b_nop1, b_nop2, b_cpuid, b_nop3;"
		     "b_sti: sti; b_nop1: nop; b_nop2: xor %%eax, %%eax; b_cpuid: cpuid; b_nop3: nop"
		     : : : "rax", "rbx", "rcx", "rdx", "memory");
	guest_sync(2);
	guest_done();
}

/* QEMU's CPU takes no trap in STI's shadow. */
static void step_over_sti(struct vcpu *v)
{
	if (!host_is_tcg() || !host_is_amd())
		expect_step(v, b_nop1);
	expect_step(v, b_nop2);
}

/* With BLOCKIRQ a pending interrupt waits until the VMM has done with stepping. */
TEST(interrupts_blocked)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_blocked);
	struct vmx_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	vcpu_expect_sync(v, 1);
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
	begin_steps(v, STEP | VMX_GUESTDBG_BLOCKIRQ, b_sti);
	step_over_sti(v);
	expect_step(v, b_cpuid);
	expect_step(v, b_nop3);
	ASSERT_EQ(0, hits);
	debug(v, VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_BLOCKIRQ);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0, hits);
	debug(v, 0);
	vcpu_expect_done(v);
	ASSERT_EQ(1, hits);
}

/* Without, the step leads into its handler. */
TEST(interrupt_while_stepping)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_blocked);
	struct vmx_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };
	bool in_order = false;
	int n;

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM runs handlers as one step");
	vcpu_expect_sync(v, 1);
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi);
	begin_steps(v, STEP, b_sti);
	for (n = 0; n < 4000 && vcpu_run(v) == VMX_EXIT_DEBUG; n++)
		if (v->run->debug.arch.pc == (u64)b_nop3)
			in_order = hits == 1;
	ASSERT_EQ(true, in_order);
	ASSERT_EQ(VMX_EXIT_IO, v->run->exit_reason);
}

/* ---- breakpoints ---- */

extern char i_int3[], i_after[];

static void on_bp(struct guest_frame *f)
{
	hits++;
	hit_rip = f->rip;
}

static void guest_int3(u64 id)
{
	guest_handlers[VEC_BP] = on_bp;
	for (;;) {
		guest_sync(1);
		asm volatile(".globl i_int3, i_after; i_int3: int3; i_after: nop" : : : "memory");
	}
}

/* QEMU's INT3 does not look at the intercept of #BP, as in-tree KVM expects. */
#define REQUIRE_INT3() do { \
	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG); \
	if (!device_is_vmx() && host_is_tcg() && host_is_amd()) \
		SKIP(return, "QEMU's INT3 does not exit for in-tree KVM"); } while (0)

static void expect_bp(struct vcpu *v)
{
	vcpu_expect_exit(v, VMX_EXIT_DEBUG);
	CHECK_EQ(v->run->debug.arch.exception, VEC_BP);
	CHECK_EQ(v->run->debug.arch.pc, (u64)i_int3);
	CHECK_EQ(vcpu_regs(v).rip, (u64)i_int3);
	CHECK_EQ(hits, 0);
}

TEST(software_breakpoint)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_int3);
	struct vmx_regs r;

	REQUIRE_INT3();
	vcpu_expect_sync(v, 1);
	debug(v, VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_USE_SW_BP);
	expect_bp(v);
	r = vcpu_regs(v);
	r.rip++;
	vcpu_set_regs(v, &r);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, hits);
	/* with a step over it too */
	begin_steps(v, STEP | VMX_GUESTDBG_USE_SW_BP, i_int3);
	expect_bp(v);
	/* not asked for: it is the guest's */
	debug(v, 0);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, hits);
	ASSERT_EQ((u64)i_after, hit_rip);
}

/* The VMM finds that it is the guest's own: the guest returns behind it. */
TEST(breakpoint_given_back)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_int3);
	struct vmx_vcpu_events e;

	REQUIRE_INT3();
	vcpu_expect_sync(v, 1);
	debug(v, VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_USE_SW_BP);
	expect_bp(v);
	debug(v, VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_USE_SW_BP | VMX_GUESTDBG_INJECT_BP);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, hits);
	ASSERT_EQ((u64)i_after, hit_rip);

	hits = 0;
	expect_bp(v);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	ASSERT_EQ(0, e.exception.injected);
	e.exception.injected = 1;
	e.exception.nr = VEC_BP;
	e.exception.has_error_code = 0;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(1, hits);
	ASSERT_EQ((u64)i_after, hit_rip);
}

static void guest_db(u64 id)
{
	guest_handlers[VEC_DB] = count_db;
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

TEST(db_injected)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_db);
	struct vmx_guest_debug g = { .control = VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_INJECT_DB };

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_SET_GUEST_DEBUG, &g);
	/* one at a time */
	ASSERT_EQ(-EBUSY, try_ioctl(v->fd, VMX_SET_GUEST_DEBUG, &g));
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(1, hits);
}

extern char w_exec[], w_after[], w_mov[];

static void guest_watch(u64 id)
{
	asm volatile("mov %0, %%dr3" : : "r"(0x1234ul));
	guest_sync(1);
	watched = 1;
	asm volatile(".globl w_exec, w_after; w_exec: nop; w_after: nop" : : : "memory");
	asm volatile(".globl w_mov; w_mov: mov %%dr3, %0" : "=r"(dr));
	guest_sync(2);
	GUEST_ASSERT_EQ(dr, 0x1234);
	guest_done();
}

static void hardware(struct vcpu *v, u64 address, u64 dr7)
{
	struct vmx_guest_debug g = { .control = VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_USE_HW_BP };

	g.arch.debugreg[1] = address;
	g.arch.debugreg[7] = dr7;
	must_ioctl(v->fd, VMX_SET_GUEST_DEBUG, &g);
}

TEST(hardware_breakpoints)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_watch);
	struct vmx_debugregs d;

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	if (host_is_tcg() && host_is_amd())
		SKIP(return, "QEMU's VMRUN loads DR7 without arming the breakpoints");
	vcpu_expect_sync(v, 1);
	hardware(v, (u64)&watched, 0xd00408);	/* G1, RW1 = write, LEN1 = 4 */
	vcpu_expect_exit(v, VMX_EXIT_DEBUG);
	ASSERT_EQ(VEC_DB, v->run->debug.arch.exception);
	ASSERT_EQ(DR6_ONES | 2, v->run->debug.arch.dr6);
	ASSERT_EQ(1, watched);
	hardware(v, (u64)w_exec, 0x408);
	vcpu_expect_exit(v, VMX_EXIT_DEBUG);
	ASSERT_EQ((u64)w_exec, v->run->debug.arch.pc);
	ASSERT_EQ(DR6_ONES | 2, v->run->debug.arch.dr6);
	/* the guest's own are what they were */
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &d);
	ASSERT_EQ(0x1234, d.db[3]);
	ASSERT_EQ(0, d.db[1]);
	ASSERT_EQ(DR6_ONES, d.dr6);
	ASSERT_EQ(0x400, d.dr7);
	hardware(v, 0, 0x400);
	vcpu_expect_sync(v, 2);
	vcpu_expect_done(v);
}

/* The VMM's DR7.GD: the guest's own access to a debug register is reported. */
TEST(debug_registers_guarded)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_watch);

	REQUIRE_CAP(VMX_CAP_SET_GUEST_DEBUG);
	if (!device_is_vmx() && host_is_amd())
		SKIP(return, "in-tree KVM does not look on AMD");
	vcpu_expect_sync(v, 1);
	hardware(v, 0, 0x2400);
	vcpu_expect_exit(v, VMX_EXIT_DEBUG);
	ASSERT_EQ(VEC_DB, v->run->debug.arch.exception);
	ASSERT_EQ((u64)w_mov, v->run->debug.arch.pc);
	ASSERT_EQ(DR6_ONES | DR6_BD, v->run->debug.arch.dr6);
	hardware(v, 0, 0x400);
	vcpu_expect_sync(v, 2);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
