// SPDX-License-Identifier: GPL-2.0-only
#include "acpi/aml.h"

#include <array>
#include <cstdlib>

namespace vmx::aml {

namespace {

enum : uint8_t { // ACPI 6.4 table 20.1
	op_zero = 0x00,
	op_one = 0x01,
	op_name = 0x08,
	op_byte = 0x0a,
	op_word = 0x0b,
	op_dword = 0x0c,
	op_string = 0x0d,
	op_qword = 0x0e,
	op_scope = 0x10,
	op_buffer = 0x11,
	op_package = 0x12,
	op_dual_name = 0x2e,
	op_multi_name = 0x2f,
	op_extended = 0x5b,
	op_ext_device = 0x82,
};

Bytes join(Terms terms)
{
	Bytes out;
	for (const Bytes &t : terms)
		append(out, t);
	return out;
}

// PkgLength (20.2.4) counts itself: one byte up to 63, else the low nibble of
// the first byte and one to three bytes more.
Bytes with_package_length(const Bytes &body)
{
	Bytes out;
	size_t n = body.size();
	if (n + 1 < 64) {
		out.push_back(static_cast<uint8_t>(n + 1));
	} else {
		unsigned extra = 1;
		while (n + 1 + extra >= size_t{1} << (4 + 8 * extra))
			extra++;
		if (extra > 3)
			std::abort();
		size_t total = n + 1 + extra;
		out.push_back(static_cast<uint8_t>(extra << 6 | (total & 0x0f)));
		for (unsigned i = 0; i < extra; i++)
			out.push_back(static_cast<uint8_t>(total >> (4 + 8 * i)));
	}
	append(out, body);
	return out;
}

Bytes with_opcode(std::initializer_list<uint8_t> opcode, const Bytes &rest)
{
	Bytes out(opcode);
	append(out, rest);
	return out;
}

bool is_name_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

} // namespace

Bytes path(std::string_view name)
{
	Bytes out;
	if (name.starts_with('\\')) {
		out.push_back('\\');
		name.remove_prefix(1);
	}
	Bytes segments;
	uint8_t count = 0;
	while (!name.empty()) {
		std::string_view segment = name.substr(0, name.find('.'));
		name.remove_prefix(std::min(name.size(), segment.size() + 1));
		if (segment.empty() || segment.size() > 4 || count == 255)
			std::abort();
		for (size_t i = 0; i < 4; i++) {
			char c = i < segment.size() ? segment[i] : '_';
			if (!is_name_char(c, i == 0))
				std::abort();
			segments.push_back(static_cast<uint8_t>(c));
		}
		count++;
	}
	if (count == 0) {
		out.push_back(op_zero); // NullName
	} else if (count == 2) {
		out.push_back(op_dual_name);
	} else if (count > 2) {
		out.push_back(op_multi_name);
		out.push_back(count);
	}
	append(out, segments);
	return out;
}

Bytes integer(uint64_t value)
{
	if (value == 0)
		return {op_zero};
	if (value == 1)
		return {op_one};
	Bytes out;
	if (value <= 0xff) {
		out.push_back(op_byte);
		append(out, static_cast<uint8_t>(value));
	} else if (value <= 0xffff) {
		out.push_back(op_word);
		append(out, static_cast<uint16_t>(value));
	} else if (value <= 0xffffffff) {
		out.push_back(op_dword);
		append(out, static_cast<uint32_t>(value));
	} else {
		out.push_back(op_qword);
		append(out, value);
	}
	return out;
}

Bytes string(std::string_view text)
{
	Bytes out = {op_string};
	for (char c : text) {
		if (c <= 0)
			std::abort();
		out.push_back(static_cast<uint8_t>(c));
	}
	out.push_back(0);
	return out;
}

Bytes eisa_id(std::string_view id)
{
	if (id.size() != 7)
		std::abort();
	uint32_t value = 0;
	for (size_t i = 0; i < 3; i++) // three letters, five bits each
		value = value << 5 | static_cast<uint32_t>(id[i] - '@');
	for (size_t i = 3; i < 7; i++) { // four hexadecimal digits
		char c = id[i];
		value = value << 4 | static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'A' + 10);
	}
	Bytes out = {op_dword};
	append(out, __builtin_bswap32(value));
	return out;
}

Bytes buffer(std::span<const uint8_t> data)
{
	Bytes body = integer(data.size());
	append(body, data);
	return with_opcode({op_buffer}, with_package_length(body));
}

Bytes package(Terms elements)
{
	if (elements.size() > 255)
		std::abort();
	Bytes body = {static_cast<uint8_t>(elements.size())};
	append(body, join(elements));
	return with_opcode({op_package}, with_package_length(body));
}

Bytes name(std::string_view object, const Bytes &value)
{
	Bytes body = path(object);
	append(body, value);
	return with_opcode({op_name}, body);
}

Bytes scope(std::string_view object, Terms terms)
{
	Bytes body = path(object);
	append(body, join(terms));
	return with_opcode({op_scope}, with_package_length(body));
}

Bytes device(std::string_view object, Terms terms)
{
	Bytes body = path(object);
	append(body, join(terms));
	return with_opcode({op_extended, op_ext_device}, with_package_length(body));
}

Bytes io(uint16_t base, uint8_t length)
{
	Bytes out = {0x47, 0x01}; // I/O port descriptor, 16-bit decode
	append(out, base);	  // minimum
	append(out, base);	  // maximum
	out.push_back(0x01);	  // alignment
	out.push_back(length);
	return out;
}

Bytes irq(unsigned line)
{
	if (line > 15)
		std::abort();
	Bytes out = {0x22}; // IRQ descriptor without flags
	append(out, static_cast<uint16_t>(1u << line));
	return out;
}

Bytes resources(Terms descriptors)
{
	Bytes body = join(descriptors);
	body.push_back(0x79); // end tag; checksum 0 means "not checked"
	body.push_back(0x00);
	return buffer(body);
}

} // namespace vmx::aml
