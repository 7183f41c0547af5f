// A connection's requests, from the first byte of a head to the engine and back.
#include "fronts/http/connection.hpp"
#include "service/problem.hpp"

#include <boost/asio/write.hpp>

#include <optional>
#include <utility>
#include <variant>

namespace bide::fronts::http {

using boost::system::error_code;
using core::Answer;
using runtime::kTuple;
using runtime::Task;

namespace {

/// After an answer that leaves part of the request unread: how much of it is thrown away, and for
/// how long, so that the client gets to read the answer before a reset.
constexpr std::size_t kLingerMax = 16 << 20;
constexpr auto kLingerTime = std::chrono::seconds(2);

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// The first byte of every TLS handshake.
constexpr char kHandshake = 0x16;

constexpr std::string_view kSpeakTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 41\r\n"
    "Connection: close\r\n\r\nThis port speaks TLS: use an https URL.\r\n";

Error too_large(std::uint64_t most) {
    return {
        Code::too_large,
        Retry::never,
        "the body is larger than the limit of " + std::to_string(most) + " bytes"};
}

}  // namespace

Connection::Connection(Shard& shard, std::shared_ptr<Session> session)
    : shard_(shard), session_(std::move(session)), reader_(shard_, *session_) {}

Task<void> Connection::run() {
    Next next = Next::request;
    if (session_->tls) {
        const bool begun = co_await begin_tls();
        if (!begun) next = Next::close;
    }
    while (next == Next::request && !shard_.stopping()) next = co_await one_request();
    if (session_->tls) session_->tls->say_goodbye();
    if (next == Next::linger) co_await linger();
    error_code ignored;
    session_->socket.shutdown(net::socket_base::shutdown_both, ignored);
    session_->socket.close(ignored);
}

/// A client that speaks plain HTTP here is told so in its own language.
Task<bool> Connection::begin_tls() {
    runtime::Socket& socket = session_->socket;
    set_deadline(shard_, *session_, shard_.options().handshake_time_max);
    auto [error] = co_await socket.async_wait(runtime::Socket::wait_read, kTuple);
    if (error) co_return false;
    char first = kHandshake;
    error_code ignored;
    socket.receive(net::buffer(&first, 1), net::socket_base::message_peek, ignored);
    if (first == kHandshake) {
        const error_code failed = co_await session_->tls->handshake();
        session_->deadline = kNever;
        co_return !failed;
    }
    session_->tls.reset();
    if (first >= 'A' && first <= 'Z') {
        co_await net::async_write(socket, net::buffer(kSpeakTls), kTuple);
        co_await linger();
    }
    co_return false;
}

Task<Connection::Next> Connection::one_request() {
    auto failure = co_await reader_.read_head();
    if (failure && !failure->error) co_return Next::close;
    if (failure) co_return co_await refuse(std::move(*failure->error));
    const wire::ParsedHead& head = reader_.head();
    keep_alive_ = head.keep_alive;
    head_only_ = head.method == "HEAD";

    service::Plan plan = understand(head);
    if (auto* submission = std::get_if<service::SubmitPlan>(&plan)) {
        const std::uint64_t most = shard_.parts().contract.rules().body_bytes_max;
        if (head.length > most) {
            Error large = too_large(most);
            co_return co_await refuse(std::move(large));
        }
        if (reader_.expects_continue()) {
            const bool sent = co_await write({net::buffer(kContinue), net::const_buffer()});
            if (!sent) co_return Next::close;
        }
        Result<Body> body = co_await reader_.receive_body();
        if (body.has_error()) co_return co_await refuse(std::move(body.error()));
        reader_.drop();
        co_return co_await submit(std::move(*submission), std::move(body.value()));
    }
    const bool whole = co_await discard_body();
    keep_alive_ = keep_alive_ && whole;
    reader_.drop();
    Next next = Next::close;
    if (auto* question = std::get_if<service::AskPlan>(&plan))
        next = co_await ask(std::move(*question));
    else
        next = co_await send(std::move(std::get<wire::Reply>(plan)));
    co_return whole ? next : Next::linger;
}

service::Plan Connection::understand(const wire::ParsedHead& head) {
    service::Plan plan = shard_.parts().contract.understand(head.request(), {now()});
    // What this front does not do yet.
    if (std::holds_alternative<service::BatchPlan>(plan)) {
        return service::to_reply(
            service::problem_of({Code::not_found, Retry::never, "this server takes no batches"})
        );
    }
    if (auto* submission = std::get_if<service::SubmitPlan>(&plan)) submission->wait.stream = false;
    if (auto* question = std::get_if<service::AskPlan>(&plan)) {
        question->wait.stream = false;
        question->range.clear();
    }
    return plan;
}

/// True when the whole request has been read, so that another may follow.
Task<bool> Connection::discard_body() {
    if (reader_.body_is_done()) co_return true;
    if (!reader_.rest_is_small()) co_return false;
    const Result<Body> unwanted = co_await reader_.receive_body();
    co_return unwanted.has_value();
}

/// Answers a request that goes no further. What remains of it cannot be told from a next one.
Task<Connection::Next> Connection::refuse(Error error) {
    reader_.drop();
    keep_alive_ = false;
    session_->timed_out = false;
    co_await send(service::to_reply(service::problem_of(error)));
    co_return Next::linger;
}

Task<Connection::Next> Connection::submit(service::SubmitPlan plan, Body body) {
    const service::Contract& contract = shard_.parts().contract;
    core::Fingerprint fingerprint{};
    if (auto maker = contract.fingerprint_maker(plan)) {
        if (body.file) {
            const Error large{
                Code::too_large, Retry::never, "a body under a key or id of its own is too large"};
            co_return co_await send(contract.refuse(plan.caller, large));
        }
        maker->update(body.bytes);
        fingerprint = maker->finish();
    }
    session_->waiter = shard_.new_waiter();
    engine().submit(contract.make_submit(
        plan, std::move(body), fingerprint, engine().make_id(), session_->waiter, now()
    ));
    std::optional<Answer> answer = co_await shard_.wait(session_);
    if (!answer) co_return Next::close;
    co_return co_await send(contract.answer(plan, *answer, now()));
}

Task<Connection::Next> Connection::ask(service::AskPlan plan) {
    const service::Contract& contract = shard_.parts().contract;
    std::optional<Answer> answer;
    do {
        session_->waiter = shard_.new_waiter();
        contract.begin(engine(), plan, session_->waiter, now());
        answer = co_await shard_.wait(session_);
        if (!answer) co_return Next::close;
    } while (contract.next_step(plan, *answer));
    co_return co_await send(contract.answer(plan, *answer, now()));
}

Task<void> Connection::linger() {
    error_code ignored;
    session_->socket.shutdown(net::socket_base::shutdown_send, ignored);
    set_deadline(shard_, *session_, kLingerTime);
    std::string thrown_away(16 * 1024, '\0');
    for (std::size_t total = 0; total < kLingerMax;) {
        auto [error, got] =
            co_await session_->socket.async_read_some(net::buffer(thrown_away), kTuple);
        if (error) break;
        total += got;
    }
    session_->deadline = kNever;
}

Task<void> serve(Shard& shard, std::shared_ptr<Session> session) {
    Connection connection(shard, std::move(session));
    co_await connection.run();
}

}  // namespace bide::fronts::http
