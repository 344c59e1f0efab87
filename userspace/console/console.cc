// SPDX-License-Identifier: GPL-2.0-only
#include "console/console.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <string>
#include <unistd.h>

namespace vmx {

namespace {

// After POLLOUT a write of so much does not block: PIPE_BUF for pipes; a
// terminal says POLLOUT when it has about this much room.
constexpr size_t chunk_pipe = 4096;
constexpr size_t chunk_terminal = 256;

} // namespace

Console::Console(int in_fd, int out_fd, int message_fd, WakeFd out_wake, WakeFd in_wake)
    : in_fd_(in_fd), out_fd_(out_fd), message_fd_(message_fd), out_wake_(std::move(out_wake)),
      in_wake_(std::move(in_wake)), write_chunk_(::isatty(out_fd) ? chunk_terminal : chunk_pipe),
      input_open_(in_fd >= 0)
{
	queue_.reserve(queue_max);
}

Result<std::unique_ptr<Console>> Console::create(bool with_input, int in_fd, int out_fd, int message_fd)
{
	VMX_TRY_ASSIGN(WakeFd out_wake, WakeFd::create());
	VMX_TRY_ASSIGN(WakeFd in_wake, WakeFd::create());
	auto console = std::make_unique<Console>(with_input ? in_fd : -1, out_fd, message_fd, std::move(out_wake),
						 std::move(in_wake));
	if (with_input && ::isatty(in_fd)) {
		if (RawTerminal::usable(in_fd)) {
			VMX_TRY_ASSIGN(console->terminal_, RawTerminal::enter(in_fd));
		} else { // reading in the background would stop us
			console->input_open_ = false;
		}
	}
	return console;
}

bool Console::transmit(uint8_t byte)
{
	bool was_empty = false, room = false;
	{
		std::lock_guard lock(queue_mutex_);
		was_empty = queue_.empty();
		queue_.push_back(byte);
		room = queue_.size() < queue_max;
		throttled_ = !room;
	}
	if (was_empty)
		out_wake_.signal();
	return room;
}

void Console::receiver_ready()
{
	if (waiting_for_room_.exchange(false))
		in_wake_.signal();
}

void Console::attach(EventLoop &loop, Uart16550 &uart, CommandHandler on_command)
{
	loop_ = &loop;
	uart_ = &uart;
	on_command_ = std::move(on_command);
	in_id_ = loop.add(in_fd_, 0, [this](short) { read_input(); });
	out_id_ = loop.add(out_fd_, 0, [this](short) { write_output(); });
	loop.add(out_wake_.get(), POLLIN, [this](short) {
		out_wake_.drain();
		update_polls();
	});
	loop.add(in_wake_.get(), POLLIN, [this](short) {
		in_wake_.drain();
		feed_guest();
	});
	update_polls();
}

void Console::update_polls()
{
	if (!loop_)
		return;
	bool want_input = input_open_ && (backlog_.empty() || (terminal_ && backlog_.size() < backlog_max));
	loop_->set_events(in_id_, want_input ? POLLIN : 0);
	std::lock_guard lock(queue_mutex_);
	loop_->set_events(out_id_, queue_.empty() ? 0 : POLLOUT);
}

void Console::read_input()
{
	std::array<uint8_t, 4096> buffer;
	ssize_t n = ::read(in_fd_, buffer.data(), buffer.size());
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) { // end of file, or the terminal is gone
		input_open_ = false;
		update_polls();
		return;
	}
	for (uint8_t byte : std::span(buffer).first(static_cast<size_t>(n))) {
		if (!terminal_) {
			backlog_.push_back(byte);
			continue;
		}
		if (ConsoleCommand c = escape_.feed(byte, backlog_); c != ConsoleCommand::none)
			on_command_(c);
	}
	feed_guest();
}

void Console::feed_guest()
{
	size_t done = 0;
	while (done < backlog_.size()) {
		size_t n = uart_->receive(std::span(backlog_).subspan(done));
		done += n;
		if (n > 0)
			continue;
		// Room may have come between receive() and this store, unseen by
		// receiver_ready(): so try once more after it.
		if (waiting_for_room_.exchange(true))
			break;
	}
	if (done == backlog_.size())
		waiting_for_room_ = false;
	backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<ptrdiff_t>(done));
	update_polls();
}

size_t Console::write_some()
{
	std::array<uint8_t, chunk_pipe> chunk;
	size_t n = 0;
	{
		std::lock_guard lock(queue_mutex_);
		n = std::min(queue_.size(), write_chunk_);
		std::copy_n(queue_.begin(), n, chunk.begin());
	}
	if (n == 0)
		return 0;
	if (!output_broken_) {
		ssize_t written = ::write(out_fd_, chunk.data(), n);
		if (written < 0 && (errno == EINTR || errno == EAGAIN))
			return 0;
		if (written < 0) { // nobody reads any more: the guest goes on
			say("vmx: cannot write the guest's output, it is lost from here on\n");
			output_broken_ = true;
		} else {
			n = static_cast<size_t>(written);
		}
	}
	bool resume = false;
	{
		std::lock_guard lock(queue_mutex_);
		queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(n));
		if (throttled_ && queue_.size() <= queue_max / 2) {
			throttled_ = false;
			resume = true;
		}
	}
	if (resume && uart_)
		uart_->tx_resume();
	return n;
}

void Console::write_output()
{
	write_some();
	update_polls();
}

void Console::say(std::string_view text) const
{
	std::string out;
	for (char c : text) {
		if (c == '\n' && terminal_)
			out += '\r';
		out += c;
	}
	[[maybe_unused]] ssize_t n = ::write(message_fd_, out.data(), out.size());
}

void Console::continued() const
{
	if (terminal_)
		terminal_->reenter();
}

void Console::finish()
{
	input_open_ = false;
	auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
	for (;;) {
		{
			std::lock_guard lock(queue_mutex_);
			if (queue_.empty())
				return;
		}
		auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
										  std::chrono::steady_clock::now());
		if (left.count() <= 0)
			return;
		struct pollfd p = {out_fd_, POLLOUT, 0};
		if (::poll(&p, 1, static_cast<int>(left.count())) > 0)
			write_some();
	}
}

} // namespace vmx
