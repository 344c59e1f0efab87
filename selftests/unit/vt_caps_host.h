// SPDX-License-Identifier: GPL-2.0-only
// Capability MSRs of a CPU of 2015 (Skylake, client), for the tests to break bits of.
#ifndef SELFTESTS_UNIT_VT_CAPS_HOST_H
#define SELFTESTS_UNIT_VT_CAPS_HOST_H

#include "pure/vt_caps.h"

inline vt_caps skylake_caps()
{
	vt_caps c{};
	c.basic = 0x00da040000000004; // 1 KiB, write-back, INS/OUTS information, TRUE MSRs
	c.pin = 0x0000007f00000016;
	c.proc = 0xfff9fffe0401e172;
	c.exit = 0x01ffffff00036dff;
	c.entry = 0x0003ffff000011ff;
	c.misc = 0x7004c1e7;
	c.cr0_fixed0 = 0x80000021;
	c.cr0_fixed1 = 0xffffffff;
	c.cr4_fixed0 = 0x2000;
	c.cr4_fixed1 = 0x3767ff;
	c.vmcs_enum = 0x2e;
	c.true_pin = 0x0000007f00000016;
	c.true_proc = 0xfff9fffe04006172;
	c.true_exit = 0x01ffffff00036dfb;
	c.true_entry = 0x0003ffff000011fb;
	c.proc2 = 0x005fbcff00000000;
	c.ept_vpid = 0x00000f0106734141;
	c.vmfunc = 1;
	return c;
}

#endif // SELFTESTS_UNIT_VT_CAPS_HOST_H
