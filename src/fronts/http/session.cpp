// A connection's requests, from the first byte of a head to the engine and back.
#include "fronts/http/body_intake.hpp"
#include "fronts/http/connection.hpp"
#include "fronts/http/http2.hpp"
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

}  // namespace

Connection::Connection(Shard& shard, std::shared_ptr<Session> session)
    : shard_(shard), session_(std::move(session)), reader_(shard_, *session_) {}

Connection::Connection(Shard& shard, std::shared_ptr<Session> session, Parked parked)
    : Connection(shard, std::move(session)) {
    keep_alive_ = parked.keep_alive;
    head_only_ = parked.head_only;
    whole_ = parked.whole;
    minor_ = parked.minor;
    if (parked.early) reader_.put_back(*parked.early);
    terms_ = std::move(parked.terms);
    ask_ = std::move(parked.ask);
}

/// Nothing stays but what the answer will need.
std::unique_ptr<Parked> Connection::park() {
    auto parked = std::make_unique<Parked>();
    parked->keep_alive = keep_alive_;
    parked->head_only = head_only_;
    parked->whole = whole_;
    parked->minor = minor_;
    std::string early = reader_.take_rest();
    if (!early.empty()) parked->early = std::make_unique<const std::string>(std::move(early));
    parked->terms = std::move(terms_);
    parked->ask = std::move(ask_);
    return parked;
}

/// No coroutine where nothing comes before the first request, so no frame.
Task<Connection::End> Connection::run() {
    return session_->tls ? run_tls() : serve_from(Next::request);
}

Task<Connection::End> Connection::run_tls() {
    const bool begun = co_await begin_tls();
    if (!begun) co_return co_await serve_from(Next::close);
    if (session_->tls->speaks_http2()) co_return co_await serve_from(Next::http2);
    co_return co_await serve_from(Next::request);
}

Task<Connection::End> Connection::go_on(AnswerPointer answer) {
    Next next = co_await answered(std::move(answer));
    if (next != Next::park && !whole_) next = Next::linger;
    co_return co_await serve_from(next);
}

Task<Connection::End> Connection::serve_from(Next next) {
    while (next == Next::request && !shard_.stopping()) {
        plan_.reset();
        terms_.reset();
        ask_.reset();
        whole_ = true;
        next = co_await take_request();
        if (next == Next::perform) next = co_await perform();
        if (next != Next::park && !whole_) next = Next::linger;
    }
    if (next == Next::park) co_return End::parked;
    if (next == Next::http2) {
        co_await speak_http2();
        next = Next::linger;
    }
    if (session_->tls) session_->tls->say_goodbye();
    if (next == Next::linger) co_await linger();
    error_code ignored;
    session_->socket.shutdown(net::socket_base::shutdown_both, ignored);
    session_->socket.close(ignored);
    co_return End::closed;
}

