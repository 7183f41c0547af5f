#include "wire/s3.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

TEST(S3, FactsOfAnObjectGoIntoFieldsAndComeBack) {
    const ObjectFacts facts{"text/plain", {{"bide", "1"}, {"bide-state", "failed"}}};
    EXPECT_EQ(
        s3_headers(facts),
        (NameValues{
            {"content-type", "text/plain"},
            {"x-amz-meta-bide", "1"},
            {"x-amz-meta-bide-state", "failed"}})
    );
    const std::vector<Field> fields{
        {"Date", "today"},
        {"Content-Type", "text/plain"},
        {"X-Amz-Meta-Bide", "1"},
        {"x-amz-meta-BIDE-state", "failed"},
        {"x-amz-met", "no"},
        {"ETag", "\"a\""}};
    const ObjectFacts back = read_s3_headers(fields);
    EXPECT_EQ(back.content_type, facts.content_type);
    EXPECT_EQ(back.metadata, facts.metadata);
    EXPECT_TRUE(s3_headers({}).empty());
}

TEST(S3, AListingGivesKeysAsTheyAre) {
    const auto page = read_s3_listing(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
        "<Prefix/><KeyCount>2</KeyCount><EncodingType>url</EncodingType>"
        "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
        "<Contents><Key>outgoing/q/a+b%26%0A%25</Key><Size>1</Size></Contents>"
        "<Contents><Key>outgoing/q/%C3%A4</Key></Contents></ListBucketResult>"
    );
    ASSERT_TRUE(page.has_value()) << page.error().detail;
    EXPECT_TRUE(page.value().more);
    EXPECT_EQ(
        page.value().keys, (std::vector<std::string>{"outgoing/q/a b&\n%", "outgoing/q/\xc3\xa4"})
    );
}

TEST(S3, AListingOfAServerThatDoesNotEncodeKeys) {
    const auto page = read_s3_listing(
        "<ListBucketResult><Contents><Key>a+b%26 &amp;</Key></Contents></ListBucketResult>"
    );
    ASSERT_TRUE(page.has_value());
    EXPECT_FALSE(page.value().more);
    EXPECT_EQ(page.value().keys, (std::vector<std::string>{"a+b%26 &"}));
    EXPECT_TRUE(read_s3_listing("<ListBucketResult/>").value().keys.empty());
}

TEST(S3, WhatIsNoListingIsAnError) {
    for (const std::string_view xml : std::initializer_list<std::string_view>{
             "",
             "hello",
             "{}",
             "<Error><Code>NoSuchBucket</Code></Error>",
             "<ListBucketResult>",
             "<ListBucketResult><Contents/></ListBucketResult>",
             "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
             "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%</Key></Contents>"
             "</ListBucketResult>",
         })
        EXPECT_TRUE(read_s3_listing(xml).has_error()) << xml;
    std::string deep = "<ListBucketResult>";
    for (int i = 0; i < 200'000; ++i) deep += "<a>";
    EXPECT_TRUE(read_s3_listing(deep).has_error());
}

TEST(S3, AQueryOfAListing) {
    EXPECT_EQ(
        s3_list_query("failed/q/", "", 7),
        (NameValues{
            {"list-type", "2"},
            {"encoding-type", "url"},
            {"max-keys", "7"},
            {"prefix", "failed/q/"}})
    );
    EXPECT_EQ(
        s3_list_query("a/", "a/b", 7).back(),
        (std::pair<std::string, std::string>{"start-after", "a/b"})
    );
}

TEST(S3, AnUploadInParts) {
    EXPECT_EQ(
        read_s3_upload_id("<InitiateMultipartUploadResult><UploadId>VXBs</UploadId>"
                          "</InitiateMultipartUploadResult>")
            .value(),
        "VXBs"
    );
    EXPECT_TRUE(read_s3_upload_id("<InitiateMultipartUploadResult/>").has_error());
    EXPECT_TRUE(read_s3_upload_id("<Error><UploadId>x</UploadId></Error>").has_error());
    const std::vector<std::string> etags{"\"a\"", "<&>"};
    EXPECT_EQ(
        s3_complete(etags),
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>"
        "<Part><PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag></Part>"
        "</CompleteMultipartUpload>"
    );
    EXPECT_TRUE(
        says_s3_completed("<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>")
    );
    EXPECT_FALSE(says_s3_completed("<Error><Code>InternalError</Code></Error>"));
    EXPECT_FALSE(says_s3_completed(""));
}

TEST(S3, OfALifecycleTheRulesInForceCount) {
    const auto rules = read_s3_lifecycle(
        R"(<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)"
        "<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>outgoing/</Prefix></Filter>"
        "<Expiration><Days>2</Days></Expiration><AbortIncompleteMultipartUpload>"
        "<DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"
        "<Rule><Status>Disabled</Status><Prefix/><Expiration><Days>1</Days></Expiration></Rule>"
        "<Rule><Status>Enabled</Status><Prefix>old/</Prefix></Rule>"
        "<Rule><Status>Enabled</Status><Filter><Tag><Key>k</Key></Tag></Filter></Rule>"
        "<Rule><Status>Enabled</Status><Filter><And><Prefix>p/</Prefix>"
        "<ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter></Rule>"
        "</LifecycleConfiguration>"
    );
    ASSERT_TRUE(rules.has_value()) << rules.error().detail;
    ASSERT_EQ(rules.value().size(), 2U);
    EXPECT_EQ(rules.value()[0].prefix, "outgoing/");
    EXPECT_EQ(rules.value()[0].days, 2U);
    EXPECT_EQ(rules.value()[0].abort_days, 1U);
    EXPECT_EQ(rules.value()[1].prefix, "old/");
    EXPECT_EQ(rules.value()[1].days, 0U);
    for (const char* text : {"", "none", "<Error/>"})
        EXPECT_TRUE(read_s3_lifecycle(text).has_error()) << text;
}

TEST(S3, PublicAccessIsBlockedByAllFourSwitches) {
    const auto block = [](const char* last) {
        return read_s3_public_access_block(
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
            "<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>" +
            std::string(last) + "</PublicAccessBlockConfiguration>"
        );
    };
    EXPECT_TRUE(block("<RestrictPublicBuckets>true</RestrictPublicBuckets>").value());
    EXPECT_FALSE(block("<RestrictPublicBuckets>false</RestrictPublicBuckets>").value());
    EXPECT_FALSE(block("").value());
    EXPECT_TRUE(read_s3_public_access_block("<Error/>").has_error());
}

}  // namespace
}  // namespace bide::wire
