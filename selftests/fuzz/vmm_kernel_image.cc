// SPDX-License-Identifier: GPL-2.0-only
// Fuzzes the kernel file parser and the loader behind it. Beside the
// sanitizers: what the parser accepts keeps the promises of its header.
#include <cstdlib>

#include "boot/linux_boot.h"
#include "machine/layout.h"

namespace {

void check(bool ok)
{
	if (!ok)
		std::abort();
}

void check_promises(const vmx::KernelImage &image, size_t file_size)
{
	uint64_t last = vmx::layout::high_memory;
	bool entry_inside = false;
	check(!image.segments.empty());
	for (const auto &s : image.segments) {
		check(s.file_offset <= file_size && s.file_size <= file_size - s.file_offset);
		check(s.memory_size >= s.file_size);
		check(s.guest_addr >= last);
		last = s.guest_addr + s.memory_size;
		check(last > s.guest_addr && last <= image.end);
		entry_inside |= image.entry >= s.guest_addr && image.entry < last;
	}
	check(entry_inside);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	std::span<const uint8_t> file(data, size);
	auto image = vmx::parse_kernel(file);
	if (!image.ok())
		return 0;
	check_promises(image.value(), size);

	auto memory = vmx::GuestMemory::create(32 * vmx::layout::mib);
	check(memory.ok());
	vmx::LinuxBoot boot = {};
	boot.kernel_file = file;
	boot.initrd = file.first(size / 2);
	boot.cmdline = "console=ttyS0";
	auto state = vmx::load_linux(memory.value(), boot);
	if (state.ok())
		check(!memory.value().slice(state.value().rip, 1).empty());
	return 0;
}
