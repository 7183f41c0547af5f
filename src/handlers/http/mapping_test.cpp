#include "handlers/http/mapping.hpp"

#include "handlers/http/http_handler.hpp"

#include <gtest/gtest.h>

namespace bide::http {
namespace {

using namespace std::chrono_literals;
using core::AttemptResult;
using core::FailureKind;
using Verdict = core::AttemptResult::Verdict;
using Kind = runtime::HttpFailure::Kind;

constexpr Time kNow{std::chrono::seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT

AttemptResult map(int status, const char* retry_after = "") {
    runtime::HttpResponse response;
    response.status = static_cast<std::uint16_t>(status);
    response.fields.add("Content-Type", "text/x");
    response.fields.add("retry-after", retry_after);
    response.body.bytes = "words";
    return to_result(std::move(response), kNow);
}

TEST(HttpMapping, SuccessIsTheResult) {
    for (const int status : {200, 201, 204, 299}) {
        const AttemptResult result = map(status);
        EXPECT_EQ(result.verdict, Verdict::success);
        EXPECT_EQ(result.kind, FailureKind::none);
        EXPECT_EQ(result.status, status);
        EXPECT_EQ(result.content_type, "text/x");
        EXPECT_EQ(result.body.bytes, "words");
    }
}

TEST(HttpMapping, WhatIsNoContentTypeIsLeftOut) {
    for (const int status : {200, 404}) {
        for (const char* type : {"none", "", "/", "text/\xff", "text/\tx"}) {
            runtime::HttpResponse response;
            response.status = static_cast<std::uint16_t>(status);
            response.fields.add("Content-Type", type);
            EXPECT_EQ(to_result(std::move(response), kNow).content_type, "") << type;
        }
    }
}

TEST(HttpMapping, RefusalsArePassedOn) {
    for (int status = 400; status < 500; ++status) {
        if (status == 408 || status == 425 || status == 429) continue;
        const AttemptResult result = map(status, "5");
        EXPECT_EQ(result.verdict, Verdict::fail);
        EXPECT_EQ(result.status, status);
        EXPECT_EQ(result.content_type, "text/x");
        EXPECT_EQ(result.body.bytes, "words");
    }
}

TEST(HttpMapping, TheRestIsRepeatedNoSoonerThanAsked) {
    for (const int status : {408, 425, 429, 500, 501, 503, 599}) {
        const AttemptResult result = map(status, "5");
        EXPECT_EQ(result.verdict, Verdict::retry);
        EXPECT_EQ(result.kind, FailureKind::handler);
        EXPECT_EQ(result.status, 0);
        EXPECT_EQ(result.retry_after, Duration(5s));
        EXPECT_NE(result.detail.find("words"), std::string::npos);
    }
    EXPECT_EQ(map(503, "Sun, 06 Nov 1994 08:50:37 GMT").retry_after, Duration(1min));
    EXPECT_EQ(map(503, "soon").retry_after, Duration(0));
}

TEST(HttpMapping, AnErrorThatIsTooLargeMeansWhatItsStatusDoes) {
    for (const int status : {404, 429, 500}) {
        runtime::HttpResponse response;
        response.status = static_cast<std::uint16_t>(status);
        response.fields.add("Retry-After", "5");
        response.cut = true;
        response.beginning = "words";
        const AttemptResult result = to_result(std::move(response), kNow);
        const bool again = status != 404;
        EXPECT_EQ(result.verdict, again ? Verdict::retry : Verdict::fail);
        EXPECT_EQ(result.status, 0);
        EXPECT_EQ(result.retry_after, again ? Duration(5s) : Duration(0));
        EXPECT_NE(result.detail.find("words"), std::string::npos);
        EXPECT_EQ(result.detail.find("larger than") == std::string::npos, again);
    }
}

TEST(HttpMapping, RedirectsFailAsOurOwnWords) {
    for (const int status : {300, 301, 304, 399}) {
        const AttemptResult result = map(status);
        EXPECT_EQ(result.verdict, Verdict::fail);
        EXPECT_EQ(result.status, 0);
        EXPECT_EQ(result.body.size(), 0U);
        EXPECT_NE(result.detail.find("not followed"), std::string::npos);
    }
}

TEST(HttpMapping, ACodingThatAResultCannotNameFails) {
    for (const char* coding : {"gzip", "identity"}) {
        runtime::HttpResponse response;
        response.status = 200;
        response.fields.add("Content-Encoding", coding);
        const bool plain = std::string_view(coding) == "identity";
        EXPECT_EQ(
            to_result(std::move(response), kNow).verdict, plain ? Verdict::success : Verdict::fail
        );
    }
}

TEST(HttpMapping, FailuresToAnswerAreRepeated) {
    EXPECT_EQ(to_result({Kind::broken, "x"}).verdict, Verdict::retry);
    EXPECT_EQ(to_result({Kind::unreachable, "x"}).verdict, Verdict::retry);
    EXPECT_EQ(to_result({Kind::malformed, "x"}).detail, "x");
    EXPECT_EQ(to_result({Kind::stopped, "x"}).kind, FailureKind::lost);
    EXPECT_EQ(to_result({Kind::too_large, "x"}).verdict, Verdict::fail);
}

TEST(HttpHeader, OnlyWhatIsSafeAndNotOursIsTaken) {
    EXPECT_TRUE(check_header("X-One: 1").has_value());
    EXPECT_TRUE(check_header("X-One:").has_value());
    EXPECT_TRUE(check_header("Authorization: Bearer a:b").has_value());
    for (const char* line :
         {"",
          "X",
          ": 1",
          "X One: 1",
          "X: a\r\nY: b",
          "X: \x7f",
          "host: a",
          "TE: trailers",
          "Bide-Queue: a",
          "transfer-encoding: chunked"})
        EXPECT_TRUE(check_header(line).has_error()) << line;
    const auto secret = check_header("Con tent: geheim");
    EXPECT_EQ(secret.error().detail.find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace bide::http
