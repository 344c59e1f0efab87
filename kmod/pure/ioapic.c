// SPDX-License-Identifier: GPL-2.0-only
/* I/O APIC. See ioapic.h. */
#include "pure/ioapic.h"

/* Offsets in the window (82093AA 3.1) and indirect registers (3.2) */
#define IOAPIC_IOREGSEL 0x00
#define IOAPIC_IOWIN 0x10
#define IOAPIC_IND_ID 0
#define IOAPIC_IND_VERSION 1
#define IOAPIC_IND_ARB 2
#define IOAPIC_IND_RTE 0x10

#define IOAPIC_VERSION 0x11u
/* Bits of an entry that the guest cannot write, and those that do not exist. */
#define IOAPIC_RTE_READ_ONLY (IOAPIC_RTE_REMOTE_IRR | IOAPIC_RTE_PENDING)
#define IOAPIC_RTE_EXISTING 0xff0000000001ffffULL

void ioapic_reset(struct ioapic *io)
{
	u32 pin;

	memset(io, 0, sizeof(*io));
	io->base = IOAPIC_DEFAULT_BASE;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->rte[pin] = IOAPIC_RTE_MASKED;
}

/* Should this pin send now? If so, notes that it did. */
static u32 ioapic_service(struct ioapic *io, u32 pin)
{
	u64 rte = io->rte[pin];

	if (rte & IOAPIC_RTE_MASKED)
		return 0;
	if (rte & IOAPIC_RTE_LEVEL) {
		/* 82093AA 3.2.4: remote IRR is set when a local APIC accepts, cleared by its EOI. */
		if (rte & IOAPIC_RTE_REMOTE_IRR)
			return 0;
		io->rte[pin] = rte | IOAPIC_RTE_REMOTE_IRR;
	} else {
		io->delivered |= 1u << pin;
	}
	return 1u << pin;
}

u32 ioapic_set_line(struct ioapic *io, u32 pin, u32 source, bool level, bool *coalesced)
{
	u32 bit, was;
	u64 src;

	*coalesced = false;
	if (pin >= IOAPIC_PINS || source >= IOAPIC_SOURCES)
		return 0;
	pin = array_index_nospec(pin, IOAPIC_PINS);
	bit = 1u << pin;
	src = BIT_ULL(source);
	if (level)
		io->lines[pin] |= src;
	else
		io->lines[pin] &= ~src;
	was = io->irr & bit;
	if (!io->lines[pin]) {
		io->irr &= ~bit;
		io->delivered &= ~bit;
		return 0;
	}
	/* A source going low under another that holds the pin up is no new edge. */
	if (!level)
		return 0;
	io->irr |= bit;
	if (was && !(io->rte[pin] & IOAPIC_RTE_LEVEL)) {
		*coalesced = true;
		return 0;
	}
	return ioapic_service(io, pin);
}

void ioapic_clear_source(struct ioapic *io, u32 source)
{
	u32 pin;
	bool unused;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic_set_line(io, pin, source, false, &unused);
}

u32 ioapic_read(const struct ioapic *io, u32 offset)
{
	u32 reg = io->ioregsel;
	u32 pin;

	if (offset == IOAPIC_IOREGSEL)
		return reg;
	if (offset != IOAPIC_IOWIN)
		return 0;
	switch (reg) {
	case IOAPIC_IND_ID:
	case IOAPIC_IND_ARB:
		return (io->id & 0xf) << 24;
	case IOAPIC_IND_VERSION:
		return (IOAPIC_PINS - 1) << 16 | IOAPIC_VERSION;
	default:
		pin = (reg - IOAPIC_IND_RTE) >> 1;
		if (reg < IOAPIC_IND_RTE || pin >= IOAPIC_PINS)
			return 0xffffffff;
		pin = array_index_nospec(pin, IOAPIC_PINS);
		return (u32)(io->rte[pin] >> (reg & 1 ? 32 : 0));
	}
}

