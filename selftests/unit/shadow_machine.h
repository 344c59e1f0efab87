// SPDX-License-Identifier: GPL-2.0-only
// A host, its guest's memory and a few CPUs with TLBs that forget nothing they are not told to: what the shadow
// pager is tested on. A failed check is kept in `error`; the machine goes on.
#pragma once

#include <array>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "pure/shadow.h"

namespace shadow_model {

constexpr unsigned kFrames = 2048; // of guest memory: four large pages
constexpr unsigned kCpus = 3;
constexpr u64 kPaBase = BIT_ULL(40);

// Guest entry bits.
enum : u64 {
	P = 1, W = 2, U = 4, A = 32, D = 64, PS = 128, NX = 1ULL << 63,
};

enum Kind { kOff, k32, kPae, k64, kKinds };

// The frames that the machine sets up: roots of each address space, by kind, and the tables of the map of all memory
// that lets a guest write to its tables. Tests leave the latter alone.
constexpr unsigned kSpaces = 3;
constexpr unsigned kRootFrame = 1;			  // kRootFrame + kind * kSpaces + space
constexpr unsigned kMapFrames = kRootFrame + kKinds * kSpaces; // two tables
constexpr unsigned kFirstTable = kMapFrames + 2;
constexpr unsigned kTables = 24;
constexpr u64 kMap64 = 0xffff800000000000ULL, kMap32 = 0xc0000000ULL;

struct Translation {
	u64 gpa = 0;	// of the page
	bool write = false, user = false, nx = false, accessed = false, dirty = false;
	u8 key = 0;
	auto operator<=>(const Translation &) const = default;
};

struct TlbEntry {
	u64 pfn;
	bool write, user, nx, dirty;
	u8 key;
};

struct Page {
	shadow_page sp{};
	alignas(4096) std::array<u64, 512> spt{}, gpte{};
	std::array<shadow_link, 512> link{};
	bool live = false;
};

struct Cpu {
	walk_mode mode{};
	Kind kind = kOff;
	unsigned space = 0;
	shadow_cpu shadow{};
	std::map<u64, TlbEntry> tlb;
};

struct Frame {
	u64 pfn = 0;
	bool present = true, writable = true, logged = false, dirty = false, mmio = false;
};

class Machine {
public:
	explicit Machine(u32 limit = 64);
	~Machine();
	Machine(const Machine &) = delete;
	Machine &operator=(const Machine &) = delete;

	// ---- the guest ----
	void set_mode(unsigned cpu, Kind kind, unsigned space, u64 cr0_wp, u64 cr4, bool nxe);
	void load_cr3(unsigned cpu, unsigned space);
	void invlpg(unsigned cpu, u64 gva);
	// An access; a write stores @value. Fills in what became of it. @fill: the first of many writes to that frame.
	struct Outcome {
		bool fault = false, mmio = false;
		u32 error = 0;
		u64 gpa = 0;
	};
	Outcome access(unsigned cpu, u64 gva, u32 acc, u64 value, unsigned size, bool fill = false);
	// To a frame through the map of all memory, in whatever mode the CPU is.
	Outcome write_frame(unsigned cpu, u64 gpa, u64 value, unsigned size, bool fill = false);
	// Past all protection.
	void poke(u64 gpa, u64 value, unsigned size);
	u64 peek(u64 gpa, unsigned size = 8) const;
	static u64 root_frame(Kind kind, unsigned space) { return kRootFrame + kind * kSpaces + space; }

	// ---- the host ----
	void remap(unsigned first, unsigned n);	 // other frames behind these, present
	void evict(unsigned first, unsigned n);
	void make_readonly(unsigned frame);	 // as for copy-on-write
	void set_log(unsigned frame, bool on);
	void set_mmio(unsigned frame, bool on);
	void flush_all();
	void zap_all();
	void shrink(u32 want);
	bool audit();

	// ---- the reference ----
	bool translate(unsigned cpu, u64 gva, Translation *t) const;
	bool allows(unsigned cpu, const Translation &t, u32 acc) const;
	u32 reference_error(unsigned cpu, u64 gva, u32 acc);

	Cpu cpus[kCpus];
	shadow s{};
	std::string error;
	bool can_flush = true;
	bool memory_changed = false;
	// An access has set flags, and is about to write: perhaps over them.
	std::function<void()> before_store;
	u64 faults = 0, hits = 0, logged = 0;	// logged: writes that only the log was in the way of

private:
	friend struct Ops;
	void load_roots(unsigned cpu);
	void put_roots(unsigned cpu);
	bool emulate_write(unsigned cpu, u64 gpa, bool write, u64 value, unsigned size, bool *fill);
	bool hardware(unsigned cpu, u64 gva, u32 acc, u64 *gpa);
	bool hardware_walk(unsigned cpu, u64 gva, u32 acc, TlbEntry *e);
	bool hardware_allows(unsigned cpu, const TlbEntry &e, u32 acc) const;
	void store(u64 gpa, u64 value, unsigned size);
	void store_guest(u64 gpa, u64 value, unsigned size);
	void fail(const std::string &what);
	void took_leaves(bool any);
	void free_retired();
	void remember(u64 gpa);
	void audit_copies();

	std::vector<u8> memory_;
	// All that each entry of 8 and of 4 bytes has ever held, by address / size.
	std::unordered_map<u64, std::set<u64>> held8_, held4_;
	std::array<Frame, kFrames> frames_;
	std::unordered_map<u64, unsigned> by_pfn_;
	u64 next_pfn_ = 0x1000;
	std::vector<std::unique_ptr<Page>> pages_;
	std::vector<u32> free_, retired_;
	std::vector<shadow_page *> chunk_;
	u64 leaves_[3] = {};
	std::vector<u32> page_hash_, leaf_hash_, large_hash_, region_;
	npte_format format_{};
};

} // namespace shadow_model
