// SPDX-License-Identifier: GPL-2.0-only
// The table on a terminal. Signals come as reads of a file, so that there is one way out, which restores the terminal.
#include "stat/stat.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <poll.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "console/terminal.h"

namespace vmx {

namespace {

constexpr std::string_view screen_in = "\033[?1049h\033[?25l", screen_out = "\033[?25h\033[?1049l";
constexpr std::string_view home = "\033[H", to_line_end = "\033[K", to_screen_end = "\033[J";
constexpr char ctrl_c = 3;

void write_all(std::string_view text)
{
	while (!text.empty()) {
		ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text.remove_prefix(static_cast<size_t>(n));
	}
}

// The other screen, without a cursor, for as long as the object lives.
class Screen {
public:
	Screen() { write_all(screen_in); }
	~Screen() { write_all(screen_out); }
	Screen(const Screen &) = delete;
	Screen &operator=(const Screen &) = delete;
};

// Signals that end or change the display, blocked for as long as the object lives.
class Signals {
public:
	Signals()
	{
		sigset_t set;
		sigemptyset(&set);
		for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT})
			sigaddset(&set, signal);
		sigprocmask(SIG_BLOCK, &set, &saved_);
		fd_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	}
	~Signals() { sigprocmask(SIG_SETMASK, &saved_, nullptr); }
	Signals(const Signals &) = delete;
	Signals &operator=(const Signals &) = delete;

	int get() const { return fd_.get(); }

	// The next one that waits, or 0.
	int take() const
	{
		struct signalfd_siginfo info;
		if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info))
			return 0;
		return static_cast<int>(info.ssi_signo);
	}

private:
	sigset_t saved_;
	UniqueFd fd_;
};

class Live {
public:
	Live(const StatOptions &options, StatSource &source, const RawTerminal &terminal)
	    : source_(source), sampler_(source), terminal_(terminal), interval_(options.interval),
	      per_vcpu_(options.per_vcpu)
	{
		stat_order_of(options.sort, style_.order);
	}

	// Until the user or a signal ends it, or there is nothing more to see.
	Result<void> run();

private:
	void take();
	void draw() const;
	void key(char c);
	void signals();

	StatSource &source_;
	StatSampler sampler_;
	const RawTerminal &terminal_;
	Signals signals_;
	std::vector<StatView> views_;
	StatStyle style_;
	double interval_;
	bool per_vcpu_;
	bool quit_ = false, stale_ = false;
};

void Live::take()
{
	views_ = sampler_.take(per_vcpu_);
	draw();
}

void Live::draw() const
{
	struct winsize size = {};
	if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2 || size.ws_col < 20) {
		size.ws_row = 24;
		size.ws_col = 80;
	}
	std::string text;
	for (const StatView &view : views_)
		text += stat_text(view, style_) + "\n";
	if (views_.empty())
		text = "no vCPU of /dev/vmx is to be seen\n";
	std::string screen(home);
	size_t row = 0, at = 0;
	for (; row + 1u < size.ws_row && at < text.size(); row++) {
		size_t end = text.find('\n', at);
		screen += text.substr(at, std::min<size_t>(end - at, size.ws_col));
		screen += fmt::format("{}\r\n", to_line_end);
		at = end + 1;
	}
	screen += to_screen_end;
	std::string help = fmt::format("by {}, {:g} s | sort: c r t a m n | v: by {} | k: counters | + -: interval | q",
				       stat_order_name(style_.order), interval_, per_vcpu_ ? "VM" : "vCPU");
	screen += fmt::format("\033[{};1H\033[7m{}\033[0m{}", size.ws_row, help.substr(0, size.ws_col), to_line_end);
	write_all(screen);
}

void Live::key(char c)
{
	constexpr std::pair<char, StatOrder> orders[] = {
		{'c', StatOrder::count},   {'r', StatOrder::rate}, {'t', StatOrder::total},
		{'a', StatOrder::average}, {'m', StatOrder::max},  {'n', StatOrder::name},
	};
	for (auto [name, order] : orders)
		if (c == name)
			style_.order = order;
	if (c == 'q' || c == ctrl_c)
		quit_ = true;
	if (c == 'k')
		style_.counters = !style_.counters;
	if (c == 'v') {
		per_vcpu_ = !per_vcpu_;
		stale_ = true;
	}
	if (c == '+')
		interval_ = std::min(interval_ * 2, 60.0);
	if (c == '-')
		interval_ = std::max(interval_ / 2, 0.125);
}

void Live::signals()
{
	while (int signal = signals_.take()) {
		if (signal == SIGCONT) {
			terminal_.reenter();
			write_all(screen_in);
		} else if (signal != SIGWINCH) {
			quit_ = true;
		}
	}
}

Result<void> Live::run()
{
	using Clock = std::chrono::steady_clock;
	Screen screen;
	for (auto next = Clock::now(); !quit_;) {
		auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
		if (left <= 0 || stale_) {
			VMX_TRY(source_.refresh());
			stale_ = false;
			take();
			next = Clock::now() + std::chrono::microseconds(static_cast<int64_t>(interval_ * 1e6));
			continue;
		}
		struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
		if (::poll(fds, std::size(fds), static_cast<int>(left)) <= 0)
			continue;
		if (fds[1].revents)
			signals();
		if (fds[0].revents) {
			char keys[64];
			ssize_t n = ::read(STDIN_FILENO, keys, sizeof(keys));
			quit_ |= n <= 0;
			for (ssize_t i = 0; i < n; i++)
				key(keys[i]);
		}
		if (!quit_)
			draw();
	}
	return {};
}

} // namespace

int stat_live(const StatOptions &options, StatSource &source)
{
	auto first = source.refresh();
	Result<void> end;
	if (first.ok()) {
		auto terminal = RawTerminal::enter(STDIN_FILENO);
		if (!terminal.ok())
			end = terminal.error();
		else
			end = Live(options, source, *terminal.value()).run();
	} else {
		end = first.error();
	}
	if (end.ok())
		return 0;
	fmt::print(stderr, "vmx: {}\n", end.error().text());
	return 1;
}

} // namespace vmx
