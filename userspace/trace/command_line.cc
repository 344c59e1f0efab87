// SPDX-License-Identifier: GPL-2.0-only
#include "trace/command_line.h"

namespace vmx {

namespace {

constexpr const char footer[] =
	"Works on any VM of /dev/vmx, with no help of its VMM; one at a time may trace a vCPU. Recording needs the right\n"
	"to ptrace the process. Exit status: 0 done; 1 not.";

CLI::App *add_reader(CLI::App &trace, TraceReadOptions &o, const char *name, const char *what)
{
	CLI::App *app = trace.add_subcommand(name, what);
	app->add_option("file", o.file, "Written by vmx trace record")->required();
	app->add_option("--reason", o.reasons, "Only exits of these reasons: a,b");
	app->add_option("--vcpu", o.filter.vcpu, "Only those of the vCPU of this APIC id");
	app->add_option("--result", o.filter.result, "Only those served by: fast, kernel, vmm, error");
	app->add_option("--min-ns", o.filter.min_ns, "Only those that took so long in the kernel, or longer");
	app->add_option("--cr3", o.cr3, "Only those with this CR3, hexadecimal");
	auto *elf = app->add_option("--vmlinux", o.vmlinux, "The guest's kernel with symbols: names for its addresses");
	app->add_option("--system-map", o.system_map, "The same from its System.map")->excludes(elf);
	app->add_option("--kaslr-offset", o.kaslr_offset,
			"How far the guest's kernel was moved, hexadecimal (otherwise found by where its system calls "
			"enter)");
	return app;
}

} // namespace

CLI::App *add_trace(CLI::App &app, TraceCommands &c)
{
	CLI::App *trace = c.trace = app.add_subcommand("trace", "Record each exit of a running VM, and show them");
	trace->footer(footer);
	trace->require_subcommand(1);
	CLI::App *record = c.record_app = trace->add_subcommand("record", "Record exits into a file");
	record->add_option("pid", c.record.pid, "Process of the VMM: of vmx run, QEMU ...")->required();
	record->add_option("--vcpu", c.record.vcpu, "Only the vCPU of this APIC id");
	record->add_option("-o,--output", c.record.output, "File to write; without it vmx-PID.trace");
	record->add_option("--duration", c.record.duration, "Seconds; without it until Ctrl-C, or the VMM's end")
		->check(CLI::PositiveNumber);
	record->add_option("--records", c.record.records, "So many exits")->check(CLI::PositiveNumber);
	record->add_option("--reasons", c.record.reasons, "Only exits of these reasons: a,b (vmx stat has the names)");
	record->add_option("--ring", c.record.ring, "Exits that each vCPU's ring holds: a power of two, 64 to 1048576")
		->capture_default_str();
	record->add_flag("--json", c.record.json, "Say as JSON what was recorded");
	c.show = add_reader(*trace, c.read, "show", "Show the exits, one a line");
	c.show->add_flag("--json", c.read.json, "An object a line");
	c.summary = add_reader(*trace, c.read, "summary", "Sum them up by reason, by who served them, by place");
	c.summary->add_option("--places", c.read.places, "So many places")->capture_default_str();
	c.summary->add_flag("--json", c.read.json, "Machine-readable output");
	c.exporter = add_reader(*trace, c.read, "export", "Write them for other programs");
	c.exporter->add_option("--chrome", c.read.chrome, "File for Perfetto, chrome://tracing (trace event format)");
	c.exporter->add_option("--folded", c.read.folded, "File for flame graphs (folded stacks)");
	c.exporter->add_flag("--time", c.read.by_time, "Folded: nanoseconds in the kernel, not how many");
	return trace;
}

int trace_command(const TraceCommands &c)
{
	if (c.record_app->parsed())
		return trace_record(c.record);
	if (c.show->parsed())
		return trace_show(c.read);
	if (c.summary->parsed())
		return trace_summarise(c.read);
	return trace_export(c.read);
}

} // namespace vmx
