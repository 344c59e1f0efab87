// SPDX-License-Identifier: GPL-2.0-only
// Puts a Linux kernel, its initrd and its boot parameters into guest memory
// and says in what state the first CPU starts (64-bit boot protocol).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <asm/bootparam.h>

#include "base/result.h"
#include "boot/kernel_image.h"
#include "machine/memory.h"

namespace vmx {

struct LinuxBoot {
	std::span<const uint8_t> kernel_file;
	std::span<const uint8_t> initrd; // may be empty
	std::string cmdline;
	uint64_t rsdp_addr;
	std::array<uint8_t, 32> rng_seed;
};

// What the boot CPU needs to start in long mode, paging on.
struct BootState {
	uint64_t rip, rsi, rsp, cr3;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	uint16_t cs, ds, tr; // selectors in that GDT
};

// The e820 map: low RAM, the reserved BIOS area, RAM from 1 MiB on.
std::vector<boot_e820_entry> build_e820(const GuestMemory &memory);

// Where the initrd goes: as high as it may, page-aligned, above the kernel.
Result<uint64_t> place_initrd(const KernelImage &kernel, uint64_t low_ram_end, uint64_t size);

// Loads everything. The errors say what is too large or wrong.
Result<BootState> load_linux(const GuestMemory &memory, const LinuxBoot &boot);

} // namespace vmx
