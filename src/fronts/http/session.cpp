// One connection from its first byte to its last. The parser and its buffer live only while a
// request is read: a connection whose caller waits keeps neither.
#include "fronts/http/body_io.hpp"
#include "fronts/http/shard.hpp"
#include "service/problem.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/container/small_vector.hpp>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace bide::fronts::http {
namespace {

using boost::system::error_code;
using core::Answer;
using runtime::kTuple;
using runtime::Task;

/// A body announced as smaller than this is read even when nobody wants it, so that the
/// connection can go on; past it the connection is closed instead.
constexpr std::uint64_t kDiscardMax = 64 * 1024;

/// After an answer that leaves part of the request unread: how much of it is thrown away, and for
/// how long, so that the client gets to read the answer before a reset.
constexpr std::size_t kLingerMax = 16 << 20;
constexpr auto kLingerTime = std::chrono::seconds(2);

/// The first read of a request: most heads fit.
constexpr std::size_t kFirstRead = 2048;

class Connection {
  public:
    Connection(Shard& shard, std::shared_ptr<Session> session)
        : shard_(shard), session_(std::move(session)), socket_(session_->socket) {}

    Task<void> run();

  private:
    enum class Next : std::uint8_t { request, close, linger };

    Task<Next> one_request();
    Task<error_code> read_head();
    service::Plan understand();
    Task<bool> discard_body();
    Task<Next> refuse(Error error);
    Task<Next> submit(service::SubmitPlan plan, Body body);
    Task<Next> ask(service::AskPlan plan);
    Task<Next> send(wire::Reply reply);
    void write_head(const wire::Reply& reply);
    Task<void> linger();
    void drop_parser();

    ports::Engine& engine() { return shard_.parts().engine; }
    Time now() const { return shard_.parts().clock.now(); }

