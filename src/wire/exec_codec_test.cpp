// The codecs of the exec handlers: base64, UTF-8, lines, descriptor 3, pool lines.
#include "wire/base64.hpp"
#include "wire/exec_report.hpp"
#include "wire/line_buffer.hpp"
#include "wire/pool_line.hpp"
#include "wire/utf8.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace bide::wire {
namespace {

constexpr std::string_view kId = "019aaf1e-5c00-7123-8abc-0123456789ab";

JobId id() {
    return parse_job_id(kId).value();
}

std::string encode(std::string_view bytes) {
    std::string out;
    append_base64(out, bytes);
    return out;
}

TEST(Base64, VectorsOfRfc4648) {
    const std::vector<std::pair<std::string, std::string>> vectors{
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(encode(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
}

TEST(Base64, AllBytesGoThere) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    for (std::size_t size = 0; size <= bytes.size(); ++size)
        EXPECT_EQ(decode_base64(encode(bytes.substr(0, size))), bytes.substr(0, size));
}

TEST(Base64, RefusesWhatIsNotCanonical) {
    for (const char* text :
         {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Zm-_", "=", "===="})
        EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(Utf8, TellsTextFromBytes) {
    for (const char* text :
         {"", "a", "Grüße, 世界", "\U0001F600", "\xf4\x8f\xbf\xbf", "0123456789é"})
        EXPECT_TRUE(is_utf8(text)) << text;
    for (const char* bytes :
         {"\x80",
          "\xc0\x80",
          "\xc3",
          "\xe0\x80\x80",
          "\xed\xa0\x80",
          "\xf0\x80\x80\x80",
          "\xf4\x90\x80\x80",
          "\xf5\x80\x80\x80",
          "12345678\xff",
          "\xe4\xb8"})
        EXPECT_FALSE(is_utf8(bytes)) << encode(bytes);
}

TEST(Utf8, PrintableKeepsTextAndMarksTheRest) {
    EXPECT_EQ(to_printable("é\tx\ny"), "é\tx\ny");
    EXPECT_EQ(to_printable("a\x1b[31mb\x7f\r"), "a [31mb  ");
    EXPECT_EQ(to_printable("a\xff\xe4\xb8z"), "a\ufffd\ufffd\ufffdz");
    EXPECT_EQ(to_printable(std::string_view("\0", 1)), " ");
    EXPECT_EQ(to_printable("a\u0080b\u009b31mc\u00a0"), "a b 31mc\u00a0") << "C1 controls too";
}

TEST(LineBuffer, CutsWhereverTheBytesWereSplit) {
    const std::string stream = "one\n\nthree\nrest";
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        LineBuffer lines(100);
        std::vector<std::string> seen;
        for (std::size_t at = 0; at < stream.size(); at += step) {
            lines.append(std::string_view(stream).substr(at, step));
            while (const auto line = lines.next()) seen.emplace_back(*line);
        }
        EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "three"}));
        EXPECT_EQ(lines.rest(), "rest");
        EXPECT_FALSE(lines.overflowed());
    }
}

TEST(LineBuffer, TellsALineThatIsTooLong) {
    LineBuffer lines(4);
    lines.append("1234");
    EXPECT_FALSE(lines.next());
    EXPECT_FALSE(lines.overflowed());
    lines.append("5");
    EXPECT_FALSE(lines.next());
    EXPECT_TRUE(lines.overflowed());
}

TEST(ExecReport, LastWordCounts) {
    ExecReport report;
    take_report_line(R"({"content_type":"audio/wav"})", report);
    EXPECT_EQ(
        take_report_line(R"({"status":202,"progress": {"at": 0.5}})", report), R"({"at": 0.5})"
    );
    take_report_line(R"({"status":201})", report);
    EXPECT_EQ(report.status, 201);
    EXPECT_EQ(report.content_type, "audio/wav");
}

TEST(ExecReport, IgnoresWhatItDoesNotUnderstand) {
    ExecReport report;
    for (const char* line :
         {"",
          "nonsense",
          "[]",
          "{",
          "\xff\xfe",
          R"({"status":"201"})",
          R"({"status":99})",
          R"({"status":1000})",
          R"({"status":200.5})",
          R"({"content_type":5})",
          R"({"content_type":""})",
          R"({"content_type":"text"})",
          R"({"content_type":"text/plain\r\nSet-Cookie: a=b"})",
          R"({"progress":{"done":3}})"})
        take_report_line(line, report);
    EXPECT_EQ(report.status, 0);
    EXPECT_EQ(report.content_type, "");
}

TEST(PoolRequest, CarriesAnyBody) {
    std::string all;
    for (int i = 0; i < 128; ++i) all += static_cast<char>(i);
    for (const std::string& body : {std::string(), std::string("Grüße\n\"\\"), all}) {
        PoolRequest request;
        request.id = id();
        request.queue = "speak";
        request.attempt = 2;
        request.attempts_max = 3;
        request.deadline_s = 1'800'000'000;
        request.content_type = "text/plain; charset=\"utf-8\"";
        request.traceparent = "00-1-2-01";
        request.body = body;
        std::string line;
        append_pool_request(line, request);
        EXPECT_EQ(line.find('\n'), line.size() - 1);
        const auto object = boost::json::parse(line).as_object();
        EXPECT_EQ(object.at("id").as_string(), kId);
        EXPECT_EQ(object.at("queue").as_string(), "speak");
        EXPECT_EQ(object.at("attempt").as_int64(), 2);
        EXPECT_EQ(object.at("attempts_max").as_int64(), 3);
        EXPECT_EQ(object.at("deadline").as_int64(), 1'800'000'000);
        EXPECT_EQ(object.at("content_type").as_string(), "text/plain; charset=\"utf-8\"");
        EXPECT_EQ(object.at("traceparent").as_string(), "00-1-2-01");
        EXPECT_EQ(std::string(object.at("body").as_string()), body);
    }
}

TEST(PoolRequest, BinaryGoesAsBase64AndFilesByName) {
    PoolRequest request;
    request.id = id();
    request.body = "\xff\x00";
    request.content_type = "caf\xe9/x";
    std::string line;
    append_pool_request(line, request);
    EXPECT_NE(line.find(R"("body_base64":"/w=="})"), std::string::npos) << line;
    EXPECT_TRUE(is_utf8(line));
    EXPECT_EQ(line.find("deadline"), std::string::npos);

    request.body_file = "/tmp/a b";
    line.clear();
    append_pool_request(line, request);
    EXPECT_NE(line.find(R"("body_file":"/tmp/a b"})"), std::string::npos) << line;
}

std::string answer_line(std::string_view members) {
    return "{\"id\":\"" + std::string(kId) + "\"" + std::string(members) + "}";
}

TEST(PoolAnswer, TakesEachKindOfBody) {
    EXPECT_EQ(parse_pool_answer(answer_line("")).value().body, "");
    const auto text = parse_pool_answer(answer_line(R"(,"body":"hé\u0000","status":201)")).value();
    EXPECT_EQ(text.body, std::string("hé\0", 4));
    EXPECT_EQ(text.status, 201);
    EXPECT_EQ(text.id, id());
    EXPECT_EQ(parse_pool_answer(answer_line(R"(,"body_base64":"/w==")")).value().body, "\xff");
    EXPECT_EQ(parse_pool_answer(answer_line("") + "\r").value().body, "");
}

TEST(PoolAnswer, JsonBodyIsPassedOnAsWritten) {
    for (const char* json :
         {R"({"price": 1.50, "n":[1,2,{"a":"}\"]"}]})", "1.0", "null", "\"x\"", "[ ]", "true"}) {
        const auto answer = parse_pool_answer(
            answer_line(R"( , "x":{"body_json":0}, "body_json" : )" + std::string(json) + " ")
        );
        ASSERT_TRUE(answer) << answer.error().detail;
        EXPECT_EQ(answer.value().body, json);
        EXPECT_EQ(answer.value().content_type, "application/json");
    }
    const auto escaped = parse_pool_answer(answer_line(R"(,"body\u005fjson":[1, 2])")).value();
    EXPECT_EQ(escaped.body, "[1,2]");
    const auto twice =
        parse_pool_answer(answer_line(R"(,"body_json":1,"body\u005fjson":2)")).value();
    EXPECT_EQ(twice.body, "2") << "the last one counts, however it is written";
    const auto typed =
        parse_pool_answer(answer_line(R"(,"body_json":1,"content_type":"application/x+json")"));
    EXPECT_EQ(typed.value().content_type, "application/x+json");
}

