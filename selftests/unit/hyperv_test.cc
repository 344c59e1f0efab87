// SPDX-License-Identifier: GPL-2.0-only
// Hyper-V's rules and arithmetic: CPUID and privileges, hypercall input, sets, message slots, timers, clock.
#include <gtest/gtest.h>

#include <vector>

#include "pure/hyperv.h"

namespace {

// ---- CPUID ----

std::vector<vmx_cpuid_entry2> supported(bool direct, bool smt)
{
	hv_env env = {direct, smt, 1024};
	std::vector<vmx_cpuid_entry2> e(HV_MAX_SUPPORTED);
	EXPECT_EQ(hv_cpuid_supported(&env, e.data(), HV_MAX_SUPPORTED), HV_MAX_SUPPORTED);
	return e;
}

const vmx_cpuid_entry2& leaf(const std::vector<vmx_cpuid_entry2>& e, u32 function)
{
	for (const auto& one : e)
		if (one.function == function)
			return one;
	ADD_FAILURE() << std::hex << function;
	return e[0];
}

struct Guest {
	std::vector<char> memory;
	hv_cpuid hv = {};

	explicit Guest(const std::vector<vmx_cpuid_entry2>& e) : memory(cpuid_table_size(64))
	{
		auto* t = reinterpret_cast<cpuid_table*>(memory.data());
		EXPECT_EQ(cpuid_table_build(t, e.data(), static_cast<unsigned>(e.size())), 0);
		hv_cpuid_read(&hv, t);
	}
};

TEST(HypervCpuid, TenLeavesAndNothingElse)
{
	auto e = supported(true, true);
	for (const auto& one : e) {
		EXPECT_GE(one.function, 0x40000000u);
		EXPECT_LE(one.function, 0x40000082u);
		EXPECT_EQ(one.index, 0u);
		EXPECT_EQ(one.flags, 0u);
	}
	EXPECT_EQ(leaf(e, VMX_HV_CPUID_VENDOR).eax, 0x40000082u);
	EXPECT_EQ(leaf(e, VMX_HV_CPUID_INTERFACE).eax, 0x31237648u);
	EXPECT_EQ(leaf(e, VMX_HV_CPUID_LIMITS).eax, 1024u);
	hv_env env = {true, true, 1};
	EXPECT_EQ(hv_cpuid_supported(&env, e.data(), HV_MAX_SUPPORTED - 1), -E2BIG);
}

TEST(HypervCpuid, DirectTimersAndSiblingsFollowTheHost)
{
	EXPECT_TRUE(leaf(supported(true, true), VMX_HV_CPUID_FEATURES).edx & VMX_HV_F_STIMER_DIRECT);
	EXPECT_FALSE(leaf(supported(false, true), VMX_HV_CPUID_FEATURES).edx & VMX_HV_F_STIMER_DIRECT);
	EXPECT_TRUE(leaf(supported(true, false), VMX_HV_CPUID_HINTS).eax & VMX_HV_H_NO_CORE_SHARING);
	EXPECT_FALSE(leaf(supported(true, true), VMX_HV_CPUID_HINTS).eax & VMX_HV_H_NO_CORE_SHARING);
}

// The enlightened VMCS and the flushes of guest mappings need nesting.
TEST(HypervCpuid, NothingForNestedHypervisors)
{
	EXPECT_EQ(leaf(supported(true, true), VMX_HV_CPUID_NESTED).eax & 0xffff, 0u);
	EXPECT_EQ(leaf(supported(true, true), VMX_HV_CPUID_NESTED).eax & (1u << 17 | 1u << 18 | 1u << 22), 0u);
	EXPECT_EQ(leaf(supported(true, true), VMX_HV_CPUID_HINTS).eax & (1u << 14), 0u);
}

TEST(HypervCpuid, AllThatIsOfferedIsAllowed)
{
	Guest g(supported(true, true));
	EXPECT_TRUE(g.hv.present);
	for (u32 msr : {0x40000000u, 0x40000001u, 0x40000002u, 0x40000003u, 0x40000010u, 0x40000020u,
			0x40000021u, 0x40000022u, 0x40000023u, 0x40000070u, 0x40000073u, 0x40000080u,
			0x40000084u, 0x40000090u, 0x4000009fu, 0x400000b0u, 0x400000b7u, 0x400000f1u,
			0x400000ffu, 0x40000100u, 0x40000105u, 0x40000106u, 0x40000108u})
		EXPECT_TRUE(hv_msr_privileged(&g.hv, msr)) << std::hex << msr;
	for (u32 msr : {0x40000004u, 0x400000b8u, 0x400000f0u, 0x40000118u})
		EXPECT_FALSE(hv_msr_privileged(&g.hv, msr)) << std::hex << msr;
	for (u16 code : {2, 3, 8, 0xb, 0x13, 0x14, 0x15, 0x5c, 0x5d, 0x69, 0x6b})
		EXPECT_TRUE(hv_call_privileged(&g.hv, code)) << std::hex << code;
}

// Each MSR and each call by the one bit that it is named after.
TEST(HypervCpuid, EachPrivilegeIsItsOwn)
{
	const struct { u32 msr; u32 bit; } msrs[] = {
		{VMX_HV_MSR_GUEST_OS_ID, VMX_HV_P_HYPERCALL}, {VMX_HV_MSR_HYPERCALL, VMX_HV_P_HYPERCALL},
		{VMX_HV_MSR_VP_INDEX, VMX_HV_P_VP_INDEX}, {VMX_HV_MSR_RESET, VMX_HV_P_RESET},
		{VMX_HV_MSR_VP_RUNTIME, VMX_HV_P_VP_RUNTIME},
		{VMX_HV_MSR_TIME_REF_COUNT, VMX_HV_P_TIME_REF_COUNT},
		{VMX_HV_MSR_REFERENCE_TSC, VMX_HV_P_REFERENCE_TSC},
		{VMX_HV_MSR_TSC_FREQUENCY, VMX_HV_P_FREQUENCY}, {VMX_HV_MSR_TPR, VMX_HV_P_APIC},
		{VMX_HV_MSR_SIMP, VMX_HV_P_SYNIC}, {VMX_HV_MSR_STIMER0_COUNT, VMX_HV_P_STIMER},
		{VMX_HV_MSR_TSC_EMULATION_STATUS, VMX_HV_P_REENLIGHTENMENT},
	};
	hv_cpuid hv = {};
	for (const auto& m : msrs) {
		hv.priv_a = m.bit;
		EXPECT_TRUE(hv_msr_privileged(&hv, m.msr)) << std::hex << m.msr;
		hv.priv_a = ~m.bit;
		EXPECT_FALSE(hv_msr_privileged(&hv, m.msr)) << std::hex << m.msr;
	}
	hv = {};
	EXPECT_FALSE(hv_call_privileged(&hv, VMX_HV_CALL_FLUSH_SPACE));
	hv.hints = VMX_HV_H_REMOTE_FLUSH;
	EXPECT_TRUE(hv_call_privileged(&hv, VMX_HV_CALL_FLUSH_SPACE));
	EXPECT_FALSE(hv_call_privileged(&hv, VMX_HV_CALL_FLUSH_LIST_EX));
	hv.hints |= VMX_HV_H_EX_MASKS;
	EXPECT_TRUE(hv_call_privileged(&hv, VMX_HV_CALL_FLUSH_LIST_EX));
	EXPECT_FALSE(hv_call_privileged(&hv, VMX_HV_CALL_SEND_IPI_EX));
	hv.spins = VMX_HV_SPIN_NEVER;
	EXPECT_FALSE(hv_call_privileged(&hv, VMX_HV_CALL_LONG_SPIN_WAIT));
	hv.spins = 1;
	EXPECT_TRUE(hv_call_privileged(&hv, VMX_HV_CALL_LONG_SPIN_WAIT));
	hv.syndbg = VMX_HV_SYNDBG_ALLOW;
	EXPECT_FALSE(hv_call_privileged(&hv, VMX_HV_CALL_RESET_DEBUG_SESSION));
}

// ---- hypercalls ----

hv_call decoded(u64 input)
{
	hv_call c = {};
	EXPECT_TRUE(hv_call_decode(&c, input));
	return c;
}

u16 form(u64 input, bool syndbg = false)
{
	hv_call c = decoded(input);
	return hv_call_check_form(&c, syndbg);
}

TEST(HypervCall, Fields)
{
	hv_call c = decoded(0x0123'0456'0000'0000ULL | 5u << 17 | 1u << 16 | 0x15);
	EXPECT_EQ(c.code, 0x15);
	EXPECT_TRUE(c.fast);
	EXPECT_EQ(c.varhead, 5);
	EXPECT_EQ(c.reps, 0x456);
	EXPECT_EQ(c.start, 0x123);
	for (int bit : {27, 31, 44, 47, 60, 63})
		EXPECT_FALSE(hv_call_decode(&c, BIT_ULL(bit) | 2)) << bit;
	EXPECT_EQ(hv_call_result(0, 0x7ff), 0x7ff'0000'0000ULL);
	EXPECT_EQ(hv_call_result(6, 0), 6u);
}

TEST(HypervCall, Forms)
{
	const u64 rep = 1ULL << 32, start = 1ULL << 48, head = 1u << 17, fast = 1u << 16;

	EXPECT_EQ(form(0xbeef), VMX_HV_STATUS_INVALID_CODE);
	EXPECT_EQ(form(0x6b), VMX_HV_STATUS_INVALID_CODE);
	EXPECT_EQ(form(0x6b, true), VMX_HV_STATUS_SUCCESS);
	for (u64 code : {0x02, 0x08, 0x0b, 0x5c, 0x5d}) {
		EXPECT_EQ(form(code), VMX_HV_STATUS_SUCCESS) << code;
		EXPECT_EQ(form(code | rep), VMX_HV_STATUS_INVALID_INPUT) << code;
		EXPECT_EQ(form(code | start), VMX_HV_STATUS_INVALID_INPUT) << code;
		EXPECT_EQ(form(code | head), VMX_HV_STATUS_INVALID_INPUT) << code;
	}
	for (u64 code : {0x03, 0x14}) {
		EXPECT_EQ(form(code), VMX_HV_STATUS_INVALID_INPUT) << code;
		EXPECT_EQ(form(code | rep), VMX_HV_STATUS_SUCCESS) << code;
		EXPECT_EQ(form(code | rep | start), VMX_HV_STATUS_INVALID_INPUT) << code;
		EXPECT_EQ(form(code | 2 * rep | start), VMX_HV_STATUS_SUCCESS) << code;
	}
	EXPECT_EQ(form(0x13 | head), VMX_HV_STATUS_SUCCESS);
	EXPECT_EQ(form(0x03 | rep | head), VMX_HV_STATUS_INVALID_INPUT);
	EXPECT_EQ(form(0x5c | fast), VMX_HV_STATUS_SUCCESS);
	EXPECT_EQ(form(0x5d | fast), VMX_HV_STATUS_SUCCESS);
}

TEST(HypervCall, FastInput)
{
	hv_call c = decoded(0x15 | 1u << 16);
	u64 val = 0;
	c.in = 100;
	c.out = 101;
	for (unsigned i = 0; i < HV_XMM_WORDS; i++)
		c.xmm[i] = 102 + i;
	for (unsigned i = 0; i < 14; i++) {
		ASSERT_EQ(hv_call_word(&c, i, &val), HV_WORD_HERE) << i;
		EXPECT_EQ(val, 100 + i);
	}
	EXPECT_EQ(hv_call_word(&c, 14, &val), HV_WORD_NONE);
	// One that has no XMM form has two quadwords.
	c = decoded(0x0b | 1u << 16);
	EXPECT_EQ(hv_call_word(&c, 1, &val), HV_WORD_HERE);
	EXPECT_EQ(hv_call_word(&c, 2, &val), HV_WORD_NONE);
	c = decoded(0x15);
	EXPECT_EQ(hv_call_word(&c, 0, &val), HV_WORD_MEMORY);
}

TEST(HypervCall, SignalEvent)
{
	u32 conn = 0;
	EXPECT_EQ(hv_signal_event(0x00abcdef, &conn), VMX_HV_STATUS_SUCCESS);
	EXPECT_EQ(conn, 0xabcdefu);
	EXPECT_EQ(hv_signal_event(1ULL << 32 | 1, &conn), VMX_HV_STATUS_INVALID_PORT_ID);
	EXPECT_EQ(hv_signal_event(1ULL << 24, &conn), VMX_HV_STATUS_INVALID_INPUT);
	EXPECT_EQ(hv_signal_event(1ULL << 48, &conn), VMX_HV_STATUS_INVALID_INPUT);
}

// ---- sets ----

TEST(HypervSet, Sparse)
{
	hv_vp_set s = {};
	EXPECT_EQ(hv_set_begin(&s, VMX_HV_SET_SPARSE, BIT_ULL(1) | BIT_ULL(3) | BIT_ULL(63)), 3u);
	s.bank[0] = BIT_ULL(2);	  // 64 + 2
	s.bank[1] = BIT_ULL(63);  // 192 + 63
	s.bank[2] = BIT_ULL(0);	  // 4032
	for (u32 vp = 0; vp < 5000; vp++)
		EXPECT_EQ(hv_set_has(&s, vp), vp == 66 || vp == 255 || vp == 4032) << vp;
	EXPECT_EQ(hv_set_begin(&s, VMX_HV_SET_SPARSE, 0), 0u);
	EXPECT_TRUE(hv_set_empty(&s));
	EXPECT_EQ(hv_set_begin(&s, VMX_HV_SET_SPARSE, ~0ULL), 64u);
}

TEST(HypervSet, AllAndMask)
{
	hv_vp_set s = {};
	EXPECT_EQ(hv_set_begin(&s, VMX_HV_SET_ALL, 5), 2u);
	EXPECT_TRUE(hv_set_has(&s, 0));
	EXPECT_TRUE(hv_set_has(&s, 100000));
	EXPECT_FALSE(hv_set_empty(&s));
	hv_set_mask(&s, 6);
	EXPECT_FALSE(hv_set_has(&s, 0));
	EXPECT_TRUE(hv_set_has(&s, 1));
	EXPECT_TRUE(hv_set_has(&s, 2));
	EXPECT_FALSE(hv_set_has(&s, 65));
}

// ---- SynIC ----

TEST(HypervSynic, SourcesAndAutoEoi)
{
	hv_synic s;
	hv_synic_reset(&s);
	EXPECT_EQ(s.version, 1u);
	EXPECT_EQ(hv_sint_vector(s.sint[3]), -1);
	EXPECT_FALSE(hv_sint_write(&s, 1, 15, false));
	EXPECT_TRUE(hv_sint_write(&s, 1, 15, true));
	EXPECT_TRUE(hv_sint_write(&s, 1, 15 | VMX_HV_SINT_MASKED, false));
	EXPECT_TRUE(hv_sint_write(&s, 1, 0xb0 | VMX_HV_SINT_AUTO_EOI, false));
	EXPECT_TRUE(hv_sint_write(&s, 2, 0xb0, false));
	EXPECT_TRUE(hv_auto_eoi(&s, 0xb0));
	EXPECT_EQ(hv_sints_of(&s, 0xb0), 6u);
	EXPECT_TRUE(hv_sint_write(&s, 1, 0xb0 | VMX_HV_SINT_AUTO_EOI | VMX_HV_SINT_MASKED, false));
	EXPECT_FALSE(hv_auto_eoi(&s, 0xb0));
	EXPECT_EQ(hv_sints_of(&s, 0xb0), 4u);
}

TEST(HypervSynic, Slots)
{
	EXPECT_EQ(hv_slot_step(0, false, true), HV_SLOT_WRITE);
	EXPECT_EQ(hv_slot_step(0, true, true), HV_SLOT_WRITE);
	EXPECT_EQ(hv_slot_step(1, false, true), HV_SLOT_MARK);
	EXPECT_EQ(hv_slot_step(1, true, true), HV_SLOT_BUSY);
	EXPECT_EQ(hv_slot_step(1, false, false), HV_SLOT_DROP);
}

// ---- timers ----

const u64 sint1 = 1ULL << VMX_HV_STIMER_SINT_SHIFT;

TEST(HypervStimer, OneShot)
{
	hv_stimer t;
	hv_stimer_reset(&t);
	hv_stimer_set_count(&t, 50000);
	EXPECT_EQ(hv_stimer_run(&t, 1), HV_STIMER_OFF);
	hv_stimer_set_config(&t, VMX_HV_STIMER_ENABLE | sint1);
	EXPECT_EQ(hv_stimer_run(&t, 1), HV_STIMER_WAIT);
	EXPECT_EQ(t.expires, 50000u);
	EXPECT_EQ(hv_stimer_run(&t, 49999), HV_STIMER_WAIT);
	EXPECT_EQ(hv_stimer_run(&t, 50000), HV_STIMER_FIRE);
	hv_stimer_fired(&t, true, 50001);
	EXPECT_FALSE(t.config & VMX_HV_STIMER_ENABLE);
	EXPECT_EQ(hv_stimer_run(&t, 99999), HV_STIMER_OFF);
}

TEST(HypervStimer, OneShotInThePastFiresAtOnce)
{
	hv_stimer t;
	hv_stimer_reset(&t);
	hv_stimer_set_count(&t, 5);
	hv_stimer_set_config(&t, VMX_HV_STIMER_ENABLE | VMX_HV_STIMER_DIRECT);
	EXPECT_EQ(hv_stimer_run(&t, 1000), HV_STIMER_FIRE);
}

TEST(HypervStimer, MessageThatWaits)
{
	hv_stimer t;
	hv_stimer_reset(&t);
	hv_stimer_set_count(&t, 10000);
	hv_stimer_set_config(&t, VMX_HV_STIMER_ENABLE | sint1);
	EXPECT_EQ(hv_stimer_run(&t, 10000), HV_STIMER_FIRE);
	hv_stimer_fired(&t, false, 10000);
	EXPECT_TRUE(t.undelivered);
	EXPECT_TRUE(t.config & VMX_HV_STIMER_ENABLE);
	EXPECT_EQ(hv_stimer_run(&t, 10), HV_STIMER_FIRE); // whatever the clock says now
	hv_stimer_fired(&t, true, 20000);
	EXPECT_FALSE(t.undelivered);
	EXPECT_EQ(hv_stimer_run(&t, 30000), HV_STIMER_OFF);
	// Switched off while it waits: nothing comes any more.
	hv_stimer_set_config(&t, VMX_HV_STIMER_ENABLE | sint1);
	EXPECT_EQ(hv_stimer_run(&t, 30000), HV_STIMER_FIRE);
	hv_stimer_fired(&t, false, 30000);
	hv_stimer_set_config(&t, 0);
	EXPECT_EQ(hv_stimer_run(&t, 40000), HV_STIMER_OFF);
}

TEST(HypervStimer, PeriodicKeepsToItsGrid)
{
	hv_stimer t;
	hv_stimer_reset(&t);
	hv_stimer_set_count(&t, 10000);
	hv_stimer_set_config(&t, VMX_HV_STIMER_ENABLE | VMX_HV_STIMER_PERIODIC | sint1);
	EXPECT_EQ(hv_stimer_run(&t, 500), HV_STIMER_WAIT);
	EXPECT_EQ(t.expires, 10500u);
	EXPECT_EQ(hv_stimer_run(&t, 10700), HV_STIMER_FIRE);
	hv_stimer_fired(&t, true, 10700);
	EXPECT_EQ(t.expires, 20500u);
	// Three ticks late, and the slot was taken: lost, not queued.
	EXPECT_EQ(hv_stimer_run(&t, 45000), HV_STIMER_FIRE);
	hv_stimer_fired(&t, false, 45000);
	EXPECT_FALSE(t.undelivered);
	EXPECT_EQ(t.expires, 50500u);
	EXPECT_TRUE(t.config & VMX_HV_STIMER_ENABLE);
}

TEST(HypervStimer, PeriodsHaveABound)
{
	hv_stimer t;
	hv_stimer_reset(&t);
	hv_stimer_set_count(&t, 1);
	hv_stimer_set_config(&t, VMX_HV_STIMER_ENABLE | VMX_HV_STIMER_PERIODIC | VMX_HV_STIMER_DIRECT);
	EXPECT_EQ(hv_stimer_run(&t, 100), HV_STIMER_WAIT);
	EXPECT_EQ(t.expires, 100 + HV_STIMER_MIN_PERIOD);
	EXPECT_EQ(t.count, 1u);
	hv_stimer_set_count(&t, ~0ULL);
	hv_stimer_set_config(&t, t.config | VMX_HV_STIMER_ENABLE);
	EXPECT_EQ(hv_stimer_run(&t, 100), HV_STIMER_WAIT);
	EXPECT_EQ(t.expires, ~0ULL);
}

TEST(HypervStimer, AutoEnableAndZero)
{
	hv_stimer t;
	hv_stimer_reset(&t);
	hv_stimer_set_config(&t, VMX_HV_STIMER_AUTO | sint1);
	EXPECT_EQ(hv_stimer_run(&t, 1), HV_STIMER_OFF);
	hv_stimer_set_count(&t, 7);
	EXPECT_TRUE(t.config & VMX_HV_STIMER_ENABLE);
	EXPECT_EQ(hv_stimer_run(&t, 7), HV_STIMER_FIRE);
	hv_stimer_set_count(&t, 0);
	EXPECT_FALSE(t.config & VMX_HV_STIMER_ENABLE);
	// To no source: it cannot be switched on.
	hv_stimer_set_config(&t, VMX_HV_STIMER_AUTO | VMX_HV_STIMER_ENABLE);
	EXPECT_FALSE(t.config & VMX_HV_STIMER_ENABLE);
	hv_stimer_set_count(&t, 7);
	EXPECT_FALSE(t.config & VMX_HV_STIMER_ENABLE);
}

// ---- the clock ----

TEST(HypervClock, ScaleIsTenMegahertz)
{
	for (u32 khz : {10001u, 1000000u, 2496123u, 4000000000u}) {
		u64 scale = hv_tsc_scale(khz);
		u64 seconds = hv_tsc_time(khz * 1000ULL * 1000, scale, 0);
		EXPECT_NEAR(static_cast<double>(seconds), 1e10, 2) << khz;
	}
	EXPECT_EQ(hv_tsc_scale(10000), 0u);
	EXPECT_EQ(hv_tsc_scale(0), 0u);
	EXPECT_EQ(hv_tsc_time(0, hv_tsc_scale(1000000), -5), ~0ULL - 4);
}

TEST(HypervClock, SequencesThatSayInvalidAreSkipped)
{
	EXPECT_EQ(hv_tsc_next_sequence(0), 1u);
	EXPECT_EQ(hv_tsc_next_sequence(7), 8u);
	EXPECT_EQ(hv_tsc_next_sequence(~0u - 1), 1u);
	EXPECT_EQ(hv_tsc_next_sequence(~0u), 1u);
}

} // namespace
