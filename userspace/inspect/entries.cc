// SPDX-License-Identifier: GPL-2.0-only
// SDM 3A 4.3 to 4.5, 3C 29.3.2; APM 2 5.3, 15.25.5.
#include "inspect/entries.h"

#include <fmt/format.h>

namespace vmx {

namespace {

using Words = std::vector<std::string>;

bool bit(uint64_t value, unsigned n)
{
	return (value >> n & 1) != 0;
}

// The rest of an entry that is not present is software's.
bool says_nothing(const vmx_x_step &step)
{
	return (step.flags & (VMX_X_STEP_NO_SLOT | VMX_X_STEP_NOT_HERE)) != 0;
}

Words x86_words(const vmx_x_step &step, bool pdpte)
{
	struct Name {
		unsigned number;
		const char *name;
	};
	static constexpr Name names[] = {{0, "P"}, {1, "RW"}, {2, "US"}, {3, "PWT"}, {4, "PCD"}, {5, "A"}};
	uint64_t e = step.value;
	bool leaf = (step.flags & VMX_X_STEP_LEAF) != 0;
	Words words;
	if (!bit(e, 0))
		return words;
	for (const Name &n : names)
		if (bit(e, n.number))
			words.push_back(n.name);
	if (pdpte)
		return words;
	if (leaf && bit(e, 6))
		words.push_back("D");
	if (step.level > 1 && bit(e, 7))
		words.push_back("PS");
	if (leaf && bit(e, step.level == 1 ? 7 : 12))
		words.push_back("PAT");
	if (leaf && bit(e, 8))
		words.push_back("G");
	if (step.size == 8 && leaf && (e >> 59 & 15))
		words.push_back(fmt::format("PKEY {}", e >> 59 & 15));
	if (step.size == 8 && bit(e, 63))
		words.push_back("NX");
	return words;
}

Words ept_words(const vmx_x_step &step)
{
	static constexpr const char *types[8] = {"UC", "WC", "type 2", "type 3", "WT", "WP", "WB", "type 7"};
	uint64_t e = step.value;
	bool leaf = (step.flags & VMX_X_STEP_LEAF) != 0;
	Words words;
	for (unsigned i = 0; i < 3; i++)
		if (bit(e, i))
			words.push_back(std::string(1, "RWX"[i]));
	if (words.empty())
		return words;
	if (leaf) {
		words.push_back(types[e >> 3 & 7]);
		if (bit(e, 6))
			words.push_back("IPAT");
	}
	if (step.level > 1 && bit(e, 7))
		words.push_back("PS");
	if (bit(e, 8))
		words.push_back("A");
	if (leaf && bit(e, 9))
		words.push_back("D");
	if (bit(e, 10))
		words.push_back("XU");
	if (leaf && bit(e, 63))
		words.push_back("SVE");
	return words;
}

} // namespace

std::vector<std::string> entry_words(const vmx_x_step &step, unsigned levels, uint32_t backend)
{
	Words words;
	if (!says_nothing(step)) {
		if (step.tables == VMX_X_TABLES_NESTED && backend == VMX_X_BACKEND_VT)
			words = ept_words(step);
		else
			words = x86_words(step, step.level == 3 && levels == 3 && step.tables != VMX_X_TABLES_NESTED);
	}
	if (step.flags & VMX_X_STEP_ABSENT)
		words.push_back("not present");
	if (step.flags & VMX_X_STEP_RESERVED)
		words.push_back("reserved bits set");
	if (step.flags & VMX_X_STEP_DEVICE)
		words = {"marked: no memory is there"};
	if (step.flags & VMX_X_STEP_NO_SLOT)
		words.push_back("no memory is there");
	if (step.flags & VMX_X_STEP_NOT_HERE)
		words.push_back("the VMM's page is not present");
	return words;
}

std::string tables_name(unsigned tables)
{
	switch (tables) {
	case VMX_X_TABLES_GUEST:
		return "guest";
	case VMX_X_TABLES_NESTED:
		return "nested";
	case VMX_X_TABLES_SHADOW:
		return "shadow";
	default:
		return "unknown";
	}
}

std::string page_size_text(unsigned shift)
{
	static constexpr const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	return fmt::format("{} {}", 1U << shift % 10, units[shift / 10]);
}

} // namespace vmx
