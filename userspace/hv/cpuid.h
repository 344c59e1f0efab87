// SPDX-License-Identifier: GPL-2.0-only
// From the CPUID that the hypervisor supports to that of one vCPU.
#pragma once

#include <cstdint>
#include <vector>

#include "uapi/vmx.h"

namespace vmx {

struct CpuTopology {
	unsigned cpus;	   // all in one package, one thread per core
	unsigned id;	   // this vCPU: also its APIC id
	bool tsc_deadline; // the in-kernel local APIC has the TSC deadline mode
};

// Changes what differs per vCPU or does not fit a guest, keeps the rest as
// delivered (also the paravirtual leaves at 0x40000000):
//  - APIC id and topology in leaves 1, 4, 0xb, 0x1f, 0x80000008, 0x8000001d, 0x8000001e
//  - the hypervisor bit is set; TSC deadline follows the local APIC
//  - invariant TSC is cleared, so that the guest uses the paravirtual clock
std::vector<vmx_cpuid_entry2> guest_cpuid(const std::vector<vmx_cpuid_entry2> &supported, const CpuTopology &topology);

} // namespace vmx
