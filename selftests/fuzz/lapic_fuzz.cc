// SPDX-License-Identifier: GPL-2.0-only
// The local APIC model under any sequence of accesses, and the map under any set of APICs.
#include "pure/apic_map.h"
#include "pure/lapic.h"
#include "pure/lapic_pir.h"
#include "selftests/fuzz/irqchip_input.h"

namespace {

alignas(64) u8 page[LAPIC_PAGE_SIZE];

// What is kept beside the registers must follow from them.
void check(const struct lapic* l) {
  int top = -1;
  for (u32 w = 0; w < 8; w++) {
    FUZZ_CHECK(!!lapic_reg(l, LAPIC_IRR + w * 16) == (l->irr_words >> w & 1));
    u32 isr = lapic_reg(l, LAPIC_ISR + w * 16);
    FUZZ_CHECK(!!isr == (l->isr_words >> w & 1));
    if (isr) top = static_cast<int>(w * 32) + fls(isr) - 1;
  }
  FUZZ_CHECK(l->isr_top == top);
  // The VMM may put vectors 0 to 15 into IRR; they go no further.
  FUZZ_CHECK(!(lapic_reg(l, LAPIC_ISR) & 0xffff));
  int vec = lapic_pending(l);
  FUZZ_CHECK(vec < 0 || vec >= 16);
  FUZZ_CHECK(vec < 0 || (vec & 0xf0) > static_cast<int>(lapic_ppr(l) & 0xf0));
  if (lapic_enabled(l) && !(lapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE)) return;
  u64 at;
  if (lapic_timer_next(l, &at) == LAPIC_TIMER_NS && l->timer.period &&
      (lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_TIMER_MODE) == LAPIC_LVT_TIMER_PERIODIC)
    FUZZ_CHECK(l->timer.period >= LAPIC_MIN_PERIOD_NS);
}

void step(struct lapic* l, struct lapic_post* post, FuzzInput& in, u64* now) {
  u64 v;
  u32 fx = 0;
  *now += in.take<u32>();
  switch (in.take<u8>() % 14) {
    case 0:
    case 1:
      fx = lapic_page_write(l, (in.take<u8>() & 0x3f) << 4, 4, in.take<u32>(), *now);
      break;
    case 2:
      fx = lapic_page_write(l, in.take<u16>() & 0xfff, in.take<u8>() % 9, in.take<u64>(), *now);
      break;
    case 3:
      lapic_page_read(l, in.take<u16>() & 0xfff, 1 + in.take<u8>() % 16, &v, *now);
      break;
    case 4:
      lapic_x2_write(l, 0x800 + in.take<u8>(), in.take<u64>(), *now, &fx);
      break;
    case 5:
      lapic_x2_read(l, 0x800 + in.take<u8>(), &v, *now);
      break;
    case 6:
      v = in.take<u16>();
      v = LAPIC_DEFAULT_BASE | (v & 0xd00) | (v & 1);
      if (!lapic_base_check(l->base, v, in.take<u8>() & 1, true, 0)) {
        lapic_base_set(l, v);
        FUZZ_CHECK((l->base & 0xc00) != LAPIC_BASE_X2APIC);
      }
      break;
    case 7:
      lapic_pir_post(post, in.take<u8>(), in.take<u8>() & 1);
      break;
    case 8:
      lapic_pir_drain(l, post);
      FUZZ_CHECK(!lapic_pir_pending(post));
      break;
    case 9: {
      int vec = lapic_pending(l);
      if (vec < 0) break;
      lapic_ack(l, static_cast<u8>(vec));
      FUZZ_CHECK(l->isr_top == vec);
      FUZZ_CHECK(lapic_pending(l) < 0 || lapic_pending(l) > vec);
      break;
    }
    case 10: {
      int before = l->isr_top;
      fx = lapic_eoi(l);
      FUZZ_CHECK(!!(fx & LAPIC_FX_EOI) == (before >= 0));
      FUZZ_CHECK(before < 0 || l->isr_top < before);
      break;
    }
    case 11: {
      v = in.take<u64>();
      if (lapic_timer_expire(l, *now, v)) {
        u64 at;
        FUZZ_CHECK(lapic_timer_next(l, &at) != LAPIC_TIMER_OFF ||
                   (lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED) || !lapic_enabled(l));
      }
      break;
    }
    case 12: {
      u8 s[LAPIC_STATE_SIZE];
      lapic_get_state(l, s, *now);
      for (int i = in.take<u8>() % 16; i > 0; i--) s[in.take<u16>() % sizeof(s)] = in.take<u8>();
      lapic_set_state(l, s, *now, &fx);
      break;
    }
    case 13:
      lapic_local(l, LAPIC_LVT_TIMER + (in.take<u8>() % 6) * 16);
      lapic_deadline_write(l, in.take<u32>());
      lapic_deadline_read(l, in.take<u32>());
      break;
  }
  if (fx & LAPIC_FX_IPI) {
    struct apic_msg m;
    apic_msg_from_icr(&m, lapic_icr(l), lapic_x2apic(l));
  }
}

// Tables and comparison give the same answer for any map and message.
void fuzz_map(FuzzInput& in) {
  u32 nr = in.take<u8>() % 20;
  alignas(8) static u8 mem[64 * 1024];
  memset(mem, 0, sizeof(mem));
  FUZZ_CHECK(apic_map_size(nr, 1023) <= sizeof(mem));
  struct apic_map* m = apic_map_init(mem, nr, 1023);
  u8 modes = in.take<u8>();
  for (u32 i = 0; i < nr; i++) {
    struct apic_entry* e = &m->entry[i];
    u8 bits = in.take<u8>();
    e->target = e;
    e->x2apic = (modes & 1) && ((modes & 2) || (bits & 1));
    e->cluster = (modes & 4) && ((modes & 8) || (bits & 2));
    e->enabled = (bits & 0x30) != 0;
    e->sw_enabled = e->enabled && (bits & 0xc0);
    e->id = in.take<u16>() & (e->x2apic ? 0x3ff : 0xff);
    e->ldr = e->x2apic ? lapic_x2apic_ldr(e->id) : in.take<u8>();
  }
  apic_map_build(m);
  for (int n = 0; n < 4; n++) {
    struct apic_msg msg;
    if (in.take<u8>() & 1)
      apic_msg_from_icr(&msg, in.take<u64>(), modes & 1);
    else
      apic_msg_from_msi(&msg, in.take<u64>(), in.take<u32>(), true, in.take<u8>() & 1);
    struct apic_iter it;
    u32 fast = 0, slow = 0;
    apic_map_lookup(m, &msg, &it);
    while (const struct apic_entry* e = apic_map_next(m, &msg, &it)) fast |= 1u << (e - m->entry);
    struct apic_map all = *m;
    all.phys_slow = all.logical_slow = true;
    apic_map_lookup(&all, &msg, &it);
    while (const struct apic_entry* e = apic_map_next(&all, &msg, &it)) slow |= 1u << (e - m->entry);
    FUZZ_CHECK(fast == slow);
    const struct apic_entry* one = apic_map_lowest(m, &msg, nullptr);
    FUZZ_CHECK(one ? (fast >> (one - m->entry) & 1) : fast == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput in(data, size);
  struct lapic l = {};
  struct lapic_post post = {};
  u8 cfg = in.take<u8>();
  if (cfg & 0x80) {
    fuzz_map(in);
    return 0;
  }
  memset(page, 0, sizeof(page));
  l.regs = page;
  l.id = in.take<u16>();
  l.cmci = cfg & 1;
  l.directed_eoi = cfg & 2;
  l.wide_ids = cfg & 4;
  l.lint0_extint = cfg & 8;
  lapic_init(&l, cfg & 16);
  if (cfg & 32) lapic_base_set(&l, l.base | LAPIC_BASE_X2APIC);
  u64 now = 1;
  for (int i = 0; i < 300 && in.more(); i++) {
    step(&l, &post, in, &now);
    check(&l);
  }
  return 0;
}
