// SPDX-License-Identifier: GPL-2.0-only
// Little-endian integers in byte buffers. Callers check bounds; `load`/`store`
// abort on a range outside the buffer rather than touch foreign memory.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace vmx {

using Bytes = std::vector<uint8_t>;

template <typename T>
T load(std::span<const uint8_t> buf, size_t offset)
{
	static_assert(std::is_trivially_copyable_v<T>);
	if (offset > buf.size() || buf.size() - offset < sizeof(T))
		std::abort();
	T value;
	std::memcpy(&value, buf.data() + offset, sizeof(T));
	return value;
}

template <typename T>
void store(std::span<uint8_t> buf, size_t offset, T value)
{
	static_assert(std::is_trivially_copyable_v<T>);
	if (offset > buf.size() || buf.size() - offset < sizeof(T))
		std::abort();
	std::memcpy(buf.data() + offset, &value, sizeof(T));
}

template <std::integral T>
void append(Bytes &out, T value)
{
	for (size_t i = 0; i < sizeof(T); i++)
		out.push_back(static_cast<uint8_t>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i)));
}

inline void append(Bytes &out, std::span<const uint8_t> more)
{
	out.insert(out.end(), more.begin(), more.end());
}

} // namespace vmx
