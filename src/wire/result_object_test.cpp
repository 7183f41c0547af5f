#include "wire/result_object.hpp"

#include "wire/utf8.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bide::wire {
namespace {

using namespace std::string_literals;

core::Outcome full() {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::timeout;
    outcome.status = 504;
    outcome.content_type = "application/problem+json";
    outcome.detail = "no answer within 5 s";
    outcome.attempts = 3;
    outcome.tenant = "acme";
    outcome.created = Time(Duration(1'764'000'000'123'456));
    outcome.started = Time(Duration(1'764'000'001'123'457));
    outcome.finished = Time(Duration(1'764'000'002'123'458));
    return outcome;
}

constexpr core::Fingerprint kFingerprint{1, 2, 3, 0xff};

ObjectFacts describe(const core::Outcome& outcome) {
    return describe_result("speak", outcome, kFingerprint, 7);
}

ResultObject read(const ObjectFacts& facts) {
    auto object = read_result(facts);
    if (object.has_value()) return std::move(object).value();
    ADD_FAILURE() << object.error().detail;
    return {};
}

std::size_t bytes_of(const Metadata& metadata) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : metadata) bytes += 11 + name.size() + value.size();
    return bytes;
}

std::string value_of(const Metadata& metadata, std::string_view name) {
    for (const auto& [known, value] : metadata) {
        if (known == name) return value;
    }
    return {};
}

void set(Metadata& metadata, std::string_view name, std::string_view value) {
    std::erase_if(metadata, [&](const auto& entry) { return entry.first == name; });
    metadata.emplace_back(name, value);
}

TEST(ResultObject, EveryFieldComesBack) {
    const core::Outcome there = full();
    const ResultObject object = read(describe(there));
    EXPECT_EQ(object.queue, "speak");
    EXPECT_EQ(object.fingerprint, kFingerprint);
    EXPECT_EQ(object.priority, 7);
    const core::Outcome& back = object.outcome;
    EXPECT_EQ(back.state, there.state);
    EXPECT_EQ(back.kind, there.kind);
    EXPECT_EQ(back.status, there.status);
    EXPECT_EQ(back.content_type, there.content_type);
    EXPECT_EQ(back.detail, there.detail);
    EXPECT_EQ(back.attempts, there.attempts);
    EXPECT_EQ(back.tenant, there.tenant);
    EXPECT_EQ(back.created, there.created);
    EXPECT_EQ(back.started, there.started);
    EXPECT_EQ(back.finished, there.finished);
}

TEST(ResultObject, CanBeReadWithoutBide) {
    const ObjectFacts facts = describe(full());
    EXPECT_EQ(facts.content_type, "application/problem+json");
    EXPECT_EQ(value_of(facts.metadata, "bide-state"), "failed");
    EXPECT_EQ(value_of(facts.metadata, "bide-kind"), "timeout");
    EXPECT_EQ(value_of(facts.metadata, "bide-status"), "504");
    EXPECT_EQ(value_of(facts.metadata, "bide-detail"), "no answer within 5 s");
    EXPECT_EQ(value_of(facts.metadata, "bide-attempts"), "3");
    EXPECT_EQ(value_of(facts.metadata, "bide-finished"), "1764000002123458");
}

TEST(ResultObject, TheDefaultsComeBack) {
    core::Outcome there;
    there.state = core::JobState::succeeded;
    const ResultObject object = read(describe_result("q", there, {}, core::kPriorityDefault));
    EXPECT_EQ(object.outcome.state, core::JobState::succeeded);
    EXPECT_EQ(object.outcome.kind, core::FailureKind::none);
    EXPECT_EQ(object.outcome.status, 0);
    EXPECT_EQ(object.outcome.content_type, "");
    EXPECT_EQ(object.outcome.detail, "");
    EXPECT_EQ(object.outcome.attempts, 0U);
    EXPECT_EQ(object.outcome.started, Time());
    EXPECT_EQ(object.fingerprint, core::Fingerprint{});
    EXPECT_EQ(object.priority, core::kPriorityDefault);
}

TEST(ResultObject, AnyTextComesBack) {
    for (const std::string& text :
         {"a\nb"s, "\0"s, " a"s, "a "s, "a  b"s, "\xc3\xa4"s, "\xff"s, "\x7f"s, "\t"s}) {
        core::Outcome there = full();
        there.detail = text;
        there.tenant = text;
        there.content_type = text;
        const ObjectFacts facts = describe(there);
        for (const auto& [name, value] : facts.metadata) {
            EXPECT_TRUE(std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }));
            EXPECT_FALSE(value.empty() || value.front() == ' ' || value.back() == ' ') << name;
        }
        EXPECT_EQ(facts.content_type, "application/octet-stream");
        const core::Outcome back = read(facts).outcome;
        EXPECT_EQ(back.detail, text);
        EXPECT_EQ(back.tenant, text);
        EXPECT_EQ(back.content_type, text);
    }
}

TEST(ResultObject, MetadataNeverGoesOverItsLimit) {
    for (const std::string& piece : {"x"s, "x  "s, "\xc3\xa4"s, "\xf0\x9f\x98\x80"s, "\xff"s}) {
        for (std::size_t count = 0; count < 4000; count = count < 1000 ? count + 7 : count * 2) {
            core::Outcome there = full();
            for (std::size_t i = 0; i < count; ++i) there.detail += piece;
            const ObjectFacts facts = describe(there);
            EXPECT_LE(bytes_of(facts.metadata), kMetadataBytesMax);
            const std::string back = read(facts).outcome.detail;
            EXPECT_TRUE(there.detail.starts_with(back));
            EXPECT_GE(back.size(), std::min<std::size_t>(there.detail.size(), 1000));
            EXPECT_EQ(is_utf8(back), is_utf8(there.detail));
        }
    }
    core::Outcome there = full();
    there.detail = there.tenant = there.content_type = std::string(5000, '\xff');
    const ObjectFacts facts = describe_result(there.detail, there, kFingerprint, 9);
    EXPECT_LE(bytes_of(facts.metadata), kMetadataBytesMax);
    EXPECT_FALSE(read(facts).outcome.detail.empty());
}

TEST(ResultObject, NamesComeBackInAnyCase) {
    ObjectFacts facts = describe(full());
    for (auto& [name, value] : facts.metadata) {
        std::ranges::transform(name, name.begin(), [](unsigned char c) {
            return static_cast<char>(std::toupper(c));
        });
    }
    EXPECT_EQ(read(facts).outcome.attempts, 3U);
}

TEST(ResultObject, WhatCannotBeTrueIsRefused) {
    EXPECT_TRUE(read_result({}).has_error());
    EXPECT_TRUE(read_result({"text/plain", {{"bide", "1"}}}).has_error());
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"bide", "2"},
        {"bide", ""},
        {"bide-state", "running"},
        {"bide-state", ""},
        {"bide-kind", "bad luck"},
        {"bide-status", "199"},
        {"bide-status", "600"},
        {"bide-status", " 500"},
        {"bide-status", "65736"},
        {"bide-attempts", "-1"},
        {"bide-attempts", "4294967296"},
        {"bide-created", "1.5"},
        {"bide-created", "9223372036854775807"},
        {"bide-finished", "99999999999999999999"},
        {"bide-priority", "10"},
        {"bide-fingerprint", "0102"},
    };
    for (const auto& [name, value] : wrong) {
        ObjectFacts facts = describe(full());
        set(facts.metadata, name, value);
        const auto object = read_result(facts);
        ASSERT_TRUE(object.has_error()) << name << ": " << value;
        EXPECT_EQ(object.error().code, Code::store_failed);
        EXPECT_NE(object.error().detail.find(name), std::string::npos);
    }
    ObjectFacts facts = describe(full());
    std::erase_if(facts.metadata, [](const auto& entry) { return entry.first == "bide-detail"; });
    facts.metadata.emplace_back("bide-detail64", "a");
    EXPECT_TRUE(read_result(facts).has_error());
}

TEST(Claim, EveryFieldComesBack) {
    Claim there;
    there.fingerprint = kFingerprint;
    there.queue = "speak";
    there.tenant = "\xc3\xa4";
    there.created = Time(Duration(1'764'000'000'123'456));
    there.not_before = Time(Duration(1'764'000'000'123'457));
    there.start_by = Time(Duration(1'764'000'000'123'458));
    there.priority = 0;
    const auto back = read_claim(describe_claim(there));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back.value().fingerprint, there.fingerprint);
    EXPECT_EQ(back.value().queue, "speak");
    EXPECT_EQ(back.value().tenant, there.tenant);
    EXPECT_EQ(back.value().created, there.created);
    EXPECT_EQ(back.value().not_before, there.not_before);
    EXPECT_EQ(back.value().start_by, there.start_by);
    EXPECT_EQ(back.value().priority, 0);

    const auto empty = read_claim(describe_claim({}));
    ASSERT_TRUE(empty.has_value());
    EXPECT_EQ(empty.value().start_by, kNever);
    EXPECT_TRUE(read_claim({}).has_error());
}

}  // namespace
}  // namespace bide::wire
