// SPDX-License-Identifier: GPL-2.0-only
// The `vmx` program: command line.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "doctor/doctor.h"
#include "explain/explain.h"
#include "inspect/inspect.h"
#include "machine/ending.h"
#include "run_command.h"
#include "stat/stat.h"
#include "trace/command_line.h"

namespace {

constexpr const char run_footer[] =
	"Exit status:\n"
	"  0    the guest powered off         5    the hypervisor could not go on\n"
	"  1    the guest could not start     6    the CPU refused to enter the guest\n"
	"  2    bad usage                     7    quit from the console (Ctrl-A x)\n"
	"  3    the guest asked for a reset   8    the host lost memory that the guest needs\n"
	"  4    the guest crashed             128+N  ended by signal N\n"
	"Without --no-console, stdin goes to the guest's serial port ttyS0: a terminal\n"
	"in raw mode (Ctrl-A h shows the keys), or a pipe or file as it is.";

constexpr const char doctor_footer[] =
	"Exit status: 0 if this host can run guests now, 1 if something must be mended first.";

constexpr const char inspect_footer[] =
	"Works on any VM of /dev/vmx, with no help of its VMM: a vCPU that runs is stopped for the moment that the look\n"
	"takes. It needs the right to ptrace the process; the host's own addresses are shown to root alone.\n"
	"Exit status: 0 shown; 1 not; 3 shown, and an entry would break a rule of the manual's.";

constexpr const char stat_footer[] =
	"Counts, totals, averages, maxima and bounds of percentiles are since the vCPU was made; rates and shares of\n"
	"time are of the last interval, at first of the vCPU's life. Keys of the live table: c r t a m n sort, v shows\n"
	"vCPUs or VMs, k the counters, + and - change the interval, q quits. It needs the right to ptrace the VMMs;\n"
	"other users' are not shown.\n"
	"Exit status: 0 shown; 1 not.";

struct Commands {
	vmx::RunOptions run;
	std::string memory = "1G";
	bool console = false, no_console = false;
	vmx::InspectOptions inspect;
	vmx::ExplainOptions explain;
	vmx::StatOptions stat;
	vmx::TraceCommands trace;
	bool json = false;
};

CLI::App *add_run(CLI::App &app, Commands &c)
{
	CLI::App *run = app.add_subcommand("run", "Boot a Linux kernel in a virtual machine");
	run->footer(run_footer);
	run->add_option("--kernel", c.run.board.kernel, "Linux bzImage (/boot/vmlinuz-*) or ELF vmlinux")->required();
	run->add_option("--initrd", c.run.board.initrd, "Initial RAM disk");
	run->add_option("--append", c.run.board.cmdline,
			"Kernel command line; before it go console=ttyS0, if it names no console, and pci=off (there "
			"is no PCI here yet), if it has no pci=");
	run->add_option("--memory", c.memory, "Guest memory, for example 512M or 2G")->capture_default_str();
	run->add_option("--cpus", c.run.board.cpus, "Number of guest CPUs")->capture_default_str();
	run->add_option("--device", c.run.board.device, "Device node of the hypervisor: /dev/vmx or /dev/kvm")
		->capture_default_str();
	auto *on = run->add_flag("--console", c.console, "Connect stdin to the guest's serial port (the default)");
	run->add_flag("--no-console", c.no_console, "Leave stdin alone: only show what the guest writes")->excludes(on);
	return run;
}

CLI::App *add_inspect(CLI::App &app, Commands &c)
{
	CLI::App *inspect = app.add_subcommand("inspect", "Show the VMCS or VMCB of a running VM's vCPUs");
	inspect->footer(inspect_footer);
	inspect->add_option("pid", c.inspect.pid, "Process of the VMM: of vmx run, QEMU ...")->required();
	inspect->add_option("--vcpu", c.inspect.vcpu, "Only the vCPU of this APIC id");
	inspect->add_flag("--all", c.inspect.all, "Fields that are zero, too");
	inspect->add_flag("--json", c.inspect.json, "Machine-readable output");
	auto *walk = inspect->add_option("--walk", c.inspect.walk,
					 "Instead: an address through the guest's tables and the hypervisor's: "
					 "gva:0x... or gpa:0x...");
	auto *diff = inspect->add_option("--diff", c.inspect.diff_ms,
					 "Instead: look twice, so many milliseconds apart, and show what has changed")
			     ->check(CLI::Range(1, 3600000))
			     ->excludes(walk);
	auto *map =
		inspect->add_flag("--map", c.inspect.map,
				  "Instead: the VM's memory slots, and what is mapped of them, by page size and state");
	map->excludes(walk)->excludes(diff);
	inspect->add_option("--html", c.inspect.html, "With --map: as a page for a browser in this file")->needs(map);
	return inspect;
}

CLI::App *add_stat(CLI::App &app, Commands &c)
{
	CLI::App *stat = app.add_subcommand("stat", "Show what this host's VMs exit for, and where their time goes");
	stat->footer(stat_footer);
	stat->add_option("--pid", c.stat.pid, "Only the VMs of this process");
	stat->add_flag("--vcpu", c.stat.per_vcpu, "By vCPU, not by VM");
	stat->add_option("--sort", c.stat.sort, "count, rate, total, average, max or name")->capture_default_str();
	stat->add_option("--interval", c.stat.interval, "Seconds between samples")->capture_default_str();
	stat->add_option("--count", c.stat.count, "So many samples; without it, to the end of time")
		->check(CLI::PositiveNumber);
	stat->add_flag("--batch", c.stat.batch, "Print one sample after the other");
	auto *csv = stat->add_flag("--csv", c.stat.csv, "The same as comma-separated values");
	stat->add_flag("--json", c.stat.json, "The same as JSON, an object a line")->excludes(csv);
	stat->add_option("--histogram", c.stat.histogram, "Show how long the exits of this reason took")->excludes(csv);
	return stat;
}

CLI::App *add_explain(CLI::App &app, Commands &c)
{
	CLI::App *explain =
		app.add_subcommand("explain", "Say what went wrong in a VM: a refused entry, an internal error");
	explain->footer(
		"For a VMM that stays when its guest has failed, as QEMU does. It needs the right to ptrace the process.\n"
		"Exit status: 0 nothing went wrong; 1 it cannot be seen; 3 something did.");
	explain->add_option("pid", c.explain.pid, "Process of the VMM")->required();
	explain->add_option("--vcpu", c.explain.vcpu, "Only the vCPU of this APIC id");
	explain->add_flag("--json", c.explain.json, "Machine-readable output");
	return explain;
}

int run(Commands &c)
{
	auto memory = vmx::parse_size(c.memory);
	if (!memory.ok()) {
		fmt::print(stderr, "vmx: --memory: {}\n", memory.error().text());
		return vmx::exit_usage;
	}
	c.run.board.memory = memory.value();
	c.run.console = !c.no_console;
	return vmx::run_command(c.run);
}

} // namespace

