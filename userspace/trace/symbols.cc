// SPDX-License-Identifier: GPL-2.0-only
#include "trace/symbols.h"

#include <algorithm>
#include <charconv>
#include <elf.h>
#include <fmt/format.h>

namespace vmx {

namespace {

constexpr size_t longest_symbol = 255;
// What follows the last symbol may be far away.
constexpr uint64_t largest_last = 4096;
// Linux puts its kernel at multiples of this, within 1 GiB (CONFIG_PHYSICAL_ALIGN, RANDOMIZE_BASE).
constexpr uint64_t kaslr_align = 2 << 20, kaslr_range = 1 << 30;

// `count` structs T from `offset` on, if the file has them.
template <typename T>
bool has(std::span<const uint8_t> file, uint64_t offset, uint64_t count)
{
	return offset <= file.size() && count <= (file.size() - offset) / sizeof(T);
}

Result<std::vector<Elf64_Shdr>> sections_of(std::span<const uint8_t> file)
{
	if (!has<Elf64_Ehdr>(file, 0, 1))
		return Error("it is too short for an ELF file");
	auto h = load<Elf64_Ehdr>(file, 0);
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_ident[EI_DATA] != ELFDATA2LSB)
		return Error("it is no 64-bit ELF file (a compressed kernel has no symbols: take its vmlinux)");
	if (h.e_shentsize != sizeof(Elf64_Shdr) || !has<Elf64_Shdr>(file, h.e_shoff, h.e_shnum))
		return Error("its table of sections is outside of the file");
	std::vector<Elf64_Shdr> sections;
	for (unsigned i = 0; i < h.e_shnum; i++)
		sections.push_back(load<Elf64_Shdr>(file, h.e_shoff + i * sizeof(Elf64_Shdr)));
	return sections;
}

std::string string_at(std::span<const uint8_t> table, uint64_t at)
{
	if (at >= table.size())
		return {};
	auto rest = table.subspan(at, std::min<uint64_t>(table.size() - at, longest_symbol));
	auto text = reinterpret_cast<const char *>(rest.data());
	return std::string(text, strnlen(text, rest.size()));
}

bool executable(const std::vector<Elf64_Shdr> &sections, unsigned index)
{
	return index != SHN_UNDEF && index < sections.size() && (sections[index].sh_flags & SHF_EXECINSTR);
}

bool printable(const std::string &name)
{
	return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

} // namespace

Result<Symbols> Symbols::create(std::vector<Symbol> symbols)
{
	if (symbols.empty())
		return Error("it has no symbols of functions");
	std::stable_sort(symbols.begin(), symbols.end(),
			 [](const Symbol &a, const Symbol &b) { return a.address < b.address; });
	Symbols result;
	result.symbols_ = std::move(symbols);
	return result;
}

Result<Symbols> Symbols::of_elf(std::span<const uint8_t> file)
{
	VMX_TRY_ASSIGN(auto sections, sections_of(file));
	auto table = std::find_if(sections.begin(), sections.end(), [](auto &s) { return s.sh_type == SHT_SYMTAB; });
	if (table == sections.end())
		return Error("it has no symbol table");
	uint64_t count = table->sh_size / sizeof(Elf64_Sym);
	if (!has<Elf64_Sym>(file, table->sh_offset, count) || table->sh_link >= sections.size())
		return Error("its symbol table is outside of the file");
	const Elf64_Shdr &names = sections[table->sh_link];
	if (!has<char>(file, names.sh_offset, names.sh_size))
		return Error("its symbols' names are outside of the file");
	auto strings = file.subspan(names.sh_offset, names.sh_size);
	std::vector<Symbol> symbols;
	for (uint64_t i = 0; i < count; i++) {
		auto s = load<Elf64_Sym>(file, table->sh_offset + i * sizeof(Elf64_Sym));
		unsigned type = ELF64_ST_TYPE(s.st_info);
		if ((type != STT_FUNC && type != STT_NOTYPE) || !executable(sections, s.st_shndx))
			continue;
		std::string name = string_at(strings, s.st_name);
		if (printable(name))
			symbols.push_back({s.st_value, s.st_size, std::move(name)});
	}
	return create(std::move(symbols));
}

Result<Symbols> Symbols::of_system_map(std::string_view text)
{
	std::vector<Symbol> symbols;
	while (!text.empty()) {
		size_t end = text.find('\n');
		std::string_view line = text.substr(0, end);
		text.remove_prefix(end == text.npos ? text.size() : end + 1);
		uint64_t address = 0;
		auto [rest, bad] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
		std::string_view more(rest, static_cast<size_t>(line.data() + line.size() - rest));
		if (bad != std::errc() || more.size() < 4 || more[0] != ' ' || more[2] != ' ')
			return Error("it is no System.map");
		char type = more[1];
		more.remove_prefix(3);
		std::string name(more.substr(0, std::min(more.find('\t'), longest_symbol)));
		if (std::string_view("tTwW").find(type) != std::string_view::npos && printable(name))
			symbols.push_back({address, 0, std::move(name)});
	}
	return create(std::move(symbols));
}

std::optional<std::string> Symbols::name(uint64_t address, bool with_offset) const
{
	uint64_t at = address - offset_;
	auto after = std::upper_bound(symbols_.begin(), symbols_.end(), at,
				      [](uint64_t a, const Symbol &s) { return a < s.address; });
	if (after == symbols_.begin())
		return {};
	const Symbol &s = *std::prev(after);
	uint64_t into = at - s.address;
	bool inside = s.size ? into < s.size : after != symbols_.end() || into < largest_last;
	if (!inside)
		return {};
	return into && with_offset ? fmt::format("{}+{:#x}", s.name, into) : s.name;
}

std::optional<uint64_t> Symbols::address(std::string_view name) const
{
	for (const Symbol &s : symbols_)
		if (s.name == name)
			return s.address;
	return {};
}

Result<uint64_t> kaslr_offset(const Symbols &symbols, const TraceInfo &info)
{
	auto syscall = symbols.address("entry_SYSCALL_64"), sysenter = symbols.address("entry_SYSENTER_compat");
	if (!syscall && !sysenter)
		return uint64_t{0};
	std::optional<uint64_t> found;
	for (const TraceVcpu &v : info.vcpus) {
		for (auto [now, file] : {std::pair(v.lstar, syscall), std::pair(v.sysenter_eip, sysenter)}) {
			if (!now || !file)
				continue;
			uint64_t offset = now - *file;
			if (offset % kaslr_align || offset >= kaslr_range || (found && *found != offset))
				return Error("the guest's system call entry points are not where these symbols could "
					     "be: they are of another kernel");
			found = offset;
		}
	}
	if (!found)
		return Error(
			"where the guest's kernel was put is not known, as it had not set up its system calls when "
			"the recording ended: give --kaslr-offset");
	return *found;
}

} // namespace vmx
