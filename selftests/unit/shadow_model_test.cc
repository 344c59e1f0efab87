// SPDX-License-Identifier: GPL-2.0-only
// Random scripts of what guests, VMMs and hosts do, on the shadow pager and on a reference that has no memory but the
// guest's own. After each step: whatever an access did must be what the guest's tables said at some moment since the
// CPU last flushed that address; a fault, what they say now. A script that fails is cut down before it is
// printed. VMX_SHADOW_STEPS and VMX_SHADOW_SEED choose another run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "shadow_machine.h"

using namespace shadow_model;

namespace {

enum OpKind : u8 {
	ACCESS, EDIT, BYPASS, INVLPG, CR3, MODE, REMAP, EVICT, READONLY, LOG, MMIO, ZAP_ALL, SHRINK, NO_FLUSH, PKRU,
	TWEAK, OP_KINDS
};

struct Op {
	OpKind kind;
	u8 cpu;
	u32 a, b, c;
	u64 value;
};

constexpr unsigned kAddresses = 24;

u64 address(unsigned i)
{
	// Two by three by two by two places: neighbours and strangers on each level.
	static const u64 l4[] = {0, 1}, l3[] = {0, 1, 2}, l2[] = {0, 5}, l1[] = {0, 7};

	return l4[i % 2] << 39 | l3[i / 2 % 3] << 30 | l2[i / 6 % 2] << 21 | l1[i / 12 % 2] << 12;
}

// An entry of a table's: more often than not a useful one.
u64 random_entry(std::mt19937_64 &rng)
{
	u64 r = rng(), e = 0;
	unsigned frame = r % 4 ? kFirstTable + (r >> 8) % kTables : (r >> 8) % (kFrames + 64);

	e = (u64)frame << 12;
	if (r >> 24 & 7)
		e |= P;
	if (r >> 27 & 3)
		e |= W;
	if (r >> 29 & 3)
		e |= U;
	if (r >> 31 & 3)
		e |= A;
	if (r >> 33 & 1)
		e |= D;
	if (!(r >> 34 & 7)) {
		e |= PS;
		if (r >> 37 & 3)
			e &= ~GENMASK_ULL(20, 13); // aligned, for the most part
	}
	if (!(r >> 39 & 7))
		e |= NX;
	if (!(r >> 42 & 63))
		e |= BIT_ULL(45); // reserved
	if (!(r >> 48 & 3))
		e |= (r >> 50 & 15) << 59;
	if (!(r >> 54 & 7))
		e |= (r >> 57 & 7) << 9;
	return e;
}

// A place in a table that some address leads through.
u32 random_slot(std::mt19937_64 &rng)
{
	static const u32 bytes[] = {0, 8, 16, 40, 56, 4, 20, 2048, 1024, 1044, 28, 64};

	return bytes[rng() % std::size(bytes)];
}

u64 random_target(std::mt19937_64 &rng)
{
	u64 frame = kFirstTable + rng() % kTables;

	if (!(rng() % 4)) {
		Kind kind = (Kind)(k32 + rng() % 3);
		u32 slot = random_slot(rng) % 64;

		if (kind == kPae)
			slot %= 24; // its last entry is the map's
		return (Machine::root_frame(kind, rng() % kSpaces) << 12) + slot;
	}
	return (frame << 12) + random_slot(rng);
}

Op random_op(std::mt19937_64 &rng)
{
	static const u8 weight[OP_KINDS] = {60, 30, 4, 14, 8, 3, 3, 2, 2, 6, 1, 1, 2, 2, 1, 15};
	static const unsigned total = [] {
		unsigned sum = 0;
		for (u8 w : weight)
			sum += w;
		return sum;
	}();
	unsigned x = rng() % total, k = 0;
	Op op{};

	while (x >= weight[k])
		x -= weight[k++];
	op.kind = (OpKind)k;
	op.cpu = rng() % kCpus;
	op.a = rng() % kAddresses;
	op.b = (u32)rng();
	op.c = (u32)rng();
	op.value = random_entry(rng);
	if (op.kind == EDIT || op.kind == BYPASS)
		op.value = random_entry(rng);
	return op;
}

// A guest that knows what it does: its tables lead somewhere, and it changes leaves more than anything else.
//	table frame 0, 1: third level; 2 to 5: second; 6 to 17: first
u64 tame_entry(std::mt19937_64 &rng, unsigned level, unsigned index)
{
	const u64 all = P | W | U | A;
	u64 r = rng();

	if (level > 1)
		return (u64)(kFirstTable + index) << 12 | all;
	// Mostly plain pages, now and then a table.
	u64 frame = r % 16 ? kFirstTable + kTables + (r >> 8) % 40 : kFirstTable + (r >> 8) % kTables;
	u64 e = frame << 12 | P | (r >> 34 & 1) << 9;
	if (r >> 20 & 3)
		e |= W;
	if (r >> 22 & 3)
		e |= U;
	if (r >> 24 & 7)
		e |= A;
	if (r >> 27 & 3)
		e |= D;
	if (!(r >> 30 & 15))
		e |= NX;
	return e;
}

void tame_tables(std::mt19937_64 &rng, std::vector<Op> *ops, std::vector<u64> *targets)
{
	auto put = [&](u64 frame, unsigned i, u64 e) {
		ops->push_back({EDIT, 0, 0, 0, 0, e});
		targets->push_back((frame << 12) + i * 8);
	};

	for (unsigned sp = 0; sp < kSpaces; sp++)
		for (unsigned i = 0; i < 2; i++)
			put(Machine::root_frame(k64, sp), i, tame_entry(rng, 4, (sp + i) % 2));
	for (unsigned t = 0; t < 2; t++)
		for (unsigned i = 0; i < 3; i++)
			put(kFirstTable + t, i, tame_entry(rng, 3, 2 + (t + i) % 4));
	for (unsigned t = 2; t < 6; t++) {
		put(kFirstTable + t, 0, tame_entry(rng, 2, 6 + t));
		put(kFirstTable + t, 5, tame_entry(rng, 2, 12 + t));
	}
	for (unsigned t = 6; t < 18; t++)
		for (unsigned i = 0; i < 9; i++)
			put(kFirstTable + t, i, tame_entry(rng, 1, 0));
	for (unsigned c = 0; c < kCpus; c++) {
		ops->push_back({MODE, (u8)c, k64, c % kSpaces, 1, 0});
		targets->push_back(0);
	}
}

void tame_op(std::mt19937_64 &rng, Op *op, u64 *target)
{
	u64 r = rng();

	if (op->kind == MODE) {
		op->a = k64;
		if (r & 3)
			op->c |= 1; // CR0.WP
		else
			op->c &= ~3u;
		return;
	}
	if ((op->kind == REMAP || op->kind == ZAP_ALL) && (r & 3))
		op->kind = ACCESS;
	if (op->kind != EDIT && op->kind != BYPASS && op->kind != TWEAK)
		return;
	op->c &= ~1u;
	if (r % 64 == 0)
		return; // chaos has its day
	if (r % 8 == 1) {
		*target = ((u64)(kFirstTable + 2 + (r >> 8) % 4) << 12) + ((r >> 16 & 1) ? 0 : 40);
		op->value = tame_entry(rng, 2, 6 + (r >> 20) % 12);
		if (r >> 24 & 1) // a larger page
			op->value = (1 + (r >> 26 & 1)) << 21 | PS | P | A | (r >> 30 & 3 ? +W : 0) |
				    (r >> 32 & 3 ? +U : 0) | (r >> 34 & 1 ? +D : 0);
		return;
	}
	// Often the same page of entries.
	*target = ((u64)(kFirstTable + 6 + (r >> 8) % (r >> 20 & 1 ? 12 : 3)) << 12) + ((r >> 24 & 1) ? 0 : 56);
	op->value = tame_entry(rng, 1, 0);
}

// A frame that CPUs may write becomes a table of the guest's while a TLB still says that it may be written.
void late_writer(std::mt19937_64 &rng, std::vector<Op> *ops, std::vector<u64> *targets)
{
	const u64 all = P | W | U | A | D;
	u64 t = kFirstTable + 18 + rng() % 6, leaf = ((u64)(kFirstTable + 6 + rng() % 12) << 12) + (rng() & 1 ? 0 : 56);
	u64 above = ((u64)(kFirstTable + 2 + rng() % 4) << 12) + (rng() & 1 ? 0 : 40);
	u8 x = rng() % kCpus, y = rng() % kCpus;
	auto put = [&](const Op &op, u64 target) {
		ops->push_back(op);
		targets->push_back(target);
	};
	auto touch = [&](u8 cpu, u32 kind) {
		for (u32 i = 0; i < kAddresses; i++)
			put({ACCESS, cpu, i, kind, rng() & 1 ? 0u : 7u, tame_entry(rng, 1, 0)}, 0);
	};

	for (u8 c : {x, y})
		put({MODE, c, k64, 0, 1, 0}, 0);
	for (u64 entry : {0, 56})
		put({EDIT, x, 0, 0, 0, tame_entry(rng, 1, 0)}, (t << 12) + entry);
	// What has written these is gone, too.
	put({SHRINK, 0, 0, 0, 0, 0}, 0);
	put({EDIT, x, 0, 0, 0, t << 12 | all}, leaf);
	touch(x, 1);
	put({EDIT, y, 0, 0, 0, (u64)(kFirstTable + kTables + rng() % 40) << 12 | all}, leaf);
	for (u32 i = 0; i < kAddresses; i++)
		put({INVLPG, y, i, 0, 0, 0}, 0);
	put({EDIT, y, 0, 0, 0, t << 12 | (all & ~D)}, above);
	touch(y, 0);
	touch(x, 1);
	put({CR3, y, 0, 0, 0, 0}, 0);
	touch(y, 0);
}

class Run {
public:
	Run()
	{
		m.before_store = [this] { note(); };
	}
	Run(const Run &) = delete;
	Run &operator=(const Run &) = delete;
	std::string step(const Op &op, u64 target);
	Machine m;

private:
	void note();
	void forget(unsigned cpu, unsigned i);
	std::string check_access(const Op &op);
	void tweak(const Op &op, u64 target);

