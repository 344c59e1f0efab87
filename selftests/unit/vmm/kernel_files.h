// SPDX-License-Identifier: GPL-2.0-only
// Small kernel files for tests: a bzImage and an ELF file with given contents.
#pragma once

#include <elf.h>

#include "base/bytes.h"

namespace vmx::test {

// A bzImage with boot protocol 2.15, one set-up sector, `payload` bytes.
inline Bytes make_bzimage(size_t payload = 0x1000, uint32_t init_size = 0x10000)
{
	Bytes f(1024 + payload);
	std::span<uint8_t> s(f);
	f[0x1f1] = 1;
	store<uint16_t>(s, 0x1fe, 0xaa55);
	store<uint16_t>(s, 0x200, 0x66eb); // jump over the header, to 0x268
	store<uint32_t>(s, 0x202, 0x53726448);
	store<uint16_t>(s, 0x206, 0x020f);
	f[0x211] = 1;
	store<uint32_t>(s, 0x22c, 0x7fffffff);
	store<uint32_t>(s, 0x230, 0x200000);
	store<uint16_t>(s, 0x236, 0x3f);
	store<uint32_t>(s, 0x238, 2047);
	store<uint64_t>(s, 0x258, 0x1000000);
	store<uint32_t>(s, 0x260, init_size);
	for (size_t i = 0; i < payload; i++)
		f[1024 + i] = static_cast<uint8_t>(i * 7);
	return f;
}

// An ELF kernel with one segment of 0x100 file bytes and 0x2000 memory bytes.
inline Bytes make_elf(uint64_t paddr = 0x1000000, uint64_t vaddr = 0xffffffff81000000, uint64_t entry = 0x1000000)
{
	Bytes f(0x200);
	Elf64_Ehdr eh = {};
	std::memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_type = ET_EXEC;
	eh.e_machine = EM_X86_64;
	eh.e_entry = entry;
	eh.e_phoff = sizeof(eh);
	eh.e_phentsize = sizeof(Elf64_Phdr);
	eh.e_phnum = 1;
	Elf64_Phdr ph = {};
	ph.p_type = PT_LOAD;
	ph.p_offset = 0x100;
	ph.p_filesz = 0x100;
	ph.p_memsz = 0x2000;
	ph.p_paddr = paddr;
	ph.p_vaddr = vaddr;
	store(std::span<uint8_t>(f), 0, eh);
	store(std::span<uint8_t>(f), sizeof(eh), ph);
	for (size_t i = 0x100; i < 0x200; i++)
		f[i] = static_cast<uint8_t>(i);
	return f;
}

template <typename T>
void poke(Bytes &f, size_t offset, T value)
{
	store<T>(std::span<uint8_t>(f), offset, value);
}

} // namespace vmx::test
