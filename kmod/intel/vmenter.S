/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch. VMLAUNCH, VMRESUME and the exit move RIP, RSP, RFLAGS, CR0, CR3, CR4, EFER, PAT,
 * DR7, DEBUGCTL, the segments with FS and GS base, the tables and the SYSENTER MSRs, as the VMCS says
 * (SDM 3C 27.3, 28.5). The other general registers are ours, and so is SPEC_CTRL.
 *
 *	HOST_RSP		written when the stack is not where it was at the last entry
 *	SPEC_CTRL := guest's	only if it differs
 *	general registers
 *	buffers cleared		as the host's settings say (MDS and its kin)
 *	VMRESUME or VMLAUNCH	falls through when the CPU refuses
 *	general registers
 *	RSB, SPEC_CTRL := host's, branch history
 *
 * An NMI that ended the run is not taken by the CPU itself: enter.c calls the host's handler by
 * vt_call_gate(), before anything that may fault. Until its IRET no other NMI comes.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/frame.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "intel/vmenter.h"

#ifndef RSB_CLEAR_LOOPS
#define RSB_CLEAR_LOOPS 32
#endif

/* Data of the host in the store and fill buffers: not for the guest. Changes ZF, but not CF. */
.macro CLEAR_HOST_BUFFERS
#ifdef CLEAR_CPU_BUFFERS
	CLEAR_CPU_BUFFERS
#endif
#ifdef VM_CLEAR_CPU_BUFFERS
	VM_CLEAR_CPU_BUFFERS
#endif
.endm

	.section .noinstr.text, "ax"

/*
 * int vt_vmenter(struct vt_entry *entry)
 *
 * Interrupts off before and after. VT_ENTERED, VT_REFUSED or VT_OFF.
 */
SYM_FUNC_START(vt_vmenter)
	push	%rbp
#ifdef CONFIG_FRAME_POINTER
	mov	%rsp, %rbp
#endif
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	/* To find regs when all registers are the guest's. */
	push	%rdi

	cmp	%rsp, VT_ENTRY_HOST_RSP(%rdi)
	jne	.Lnew_stack
.Lstack_ready:
	testl	$VT_ENTRY_SWITCH_SPEC, VT_ENTRY_FLAGS(%rdi)
	jnz	.Lspec_enter
.Lspec_ready:
	/* CF: launched. Nothing below changes it. */
	btl	$VT_ENTRY_LAUNCHED_BIT, VT_ENTRY_FLAGS(%rdi)

	mov	VT_ENTRY_REGS(%rdi), %rdi
	mov	VT_REG_RAX(%rdi), %rax
	mov	VT_REG_RCX(%rdi), %rcx
	mov	VT_REG_RDX(%rdi), %rdx
	mov	VT_REG_RBX(%rdi), %rbx
	mov	VT_REG_RBP(%rdi), %rbp
	mov	VT_REG_RSI(%rdi), %rsi
	mov	VT_REG_R8(%rdi), %r8
	mov	VT_REG_R9(%rdi), %r9
	mov	VT_REG_R10(%rdi), %r10
	mov	VT_REG_R11(%rdi), %r11
	mov	VT_REG_R12(%rdi), %r12
	mov	VT_REG_R13(%rdi), %r13
	mov	VT_REG_R14(%rdi), %r14
	mov	VT_REG_R15(%rdi), %r15
	mov	VT_REG_RDI(%rdi), %rdi

	CLEAR_HOST_BUFFERS
	UNWIND_HINT_SAVE
	jnc	.Lvmlaunch
.Lvmresume:
	vmresume
	jmp	.Lrefused
.Lvmlaunch:
	vmlaunch
	jmp	.Lrefused

	_ASM_EXTABLE(.Lvmresume, .Loff)
	_ASM_EXTABLE(.Lvmlaunch, .Loff)

