#include "wire/notice.hpp"

#include "wire/exec_report.hpp"
#include "wire/fact_words.hpp"
#include "wire/json_members.hpp"
#include "wire/json_text.hpp"
#include "wire/json_value.hpp"
#include "wire/line_body.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;
using Kind = Notice::Kind;
using News = core::Answer::News;

template <class T>
using Word = std::pair<T, std::string_view>;
constexpr std::array kKinds{
    Word<Kind>{Kind::result, "result"},
    Word<Kind>{Kind::look, "look"},
    Word<Kind>{Kind::news, "news"},
    Word<Kind>{Kind::cancel, "cancel"},
};
constexpr std::array kNews{
    Word<News>{News::attempt, "attempt"},
    Word<News>{News::retry, "retry"},
    Word<News>{News::progress, "progress"},
};

template <class Table, class T>
std::string_view word_of(const Table& table, T value) {
    for (const auto& [known, word] : table) {
        if (known == value) return word;
    }
    return {};
}

Error malformed(std::string_view what) {
    return {Code::bad_request, Retry::never, "a notice " + std::string(what)};
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    out.append(",\"").append(name).append("\":");
    append_json_bytes(out, text);
}

void append_number(std::string& out, std::string_view name, std::int64_t number) {
    if (number == 0) return;
    out.append(",\"").append(name).append("\":").append(std::to_string(number));
}

void append_time(std::string& out, std::string_view name, Time time) {
    append_number(out, name, time.time_since_epoch().count());
}

void append_outcome(std::string& out, const core::Outcome& outcome) {
    append_text(out, "state", to_string(outcome.state));
    if (outcome.kind != core::FailureKind::none)
        append_text(out, "failure", to_string(outcome.kind));
    append_number(out, "status", outcome.status);
    append_text(out, "content_type", outcome.content_type);
    append_text(out, "detail", outcome.detail);
    append_number(out, "attempts", outcome.attempts);
    append_text(out, "tenant", outcome.tenant);
    append_time(out, "created", outcome.created);
    append_time(out, "started", outcome.started);
    append_time(out, "finished", outcome.finished);
    append_number(out, "bytes", static_cast<std::int64_t>(outcome.body.bytes.size()));
}

void append_news(std::string& out, const Notice::News& news) {
    append_text(out, "what", word_of(kNews, news.what));
    append_number(out, "attempt", news.attempt);
    append_number(out, "attempts_max", news.attempts_max);
    append_time(out, "started", news.started);
    append_time(out, "not_before", news.not_before);
    append_text(out, "progress", news.progress);
}

Result<void> take_time(const json::object& members, std::string_view name, Time& to) {
    constexpr IntegerRange kRange{0, kTimeMax.time_since_epoch().count()};
    std::int64_t us = 0;
    BIDE_TRY(take_integer(members, name, kRange, us));
    to = Time(Duration(us));
    return success();
}

Result<void> take_count(const json::object& members, std::string_view name, std::uint32_t& to) {
    std::int64_t count = 0;
    BIDE_TRY(take_integer(members, name, {0, std::numeric_limits<std::uint32_t>::max()}, count));
    to = static_cast<std::uint32_t>(count);
    return success();
}

template <class Table>
auto word_in(const Table& table, std::string_view text) {
    using T = typename Table::value_type::first_type;
    for (const auto& [value, word] : table) {
        if (word == text) return std::optional<T>(value);
    }
    return std::optional<T>();
}

Result<void> take_how(const json::object& members, core::Outcome& outcome) {
    std::string word;
    BIDE_TRY(take_text(members, "state", word));
    const auto state = parse_final_state(word);
    if (!state) return malformed("of a result without a final \"state\"");
    outcome.state = *state;
    word = "none";
    BIDE_TRY(take_text(members, "failure", word));
    const auto failure = parse_failure_kind(word);
    if (!failure) return malformed("of a \"failure\" that is not known here");
    outcome.kind = *failure;
    std::int64_t status = 0;
    BIDE_TRY(take_integer(members, "status", {0, 599}, status));
    if (status != 0 && !is_result_status(status))
        return malformed("whose \"status\" is not of 200 to 599");
    outcome.status = static_cast<std::uint16_t>(status);
    return success();
}

