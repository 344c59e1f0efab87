# SPDX-License-Identifier: GPL-2.0-only
# The ABI comparison. Appends to UNIT_TESTS; run natively, needs no module.

UNIT_TESTS += build/tests/abi_unit

ABI_DIR := selftests/abi
ABI_OUT := build/obj/abi
ABI_HDRS := $(wildcard uapi/*.h) $(wildcard $(ABI_DIR)/*.h)
ABI_FLAGS := -I. -I$(ABI_DIR) -O1 -g -Wall -Wextra -DABI_UAPI_DIR='"$(abspath uapi)"'
ABI_OBJS := $(ABI_OUT)/abi_kvm.o $(ABI_OUT)/abi_vmx_c.o $(ABI_OUT)/abi_para.o \
	$(ABI_OUT)/abi_vmx_cxx.o $(ABI_OUT)/abi_test.o
# Each uapi header compiled by itself in both languages: it must need nothing before it.
ABI_ALONE := $(patsubst uapi/%.h,$(ABI_OUT)/alone_%.c.ok,$(wildcard uapi/*.h)) \
	$(patsubst uapi/%.h,$(ABI_OUT)/alone_%.cc.ok,$(wildcard uapi/*.h))

$(ABI_OUT):
	mkdir -p $@

$(ABI_OUT)/%.o: $(ABI_DIR)/%.c $(ABI_HDRS) | $(ABI_OUT)
	$(CC) -std=gnu11 $(ABI_FLAGS) -c -o $@ $<

$(ABI_OUT)/%.o: $(ABI_DIR)/%.cc $(ABI_HDRS) | $(ABI_OUT)
	$(CXX) -std=c++20 $(ABI_FLAGS) -Wno-invalid-offsetof -c -o $@ $<

$(ABI_OUT)/alone_%.c.ok: uapi/%.h $(ABI_HDRS) | $(ABI_OUT)
	echo '#include "$<"' | $(CC) -std=c11 -Wall -Wextra -Werror -I. -fsyntax-only -x c -
	touch $@

$(ABI_OUT)/alone_%.cc.ok: uapi/%.h $(ABI_HDRS) | $(ABI_OUT)
	echo '#include "$<"' | $(CXX) -std=c++20 -Wall -Wextra -Werror -I. -fsyntax-only -x c++ -
	touch $@

build/tests/abi_unit: $(ABI_OBJS) $(ABI_ALONE)
	mkdir -p $(@D)
	$(CXX) -o $@ $(ABI_OBJS) -lgtest -lgtest_main -lpthread
