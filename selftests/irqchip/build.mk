# SPDX-License-Identifier: GPL-2.0-only
# Unit tests and fuzz targets of the interrupt controller models.

IRQ_OBJ := build/obj/irqchip
IRQ_MODELS := lapic lapic_hw lapic_timer lapic_state apic_map ioapic pic pit irq_route
IRQ_WARN := -Wall -Wextra -Ikmod -I.
IRQ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -g -O1
# gnu11 with unsigned wrap-around is what the models are written for; signed overflow is a failure.
IRQ_UNIT_OBJS := $(patsubst %,$(IRQ_OBJ)/unit/%.o,$(IRQ_MODELS)) \
	$(patsubst selftests/unit/%.cc,$(IRQ_OBJ)/unit/%.o,$(wildcard selftests/unit/irqchip_*.cc))
IRQ_FUZZ_OBJS := $(patsubst %,$(IRQ_OBJ)/fuzz/%.o,$(IRQ_MODELS))
IRQ_FUZZERS := $(patsubst %,build/fuzz/%_fuzz,lapic ioapic pic pit)

UNIT_TESTS += build/tests/irqchip_unit
FUZZERS += $(IRQ_FUZZERS)

build/tests/irqchip_unit: $(IRQ_UNIT_OBJS)
	@mkdir -p $(@D)
	$(CXX) $(IRQ_SAN) -o $@ $^ -lgtest -lgtest_main -pthread

$(IRQ_OBJ)/unit/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(IRQ_WARN) $(IRQ_SAN) -MMD -MP -c -o $@ $<

# The tests themselves are not optimised: it would only cost the compiler time.
$(IRQ_OBJ)/unit/%.o: selftests/unit/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(IRQ_WARN) $(IRQ_SAN) -O0 -MMD -MP -c -o $@ $<

$(IRQ_OBJ)/fuzz/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CLANG) -std=gnu11 $(IRQ_WARN) $(IRQ_SAN) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(IRQ_OBJ)/fuzz/%_fuzz.o: selftests/fuzz/%_fuzz.cc
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++20 $(IRQ_WARN) $(IRQ_SAN) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(IRQ_FUZZERS): build/fuzz/%: $(IRQ_OBJ)/fuzz/%.o $(IRQ_FUZZ_OBJS)
	@mkdir -p $(@D)
	$(CLANGXX) $(IRQ_SAN) -fsanitize=fuzzer -o $@ $^

-include $(wildcard $(IRQ_OBJ)/*/*.d)
