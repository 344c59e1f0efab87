// SPDX-License-Identifier: GPL-2.0-only
#include "boot/linux_boot.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

#include "machine/layout.h"

namespace vmx {

namespace {

enum : uint32_t { e820_ram = 1, e820_reserved = 2 };
constexpr uint8_t loader_undefined = 0xff;
constexpr uint8_t loadflag_can_use_heap = 0x80;
constexpr uint64_t page = 4096;

enum : uint64_t { // page-table entry bits, SDM 3A 4.5
	pte_present = 1 << 0,
	pte_write = 1 << 1,
	pte_large = 1 << 7,
};

// boot.rst, "64-bit Boot Protocol": the selectors are fixed.
constexpr uint16_t boot_cs = 0x10;
constexpr uint16_t boot_ds = 0x18;
constexpr uint16_t boot_tr = 0x20;
constexpr std::array<uint64_t, 6> gdt_entries = {
	0,
	0,
	0x00af9b000000ffff, // 64-bit code, ring 0, accessed
	0x00cf93000000ffff, // data, ring 0, accessed
	0x00008b0000000067, // busy 64-bit TSS at 0 (two entries)
	0,
};

// Identity map of the first 4 GiB in 2 MiB pages: PML4, PDPT, four PDs.
Result<void> write_page_tables(const GuestMemory &memory)
{
	std::vector<uint64_t> tables(6 * 512);
	constexpr uint64_t flags = pte_present | pte_write;
	tables[0] = (layout::page_tables + page) | flags;
	for (uint64_t i = 0; i < 4; i++)
		tables[512 + i] = (layout::page_tables + (2 + i) * page) | flags;
	for (uint64_t i = 0; i < 4 * 512; i++)
		tables[1024 + i] = i * 2 * layout::mib | flags | pte_large;
	auto bytes = std::as_bytes(std::span(tables));
	return memory.write(layout::page_tables, {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()},
			    "page tables");
}

Result<void> write_gdt(const GuestMemory &memory)
{
	auto bytes = std::as_bytes(std::span(gdt_entries));
	return memory.write(layout::gdt, {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}, "GDT");
}

Result<void> write_cmdline(const GuestMemory &memory, const KernelImage &kernel, const std::string &cmdline)
{
	uint64_t max = std::min<uint64_t>(kernel.cmdline_max, layout::cmdline_max - 1);
	if (cmdline.size() > max)
		return Error(fmt::format("the kernel command line has {} characters; this kernel takes {}",
					 cmdline.size(), max),
			     E2BIG);
	Bytes bytes(cmdline.begin(), cmdline.end());
	bytes.push_back(0);
	return memory.write(layout::cmdline, bytes, "command line");
}

Result<void> write_setup_data(const GuestMemory &memory, std::span<const uint8_t> seed)
{
	Bytes bytes;
	append(bytes, uint64_t{0}); // no next entry
	append(bytes, uint32_t{SETUP_RNG_SEED});
	append(bytes, static_cast<uint32_t>(seed.size()));
	append(bytes, seed);
	return memory.write(layout::setup_data, bytes, "setup data");
}

Result<void> load_segments(const GuestMemory &memory, const KernelImage &kernel, std::span<const uint8_t> file)
{
	if (kernel.end > memory.low_end())
		return Error(fmt::format("the kernel needs memory up to {} MiB, the guest has {} MiB below 3 GiB: "
					 "give it more with --memory",
					 (kernel.end + layout::mib - 1) / layout::mib, memory.low_end() / layout::mib),
			     ENOSPC);
	for (const auto &s : kernel.segments)
		VMX_TRY(memory.write(s.guest_addr, file.subspan(s.file_offset, s.file_size), "kernel"));
	return {};
}

struct Placed {
	uint64_t addr, size;
};

Result<void> write_zero_page(const GuestMemory &memory, const KernelImage &kernel, const LinuxBoot &boot, Placed initrd)
{
	struct boot_params params = {};
	size_t header_max = sizeof(params.hdr);
	if (!kernel.setup_header.empty()) {
		std::memcpy(&params.hdr, kernel.setup_header.data(), std::min(kernel.setup_header.size(), header_max));
	} else { // an ELF file has no header: what the kernel looks at
		params.hdr.boot_flag = 0xaa55;
		params.hdr.header = 0x53726448;
		params.hdr.version = 0x020f;
		params.hdr.kernel_alignment = 0x1000000;
	}
	params.hdr.type_of_loader = loader_undefined;
	params.hdr.loadflags &= static_cast<uint8_t>(~loadflag_can_use_heap);
	params.hdr.cmd_line_ptr = static_cast<uint32_t>(layout::cmdline);
	params.hdr.cmdline_size = static_cast<uint32_t>(boot.cmdline.size());
	params.hdr.vid_mode = 0xffff; // normal
	params.hdr.setup_data = layout::setup_data;
	params.hdr.ramdisk_image = static_cast<uint32_t>(initrd.addr);
	params.hdr.ramdisk_size = static_cast<uint32_t>(initrd.size);
	params.acpi_rsdp_addr = boot.rsdp_addr;
	auto e820 = build_e820(memory);
	std::copy(e820.begin(), e820.end(), params.e820_table);
	params.e820_entries = static_cast<uint8_t>(e820.size());
	return memory.write(layout::zero_page, {reinterpret_cast<const uint8_t *>(&params), sizeof(params)},
			    "boot parameters");
}

} // namespace

std::vector<boot_e820_entry> build_e820(const GuestMemory &memory)
{
	std::vector<boot_e820_entry> map;
	map.push_back({0, layout::low_memory_end, e820_ram});
	map.push_back({layout::low_memory_end, 0xa0000 - layout::low_memory_end, e820_reserved});
	map.push_back({layout::acpi_area, layout::acpi_area_end - layout::acpi_area, e820_reserved});
	for (const auto &r : memory.regions()) {
		uint64_t start = std::max(r.guest_addr, layout::high_memory);
		uint64_t end = r.guest_addr + r.size;
		if (end > start)
			map.push_back({start, end - start, e820_ram});
	}
	return map;
}

Result<uint64_t> place_initrd(const KernelImage &kernel, uint64_t low_ram_end, uint64_t size)
{
	// initrd_max is the last address that may be used, not one past it.
	uint64_t top = std::min(low_ram_end, kernel.initrd_max + 1) & ~(page - 1);
	uint64_t floor = (kernel.end + page - 1) & ~(page - 1);
	uint64_t pages = (size + page - 1) & ~(page - 1);
	if (top < floor || pages > top - floor)
		return Error(fmt::format("the initrd ({} MiB) does not fit above the kernel (ends at {} MiB) and below "
					 "{} MiB: give the guest more with --memory",
					 (size + layout::mib - 1) / layout::mib,
					 (kernel.end + layout::mib - 1) / layout::mib, top / layout::mib),
			     ENOSPC);
	return top - pages;
}

Result<BootState> load_linux(const GuestMemory &memory, const LinuxBoot &boot)
{
	if (memory.low_end() < 2 * layout::mib)
		return Error("a guest needs at least 2 MiB of memory", EINVAL);
	VMX_TRY_ASSIGN(KernelImage kernel, parse_kernel(boot.kernel_file));
	VMX_TRY(load_segments(memory, kernel, boot.kernel_file));
	Placed initrd = {0, boot.initrd.size()};
	if (initrd.size > 0) {
		VMX_TRY_ASSIGN(initrd.addr, place_initrd(kernel, memory.low_end(), initrd.size));
		VMX_TRY(memory.write(initrd.addr, boot.initrd, "initrd"));
	}
	VMX_TRY(write_cmdline(memory, kernel, boot.cmdline));
	VMX_TRY(write_setup_data(memory, boot.rng_seed));
	VMX_TRY(write_gdt(memory));
	VMX_TRY(write_page_tables(memory));
	VMX_TRY(write_zero_page(memory, kernel, boot, initrd));

	BootState state = {};
	state.rip = kernel.entry;
	state.rsi = layout::zero_page;
	state.rsp = layout::page_tables - 16; // scratch: the kernel sets its own
	state.cr3 = layout::page_tables;
	state.gdt_base = layout::gdt;
	state.gdt_limit = sizeof(gdt_entries) - 1;
	state.cs = boot_cs;
	state.ds = boot_ds;
	state.tr = boot_tr;
	return state;
}

} // namespace vmx
