// SPDX-License-Identifier: GPL-2.0-only
/* Global system interrupts: from a number to the controllers and local APICs behind it. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqchip/chip.h"
#include "irqfd.h"
#include "x86/hyperv.h"

static int irq_deliver_msi(struct vm_irqchip *chip, u64 address, u32 data, u32 flags)
{
	struct apic_msg msg;

	apic_msg_from_msi(&msg, address, data, irq_wide_ids(chip->vm), irq_bcast8(chip->vm));
	return irq_deliver(chip, &msg, NULL, flags);
}

int irq_set_gsi(struct vm_irqchip *chip, int source, u32 gsi, int level, u32 flags)
{
	struct irq_routes_rcu *routes;
	const struct irq_route *route;
	struct irq_route r = { .kind = IRQ_ROUTE_NONE };
	int ret = -1, one;

	rcu_read_lock();
	routes = rcu_dereference(chip->routes);
	route = routes ? irq_route(&routes->routes, gsi) : NULL;
	if (route)
		r = *route;
	rcu_read_unlock();

	if (r.kind == IRQ_ROUTE_MSI)
		return level ? irq_deliver_msi(chip, r.msi_address, r.msi_data, flags) : -1;
	if (r.kind == IRQ_ROUTE_SINT)
		return level ? hv_sint_raise(chip->vm, r.vp, r.sint) : -1;
	if (r.kind != IRQ_ROUTE_PIN)
		return -1;
	if (r.pic_line != IRQ_ROUTE_NO_PIN)
		ret = pic_dev_set_line(chip, r.pic_line, source, level);
	if (r.ioapic_pin != IRQ_ROUTE_NO_PIN) {
		one = ioapic_dev_set_line(chip, r.ioapic_pin, source, level, flags);
		if (one >= 0)
			ret = one + max(ret, 0);
	}
	return ret;
}

int irqchip_set_irq(struct vm *vm, int source, u32 gsi, int level)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);

	return chip ? irq_set_gsi(chip, source, gsi, level, 0) : -1;
}

void irqchip_raise_resampled(struct vm *vm, u32 gsi)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);

	if (chip)
		irq_set_gsi(chip, IRQ_SOURCE_RESAMPLE, gsi, 1, IRQ_WATCH_EDGE);
}

/* ---- the ends of interrupts ---- */

/* Did anybody wait for it? */
static bool irq_gsi_ended(struct vm_irqchip *chip, u32 gsi)
{
	bool resampled;

	if (gsi >= IRQ_ROUTE_MAX)
		return false;
	if (gsi == 0)
		pit_dev_ack(chip);
	resampled = irqfd_resample(chip->vm, gsi);
	return resampled || gsi == 0;
}

bool irq_pins_ended(struct vm_irqchip *chip, u32 pins)
{
	u16 gsi[IOAPIC_PINS];
	struct irq_routes_rcu *routes;
	bool awaited = false;
	u32 pin;

	rcu_read_lock();
	routes = rcu_dereference(chip->routes);
	memcpy(gsi, routes->routes.pin_gsi, sizeof(gsi));
	rcu_read_unlock();
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (pins >> pin & 1)
			awaited |= irq_gsi_ended(chip, gsi[pin]);
	return awaited;
}

void irq_watched_ended(struct vm_irqchip *chip, u8 vector)
{
	u32 pins = ioapic_dev_pins(chip, vector);

	/* Not behind a pin any more, or never: the PIT's then. */
	if (!pins || !irq_pins_ended(chip, pins))
		pit_dev_ack(chip);
}

void irq_lines_ended(struct vm_irqchip *chip, u16 lines)
{
	u16 gsi[PIC_LINES];
	struct irq_routes_rcu *routes;
	u32 line;

	if (!lines)
		return;
	rcu_read_lock();
	routes = rcu_dereference(chip->routes);
	memcpy(gsi, routes->routes.line_gsi, sizeof(gsi));
	rcu_read_unlock();
	for (line = 0; line < PIC_LINES; line++)
		if (lines >> line & 1)
			irq_gsi_ended(chip, gsi[line]);
}

