#include "handlers/lambda/conversation.hpp"

#include "handlers/lambda/lambda.hpp"
#include "runtime/blocking_pool.hpp"
#include "wire/exec_report.hpp"
#include "wire/lambda_event.hpp"
#include "wire/lambda_result.hpp"
#include "wire/lambda_runtime.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace bide::lambda {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

using boost::system::error_code;
using core::AttemptResult;
using core::FailureKind;
using exec::failure;
using exec::Verdict;
using runtime::kTuple;
using runtime::Task;

/// So much of a body that nobody wants is read and thrown away, so that the process gets to read
/// the refusal and the connection can go on.
constexpr std::uint64_t kDiscardMax = 64U << 20;

/// Past this a buffer's memory is given back.
constexpr std::size_t kBufferBytesKept = 64U << 10;

/// Larger payloads are taken apart on a thread of the pool: parsing megabytes takes milliseconds.
constexpr std::size_t kPayloadBytesHere = 64U << 10;

/// For those that have no deadline: the end of 9999.
constexpr std::int64_t kDeadlineLatest = 253402300799000;

std::int64_t to_ms(Time time) {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string head(int status, std::string_view lines, std::size_t size) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(status));
    std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
    text.append(reason.data(), reason.size());
    text += "\r\nContent-Type: application/json\r\n";
    text += lines;
    text += "Content-Length: " + std::to_string(size) + "\r\n\r\n";
    return text;
}

std::string make_event(const Invocation& invocation, const Shared& shared) {
    std::string event;
    for (const auto& job : invocation.jobs) {
        const ports::Attempt& attempt = job->attempt;
        const core::JobInput& input = *attempt.input;
        const std::string receipt =
            event.empty() ? invocation.id : invocation.id + "/" + to_string(input.id);
        wire::LambdaMessage message;
        message.id = input.id;
        message.receipt = receipt;
        message.queue = shared.options().queue_name;
        message.region = shared.region;
        message.attempt = attempt.number;
        message.sent_ms = to_ms(input.created);
        message.received_ms = to_ms(shared.clock.now());
        message.content_type = input.content_type;
        message.traceparent = input.traceparent;
        message.body = input.body.bytes;
        if (input.body.file) message.body_file = input.body.file->path();
        event += event.empty() ? wire::kLambdaEventHead : ",";
        wire::append_lambda_record(event, message);
    }
    event += wire::kLambdaEventTail;
    return event;
}

std::int64_t deadline_of(const Invocation& invocation) {
    Time latest{};
    for (const auto& job : invocation.jobs) latest = std::max(latest, job->attempt.deadline);
    return latest == kNever ? kDeadlineLatest : to_ms(latest);
}

/// A batch belongs to no one trace.
std::string trace_of(const Invocation& invocation) {
    if (invocation.jobs.size() > 1) return {};
    return wire::xray_trace_id(invocation.jobs.front()->attempt.input->traceparent);
}

}  // namespace

Conversation::Conversation(std::shared_ptr<LambdaWorker> worker, runtime::Socket socket)
    : worker_(std::move(worker)), socket_(std::move(socket)), buffer_(2 * kHeadBytesMax) {}

Task<void> Conversation::run(std::shared_ptr<Conversation> self) {
    bool goes_on = true;
    while (goes_on) goes_on = co_await self->one_request();
    self->close();
}

void Conversation::give(const Invocation& invocation) {
    const Shared& shared = worker_->shared();
    std::string lines =
        "Lambda-Runtime-Aws-Request-Id: " + invocation.id +
        "\r\nLambda-Runtime-Deadline-Ms: " + std::to_string(deadline_of(invocation)) +
        "\r\nLambda-Runtime-Invoked-Function-Arn: " +
        wire::function_arn(shared.region, shared.options().queue_name) + "\r\n";
    const std::string trace = trace_of(invocation);
    if (!trace.empty()) lines += "Lambda-Runtime-Trace-Id: " + trace + "\r\n";
    const std::string event = make_event(invocation, shared);
    event_ = head(200, lines, event.size()) + event;
    wake();
}

void Conversation::wake() {
    error_code ignored;
    socket_.cancel(ignored);
}

