// SPDX-License-Identifier: GPL-2.0-only
/* The I/O APIC: lock, MMIO window and delivery around pure/ioapic.h. */
#include "irqchip/chip.h"

/* Messages of several pins, taken under the lock and sent after it. */
struct ioapic_batch {
	u32 n;
	struct apic_msg msg[IOAPIC_PINS];
};

static void ioapic_collect(struct vm_irqchip *chip, u32 pins, struct ioapic_batch *b)
{
	u32 pin;

	lockdep_assert_held(&chip->ioapic_lock);
	b->n = 0;
	for (pin = 0; pins && pin < IOAPIC_PINS; pin++) {
		if (!(pins >> pin & 1))
			continue;
		pins &= ~(1u << pin);
		ioapic_msg(&chip->ioapic, pin, irq_bcast8(chip->vm), &b->msg[b->n++]);
	}
}

static void ioapic_send(struct vm_irqchip *chip, const struct ioapic_batch *b)
{
	u32 i;

	for (i = 0; i < b->n; i++)
		irq_deliver(chip, &b->msg[i], NULL, 0);
}

int ioapic_dev_set_line(struct vm_irqchip *chip, u32 pin, u32 source, bool level, u32 flags)
{
	struct apic_msg msg;
	unsigned long irqflags;
	bool coalesced;
	u32 fire;

	raw_spin_lock_irqsave(&chip->ioapic_lock, irqflags);
	fire = ioapic_set_line(&chip->ioapic, pin, source, level, &coalesced);
	if (fire)
		ioapic_msg(&chip->ioapic, pin, irq_bcast8(chip->vm), &msg);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, irqflags);

	if (fire) {
		if ((flags & IRQ_WATCH_EDGE) && !msg.level)
			flags |= IRQ_WATCH_EOI;
		return irq_deliver(chip, &msg, NULL, flags);
	}
	if (!level)
		return 1;
	return coalesced ? 0 : -1;
}

u32 ioapic_dev_pins(struct vm_irqchip *chip, u8 vector)
{
	unsigned long flags;
	u32 pins;

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	pins = ioapic_eoi_pins(&chip->ioapic, vector);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
	return pins;
}

void ioapic_dev_eoi(struct vm_irqchip *chip, u8 vector)
{
	u32 pins = ioapic_dev_pins(chip, vector);
	struct ioapic_batch b;
	unsigned long flags;

	if (!pins)
		return;
	/* First those who resample lower their lines; only then is it seen what is still up. */
	irq_pins_ended(chip, pins);

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	ioapic_collect(chip, ioapic_eoi(&chip->ioapic, vector, pins), &b);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
	ioapic_send(chip, &b);
}

/* Does GSI 0, the PIT's, end in one of these pins? */
static bool ioapic_pin_is_pit(struct vm_irqchip *chip, u32 pin)
{
	struct irq_routes_rcu *routes;
	bool is;

	rcu_read_lock();
	routes = rcu_dereference(chip->routes);
	is = pin < IOAPIC_PINS && routes->routes.pin_gsi[array_index_nospec(pin, IOAPIC_PINS)] == 0;
	rcu_read_unlock();
	return is;
}

static int ioapic_dev_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val)
{
	struct vm_irqchip *chip = container_of(dev, struct vm_irqchip, ioapic_dev);
	u32 offset = addr & (IOAPIC_MMIO_SIZE - 1);
	unsigned long flags;
	u64 data;

	memset(val, 0, len);
	if (offset & 0xf)
		return 0;
	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	data = ioapic_read(&chip->ioapic, offset);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
	memcpy(val, &data, min_t(int, len, 8));
	return 0;
}

static int ioapic_dev_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len,
			    const void *val)
{
	struct vm_irqchip *chip = container_of(dev, struct vm_irqchip, ioapic_dev);
	u32 offset = addr & (IOAPIC_MMIO_SIZE - 1);
	struct ioapic_batch b;
	unsigned long flags;
	u32 data = 0, reg;

	if (offset & 0xf)
		return 0;
	memcpy(&data, val, min_t(int, len, 4));
	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	reg = chip->ioapic.ioregsel;
	ioapic_collect(chip, ioapic_write(&chip->ioapic, offset, data), &b);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
	ioapic_send(chip, &b);
	if (offset == 0x10 && reg >= 0x10 && ioapic_pin_is_pit(chip, (reg - 0x10) / 2))
		pit_dev_reset_reinject(chip);
	return 0;
}

static const struct iodev_ops ioapic_dev_ops = {
	.read = ioapic_dev_read,
	.write = ioapic_dev_write,
	.atomic = true,
};

int ioapic_dev_create(struct vm_irqchip *chip)
{
	ioapic_reset(&chip->ioapic);
	chip->ioapic_dev.ops = &ioapic_dev_ops;
	return iobus_register(chip->vm, IOBUS_MMIO, IOAPIC_DEFAULT_BASE, IOAPIC_MMIO_SIZE,
			      &chip->ioapic_dev);
}

void ioapic_dev_destroy(struct vm_irqchip *chip)
{
	iobus_unregister(chip->vm, IOBUS_MMIO, &chip->ioapic_dev);
}

void ioapic_dev_get(struct vm_irqchip *chip, struct vmx_ioapic_state *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	ioapic_get_state(&chip->ioapic, s);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
}

void ioapic_dev_set(struct vm_irqchip *chip, const struct vmx_ioapic_state *s)
{
	struct ioapic_batch b;
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->ioapic_lock, flags);
	ioapic_collect(chip, ioapic_set_state(&chip->ioapic, s), &b);
	raw_spin_unlock_irqrestore(&chip->ioapic_lock, flags);
	ioapic_send(chip, &b);
	pit_dev_reset_reinject(chip);
}
