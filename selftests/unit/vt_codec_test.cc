// SPDX-License-Identifier: GPL-2.0-only
// Exit qualifications, events, access rights, the preemption timer: against literal values.
#include <gtest/gtest.h>

#include <cstring>

#include "pure/vt_codec.h"

namespace {

TEST(VtCodec, CrAccess)
{
	// MOV CR3, R9
	vt_cr_access a = vt_qual_cr(0x903);
	EXPECT_EQ(a.cr, 3);
	EXPECT_EQ(a.type, VT_CR_WRITE);
	EXPECT_EQ(a.gpr, 9);
	// MOV RSI, CR8
	a = vt_qual_cr(0x618);
	EXPECT_EQ(a.cr, 8);
	EXPECT_EQ(a.type, VT_CR_READ);
	EXPECT_EQ(a.gpr, 6);
	a = vt_qual_cr(0x20);
	EXPECT_EQ(a.type, VT_CR_CLTS);
	EXPECT_EQ(a.cr, 0);
	// LMSW [mem] with 0xfff1
	a = vt_qual_cr(0xfff10070);
	EXPECT_EQ(a.type, VT_CR_LMSW);
	EXPECT_TRUE(a.lmsw_memory);
	EXPECT_EQ(a.lmsw_source, 0xfff1);
}

TEST(VtCodec, DrAccess)
{
	vt_dr_access a = vt_qual_dr(0xf07); // MOV DR7, R15
	EXPECT_EQ(a.dr, 7);
	EXPECT_EQ(a.gpr, 15);
	EXPECT_TRUE(a.write);
	a = vt_qual_dr(0x116); // MOV RCX, DR6
	EXPECT_EQ(a.dr, 6);
	EXPECT_EQ(a.gpr, 1);
	EXPECT_FALSE(a.write);
}

TEST(VtCodec, IoAccess)
{
	vt_io_access a = vt_qual_io(0x03f80000); // OUT DX, AL
	EXPECT_EQ(a.port, 0x3f8);
	EXPECT_EQ(a.size, 1);
	EXPECT_FALSE(a.in || a.string || a.rep || a.immediate);
	a = vt_qual_io(0x0071004b); // IN EAX, 0x71
	EXPECT_EQ(a.port, 0x71);
	EXPECT_EQ(a.size, 4);
	EXPECT_TRUE(a.in && a.immediate);
	EXPECT_FALSE(a.string || a.rep);
	a = vt_qual_io(0x01f00031); // REP OUTSW
	EXPECT_EQ(a.size, 2);
	EXPECT_TRUE(a.string && a.rep);
	EXPECT_FALSE(a.in);
}

TEST(VtCodec, TaskSwitch)
{
	const struct {
		u64 qual;
		vt_task_source source;
	} rows[] = {
		{0x00000028, VT_TASK_CALL},
		{0x40000028, VT_TASK_IRET},
		{0x80000028, VT_TASK_JMP},
		{0xc0000028, VT_TASK_GATE},
	};
	for (const auto &row : rows) {
		EXPECT_EQ(vt_qual_task(row.qual).selector, 0x28);
		EXPECT_EQ(vt_qual_task(row.qual).source, row.source);
	}
}

TEST(VtCodec, DebugCauses)
{
	EXPECT_EQ(vt_db_causes(0x4000), 0x4000u); // BS
	EXPECT_EQ(vt_db_causes(0x2000), 0x2000u); // BD
	EXPECT_EQ(vt_db_causes(0x1ffff), 0x600fu); // others, RTM too, are not DR6's bits
}

TEST(VtCodec, EptViolation)
{
	vt_ept_access a = vt_qual_ept(0x181); // a read of nothing, final
	EXPECT_FALSE(a.write || a.fetch || a.present || a.guest_table || a.nmi_unblock);
	a = vt_qual_ept(0x1aa); // a write to what may be read and executed
	EXPECT_TRUE(a.write && a.present);
	EXPECT_FALSE(a.fetch || a.guest_table);
	a = vt_qual_ept(0x19c); // a fetch from what may be read and written
	EXPECT_TRUE(a.fetch && a.present);
	a = vt_qual_ept(0x083); // the walk sets an accessed flag in a page that is missing
	EXPECT_TRUE(a.write && a.guest_table);
	EXPECT_FALSE(a.present);
	a = vt_qual_ept(0x001); // no linear address: no walk to speak of
	EXPECT_FALSE(a.guest_table);
	a = vt_qual_ept(0x1181);
	EXPECT_TRUE(a.nmi_unblock);
	EXPECT_TRUE(vt_qual_ept(0x20).present); // execute-only
	EXPECT_FALSE(vt_qual_ept(0x40).present); // valid only with mode-based execute control
}

TEST(VtCodec, InterruptionInformation)
{
	EXPECT_EQ(vt_intr_pack(VT_INTR_EXTERNAL, 0x30, false), 0x80000030u);
	EXPECT_EQ(vt_intr_pack(VT_INTR_NMI, 2, false), 0x80000202u);
	EXPECT_EQ(vt_intr_pack(VT_INTR_HARD_EXC, 14, true), 0x80000b0eu);
	EXPECT_EQ(vt_intr_pack(VT_INTR_SOFT_INT, 0x80, false), 0x80000480u);
	EXPECT_EQ(vt_intr_pack(VT_INTR_PRIV_SW_EXC, 1, false), 0x80000501u);
	EXPECT_EQ(vt_intr_pack(VT_INTR_SOFT_EXC, 3, false), 0x80000603u);
	EXPECT_EQ(vt_intr_type(0x80001b0e), VT_INTR_HARD_EXC);
	EXPECT_EQ(vt_intr_vector(0x80001b0e), 14);
	EXPECT_EQ(vt_intr_type(0x800007ff), VT_INTR_OTHER);
}

vmx_segment unpacked(u32 ar)
{
	vmx_segment s;
	std::memset(&s, 0, sizeof(s));
	vt_ar_unpack(ar, &s);
	return s;
}

TEST(VtCodec, AccessRights)
{
	vmx_segment s = unpacked(0xa09b); // 64-bit kernel code
	EXPECT_EQ(s.type, 11);
	EXPECT_TRUE(s.s && s.present && s.l && s.g);
	EXPECT_FALSE(s.db || s.avl || s.unusable);
	EXPECT_EQ(s.dpl, 0);
	s = unpacked(0xd0f3); // user data with AVL
	EXPECT_EQ(s.dpl, 3);
	EXPECT_TRUE(s.db && s.avl && s.g);
	EXPECT_FALSE(s.l);

	// Every combination of the real bits comes back.
	for (u32 ar = 0; ar < 0x10000; ar++) {
		if (ar & VT_AR_RESERVED)
			continue;
		s = unpacked(ar);
		EXPECT_EQ(vt_ar_pack(&s), ar & VT_AR_P ? ar : ar | VT_AR_UNUSABLE);
	}
}

TEST(VtCodec, Unusable)
{
	// Not present to software; the DPL, which SS needs, is kept.
	vmx_segment s = unpacked(0x100f3);
	EXPECT_TRUE(s.unusable);
	EXPECT_FALSE(s.present);
	EXPECT_EQ(s.dpl, 3);
	EXPECT_EQ(vt_ar_pack(&s), 0x10073u);
	// A descriptor that is not present cannot be entered with otherwise.
	s = unpacked(0x93);
	s.present = 0;
	EXPECT_EQ(vt_ar_pack(&s), 0x10013u);
	// What a program writes over the field's width is cut.
	s.present = 1;
	s.type = 0xf3;
	s.dpl = 0xff;
	EXPECT_EQ(vt_ar_pack(&s), 0xf3u);
}

// The timer, tick by tick: it expires at the first count that is not before the deadline.
u64 expires_at(u64 now, u32 value, unsigned shift)
{
	for (u64 tsc = now;; tsc++) {
		if (tsc != now && (tsc >> shift) != ((tsc - 1) >> shift))
			value--;
		if (value == 0)
			return tsc;
	}
}

TEST(VtCodec, PreemptionTimer)
{
	for (unsigned shift : {0, 1, 3, 5})
		for (u64 now = 1000; now < 1040; now++)
			for (u64 deadline = now - 2; deadline < now + 100; deadline++) {
				const u32 value = vt_preemption_timer_value(now, deadline, shift);
				if (deadline <= now) {
					EXPECT_EQ(value, 0u);
					continue;
				}
				const u64 end = expires_at(now, value, shift);
				EXPECT_GE(end, deadline);
				EXPECT_LT(end - deadline, 1u << shift);
			}
	// Literal ones.
	EXPECT_EQ(vt_preemption_timer_value(0, 1 << 20, 5), 1u << 15);
	EXPECT_EQ(vt_preemption_timer_value(31, 32, 5), 1u);
	EXPECT_EQ(vt_preemption_timer_value(32, 33, 5), 1u);
	EXPECT_EQ(vt_preemption_timer_value(7, 6, 5), 0u);
	// As far as it reaches, and farther.
	EXPECT_EQ(vt_preemption_timer_value(0, 0xffffffffULL << 7, 7), 0xffffffffu);
	EXPECT_EQ(vt_preemption_timer_value(0, (0xffffffffULL << 7) + 1, 7), 0xffffffffu);
	EXPECT_EQ(vt_preemption_timer_value(5, ~0ULL, 0), 0xffffffffu);
	EXPECT_EQ(vt_preemption_timer_value(0, ~0ULL, 31), 0xffffffffu);
	EXPECT_EQ(vt_preemption_timer_value(~0ULL - 1, ~0ULL, 31), 1u);
}

TEST(VtCodec, PmlEntriesInUse)
{
	EXPECT_EQ(vt_pml_first(511), 512u); // none
	EXPECT_EQ(vt_pml_first(510), 511u);
	EXPECT_EQ(vt_pml_first(0), 1u);
	EXPECT_EQ(vt_pml_first(0xffff), 0u); // the exit for a full log: all
}

} // namespace
