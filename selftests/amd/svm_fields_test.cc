// SPDX-License-Identifier: GPL-2.0-only
// The list of the control block's fields, against APM 2 appendix B.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "pure/svm_fields.h"

namespace {

TEST(SvmFields, AscendWithoutOverlap) {
    unsigned end = 0;
    for (unsigned i = 0; i < svm_nr_fields; i++) {
        const svm_field_row &row = svm_field_rows[i];
        EXPECT_GE(row.offset, end) << row.words;
        EXPECT_TRUE(row.width == 1 || row.width == 2 || row.width == 4 || row.width == 8) << row.words;
        // The control area is one half, the guest's state the other.
        EXPECT_EQ(row.kind == SVM_FIELD_GUEST, row.offset >= 0x400) << row.words;
        end = row.offset + row.width;
    }
    EXPECT_LE(end, 4096u);
}

TEST(SvmFields, NamesDiffer) {
    std::set<std::string> names;
    for (unsigned i = 0; i < svm_nr_fields; i++)
        EXPECT_TRUE(names.insert(svm_field_rows[i].words).second) << svm_field_rows[i].words;
}

TEST(SvmFields, AreFoundByOffset) {
    for (unsigned i = 0; i < svm_nr_fields; i++)
        EXPECT_EQ(svm_field_find(svm_field_rows[i].offset), &svm_field_rows[i]);
    EXPECT_STREQ(svm_field_find(0x578)->words, "RIP");
    EXPECT_STREQ(svm_field_find(0x070)->words, "EXITCODE");
    for (u32 none : {0x001u, 0x018u, 0x0d1u, 0x579u, 0xfffu, 0x1000u, ~0u})
        EXPECT_EQ(svm_field_find(none), nullptr) << none;
}

// What is a physical address says so in its name.
TEST(SvmFields, AddressesOfTheHost) {
    for (unsigned i = 0; i < svm_nr_fields; i++) {
        const svm_field_row &row = svm_field_rows[i];
        bool address = std::string(row.words).starts_with("address of") || row.offset == 0x0b0;
        EXPECT_EQ(svm_field_is_host_address(row.offset, false), address) << row.words;
        EXPECT_EQ(svm_field_is_host_address(row.offset, true), address || row.offset == 0x550) << row.words;
    }
}

} // namespace
