// SPDX-License-Identifier: GPL-2.0-only
/* What an SMI saves and loads, and that RSM brings all of it back, from each mode. */
#include "smm.h"

CODE16(handler, SMM_SAY(100) "rsm\n");

static void guest_long(u64 id)
{
	asm volatile("mov $0xdeadbeef00000001, %%rax\n mov $0x11111111222200e0, %%rdx\n"
		     "mov $0xb0b0b0b0b0b0b0b0, %%rbx\n mov $0xc0c0c0c0c0c0c0c0, %%rcx\n"
		     "mov $1, %%rdi\n mov $0x5151515151515151, %%rsi\n mov $0xbbbbbbbb, %%rbp\n"
		     "mov $0x0808, %%r8\n mov $0x0909, %%r9\n mov $0x1010101010101010, %%r10\n"
		     "mov $0x1111, %%r11\n mov $0x1212, %%r12\n mov $0x1313, %%r13\n"
		     "mov $0x1414, %%r14\n mov $0xf5f5f5f5f5f5f5f5, %%r15\n std\n stc\n"
		     "1: outl %%eax, %%dx\n jmp 1b" : : : "memory");
}

CODE32(guest_prot32, "movl $1, %eax\n movl $0x222200e0, %edx\n movl $0xb0b0b0b0, %ebx\n"
       "movl $0xc0c0c0c0, %ecx\n movl $1, %edi\n movl $0x51515151, %esi\n movl $0xbbbbbbbb, %ebp\n"
       "movl $0x12345678, %esp\n stc\n 1: outl %eax, %dx\n jmp 1b\n");

CODE16(guest_real, "movl $1, %eax\n movl $0x222200e0, %edx\n movl $0xb0b0b0b0, %ebx\n"
       "movl $0xc0c0c0c0, %ecx\n movl $1, %edi\n movl $0x51515151, %esi\n movl $0xbbbbbbbb, %ebp\n"
       "movw $0x4321, %sp\n movw $0x0777, %ax\n movw %ax, %gs\n movl $1, %eax\n"
       "1: outl %eax, %dx\n jmp 1b\n");

static void check_segment(const char *ram, u64 at, const struct vmx_segment *s)
{
	u64 attr = s->type | s->s << 4 | s->dpl << 5 | (s->present && !s->unusable) << 7 |
		   s->avl << 12 | s->l << 13 | s->db << 14 | s->g << 15;

	CHECK_EQ(smm_get(ram, at, 2), s->selector);
	CHECK_EQ(smm_get(ram, at + 2, 2), attr);
	CHECK_EQ(smm_get(ram, at + 4, 4), s->limit);
	CHECK_EQ(smm_get(ram, at + 8, 8), s->base);
}

/* The wide map against what the VMM saw right before. */
static void check_saved(const char *ram, const struct vmx_regs *r, const struct vmx_sregs *s)
{
	const u64 gprs[16] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
			       r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };

	for (int i = 0; i < 16; i++)
		CHECK_EQ(smm_get(ram, SAVE_RAX - 8 * i, 8), gprs[i]);
	CHECK_EQ(smm_get(ram, SAVE_RIP, 8), r->rip);
	CHECK_EQ(smm_get(ram, SAVE_RFLAGS, 8), r->rflags);
	CHECK_EQ(smm_get(ram, SAVE_CR0, 8), s->cr0);
	CHECK_EQ(smm_get(ram, SAVE_CR3, 8), s->cr3);
	CHECK_EQ(smm_get(ram, SAVE_CR4, 8), s->cr4);
	CHECK_EQ(smm_get(ram, SAVE_EFER, 8), s->efer);
	CHECK_EQ(smm_get(ram, SAVE_DR7, 8), 0x400);
	CHECK_EQ(smm_get(ram, SAVE_DR6, 8), 0xffff0ff0);
	CHECK_EQ(smm_get(ram, SAVE_REVISION, 4), 0x20064);
	CHECK_EQ(smm_get(ram, SAVE_SMBASE, 4), SMM_BASE);
	CHECK_EQ(smm_get(ram, SAVE_HALT, 1), 0);
	check_segment(ram, SAVE_ES, &s->es);
	check_segment(ram, SAVE_CS, &s->cs);
	check_segment(ram, SAVE_SS, &s->ss);
	check_segment(ram, SAVE_DS, &s->ds);
	check_segment(ram, SAVE_FS, &s->fs);
	check_segment(ram, SAVE_GS, &s->gs);
	check_segment(ram, SAVE_TR, &s->tr);
	check_segment(ram, SAVE_LDTR, &s->ldt);
	CHECK_EQ(smm_get(ram, SAVE_GDT + 4, 2), s->gdt.limit);
	CHECK_EQ(smm_get(ram, SAVE_GDT + 8, 8), s->gdt.base);
	CHECK_EQ(smm_get(ram, SAVE_IDT + 4, 2), s->idt.limit);
	CHECK_EQ(smm_get(ram, SAVE_IDT + 8, 8), s->idt.base);
}

