// SPDX-License-Identifier: GPL-2.0-only
#include "boot/kernel_image.h"

#include <algorithm>
#include <cerrno>
#include <elf.h>
#include <fmt/format.h>

#include "machine/layout.h"

namespace vmx {

namespace {

// Offsets into a bzImage (boot.rst, "The Real-Mode Kernel Header").
enum : size_t {
	off_header = 0x1f1,
	off_setup_sects = 0x1f1,
	off_boot_flag = 0x1fe,
	off_jump_length = 0x201,
	off_magic = 0x202,
	off_version = 0x206,
	off_kernel_version = 0x20e,
	off_loadflags = 0x211,
	off_initrd_addr_max = 0x22c,
	off_xloadflags = 0x236,
	off_cmdline_size = 0x238,
	off_pref_address = 0x258,
	off_init_size = 0x260,
	off_header_min_end = 0x264,
};
constexpr uint32_t magic_hdrs = 0x53726448; // "HdrS"
constexpr uint16_t version_2_12 = 0x020c;   // the first with xloadflags
constexpr uint8_t loadflag_high = 0x01;
constexpr uint16_t xloadflag_kernel_64 = 0x01;
constexpr uint64_t entry_64_offset = 0x200;
constexpr size_t sector = 512;
constexpr uint64_t address_limit = uint64_t{1} << 46;
constexpr size_t max_program_headers = 128;

std::string text_at(std::span<const uint8_t> file, size_t offset, size_t max)
{
	std::string out;
	for (size_t i = offset; i < file.size() && out.size() < max; i++) {
		if (file[i] < 0x20 || file[i] > 0x7e)
			break;
		out.push_back(static_cast<char>(file[i]));
	}
	return out;
}

Result<KernelImage> parse_bzimage(std::span<const uint8_t> file)
{
	if (file.size() < off_header_min_end)
		return Error("the kernel file is cut off inside its header", ENOEXEC);
	auto version = load<uint16_t>(file, off_version);
	if (version < version_2_12)
		return Error(fmt::format("this kernel has boot protocol {}.{:02}; 2.12 (Linux 3.8) or newer is needed",
					 version >> 8, version & 0xff),
			     ENOEXEC);
	if (!(load<uint8_t>(file, off_loadflags) & loadflag_high))
		return Error("this kernel is a zImage; a bzImage is needed", ENOEXEC);
	if (!(load<uint16_t>(file, off_xloadflags) & xloadflag_kernel_64))
		return Error("this kernel has no 64-bit entry point: it is a 32-bit kernel", ENOEXEC);

	size_t setup_sects = load<uint8_t>(file, off_setup_sects);
	size_t setup_size = ((setup_sects ? setup_sects : 4) + 1) * sector; // 0 means 4
	if (file.size() <= setup_size)
		return Error("the kernel file is cut off: it has no kernel behind its set-up code", ENOEXEC);

	KernelImage image;
	KernelImage::Segment segment = {};
	segment.file_offset = setup_size;
	segment.file_size = file.size() - setup_size;
	segment.guest_addr = load<uint64_t>(file, off_pref_address);
	segment.memory_size = std::max<uint64_t>(load<uint32_t>(file, off_init_size), segment.file_size);
	if (segment.guest_addr < layout::high_memory || segment.guest_addr > address_limit)
		return Error(fmt::format("the kernel asks to be loaded at {:#x}, which is not possible",
					 segment.guest_addr),
			     ENOEXEC);
	if (segment.file_size <= entry_64_offset)
		return Error("the kernel file is cut off before its 64-bit entry point", ENOEXEC);
	image.entry = segment.guest_addr + entry_64_offset;
	image.end = segment.guest_addr + segment.memory_size;
	image.initrd_max = load<uint32_t>(file, off_initrd_addr_max);
	image.cmdline_max = load<uint32_t>(file, off_cmdline_size);
	// The jump at 0x200 tells where the header ends.
	size_t header_end = std::min<size_t>(off_magic + load<uint8_t>(file, off_jump_length), setup_size);
	header_end = std::max<size_t>(header_end, off_header_min_end);
	image.setup_header.assign(file.begin() + off_header, file.begin() + static_cast<ptrdiff_t>(header_end));
	if (auto at = load<uint16_t>(file, off_kernel_version))
		image.version = text_at(file, size_t{at} + sector, 128);
	image.segments.push_back(segment);
	return image;
}

Result<void> add_elf_segment(KernelImage &image, std::span<const uint8_t> file, const Elf64_Phdr &ph)
{
	if (ph.p_offset > file.size() || ph.p_filesz > file.size() - ph.p_offset)
		return Error("the ELF file is cut off: a segment lies outside it", ENOEXEC);
	if (ph.p_memsz < ph.p_filesz)
		return Error("the ELF file has a segment smaller than its contents", ENOEXEC);
	if (ph.p_paddr < layout::high_memory || ph.p_paddr > address_limit || ph.p_memsz > address_limit)
		return Error(fmt::format("the ELF file wants a segment at {:#x}+{:#x}, which is not possible",
					 ph.p_paddr, ph.p_memsz),
			     ENOEXEC);
	image.segments.push_back({ph.p_offset, ph.p_filesz, ph.p_paddr, ph.p_memsz});
	image.end = std::max(image.end, ph.p_paddr + ph.p_memsz);
	return {};
}

Result<void> sort_segments(KernelImage &image)
{
	auto &segments = image.segments;
	std::sort(segments.begin(), segments.end(),
		  [](const auto &a, const auto &b) { return a.guest_addr < b.guest_addr; });
	for (size_t i = 1; i < segments.size(); i++) {
		if (segments[i].guest_addr - segments[i - 1].guest_addr < segments[i - 1].memory_size)
			return Error("the ELF file has segments that overlap in memory", ENOEXEC);
	}
	return {};
}

bool inside(const KernelImage &image, uint64_t addr)
{
	return std::any_of(image.segments.begin(), image.segments.end(), [addr](const auto &s) {
		return addr >= s.guest_addr && addr - s.guest_addr < s.memory_size;
	});
}

Result<KernelImage> parse_elf(std::span<const uint8_t> file)
{
	if (file.size() < sizeof(Elf64_Ehdr))
		return Error("the ELF file is cut off inside its header", ENOEXEC);
	auto eh = load<Elf64_Ehdr>(file, 0);
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64)
		return Error("the ELF file is not for x86-64", ENOEXEC);
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return Error("the ELF file is not a kernel: it is not executable", ENOEXEC);
	if (eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phnum == 0 || eh.e_phnum > max_program_headers)
		return Error("the ELF file has no usable program headers", ENOEXEC);
	if (eh.e_phoff > file.size() || eh.e_phnum * sizeof(Elf64_Phdr) > file.size() - eh.e_phoff)
		return Error("the ELF file is cut off inside its program headers", ENOEXEC);