	// What each CPU may still believe of each address.
	std::set<Translation> seen_[kCpus][kAddresses];
	bool bypassed_ = false;
	bool pdpt_changed_[kCpus] = {};
};

u64 seen_address(const Machine &m, unsigned cpu, unsigned i)
{
	return m.cpus[cpu].kind == k64 ? address(i) : address(i) & 0xffffffff;
}

// The guest's tables have changed: what they say now may be believed from now on.
void Run::note()
{
	for (unsigned c = 0; c < kCpus; c++)
		for (unsigned i = 0; i < kAddresses; i++) {
			Translation t;

			if (m.translate(c, seen_address(m, c, i), &t))
				seen_[c][i].insert(t);
		}
	m.memory_changed = false;
}

void Run::forget(unsigned c, unsigned i)
{
	seen_[c][i].clear();
	Translation t;
	if (m.translate(c, seen_address(m, c, i), &t))
		seen_[c][i].insert(t);
}

std::string Run::check_access(const Op &op)
{
	static const u32 kinds[] = {
		WALK_READ, WALK_WRITE, WALK_FETCH, WALK_USER, WALK_USER | WALK_WRITE, WALK_USER | WALK_FETCH,
	};
	u32 acc = kinds[op.b % std::size(kinds)];
	u64 gva = seen_address(m, op.cpu, op.a) + (op.c % 512) * 8;
	Machine::Outcome o = m.access(op.cpu, gva, acc, op.value, op.c & 0x10000 ? 4 : 8);

	if (!m.error.empty())
		return m.error;
	if (o.fault) {
		u32 want = m.reference_error(op.cpu, gva, acc);

		if (want != o.error)
			return "a fault of error " + std::to_string(o.error) + ", not " + std::to_string((int)want);
		return "";
	}
	// The walk has set flags: they count as seen.
	note();
	// A page in sync may be older than what bypassed its protection, wherever it comes to be used.
	if (bypassed_)
		return "";
	for (const Translation &t : seen_[op.cpu][op.a])
		if (t.gpa == (o.gpa & ~0xfffULL) && m.allows(op.cpu, t, acc))
			return "";
	return "an access of kind " + std::to_string(acc) + " reached " + std::to_string(o.gpa >> 12) +
	       ", as the guest's tables never said since it flushed";
}

// A table's entry as it is, but for a flag.
void Run::tweak(const Op &op, u64 target)
{
	static const u64 flags[] = {W, U, A, D, D, W | D, A | D, NX, P, BIT_ULL(9)};

	m.write_frame(op.cpu, target, m.peek(target) ^ flags[op.b % std::size(flags)], 8);
}

std::string Run::step(const Op &op, u64 target)
{
	unsigned size = op.c & 1 ? 4 : 8;
	std::string err;

	switch (op.kind) {
	case ACCESS:
		err = check_access(op);
		break;
	case EDIT:
		if (size == 8)
			target &= ~7ULL;
		m.write_frame(op.cpu, target, op.value, size, op.b % 8 == 0);
		break;
	case BYPASS:
		m.poke(target & ~7ULL, op.value, 8);
		bypassed_ = true;
		break;
	case INVLPG:
		m.invlpg(op.cpu, seen_address(m, op.cpu, op.a));
		if (m.cpus[op.cpu].kind != kPae || !pdpt_changed_[op.cpu])
			for (unsigned i = 0; i < kAddresses; i++)
				if (seen_address(m, op.cpu, i) == seen_address(m, op.cpu, op.a))
					forget(op.cpu, i);
		break;
	case CR3:
		m.load_cr3(op.cpu, op.a % kSpaces);
		pdpt_changed_[op.cpu] = false;
		for (unsigned i = 0; i < kAddresses; i++)
			forget(op.cpu, i);
		break;
	case MODE:
		m.set_mode(op.cpu, (Kind)(op.a % kKinds), op.b % kSpaces, op.c & 3, op.c & 12 ? op.value << 20 : op.b,
			   op.c & 16);
		pdpt_changed_[op.cpu] = false;
		for (unsigned i = 0; i < kAddresses; i++)
			forget(op.cpu, i);
		break;
	case REMAP:
		if (op.c % 8 == 0)
			m.remap(op.b % (kFrames / 512) * 512, 512);
		else
			m.remap(op.b % (kFrames - 8), 1 + op.c % 8);
		break;
	case EVICT:
		m.evict(op.b % (kFrames - 8), 1 + op.c % 8);
		break;
	case READONLY:
		m.make_readonly(op.b % (kFirstTable + kTables + 8));
		break;
	case LOG:
		m.set_log(op.b % (kFirstTable + kTables + 8), op.c & 3);
		break;
	case MMIO:
		m.set_mmio(kFirstTable + kTables + op.b % 64, op.c & 1);
		break;
	case ZAP_ALL:
		m.zap_all();
		break;
	case SHRINK:
		m.shrink(op.b % 32);
		break;
	case NO_FLUSH:
		m.can_flush = op.c & 1;
		break;
	case PKRU:
		m.cpus[op.cpu].mode.pkru = op.b;
		m.cpus[op.cpu].mode.ac = op.c & 1;
		break;
	case TWEAK:
		tweak(op, target & ~7ULL);
		break;
	default:
		break;
	}
	for (unsigned c = 0; c < kCpus; c++)
		if (m.memory_changed)
			pdpt_changed_[c] = true;
	if (m.memory_changed)
		note();
	return err.empty() ? m.error : err;
}

struct Script {
	std::vector<Op> ops;
	std::vector<u64> targets;
};

// Over all scripts: that the path without the lock is gone at all.
u64 logged_writes;

// The first failure and its step, or -1.
int play(const Script &s, std::string *why, bool audit_each)
{
	Run run;

	for (size_t i = 0; i < s.ops.size(); i++) {
		*why = run.step(s.ops[i], s.targets[i]);
		if (why->empty() && (audit_each || i % 16 == 0 || i + 1 == s.ops.size()) && !run.m.audit())
			*why = run.m.error;
		if (!why->empty())
			return (int)i;
	}
	logged_writes += run.m.logged;
	if (getenv("VMX_SHADOW_STATS")) {
		const shadow_stats &t = run.m.s.stat;

		printf("faults %llu built %llu linked %llu created %llu zapped %llu reclaimed %llu flooded %llu prefetched %llu "
		       "unsynced %llu verified %llu resynced %llu emulated %llu dropped %llu hits %llu\n",
		       (unsigned long long)t.faults, (unsigned long long)t.built, (unsigned long long)t.linked,
		       (unsigned long long)t.created, (unsigned long long)t.zapped, (unsigned long long)t.reclaimed,
		       (unsigned long long)t.flooded, (unsigned long long)t.prefetched, (unsigned long long)t.unsynced,
		       (unsigned long long)t.verified, (unsigned long long)t.resynced, (unsigned long long)t.emulated,
		       (unsigned long long)t.dropped, (unsigned long long)run.m.hits);
	}
	return -1;
}

// Leave out what the failure does not need.
void shrink(Script *s)
{
	std::string why;

	for (size_t n = s->ops.size() / 2; n; n /= 2)
		for (size_t at = 0; at + n <= s->ops.size();) {
			Script t = *s;

			t.ops.erase(t.ops.begin() + (long)at, t.ops.begin() + (long)(at + n));
			t.targets.erase(t.targets.begin() + (long)at, t.targets.begin() + (long)(at + n));
			int end = play(t, &why, true);
			if (end < 0) {
				at += n;
				continue;
			}
			t.ops.resize((size_t)end + 1);
			t.targets.resize((size_t)end + 1);
			*s = t;
		}
}

std::string print(const Script &s)
{
	static const char *const names[] = {"ACCESS", "EDIT", "BYPASS", "INVLPG", "CR3", "MODE", "REMAP", "EVICT",
					    "READONLY", "LOG", "MMIO", "ZAP_ALL", "SHRINK", "NO_FLUSH", "PKRU",
					    "TWEAK"};
	std::string out;

	for (size_t i = 0; i < s.ops.size(); i++) {
		char line[160];

		snprintf(line, sizeof(line), "  {%s, %u, %u, %uU, %uU, %#llxULL} at %#llx (frame %llu)\n", names[s.ops[i].kind],
			 s.ops[i].cpu, s.ops[i].a, s.ops[i].b, s.ops[i].c, (unsigned long long)s.ops[i].value,
			 (unsigned long long)s.targets[i], (unsigned long long)s.targets[i] >> 12);
		out += line;
	}
	return out;
}

u64 from_env(const char *name, u64 otherwise)
{
	const char *v = getenv(name);

	return v ? strtoull(v, nullptr, 0) : otherwise;
}

} // namespace

