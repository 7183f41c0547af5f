#include "clients/lambda_runtime.hpp"

#include "base/check.hpp"
#include "clients/lambda_answers.hpp"
#include "clients/lambda_stream.hpp"
#include "clients/nap.hpp"
#include "runtime/http_client.hpp"
#include "wire/base64.hpp"
#include "wire/lambda_result.hpp"
#include "wire/lambda_runtime.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace bide::clients {
namespace {

namespace net = runtime::net;

using runtime::HttpResult;
using runtime::kTuple;
using runtime::Task;

constexpr std::string_view kRoot = "/2018-06-01/runtime/";

/// An event is at most 6 MiB; JSON in JSON may grow on its way.
constexpr std::uint64_t kEventMax = 16U << 20;

/// Ids are UUIDs; they become part of paths.
constexpr std::size_t kIdMax = 128;

/// The end of 9999, in milliseconds.
constexpr std::int64_t kDeadlineLatest = 253402300799000;

/// In a row, of asking for an invocation; the pause between them is doubled each time.
constexpr int kTroublesMax = 6;
constexpr auto kFirstPause = std::chrono::milliseconds(20);

constexpr auto kConnectMax = std::chrono::seconds(5);

std::string error_lines(const std::string& type) {
    return "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " + type + "\r\n";
}

/// As a header's value: what is no plain character of a name becomes an underscore.
std::string plain(std::string type) {
    std::replace_if(
        type.begin(), type.end(), [](char c) { return c <= ' ' || c > '~'; }, '_'
    );
    return type;
}

bool is_id(std::string_view id) {
    const auto good = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-';
    };
    return !id.empty() && id.size() <= kIdMax && std::all_of(id.begin(), id.end(), good);
}

/// Without a deadline, or a sensible one, there is none.
Time parse_deadline(std::string_view text) {
    std::int64_t ms = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (error != std::errc() || end != text.data() + text.size()) return kNever;
    if (ms < 0 || ms > kDeadlineLatest) return kNever;
    return Time(std::chrono::milliseconds(ms));
}

}  // namespace

Error lambda_trouble(std::string what) {
    return {Code::internal, Retry::unsafe, "Lambda's Runtime API: " + std::move(what)};
}

Result<void> understand_lambda(std::uint16_t status, std::string_view body) {
    if (status >= 200 && status < 300) return success();
    Error error =
        lambda_trouble(std::to_string(status) + " " + wire::parse_lambda_error("", body).detail());
    if (status == 413) error.code = Code::too_large;
    if (status == 500) error.code = Code::shutting_down;
    return error;
}

struct LambdaRuntime::Shared {
    Shared(
        const runtime::Executor& where,
        runtime::BlockingPool& pool,
        const Clock& clock,
        LambdaRuntimeOptions what
    );

    Result<runtime::HttpUrl> url(const std::string& path) const;
    Task<HttpResult> ask();
    Task<Result<void>> post(std::string path, std::string lines, std::string body);
    void heed(const Result<void>& answer);
    void end(Error why);
    void log(const std::string& text) const {
        if (options.log) options.log(text);
    }

    const runtime::Executor executor;
    const LambdaRuntimeOptions options;
    runtime::HttpClient questions;  ///< for invocations: without a limit on time
    runtime::HttpClient answers;
    LambdaFunction function;
    std::stop_source stopped;
    std::optional<Error> trouble;  ///< why it cannot go on
    std::uint32_t loops = 0;
    runtime::Timer all_ended;  ///< cancelled when a loop has
};

namespace {

using Shared = LambdaRuntime::Shared;
using SharedPtr = std::shared_ptr<Shared>;

runtime::HttpClientOptions http_options(const LambdaRuntimeOptions& options) {
    runtime::HttpClientOptions http;
    http.connections_max = std::max<std::uint32_t>(1, options.concurrency);
    http.connect_max = kConnectMax;
    http.head_bytes_max = kLambdaHeadMax;
    return http;
}

runtime::HttpClientOptions limited(runtime::HttpClientOptions http, Duration answer_max) {
    http.head_max = answer_max;
    http.pause_max = answer_max;
    return http;
}

class Answer final : public LambdaAnswer {
  public:
    Answer(Shared& shared, std::string id) : shared_(shared), id_(std::move(id)) {}

    Task<Result<void>> respond(std::string json) override;
    Task<Result<void>> fail(std::string type, std::string message) override;
    Task<Result<void>> open(std::string prelude) override;
    Task<Result<void>> write(std::string_view piece) override;
    Task<Result<void>> close() override;
    Task<Result<void>> break_off(std::string type, std::string message) override;

