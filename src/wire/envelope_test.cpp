#include "wire/envelope.hpp"

#include "wire/utf8.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr std::string_view kId = "019aaf1e-5c00-7123-8abc-0123456789ab";

Envelope minimal() {
    Envelope envelope;
    envelope.queue = "speak";
    envelope.job.id = parse_job_id(kId).value();
    envelope.job.created = Time(1'764'000'000'123ms);
    return envelope;
}

std::string encode(const Envelope& envelope) {
    return encode_envelope(envelope).value();
}

Envelope decode(std::string_view text) {
    auto decoded = decode_envelope(text);
    if (decoded.has_error() || !decoded.value()) {
        ADD_FAILURE() << (decoded.has_error() ? decoded.error().detail : "foreign") << ": " << text;
        return {};
    }
    return std::move(*decoded.value());
}

Envelope again(const Envelope& envelope) {
    return decode(encode(envelope));
}

bool is_foreign(std::string_view text) {
    const auto decoded = decode_envelope(text);
    return decoded.has_value() && !decoded.value();
}

bool is_broken(std::string_view text) {
    const auto decoded = decode_envelope(text);
    return decoded.has_error() && decoded.error().code == Code::bad_request &&
           !decoded.error().detail.empty();
}

/// An envelope of these members besides id and queue.
std::string with(std::string_view members) {
    return R"({"bide":1,"id":")" + std::string(kId) + R"(","queue":"speak",)" +
           std::string(members) + "}";
}

/// What SQS takes (quotas of messages): XML 1.0, of which only these are not all of UTF-8.
bool is_xml(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r')
            return false;
    }
    return is_utf8(text) && text.find("\xef\xbf\xbe") == text.npos &&
           text.find("\xef\xbf\xbf") == text.npos;
}

TEST(Envelope, EveryFieldComesBack) {
    Envelope there = minimal();
    there.job.content_type = "text/plain; charset=utf-8";
    there.job.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    there.job.tenant = "acme";
    there.job.priority = 9;
    there.job.fingerprint = {0, 1, 2, 0xfe, 0xff, 5};
    there.job.body.bytes = "hello \"world\"\n";
    there.not_before = Time(1'764'000'001'000ms);
    there.start_by = Time(1'764'000'002'999ms);
    there.reply = "bide:reply:7";
    there.promised = true;
    there.may_freeze = true;
    const Envelope back = again(there);
    EXPECT_EQ(back.queue, there.queue);
    EXPECT_EQ(back.job.id, there.job.id);
    EXPECT_EQ(back.job.created, there.job.created);
    EXPECT_EQ(back.job.content_type, there.job.content_type);
    EXPECT_EQ(back.job.traceparent, there.job.traceparent);
    EXPECT_EQ(back.job.tenant, there.job.tenant);
    EXPECT_EQ(back.job.priority, 9);
    EXPECT_EQ(back.job.fingerprint, there.job.fingerprint);
    EXPECT_EQ(back.job.body.bytes, there.job.body.bytes);
    EXPECT_EQ(back.not_before, there.not_before);
    EXPECT_EQ(back.start_by, there.start_by);
    EXPECT_EQ(back.reply, there.reply);
    EXPECT_TRUE(back.promised);
    EXPECT_TRUE(back.may_freeze);
    EXPECT_FALSE(back.claimed_bytes);
}

TEST(Envelope, WhatIsNotSaidHasItsDefault) {
    const Envelope back = again(minimal());
    EXPECT_EQ(
        encode(minimal()),
        R"({"bide":1,"id":"019aaf1e-5c00-7123-8abc-0123456789ab",)"
        R"("queue":"speak","created":1764000000123})"
    );
    EXPECT_EQ(back.job.content_type, "");
    EXPECT_EQ(back.job.priority, core::kPriorityDefault);
    EXPECT_EQ(back.job.fingerprint, core::Fingerprint{});
    EXPECT_EQ(back.job.body.bytes, "");
    EXPECT_EQ(back.not_before, Time());
    EXPECT_EQ(back.start_by, kNever);
    EXPECT_EQ(back.reply, "");
    EXPECT_FALSE(back.promised);
    EXPECT_FALSE(back.may_freeze);
    EXPECT_FALSE(back.claimed_bytes);
}

