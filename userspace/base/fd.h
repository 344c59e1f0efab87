// SPDX-License-Identifier: GPL-2.0-only
// Owners of file descriptors and memory mappings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vmx {

// Owns one file descriptor; closes it.
class UniqueFd {
public:
	UniqueFd() = default;
	explicit UniqueFd(int fd) : fd_(fd) {}
	UniqueFd(UniqueFd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	UniqueFd &operator=(UniqueFd &&other) noexcept
	{
		if (this != &other) {
			reset();
			fd_ = std::exchange(other.fd_, -1);
		}
		return *this;
	}
	~UniqueFd() { reset(); }

	int get() const { return fd_; }
	bool valid() const { return fd_ >= 0; }
	void reset();

private:
	int fd_ = -1;
};

// Owns one mmap()ed range; unmaps it.
class Mapping {
public:
	Mapping() = default;
	Mapping(Mapping &&other) noexcept
	    : addr_(std::exchange(other.addr_, nullptr)), size_(std::exchange(other.size_, 0))
	{
	}
	Mapping &operator=(Mapping &&other) noexcept;
	~Mapping();

	// Shared mapping of `size` bytes of `fd` at `offset`.
	static Result<Mapping> of_fd(int fd, size_t size, uint64_t offset, const std::string &what);

	// The same to be read alone; data() must not be written to.
	static Result<Mapping> read_only(int fd, size_t size, const std::string &what);

	// Private anonymous memory, not reserved, whose start is a multiple of
	// `align` (a power of two, at least a page).
	static Result<Mapping> anonymous(size_t size, size_t align);

	uint8_t *data() const { return static_cast<uint8_t *>(addr_); }
	size_t size() const { return size_; }
	std::span<uint8_t> bytes() const { return {data(), size_}; }

private:
	Mapping(void *addr, size_t size) : addr_(addr), size_(size) {}

	void *addr_ = nullptr;
	size_t size_ = 0;
};

// An eventfd used to wake a poll(); signal() may be called from any thread.
class WakeFd {
public:
	static Result<WakeFd> create();
	void signal() const noexcept;
	void drain() const noexcept;
	int get() const { return fd_.get(); }

private:
	explicit WakeFd(UniqueFd fd) : fd_(std::move(fd)) {}
	UniqueFd fd_;
};

// The whole of a file; refuses directories and files above `max_size` bytes.
Result<std::vector<uint8_t>> read_whole_file(const std::string &path, size_t max_size);

} // namespace vmx