int main(int argc, char **argv)
{
	CLI::App app("vmx: virtual machines on /dev/vmx");
	app.require_subcommand(1);
	Commands commands;
	CLI::App *run_app = add_run(app, commands);
	CLI::App *doctor_app =
		app.add_subcommand("doctor", "Say whether this host can run guests, and what to do if not");
	doctor_app->add_flag("--json", commands.json, "Machine-readable output");
	doctor_app->footer(doctor_footer);
	CLI::App *inspect_app = add_inspect(app, commands);
	CLI::App *explain_app = add_explain(app, commands);
	CLI::App *stat_app = add_stat(app, commands);
	CLI::App *trace_app = vmx::add_trace(app, commands.trace);
	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &e) {
		return app.exit(e) == 0 ? 0 : vmx::exit_usage;
	}
	try {
		if (run_app->parsed())
			return run(commands);
		if (inspect_app->parsed())
			return vmx::inspect_command(commands.inspect);
		if (explain_app->parsed())
			return vmx::explain_command(commands.explain);
		if (stat_app->parsed())
			return vmx::stat_command(commands.stat);
		if (trace_app->parsed())
			return vmx::trace_command(commands.trace);
		return vmx::doctor_command(commands.json);
	} catch (const std::exception &e) { // out of memory, in practice
		fmt::print(stderr, "vmx: {}\n", e.what());
		return vmx::exit_setup_failed;
	}
}
