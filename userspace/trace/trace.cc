// SPDX-License-Identifier: GPL-2.0-only
#include "trace/trace.h"

#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <memory>

#include "base/fd.h"

namespace vmx {

namespace {

constexpr size_t largest_symbol_file = 4ULL << 30;

struct Loaded {
	TraceFile file;
	std::optional<Symbols> symbols;
	const Symbols *names() const { return symbols ? &*symbols : nullptr; }
};

Result<uint64_t> number_of(const std::string &text, const char *option)
{
	uint64_t value = 0;
	const char *begin = text.data(), *end = begin + text.size();
	if (text.starts_with("0x"))
		begin += 2;
	auto [rest, bad] = std::from_chars(begin, end, value, 16);
	if (bad != std::errc() || rest != end)
		return Error(fmt::format("{}: a hexadecimal number, not {}", option, text));
	return value;
}

Result<std::optional<Symbols>> symbols_of(const TraceReadOptions &options, const TraceInfo &info)
{
	const std::string &path = options.vmlinux.empty() ? options.system_map : options.vmlinux;
	if (path.empty())
		return std::optional<Symbols>();
	VMX_TRY_ASSIGN(auto bytes, read_whole_file(path, largest_symbol_file));
	auto read = options.vmlinux.empty() ?
			    Symbols::of_system_map({reinterpret_cast<const char *>(bytes.data()), bytes.size()}) :
			    Symbols::of_elf(bytes);
	if (!read.ok())
		return std::move(read).error().with_context(path);
	Symbols symbols = std::move(read).value();
	if (!options.kaslr_offset.empty()) {
		VMX_TRY_ASSIGN(uint64_t offset, number_of(options.kaslr_offset, "--kaslr-offset"));
		symbols.move(offset);
	} else {
		VMX_TRY_ASSIGN(uint64_t offset, kaslr_offset(symbols, info));
		symbols.move(offset);
	}
	return std::optional<Symbols>(std::move(symbols));
}

// Also completes the filter in `options`.
Result<Loaded> load_all(TraceReadOptions &options)
{
	VMX_TRY_ASSIGN(TraceFile file, TraceFile::load(options.file));
	options.filter.reasons = split_names(options.reasons);
	if (!options.cr3.empty()) {
		VMX_TRY_ASSIGN(options.filter.cr3, number_of(options.cr3, "--cr3"));
	}
	VMX_TRY(options.filter.check(file.info()));
	auto symbols = symbols_of(options, file.info());
	if (!symbols.ok())
		return std::move(symbols).error();
	return Loaded{std::move(file), std::move(symbols).value()};
}

int fail(const Error &error)
{
	fmt::print(stderr, "vmx: {}\n", error.text());
	return 1;
}

// Writes a file by `write`(FILE *).
template <typename Write>
Result<void> write_file(const std::string &path, Write write)
{
	std::unique_ptr<FILE, int (*)(FILE *)> out(fopen(path.c_str(), "we"), fclose);
	if (!out)
		return Error::from_errno(errno, "cannot write " + path);
	write(out.get());
	if (fflush(out.get()) != 0 || ferror(out.get()))
		return Error::from_errno(errno, "cannot write " + path);
	return {};
}

} // namespace

std::vector<std::string> split_names(const std::string &text)
{
	std::vector<std::string> names;
	for (size_t at = 0; at < text.size();) {
		size_t end = std::min(text.find(',', at), text.size());
		if (end > at)
			names.push_back(text.substr(at, end - at));
		at = end + 1;
	}
	return names;
}

int trace_show(TraceReadOptions options)
{
	auto loaded = load_all(options);
	if (!loaded.ok())
		return fail(loaded.error());
	const TraceFile &file = loaded.value().file;
	for (const TraceEvent &event : file.events()) {
		if (!options.filter.passes(file, event))
			continue;
		fmt::print("{}", options.json ? trace_event_json(file, event, loaded.value().names()) :
						trace_line(file, event, loaded.value().names()));
	}
	if (!options.json && file.lost())
		fmt::print("{} exits were lost, {} are here\n", file.lost(), file.events().size());
	return fflush(stdout) == 0 ? 0 : 1;
}

int trace_summarise(TraceReadOptions options)
{
	auto loaded = load_all(options);
	if (!loaded.ok())
		return fail(loaded.error());
	auto summary = trace_summary(loaded.value().file, options.filter, loaded.value().names(), options.places);
	fmt::print("{}", options.json ? summary_json(summary) : summary_text(summary));
	return 0;
}

int trace_export(TraceReadOptions options)
{
	if (options.chrome.empty() && options.folded.empty())
		return fail(Error("export: --chrome OUT or --folded OUT"));
	auto loaded = load_all(options);
	if (!loaded.ok())
		return fail(loaded.error());
	const TraceFile &file = loaded.value().file;
	const Symbols *names = loaded.value().names();
	Result<void> done;
	if (!options.chrome.empty())
		done = write_file(options.chrome, [&](FILE *out) { export_chrome(out, file, options.filter, names); });
	if (done.ok() && !options.folded.empty())
		done = write_file(options.folded, [&](FILE *out) {
			fmt::print(out, "{}", export_folded(file, options.filter, names, options.by_time));
		});
	return done.ok() ? 0 : fail(done.error());
}

} // namespace vmx
