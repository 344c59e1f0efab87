# SPDX-License-Identifier: GPL-2.0-only
# Tests of the page walker and the nested entry formats. Run natively, need no module.

UNIT_TESTS += build/tests/walk_unit
FUZZERS += build/fuzz/walk_fuzz

WALK_OUT := build/obj/walk
WALK_C := kmod/pure/walk.c kmod/pure/look.c kmod/pure/pte.c
WALK_HDRS := kmod/pure/env.h kmod/pure/walk.h kmod/pure/walk_inline.h kmod/pure/look.h kmod/pure/pte.h uapi/vmx_ext.h
WALK_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
WALK_FLAGS := -Ikmod -I. -O1 -g -Wall -Wextra -Werror
CLANG ?= clang
CLANGXX ?= clang++

$(WALK_OUT)/%.o: kmod/pure/%.c $(WALK_HDRS)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WALK_FLAGS) $(WALK_SAN) -c -o $@ $<

# The tests themselves are not optimised: it would only cost the compiler time.
$(WALK_OUT)/%.o: selftests/unit/%.cc selftests/unit/walk_memory.h $(WALK_HDRS)
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(WALK_FLAGS) $(WALK_SAN) -O0 -c -o $@ $<

build/tests/walk_unit: $(addprefix $(WALK_OUT)/,walk_test.o walk_rights_test.o walk_pte_test.o walk_look_test.o) \
		$(patsubst kmod/pure/%.c,$(WALK_OUT)/%.o,$(WALK_C))
	@mkdir -p $(@D)
	$(CXX) $(WALK_SAN) -o $@ $^ -lgtest -lgtest_main -lpthread

$(WALK_OUT)/fuzz_%.o: kmod/pure/%.c $(WALK_HDRS)
	@mkdir -p $(@D)
	$(CLANG) -std=gnu11 $(WALK_FLAGS) $(WALK_SAN) -fsanitize=fuzzer-no-link -c -o $@ $<

build/fuzz/walk_fuzz: selftests/fuzz/walk_fuzz.cc $(WALK_OUT)/fuzz_walk.o
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++20 $(WALK_FLAGS) $(WALK_SAN) -fsanitize=fuzzer -o $@ $^
