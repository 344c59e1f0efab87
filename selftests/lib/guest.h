/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest code of a test may use. Guest code is compiled into the test and
 * runs at its linked address; it must not call libc nor use the FPU from C.
 */
#ifndef SELFTESTS_LIB_GUEST_H
#define SELFTESTS_LIB_GUEST_H

#include "x86.h"
#include "layout.h"

struct guest_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*guest_handler)(struct guest_frame *f);

/* Handler per vector, shared by all vCPUs; NULL: fix up a GUEST_TRY or fail the test. */
extern guest_handler guest_handlers[256];
/* Error code of the last exception that a GUEST_TRY caught. */
extern volatile u64 guest_error;
/* Where an AP that was started by INIT-SIPI continues (guest.c); its APIC id is the argument. */
extern void (*volatile guest_ap_entry)(u64 id);

static inline void guest_call(u32 call, u64 a, u64 b, u64 c, u64 d)
{
	asm volatile("outl %%eax, %%dx" : : "a"(call), "d"(CALL_PORT), "D"(a), "S"(b), "b"(c),
		     "c"(d) : "memory");
}

static inline void guest_sync(u64 stage) { guest_call(CALL_SYNC, stage, 0, 0, 0); }
static inline void guest_sync2(u64 stage, u64 b) { guest_call(CALL_SYNC, stage, b, 0, 0); }

/* Ends a guest's main function: never returns, even when run again. */
static inline __attribute__((noreturn)) void guest_done(void)
{
	for (;;)
		guest_call(CALL_DONE, 0, 0, 0, 0);
}

#define GUEST_ASSERT(cond) \
	do { if (!(cond)) guest_call(CALL_ASSERT, __LINE__, (u64)#cond, 0, 0); } while (0)
#define GUEST_ASSERT_EQ(a, b) \
	do { u64 a_ = (u64)(a), b_ = (u64)(b); \
	     if (a_ != b_) guest_call(CALL_ASSERT, __LINE__, (u64)(#a " == " #b), a_, b_); \
	} while (0)

/*
 * Runs one instruction (asm text); vec becomes -1, or the vector of the exception
 * that it raised. Clobbers r8; the error code is in guest_error.
 */
#define GUEST_TRY(vec, insn, outs, ins, ...) \
	asm volatile("mov $-1, %%r8\n1:\t" insn "\n2:\n" \
		     ".pushsection guest_extable, \"a\"\n.quad 1b, 2b\n.popsection\n\t" \
		     "mov %%r8, %q[vec_]" \
		     : [vec_] "=&r" (vec) GUEST_UNPAREN outs : GUEST_UNPAREN2 ins \
		     : "r8", "memory", "cc", ##__VA_ARGS__)
#define GUEST_UNPAREN(...)  , ##__VA_ARGS__
#define GUEST_UNPAREN2(...) __VA_ARGS__

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/* The vector it raised, or -1. */
static inline int rdmsr_try(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0;
	u64 vec;

	GUEST_TRY(vec, "rdmsr", ("+a"(lo), "+d"(hi)), ("c"(msr)));
	*v = lo | (u64)hi << 32;
	return (int)vec;
}

static inline int wrmsr_try(u32 msr, u64 v)
{
	u64 vec;

	GUEST_TRY(vec, "wrmsr", (), ("c"(msr), "a"((u32)v), "d"((u32)(v >> 32))));
	return (int)vec;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (u64)hi << 32;
}

static inline void guest_cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub)
		     : "memory");
}

#define GUEST_CR(n) \
static inline u64 read_cr##n(void) \
{ u64 v; asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory"); return v; } \
static inline void write_cr##n(u64 v) \
{ asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory"); }
GUEST_CR(0)
GUEST_CR(2)
GUEST_CR(3)
GUEST_CR(4)
GUEST_CR(8)

#define GUEST_PIO(suffix, type) \
static inline type in##suffix(u16 port) \
{ type v; asm volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port) : "memory"); return v; } \
static inline void out##suffix(u16 port, type v) \
{ asm volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port) : "memory"); }
GUEST_PIO(b, u8)
GUEST_PIO(w, u16)
GUEST_PIO(l, u32)

static inline void irqs_on(void) { asm volatile("sti" : : : "memory"); }
static inline void irqs_off(void) { asm volatile("cli" : : : "memory"); }
static inline void guest_pause(void) { asm volatile("pause" : : : "memory"); }
static inline void guest_hlt(void) { asm volatile("hlt" : : : "memory"); }
/* Waits for an interrupt with none lost between: SDM 2B "STI", the interrupt shadow. */
static inline void sti_hlt_cli(void) { asm volatile("sti; hlt; cli" : : : "memory"); }
static inline void invlpg(u64 va) { asm volatile("invlpg (%0)" : : "r"(va) : "memory"); }

/* Local APIC in xAPIC mode. One MOV, so that the emulator sees what compilers emit. */
static inline u32 xapic_read(u32 reg)
{
	u32 v;

	asm volatile("movl (%1), %0" : "=r"(v) : "r"(APIC_DEFAULT_BASE + reg) : "memory");
	return v;
}

static inline void xapic_write(u32 reg, u32 v)
{
	asm volatile("movl %0, (%1)" : : "r"(v), "r"(APIC_DEFAULT_BASE + reg) : "memory");
}

static inline void xapic_enable(void)
{
	wrmsr(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) & ~(u64)APIC_BASE_X2APIC) | APIC_BASE_ENABLE);
	xapic_write(APIC_SPIV, 0x1ff);
}

static inline void xapic_icr(u32 dest, u32 low)
{
	xapic_write(APIC_ICR2, dest << 24);
	xapic_write(APIC_ICR, low);
}

static inline void xapic_eoi(void) { xapic_write(APIC_EOI, 0); }

static inline u64 x2apic_read(u32 reg) { return rdmsr(MSR_X2APIC + (reg >> 4)); }
static inline void x2apic_write(u32 reg, u64 v) { wrmsr(MSR_X2APIC + (reg >> 4), v); }

static inline void x2apic_enable(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	x2apic_write(APIC_SPIV, 0x1ff);
}

static inline void ioapic_write(u32 reg, u32 v)
{
	*(volatile u32 *)IOAPIC_BASE = reg;
	*(volatile u32 *)(IOAPIC_BASE + 0x10) = v;
}

static inline u32 ioapic_read(u32 reg)
{
	*(volatile u32 *)IOAPIC_BASE = reg;
	return *(volatile u32 *)(IOAPIC_BASE + 0x10);
}

/* Redirection entry (82093AA 3.2.4): low holds vector, mode, level bit 15, mask bit 16. */
static inline void ioapic_redirect(u32 pin, u32 low, u32 dest)
{
	ioapic_write(0x10 + 2 * pin, 1u << 16);
	ioapic_write(0x11 + 2 * pin, dest << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

/* Both 8259As: vectors base and base + 8, everything masked but `unmasked` (bit n: IRQ n). */
void guest_pic_init(u8 base, u16 unmasked);
/* PIT channel 0, mode 2 (rate generator) or 0 (one shot); count in 1.193182 MHz ticks. */
void guest_pit_start(int mode, u16 count);
/* Spins till *p reaches at least v or the TSC advanced by `cycles`; returns *p. */
u64 guest_wait(volatile u64 *p, u64 v, u64 cycles);

#endif
