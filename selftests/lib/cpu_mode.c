// SPDX-License-Identifier: GPL-2.0-only
/* Puts vCPUs into a CPU mode; makes the tables that the modes need. */
#include <stdio.h>
#include <string.h>
#include "host.h"
#include "guest.h"

extern char guest_stubs[], ap_trampoline[], ap_trampoline_end[];

static const u64 gdt[] = {
	[SEL_CODE64 / 8]  = 0x00af9b000000ffffull,
	[SEL_DATA / 8]	  = 0x00cf93000000ffffull,
	[SEL_CODE32 / 8]  = 0x00cf9b000000ffffull,
	[SEL_CODE16 / 8]  = 0x00009b000000ffffull,
	[SEL_DATA16 / 8]  = 0x000093000000ffffull,
	[SEL_UDATA / 8]	  = 0x00cff3000000ffffull,
	[SEL_UCODE64 / 8] = 0x00affb000000ffffull,
};

static u64 stack_top(int id)
{
	return LOW_STACKS + (u64)(id + 1) * LOW_STACK_SIZE;
}

/* 64-bit interrupt gates (SDM 3A 6.14.1); #DF on IST 1. */
static void make_idt(struct vm *vm)
{
	u64 *idt = (u64 *)(vm->low + LOW_IDT);

	for (u64 i = 0; i < 256; i++) {
		u64 stub = (u64)guest_stubs + 16 * i;

		idt[2 * i] = (stub & 0xffff) | SEL_CODE64 << 16 | 0x8e00ull << 32 |
			     (stub & 0xffff0000) << 32 | (i == VEC_DF ? 1ull << 32 : 0);
		/* INT3 and INTO may come from ring 3, and so may the test's own vectors. */
		if (i == VEC_BP || i == VEC_OF || i >= 0x80)
			idt[2 * i] |= 0x6000ull << 32;
		idt[2 * i + 1] = stub >> 32;
	}
}

static void make_gdt(struct vm *vm)
{
	u64 *entry = (u64 *)(vm->low + LOW_GDT);

	memcpy(entry, gdt, sizeof(gdt));
	for (int id = 0; id < MAX_TEST_VCPUS; id++) {
		u64 base = LOW_TSS + (u64)id * 0x80;
		u64 *tss = (u64 *)(vm->low + base);
		u64 rsp0 = stack_top(id) - 0x800;
		u64 ist1 = LOW_IST + (u64)(id + 1) * 0x800;

		u16 no_iomap = 0x68;

		/* 64-bit TSS: RSP0 at 4, IST1 at 36, the I/O map's offset at 102, here above the
		 * limit: ring 3 may use no port (SDM 3A 7.7, SDM 1 18.5.2) */
		memcpy((char *)tss + 4, &rsp0, 8);
		memcpy((char *)tss + 36, &ist1, 8);
		memcpy((char *)tss + 102, &no_iomap, 2);
		entry[SEL_TSS(id) / 8] = 0x67 | (base & 0xffffff) << 16 | 0x89ull << 40 |
					 (base >> 24) << 56;
		entry[SEL_TSS(id) / 8 + 1] = 0;
	}
}

void vm_setup_tables(struct vm *vm)
{
	u64 pml4, pdpt;

	vm->pgtable_next = LOW_PGTABLE;
	pml4 = pt_alloc(vm);
	pdpt = pt_alloc(vm);
	*(u64 *)vm_ptr(vm, pml4) = pdpt | PTE_P | PTE_W | PTE_U;
	for (u64 i = 0; i < 4; i++) {
		u64 pd = pt_alloc(vm);

		((u64 *)vm_ptr(vm, pdpt))[i] = pd | PTE_P | PTE_W | PTE_U;
		for (u64 k = 0; k < 512; k++)
			((u64 *)vm_ptr(vm, pd))[k] = i << 30 | k << 21 | PTE_PS | PTE_P | PTE_W |
						     PTE_U | PTE_A | PTE_D;
	}
	make_gdt(vm);
	make_idt(vm);
}

u64 pt_alloc(struct vm *vm)
{
	u64 page = vm->pgtable_next;

	CHECK(page < LOW_PGTABLE_END);
	vm->pgtable_next += PAGE_SIZE;
	memset(vm->low + page, 0, PAGE_SIZE);
	return page;
}

