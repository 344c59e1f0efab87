// SPDX-License-Identifier: GPL-2.0-only
// Reads what a kernel file says about itself: a Linux/x86 bzImage
// (Documentation/arch/x86/boot.rst) or an x86-64 ELF vmlinux.
// Pure: the file's bytes are hostile, all numbers in it are checked.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace vmx {

struct KernelImage {
	struct Segment {
		uint64_t file_offset;
		uint64_t file_size;
		uint64_t guest_addr;
		uint64_t memory_size; // the part after file_size is zero
	};

	std::vector<Segment> segments; // sorted by guest_addr, disjoint, from 1 MiB on
	uint64_t entry = 0;	       // 64-bit entry point
	uint64_t end = 0;	       // one past the last byte that the kernel needs
	uint64_t initrd_max = 0;       // highest address an initrd byte may have
	uint32_t cmdline_max = 0;      // longest command line, without the NUL
	Bytes setup_header;	       // bytes from offset 0x1f1 on; empty for ELF
	std::string version;	       // what a bzImage calls itself, may be empty
};

Result<KernelImage> parse_kernel(std::span<const uint8_t> file);

} // namespace vmx
