// SPDX-License-Identifier: GPL-2.0-only
// Names for a guest's addresses, from its vmlinux or System.map, and where a Linux kernel was put (KASLR).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trace/file.h"

namespace vmx {

class Symbols {
public:
	// The functions of a 64-bit ELF file with a symbol table. The bytes may be hostile.
	static Result<Symbols> of_elf(std::span<const uint8_t> file);

	// Lines "ffffffff81000000 T _stext", or so with a tab and a module's name, as in /proc/kallsyms; those of types
	// t and w, in both cases.
	static Result<Symbols> of_system_map(std::string_view text);

	// The guest runs `offset` above where its file says.
	void move(uint64_t offset) { offset_ = offset; }

	// "name+0x12" (without the offset, if it is 0), or nothing.
	std::optional<std::string> name(uint64_t address, bool with_offset = true) const;

	// Where the file has it, not moved.
	std::optional<uint64_t> address(std::string_view name) const;

private:
	struct Symbol {
		uint64_t address;
		uint64_t size; // 0: to the next one
		std::string name;
	};

	static Result<Symbols> create(std::vector<Symbol> symbols);

	std::vector<Symbol> symbols_; // by address
	uint64_t offset_ = 0;
};

// How far a Linux kernel was moved: its entry points of system calls, in the trace, less what the symbols say. 0 if
// the symbols are not Linux's. An error if the trace does not know them, or they do not fit.
Result<uint64_t> kaslr_offset(const Symbols &symbols, const TraceInfo &info);

} // namespace vmx