    Shard& shard_;
    std::shared_ptr<Session> session_;
    runtime::Socket& socket_;
    beast::flat_buffer buffer_;
    std::unique_ptr<Parser> parser_;
    // What is still needed of a request after its parser is gone:
    bool keep_alive_ = false;
    bool head_only_ = false;
    std::string head_;
};

Task<void> Connection::run() {
    Next next = Next::request;
    while (next == Next::request && !shard_.stopping()) next = co_await one_request();
    if (next == Next::linger) co_await linger();
    error_code ignored;
    socket_.shutdown(net::socket_base::shutdown_both, ignored);
    socket_.close(ignored);
}

Task<Connection::Next> Connection::one_request() {
    const error_code error = co_await read_head();
    if (error) {
        const bool nothing_came = buffer_.size() == 0 && !parser_->got_some();
        const bool worth_telling = is_syntax_error(error) || session_->timed_out;
        if (nothing_came || !worth_telling) co_return Next::close;
    }
    Result<void> head = check_head(parser_->get());
    if (error) head = request_error(error, *session_, shard_.options());
    if (head.has_error()) co_return co_await refuse(std::move(head.error()));
    keep_alive_ = parser_->get().keep_alive();
    head_only_ = parser_->get().method() == bhttp::verb::head;

    service::Plan plan = understand();
    if (auto* submission = std::get_if<service::SubmitPlan>(&plan)) {
        Result<Body> body = co_await receive_body(shard_, *session_, *parser_, buffer_);
        if (body.has_error()) co_return co_await refuse(std::move(body.error()));
        drop_parser();
        co_return co_await submit(std::move(*submission), std::move(body.value()));
    }
    const bool whole = co_await discard_body();
    keep_alive_ = keep_alive_ && whole;
    drop_parser();
    Next next = Next::close;
    if (auto* question = std::get_if<service::AskPlan>(&plan))
        next = co_await ask(std::move(*question));
    else
        next = co_await send(std::move(std::get<wire::Reply>(plan)));
    co_return whole ? next : Next::linger;
}

Task<error_code> Connection::read_head() {
    session_->phase = Session::Phase::idle;
    session_->timed_out = false;
    parser_ = std::make_unique<Parser>();
    parser_->header_limit(shard_.options().header_bytes_max);
    parser_->body_limit(shard_.parts().contract.rules().body_bytes_max);
    // The first byte ends idleness; from then on the head has a time of its own.
    if (buffer_.size() == 0) {
        set_deadline(shard_, *session_, shard_.options().idle_time_max);
        const error_code error = co_await receive_more(*session_, buffer_, kFirstRead);
        if (error) co_return error;
    }
    session_->phase = Session::Phase::busy;
    set_deadline(shard_, *session_, shard_.options().header_time_max);
    // The parser's own limit holds for each piece that arrives, not for the whole head.
    std::size_t taken = 0;
    error_code error;
    for (;;) {
        const std::size_t before = buffer_.size();
        error = feed(*parser_, buffer_);
        taken += before - buffer_.size();
        const bool goes_on = error == bhttp::error::need_more;
        const std::size_t head_size = taken + (goes_on ? buffer_.size() : 0);
        if ((goes_on || !error) && head_size > shard_.options().header_bytes_max)
            error = bhttp::error::header_limit;
        if (error != bhttp::error::need_more) break;
        error = co_await receive_more(*session_, buffer_, kFirstRead);
        if (error) break;
    }
    session_->deadline = kNever;
    co_return error;
}

service::Plan Connection::understand() {
    const auto& message = parser_->get();
    const auto view = [](auto text) { return std::string_view(text.data(), text.size()); };
    boost::container::small_vector<wire::Field, 24> fields;
    for (const auto& field : message)
        fields.push_back({view(field.name_string()), view(field.value())});
    return shard_.parts().contract.understand(
        {view(message.method_string()), view(message.target()), {fields.data(), fields.size()}}
    );
}

/// True when the whole request has been read, so that another may follow.
Task<bool> Connection::discard_body() {
    if (parser_->is_done()) co_return true;
    const auto length = parser_->content_length();
    const bool announced_small = length && *length <= kDiscardMax;
    if (!announced_small || !parser_->get()[bhttp::field::expect].empty()) co_return false;
    const Result<Body> unwanted = co_await receive_body(shard_, *session_, *parser_, buffer_);
    co_return unwanted.has_value();
}

/// Answers a request that goes no further. What remains of it cannot be told from a next one.
Task<Connection::Next> Connection::refuse(Error error) {
    drop_parser();
    keep_alive_ = false;
    session_->timed_out = false;
    co_await send(service::to_reply(service::problem_of(error)));
    co_return Next::linger;
}

Task<Connection::Next> Connection::submit(service::SubmitPlan plan, Body body) {
    const Time created = now();
    auto input = std::make_shared<core::JobInput>();
    const ports::NewId made = engine().make_id();
    input->id = made.id;
    input->sequence = made.sequence;
    input->queue = plan.queue;
    input->created = created;
    input->content_type = std::move(plan.content_type);
    input->body = std::move(body);
    input->traceparent = std::move(plan.traceparent);

    session_->waiter = shard_.new_waiter();
    engine().submit({std::move(input), {session_->waiter, created + plan.wait.wait}, created});
    std::optional<Answer> answer = co_await shard_.wait(session_);
    if (!answer) co_return Next::close;
    co_return co_await send(shard_.parts().contract.answer(plan, *answer, now()));
}

Task<Connection::Next> Connection::ask(service::AskPlan plan) {
    session_->waiter = shard_.new_waiter();
    const core::Wait wait{session_->waiter, now() + plan.wait.wait};
    if (plan.what == service::AskPlan::What::cancel)
        engine().cancel(plan.job, wait);
    else
        engine().join(plan.job, wait);
    std::optional<Answer> answer = co_await shard_.wait(session_);
    if (!answer) co_return Next::close;
    co_return co_await send(shard_.parts().contract.answer(plan, *answer, now()));
}

Task<Connection::Next> Connection::send(wire::Reply reply) {
    keep_alive_ = keep_alive_ && !shard_.stopping();
    write_head(reply);
    const bool bodiless = head_only_ || wire::is_bodiless(reply.status);
    const std::string_view inline_body =
        bodiless ? std::string_view() : std::string_view(reply.body.bytes);
    const std::array<net::const_buffer, 2> parts{net::buffer(head_), net::buffer(inline_body)};
    set_deadline(shard_, *session_, shard_.options().write_time_max);
    auto [error, sent] = co_await net::async_write(socket_, parts, kTuple);
    session_->deadline = kNever;
    if (error) co_return Next::close;
    if (reply.body.file && !bodiless) {
        const bool whole = co_await send_file(shard_, *session_, *reply.body.file);
        if (!whole) co_return Next::close;
    }
    co_return keep_alive_ ? Next::request : Next::close;
}

void Connection::write_head(const wire::Reply& reply) {
    const auto reason = bhttp::obsolete_reason(static_cast<bhttp::status>(reply.status));
    head_.clear();
    head_ += "HTTP/1.1 ";
    head_ += std::to_string(reply.status);
    head_ += ' ';
    head_.append(reason.data(), reason.size());
    head_ += "\r\n";
    head_ += shard_.date_line();
    head_ += reply.headers.lines();
    if (!wire::is_bodiless(reply.status)) {
        head_ += "Content-Length: ";
        head_ += std::to_string(reply.body.size());
        head_ += "\r\n";
    }
    head_ += keep_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
}

Task<void> Connection::linger() {
    error_code ignored;
    socket_.shutdown(net::socket_base::shutdown_send, ignored);
    set_deadline(shard_, *session_, kLingerTime);
    std::string thrown_away(16 * 1024, '\0');
    for (std::size_t total = 0; total < kLingerMax;) {
        auto [error, got] = co_await socket_.async_read_some(net::buffer(thrown_away), kTuple);
        if (error) break;
        total += got;
    }
    session_->deadline = kNever;
}

void Connection::drop_parser() {
    parser_.reset();
    if (buffer_.size() == 0) buffer_ = beast::flat_buffer();
}

}  // namespace

Task<void> serve(Shard& shard, std::shared_ptr<Session> session) {
    Connection connection(shard, std::move(session));
    co_await connection.run();
}

}  // namespace bide::fronts::http
