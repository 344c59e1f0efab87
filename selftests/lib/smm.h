/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System management mode in tests. The handler is 16-bit code of CODE16(), copied to where an SMI enters; SMRAM
 * hides the page tables' area of the low slot, which no test needs to that extent.
 */
#ifndef SELFTESTS_LIB_SMM_H
#define SELFTESTS_LIB_SMM_H

#include "vmxtest.h"

#define SMM_BASE	0x30000ul	/* after RESET */
#define SMM_SIZE	0x30000ul	/* room for two more SMBASEs */
#define SMM_SLOT	(1u << 16)
#define SMM_ENTRY	0x8000ul
#define SMM_STAGE	100		/* of the handler's messages */

#define MSR_SMI_COUNT	0x34
#define MSR_SMBASE	0x9e

/* Offsets from SMBASE: APM 2 table 10-1. */
#define SAVE_ES		0xfe00
#define SAVE_CS		0xfe10
#define SAVE_SS		0xfe20
#define SAVE_DS		0xfe30
#define SAVE_FS		0xfe40
#define SAVE_GS		0xfe50
#define SAVE_GDT	0xfe60
#define SAVE_LDTR	0xfe70
#define SAVE_IDT	0xfe80
#define SAVE_TR		0xfe90
#define SAVE_HALT	0xfec9
#define SAVE_EFER	0xfed0
#define SAVE_REVISION	0xfefc
#define SAVE_SMBASE	0xff00
#define SAVE_CR4	0xff48
#define SAVE_CR3	0xff50
#define SAVE_CR0	0xff58
#define SAVE_DR7	0xff60
#define SAVE_DR6	0xff68
#define SAVE_RFLAGS	0xff70
#define SAVE_RIP	0xff78
#define SAVE_RAX	0xfff8

/* A message of 16-bit code; clobbers EAX, EDX, EDI. */
#define SMM_SAY(stage) \
	"movl $1, %eax\n movw $0xe0, %dx\n movl $" #stage ", %edi\n outl %eax, %dx\n"

/* SMRAM with the handler at the default SMBASE: its host address. */
static inline char *smm_setup(struct vm *vm, const void *start, const void *end)
{
	char *ram = slot_add(vm, SMM_SLOT, SMM_BASE, SMM_SIZE);

	memcpy(ram + SMM_ENTRY, start, (size_t)((const char *)end - (const char *)start));
	return ram;
}

static inline u64 smm_get(const char *ram, u64 offset, unsigned int len)
{
	u64 val = 0;

	memcpy(&val, ram + offset, len);
	return val;
}

static inline void smm_put(char *ram, u64 offset, u64 val, unsigned int len)
{
	memcpy(ram + offset, &val, len);
}

static inline void smm_send(struct vcpu *v)
{
	must_ioctl(v->fd, VMX_SMI, 0);
}

static inline struct vmx_vcpu_events vcpu_events(struct vcpu *v)
{
	struct vmx_vcpu_events e;

	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	return e;
}

static inline bool in_smm(struct vcpu *v)
{
	bool told = v->run->flags & VMX_RUN_X86_SMM;

	CHECK_EQ(vcpu_events(v).smi.smm, told);
	return told;
}

/* The instruction that exited becomes complete; the guest does not run. */
static inline void vcpu_complete(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	CHECK_EQ(try_run(v), -EINTR);
	v->run->immediate_exit = 0;
}

#endif
