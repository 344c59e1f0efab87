/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt routing table: what a GSI (global system interrupt) is connected to.
 *
 * A table is immutable once built; who changes the routing builds a new one and publishes it.
 * A GSI has at most one pin on each interrupt controller, or exactly one MSI or synthetic interrupt source.
 */
#ifndef VMX_PURE_IRQ_ROUTE_H
#define VMX_PURE_IRQ_ROUTE_H

#include "pure/env.h"
#include "uapi/vmx.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IRQ_ROUTE_MAX 4096 /* entries, and GSIs are below it */
#define IRQ_ROUTE_NO_PIN 0xff

enum irq_route_kind {
	IRQ_ROUTE_NONE,
	IRQ_ROUTE_PIN,
	IRQ_ROUTE_MSI,
	IRQ_ROUTE_SINT, /* a synthetic interrupt source of Hyper-V's */
};

struct irq_route {
	u8 kind;       /* enum irq_route_kind */
	u8 pic_line;   /* 0..15 or IRQ_ROUTE_NO_PIN */
	u8 ioapic_pin; /* 0..23 or IRQ_ROUTE_NO_PIN */
	u8 sint;
	union {
		u32 msi_data;
		u32 vp; /* of the source: the virtual processor's index */
	};
	u64 msi_address;
};

struct irq_routes {
	u32 nr_gsis;
	u32 nr_sints; /* how many of them are synthetic interrupt sources */
	u16 pin_gsi[VMX_IOAPIC_NUM_PINS]; /* the GSI of each IOAPIC pin; 0xffff: none */
	u16 line_gsi[16];                 /* ... and of each PIC line */
	struct irq_route gsi[];
};

enum irq_route_flags {
	IRQ_ROUTE_SPLIT = 1 << 0, /* no PIC and IOAPIC in the kernel: no pins are legal */
	IRQ_ROUTE_WIDE = 1 << 1,  /* MSI addresses carry 32-bit destinations */
};

/*
 * How many GSIs a table of these entries has, i.e. one more than the highest; 0 for none.
 * -EINVAL if one is too large.
 */
int irq_routes_count(const struct vmx_irq_routing_entry *e, u32 nr);

static inline size_t irq_routes_size(u32 nr_gsis)
{
	return sizeof(struct irq_routes) + nr_gsis * sizeof(struct irq_route);
}

/*
 * Fills a zeroed table of irq_routes_size(nr_gsis) bytes. 0, or -EINVAL as SET_GSI_ROUTING has it:
 * unknown type or flag, pin or source out of range, two routes of a GSI to one controller, an MSI beside
 * another route, a wide MSI address with low bits set.
 */
int irq_routes_build(struct irq_routes *t, u32 nr_gsis, const struct vmx_irq_routing_entry *e,
		     u32 nr, u32 flags);

/* The entries that a PC starts with: GSI n on IOAPIC pin n, and below 16 on PIC line n too. */
#define IRQ_ROUTE_DEFAULTS (VMX_IOAPIC_NUM_PINS + 16)
void irq_routes_defaults(struct vmx_irq_routing_entry e[IRQ_ROUTE_DEFAULTS]);

/* The route of a GSI, or NULL. */
static inline const struct irq_route *irq_route(const struct irq_routes *t, u32 gsi)
{
	if (gsi >= t->nr_gsis)
		return NULL;
#ifdef __cplusplus
	return &t->gsi[gsi];
#else
	return &t->gsi[array_index_nospec(gsi, t->nr_gsis)];
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_IRQ_ROUTE_H */
