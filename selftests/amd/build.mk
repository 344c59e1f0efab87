# SPDX-License-Identifier: GPL-2.0-only
# Encodings and fields of the SVM control block. Native, needs no module.

UNIT_TESTS += build/tests/svm_unit

AMD_OUT := build/obj/amd
AMD_FLAGS := -Ikmod -I. -O1 -g -Wall -Wextra -MMD -MP -fsanitize=address,undefined

$(AMD_OUT)/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(AMD_FLAGS) -c -o $@ $<

$(AMD_OUT)/%.o: selftests/amd/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(AMD_FLAGS) -O0 -c -o $@ $<

build/tests/svm_unit: $(addprefix $(AMD_OUT)/,svm_codec.o svm_fields.o svm_codec_test.o svm_fields_test.o)
	@mkdir -p $(@D)
	$(CXX) -fsanitize=address,undefined -o $@ $^ -lgtest -lgtest_main -lpthread

-include $(wildcard $(AMD_OUT)/*.d)