void Conversation::close() {
    error_code ignored;
    socket_.close(ignored);
}

Task<bool> Conversation::one_request() {
    request_.emplace();
    if (buffer_.size() == 0 && buffer_.capacity() > kBufferBytesKept) buffer_.shrink_to_fit();
    const auto [error, count] =
        co_await http::async_read_header(socket_, buffer_, *request_, kTuple);
    if (error) {
        if (error.category() != make_error_code(http::error::bad_method).category() ||
            error == http::error::end_of_stream || error == http::error::partial_message)
            co_return false;
        co_await refuse(400, "BadRequest", "the request is not understood: " + error.message());
        co_return false;
    }
    request_->eager(true);
    owes_continue_ = request_->expects_continue && !request_->is_done();
    const wire::LambdaCall call = wire::parse_lambda_call(request_->method, request_->target);
    switch (call.kind) {
        case wire::LambdaCall::Kind::next: co_return co_await next();
        case wire::LambdaCall::Kind::init_error: co_return co_await fail_init();
        case wire::LambdaCall::Kind::response:
            if (claim(call.id) == nullptr)
                co_return co_await refuse_claim(std::string(call.id), "InvocationResponse");
            co_return co_await respond();
        case wire::LambdaCall::Kind::error:
            if (claim(call.id) == nullptr)
                co_return co_await refuse_claim(std::string(call.id), "InvocationErrorResponse");
            co_return co_await fail();
        case wire::LambdaCall::Kind::wrong_method:
            co_return co_await refuse(405, "MethodNotAllowed", "this page has another method");
        case wire::LambdaCall::Kind::unknown: break;
    }
    co_return co_await refuse(404, "NotFound", "the Runtime API has no such page");
}

Task<bool> Conversation::next() {
    if (!request_->is_done() && !co_await discard()) co_return false;
    event_.clear();
    if (!worker_->ask(*this)) co_return co_await forbid("Ready");
    while (worker_->is_waiting(*this)) {
        co_await socket_.async_wait(runtime::Socket::wait_read, kTuple);
        if (worker_->is_waiting(*this) && !peer_is_there()) {
            worker_->leave();
            co_return false;
        }
    }
    if (event_.empty()) co_return false;  // the end
    const auto [error, count] =
        co_await runtime::net::async_write(socket_, runtime::net::buffer(event_), kTuple);
    if (error) worker_->give_up("did not take its invocation");
    event_ = {};
    co_return !error && request_->keep_alive();
}

bool Conversation::peer_is_there() {
    char byte = 0;
    const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // Bytes are as bad as the end: nobody asks for more before the answer.
    return count < 0 && (errno == EAGAIN || errno == EINTR);
}

Invocation* Conversation::claim(std::string_view id) {
    Invocation* invocation = worker_->invocation();
    if (invocation == nullptr || invocation->id != id || invocation->being_answered) return nullptr;
    invocation->being_answered = true;
    return invocation;
}

Task<bool> Conversation::refuse_claim(std::string id, std::string_view wish) {
    const Invocation* invocation = worker_->invocation();
    const bool twice = invocation != nullptr && invocation->id == id;
    if (twice || worker_->was_answered(id)) co_return co_await forbid(wish);
    co_return co_await refuse(400, "InvalidRequestID", "Invalid request ID");
}

Task<bool> Conversation::respond() {
    const std::string& mode = request_->response_mode;
    const bool streams = beast::iequals(mode, "streaming");
    // The answer to a batch is to be understood as a whole.
    if (streams && options().batch == 1) co_return co_await stream();
    if (!mode.empty() && !streams) {
        worker_->finish(failure(
            Verdict::retry, FailureKind::handler, "the function's response has an unknown mode"
        ));
        co_return co_await refuse(
            400, "InvalidFunctionResponseMode", "Invalid function response mode"
        );
    }
    const Came came = co_await read_payload();
    if (came == Came::too_large) co_return co_await too_large();
    if (came == Came::cut_off) co_return co_await truncated();
    std::string payload = std::exchange(payload_, {});
    if (!request_->trailer_error_type.empty()) {
        worker_->finish(trailer_failure());
        co_return co_await accepted();
    }
    std::vector<JobId> ids;
    for (const auto& job : worker_->invocation()->jobs) ids.push_back(job->attempt.input->id);
    std::vector<AttemptResult> results;
    if (payload.size() <= kPayloadBytesHere) {
        results = to_results(std::move(payload), ids);
    } else {
        auto read = [this, bytes = std::move(payload), ids = std::move(ids)]() mutable {
            return to_results(std::move(bytes), ids);
        };
        results = co_await runtime::on_pool(worker_->shared().pool, std::move(read));
    }
    worker_->finish(std::move(results));
    co_return co_await accepted();
}