/// No coroutine, so that who awaits it keeps no room for the arguments.
Task<void> Connection::speak_http2() {
    return serve_http2(shard_, session_, reader_.take_rest());
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

Task<Connection::Next> Connection::take_request() {
    auto failure = co_await reader_.read_head();
    if (failure && !failure->error) co_return Next::close;
    if (failure) {
        // Only here, so that a request of HTTP/1.1 pays nothing; and only as the first thing said.
        const bool first = !keep_alive_;
        if (first && shard_.options().http2 && reader_.begins_http2()) co_return Next::http2;
        keep_alive_ = head_only_ = false;
        co_return co_await refuse(service::to_reply(service::problem_of(*failure->error)));
    }
    const wire::ParsedHead& head = reader_.head();
    keep_alive_ = head.keep_alive;
    head_only_ = head.method == "HEAD";
    minor_ = head.minor;
    plan_ = std::make_unique<service::Plan>(
        contract().understand(head.request(), {now(), shard_.connections()})
    );
    if (std::holds_alternative<service::SubmitPlan>(*plan_)) {
        received_ = std::make_unique<Received>();
        const std::uint64_t most = contract().rules().body_bytes_max;
        if (head.length > most)
            refuse_length(most);
        else if (reader_.body_is_here())
            take_submission();
        else
            co_await receive_submission();
        if (received_->refusal) co_return co_await refuse(std::move(*received_->refusal));
        reader_.drop();
    } else if (!std::holds_alternative<service::BatchPlan>(*plan_)) {
        co_await drop_body();
    }
    co_return Next::perform;
}

/// No coroutine, so no frame.
Task<Connection::Next> Connection::perform() {
    if (std::holds_alternative<service::BatchPlan>(*plan_)) return batch();
    if (auto* reply = std::get_if<wire::Reply>(&*plan_)) return send(std::move(*reply));
    if (const auto* submission = std::get_if<service::SubmitPlan>(&*plan_))
        return submission->wait.stream ? stream_submission() : submit();
    const auto& question = std::get<service::AskPlan>(*plan_);
    return question.wait.stream && !head_only_ ? stream_question() : ask();
}

void Connection::refuse_length(std::uint64_t most) {
    const auto& plan = std::get<service::SubmitPlan>(*plan_);
    received_->refusal = contract().refuse(plan.caller, body_too_large(most));
}

/// The usual case of receive_submission(), without its frames.
void Connection::take_submission() {
    const auto& plan = std::get<service::SubmitPlan>(*plan_);
    auto maker = contract().fingerprint_maker(plan);
    received_->body = reader_.take_body(maker ? &*maker : nullptr);
    if (maker) received_->fingerprint = maker->finish();
}

Task<void> Connection::receive_submission() {
    const auto& plan = std::get<service::SubmitPlan>(*plan_);
    // A connection that breaks is noticed by who reads from it.
    co_await invite_body();
    auto maker = contract().fingerprint_maker(plan);
    Result<Body> body = co_await reader_.receive_body(maker ? &*maker : nullptr);
    if (body.has_error()) {
        received_->refusal = contract().refuse(plan.caller, body.error());
        co_return;
    }
    received_->body = std::move(body.value());
    if (maker) received_->fingerprint = maker->finish();
}

core::event::Submit Connection::make_submit(core::WaiterId waiter) {
    const std::unique_ptr<Received> received = std::move(received_);
    return contract().make_submit(
        std::get<service::SubmitPlan>(*plan_),
        std::move(received->body),
        received->fingerprint,
        engine().make_id(),
        waiter,
        now()
    );
}

/// For a client that keeps its body back until it is wanted.
Task<bool> Connection::invite_body() {
    if (!reader_.expects_continue()) co_return true;
    co_return co_await write({net::buffer(kContinue), net::const_buffer()});
}

/// Of a request whose body, if it has one, nobody wants.
Task<void> Connection::drop_body() {
    whole_ = reader_.body_is_done();
    if (!whole_ && reader_.rest_is_small()) {
        const Result<Body> unwanted = co_await reader_.receive_body(nullptr);
        whole_ = unwanted.has_value();
    }
    keep_alive_ = keep_alive_ && whole_;
    reader_.drop();
}

/// Answers a request that goes no further. What remains of it cannot be told from a next one.
Task<Connection::Next> Connection::refuse(wire::Reply reply) {
    reader_.drop();
    keep_alive_ = false;
    session_->timed_out = false;
    co_await send(std::move(reply));
    co_return Next::linger;
}

Task<Connection::Next> Connection::submit() {
    session_->waiter = shard_.new_waiter();
    shard_.parts().engine.submit(make_submit(session_->waiter));
    keep_terms();
    AnswerPointer answer = co_await shard_.wait(session_);
    co_return co_await answered(std::move(answer));
}

/// Nothing else is needed of a submission that is with the engine.
void Connection::keep_terms() {
    terms_ = shard_.share(std::move(std::get<service::SubmitPlan>(*plan_)));
    plan_.reset();
}

Task<Connection::Next> Connection::ask() {
    begin_question(std::move(std::get<service::AskPlan>(*plan_)));
    plan_.reset();
    AnswerPointer answer = co_await shard_.wait(session_);
    co_return co_await answered(std::move(answer));
}

void Connection::begin_question(service::AskPlan plan) {
    session_->waiter = shard_.new_waiter();
    contract().begin(engine(), plan, session_->waiter, now());
    ask_ = std::make_unique<service::Ask>(std::move(plan));
    terms_ = shard_.share(std::move(plan));
}

/// What the wait came to: the answer, nothing when the client is gone, or the coroutine is to end
/// while the wait goes on.
Task<Connection::Next> Connection::answered(AnswerPointer answer) {
    for (;;) {
        if (std::exchange(session_->parking, false)) co_return Next::park;
        if (!answer) co_return Next::close;
        if (!asks_again(*answer)) co_return co_await send(reply_to(*answer));
        answer = co_await shard_.wait(session_);
    }
}

/// Some questions come in two steps.
bool Connection::asks_again(const Answer& answer) {
    if (!ask_ || !ask_->look_first) return false;
    service::AskPlan plan{std::move(*ask_), *terms_};
    const bool again = contract().next_step(plan, answer);
    if (again)
        begin_question(std::move(plan));
    else
        *ask_ = std::move(plan);
    return again;
}

wire::Reply Connection::reply_to(const Answer& answer) {
    if (!ask_) return contract().answer(*terms_, answer, now());
    return contract().answer(service::AskPlan{std::move(*ask_), *terms_}, answer, now());
}

Task<void> Connection::linger() {
    error_code ignored;
    session_->socket.shutdown(net::socket_base::shutdown_send, ignored);
    set_deadline(shard_, *session_, kLingerTime);
    std::string thrown_away(16 * 1024, '\0');
    error_code failed;
    for (std::size_t total = 0; total < kLingerMax && !failed;) {
        auto [error, got] =
            co_await session_->socket.async_read_some(net::buffer(thrown_away), kTuple);
        failed = error;
        total += got;
    }
    // Closing now would reset the connection, and the answer with it. A client that goes on sending
    // regardless (nginx does) is held back instead, which gives it time to look up and read.
    if (!failed) co_await session_->socket.async_wait(runtime::Socket::wait_error, kTuple);
    session_->deadline = kNever;
}

Task<void> serve(Shard& shard, std::shared_ptr<Session> session) {
    const auto connection = std::make_shared<Connection>(shard, session);
    const auto end = co_await connection->run();
    if (end == Connection::End::parked)
        session->parked = connection->park();
    else
        session->ended = true;
}

Task<void> go_on(Shard& shard, std::shared_ptr<Session> session, AnswerPointer answer) {
    const std::unique_ptr<Parked> parked = std::move(session->parked);
    const auto connection = std::make_shared<Connection>(shard, session, std::move(*parked));
    const auto end = co_await connection->go_on(std::move(answer));
    if (end == Connection::End::parked)
        session->parked = connection->park();
    else
        session->ended = true;
}

}  // namespace bide::fronts::http
