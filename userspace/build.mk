# SPDX-License-Identifier: GPL-2.0-only
#
# The VMM, its unit tests and its fuzz targets; included by the top Makefile.
#   build/bin/vmx, build/bin/vmx-static, build/tests/vmm_unit, build/fuzz/vmm_*
# Objects: build/userspace/{rel,san,fuzz}/

BUILD ?= build
VMM_CXX ?= g++
VMM_CLANGXX ?= $(firstword $(shell command -v clang++ clang++-14 2>/dev/null) clang++)
VMM_OBJ := $(BUILD)/userspace
VMM_CPPFLAGS := -I. -Iuserspace -Ikmod -MMD -MP
VMM_CXXFLAGS := -std=c++20 -Wall -Wextra -O2 -g $(if $(filter 1,$(WERROR)),-Werror)
VMM_HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
# Not optimised: that halves the compiler's time, and these run for a few seconds.
VMM_SAN := -O0 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
VMM_FUZZ_SAN := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined

VMM_SRC := $(sort $(wildcard userspace/*.cc userspace/*/*.cc))
# Names of fields and exits, which the module has too.
VMM_PURE := $(addprefix kmod/pure/,vmcs.c svm_fields.c svm_codec.c)
VMM_CFLAGS := -std=gnu11 -Wall -Wextra -O2 -g $(if $(filter 1,$(WERROR)),-Werror)
VMM_LIB_SRC := $(filter-out userspace/main.cc,$(VMM_SRC))
VMM_UNIT_SRC := $(sort $(wildcard selftests/unit/vmm/*.cc))
VMM_FUZZ_SRC := $(sort $(wildcard selftests/fuzz/vmm_*.cc))
# What a fuzz target links: models and parsers, no hypervisor.
VMM_FUZZ_LIB_SRC := $(wildcard userspace/devices/*.cc userspace/boot/*.cc userspace/machine/memory.cc \
	userspace/machine/bus.cc userspace/base/fd.cc userspace/base/fmt.cc userspace/console/escape.cc \
	userspace/trace/file.cc userspace/trace/symbols.cc)

vmm_objects = $(patsubst %.cc,$(VMM_OBJ)/$(1)/%.o,$(2))
vmm_pure = $(patsubst %.c,$(VMM_OBJ)/$(1)/%.o,$(VMM_PURE))
VMM_FUZZERS := $(patsubst selftests/fuzz/%.cc,$(BUILD)/fuzz/%,$(VMM_FUZZ_SRC))

BINS += $(BUILD)/bin/vmx $(BUILD)/bin/vmx-static
UNIT_TESTS += $(BUILD)/tests/vmm_unit
FUZZERS += $(VMM_FUZZERS)

$(VMM_OBJ)/rel/%.o: %.cc userspace/build.mk
	@mkdir -p $(@D)
	$(VMM_CXX) $(VMM_CPPFLAGS) $(VMM_CXXFLAGS) $(VMM_HARDEN) -c -o $@ $<

$(VMM_OBJ)/rel/%.o: %.c userspace/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CPPFLAGS) $(VMM_CFLAGS) $(VMM_HARDEN) -c -o $@ $<

$(VMM_OBJ)/san/%.o: %.c userspace/build.mk
	@mkdir -p $(@D)
	$(CC) $(VMM_CPPFLAGS) $(VMM_CFLAGS) $(VMM_SAN) -c -o $@ $<

$(VMM_OBJ)/san/%.o: %.cc userspace/build.mk
	@mkdir -p $(@D)
	$(VMM_CXX) $(VMM_CPPFLAGS) $(VMM_CXXFLAGS) $(VMM_SAN) -c -o $@ $<

$(VMM_OBJ)/fuzz/%.o: %.cc userspace/build.mk
	@mkdir -p $(@D)
	$(VMM_CLANGXX) $(VMM_CPPFLAGS) $(VMM_CXXFLAGS) $(VMM_FUZZ_SAN) -c -o $@ $<

$(BUILD)/bin/vmx: $(call vmm_objects,rel,$(VMM_SRC)) $(call vmm_pure,rel)
	@mkdir -p $(@D)
	$(VMM_CXX) -pie -Wl,-z,relro,-z,now -o $@ $^ -pthread

$(BUILD)/bin/vmx-static: $(call vmm_objects,rel,$(VMM_SRC)) $(call vmm_pure,rel)
	@mkdir -p $(@D)
	$(VMM_CXX) -static -s -o $@ $^ -pthread

$(BUILD)/tests/vmm_unit: $(call vmm_objects,san,$(VMM_LIB_SRC) $(VMM_UNIT_SRC)) $(call vmm_pure,san)
	@mkdir -p $(@D)
	$(VMM_CXX) $(VMM_SAN) -o $@ $^ -lgtest -lgtest_main -lutil -pthread

$(VMM_FUZZERS): $(BUILD)/fuzz/%: $(VMM_OBJ)/fuzz/selftests/fuzz/%.o $(call vmm_objects,fuzz,$(VMM_FUZZ_LIB_SRC))
	@mkdir -p $(@D)
	$(VMM_CLANGXX) $(VMM_FUZZ_SAN) -o $@ $^ -pthread

-include $(patsubst %.o,%.d,$(foreach k,rel san,$(call vmm_objects,$(k),$(VMM_SRC) $(VMM_UNIT_SRC))) \
	$(call vmm_objects,fuzz,$(VMM_FUZZ_LIB_SRC) $(VMM_FUZZ_SRC)))