    Task<void> ensure(std::string why);

  private:
    enum class State : std::uint8_t { awaited, streaming, given };

    void become(State from, State to) {
        CHECK(state_ == from);
        state_ = to;
    }
    std::string path(const char* what) const { return "invocation/" + id_ + what; }
    Task<Result<void>> end_stream(std::string trailers);

    Shared& shared_;
    const std::string id_;
    State state_ = State::awaited;
    std::optional<LambdaStream> stream_;
};

Task<Result<void>> Answer::respond(std::string json) {
    become(State::awaited, State::given);
    co_return co_await shared_.post(
        path("/response"), "Content-Type: application/json\r\n", std::move(json)
    );
}

Task<Result<void>> Answer::fail(std::string type, std::string message) {
    become(State::awaited, State::given);
    type = plain(std::move(type));
    std::string body = wire::lambda_refusal(type, message);
    co_return co_await shared_.post(path("/error"), error_lines(type), std::move(body));
}

Task<Result<void>> Answer::open(std::string prelude) {
    BIDE_CO_TRY(auto url, shared_.url(path("/response")));
    become(State::awaited, State::streaming);
    LambdaStreamTimes times;
    times.connect = kConnectMax;
    times.pause = shared_.options.pause_max;
    times.answer = shared_.options.answer_max;
    stream_.emplace(shared_.executor, times);
    const Result<void> opened = co_await stream_->open(std::move(url), std::move(prelude));
    // Lambda knows nothing of it, and still waits for an answer.
    if (!stream_->begun()) become(State::streaming, State::awaited);
    shared_.heed(opened);
    co_return opened;
}

Task<Result<void>> Answer::write(std::string_view piece) {
    CHECK(state_ == State::streaming);
    CHECK(!piece.empty());
    const Result<void> written = co_await stream_->write(piece);
    shared_.heed(written);
    co_return written;
}

Task<Result<void>> Answer::end_stream(std::string trailers) {
    become(State::streaming, State::given);
    const Result<void> closed = co_await stream_->close(std::move(trailers));
    shared_.heed(closed);
    co_return closed;
}

Task<Result<void>> Answer::close() {
    co_return co_await end_stream({});
}

Task<Result<void>> Answer::break_off(std::string type, std::string message) {
    type = plain(std::move(type));
    std::string trailers =
        "Lambda-Runtime-Function-Error-Type: " + type + "\r\nLambda-Runtime-Function-Error-Body: ";
    wire::append_base64(trailers, wire::lambda_refusal(type, message));
    trailers += "\r\n";
    co_return co_await end_stream(std::move(trailers));
}

/// The function has returned; Lambda waits until it has an answer.
Task<void> Answer::ensure(std::string why) {
    if (state_ == State::given) co_return;
    shared_.log("invocation " + id_ + ": " + why);
    Result<void> told = success();
    if (state_ == State::awaited)
        told = co_await fail("Function.NoAnswer", std::move(why));
    else
        told = co_await break_off("Function.NoAnswer", std::move(why));
    if (told.has_error()) shared_.log(told.error().detail);
}

/// The next event, or what was wrong with Lambda's answer.
Result<LambdaInvocation> understand_event(runtime::HttpResponse&& response) {
    if (response.status != 200) {
        Result<void> answer = understand_lambda(response.status, response.body.bytes);
        if (answer.has_error()) return answer.error();
        return lambda_trouble("no event, but " + std::to_string(response.status));
    }
    LambdaInvocation invocation;
    invocation.id = response.fields["Lambda-Runtime-Aws-Request-Id"];
    if (!is_id(invocation.id)) return lambda_trouble("an event without a proper id");
    invocation.deadline = parse_deadline(response.fields["Lambda-Runtime-Deadline-Ms"]);
    invocation.trace = response.fields["Lambda-Runtime-Trace-Id"];
    invocation.payload = std::move(response.body.bytes);
    return invocation;
}

Task<void> handle(SharedPtr shared, LambdaInvocation invocation) {
    Answer answer(*shared, invocation.id);
    std::string why = "the function ended without an answer";
    try {
        co_await shared->function(std::move(invocation), answer);
    } catch (const std::exception& failure) {
        why = std::string("the function failed: ") + failure.what();
    }
    co_await answer.ensure(std::move(why));
}

/// Asks, until there is an invocation.
Task<std::optional<LambdaInvocation>> next(SharedPtr shared) {
    auto pause = Duration(kFirstPause);
    for (int troubles = 0; !shared->stopped.stop_requested(); ++troubles) {
        HttpResult response = co_await shared->ask();
        if (shared->stopped.stop_requested()) break;
        Result<LambdaInvocation> event =
            response ? understand_event(std::move(response.value()))
                     : Result<LambdaInvocation>(lambda_trouble(std::move(response.error().detail)));
        if (event) co_return std::move(event.value());
        const bool over = event.error().code == Code::shutting_down || troubles == kTroublesMax;
        if (over)
            shared->end(std::move(event.error()));
        else
            shared->log(event.error().detail);
        // The first may be a connection that died while the process was frozen.
        if (over || troubles == 0) continue;
        co_await nap(shared->executor, pause, shared->stopped.get_token());
        pause *= 2;
    }
    co_return std::nullopt;
}

Task<void> loop(SharedPtr shared) {
    while (auto invocation = co_await next(shared)) co_await handle(shared, std::move(*invocation));
}

}  // namespace

