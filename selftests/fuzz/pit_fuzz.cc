// SPDX-License-Identifier: GPL-2.0-only
// The 8254 under any sequence of port accesses and times.
#include "pure/pit.h"
#include "selftests/fuzz/irqchip_input.h"

namespace {

void check(const struct pit* p, u64 now) {
  for (u32 ch = 0; ch < 3; ch++) {
    const struct vmx_pit_channel_state& c = p->ch[ch];
    FUZZ_CHECK(c.count >= 1 && c.count <= 0x10000);
    FUZZ_CHECK(!c.bcd || c.count <= 10000);
    u32 v = pit_count(p, ch, now);
    FUZZ_CHECK(v <= 0xffff);
    if (c.bcd)
      for (int s = 0; s < 16; s += 4) FUZZ_CHECK((v >> s & 0xf) <= 9);
    pit_output(p, ch, now);
  }
  FUZZ_CHECK(p->pending <= PIT_MAX_PENDING);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const u16 ports[] = {0x40, 0x41, 0x42, 0x43, 0x61, 0x44, 0x43, 0x42};
  FuzzInput in(data, size);
  struct pit p;
  u64 now = in.take<u32>() + 1ull;
  pit_reset(&p, now);
  p.reinject = in.take<u8>() & 1;
  for (int i = 0; i < 300 && in.more(); i++) {
    u32 step = in.take<u32>();
    now += in.take<u8>() == 0xff ? static_cast<u64>(step) << 24 : step & 0xfffff;
    if (now >> 62) break;
    switch (in.take<u8>() % 5) {
      case 0:
      case 1:
        pit_write(&p, ports[in.take<u8>() % 8], in.take<u8>(), now);
        break;
      case 2:
        pit_read(&p, ports[in.take<u8>() % 8], now);
        break;
      case 3: {
        u64 at = pit_timer_next(&p);
        bool due = at && now >= at;
        bool inject = pit_timer_expire(&p, now);
        FUZZ_CHECK(due || !inject);
        u64 next = pit_timer_next(&p);
        // Never again at once: that is what bounds the host's work.
        if (due && next) {
          FUZZ_CHECK(next > now);
          FUZZ_CHECK(next - at + 1000 >= PIT_MIN_PERIOD_NS);
        }
        if (inject && (in.take<u8>() & 1)) pit_ack(&p);
        break;
      }
      case 4: {
        struct vmx_pit_state2 s;
        pit_get_state(&p, &s);
        auto* b = reinterpret_cast<u8*>(&s);
        for (int n = in.take<u8>() % 8; n > 0; n--) b[in.take<u8>() % sizeof(s)] = in.take<u8>();
        pit_set_state(&p, &s, now);
        break;
      }
    }
    check(&p, now);
  }
  return 0;
}
