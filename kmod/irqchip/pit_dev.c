// SPDX-License-Identifier: GPL-2.0-only
/* The 8254: lock, ports, host timer and interrupt 0 around pure/pit.h. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "irqchip/chip.h"

#define PIT_GSI 0

/* Arms or cancels the host's timer. Lock held: so that the last to change the model arms last. */
static void pit_arm(struct vm_pit *pit)
{
	u64 next;

	lockdep_assert_held(&pit->lock);
	next = pit->stopped ? 0 : pit_timer_next(&pit->model);
	if (next)
		hrtimer_start(&pit->timer, ns_to_ktime(next), HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(&pit->timer); /* one that runs already waits for the lock */
}

/* One edge on interrupt 0. Lock not held. */
static void pit_inject(struct vm_pit *pit)
{
	struct vm_irqchip *chip = pit->vm->irqchip;
	u32 watch = pit->model.reinject ? IRQ_WATCH_EOI : 0;
	int ret;

	ret = irq_set_gsi(chip, IRQ_SOURCE_PIT, PIT_GSI, 1, watch);
	irq_set_gsi(chip, IRQ_SOURCE_PIT, PIT_GSI, 0, 0);
	/* Masked everywhere: nobody will end it, and the guest does not want it. */
	if (ret < 0)
		pit_dev_reset_reinject(chip);
}

static enum hrtimer_restart pit_timer_fn(struct hrtimer *timer)
{
	struct vm_pit *pit = container_of(timer, struct vm_pit, timer);
	unsigned long flags;
	bool inject;

	raw_spin_lock_irqsave(&pit->lock, flags);
	inject = pit_timer_expire(&pit->model, ktime_get_ns());
	pit_arm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	if (inject)
		pit_inject(pit);
	return HRTIMER_NORESTART;
}

void pit_dev_ack(struct vm_irqchip *chip)
{
	struct vm_pit *pit = smp_load_acquire(&chip->pit);
	unsigned long flags;
	bool inject;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	inject = pit_ack(&pit->model);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	if (inject)
		pit_inject(pit);
}

void pit_dev_reset_reinject(struct vm_irqchip *chip)
{
	struct vm_pit *pit = smp_load_acquire(&chip->pit);
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_reset_reinject(&pit->model);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/* ---- ports ---- */

static void pit_port_read(struct vm_pit *pit, u64 addr, int len, void *val)
{
	u64 now = ktime_get_ns();
	unsigned long flags;
	u8 *bytes = val;
	int i;

	raw_spin_lock_irqsave(&pit->lock, flags);
	for (i = 0; i < len; i++)
		bytes[i] = pit_read(&pit->model, (u16)(addr + i), now);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void pit_port_write(struct vm_pit *pit, u64 addr, int len, const void *val)
{
	u64 now = ktime_get_ns();
	unsigned long flags;
	const u8 *bytes = val;
	u64 before;
	int i;

	raw_spin_lock_irqsave(&pit->lock, flags);
	before = pit_timer_next(&pit->model);
	for (i = 0; i < len; i++)
		pit_write(&pit->model, (u16)(addr + i), bytes[i], now);
	if (pit_timer_next(&pit->model) != before)
		pit_arm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static int pit_ports_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val)
{
	pit_port_read(container_of(dev, struct vm_pit, ports), addr, len, val);
	return 0;
}

static int pit_ports_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len,
			   const void *val)
{
	pit_port_write(container_of(dev, struct vm_pit, ports), addr, len, val);
	return 0;
}

static const struct iodev_ops pit_ports_ops = {
	.read = pit_ports_read,
	.write = pit_ports_write,
	.atomic = true,
};

static int pit_speaker_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val)
{
	pit_port_read(container_of(dev, struct vm_pit, speaker), addr, len, val);
	return 0;
}

static int pit_speaker_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len,
			     const void *val)
{
	/* The port is one byte wide; what lies beyond is nobody's. */
	pit_port_write(container_of(dev, struct vm_pit, speaker), addr, min(len, 1), val);
	return 0;
}

static const struct iodev_ops pit_speaker_ops = {
	.read = pit_speaker_read,
	.write = pit_speaker_write,
	.atomic = true,
};

/* ---- life ---- */

