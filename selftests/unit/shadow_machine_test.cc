// SPDX-License-Identifier: GPL-2.0-only
#include "shadow_machine.h"

#include "pure/shadow_int.h"

namespace shadow_model {

namespace {

constexpr u64 kWp = BIT_ULL(16), kPg = BIT_ULL(31), kPse = BIT_ULL(4), kPaeBit = BIT_ULL(5), kSmep = BIT_ULL(20),
	      kSmap = BIT_ULL(21), kPke = BIT_ULL(22), kLma = BIT_ULL(10), kNxe = BIT_ULL(11);

} // namespace

struct Ops {
	struct Ref {
		Machine *m;
		unsigned cpu;
	};

	static Machine &machine(void *vcpu) { return *static_cast<Ref *>(vcpu)->m; }

	static bool at_hand(Machine &m, u64 gpa) { return gpa >> 12 < kFrames && m.frames_[gpa >> 12].present; }

	static int read(void *o, u64 gpa, unsigned int size, u64 *val)
	{
		Machine &m = machine(o);

		if (gpa >> 12 >= kFrames) {
			*val = 0;
			return 0;
		}
		if (!at_hand(m, gpa))
			return -EAGAIN;
		*val = m.peek(gpa, size);
		return 0;
	}

	static int cmpxchg(void *o, u64 gpa, unsigned int size, u64 old, u64 new_)
	{
		Machine &m = machine(o);

		if (!at_hand(m, gpa))
			return -EAGAIN;
		if (m.peek(gpa, size) != old)
			return 1;
		m.store(gpa, new_, size);
		return 0;
	}

	static int walk(void *vcpu, u64 gva, u32 acc, walk_result *r)
	{
		static const walk_ops ops = {read, cmpxchg};

		return walk_gva(&machine(vcpu).cpus[static_cast<Ref *>(vcpu)->cpu].mode, &ops, vcpu, gva, acc, r);
	}

	static int load(void *vcpu, unsigned int, u64 gpa, void *buf, unsigned int len)
	{
		Machine &m = machine(vcpu);

		if (gpa >> 12 >= kFrames)
			return memset(buf, 0, len), 0;
		if (!at_hand(m, gpa))
			return -EAGAIN;
		memcpy(buf, &m.memory_[gpa], len);
		return 0;
	}

	static shadow_frame_result frame(void *vcpu, unsigned int, u64 gfn, bool write, shadow_frame *f)
	{
		Machine &m = machine(vcpu);

		if (gfn >= kFrames || m.frames_[gfn].mmio)
			return SHADOW_FRAME_MMIO;
		const Frame &h = m.frames_[gfn];
		if (!h.present || (write && !h.writable))
			return SHADOW_FRAME_ABSENT;
		// Large where the host's frames follow one another and are alike.
		u64 first = gfn & ~511ULL;
		bool large = true;
		for (u64 i = 0; i < 512 && large; i++) {
			const Frame &o = m.frames_[first + i];

			large = o.present && !o.mmio && !o.logged && o.writable && !(m.frames_[first].pfn & 511) &&
				o.pfn == m.frames_[first].pfn + i;
		}
		*f = {h.pfn, (u8)(large ? 2 : 1), 0, h.writable && (write || !h.logged), false};
		return SHADOW_FRAME_OK;
	}

	static u32 around(void *vcpu, unsigned int, u64 gfn, unsigned int n, shadow_frame *f)
	{
		Machine &m = machine(vcpu);
		u32 there = 0;

		for (unsigned i = 0; i < n && gfn + i < kFrames; i++) {
			const Frame &h = m.frames_[gfn + i];

			if (!h.present || h.mmio)
				continue;
			f[i].pfn = h.pfn;
			f[i].writable = h.writable && !h.logged;
			there |= 1U << i;
		}
		return there;
	}

	static shadow_page *alloc(void *vcpu, bool direct)
	{
		Machine &m = machine(vcpu);
		u32 id;

		if (m.free_.empty()) {
			id = (u32)m.pages_.size();
			if (id >= m.chunk_.size())
				return nullptr;
			m.pages_.push_back(std::make_unique<Page>());
		} else {
			id = m.free_.back();
			m.free_.pop_back();
		}
		Page &p = *m.pages_[id];
		p.spt.fill(0);
		p.sp = {};
		p.sp.spt = p.spt.data();
		p.sp.gpte = direct ? nullptr : p.gpte.data();
		p.sp.link = p.link.data();
		p.sp.pa = kPaBase + ((u64)id << 12);
		p.sp.id = id;
		p.live = true;
		m.chunk_[id] = &p.sp;
		return &p.sp;
	}