TEST(ShadowModel, RandomScripts)
{
	u64 steps = from_env("VMX_SHADOW_STEPS", 100000), seed = from_env("VMX_SHADOW_SEED", 1);
	constexpr unsigned kLength = 2000;

	for (u64 done = 0; done < steps; done += kLength, seed++) {
		std::mt19937_64 rng(seed);
		std::string why;
		Script s;

		if (seed % 4 >= 2)
			tame_tables(rng, &s.ops, &s.targets);
		for (unsigned i = 0; i < kLength; i++) {
			Op op = random_op(rng);

			// In every other script nothing bypasses the protection: all accesses are checked.
			if (op.kind == BYPASS && seed % 2)
				op.kind = EDIT;
			u64 target = random_target(rng);
			if (seed % 4 >= 2)
				tame_op(rng, &op, &target);
			s.ops.push_back(op);
			s.targets.push_back(target);
			if (seed % 4 >= 2 && rng() % 256 == 0)
				late_writer(rng, &s.ops, &s.targets);
		}
		int at = play(s, &why, false);
		if (at < 0)
			continue;
		s.ops.resize((size_t)at + 1);
		s.targets.resize((size_t)at + 1);
		shrink(&s);
		play(s, &why, true);
		FAIL() << "seed " << seed << ": " << why << "\n" << print(s);
	}
	EXPECT_GT(logged_writes, steps / 2000);
}
