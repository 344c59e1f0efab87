// SPDX-License-Identifier: GPL-2.0-only
#include "run_command.h"

#include <cctype>
#include <charconv>
#include <csignal>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "console/console.h"
#include "machine/memory_error.h"

namespace vmx {

namespace {

// Signals that end vmx, SIGCONT and SIGBUS, as reads from a file descriptor. Must be
// made before any thread: the mask is inherited.
Result<UniqueFd> open_signals()
{
	VMX_TRY(VcpuThread::install_kick_signal());
	VMX_TRY(install_memory_error_handler());
	sigset_t handled;
	::sigemptyset(&handled);
	for (int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT, SIGBUS})
		::sigaddset(&handled, s);
	sigset_t blocked = handled;
	::sigaddset(&blocked, VcpuThread::kick_signal());
	if (int err = ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr))
		return Error::from_errno(err, "cannot block signals");
	std::signal(SIGPIPE, SIG_IGN);
	UniqueFd fd(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
	if (!fd.valid())
		return Error::from_errno(errno, "cannot create a signalfd");
	return fd;
}

// What `run` owns besides the board, on the main thread.
class Runner {
public:
	Runner(UniqueFd signals, WakeFd end_wake) : signals_(std::move(signals)), end_(std::move(end_wake)) {}

	Result<Ending> run(const RunOptions &options);
	Console *console() { return console_.get(); }

private:
	void on_signals();
	void on_command(ConsoleCommand command);

	UniqueFd signals_;
	EndLatch end_;
	EventLoop loop_;
	std::unique_ptr<Console> console_;
	std::unique_ptr<Board> board_; // destroyed first: it uses all above
};

Result<Ending> Runner::run(const RunOptions &options)
{
	loop_.add(signals_.get(), POLLIN, [this](short) { on_signals(); });
	loop_.add(end_.wake_fd(), POLLIN, [](short) {});
	VMX_TRY_ASSIGN(console_, Console::create(options.console, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO));
	VMX_TRY_ASSIGN(board_, Board::create(options.board, *console_, loop_, end_));
	console_->attach(loop_, board_->uart(), [this](ConsoleCommand c) { on_command(c); });
	if (console_->interactive())
		console_->say("vmx: Ctrl-A h shows the console's keys, Ctrl-A x quits\n");
	VMX_TRY(board_->start());
	while (!end_.requested())
		VMX_TRY(loop_.run_once(-1));
	board_->stop();
	console_->finish();
	return *end_.get();
}

void Runner::on_signals()
{
	struct signalfd_siginfo info = {};
	while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
		auto signal = static_cast<int>(info.ssi_signo);
		auto page = signal == SIGBUS ? lost_page_of(info) : std::nullopt;
		if (signal == SIGCONT)
			console_->continued();
		else if (page)
			console_->say(fmt::format("vmx: the host lost memory: {}; the guest goes on until it "
						  "needs that\n",
						  describe(*page, board_->memory())));
		else
			end_.request({EndKind::signal, signal, {}});
	}
}

void Runner::on_command(ConsoleCommand command)
{
	switch (command) {
	case ConsoleCommand::none:
		break;
	case ConsoleCommand::quit:
		end_.request({EndKind::quit, 0, {}});
		break;
	case ConsoleCommand::nmi:
		board_->inject_nmi();
		console_->say("vmx: NMI sent\n");
		break;
	case ConsoleCommand::show_state:
		console_->say(board_->dump());
		break;
	case ConsoleCommand::power_button:
		board_->press_power_button();
		console_->say("vmx: power button pressed\n");
		break;
	case ConsoleCommand::help:
		console_->say(console_help);
		break;
	}
}

Result<Ending> run_guest(const RunOptions &options)
{
	VMX_TRY_ASSIGN(UniqueFd signals, open_signals());
	VMX_TRY_ASSIGN(WakeFd wake, WakeFd::create());
	Runner runner(std::move(signals), std::move(wake));
	return runner.run(options); // the terminal is itself again on return
}

} // namespace

Result<uint64_t> parse_size(std::string_view text)
{
	uint64_t number = 0;
	auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), number);
	std::string_view suffix(end, static_cast<size_t>(text.data() + text.size() - end));
	unsigned shift = 0;
	if (suffix.size() == 1) {
		switch (std::toupper(static_cast<unsigned char>(suffix[0]))) {
		case 'K':
			shift = 10;
			break;
		case 'M':
			shift = 20;
			break;
		case 'G':
			shift = 30;
			break;
		case 'T':
			shift = 40;
			break;
		default:
			break;
		}
	}
	if (err != std::errc() || shift == 0 || number == 0 || number > (UINT64_MAX >> shift))
		return Error(fmt::format("'{}' is not a size: say for example 512M or 2G", text), EINVAL);
	return number << shift;
}

std::string guest_cmdline(const std::string &user, bool has_pci)
{
	// A parameter of that name, not a part of another word.
	auto names = [&user](const std::string &parameter) {
		return user.starts_with(parameter) || user.find(" " + parameter) != std::string::npos;
	};
	std::string line;
	if (!names("console="))
		line += "console=ttyS0 ";
	if (!has_pci && !names("pci="))
		line += "pci=off ";
	line += user;
	if (user.empty() && !line.empty())
		line.pop_back();
	return line;
}

int run_command(RunOptions options)
{
	options.board.cmdline = guest_cmdline(options.board.cmdline, Board::has_pci);
	auto ending = run_guest(options);
	if (!ending.ok()) {
		fmt::print(stderr, "vmx: {}\n", ending.error().text());
		return exit_setup_failed;
	}
	fmt::print(stderr, "vmx: {}\n", describe(ending.value()));
	return exit_status(ending.value());
}

} // namespace vmx
