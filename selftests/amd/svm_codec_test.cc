// SPDX-License-Identifier: GPL-2.0-only
// Encodings of the SVM control block, against literal values from the APM, volume 2.
#include <gtest/gtest.h>

#include <bitset>
#include <set>
#include <string>

#include "pure/svm_codec.h"

namespace {

TEST(SvmSegment, KnownDescriptors) {
    // Flat 64-bit code, 32-bit data, busy 64-bit TSS: as a VMCB dump of a running system shows them.
    const svm_seg_fields code{.type = 0xb, .present = 1, .dpl = 0, .db = 0, .s = 1, .l = 1, .g = 1, .avl = 0};
    EXPECT_EQ(svm_attr_pack(&code), 0xa9b);
    const svm_seg_fields data{.type = 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .l = 0, .g = 1, .avl = 0};
    EXPECT_EQ(svm_attr_pack(&data), 0xcf3);
    const svm_seg_fields tss{.type = 0xb, .present = 1, .dpl = 0, .db = 0, .s = 0, .l = 0, .g = 0, .avl = 0};
    EXPECT_EQ(svm_attr_pack(&tss), 0x08b);
}

TEST(SvmSegment, EveryAttributeRoundTrips) {
    for (unsigned attr = 0; attr <= SVM_SEG_KNOWN; attr++) {
        svm_seg_fields f;
        svm_attr_unpack(static_cast<u16>(attr), &f);
        EXPECT_EQ(svm_attr_pack(&f), attr);
        EXPECT_LE(f.dpl, 3);
        EXPECT_LE(f.type, 15);
    }
}

TEST(SvmSegment, FieldsThatAreTooWideAreCut) {
    const svm_seg_fields f{.type = 0xff, .present = 0, .dpl = 0xff, .db = 0, .s = 0, .l = 0, .g = 0, .avl = 0};
    EXPECT_EQ(svm_attr_pack(&f), 0x06f);
}

TEST(SvmEvent, Literals) {
    EXPECT_EQ(svm_event_pack(SVM_EVENT_INTR, 0x30, false, 0), 0x80000030u);
    EXPECT_EQ(svm_event_pack(SVM_EVENT_NMI, 2, false, 0), 0x80000202u);
    EXPECT_EQ(svm_event_pack(SVM_EVENT_EXCEPTION, 14, true, 0x15), 0x1580000b0eull);
    EXPECT_EQ(svm_event_pack(SVM_EVENT_SOFT_INT, 0x80, false, 0xffffffff), 0x80000480u);
}

TEST(SvmEvent, PartsComeBack) {
    const u64 event = svm_event_pack(SVM_EVENT_EXCEPTION, 13, true, 0xdeadbeef);
    EXPECT_EQ(svm_event_type(event), SVM_EVENT_EXCEPTION);
    EXPECT_EQ(svm_event_vector(event), 13);
    EXPECT_EQ(svm_event_error(event), 0xdeadbeefu);
    EXPECT_TRUE(event & SVM_EVENT_HAS_ERROR);
}

TEST(SvmEvent, VectorsWithErrorCode) {
    std::set<int> vectors;
    for (int v = 0; v < 32; v++)
        if (SVM_VECTORS_WITH_ERROR & (1u << v))
            vectors.insert(v);
    EXPECT_EQ(vectors, (std::set<int>{8, 10, 11, 12, 13, 14, 17, 21, 29, 30}));
}

TEST(SvmMsrpm, KnownPlaces) {
    EXPECT_EQ(svm_msrpm_bit(0x174), 0x174 * 2);                    // SYSENTER_CS
    EXPECT_EQ(svm_msrpm_bit(0xc0000080), 0x800 * 8 + 0x80 * 2);    // EFER
    EXPECT_EQ(svm_msrpm_bit(0xc0000102), 0x800 * 8 + 0x102 * 2);   // KERNEL_GS_BASE
    EXPECT_EQ(svm_msrpm_bit(0xc0010114), 0x1000 * 8 + 0x114 * 2);  // VM_CR
}

TEST(SvmMsrpm, EdgesAndWhatIsNotCovered) {
    EXPECT_EQ(svm_msrpm_bit(0), 0);
    EXPECT_EQ(svm_msrpm_bit(0x1fff), 0x3ffe);
    EXPECT_EQ(svm_msrpm_bit(0x2000), -1);
    EXPECT_EQ(svm_msrpm_bit(0xbfffffff), -1);
    EXPECT_EQ(svm_msrpm_bit(0xc0001fff), 0x800 * 8 + 0x3ffe);
    EXPECT_EQ(svm_msrpm_bit(0xc0002000), -1);
    EXPECT_EQ(svm_msrpm_bit(0xc000ffff), -1);
    EXPECT_EQ(svm_msrpm_bit(0xc0011fff), 0x1000 * 8 + 0x3ffe);
    EXPECT_EQ(svm_msrpm_bit(0xc0012000), -1);
    EXPECT_EQ(svm_msrpm_bit(0x4b564d00), -1);
    EXPECT_EQ(svm_msrpm_bit(0xffffffff), -1);
}

TEST(SvmMsrpm, NoTwoMsrsShareABitAndAllAreInsideTheMap) {
    std::bitset<SVM_MSRPM_BYTES * 8> used;
    for (u32 base : {0x0u, 0xc0000000u, 0xc0010000u}) {
        for (u32 i = 0; i < 0x2000; i++) {
            const int bit = svm_msrpm_bit(base + i);
            ASSERT_GE(bit, 0);
            ASSERT_LT(static_cast<size_t>(bit) + 1, used.size());
            ASSERT_FALSE(used[bit] || used[bit + 1]);
            used[bit] = used[bit + 1] = true;
        }
    }
}

struct ExitRow {
    const char *name;
    u32 code;
    const char *words;
};

const ExitRow exit_rows[] = {
#define ROW(name, code, words) {#name, code, words},
    SVM_EXITS(ROW)
#undef ROW
};

TEST(SvmExits, NamesAreThereAndDistinct) {
    std::set<u32> codes;
    std::set<std::string> names;
    for (const ExitRow &row : exit_rows) {
        EXPECT_TRUE(codes.insert(row.code).second) << row.name;
        EXPECT_TRUE(names.insert(svm_exit_name(row.code)).second) << row.name;
        EXPECT_STREQ(svm_exit_name(row.code), row.words);
    }
    EXPECT_STREQ(svm_exit_name(0x77), "PAUSE");
    EXPECT_STREQ(svm_exit_name(0x400), "nested page fault");
    EXPECT_STREQ(svm_exit_name(static_cast<u32>(SVM_EXIT_INVALID)), "control block refused");
    EXPECT_STREQ(svm_exit_name(0x3ff), "unknown exit");
}

TEST(SvmExits, RefusalOfEitherWidth) {
    EXPECT_TRUE(svm_refused(SVM_EXIT_INVALID));
    EXPECT_TRUE(svm_refused(0xffffffff));
    EXPECT_FALSE(svm_refused(SVM_EXIT_BUSY));
    EXPECT_FALSE(svm_refused(0x400));
}

TEST(SvmExits, DensePartEndsBeforeTheTableDoes) {
    for (const ExitRow &row : exit_rows)
        EXPECT_TRUE(row.code < SVM_EXIT_TABLE_SIZE || row.code >= 0x400) << row.name;
}

}  // namespace