AttemptResult Conversation::trailer_failure() const {
    const auto error =
        wire::parse_lambda_trailers(request_->trailer_error_type, request_->trailer_error_body);
    return failure(Verdict::retry, FailureKind::handler, error.detail());
}

std::vector<AttemptResult> Conversation::to_results(
    std::string payload, const std::vector<JobId>& ids
) const {
    std::vector<AttemptResult> results;
    if (options().batch == 1) {
        results.push_back(
            to_result(wire::parse_lambda_response(std::move(payload), request_->content_type))
        );
        return results;
    }
    for (wire::LambdaResult& said : wire::parse_lambda_batch_response(payload, ids))
        results.push_back(to_result(std::move(said)));
    return results;
}

AttemptResult Conversation::to_result(wire::LambdaResult said) const {
    if (said.failed) return failure(Verdict::retry, FailureKind::handler, std::move(said.detail));
    AttemptResult result;
    result.verdict = Verdict::success;
    result.kind = FailureKind::none;
    result.status = said.status;
    result.content_type = std::move(said.content_type);
    if (result.content_type.empty()) result.content_type = options().content_type;
    result.body.bytes = std::move(said.body);
    return result;
}

Task<bool> Conversation::stream() {
    runtime::BodyWriter writer(worker_->shared().spool, options().output_bytes_max);
    std::optional<wire::LambdaPrelude> prelude;
    if (wire::has_lambda_prelude(request_->content_type)) prelude.emplace();
    if (!co_await say_continue()) co_return co_await truncated();
    Result<void> taken = success();
    while (!request_->is_done() || !request_->body.empty()) {
        if (request_->body.empty() && !co_await read_some()) co_return co_await truncated();
        std::string bytes = std::exchange(request_->body, {});
        if (prelude && !prelude->done()) {
            std::string_view rest = bytes;
            taken = prelude->take(rest);
            if (!taken) break;
            bytes = rest;
        }
        if (!bytes.empty()) taken = co_await append(&writer, std::move(bytes));
        if (!taken) break;
    }
    if (!taken && taken.error().code == Code::too_large) co_return co_await too_large();
    AttemptResult result;
    if (!taken) {
        result = failure(Verdict::retry, FailureKind::handler, taken.error().detail);
    } else if (!request_->trailer_error_type.empty()) {
        result = trailer_failure();
    } else if (prelude && !prelude->done()) {
        result = failure(
            Verdict::retry, FailureKind::handler, "the streamed response has no status and headers"
        );
    } else {
        result = co_await complete(&writer);
        if (prelude) {
            result.status = prelude->status();
            result.content_type = prelude->content_type();
        } else if (wire::is_content_type(request_->content_type)) {
            result.content_type = request_->content_type;
        }
    }
    worker_->finish(result);
    co_return co_await accepted();
}

Task<Result<void>> Conversation::append(runtime::BodyWriter* writer, std::string bytes) {
    if (!writer->needs_disk(bytes.size())) co_return writer->append(bytes);
    auto write = [writer, chunk = std::move(bytes)] { return writer->append(chunk); };
    co_return co_await runtime::on_pool(worker_->shared().pool, std::move(write));
}

Task<AttemptResult> Conversation::complete(runtime::BodyWriter* writer) {
    Result<Body> body = Body{};
    if (writer->needs_disk(0)) {
        auto finish = [writer] { return writer->finish(); };
        body = co_await runtime::on_pool(worker_->shared().pool, std::move(finish));
    } else {
        body = writer->finish();
    }
    if (!body) co_return failure(Verdict::retry, FailureKind::handler, body.error().detail);
    AttemptResult result;
    result.verdict = Verdict::success;
    result.kind = FailureKind::none;
    result.content_type = options().content_type;
    result.body = std::move(body.value());
    co_return result;
}

