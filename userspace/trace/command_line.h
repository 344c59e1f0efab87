// SPDX-License-Identifier: GPL-2.0-only
// The options of `vmx trace`.
#pragma once

#include <CLI/CLI.hpp>

#include "trace/trace.h"

namespace vmx {

struct TraceCommands {
	TraceRecordOptions record;
	TraceReadOptions read;
	CLI::App *trace = nullptr, *record_app = nullptr, *show = nullptr, *summary = nullptr, *exporter = nullptr;
};

// Adds the subcommand; `commands` has to outlive the parsing.
CLI::App *add_trace(CLI::App &app, TraceCommands &commands);

// What was parsed; the exit status of `vmx`.
int trace_command(const TraceCommands &commands);

} // namespace vmx
