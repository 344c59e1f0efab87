// SPDX-License-Identifier: GPL-2.0-only
// Result<T>: a value or an Error with words for the person at the keyboard.
// No exceptions: looking at the value of a failed Result aborts.
#pragma once

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace vmx {

// What went wrong, in words that a user can act on; `code` is an errno or 0.
class Error {
public:
	explicit Error(std::string text, int code = 0) : text_(std::move(text)), code_(code) {}

	// "<what>: <words of errno>"
	static Error from_errno(int err, const std::string &what)
	{
		return Error(what + ": " + std::strerror(err), err);
	}

	const std::string &text() const { return text_; }
	int code() const { return code_; }

	// The same error with "<prefix>: " before its text.
	Error with_context(const std::string &prefix) && { return Error(prefix + ": " + text_, code_); }

private:
	std::string text_;
	int code_;
};

template <typename T>
class [[nodiscard]] Result {
public:
	Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
	Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

	bool ok() const { return state_.index() == 0; }
	T &value() & { return *checked(std::get_if<0>(&state_)); }
	const T &value() const & { return *checked(std::get_if<0>(&state_)); }
	T &&value() && { return std::move(*checked(std::get_if<0>(&state_))); }
	const Error &error() const & { return *checked(std::get_if<1>(&state_)); }
	Error &&error() && { return std::move(*checked(std::get_if<1>(&state_))); }

private:
	template <typename P>
	static P *checked(P *p)
	{
		if (!p)
			std::abort();
		return p;
	}

	std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
	Result() = default;
	Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

	bool ok() const { return state_.index() == 0; }
	const Error &error() const & { return *get(); }
	Error &&error() && { return std::move(*get()); }

private:
	const Error *get() const
	{
		const Error *e = std::get_if<1>(&state_);
		if (!e)
			std::abort();
		return e;
	}
	Error *get() { return const_cast<Error *>(std::as_const(*this).get()); }

	std::variant<std::monostate, Error> state_;
};

} // namespace vmx

// Return the error of `expr` from the calling function, if it has one.
#define VMX_TRY(expr)                                             \
	do {                                                      \
		if (auto try_result_ = (expr); !try_result_.ok()) \
			return std::move(try_result_).error();    \
	} while (0)

#define VMX_CONCAT_(a, b) a##b
#define VMX_CONCAT(a, b) VMX_CONCAT_(a, b)
// VMX_TRY_ASSIGN(auto x, f()): x is f()'s value, or its error is returned.
#define VMX_TRY_ASSIGN(decl, expr) VMX_TRY_ASSIGN_(VMX_CONCAT(try_result_, __LINE__), decl, expr)
#define VMX_TRY_ASSIGN_(tmp, decl, expr)       \
	auto tmp = (expr);                     \
	if (!tmp.ok())                         \
		return std::move(tmp).error(); \
	decl = std::move(tmp).value()