static long pit_create(struct vm *vm, u32 flags)
{
	struct vm_irqchip *chip;
	struct vm_pit *pit;
	long ret;

	mutex_lock(&vm->lock);
	chip = vm->irqchip;
	ret = chip && chip->pit ? -EEXIST : -ENOENT;
	if (!chip || chip->pit || vm->split_irqchip)
		goto unlock;
	ret = -ENOMEM;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		goto unlock;
	pit->vm = vm;
	raw_spin_lock_init(&pit->lock);
	pit_reset(&pit->model, ktime_get_ns());
	compat_hrtimer_setup(&pit->timer, pit_timer_fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	pit->ports.ops = &pit_ports_ops;
	pit->speaker.ops = &pit_speaker_ops;
	ret = iobus_register(vm, IOBUS_PIO, PIT_PORT, 4, &pit->ports);
	if (ret)
		goto free_pit;
	if (flags & VMX_PIT_SPEAKER_DUMMY) {
		ret = iobus_register(vm, IOBUS_PIO, PIT_PORT_SPEAKER, 1, &pit->speaker);
		if (ret)
			goto unregister_ports;
	}
	smp_store_release(&chip->pit, pit);
	mutex_unlock(&vm->lock);
	return 0;

unregister_ports:
	iobus_unregister(vm, IOBUS_PIO, &pit->ports);
free_pit:
	kfree(pit);
unlock:
	mutex_unlock(&vm->lock);
	return ret;
}

void pit_dev_stop(struct vm_irqchip *chip)
{
	struct vm_pit *pit = chip->pit;
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->stopped = true;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	hrtimer_cancel(&pit->timer);
}

void pit_dev_destroy(struct vm_irqchip *chip)
{
	kfree(chip->pit);
}

/* ---- ioctls ---- */

static void pit_get(struct vm_pit *pit, struct vmx_pit_state2 *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_get_state(&pit->model, s);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void pit_set(struct vm_pit *pit, const struct vmx_pit_state2 *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_set_state(&pit->model, s, ktime_get_ns());
	pit_arm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static long pit_reinject_control(struct vm_pit *pit, const void __user *argp)
{
	struct vmx_reinject_control control;
	unsigned long flags;

	if (copy_from_user(&control, argp, sizeof(control)))
		return -EFAULT;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->model.reinject = control.pit_reinject;
	pit_reset_reinject(&pit->model);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static long pit_create2(struct vm *vm, const void __user *argp)
{
	struct vmx_pit_config config;

	if (copy_from_user(&config, argp, sizeof(config)))
		return -EFAULT;
	return pit_create(vm, config.flags);
}

/* The version without flags: what it does not carry stays as it is. */
static long pit_set_v1(struct vm_pit *pit, const void __user *argp)
{
	struct vmx_pit_state2 s;
	struct vmx_pit_state v1;

	if (copy_from_user(&v1, argp, sizeof(v1)))
		return -EFAULT;
	pit_get(pit, &s);
	memcpy(s.channels, v1.channels, sizeof(s.channels));
	pit_set(pit, &s);
	return 0;
}

long pit_dev_ioctl(struct vm *vm, unsigned int cmd, void __user *argp)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	struct vm_pit *pit = chip ? smp_load_acquire(&chip->pit) : NULL;
	struct vmx_pit_state2 s;

	switch (cmd) {
	case VMX_CREATE_PIT:
		return pit_create(vm, VMX_PIT_SPEAKER_DUMMY);
	case VMX_CREATE_PIT2:
		return pit_create2(vm, argp);
	case VMX_GET_PIT:
	case VMX_GET_PIT2:
		if (!pit)
			return -ENXIO;
		pit_get(pit, &s);
		if (copy_to_user(argp, &s,
				 cmd == VMX_GET_PIT ? sizeof(struct vmx_pit_state) : sizeof(s)))
			return -EFAULT;
		return 0;
	case VMX_SET_PIT:
		return pit ? pit_set_v1(pit, argp) : -ENXIO;
	case VMX_SET_PIT2:
		if (copy_from_user(&s, argp, sizeof(s)))
			return -EFAULT;
		if (!pit)
			return -ENXIO;
		pit_set(pit, &s);
		return 0;
	case VMX_REINJECT_CONTROL:
		return pit ? pit_reinject_control(pit, argp) : -ENXIO;
	default:
		return -ENOIOCTLCMD;
	}
}