TEST(PoolAnswer, ErrorRetriesUnlessItSaysNo) {
    const auto again = parse_pool_answer(answer_line(R"(,"error":"busy")")).value();
    EXPECT_EQ(again.error, "busy");
    EXPECT_TRUE(again.retry);
    const auto never = parse_pool_answer(answer_line(R"(,"error":"bad","retry":false)")).value();
    EXPECT_FALSE(never.retry);
    EXPECT_FALSE(parse_pool_answer(answer_line(R"(,"error":null,"body":"x")")).value().error);
}

TEST(PoolAnswer, RefusesMalformedLines) {
    for (const std::string& line :
         {std::string(),
          std::string("loading model..."),
          std::string("[]"),
          std::string("{}"),
          std::string(R"({"id":5})"),
          std::string(R"({"id":"x"})"),
          answer_line("") + "{}",
          answer_line(R"(,"body":5)"),
          answer_line(R"(,"body":"a","body_json":1)"),
          answer_line(R"(,"body_base64":"@")"),
          answer_line(R"(,"status":"200")"),
          answer_line(R"(,"status":101)"),
          answer_line(R"(,"content_type":"a\r\nb/")"),
          answer_line(R"(,"error":{})"),
          answer_line(R"(,"retry":1)"),
          answer_line(",\"body\":\"\xff\"")})
        EXPECT_FALSE(parse_pool_answer(line)) << line;
}

}  // namespace
}  // namespace bide::wire
