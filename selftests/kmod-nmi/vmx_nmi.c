// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes NMIs, for tests only: the HPET's first timer, periodic, through its pin of the IOAPIC in
 * NMI delivery mode. Counts them. For an emulated host whose kernel takes its ticks from the local
 * APIC and so leaves this timer and pin alone; whatever else used the pin gets nothing meanwhile.
 *
 *   insmod vmx_nmi.ko hz=1000
 *   cat /sys/module/vmx_nmi/parameters/nmis       counted since then
 *   cat /sys/module/vmx_nmi/parameters/expected   periods of the timer since then
 *
 * HPET: IA-PC HPET Specification 1.0a 2.3. IOAPIC: 82093AA 3.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/nmi.h>

#define HPET_BASE	0xfed00000ul
#define HPET_ID		0x000
#define HPET_WIDE	(1u << 13)	/* the counter has 64 bits */
#define HPET_PERIOD	0x004		/* femtoseconds of a tick */
#define HPET_CONFIG	0x010
#define HPET_ENABLE	(1u << 0)
#define HPET_LEGACY	(1u << 1)	/* timer 0 has the PIT's pin: 2 of the IOAPIC */
#define HPET_COUNTER	0x0f0
#define HPET_T0_CONFIG	0x100
#define HPET_T0_COMPARE	0x108
#define HPET_T0_FREE	((1u << 1) | (1u << 2) | (1u << 3) | (1u << 6) | (1u << 8) | (0x1fu << 9))
#define HPET_T0_INT	(1u << 2)
#define HPET_T0_PERIODIC (1u << 3)
#define HPET_T0_SET	(1u << 6)	/* the next write also sets the accumulator */
#define HPET_T0_32BIT	(1u << 8)

#define IOAPIC_MEMORY	0xfec00000ul
#define IOAPIC_PIN	2
#define IOAPIC_LOW	(0x10 + 2 * IOAPIC_PIN)
#define IOAPIC_NMI	(4u << 8)	/* edge, physical destination, not masked */

static unsigned int hz = 1000;
module_param(hz, uint, 0444);

static unsigned long nmis;
module_param(nmis, ulong, 0444);

static void __iomem *hpet, *ioapic;
static u32 saved_low, saved_high, saved_hpet, saved_t0;
static u64 first;
static u32 period;

/* All 64 bits of it: its low half comes round in 43 s, at 100 MHz. */
static u64 counter(void)
{
	u32 high, low;

	do {
		high = readl(hpet + HPET_COUNTER + 4);
		low = readl(hpet + HPET_COUNTER);
	} while (readl(hpet + HPET_COUNTER + 4) != high);
	return (u64)high << 32 | low;
}

static int get_expected(char *buffer, const struct kernel_param *unused)
{
	return sysfs_emit(buffer, "%llu\n", div_u64(counter() - first, period));
}

static const struct kernel_param_ops expected_ops = { .get = get_expected };
module_param_cb(expected, &expected_ops, NULL, 0444);

/* NMI_UNKNOWN: called for those that no real source claims. */
static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	nmis++;
	return NMI_HANDLED;
}

static u32 pin_read(u32 reg)
{
	writel(reg, ioapic);
	return readl(ioapic + 0x10);
}

static void pin_write(u32 reg, u32 value)
{
	writel(reg, ioapic);
	writel(value, ioapic + 0x10);
}

static void timer_start(void)
{
	saved_hpet = readl(hpet + HPET_CONFIG);
	saved_t0 = readl(hpet + HPET_T0_CONFIG);
	writel(saved_hpet & ~HPET_ENABLE, hpet + HPET_CONFIG);
	writel((saved_t0 & ~HPET_T0_FREE) | HPET_T0_INT | HPET_T0_PERIODIC | HPET_T0_SET |
	       HPET_T0_32BIT, hpet + HPET_T0_CONFIG);
	first = counter();
	writel((u32)first + period, hpet + HPET_T0_COMPARE);
	writel(period, hpet + HPET_T0_COMPARE);
	writel(saved_hpet | HPET_ENABLE | HPET_LEGACY, hpet + HPET_CONFIG);
}

static void timer_stop(void)
{
	writel(saved_t0 & ~HPET_T0_INT, hpet + HPET_T0_CONFIG);
	writel(saved_hpet, hpet + HPET_CONFIG);
}

static int __init start(void)
{
	unsigned long flags;
	u32 femto;
	int ret;

	if (!hz || hz > 10000)
		return -EINVAL;
	hpet = ioremap(HPET_BASE, 0x400);
	ioapic = ioremap(IOAPIC_MEMORY, 0x20);
	ret = -ENOMEM;
	if (!hpet || !ioapic)
		goto unmap;
	femto = readl(hpet + HPET_PERIOD);
	ret = -ENODEV;
	if (!femto || femto > 100000000 ||	/* its largest legal value: 100 ns */
	    !(readl(hpet + HPET_ID) & HPET_WIDE))
		goto unmap;
	period = (u32)div_u64(1000000000000000ull / hz, femto);
	ret = register_nmi_handler(NMI_UNKNOWN, on_nmi, 0, "vmx_nmi");
	if (ret)
		goto unmap;
	local_irq_save(flags);
	saved_low = pin_read(IOAPIC_LOW);
	saved_high = pin_read(IOAPIC_LOW + 1);
	pin_write(IOAPIC_LOW + 1, (u32)cpu_physical_id(smp_processor_id()) << 24);
	pin_write(IOAPIC_LOW, IOAPIC_NMI);
	timer_start();
	local_irq_restore(flags);
	return 0;

unmap:
	if (ioapic)
		iounmap(ioapic);
	if (hpet)
		iounmap(hpet);
	return ret;
}

static void __exit stop(void)
{
	unsigned long flags;

	local_irq_save(flags);
	timer_stop();
	pin_write(IOAPIC_LOW, saved_low);
	pin_write(IOAPIC_LOW + 1, saved_high);
	local_irq_restore(flags);
	unregister_nmi_handler(NMI_UNKNOWN, "vmx_nmi");
	iounmap(ioapic);
	iounmap(hpet);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("NMIs at a steady rate, for vmx's tests");
