#include "wire/notice.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

using namespace std::string_literals;
using Kind = Notice::Kind;
using News = core::Answer::News;

constexpr std::string_view kId = "019aaf1e-5c00-7123-8abc-0123456789ab";

Notice notice_of(Kind kind) {
    Notice notice;
    notice.kind = kind;
    notice.id = parse_job_id(kId).value();
    notice.queue = "speak";
    return notice;
}

Notice notice_of(core::Outcome outcome) {
    Notice notice = notice_of(Kind::result);
    notice.outcome = std::make_shared<core::Outcome>(std::move(outcome));
    return notice;
}

core::Outcome full() {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::rejected;
    outcome.status = 422;
    outcome.content_type = "application/problem+json";
    outcome.body.bytes = "{\"no\":\n\"\0\xff\"}\n"s;
    outcome.detail = "line \"one\"\nline two \xc3\xa4";
    outcome.attempts = 7;
    outcome.tenant = "acme";
    outcome.created = Time(Duration(1'764'000'000'123'456));
    outcome.started = Time(Duration(1'764'000'001'123'457));
    outcome.finished = Time(Duration(1'764'000'002'123'458));
    return outcome;
}

Notice again(const Notice& notice) {
    auto decoded = decode_notice(encode_notice(notice));
    if (decoded.has_value()) return std::move(decoded).value();
    ADD_FAILURE() << decoded.error().detail << ": " << encode_notice(notice);
    return {};
}

bool is_refused(std::string_view text) {
    const auto decoded = decode_notice(text);
    return decoded.has_error() && decoded.error().code == Code::bad_request &&
           !decoded.error().detail.empty();
}

std::string with(std::string_view members) {
    return R"({"bide":1,"id":")" + std::string(kId) + R"(","queue":"speak",)" +
           std::string(members) + "}\n";
}

TEST(Notice, EveryFieldOfAResultComesBack) {
    const core::Outcome there = full();
    const Notice notice = again(notice_of(there));
    EXPECT_EQ(notice.kind, Kind::result);
    EXPECT_EQ(to_string(notice.id), kId);
    EXPECT_EQ(notice.queue, "speak");
    ASSERT_NE(notice.outcome, nullptr);
    const core::Outcome& back = *notice.outcome;
    EXPECT_EQ(back.state, there.state);
    EXPECT_EQ(back.kind, there.kind);
    EXPECT_EQ(back.status, there.status);
    EXPECT_EQ(back.content_type, there.content_type);
    EXPECT_EQ(back.body.bytes, there.body.bytes);
    EXPECT_EQ(back.detail, there.detail);
    EXPECT_EQ(back.attempts, there.attempts);
    EXPECT_EQ(back.tenant, there.tenant);
    EXPECT_EQ(back.created, there.created);
    EXPECT_EQ(back.started, there.started);
    EXPECT_EQ(back.finished, there.finished);
}

TEST(Notice, EveryFinalStateAndKindComesBack) {
    using enum core::JobState;
    for (const auto state : {succeeded, failed, cancelled, expired}) {
        for (int kind = 0; kind <= static_cast<int>(core::FailureKind::rejected); ++kind) {
            core::Outcome outcome;
            outcome.state = state;
            outcome.kind = static_cast<core::FailureKind>(kind);
            const Notice back = again(notice_of(outcome));
            EXPECT_EQ(back.outcome->state, state);
            EXPECT_EQ(back.outcome->kind, outcome.kind);
            EXPECT_EQ(back.outcome->status, 0);
            EXPECT_EQ(back.outcome->started, Time());
            EXPECT_EQ(back.outcome->body.bytes, "");
        }
    }
}

TEST(Notice, AResultInAFileIsToBeLookedAt) {
    core::Outcome outcome;
    outcome.state = core::JobState::succeeded;
    outcome.body.file = std::make_shared<BodyFile>("/nowhere", 1);
    const Notice back = again(notice_of(outcome));
    EXPECT_EQ(back.kind, Kind::look);
    EXPECT_EQ(to_string(back.id), kId);
    EXPECT_EQ(back.outcome, nullptr);
}

TEST(Notice, NewsComeBack) {
    Notice there = notice_of(Kind::news);
    there.news.what = News::retry;
    there.news.attempt = 3;
    there.news.attempts_max = 4;
    there.news.not_before = Time(Duration(1'764'000'002'123'458));
    Notice back = again(there);
    EXPECT_EQ(back.kind, Kind::news);
    EXPECT_EQ(back.news.what, News::retry);
    EXPECT_EQ(back.news.attempt, 3U);
    EXPECT_EQ(back.news.attempts_max, 4U);
    EXPECT_EQ(back.news.not_before, there.news.not_before);

    there.news = {};
    there.news.started = Time(Duration(5));
    EXPECT_EQ(again(there).news.what, News::attempt);
    EXPECT_EQ(again(there).news.started, there.news.started);

    there.news = {};
    there.news.what = News::progress;
    there.news.progress = R"({"done":0.5,"text":"ä\n"})";
    EXPECT_EQ(again(there).news.progress, there.news.progress);
}

TEST(Notice, CancelAndLookNeedNoMore) {
    EXPECT_EQ(
        encode_notice(notice_of(Kind::cancel)),
        "{\"bide\":1,\"kind\":\"cancel\",\"id\":\"019aaf1e-5c00-7123-8abc-0123456789ab\","
        "\"queue\":\"speak\"}\n"
    );
    EXPECT_EQ(again(notice_of(Kind::cancel)).kind, Kind::cancel);
    EXPECT_EQ(again(notice_of(Kind::look)).kind, Kind::look);
}

TEST(Notice, WhatNobodyOfUsWroteIsRefused) {
    EXPECT_FALSE(is_refused(with(R"("kind":"look","more":[{}])")));
    EXPECT_FALSE(is_refused(with(R"("kind":"result","state":"expired")")));
    for (const std::string_view text : std::initializer_list<std::string_view>{
             "",
             "\n",
             "hello",
             "[]",
             "{}",
             R"({"bide":1,"kind":"look"})",
             R"({"bide":2,"kind":"look","id":"019aaf1e-5c00-7123-8abc-0123456789ab"})",
             R"({"kind":"look","id":"019aaf1e-5c00-7123-8abc-0123456789ab"})",
             R"({"bide":1,"kind":"look","id":"019aaf1e"})",
             "{\"bide\":1,\"kind\":\n\"look\"}",
         })
        EXPECT_TRUE(is_refused(text)) << text;
    for (const std::string_view members : std::initializer_list<std::string_view>{
             R"("kind":"gossip")",
             R"("kind":1)",
             R"("kind":"look","queue":1)",
             R"("kind":"result")",
             R"("kind":"result","state":"running")",
             R"("kind":"result","state":"failed","failure":"bad luck")",
             R"("kind":"result","state":"failed","status":99)",
             R"("kind":"result","state":"failed","status":1e2)",
             R"("kind":"result","state":"failed","attempts":4294967296)",
             R"("kind":"result","state":"failed","finished":-1)",
             R"("kind":"result","state":"failed","finished":9223372036854775807)",
             R"("kind":"result","state":"failed","bytes":1)",
             R"("kind":"result","state":"failed","content_type":{})",
             R"("kind":"news")",
             R"("kind":"news","what":"weather")",
             R"("kind":"news","what":"progress")",
             R"("kind":"news","what":"progress","progress":"{")",
             R"("kind":"news","what":"progress","progress":"1\n2")",
             R"("kind":"news","what":"attempt","attempt":-1)",
         })
        EXPECT_TRUE(is_refused(with(members))) << members;
    EXPECT_TRUE(is_refused("{\"bide\":" + std::string(100'000, '[')));
    const std::string whole = encode_notice(notice_of(full()));
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_TRUE(is_refused(whole.substr(0, size))) << size;
    EXPECT_TRUE(is_refused(whole + "x"));
}

}  // namespace
}  // namespace bide::wire
