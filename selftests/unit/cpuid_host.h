/* SPDX-License-Identifier: GPL-2.0-only */
// A host CPU made of words, for the tests of the CPUID and MSR policies.
#ifndef SELFTESTS_UNIT_CPUID_HOST_H
#define SELFTESTS_UNIT_CPUID_HOST_H

#include <array>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "pure/cpuid.h"

using Words = std::array<u32, 4>;

class FakeHost {
public:
	explicit FakeHost(const char* vendor)
	{
		u32 v[3];
		std::memcpy(v, vendor, 12);
		// vendor string: ebx, edx, ecx
		set(0, 0, {0x1f, v[0], v[2], v[1]});
		set(0x80000000, 0, {0x80000021, 0, 0, 0});
		// Every feature bit there is: what comes out is what the policy lets through.
		for (u32 leaf : {1u, 0x80000001u, 0x80000007u, 0x80000008u, 0x8000001au, 0x80000021u})
			set(leaf, 0, {~0u, ~0u, ~0u, ~0u});
		set(1, 0, {0x000306c3, 0x00100800, ~0u, ~0u});
		set(6, 0, {~0u, ~0u, ~0u, ~0u});
		set(7, 0, {2, ~0u, ~0u, ~0u});
		set(7, 1, {~0u, ~0u, ~0u, ~0u});
		set(7, 2, {~0u, ~0u, ~0u, ~0u});
		set(4, 0, {0xfc004121, 0x01c0003f, 0x3f, 0});
		set(4, 1, {0xfc004122, 0x01c0003f, 0x3f, 0});
		set(0xd, 0, {0x602e7, 0x340, 0x2b00, 0});
		set(0xd, 1, {0x1f, 0x240, 0x100, 0});
		set(0xd, 2, {256, 576, 0, 0});
		set(0xd, 5, {64, 1088, 0, 0});
		set(0xd, 6, {512, 1152, 0, 0});
		set(0xd, 7, {1024, 1664, 0, 0});
		set(0xd, 9, {8, 2688, 0, 0});
		set(0xd, 17, {64, 2752, 2, 0});
		set(0xd, 18, {8192, 2816, 6, 0});
		set(0x80000008, 0, {0x3030, ~0u, 0x700f, 0});
		set(0x8000001d, 0, {0x0001c121, 0x01c0003f, 0x3f, 0});
		env_.host = &FakeHost::read;
		env_.ctx = this;
		env_.host_xcr0 = 0x602e7;
		env_.host_phys_bits = 46;
		env_.tdp = true;
		env_.la57 = false;
		env_.tsc_aux = true;
		env_.spec_ctrl = true;
		env_.arch_cap = false;
	}

	void set(u32 leaf, u32 sub, const Words& w) { words_[{leaf, sub}] = w; }
	cpuid_env& env() { return env_; }

	std::vector<vmx_cpuid_entry2> supported()
	{
		std::vector<vmx_cpuid_entry2> list(CPUID_MAX_SUPPORTED);
		const int n = cpuid_supported(&env_, list.data(), CPUID_MAX_SUPPORTED);
		list.resize(n < 0 ? 0 : static_cast<size_t>(n));
		return list;
	}

private:
	static void read(void* ctx, u32 leaf, u32 sub, u32 out[CPUID_W_NR])
	{
		auto& words = static_cast<FakeHost*>(ctx)->words_;
		const auto it = words.find({leaf, sub});
		const Words w = it == words.end() ? Words{} : it->second;
		std::memcpy(out, w.data(), sizeof(w));
	}

	std::map<std::pair<u32, u32>, Words> words_;
	cpuid_env env_{};
};

// A vCPU's table, with the memory it lives in.
class Table {
public:
	explicit Table(const std::vector<vmx_cpuid_entry2>& entries)
		: memory_(cpuid_table_size(static_cast<unsigned>(entries.size())) / 8 + 1)
	{
		result = cpuid_table_build(get(), entries.data(), static_cast<unsigned>(entries.size()));
	}

	cpuid_table* get() { return reinterpret_cast<cpuid_table*>(memory_.data()); }
	cpuid_table* operator->() { return get(); }

	Words query(u32 leaf, u32 sub)
	{
		Words w;
		cpuid_query(get(), leaf, sub, w.data());
		return w;
	}

	int result = 0;

private:
	std::vector<u64> memory_;
};

#endif