	static shadow_page *table(const shadow *s, u64 pa)
	{
		auto *m = static_cast<Machine *>(s->owner);

		return &m->pages_[(pa - kPaBase) >> 12]->sp;
	}

	static void retire(shadow *s, shadow_page *sp)
	{
		auto *m = static_cast<Machine *>(s->owner);

		m->pages_[sp->id]->live = false;
		m->retired_.push_back(sp->id);
	}

	static bool flush(shadow *s, void *)
	{
		auto *m = static_cast<Machine *>(s->owner);

		if (!m->can_flush)
			return false;
		m->flush_all();
		return true;
	}

	static void taken(shadow *, u64) {}

	static void written(void *vcpu, unsigned int, u64 gfn) { machine(vcpu).frames_[gfn].dirty = true; }

	static constexpr shadow_ops ops = {walk, load, frame, around, alloc, table, retire, flush, taken, written};
};

static Ops::Ref refs[kCpus];

Machine::Machine(u32 limit) : memory_(kFrames << 12), chunk_(2 * SHADOW_CHUNK)
{
	npte_format_npt(&format_, 48, 0);
	page_hash_.resize(256);
	leaf_hash_.resize(1024);
	large_hash_.resize(16);
	region_.resize(16);
	s.ops = &Ops::ops;
	s.format = &format_;
	s.owner = this;
	s.limit = limit;
	for (unsigned i = 0; i < 2; i++)
		s.chunk[i] = &chunk_[i * SHADOW_CHUNK];
	for (unsigned l = 1; l <= 2; l++)
		s.leaves[l] = &leaves_[l];
	s.page_hash = page_hash_.data();
	s.leaf_hash = leaf_hash_.data();
	s.large_hash = large_hash_.data();
	s.region = region_.data();
	s.page_bits = 8;
	s.leaf_bits = 10;
	s.large_bits = 4;
	s.region_bits = 4;
	shadow_init(&s);
	pages_.push_back(nullptr); // no id 0
	pages_[0] = std::make_unique<Page>();
	for (unsigned f = 0; f < kFrames; f++) {
		frames_[f].pfn = 0x1000 + f;
		by_pfn_[frames_[f].pfn] = f;
	}
	next_pfn_ = 0x1000 + kFrames;
	// The map of all memory, by large pages.
	const u64 all = P | W | A | D;
	for (unsigned i = 0; i < kFrames / 512; i++)
		store(((u64)(kMapFrames + 1) << 12) + i * 8, ((u64)i << 21) | all | PS, 8);
	store((u64)kMapFrames << 12, ((u64)(kMapFrames + 1) << 12) | all, 8);
	for (unsigned sp = 0; sp < kSpaces; sp++) {
		store((root_frame(k64, sp) << 12) + 256 * 8, ((u64)kMapFrames << 12) | all, 8);
		store((root_frame(kPae, sp) << 12) + 3 * 8, ((u64)(kMapFrames + 1) << 12) | P, 8);
		for (unsigned i = 0; i < 2; i++)
			store((root_frame(k32, sp) << 12) + (768 + i) * 4, ((u64)i << 22) | all | PS, 4);
	}
	for (unsigned c = 0; c < kCpus; c++) {
		refs[c] = {this, c};
		cpus[c].shadow.vcpu = &refs[c];
		set_mode(c, kOff, 0, 0, 0, false);
	}
}

Machine::~Machine() = default;

void Machine::fail(const std::string &what)
{
	if (error.empty())
		error = what;
}

u64 Machine::peek(u64 gpa, unsigned size) const
{
	u64 v = 0;

	memcpy(&v, &memory_[gpa], size);
	return v;
}

void Machine::store(u64 gpa, u64 value, unsigned size)
{
	memcpy(&memory_[gpa], &value, size);
	memory_changed = true;
	remember(gpa);
	if ((gpa & 7) + size > 8)
		remember(gpa + 8);
}

void Machine::store_guest(u64 gpa, u64 value, unsigned size)
{
	if (memory_changed && before_store)
		before_store();
	store(gpa, value, size);
}

void Machine::remember(u64 gpa)
{
	gpa &= ~7ULL;
	held8_[gpa / 8].insert(peek(gpa));
	held4_[gpa / 4].insert(peek(gpa, 4));
	held4_[gpa / 4 + 1].insert(peek(gpa + 4, 4));
}

void Machine::poke(u64 gpa, u64 value, unsigned size)
{
	store(gpa, value, size);
}

// ---- the guest's control registers ----

void Machine::put_roots(unsigned c)
{
	for (auto &r : cpus[c].shadow.root) {
		if (r)
			shadow_unpin(r);
		r = nullptr;
	}
}

void Machine::load_roots(unsigned c)
{
	Cpu &cpu = cpus[c];
	u64 frame = root_frame(cpu.kind, cpu.space);

	put_roots(c);
	cpu.mode.cr3 = frame << 12;
	cpu.shadow.role = shadow_mode_role(&cpu.mode, 0);
	shadow_make_room(&s, 8);
	if (cpu.kind == k64) {
		cpu.shadow.root_level = 4;
		cpu.shadow.root[0] = shadow_root(&s, &cpu.shadow, frame, 4, 0);
		return;
	}
	cpu.shadow.root_level = 2;
	for (unsigned i = 0; i < 4; i++) {
		if (cpu.kind == kPae) {
			u64 e = peek((frame << 12) + i * 8);

			if (!(e & P))
				continue;
			cpu.shadow.root[i] = shadow_root(&s, &cpu.shadow, (e & GENMASK_ULL(51, 12)) >> 12, 2, 0);
		} else {
			cpu.shadow.root[i] = shadow_root(&s, &cpu.shadow, cpu.kind == kOff ? (u64)i << 18 : frame, 2,
							 cpu.kind == kOff ? 0 : i);
		}
	}
}

void Machine::set_mode(unsigned c, Kind kind, unsigned space, u64 cr0_wp, u64 cr4, bool nxe)
{
	Cpu &cpu = cpus[c];

	cpu.kind = kind;
	cpu.space = space;
	cpu.mode = {};
	cpu.mode.maxphyaddr = 40;
	cpu.mode.pse36 = true;
	cpu.mode.page1g = true;
	cpu.mode.cr0 = 1 | (cr0_wp ? kWp : 0) | (kind == kOff ? 0 : kPg);
	cpu.mode.cr4 = cr4 & (kSmep | kSmap | kPke);
	if (kind == k32)
		cpu.mode.cr4 |= kPse;
	if (kind == kPae || kind == k64)
		cpu.mode.cr4 |= kPaeBit;
	if (kind != k64)
		cpu.mode.cr4 &= ~kPke;
	cpu.mode.efer = (kind == k64 ? kLma : 0) | (nxe ? kNxe : 0);
	load_roots(c);
	shadow_flush(&s, &cpu.shadow, true);
	cpu.tlb.clear();
}

void Machine::load_cr3(unsigned c, unsigned space)
{
	cpus[c].space = space;
	load_roots(c);
	shadow_flush(&s, &cpus[c].shadow, false);
	cpus[c].tlb.clear();
}

void Machine::invlpg(unsigned c, u64 gva)
{
	if (shadow_invlpg(&s, &cpus[c].shadow, gva))
		cpus[c].tlb.clear();
	else
		cpus[c].tlb.erase(gva >> 12);
}

// ---- the hardware ----

bool Machine::hardware_allows(unsigned c, const TlbEntry &e, u32 acc) const
{
	const walk_mode &m = cpus[c].mode;
	bool write = acc & WALK_WRITE, fetch = acc & WALK_FETCH;

	// CR0.WP is always set there.
	if (write && !e.write)
		return false;
	if (fetch && e.nx)
		return false;
	if (acc & WALK_USER) {
		if (!e.user)
			return false;
	} else if (e.user && (m.cr0 & kPg)) {
		if (fetch && (m.cr4 & kSmep))
			return false;
		if (!fetch && (m.cr4 & kSmap) && !m.ac)
			return false;
	}
	if (e.user && (m.cr4 & kPke) && !fetch) {
		unsigned bits = m.pkru >> (2 * e.key) & 3;

		if ((bits & 1) || ((bits & 2) && write))
			return false;
	}
	return true;
}

bool Machine::hardware_walk(unsigned c, u64 gva, u32 acc, TlbEntry *e)
{
	const shadow_cpu &sc = cpus[c].shadow;
	const shadow_page *sp = sc.root[sc.root_level == 2 ? gva >> 30 & 3 : 0];

	if (!sp)
		return false;
	*e = {0, true, true, false, false, 0};
	for (unsigned level = sc.root_level;; level--) {
		unsigned i = gva >> (12 + 9 * (level - 1)) & 511;
		u64 *p = &sp->spt[i], v = *p;

		if (!pages_[sp->id]->live)
			fail("the hardware walks a page that was given up");
		if (!(v & P))
			return false;
		e->write &= !!(v & W);
		e->user &= !!(v & U);
		e->nx |= !!(v & NX);
		if (level > 1 && !(v & PS)) {
			*p |= A;
			sp = Ops::table(&s, v & GENMASK_ULL(47, 12));
			continue;
		}
		e->pfn = ((v & GENMASK_ULL(47, 12)) >> 12) + (gva >> 12 & ((1ULL << (9 * (level - 1))) - 1));
		e->key = v >> 59 & 15;
		if (!hardware_allows(c, *e, acc))
			return false;
		e->dirty = (v & D) || (acc & WALK_WRITE);
		*p |= A | ((acc & WALK_WRITE) ? (u64)D : 0);
		return true;
	}
}

bool Machine::hardware(unsigned c, u64 gva, u32 acc, u64 *gpa)
{
	auto &tlb = cpus[c].tlb;
	auto it = tlb.find(gva >> 12);
	TlbEntry e;

	if (it != tlb.end() && hardware_allows(c, it->second, acc) && (!(acc & WALK_WRITE) || it->second.dirty)) {
		e = it->second;
		hits++;
	} else {
		tlb.erase(gva >> 12);
		if (!hardware_walk(c, gva, acc, &e))
			return false;
		tlb[gva >> 12] = e;
	}
	auto f = by_pfn_.find(e.pfn);
	if (f == by_pfn_.end()) {
		fail("a frame that the host has taken back is still mapped");
		return true;
	}
	*gpa = (u64)f->second << 12 | (gva & 0xfff);
	return true;
}

// False: the CPU is to do it.
bool Machine::emulate_write(unsigned c, u64 gpa, bool write, u64 value, unsigned size, bool *fill)
{
	if (!write)
		fail("a read is to be emulated");
	// Once: it may lead to itself.
	else if (*fill && shadow_untrack_filled(&s, 0, gpa >> 12)) {
		*fill = false;
		if (shadow_is_table(&s, 0, gpa >> 12))
			fail("a table that is to be written all over is still tracked");
		return false;
	} else {
		frames_[gpa >> 12].writable = true;
		frames_[gpa >> 12].dirty = true;
		store_guest(gpa, value, size);
		shadow_written(&s, &cpus[c].shadow, 0, gpa, size);
	}
	return true;
}

Machine::Outcome Machine::access(unsigned c, u64 gva, u32 acc, u64 value, unsigned size, bool fill)
{
	Cpu &cpu = cpus[c];
	bool write = acc & WALK_WRITE;
	Outcome o;

	if (cpu.kind != k64)
		gva &= 0xffffffff;
	for (unsigned tries = 0; tries < 60; tries++) {
		shadow_out out{};

		if (hardware(c, gva, acc, &o.gpa)) {
			if (!error.empty())
				return o;
			Frame &f = frames_[o.gpa >> 12];

			if (write) {
				if (!f.writable)
					fail("a write to what the host has made read-only");
				if (f.logged && !f.dirty)
					fail("a write that the dirty log has not seen");
				store_guest(o.gpa, value, size);
			}
			return o;
		}
		faults++;
		if (write && s.logged && shadow_fault_logged(&s, &cpu.shadow, gva)) {
			logged++;
			continue;
		}
		switch (shadow_fault(&s, &cpu.shadow, gva, acc, &out)) {
		case SHADOW_RETRY:
			if (out.flush_gva)
				cpu.tlb.erase(gva >> 12);
			break;
		case SHADOW_GUEST_FAULT:
			o.fault = true;
			o.error = out.walk.error;
			return o;
		case SHADOW_MMIO:
			o.mmio = true;
			o.gpa = out.walk.gpa;
			return o;
		case SHADOW_EMULATE:
			o.gpa = out.walk.gpa;
			if (emulate_write(c, o.gpa, write, value, size, &fill))
				return o;
			break;
		case SHADOW_ABSENT: {
			Frame &f = frames_[out.walk.gpa >> 12];

			f.present = true;
			if (write)
				f.writable = true;
			break;
		}
		case SHADOW_WALK_ABSENT:
			for (unsigned i = 0; i < kFirstTable + kTables; i++)
				frames_[i].present = true;
			for (auto &f : frames_)
				f.present = true;
			break;
		case SHADOW_AGAIN:
			can_flush = true;
			flush_all();
			break;
		case SHADOW_ROOT_CHANGED:
			load_roots(c);
			break;
		case SHADOW_BUSY:
			break;
		}
	}
	fail("a fault is never served");
	return o;
}

Machine::Outcome Machine::write_frame(unsigned c, u64 gpa, u64 value, unsigned size, bool fill)
{
	switch (cpus[c].kind) {
	case k64:
		return access(c, kMap64 + gpa, WALK_WRITE, value, size, fill);
	case kPae:
	case k32:
		return access(c, kMap32 + gpa, WALK_WRITE, value, size, fill);
	default:
		return access(c, gpa, WALK_WRITE, value, size, fill);
	}
}

// ---- the host ----

void Machine::free_retired()
{
	free_.insert(free_.end(), retired_.begin(), retired_.end());
	retired_.clear();
}

void Machine::flush_all()
{
	for (auto &c : cpus)
		c.tlb.clear();
	s.flushed = s.stale;
	free_retired();
}

void Machine::took_leaves(bool any)
{
	if (any || s.stale != s.flushed)
		flush_all();
}

void Machine::remap(unsigned first, unsigned n)
{
	bool any = shadow_zap_frames(&s, 0, first, first + n);

	took_leaves(any);
	if (n == 512)
		next_pfn_ = (next_pfn_ + 511) & ~511ULL;
	for (unsigned f = first; f < first + n; f++) {
		by_pfn_.erase(frames_[f].pfn);
		frames_[f].pfn = next_pfn_++;
		by_pfn_[frames_[f].pfn] = f;
		frames_[f].present = true;
		frames_[f].writable = true;
	}
}

void Machine::evict(unsigned first, unsigned n)
{
	remap(first, n);
	for (unsigned f = first; f < first + n; f++)
		frames_[f].present = false;
}

void Machine::make_readonly(unsigned f)
{
	took_leaves(shadow_zap_frames(&s, 0, f, f + 1));
	frames_[f].writable = false;
}

void Machine::set_log(unsigned f, bool on)
{
	frames_[f].logged = on;
	frames_[f].dirty = false;
	if (!on)
		return;
	bool any = shadow_zap_large(&s, 0, f, f + 1);
	any |= shadow_protect(&s, 0, f);
	took_leaves(any);
}

void Machine::set_mmio(unsigned f, bool on)
{
	frames_[f].mmio = on;
	took_leaves(shadow_zap_frames(&s, 0, f, f + 1));
}

void Machine::zap_all()
{
	shadow_zap_all(&s);
	flush_all();
}

void Machine::shrink(u32 want)
{
	shadow_shrink(&s, want);
	if (retired_.size() > 8)
		flush_all();
}

// The copy that an entry was built from once stood in the guest's table that the page is for, and not in another.
void Machine::audit_copies()
{
	for (const auto &p : pages_) {
		if (!p->live || p->sp.role.direct)
			continue;
		for (unsigned i = 0; i < SHADOW_ENTRIES; i++) {
			if (!p->spt[i])
				continue;
			u64 gpa = shadow_entry_gpa(&p->sp, i);
			const auto &held = shadow_entry_size(p->sp.role) == 8 ? held8_[gpa / 8] : held4_[gpa / 4];

			if (!held.count(p->gpte[i]))
				fail("audit: a copy was never in its table (level " + std::to_string((unsigned)p->sp.role.level) +
				     ", frame " + std::to_string(p->sp.gfn) + ", entry " + std::to_string(i) + ")");
		}
	}
}

bool Machine::audit()
{
	audit_copies();

	shadow_audit_ops ops = {};

	ops.ctx = this;
	ops.broken = [](void *ctx, const char *rule, const shadow_page *sp, unsigned int i) {
		auto *m = static_cast<Machine *>(ctx);

		m->fail(std::string("audit: ") + rule +
			(sp ? " (level " + std::to_string((unsigned)sp->role.level) + ", frame " +
				      std::to_string(sp->gfn) + ", entry " + std::to_string(i) + ")" : ""));
	};
	ops.leaf = [](void *ctx, const shadow_page *sp, unsigned int i, u64 gfn, u64 spte) {
		auto *m = static_cast<Machine *>(ctx);
		u64 n = sp->role.level == 1 ? 1 : 512;

		(void)i;
		for (u64 k = 0; k < n; k++) {
			const Frame &f = m->frames_[gfn + k];

			if (f.pfn != ((spte & GENMASK_ULL(47, 12)) >> 12) + k)
				m->fail("audit: a leaf maps another frame than the host");
			if ((spte & W) && !f.writable)
				m->fail("audit: a leaf is writable where the host's is not");
			if ((spte & W) && f.logged && !f.dirty)
				m->fail("audit: a leaf is writable though the log waits for a write");
			if (f.mmio)
				m->fail("audit: a leaf maps a device");
		}
	};
	return !shadow_audit(&s, &ops) && error.empty();
}

// ---- the reference ----

bool Machine::translate(unsigned c, u64 gva, Translation *t) const
{
	static const walk_ops ops = {
		[](void *o, u64 gpa, unsigned int size, u64 *val) {
			const auto *m = static_cast<const Machine *>(o);

			*val = gpa >> 12 < kFrames ? m->peek(gpa, size) : 0;
			return 0;
		},
		nullptr,
	};
	walk_mode mode = cpus[c].mode;
	walk_result r;

	mode.cr4 &= ~(kSmep | kSmap | kPke);
	if (walk_gva(&mode, &ops, const_cast<Machine *>(this), gva, WALK_PEEK, &r))
		return false;
	*t = {r.gpa & ~0xfffULL, r.write, r.user, r.nx, true, true, 0};
	for (unsigned i = cpus[c].kind == kPae; i < r.nr; i++)
		t->accessed &= !!(r.ptes[i] & A);
	if (r.nr) {
		t->dirty = r.ptes[r.nr - 1] & D;
		t->key = r.ptes[r.nr - 1] >> 59 & 15;
	}
	return true;
}

// SDM 3A 4.6, written down once more.
bool Machine::allows(unsigned c, const Translation &t, u32 acc) const
{
	const walk_mode &m = cpus[c].mode;
	bool write = acc & WALK_WRITE, fetch = acc & WALK_FETCH, user = acc & WALK_USER;

	if (cpus[c].kind == kOff)
		return true;
	if (!t.accessed || (write && !t.dirty))
		return false;
	if (user && !t.user)
		return false;
	if (write && !t.write && (user || (m.cr0 & kWp)))
		return false;
	if (fetch && t.nx)
		return false;
	if (!user && t.user && fetch && (m.cr4 & kSmep))
		return false;
	if (!user && t.user && !fetch && (m.cr4 & kSmap) && !m.ac)
		return false;
	if (t.user && !fetch && (m.cr4 & kPke)) {
		unsigned bits = m.pkru >> (2 * t.key) & 3;

		if ((bits & 1) || ((bits & 2) && write && (user || (m.cr0 & kWp))))
			return false;
	}
	return true;
}

u32 Machine::reference_error(unsigned c, u64 gva, u32 acc)
{
	static const walk_ops ops = {
		[](void *o, u64 gpa, unsigned int size, u64 *val) {
			*val = gpa >> 12 < kFrames ? static_cast<Machine *>(o)->peek(gpa, size) : 0;
			return 0;
		},
		nullptr,
	};
	walk_result r;

	return walk_gva(&cpus[c].mode, &ops, this, gva, acc | WALK_PEEK, &r) == 1 ? r.error : ~0U;
}

} // namespace shadow_model