Task<bool> Conversation::fail() {
    const Came came = co_await read_payload();
    const auto error = wire::parse_lambda_error(request_->error_type, payload_);
    payload_ = {};
    worker_->finish(failure(Verdict::retry, FailureKind::handler, error.detail()));
    if (came == Came::too_large)
        co_return co_await refuse(413, "RequestEntityTooLarge", "the error is too large");
    co_return came == Came::whole&& co_await accepted();
}

Task<bool> Conversation::fail_init() {
    const Came came = co_await read_payload();
    const auto error = wire::parse_lambda_error(request_->error_type, payload_);
    payload_ = {};
    if (came == Came::cut_off) co_return false;
    if (!worker_->init_failed(error.detail())) co_return co_await forbid("InitError");
    co_return co_await accepted();
}

Task<bool> Conversation::too_large() {
    worker_->finish(exec::output_too_large(options()));
    co_return co_await refuse(
        413, "RequestEntityTooLarge", "the response is larger than the limit"
    );
}

Task<bool> Conversation::truncated() {
    worker_->finish(failure(
        Verdict::retry, FailureKind::lost, "the function's response broke off before its end"
    ));
    co_await refuse(400, "TruncatedHTTPRequest", "HTTP request detected as truncated");
    co_return false;
}

Task<bool> Conversation::forbid(std::string_view wish) {
    std::string message = "State transition from ";
    message += worker_->state();
    message += " to ";
    message += wish;
    message += " failed for runtime. Error: State transition is not allowed";
    co_return co_await refuse(403, "InvalidStateTransition", message);
}

Task<bool> Conversation::refuse(int status, std::string_view type, std::string_view message) {
    return answer(status, wire::lambda_refusal(type, message));
}

Task<bool> Conversation::answer(int status, std::string body) {
    bool goes_on = request_->is_header_done() && request_->keep_alive();
    // Who waits for a 100 and gets this keeps its body to itself, or not: nobody can tell.
    if (!request_->is_done()) goes_on = goes_on && !owes_continue_ && co_await discard();
    const std::string text =
        head(status, goes_on ? "" : "Connection: close\r\n", body.size()) + body;
    const auto [error, count] =
        co_await runtime::net::async_write(socket_, runtime::net::buffer(text), kTuple);
    co_return goes_on && !error;
}

Task<bool> Conversation::say_continue() {
    if (!std::exchange(owes_continue_, false)) co_return true;
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [error, count] =
        co_await runtime::net::async_write(socket_, runtime::net::buffer(kContinue), kTuple);
    co_return !error;
}

Task<bool> Conversation::read_some() {
    // Never again after the end: its edge has been seen, and another one does not come.
    if (broken_) co_return false;
    const auto [error, count] = co_await http::async_read_some(socket_, buffer_, *request_, kTuple);
    broken_ = static_cast<bool>(error);
    co_return !error;
}

Task<Conversation::Came> Conversation::read_payload() {
    const std::uint64_t size_max = std::min(kPayloadBytesMax, options().output_bytes_max);
    payload_.clear();
    const auto announced = request_->content_length();
    if (announced && *announced > size_max) co_return Came::too_large;
    if (!co_await say_continue()) co_return Came::cut_off;
    for (;;) {
        if (request_->body.size() > size_max - payload_.size()) co_return Came::too_large;
        payload_ += request_->body;
        request_->body.clear();
        if (request_->is_done()) co_return Came::whole;
        if (!co_await read_some()) co_return Came::cut_off;
    }
}

Task<bool> Conversation::discard() {
    for (std::uint64_t thrown_away = 0; !request_->is_done();) {
        if (!co_await read_some()) co_return false;
        thrown_away += request_->body.size();
        request_->body.clear();
        if (thrown_away > kDiscardMax) co_return false;
    }
    co_return true;
}

}  // namespace bide::lambda
