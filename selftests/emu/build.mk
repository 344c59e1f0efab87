# SPDX-License-Identifier: GPL-2.0-only
# The emulator's tests: units, the comparison with the real CPU, the fuzz target.

EMU_OBJ := build/obj/emu
EMU_MODELS := $(basename $(notdir $(wildcard kmod/pure/emu*.c)))
EMU_WARN := -Wall -Wextra -Ikmod -I.
EMU_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -g -O1
EMU_UNIT := $(basename $(notdir $(wildcard selftests/unit/emu_*.cc)))
EMU_DIFF := $(basename $(notdir $(wildcard selftests/emu/*.cc)))

UNIT_TESTS += build/tests/emu_unit build/tests/emu_diff
FUZZERS += build/fuzz/emu_fuzz

build/tests/emu_unit: $(EMU_MODELS:%=$(EMU_OBJ)/san/%.o) $(EMU_UNIT:%=$(EMU_OBJ)/san/%.o)
	@mkdir -p $(@D)
	$(CXX) $(EMU_SAN) -o $@ $^ -lgtest -lgtest_main -lcapstone -pthread

# The comparison installs handlers for every fault and runs foreign code: no sanitizers.
build/tests/emu_diff: $(EMU_MODELS:%=$(EMU_OBJ)/diff/%.o) $(EMU_DIFF:%=$(EMU_OBJ)/diff/%.o) \
		$(EMU_OBJ)/diff/native_enter.o
	@mkdir -p $(@D)
	$(CXX) -no-pie -o $@ $^

build/fuzz/emu_fuzz: $(EMU_MODELS:%=$(EMU_OBJ)/fuzz/%.o) $(EMU_OBJ)/fuzz/emu_fuzz.o
	@mkdir -p $(@D)
	$(CLANGXX) -fsanitize=fuzzer,address,undefined -o $@ $^

$(EMU_OBJ)/san/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(EMU_WARN) $(EMU_SAN) -MMD -MP -c -o $@ $<

# The tests themselves are not optimised: it would only cost the compiler time.
$(EMU_OBJ)/san/%.o: selftests/unit/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(EMU_WARN) $(EMU_SAN) -O0 -Iselftests/emu -MMD -MP -c -o $@ $<

$(EMU_OBJ)/diff/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(EMU_WARN) -O2 -g -MMD -MP -c -o $@ $<

$(EMU_OBJ)/diff/%.o: selftests/emu/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(EMU_WARN) -O2 -g -fcf-protection=none -MMD -MP -c -o $@ $<

$(EMU_OBJ)/diff/%.o: selftests/emu/%.S
	@mkdir -p $(@D)
	$(CC) -g -c -o $@ $<

$(EMU_OBJ)/fuzz/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CLANG) -std=gnu11 $(EMU_WARN) -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all -g -O1 -MMD -MP -c -o $@ $<

$(EMU_OBJ)/fuzz/%.o: selftests/fuzz/%.cc
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++20 $(EMU_WARN) -Iselftests/emu -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all -g -O1 -MMD -MP -c -o $@ $<

-include $(wildcard $(EMU_OBJ)/*/*.d)