/* HOST_RIP. The stack is as it was before VMRESUME; all general registers are the guest's. */
SYM_INNER_LABEL(vt_vmexit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rax
	mov	8(%rsp), %rax
	mov	VT_ENTRY_REGS(%rax), %rax
	mov	%rcx, VT_REG_RCX(%rax)
	mov	%rdx, VT_REG_RDX(%rax)
	mov	%rbx, VT_REG_RBX(%rax)
	mov	%rbp, VT_REG_RBP(%rax)
	mov	%rsi, VT_REG_RSI(%rax)
	mov	%rdi, VT_REG_RDI(%rax)
	mov	%r8, VT_REG_R8(%rax)
	mov	%r9, VT_REG_R9(%rax)
	mov	%r10, VT_REG_R10(%rax)
	mov	%r11, VT_REG_R11(%rax)
	mov	%r12, VT_REG_R12(%rax)
	mov	%r13, VT_REG_R13(%rax)
	mov	%r14, VT_REG_R14(%rax)
	mov	%r15, VT_REG_R15(%rax)
	pop	VT_REG_RAX(%rax)

	mov	(%rsp), %rdi
	xor	%eax, %eax

.Lclear_regs:
	/* No value of the guest's stays where mispredicted host code could use it. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/*
	 * Before the first RET or indirect branch: the guest's return addresses out of the return
	 * stack buffer, then the host's prediction rules, then the guest's branch history.
	 */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, X86_FEATURE_RSB_VMEXIT_LITE
	testl	$(VT_ENTRY_SWITCH_SPEC | VT_ENTRY_READ_SPEC), VT_ENTRY_FLAGS(%rdi)
	jnz	.Lspec_exit
.Lspec_done:
	/* The branch above may be mispredicted: no RET is to be executed ahead of the write. */
	ALTERNATIVE "", "lfence", X86_FEATURE_MSR_SPEC_CTRL
#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	push	%rax
	CLEAR_BRANCH_HISTORY_VMEXIT
	pop	%rax
#elif defined(X86_FEATURE_CLEAR_BHB_LOOP)
	push	%rax
	CLEAR_BRANCH_HISTORY
	pop	%rax
#endif

	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lnew_stack:
	mov	$VT_FIELD_HOST_RSP, %eax
.Lwrite_rsp:
	vmwrite	%rsp, %rax
	mov	%rsp, VT_ENTRY_HOST_RSP(%rdi)
	jmp	.Lstack_ready
	_ASM_EXTABLE(.Lwrite_rsp, .Loff)

.Lspec_enter:
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	VT_ENTRY_SPEC_GUEST(%rdi), %eax
	xor	%edx, %edx
	wrmsr
	jmp	.Lspec_ready

.Lspec_exit:
	mov	%eax, %esi
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	testl	$VT_ENTRY_READ_SPEC, VT_ENTRY_FLAGS(%rdi)
	jz	1f
	rdmsr
	mov	%eax, VT_ENTRY_SPEC_GUEST(%rdi)
1:
	/*
	 * Written even if it is the same: with enhanced IBRS the write keeps what ran in the guest
	 * from steering the host.
	 */
	mov	VT_ENTRY_SPEC_HOST(%rdi), %eax
	xor	%edx, %edx
	wrmsr
	mov	%esi, %eax
	xor	%ecx, %ecx
	jmp	.Lspec_done

.Lrefused:
	mov	(%rsp), %rdi
	mov	$VT_REFUSED, %eax
	jmp	.Lclear_regs
.Loff:
	mov	(%rsp), %rdi
	mov	$VT_OFF, %eax
	jmp	.Lclear_regs
SYM_FUNC_END(vt_vmenter)

/*
 * void vt_call_gate(unsigned long handler)
 *
 * Calls an entry point of the IDT's as the CPU would for an interrupt or NMI that comes right now: the
 * handler finds an exception frame and ends with IRET, which brings RSP back to RBP.
 */
SYM_FUNC_START(vt_call_gate)
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	CALL_NOSPEC rdi
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(vt_call_gate)
