// SPDX-License-Identifier: GPL-2.0-only
// A builder for the little AML that a DSDT needs (ACPI 6.4 chapter 20). Each
// function returns the encoded bytes of one term; terms nest by concatenation.
//
//   aml::scope("\\_SB", {aml::device("COM1", {aml::name("_UID", aml::integer(1))})})
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace vmx::aml {

using Terms = std::initializer_list<Bytes>;

// "_SB", "\\_S5", "\\_SB.COM1": segments of 1 to 4 of A-Z, 0-9, _; short ones
// are padded. Aborts on anything else: names are constants of the program.
Bytes path(std::string_view name);

Bytes integer(uint64_t value);
Bytes string(std::string_view text); // ASCII without NUL
Bytes eisa_id(std::string_view id);  // "PNP0501"
Bytes buffer(std::span<const uint8_t> data);
Bytes package(Terms elements); // at most 255

Bytes name(std::string_view object, const Bytes &value);
Bytes scope(std::string_view object, Terms terms);
Bytes device(std::string_view object, Terms terms);

// Resource descriptors (6.4 section 6.4.2) and the buffer that holds them.
Bytes io(uint16_t base, uint8_t length);
Bytes irq(unsigned line); // 0-15, edge, active high
Bytes resources(Terms descriptors);

} // namespace vmx::aml
