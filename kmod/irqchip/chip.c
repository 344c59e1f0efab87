// SPDX-License-Identifier: GPL-2.0-only
/* The VM's interrupt controllers: life and ioctls. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqchip/chip.h"
#include "mmu/mmu.h"
#include "vm.h"

/* ---- life ---- */

static void irqchip_free(struct vm_irqchip *chip)
{
	apic_map_destroy(chip);
	kvfree(rcu_dereference_protected(chip->routes, true));
	mutex_destroy(&chip->routes_lock);
	mutex_destroy(&chip->map_lock);
	kfree(chip);
}

/* With the VM's lock, before it is published: PICs and IOAPIC, the lines to them. */
static long irqchip_add_devices(struct vm_irqchip *chip)
{
	long ret = irq_set_default_routes(chip);

	if (ret)
		return ret;
	ret = pic_dev_create(chip);
	if (ret)
		return ret;
	ret = ioapic_dev_create(chip);
	if (ret)
		pic_dev_destroy(chip);
	return ret;
}

/* @split: only local APICs and MSIs here, and @gsis are the pins of the VMM's IOAPICs. */
static long irqchip_create(struct vm *vm, bool split, u32 gsis)
{
	struct vm_irqchip *chip;
	long ret;

	mutex_lock(&vm->lock);
	ret = -EEXIST;
	if (vm->irqchip)
		goto unlock;
	/* Each vCPU gets its local APIC when it is created. */
	ret = split ? -EEXIST : -EINVAL;
	if (vm->nr_vcpus)
		goto unlock;
	ret = -ENOMEM;
	chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	if (!chip)
		goto unlock;
	chip->vm = vm;
	chip->nr_ioapic_gsis = gsis;
	mutex_init(&chip->map_lock);
	mutex_init(&chip->routes_lock);
	raw_spin_lock_init(&chip->pic_lock);
	raw_spin_lock_init(&chip->ioapic_lock);
	ret = split ? irq_set_no_routes(chip) : irqchip_add_devices(chip);
	if (ret)
		goto free_chip;
	vm->split_irqchip = split;
	smp_store_release(&vm->irqchip, chip);
	/* For LAPICs as they come up. */
	mmu_lapic_page(vm, true);
	mutex_unlock(&vm->lock);
	return 0;

free_chip:
	irqchip_free(chip);
unlock:
	mutex_unlock(&vm->lock);
	return ret;
}

long irqchip_create_split(struct vm *vm, u64 gsis)
{
	return gsis > IRQ_ROUTE_MAX ? -EINVAL : irqchip_create(vm, true, gsis);
}

void irqchip_vm_quiesce(struct vm *vm)
{
	if (vm->irqchip)
		pit_dev_stop(vm->irqchip);
}

void irqchip_vm_destroy(struct vm *vm)
{
	struct vm_irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	vm->irqchip = NULL;
	/* The buses have let go of the devices already. */
	pit_dev_destroy(chip);
	irqchip_free(chip);
}

/* ---- ioctls ---- */

static long irqchip_irq_line(struct vm *vm, void __user *argp, bool status)
{
	struct vmx_irq_level irq;
	int ret;

	if (!irqchip_in_kernel(vm))
		return -ENXIO;
	if (copy_from_user(&irq, argp, sizeof(irq)))
		return -EFAULT;
	ret = irqchip_set_irq(vm, IRQ_SOURCE_USER, irq.irq, !!irq.level);
	if (!status)
		return 0;
	irq.status = ret;
	return copy_to_user(argp, &irq, sizeof(irq)) ? -EFAULT : 0;
}

static long irqchip_get(struct vm_irqchip *chip, struct vmx_irqchip *s)
{
	switch (s->chip_id) {
	case VMX_IRQCHIP_PIC_MASTER:
	case VMX_IRQCHIP_PIC_SLAVE:
		pic_dev_get(chip, s->chip_id, &s->chip.pic);
		return 0;
	case VMX_IRQCHIP_IOAPIC:
		ioapic_dev_get(chip, &s->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

static long irqchip_set(struct vm_irqchip *chip, const struct vmx_irqchip *s)
{
	switch (s->chip_id) {
	case VMX_IRQCHIP_PIC_MASTER:
	case VMX_IRQCHIP_PIC_SLAVE:
		pic_dev_set(chip, s->chip_id, &s->chip.pic);
		return 0;
	case VMX_IRQCHIP_IOAPIC:
		ioapic_dev_set(chip, &s->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

static long irqchip_state(struct vm *vm, void __user *argp, bool set)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	struct vmx_irqchip *s;
	long ret;

	s = memdup_user(argp, sizeof(*s));
	if (IS_ERR(s))
		return PTR_ERR(s);
	if (!chip || vm->split_irqchip)
		ret = -ENXIO;
	else if (set)
		ret = irqchip_set(chip, s);
	else
		ret = irqchip_get(chip, s);
	if (!ret && !set && copy_to_user(argp, s, sizeof(*s)))
		ret = -EFAULT;
	kfree(s);
	return ret;
}

long irqchip_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case VMX_CREATE_IRQCHIP:
		return irqchip_create(vm, false, 0);
	case VMX_IRQ_LINE:
	case VMX_IRQ_LINE_STATUS:
		return irqchip_irq_line(vm, argp, cmd == VMX_IRQ_LINE_STATUS);
	case VMX_GET_IRQCHIP:
	case VMX_SET_IRQCHIP:
		return irqchip_state(vm, argp, cmd == VMX_SET_IRQCHIP);
	case VMX_SET_GSI_ROUTING:
		return irq_ioctl_set_routing(vm, argp);
	case VMX_SIGNAL_MSI:
		return irq_ioctl_signal_msi(vm, argp);
	default:
		return pit_dev_ioctl(vm, cmd, argp);
	}
}
