// SPDX-License-Identifier: GPL-2.0-only
/* The pair of 8259A: lock, ports and INTR around pure/pic.h. */
#include "irqchip/chip.h"
#include "vcpu.h"

/* INTR rose: whoever's LINT0 is ExtINT has to look. Lock not held. */
static void pic_notify(struct vm_irqchip *chip)
{
	struct vcpu *vcpu;
	unsigned long i;

	vm_for_each_vcpu(i, vcpu, chip->vm) {
		if (!READ_ONCE(vcpu->lapic->accepts_pic))
			continue;
		vcpu_request(vcpu, REQ_EVENT);
		vcpu_kick(vcpu);
		/* One CPU acknowledges; the PC has LINT0 wired to all, but unmasked on one. */
		return;
	}
}

/* Under the lock at the end of each change; what it returns goes to pic_after(). */
struct pic_change {
	bool rose;
	u16 ended;
};

static struct pic_change pic_changed(struct vm_irqchip *chip, bool was)
{
	struct pic_change c = {
		.rose = pic_output(&chip->pic) && !was,
		.ended = pic_take_ended(&chip->pic),
	};

	lockdep_assert_held(&chip->pic_lock);
	return c;
}

static void pic_after(struct vm_irqchip *chip, struct pic_change c)
{
	if (unlikely(c.ended))
		irq_lines_ended(chip, c.ended);
	if (c.rose)
		pic_notify(chip);
}

int pic_dev_set_line(struct vm_irqchip *chip, u32 line, u32 source, bool level)
{
	struct pic_change c;
	unsigned long flags;
	bool was;
	int ret;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	was = pic_output(&chip->pic);
	ret = pic_set_line(&chip->pic, line, source, level);
	c = pic_changed(chip, was);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	pic_after(chip, c);
	return ret;
}

int pic_dev_ack(struct vm_irqchip *chip)
{
	struct pic_change c;
	unsigned long flags;
	int vec;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	if (pic_output(&chip->pic)) {
		vec = pic_ack(&chip->pic);
		c = pic_changed(chip, false);
	} else {
		vec = -1;
		c = (struct pic_change){};
	}
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	pic_after(chip, c);
	return vec;
}

/* ---- ports ---- */

static int pic_port_read(struct vm_irqchip *chip, u64 addr, int len, void *val)
{
	struct pic_change c;
	unsigned long flags;
	u8 *bytes = val;
	bool was;
	int i;

	if (likely(len == 1 && pic_peek(&chip->pic, (u16)addr, bytes)))
		return 0;
	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	was = pic_output(&chip->pic);
	/* Wider accesses reach the 8-bit chip as several. */
	for (i = 0; i < len; i++)
		bytes[i] = pic_read(&chip->pic, (u16)(addr + i));
	c = pic_changed(chip, was);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	pic_after(chip, c);
	return 0;
}

static int pic_port_write(struct vm_irqchip *chip, u64 addr, int len, const void *val)
{
	struct pic_change c;
	unsigned long flags;
	const u8 *bytes = val;
	bool was;
	int i;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	was = pic_output(&chip->pic);
	for (i = 0; i < len; i++)
		pic_write(&chip->pic, (u16)(addr + i), bytes[i]);
	c = pic_changed(chip, was);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	pic_after(chip, c);
	return 0;
}

#define PIC_IODEV(member)                                                                     \
	static int member##_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len,     \
				 void *val)                                                   \
	{                                                                                     \
		return pic_port_read(container_of(dev, struct vm_irqchip, member), addr, len, \
				     val);                                                    \
	}                                                                                     \
	static int member##_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len,    \
				  const void *val)                                            \
	{                                                                                     \
		return pic_port_write(container_of(dev, struct vm_irqchip, member), addr,     \
				      len, val);                                              \
	}                                                                                     \
	static const struct iodev_ops member##_ops = {                                        \
		.read = member##_read,                                                        \
		.write = member##_write,                                                      \
		.atomic = true,                                                               \
	}

PIC_IODEV(pic_master);
PIC_IODEV(pic_slave);
PIC_IODEV(pic_elcr);

int pic_dev_create(struct vm_irqchip *chip)
{
	int ret;

	pic_reset(&chip->pic);
	chip->pic_master.ops = &pic_master_ops;
	chip->pic_slave.ops = &pic_slave_ops;
	chip->pic_elcr.ops = &pic_elcr_ops;
	ret = iobus_register(chip->vm, IOBUS_PIO, PIC_PORT_MASTER, 2, &chip->pic_master);
	if (ret)
		return ret;
	ret = iobus_register(chip->vm, IOBUS_PIO, PIC_PORT_SLAVE, 2, &chip->pic_slave);
	if (ret)
		goto unregister_master;
	ret = iobus_register(chip->vm, IOBUS_PIO, PIC_PORT_ELCR, 2, &chip->pic_elcr);
	if (ret)
		goto unregister_slave;
	return 0;

unregister_slave:
	iobus_unregister(chip->vm, IOBUS_PIO, &chip->pic_slave);
unregister_master:
	iobus_unregister(chip->vm, IOBUS_PIO, &chip->pic_master);
	return ret;
}

void pic_dev_destroy(struct vm_irqchip *chip)
{
	iobus_unregister(chip->vm, IOBUS_PIO, &chip->pic_elcr);
	iobus_unregister(chip->vm, IOBUS_PIO, &chip->pic_slave);
	iobus_unregister(chip->vm, IOBUS_PIO, &chip->pic_master);
}

void pic_dev_get(struct vm_irqchip *chip, u32 which, struct vmx_pic_state *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	pic_get_state(&chip->pic, which, s);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
}

void pic_dev_set(struct vm_irqchip *chip, u32 which, const struct vmx_pic_state *s)
{
	struct pic_change c;
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->pic_lock, flags);
	pic_set_state(&chip->pic, which, s);
	c = pic_changed(chip, false);
	raw_spin_unlock_irqrestore(&chip->pic_lock, flags);
	pic_after(chip, c);
	pit_dev_reset_reinject(chip);
}
