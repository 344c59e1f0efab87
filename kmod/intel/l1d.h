/* SPDX-License-Identifier: GPL-2.0-only */
/* The flush of the L1 data cache. Apart from vt.h, whose names are also <asm/vmx.h>'s, which l1d.c needs. */
#ifndef VMX_INTEL_L1D_H
#define VMX_INTEL_L1D_H

#include <linux/types.h>

int vt_l1d_setup(void);		/* 0 or -ENOMEM; may sleep */
void vt_l1d_teardown(void);
bool vt_l1d_each_entry(void);	/* the host asks for a flush before each entry */
extern bool vt_l1d_series;	/* it asks for one before each series of entries */
void vt_l1d_flush(void);	/* interrupts off */

#endif /* VMX_INTEL_L1D_H */
