// SPDX-License-Identifier: GPL-2.0-only
// The fmt library, compiled once: Debian has it only as headers and as a shared library, and vmx
// is linked statically too. Header-only would cost every other file several seconds of compiling.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
// What fmt/format.h declares `extern template`, as far as char goes.
template FMT_API auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
} // namespace detail
FMT_END_NAMESPACE
