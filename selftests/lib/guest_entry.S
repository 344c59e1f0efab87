/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest entry points: 256 interrupt stubs, and the path of an AP from real mode
 * to C. Host code copies the trampoline to LOW_CODE16.
 */
#include "layout.h"

	.section .text
	.code64
	.globl guest_stubs
	.balign 16
	/* Stub n is at guest_stubs + 16 * n. Vectors that push an error code: SDM 3A 6.15. */
guest_stubs:
	vec = 0
	.rept 256
	.balign 16
	.if (vec == 8) || (vec >= 10 && vec <= 14) || (vec == 17) || (vec == 21)
	.else
	pushq	$0
	.endif
	pushq	$vec
	jmp	common
	vec = vec + 1
	.endr
	.balign 16
common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi		/* struct guest_frame */
	mov	%rsp, %rbp
	and	$-16, %rsp
	cld
	call	guest_exception
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp		/* vector, error code */
	iretq

#define REL(label) (label - ap_trampoline + LOW_CODE16)

	/* An AP starts here with CS = 0x0800, IP = 0 (SDM 3A 8.4.4). */
	.section .rodata
	.globl ap_trampoline, ap_trampoline_end
	.balign 16
	.code16
ap_trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	REL(1f)
	mov	$0x11, %eax		/* PE | ET */
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $REL(2f)
	.balign 8
1:	.word	0x4ff			/* the GDT that the host made */
	.long	LOW_GDT
	.code32
2:	mov	$SEL_DATA, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x6a0, %eax		/* PAE | PGE | OSFXSR | OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$LOW_PGTABLE, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x900, %eax		/* LME | NX */
	wrmsr
	mov	$0x80010031, %eax	/* PG | WP | NE | ET | PE */
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $REL(3f)
	.code64
3:	lidt	REL(4f)
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	mov	%ebx, %edi		/* the initial APIC id: SDM 2A CPUID.01H:EBX */
	mov	%edi, %eax
	inc	%eax
	shl	$13, %eax		/* LOW_STACK_SIZE */
	add	$LOW_STACKS, %eax
	mov	%rax, %rsp
	mov	%edi, %eax
	shl	$4, %eax
	add	$0x40, %eax		/* SEL_TSS(id) */
	andb	$0xfd, LOW_GDT + 5(%rax)	/* not busy, though it ran before: SDM 3A 7.2.2 */
	ltr	%ax
	mov	$guest_ap_main, %eax
	call	*%rax
5:	hlt
	jmp	5b
	.balign 8
4:	.word	0xfff
	.quad	LOW_IDT
ap_trampoline_end:

	.section .note.GNU-stack, "", @progbits