	KernelImage image;
	uint64_t translated = eh.e_entry;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		auto ph = load<Elf64_Phdr>(file, eh.e_phoff + i * sizeof(Elf64_Phdr));
		if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
			continue;
		VMX_TRY(add_elf_segment(image, file, ph));
		if (eh.e_entry >= ph.p_vaddr && eh.e_entry - ph.p_vaddr < ph.p_memsz)
			translated = eh.e_entry - ph.p_vaddr + ph.p_paddr;
	}
	VMX_TRY(sort_segments(image));
	// Linux's entry is a physical address; take a virtual one too.
	if (inside(image, eh.e_entry))
		image.entry = eh.e_entry;
	else if (inside(image, translated))
		image.entry = translated;
	else
		return Error("the ELF file's entry point is outside its segments: is it a kernel?", ENOEXEC);
	image.initrd_max = 0x7fffffff; // what Linux itself says in a bzImage
	image.cmdline_max = 2047;
	return image;
}

} // namespace

Result<KernelImage> parse_kernel(std::span<const uint8_t> file)
{
	if (file.size() >= SELFMAG && std::equal(file.begin(), file.begin() + SELFMAG, ELFMAG))
		return parse_elf(file);
	if (file.size() >= off_magic + 4 && load<uint32_t>(file, off_magic) == magic_hdrs &&
	    load<uint16_t>(file, off_boot_flag) == 0xaa55)
		return parse_bzimage(file);
	return Error("this is neither a Linux bzImage nor an ELF vmlinux", ENOEXEC);
}

} // namespace vmx
