# SPDX-License-Identifier: GPL-2.0-only
# Encodings of the SVM control block. Native, needs no module.

UNIT_TESTS += build/tests/svm_unit

AMD_OUT := build/obj/amd
AMD_FLAGS := -Ikmod -I. -O1 -g -Wall -Wextra -fsanitize=address,undefined

$(AMD_OUT)/svm_codec.o: kmod/pure/svm_codec.c kmod/pure/svm_codec.h kmod/pure/env.h
	mkdir -p $(@D)
	$(CC) -std=gnu11 $(AMD_FLAGS) -c -o $@ $<

$(AMD_OUT)/svm_codec_test.o: selftests/amd/svm_codec_test.cc kmod/pure/svm_codec.h kmod/pure/env.h
	mkdir -p $(@D)
	$(CXX) -std=c++20 $(AMD_FLAGS) -O0 -c -o $@ $<

build/tests/svm_unit: $(AMD_OUT)/svm_codec.o $(AMD_OUT)/svm_codec_test.o
	mkdir -p $(@D)
	$(CXX) -fsanitize=address,undefined -o $@ $^ -lgtest -lgtest_main -lpthread