LambdaRuntime::Shared::Shared(
    const runtime::Executor& where,
    runtime::BlockingPool& pool,
    const Clock& clock,
    LambdaRuntimeOptions what
)
    : executor(where),
      options(std::move(what)),
      questions(where, pool, clock, http_options(options)),
      answers(where, pool, clock, limited(http_options(options), options.answer_max)),
      all_ended(where) {}

Result<runtime::HttpUrl> LambdaRuntime::Shared::url(const std::string& path) const {
    return runtime::parse_http_url("http://" + options.address + std::string(kRoot) + path);
}

Task<HttpResult> LambdaRuntime::Shared::ask() {
    runtime::HttpRequest request;
    request.url = std::make_shared<runtime::HttpUrl>(url("invocation/next").value());
    request.idempotent = true;
    request.response_bytes_max = kEventMax;
    request.stop = stopped.get_token();
    co_return co_await questions.send(std::move(request));
}

Task<Result<void>> LambdaRuntime::Shared::post(
    std::string path, std::string lines, std::string body
) {
    runtime::HttpRequest request;
    BIDE_CO_TRY(auto to, url(path));
    request.url = std::make_shared<runtime::HttpUrl>(std::move(to));
    request.method = "POST";
    request.header_lines = std::move(lines);
    request.body = std::make_shared<Body>(Body{std::move(body), nullptr});
    request.idempotent = true;  // a second one is refused
    request.response_bytes_max = kLambdaTextMax;
    const HttpResult response = co_await answers.send(std::move(request));
    if (!response) co_return lambda_trouble(response.error().detail);
    const Result<void> answer =
        understand_lambda(response.value().status, response.value().body.bytes);
    heed(answer);
    co_return answer;
}

/// Lambda may have said that it is over.
void LambdaRuntime::Shared::heed(const Result<void>& answer) {
    if (answer.has_error() && answer.error().code == Code::shutting_down) end(answer.error());
}

void LambdaRuntime::Shared::end(Error why) {
    if (!trouble) trouble = std::move(why);
    stopped.request_stop();
}

LambdaRuntime::LambdaRuntime(
    runtime::Executor executor,
    runtime::BlockingPool& pool,
    const Clock& clock,
    LambdaRuntimeOptions options
)
    : shared_(std::make_shared<Shared>(executor, pool, clock, std::move(options))) {}

LambdaRuntime::~LambdaRuntime() = default;

Task<Result<void>> LambdaRuntime::serve(LambdaFunction function) {
    const SharedPtr shared = shared_;
    BIDE_CO_TRY(shared->url(""));
    shared->function = std::move(function);
    shared->loops = std::max<std::uint32_t>(1, shared->options.concurrency);
    shared->all_ended.expires_at(runtime::Timer::time_point::max());
    for (std::uint32_t i = shared->loops; i > 0; --i) {
        net::co_spawn(shared->executor, loop(shared), [shared](const std::exception_ptr& failure) {
            --shared->loops;
            shared->all_ended.cancel();
            if (failure) std::rethrow_exception(failure);
        });
    }
    while (shared->loops > 0) co_await shared->all_ended.async_wait(kTuple);
    if (shared->trouble) co_return *shared->trouble;
    co_return success();
}

void LambdaRuntime::stop() {
    shared_->stopped.request_stop();
}

Task<Result<void>> LambdaRuntime::fail_init(std::string type, std::string message) {
    const SharedPtr shared = shared_;
    type = plain(std::move(type));
    std::string body = wire::lambda_refusal(type, message);
    co_return co_await shared->post("init/error", error_lines(type), std::move(body));
}

}  // namespace bide::clients