u64 *pt_map(struct vm *vm, u64 root, u64 va, u64 gpa, int level, u64 flags)
{
	u64 table = root;
	u64 *entry;

	for (int l = 4; ; l--) {
		entry = (u64 *)vm_ptr(vm, table) + (va >> (12 + 9 * (l - 1)) & 511);
		if (l == level)
			break;
		if (!(*entry & PTE_P)) {
			*entry = pt_alloc(vm) | PTE_P | PTE_W | PTE_U;
		} else if (l < 4 && *entry & PTE_PS) {
			u64 old = *entry;
			u64 page = pt_alloc(vm);
			u64 step = 1ull << (12 + 9 * (l - 2));
			u64 bits = old & ~PTE_ADDR & ~(l == 2 ? PTE_PS : 0);

			for (u64 i = 0; i < 512; i++)
				((u64 *)vm_ptr(vm, page))[i] =
					((old & PTE_ADDR) + i * step) | bits;
			*entry = page | PTE_P | PTE_W | PTE_U;
		}
		table = *entry & PTE_ADDR;
	}
	*entry = gpa | flags | (level > 1 && flags & PTE_P ? PTE_PS : 0);
	return entry;
}

u64 *pt_find(struct vm *vm, u64 root, u64 va)
{
	u64 table = root;

	for (int l = 4; ; l--) {
		u64 *entry = (u64 *)vm_ptr(vm, table) + (va >> (12 + 9 * (l - 1)) & 511);

		if (l == 1 || (l < 4 && *entry & PTE_PS))
			return entry;
		if (!(*entry & PTE_P))
			return NULL;
		table = *entry & PTE_ADDR;
	}
}

/* A segment register as loading it from the GDT would leave it. */
static struct vmx_segment segment(u16 selector)
{
	u64 d = gdt[selector / 8];

	return (struct vmx_segment){
		.selector = selector, .base = 0, .limit = d >> 55 & 1 ? 0xffffffff : 0xffff,
		.type = d >> 40 & 15, .s = 1, .dpl = d >> 45 & 3, .present = 1,
		.l = d >> 53 & 1, .db = d >> 54 & 1, .g = d >> 55 & 1,
	};
}

static void set_data_segments(struct vmx_sregs *s, u16 selector)
{
	s->ds = s->es = s->ss = s->fs = s->gs = segment(selector);
}

void vcpu_set_long(struct vcpu *v, void (*entry)(u64 id))
{
	struct vmx_sregs s = vcpu_sregs(v);
	struct vmx_regs r = {
		.rip = (u64)entry, .rdi = (u64)v->id, .rflags = RFLAGS_FIXED,
		.rsp = stack_top(v->id) - 8,	/* as if called */
	};

	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s.cr3 = LOW_PGTABLE;
	s.cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s.efer = EFER_LME | EFER_LMA | EFER_NX;
	s.cs = segment(SEL_CODE64);
	set_data_segments(&s, SEL_DATA);
	s.gdt = (struct vmx_dtable){ .base = LOW_GDT, .limit = 0x4ff };
	s.idt = (struct vmx_dtable){ .base = LOW_IDT, .limit = 0xfff };
	s.tr = (struct vmx_segment){
		.selector = (u16)SEL_TSS(v->id), .base = LOW_TSS + (u64)v->id * 0x80,
		.limit = 0x67, .type = 11, .present = 1,
	};
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &r);
}

void vcpu_set_prot32(struct vcpu *v, u64 eip)
{
	struct vmx_sregs s = vcpu_sregs(v);
	struct vmx_regs r = {
		.rip = eip, .rsp = stack_top(v->id), .rflags = RFLAGS_FIXED,
	};

	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE;
	s.cr4 = 0;
	s.efer = 0;
	s.cs = segment(SEL_CODE32);
	set_data_segments(&s, SEL_DATA);
	s.gdt = (struct vmx_dtable){ .base = LOW_GDT, .limit = 0x4ff };
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &r);
}

void vcpu_set_real(struct vcpu *v, const void *start, const void *end)
{
	struct vmx_sregs s = vcpu_sregs(v);
	struct vmx_regs r = { .rip = 0, .rsp = 0x7000, .rflags = RFLAGS_FIXED };
	struct vmx_segment *data[] = { &s.ds, &s.es, &s.ss, &s.fs, &s.gs };

	memcpy(v->vm->low + LOW_CODE16, start, (size_t)((const char *)end - (const char *)start));
	s.cs.selector = LOW_CODE16 >> 4;
	s.cs.base = LOW_CODE16;
	for (int i = 0; i < 5; i++) {
		data[i]->selector = 0;
		data[i]->base = 0;
	}
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &r);
}

void vm_setup_ap(struct vm *vm, void (*entry)(u64 id))
{
	memcpy(vm->low + LOW_CODE16, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	guest_ap_entry = entry;
}