void irqchip_sints_ended(struct vm *vm, u32 vp, u32 sints)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	struct irq_routes_rcu *routes;
	u32 gsi;

	if (!chip)
		return;
	rcu_read_lock();
	routes = rcu_dereference(chip->routes);
	for (gsi = 0; routes && routes->routes.nr_sints && gsi < routes->routes.nr_gsis; gsi++) {
		const struct irq_route *r = irq_route(&routes->routes, gsi);

		if (r && r->kind == IRQ_ROUTE_SINT && r->vp == vp && (sints >> r->sint & 1))
			irqfd_resample(vm, gsi);
	}
	rcu_read_unlock();
}

/* Data of an MSI: SDM 3A 10.11.2. */
#define MSI_DATA_VECTOR 0xff
#define MSI_DATA_LEVEL (1u << 15)

bool irq_vmm_awaits_eoi(struct vm_irqchip *chip, u8 vector)
{
	struct irq_routes_rcu *routes;
	bool awaited = false;
	u32 gsi;

	rcu_read_lock();
	routes = rcu_dereference(chip->routes);
	for (gsi = 0; routes && gsi < min(chip->nr_ioapic_gsis, routes->routes.nr_gsis); gsi++) {
		const struct irq_route *r = irq_route(&routes->routes, gsi);

		awaited |= r && r->kind == IRQ_ROUTE_MSI && (r->msi_data & MSI_DATA_LEVEL) &&
			   (r->msi_data & MSI_DATA_VECTOR) == vector;
	}
	rcu_read_unlock();
	return awaited;
}

/* ---- ioctls ---- */

static int irq_set_routes(struct vm_irqchip *chip, const struct vmx_irq_routing_entry *e, u32 nr)
{
	struct irq_routes_rcu *new, *old;
	int gsis, ret;

	gsis = irq_routes_count(e, nr);
	if (gsis < 0)
		return gsis;
	new = kvzalloc(offsetof(struct irq_routes_rcu, routes) + irq_routes_size(gsis),
		       GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	ret = irq_routes_build(&new->routes, gsis, e, nr,
			       (irq_wide_ids(chip->vm) ? IRQ_ROUTE_WIDE : 0) |
				       (chip->vm->split_irqchip ? IRQ_ROUTE_SPLIT : 0));
	if (ret) {
		kvfree(new);
		return ret;
	}
	mutex_lock(&chip->routes_lock);
	old = rcu_replace_pointer(chip->routes, new, lockdep_is_held(&chip->routes_lock));
	mutex_unlock(&chip->routes_lock);
	/* When the ioctl returns, nothing goes the old way any more. */
	if (old)
		synchronize_rcu_expedited();
	kvfree(old);
	return 0;
}

int irq_set_default_routes(struct vm_irqchip *chip)
{
	struct vmx_irq_routing_entry *e;
	int ret;

	e = kcalloc(IRQ_ROUTE_DEFAULTS, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	irq_routes_defaults(e);
	ret = irq_set_routes(chip, e, IRQ_ROUTE_DEFAULTS);
	kfree(e);
	return ret;
}

int irq_set_no_routes(struct vm_irqchip *chip)
{
	return irq_set_routes(chip, NULL, 0);
}

long irq_ioctl_set_routing(struct vm *vm, void __user *argp)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	struct vmx_irq_routing_entry *e = NULL;
	struct vmx_irq_routing routing;
	long ret;

	if (copy_from_user(&routing, argp, sizeof(routing)))
		return -EFAULT;
	if (!chip || routing.nr > IRQ_ROUTE_MAX || routing.flags)
		return -EINVAL;
	if (routing.nr) {
		e = vmemdup_user(argp + sizeof(routing), array_size(routing.nr, sizeof(*e)));
		if (IS_ERR(e))
			return PTR_ERR(e);
	}
	ret = irq_set_routes(chip, e, routing.nr);
	kvfree(e);
	/* Interrupt 0 may have gone to where its EOI is not seen any more. */
	if (!ret)
		pit_dev_reset_reinject(chip);
	return ret;
}

long irq_ioctl_signal_msi(struct vm *vm, void __user *argp)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	struct vmx_msi msi;

	if (copy_from_user(&msi, argp, sizeof(msi)))
		return -EFAULT;
	if (!chip || msi.flags)
		return -EINVAL;
	if (irq_wide_ids(vm) && (msi.address_hi & 0xff))
		return -EINVAL;
	return irq_deliver_msi(chip, (u64)msi.address_hi << 32 | msi.address_lo, msi.data, 0);
}