Result<std::shared_ptr<const core::Outcome>> read_outcome(
    const json::object& members, std::string_view body
) {
    auto outcome = std::make_shared<core::Outcome>();
    BIDE_TRY(take_how(members, *outcome));
    BIDE_TRY(take_text(members, "content_type", outcome->content_type));
    BIDE_TRY(take_text(members, "detail", outcome->detail));
    BIDE_TRY(take_count(members, "attempts", outcome->attempts));
    BIDE_TRY(take_text(members, "tenant", outcome->tenant));
    BIDE_TRY(take_time(members, "created", outcome->created));
    BIDE_TRY(take_time(members, "started", outcome->started));
    BIDE_TRY(take_time(members, "finished", outcome->finished));
    std::int64_t bytes = 0;
    BIDE_TRY(take_integer(members, "bytes", {0, std::numeric_limits<std::int64_t>::max()}, bytes));
    if (static_cast<std::uint64_t>(bytes) != body.size())
        return malformed("whose body is not as long as it says");
    outcome->body.bytes = body;
    return std::shared_ptr<const core::Outcome>(std::move(outcome));
}

Result<Notice::News> read_news(const json::object& members) {
    Notice::News news;
    std::string word;
    BIDE_TRY(take_text(members, "what", word));
    const auto what = word_in(kNews, word);
    if (!what) return malformed("of news that are not known here");
    news.what = *what;
    BIDE_TRY(take_count(members, "attempt", news.attempt));
    BIDE_TRY(take_count(members, "attempts_max", news.attempts_max));
    BIDE_TRY(take_time(members, "started", news.started));
    BIDE_TRY(take_time(members, "not_before", news.not_before));
    BIDE_TRY(take_text(members, "progress", news.progress));
    const bool said = !news.progress.empty();
    if (said ? !is_json_value(news.progress) : news.what == News::progress)
        return malformed("whose \"progress\" is not JSON on one line");
    return news;
}

Result<Notice> read_notice(const json::object& members, std::string_view body) {
    Notice notice;
    std::int64_t version = 0;
    BIDE_TRY(take_integer(members, "bide", {1, 1}, version));
    if (version == 0) return malformed("without the member \"bide\"");
    std::string word;
    BIDE_TRY(take_text(members, "kind", word));
    const auto kind = word_in(kKinds, word);
    if (!kind) return malformed("of a kind that is not known here");
    notice.kind = *kind;
    word.clear();
    BIDE_TRY(take_text(members, "id", word));
    auto id = parse_job_id(word);
    if (!id) return malformed("whose \"id\" is not a UUID");
    notice.id = id.value();
    BIDE_TRY(take_text(members, "queue", notice.queue));
    if (notice.kind == Kind::news) {
        BIDE_TRY(notice.news, read_news(members));
    } else if (notice.kind == Kind::result) {
        BIDE_TRY(notice.outcome, read_outcome(members, body));
    }
    return notice;
}

}  // namespace

std::string encode_notice(const Notice& notice) {
    const bool inlined = notice.kind == Kind::result && !notice.outcome->body.file;
    const Kind kind = notice.kind == Kind::result && !inlined ? Kind::look : notice.kind;
    std::string out;
    out.reserve(512 + (inlined ? notice.outcome->body.bytes.size() : 0));
    out += R"({"bide":1)";
    append_text(out, "kind", word_of(kKinds, kind));
    append_text(out, "id", to_string(notice.id));
    append_text(out, "queue", notice.queue);
    if (inlined) append_outcome(out, *notice.outcome);
    if (kind == Kind::news) append_news(out, notice.news);
    out += "}\n";
    if (inlined) out += notice.outcome->body.bytes;
    return out;
}

Result<Notice> decode_notice(std::string_view text) {
    const std::size_t end = text.find('\n');
    const std::string_view head = text.substr(0, end);
    const std::string_view body = end == text.npos ? std::string_view() : text.substr(end + 1);
    unsigned char memory[4096];
    json::monotonic_resource resource(memory, sizeof memory);
    json::error_code failed;
    const json::value document = json::parse(head, failed, &resource);
    if (failed) return malformed("that is not JSON: " + failed.message());
    const json::object* members = document.if_object();
    if (!members) return malformed("that is not a JSON object");
    return read_notice(*members, body);
}

}  // namespace bide::wire