/* APM 2 10.3.3. */
static void check_entry(struct vcpu *v, const struct vmx_sregs *before)
{
	struct vmx_sregs s = vcpu_sregs(v);
	struct vmx_regs r = vcpu_regs(v);
	struct vmx_debugregs d;

	CHECK(in_smm(v));
	CHECK_EQ(s.cr0, before->cr0 & ~(u64)(CR0_PE | CR0_EM | CR0_TS | CR0_PG));
	CHECK_EQ(s.cr3, before->cr3);
	CHECK_EQ(s.cr4, 0);
	CHECK_EQ(s.efer, 0);
	CHECK_EQ(s.cs.selector, SMM_BASE >> 4);
	CHECK_EQ(s.cs.base, SMM_BASE);
	CHECK_EQ(s.cs.limit, 0xffffffff);
	CHECK_EQ(s.ds.selector, 0);
	CHECK_EQ(s.ds.base, 0);
	CHECK_EQ(s.ds.limit, 0xffffffff);
	CHECK_EQ(s.ss.base, 0);
	CHECK_EQ(s.gs.base, 0);
	CHECK_EQ(r.rflags, RFLAGS_FIXED);
	CHECK(r.rip >= SMM_ENTRY && r.rip < SMM_ENTRY + 64);
	CHECK_EQ(r.rbx, 0xb0b0b0b0 | (before->efer & EFER_LMA ? 0xb0b0b0b0ull << 32 : 0));
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &d);
	CHECK_EQ(d.dr7, 0x400);
}

/* The guest stands at its loop. */
static void check_passage(struct vcpu *v, char *ram, bool wide)
{
	struct vmx_regs first, r;
	struct vmx_sregs s, after;

	vcpu_expect_sync(v, 1);
	first = vcpu_regs(v);
	s = vcpu_sregs(v);
	CHECK(!in_smm(v));
	vcpu_complete(v);
	r = vcpu_regs(v);
	smm_send(v);
	CHECK(!in_smm(v));
	vcpu_expect_sync(v, SMM_STAGE);
	if (wide)
		check_saved(ram, &r, &s);
	check_entry(v, &s);
	vcpu_expect_sync(v, 1);
	CHECK(!in_smm(v));
	r = vcpu_regs(v);
	after = vcpu_sregs(v);
	CHECK_EQ(memcmp(&r, &first, sizeof(r)), 0);
	CHECK_EQ(memcmp(&after, &s, sizeof(s)), 0);
}

TEST(long_mode)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create(vm, 0, guest_long);

	check_passage(v, ram, true);
	check_passage(v, ram, true);
	CHECK_EQ(vcpu_msr(v, MSR_SMI_COUNT), 2);
}

TEST(protected_mode)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create_reset(vm, 0);

	vcpu_set_prot32(v, (u64)guest_prot32);
	check_passage(v, ram, true);
}

TEST(real_mode)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create_reset(vm, 0);

	vcpu_set_real(v, guest_real, guest_real_end);
	check_passage(v, ram, true);
}

/* A guest without long mode has the older map: SDM 3C table 31-1. */
TEST(narrow_map)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	struct vcpu *v = vcpu_create_bare(vm, 0);

	cpuid_find(c, 0x80000001, 0)->edx &= ~(1u << 29);
	vcpu_set_cpuid(v, c);
	vcpu_set_prot32(v, (u64)guest_prot32);
	check_passage(v, ram, false);
	CHECK_EQ(smm_get(ram, 0xfefc, 4), 0x20000);
	CHECK_EQ(smm_get(ram, 0xfef8, 4), SMM_BASE);
	CHECK_EQ(smm_get(ram, 0xffdc, 4), 0xb0b0b0b0);	/* EBX */
	CHECK_EQ(smm_get(ram, 0xffe0, 4), 0x12345678);	/* ESP */
	CHECK_EQ(smm_get(ram, 0xffac, 4), SEL_CODE32);
	CHECK_EQ(smm_get(ram, 0xfffc, 4), vcpu_sregs(v).cr0);
}

TEST_HARNESS_MAIN
