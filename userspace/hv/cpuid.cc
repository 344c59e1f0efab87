// SPDX-License-Identifier: GPL-2.0-only
// Leaves: SDM 2A "CPUID", APM 3 appendix E.
#include "hv/cpuid.h"

#include <algorithm>
#include <bit>

namespace vmx {

namespace {

enum : uint32_t {
	leaf1_ecx_tsc_deadline = 1u << 24,
	leaf1_ecx_hypervisor = 1u << 31,
	leaf1_edx_htt = 1u << 28,
	leaf80000001_ecx_cmp_legacy = 1u << 1,
	leaf80000007_edx_invariant_tsc = 1u << 8,
};

enum : uint32_t { level_smt = 1, level_core = 2 };

uint32_t with_bits(uint32_t value, unsigned shift, unsigned width, uint32_t bits)
{
	uint32_t mask = ((width == 32 ? 0 : 1u << width) - 1u) << shift;
	return (value & ~mask) | ((bits << shift) & mask);
}

uint32_t with_flag(uint32_t value, uint32_t flag, bool on)
{
	return on ? value | flag : value & ~flag;
}

// Bits of the APIC id that number the cores.
uint32_t core_bits(unsigned cpus)
{
	return static_cast<uint32_t>(std::bit_width(cpus - 1));
}

bool is_amd(const std::vector<vmx_cpuid_entry2> &entries)
{
	for (const auto &e : entries) {
		if (e.function == 0) // "Auth" of AuthenticAMD, "Hygo" of HygonGenuine
			return e.ebx == 0x68747541 || e.ebx == 0x6f677948;
	}
	return false;
}

// Leaves 4 and 0x8000001d: a cache of level 3 or more is shared by all.
void set_cache_sharing(vmx_cpuid_entry2 &e, const CpuTopology &t)
{
	uint32_t level = (e.eax >> 5) & 7;
	if ((e.eax & 0x1f) == 0)
		return; // no more caches
	e.eax = with_bits(e.eax, 14, 12, level >= 3 ? (1u << core_bits(t.cpus)) - 1 : 0);
	if (e.function == 4)
		e.eax = with_bits(e.eax, 26, 6, std::min(63u, (1u << core_bits(t.cpus)) - 1));
}

// Leaves 0xb and 0x1f, built anew: a core of one thread, a package of all.
void append_topology(std::vector<vmx_cpuid_entry2> &out, uint32_t leaf, const CpuTopology &t)
{
	for (uint32_t i = 0; i < 3; i++) {
		vmx_cpuid_entry2 e = {};
		e.function = leaf;
		e.index = i;
		e.flags = VMX_CPUID_FLAG_SIGNIFCANT_INDEX;
		e.edx = t.id;
		if (i == 0) {
			e.ebx = 1;
			e.ecx = level_smt << 8;
		} else if (i == 1) {
			e.eax = core_bits(t.cpus);
			e.ebx = t.cpus;
			e.ecx = level_core << 8 | i;
		} else {
			e.ecx = i; // level type 0: end
		}
		out.push_back(e);
	}
}

void adjust(vmx_cpuid_entry2 &e, const CpuTopology &t, bool amd)
{
	switch (e.function) {
	case 1:
		e.ebx = with_bits(e.ebx, 24, 8, t.id);
		e.ebx = with_bits(e.ebx, 16, 8, t.cpus);
		e.ecx |= leaf1_ecx_hypervisor;
		e.ecx = with_flag(e.ecx, leaf1_ecx_tsc_deadline, t.tsc_deadline);
		e.edx = with_flag(e.edx, leaf1_edx_htt, t.cpus > 1);
		break;
	case 4:
	case 0x8000001d:
		set_cache_sharing(e, t);
		break;
	case 0x80000001:
		if (amd)
			e.ecx = with_flag(e.ecx, leaf80000001_ecx_cmp_legacy, t.cpus > 1);
		break;
	case 0x80000007:
		e.edx &= ~leaf80000007_edx_invariant_tsc;
		break;
	case 0x80000008:
		if (amd) { // NC and ApicIdSize
			e.ecx = with_bits(e.ecx, 0, 8, t.cpus - 1);
			e.ecx = with_bits(e.ecx, 12, 4, core_bits(t.cpus));
		}
		break;
	case 0x8000001e:
		e.eax = t.id;
		e.ebx = with_bits(e.ebx, 0, 16, t.id); // core id, one thread per core
		e.ecx = 0;			       // node 0, one node
		break;
	default:
		break;
	}
}

} // namespace

std::vector<vmx_cpuid_entry2> guest_cpuid(const std::vector<vmx_cpuid_entry2> &supported, const CpuTopology &topology)
{
	bool amd = is_amd(supported);
	std::vector<vmx_cpuid_entry2> out;
	out.reserve(supported.size() + 4);
	bool had_b = false, had_1f = false;
	for (vmx_cpuid_entry2 e : supported) {
		if (e.function == 0xb || e.function == 0x1f) {
			(e.function == 0xb ? had_b : had_1f) = true;
			continue;
		}
		adjust(e, topology, amd);
		out.push_back(e);
	}
	if (had_b)
		append_topology(out, 0xb, topology);
	if (had_1f)
		append_topology(out, 0x1f, topology);
	return out;
}

} // namespace vmx
