#include "wire/derived_id.hpp"

#include "wire/sha256.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

/// Fixed for ever: other fronts derive the same, and a client's key must find its job after an
/// upgrade. Computed with Python: hashlib over the lengths (8 bytes each) and texts, then version
/// and variant.
TEST(DerivedId, IsTheSameEverywhere) {
    EXPECT_EQ(to_string(id_of_key("", "echo", "k")), "7fcce0b0-d9a7-837b-8971-fd55e3c3e32f");
    EXPECT_EQ(
        to_string(id_of_item(parse_job_id("01a20758-2da9-7000-8005-af63a695e97c").value(), 7)),
        "02ad8a89-9947-8a30-9b98-a58ff490a27f"
    );
}

TEST(DerivedId, NoTwoListsOfTextsAreTheSame) {
    EXPECT_NE(id_of_key("a", "b", "c"), id_of_key("", "ab", "c"));
    EXPECT_NE(id_of_key("a", "b", "c"), id_of_key("a", "bc", ""));
    const JobId batch = id_of_key("", "echo", "k");
    EXPECT_NE(id_of_item(batch, 1), id_of_item(batch, 11));
}

TEST(Sha256, IsTheStandards) {
    // FIPS 180-4, the example of one block.
    const Digest abc = sha256("abc");
    EXPECT_EQ(abc[0], 0xba);
    EXPECT_EQ(abc[31], 0xad);
    Sha256 pieces;
    pieces.update("a");
    pieces.update("");
    pieces.update("bc");
    EXPECT_TRUE(equal_in_constant_time(pieces.finish(), abc));
    EXPECT_FALSE(equal_in_constant_time(sha256("abd"), abc));
}

TEST(Fingerprint, IsOfTenantQueueTypeAndBody) {
    const auto of = [](const char* tenant, const char* queue, const char* type, const char* body) {
        FingerprintMaker maker(tenant, queue, type);
        maker.update(body);
        return maker.finish();
    };
    const auto one = of("t", "q", "c", "body");
    EXPECT_EQ(of("t", "q", "c", "body"), one);
    EXPECT_NE(of("", "q", "c", "body"), one);
    EXPECT_NE(of("t", "p", "c", "body"), one);
    EXPECT_NE(of("t", "q", "d", "body"), one);
    EXPECT_NE(of("t", "q", "c", "bodz"), one);
    EXPECT_NE(of("t", "q", "", "cbody"), one);
}

}  // namespace
}  // namespace bide::wire