TEST(Envelope, AClaimSaysHowLargeTheBodyIs) {
    Envelope there = minimal();
    there.claimed_bytes = 5'000'000'000;
    EXPECT_NE(encode(there).find(R"("body_bytes":5000000000,"at":"s3")"), std::string::npos);
    const Envelope back = again(there);
    EXPECT_EQ(back.claimed_bytes, 5'000'000'000U);
    EXPECT_EQ(back.job.body.bytes, "");
}

TEST(Envelope, AJobStartsNoSoonerAndNoLaterThanItMay) {
    Envelope there = minimal();
    there.not_before = Time(1'764'000'001'000'001us);
    there.start_by = Time(1'764'000'002'000'999us);
    const Envelope back = again(there);
    EXPECT_EQ(back.not_before, Time(1'764'000'001'001ms));
    EXPECT_EQ(back.start_by, Time(1'764'000'002'000ms));
}

TEST(Envelope, AnyBytesComeBackAsTheyWere) {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    const std::vector<std::string> bodies{
        "\0"s,
        "a\0b"s,
        all,
        std::string(1000, '\x01'),
        std::string(1000, '"'),
        "\xff\xfe",
        "\xef\xbf\xbe and \xef\xbf\xbf, and \xef\xbf\xbd",
        "\xf0\x9f\x98\x80 \xc3\xa4 \x7f \xc2\x80",
        R"({"bide":1,"id":"x"})",
        "]]>&<",
        "\xef\xbf",
    };
    for (const std::string& body : bodies) {
        Envelope there = minimal();
        const std::size_t without = encode(there).size();
        there.job.body.bytes = body;
        const std::string text = encode(there);
        EXPECT_TRUE(is_xml(text)) << text;
        EXPECT_EQ(decode(text).job.body.bytes, body) << text;
        const bool base64 = text.find("\"body64\":") != text.npos;
        EXPECT_EQ(text.size(), without + (base64 ? 10 : 8) + inline_bytes(body)) << text;
        EXPECT_LE(inline_bytes(body), (body.size() + 2) / 3 * 4 + 2);
    }
}

TEST(Envelope, TextsThatNoHeaderHasAreMadePrintable) {
    Envelope there = minimal();
    there.job.content_type = "text/\xe4\0\n\t\x7f"s;
    there.job.tenant = "\xef\xbf\xbf";
    const std::string text = encode(there);
    EXPECT_TRUE(is_xml(text)) << text;
    EXPECT_EQ(decode(text).job.content_type, "text/\xef\xbf\xbd    ");
    EXPECT_EQ(decode(text).job.tenant, "\xef\xbf\xbf");
}

TEST(Envelope, NeverGoesOverWhatSqsTakes) {
    Envelope there = minimal();
    const std::size_t fixed = encode(there).size() + std::string_view(R"(,"body":"")").size();
    there.job.body.bytes.assign(kEnvelopeBytesMax - fixed, 'x');
    EXPECT_EQ(encode(there).size(), kEnvelopeBytesMax);
    EXPECT_EQ(again(there).job.body.bytes.size(), kEnvelopeBytesMax - fixed);
    there.job.body.bytes += 'x';
    const auto encoded = encode_envelope(there);
    ASSERT_TRUE(encoded.has_error());
    EXPECT_EQ(encoded.error().code, Code::too_large);
    EXPECT_EQ(encoded.error().retry, Retry::never);
}

TEST(Envelope, AnyOtherTextIsForeign) {
    for (const std::string_view text : std::initializer_list<std::string_view>{
             "",
             "hello",
             "{}",
             "[1]",
             "\"bide\"",
             R"(["bide",1])",
             R"({"job":{"bide":1}})",
             R"({"bide":"cold"})",
             R"({"bide":null})",
             R"({"bide":true})",
             R"({"Bide":1})",
             R"( {"x":1,"bide":1)",
         })
        EXPECT_TRUE(is_foreign(text)) << text;
    EXPECT_TRUE(is_foreign(R"({"a":"bide","x":)" + std::string(100'000, '[')));
}

TEST(Envelope, OneThatIsBrokenIsNotTakenForAJob) {
    const std::string whole = encode(minimal());
    for (std::size_t size = 10; size < whole.size(); ++size)
        EXPECT_TRUE(is_broken(whole.substr(0, size))) << size;
    EXPECT_FALSE(is_broken(whole));
    for (const std::string_view version : {"0", "2", "-1", "1.0", "1e0", "18446744073709551616"})
        EXPECT_TRUE(is_broken(R"({"bide":)" + std::string(version) + "}")) << version;
    EXPECT_TRUE(is_broken(R"({"bide":1})"));
    EXPECT_TRUE(is_broken(R"({"bide":1,"id":"x","queue":"q"})"));
    EXPECT_TRUE(is_broken(R"({"bide":1,"id":7,"queue":"q"})"));
    EXPECT_TRUE(is_broken(R"({"bide":1,"id":"019aaf1e-5c00-7123-8abc-0123456789ab"})"));
}

TEST(Envelope, MembersOfAnotherTypeOrOutOfRangeAreRefused) {
    EXPECT_FALSE(is_broken(with(R"("unknown":{"a":[1]})")));
    EXPECT_FALSE(is_broken(with(R"("body":null,"priority":null,"start_by":null)")));
    for (const std::string_view members : std::initializer_list<std::string_view>{
             R"("body":1)",
             R"("body64":"a")",
             R"("body64":1)",
             R"("body":"","body64":"")",
             R"("body":"","body_bytes":1,"at":"s3")",
             R"("body_bytes":-1,"at":"s3")",
             R"("body_bytes":1)",
             R"("body_bytes":1,"at":"disk")",
             R"("body_bytes":1e3,"at":"s3")",
             R"("body_bytes":99999999999999999999,"at":"s3")",
             R"("content_type":["text/plain"])",
             R"("content_type":"a\u0000b")",
             R"("tenant":"a\nb")",
             R"("reply":"a\r\nb")",
             R"("priority":10)",
             R"("priority":-1)",
             R"("priority":"4")",
             R"("created":-1)",
             R"("created":9223372036854775807)",
             R"("not_before":1.5)",
             R"("start_by":253402300799001)",
             R"("fingerprint":"00")",
             R"("fingerprint":"0x000000000000000000000000000000")",
             R"("fingerprint":"+1000000000000000000000000000000")",
             R"("promised":1)",
         })
        EXPECT_TRUE(is_broken(with(members))) << members;
    EXPECT_TRUE(is_broken(with("\"x\":" + std::string(100'000, '['))));
    EXPECT_TRUE(is_broken(with("\"body\":\"\xff\"")));
    EXPECT_TRUE(is_broken(with("\"body\":\"\0\""s)));
}

}  // namespace
}  // namespace bide::wire
