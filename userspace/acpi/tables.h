// SPDX-License-Identifier: GPL-2.0-only
// The ACPI tables of the machine: RSDP, XSDT, FADT, FACS, DSDT, MADT.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace vmx::acpi {

struct Machine {
	unsigned cpus; // 1 to 254; APIC ids 0 to cpus - 1
	uint8_t ioapic_id;
};

Bytes build_dsdt();
Bytes build_madt(const Machine &machine);
Bytes build_facs();
Bytes build_fadt(uint64_t facs_addr, uint64_t dsdt_addr); // addresses below 4 GiB

struct Blob {
	uint64_t rsdp_addr;
	Bytes bytes; // to be put at the address that build() was given
};

// All tables, laid out from `base` (a multiple of 64, below 4 GiB) on, with
// the RSDP first, where a scan of the BIOS area finds it too.
Blob build(const Machine &machine, uint64_t base);

} // namespace vmx::acpi