static u32 ioapic_write_rte(struct ioapic *io, u32 reg, u32 val)
{
	u32 pin = array_index_nospec((reg - IOAPIC_IND_RTE) >> 1, IOAPIC_PINS);
	u64 old = io->rte[pin], rte;

	if (reg & 1)
		rte = (u64)val << 32 | (u32)old;
	else
		rte = (old & ~0xffffffffULL) | val;
	rte = (rte & IOAPIC_RTE_EXISTING & ~IOAPIC_RTE_READ_ONLY) | (old & IOAPIC_RTE_READ_ONLY);
	/* Remote IRR means nothing to an edge pin; to make a pin edge is how software clears it. */
	if (!(rte & IOAPIC_RTE_LEVEL))
		rte &= ~IOAPIC_RTE_REMOTE_IRR;
	else
		io->delivered &= ~(1u << pin); /* a level is delivered anew as long as it is there */
	io->rte[pin] = rte;
	/*
	 * A level that is asserted goes out once unmasked. An edge that came while masked is lost
	 * (82093AA 3.2.4, bit 16).
	 */
	if ((rte & IOAPIC_RTE_LEVEL) && (io->irr & 1u << pin))
		return ioapic_service(io, pin);
	return 0;
}

u32 ioapic_write(struct ioapic *io, u32 offset, u32 val)
{
	u32 reg = io->ioregsel;

	if (offset == IOAPIC_IOREGSEL) {
		io->ioregsel = val & 0xff;
		return 0;
	}
	if (offset != IOAPIC_IOWIN)
		return 0;
	if (reg == IOAPIC_IND_ID) {
		io->id = val >> 24 & 0xf;
		return 0;
	}
	if (reg < IOAPIC_IND_RTE || (reg - IOAPIC_IND_RTE) >> 1 >= IOAPIC_PINS)
		return 0; /* version and arbitration are read-only, the rest is not there */
	return ioapic_write_rte(io, reg, val);
}

u32 ioapic_eoi_pins(const struct ioapic *io, u8 vector)
{
	u32 pin, pins = 0;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if ((io->rte[pin] & IOAPIC_RTE_VECTOR) == vector)
			pins |= 1u << pin;
	return pins;
}

u32 ioapic_eoi(struct ioapic *io, u8 vector, u32 pins)
{
	u32 pin, fire = 0;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		/* The table may have changed since the caller asked which pins. */
		if (!(pins >> pin & 1) || (io->rte[pin] & IOAPIC_RTE_VECTOR) != vector ||
		    !(io->rte[pin] & IOAPIC_RTE_LEVEL))
			continue;
		io->rte[pin] &= ~IOAPIC_RTE_REMOTE_IRR;
		if (io->irr >> pin & 1)
			fire |= ioapic_service(io, pin);
	}
	return fire;
}

void ioapic_msg(const struct ioapic *io, u32 pin, bool bcast8, struct apic_msg *msg)
{
	u64 rte = io->rte[array_index_nospec(pin, IOAPIC_PINS)];

	msg->vector = (u8)rte;
	msg->mode = rte >> 8 & 7;
	msg->logical = rte & IOAPIC_RTE_LOGICAL;
	msg->level = rte & IOAPIC_RTE_LEVEL;
	msg->assert = true;
	msg->shorthand = APIC_TO_DEST;
	msg->dest = (u32)(rte >> 56);
	if (bcast8 && msg->dest == 0xff)
		msg->dest = APIC_DEST_BROADCAST;
}

void ioapic_get_state(const struct ioapic *io, struct vmx_ioapic_state *s)
{
	u32 pin;

	memset(s, 0, sizeof(*s));
	s->base_address = io->base;
	s->ioregsel = io->ioregsel;
	s->id = io->id;
	/* A saved bit is sent again after restoring: leave out the edges that were delivered. */
	s->irr = io->irr & ~io->delivered;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		s->redirtbl[pin].bits = io->rte[pin];
}

u32 ioapic_set_state(struct ioapic *io, const struct vmx_ioapic_state *s)
{
	u32 pin, fire = 0;
	u32 irr = s->irr & (u32)(BIT_ULL(IOAPIC_PINS) - 1);

	io->base = s->base_address;
	io->ioregsel = s->ioregsel & 0xff;
	io->id = s->id & 0xf;
	io->delivered = 0;
	io->irr = irr;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		io->rte[pin] = s->redirtbl[pin].bits;
		/* The VMM's own source 0 held what the saved machine held. */
		io->lines[pin] = (io->lines[pin] & ~1ULL) | (irr >> pin & 1);
	}
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (irr >> pin & 1)
			fire |= ioapic_service(io, pin);
	return fire;
}
