// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt routing. See irq_route.h. */
#include "pure/irq_route.h"
#include "uapi/vmx_hyperv.h"

int irq_routes_count(const struct vmx_irq_routing_entry *e, u32 nr)
{
	u32 i, n = 0;

	for (i = 0; i < nr; i++) {
		if (e[i].gsi >= IRQ_ROUTE_MAX)
			return -EINVAL;
		n = max(n, e[i].gsi + 1);
	}
	return (int)n;
}

static int irq_route_pin(struct irq_routes *t, u32 gsi, struct irq_route *r,
			 const struct vmx_irq_routing_irqchip *c)
{
	u32 pin = c->pin;

	switch (c->irqchip) {
	case VMX_IRQCHIP_PIC_MASTER:
	case VMX_IRQCHIP_PIC_SLAVE:
		if (pin >= 8 || r->pic_line != IRQ_ROUTE_NO_PIN)
			return -EINVAL;
		pin = array_index_nospec(pin, 8) + (c->irqchip == VMX_IRQCHIP_PIC_SLAVE ? 8 : 0);
		r->pic_line = (u8)pin;
		t->line_gsi[pin] = (u16)gsi;
		return 0;
	case VMX_IRQCHIP_IOAPIC:
		if (pin >= VMX_IOAPIC_NUM_PINS || r->ioapic_pin != IRQ_ROUTE_NO_PIN)
			return -EINVAL;
		pin = array_index_nospec(pin, VMX_IOAPIC_NUM_PINS);
		r->ioapic_pin = (u8)pin;
		t->pin_gsi[pin] = (u16)gsi;
		return 0;
	default:
		return -EINVAL;
	}
}

static int irq_route_add(struct irq_routes *t, const struct vmx_irq_routing_entry *e, u32 flags)
{
	u32 gsi = array_index_nospec(e->gsi, t->nr_gsis);
	struct irq_route *r = &t->gsi[gsi];

	switch (e->type) {
	case VMX_IRQ_ROUTING_IRQCHIP:
		if (e->flags || (flags & IRQ_ROUTE_SPLIT) || r->kind > IRQ_ROUTE_PIN)
			return -EINVAL;
		r->kind = IRQ_ROUTE_PIN;
		return irq_route_pin(t, gsi, r, &e->u.irqchip);
	case VMX_IRQ_ROUTING_MSI:
		if ((e->flags & ~VMX_MSI_VALID_DEVID) || r->kind != IRQ_ROUTE_NONE)
			return -EINVAL;
		if ((flags & IRQ_ROUTE_WIDE) && (e->u.msi.address_hi & 0xff))
			return -EINVAL;
		r->kind = IRQ_ROUTE_MSI;
		r->msi_address = (u64)e->u.msi.address_hi << 32 | e->u.msi.address_lo;
		r->msi_data = e->u.msi.data;
		return 0;
	case VMX_IRQ_ROUTING_HV_SINT:
		if (e->flags || r->kind != IRQ_ROUTE_NONE || e->u.hv_sint.sint >= VMX_HV_SINTS)
			return -EINVAL;
		r->kind = IRQ_ROUTE_SINT;
		r->vp = e->u.hv_sint.vcpu;
		r->sint = (u8)e->u.hv_sint.sint;
		t->nr_sints++;
		return 0;
	default:
		return -EINVAL;
	}
}

int irq_routes_build(struct irq_routes *t, u32 nr_gsis, const struct vmx_irq_routing_entry *e,
		     u32 nr, u32 flags)
{
	u32 i;
	int ret;

	t->nr_gsis = nr_gsis;
	t->nr_sints = 0;
	memset(t->pin_gsi, 0xff, sizeof(t->pin_gsi));
	memset(t->line_gsi, 0xff, sizeof(t->line_gsi));
	for (i = 0; i < nr_gsis; i++) {
		t->gsi[i].kind = IRQ_ROUTE_NONE;
		t->gsi[i].pic_line = IRQ_ROUTE_NO_PIN;
		t->gsi[i].ioapic_pin = IRQ_ROUTE_NO_PIN;
	}
	for (i = 0; i < nr; i++) {
		if (e[i].gsi >= nr_gsis)
			return -EINVAL;
		ret = irq_route_add(t, &e[i], flags);
		if (ret)
			return ret;
	}
	return 0;
}

void irq_routes_defaults(struct vmx_irq_routing_entry e[IRQ_ROUTE_DEFAULTS])
{
	u32 i;

	memset(e, 0, IRQ_ROUTE_DEFAULTS * sizeof(*e));
	for (i = 0; i < IRQ_ROUTE_DEFAULTS; i++) {
		e[i].type = VMX_IRQ_ROUTING_IRQCHIP;
		if (i < VMX_IOAPIC_NUM_PINS) {
			e[i].gsi = i;
			e[i].u.irqchip.irqchip = VMX_IRQCHIP_IOAPIC;
			e[i].u.irqchip.pin = i;
		} else {
			u32 line = i - VMX_IOAPIC_NUM_PINS;

			e[i].gsi = line;
			e[i].u.irqchip.irqchip = line < 8 ? VMX_IRQCHIP_PIC_MASTER :
							    VMX_IRQCHIP_PIC_SLAVE;
			e[i].u.irqchip.pin = line & 7;
		}
	}
}
