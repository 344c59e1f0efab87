/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An I/O APIC like the 82093AA (version 0x11, 24 pins).
 *
 * Implements: the datasheet's register set; level and edge pins, remote IRR, EOI by vector.
 * Missing: the EOI register of version 0x20. Differs: the polarity bit is stored and has no effect
 * (the VMM says "asserted", not "high": VMX_CAP_IOAPIC_POLARITY_IGNORED); a pin is the OR of up to
 * 64 sources.
 *
 * No locks: the caller has one. Functions return a mask of pins that must be sent; the caller takes
 * their messages with ioapic_msg() before it drops its lock, and delivers them after.
 */
#ifndef VMX_PURE_IOAPIC_H
#define VMX_PURE_IOAPIC_H

#include "pure/apic_map.h"
#include "pure/env.h"
#include "uapi/vmx.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IOAPIC_PINS VMX_IOAPIC_NUM_PINS
#define IOAPIC_DEFAULT_BASE 0xfec00000UL
#define IOAPIC_MMIO_SIZE 0x100
#define IOAPIC_SOURCES 64

/* Redirection table entry (82093AA 3.2.4) */
#define IOAPIC_RTE_VECTOR 0xffULL
#define IOAPIC_RTE_LOGICAL BIT_ULL(11)
#define IOAPIC_RTE_PENDING BIT_ULL(12)
#define IOAPIC_RTE_REMOTE_IRR BIT_ULL(14)
#define IOAPIC_RTE_LEVEL BIT_ULL(15)
#define IOAPIC_RTE_MASKED BIT_ULL(16)

struct ioapic {
	u64 base;
	u32 ioregsel;
	u32 id;
	u32 irr;       /* asserted level pins; edge pins whose line is high */
	u32 delivered; /* edge pins whose irr bit was delivered already */
	u64 rte[IOAPIC_PINS];
	u64 lines[IOAPIC_PINS]; /* which sources assert each pin */
};

void ioapic_reset(struct ioapic *io);

/*
 * Source (0..63) drives pin. Returns the mask of pins to send (0 or the pin's bit); *coalesced: an
 * edge that came while the line was high already, so nothing was sent for it.
 */
u32 ioapic_set_line(struct ioapic *io, u32 pin, u32 source, bool level, bool *coalesced);

/* Source no longer drives anything. */
void ioapic_clear_source(struct ioapic *io, u32 source);

/* A guest's access at offset in the window. Write returns the mask of pins to send. */
u32 ioapic_read(const struct ioapic *io, u32 offset);
u32 ioapic_write(struct ioapic *io, u32 offset, u32 val);

/* Which pins does an EOI of vector concern: the ones it may have come from. */
u32 ioapic_eoi_pins(const struct ioapic *io, u8 vector);

/* Ends those pins' interrupts, of which only level ones are affected. Returns the pins to send. */
u32 ioapic_eoi(struct ioapic *io, u8 vector, u32 pins);

/* The message of a pin. bcast8: see apic_msg_from_msi(). */
void ioapic_msg(const struct ioapic *io, u32 pin, bool bcast8, struct apic_msg *msg);

void ioapic_get_state(const struct ioapic *io, struct vmx_ioapic_state *s);
/* Returns the pins to send. */
u32 ioapic_set_state(struct ioapic *io, const struct vmx_ioapic_state *s);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_IOAPIC_H */
