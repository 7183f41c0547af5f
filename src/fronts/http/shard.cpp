#include "fronts/http/shard.hpp"

#include "fronts/http/http2.hpp"
#include "runtime/spool.hpp"
#include "runtime/turn.hpp"
#include "service/problem.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <ctime>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <utility>

namespace bide::fronts::http {

using boost::system::error_code;
using runtime::kTuple;
using runtime::tcp;

namespace {

/// Timeouts are this coarse; and a client's hang-up is watched for only once its wait has lasted
/// this long, so that short waits cost nothing.
constexpr auto kTick = std::chrono::milliseconds(200);

/// A caller that has waited this long waits on without its coroutine's frames, some 1.5 KiB. What
/// callers that come together need until then stays resident (docs/decisions/0006). Looked for at
/// every quarter of it.
constexpr auto kParkAfter = std::chrono::milliseconds(100);

/// How often the certificate's files are looked at.
constexpr auto kTlsLook = std::chrono::seconds(1);

/// Connections that were told that there are too many and are kept open for the client to read it.
constexpr std::size_t kTurnedAwayMax = 64;

/// Of an answer from a file: that, and over HTTP/1.1 the socket once more (Connection::send_file).
constexpr std::size_t kDescriptorsOfAnswer = 2;

/// Of all that comes in on connections of HTTP/2.
constexpr std::size_t kReadRoom = 64 * 1024;

/// In the ids of waits of HTTP/2's streams, so that only one map is looked into.
constexpr std::uint64_t kOfStream = 1ULL << 55;

std::string full_page() {
    const wire::Reply reply = service::to_reply(service::problem_of(
        {Code::overloaded,
         Retry::safe,
         "the server has as many connections, or files open, as it may",
         1}
    ));
    return "HTTP/1.1 503 Service Unavailable\r\n" + reply.headers.lines() +
           "Content-Length: " + std::to_string(reply.body.size()) +
           "\r\nConnection: close\r\n\r\n" + reply.body.bytes;
}

/// Suspends until somebody calls the session's handler.
auto resumption(Session* session) {
    return net::async_initiate<const net::use_awaitable_t<runtime::Executor>, void(AnswerPointer)>(
        [](AnswerHandler handler, Session* waiting) {
            waiting->resume.emplace(std::move(handler));
        },
        net::use_awaitable_t<runtime::Executor>{},
        session
    );
}

/// The job whose result the answer was to be.
std::optional<JobId> job_named_in(const wire::Reply& reply) {
    static constexpr std::string_view kName = "Bide-Job-Id: ";
    const std::string_view lines = reply.headers.lines();
    const std::size_t at = lines.find(kName);
    if (at == std::string_view::npos) return std::nullopt;
    const auto job = parse_job_id(lines.substr(at + kName.size(), 36));
    return job.has_value() ? std::optional(job.value()) : std::nullopt;
}

Error cannot_listen(const std::string& host, std::uint16_t port, const error_code& error) {
    const bool taken = error == net::error::address_in_use;
    return {
        Code::internal,
        Retry::never,
        "cannot listen on " + host + ":" + std::to_string(port) + ": " + error.message() +
            (taken ? "; end what listens there, or take another: --listen 127.0.0.1:0" : "")};
}

}  // namespace

Shard::Shard(const Options& options, Server::Parts parts, Shared shared)
    : options_(options),
      parts_(parts),
      shared_(shared),
      acceptor_(io_.get_executor()),
      ticker_(io_.get_executor()),
      parker_(io_.get_executor()),
      sink_number_(parts.engine.add_sink(*this)) {}

Shard::~Shard() {
    // The coroutines' frames go later, with io_, and their sessions must not be linked here then.
    waiting_.clear();
    sessions_.clear();
}

Result<std::uint16_t> Shard::listen(std::uint16_t port, Which which) {
    error_code error;
    const auto address = net::ip::make_address(options_.host, error);
    if (error) return cannot_listen(options_.host, port, error);
    which_ = which;
    const tcp::endpoint endpoint(address, port);
    protocol_ = endpoint.protocol();
    acceptor_.open(protocol_, error);
    if (error) return cannot_listen(options_.host, port, error);
    const auto set = [this](int option) {
        const int on = 1;
        ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, option, &on, sizeof on);
    };
    set(SO_REUSEADDR);
    // All threads listen on one port, but another server must not join them: the first binds as if
    // alone, so that a port in use is an error, and lets the others in afterwards.
    if (which == Which::further) set(SO_REUSEPORT);
    acceptor_.bind(endpoint, error);
    if (error) return cannot_listen(options_.host, port, error);
    if (which == Which::first && options_.threads > 1) set(SO_REUSEPORT);
    acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error) return cannot_listen(options_.host, port, error);
    return acceptor_.local_endpoint().port();
}

void Shard::start() {
    const auto rethrow = [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    };
    net::co_spawn(io_, accept_loop(), rethrow);
    net::co_spawn(io_, tick_loop(), rethrow);
    thread_ = std::thread([this] { runtime::run_in_turns(io_); });
    ::pthread_setname_np(thread_.native_handle(), "bide-io");
}

void Shard::close_acceptor() {
    net::post(io_, [this] {
        stopping_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        for (auto& session : sessions_) {
            if (session.http2 != nullptr)
                session.http2->drain();
            else if (session.phase == Session::Phase::idle)
                session.socket.close(ignored);
        }
    });
}

void Shard::shut() {
    net::post(io_, [this] {
        error_code ignored;
        ticker_.cancel();
        held_sockets_.close();
        for (auto& session : sessions_) {
            session.socket.close(ignored);
            if (session.http2 != nullptr) session.http2->abandon();
        }
        while (!waiting_.empty()) {
            const std::shared_ptr<Session> session = waiting_.begin()->second;
            if (session->mailbox) {
                waiting_.erase(waiting_.begin());
                session->mailbox->departed = true;
                wake(*session);
            } else {
                finish_wait(session, nullptr);
            }
        }
        io_.stop();
    });
    thread_.join();
}

void Shard::deliver(std::vector<core::Answer>&& answers) {
    bool first = false;
    {
        const std::lock_guard lock(inbox_mutex_);
        first = inbox_.empty();
        if (first) {
            inbox_.swap(answers);
        } else {
            inbox_.insert(
                inbox_.end(),
                std::make_move_iterator(answers.begin()),
                std::make_move_iterator(answers.end())
            );
        }
    }
    if (first) net::post(io_, [this] { take_answers(); });
}

void Shard::take_answers() {
    std::vector<core::Answer> answers;
    {
        const std::lock_guard lock(inbox_mutex_);
        answers.swap(inbox_);
    }
    for (auto& answer : answers) {
        if ((answer.waiter & kOfStream) != 0) {
            const auto stream = waiting_streams_.find(answer.waiter);
            if (stream == waiting_streams_.end()) continue;
            Http2Stream& told = *stream->second;
            if (answer.last()) waiting_streams_.erase(stream);
            told.take(std::move(answer));
            continue;
        }
        const auto found = waiting_.find(answer.waiter);
        if (found == waiting_.end()) continue;  // it left before
        const std::shared_ptr<Session> session = found->second;
        if (session->mailbox) {
            if (answer.last()) waiting_.erase(found);
            session->mailbox->put(std::move(answer));
            wake(*session);
        } else {
            finish_wait(session, std::make_unique<core::Answer>(std::move(answer)));
        }
    }
}

void Shard::finish_wait(const std::shared_ptr<Session>& session, AnswerPointer answer) {
    waiting_.erase(session->waiter);
    session->phase = Session::Phase::busy;
    error_code ignored;
    const bool held = static_cast<bool>(session->held);
    if (std::exchange(session->watched, false) && !held) session->socket.cancel(ignored);
    if (held) held_sockets_.give_back(*session, protocol_);
    if (session->parked && answer) return run(go_on(*this, session, std::move(answer)), session);
    if (session->parked) {
        session->parked.reset();
        session->socket.close(ignored);
        return remove(*session);
    }
    AnswerHandler resume = std::move(*session->resume);
    session->resume.reset();
    std::move(resume)(std::move(answer));
}

/// A connection has one coroutine at a time; the last one takes it off the list.
void Shard::run(runtime::Task<void> task, std::shared_ptr<Session> session) {
    net::co_spawn(
        io_,
        std::move(task),
        [this, session = std::move(session)](const std::exception_ptr& failure) {
            if ((failure || session->ended) && session->is_linked()) remove(*session);
        }
    );
}

void Shard::park(Session& session) {
    session.parking = true;
    wake(session);
}

void Shard::look_for_old_waits() {
    parker_.expires_after(kParkAfter / 4);
    parker_.async_wait([this](const error_code& error) {
        if (!error) park_old_waits();
    });
}

void Shard::park_old_waits() {
    const Time since_max = parts_.clock.coarse_now() - kParkAfter;
    while (!young_waits_.empty()) {
        const auto found = waiting_.find(young_waits_.front());
        if (found != waiting_.end()) {
            const std::shared_ptr<Session> session = found->second;
            if (session->waiting_since > since_max) return look_for_old_waits();
            if (session->resume) park(*session);
        }
        young_waits_.pop_front();
    }
}

runtime::Task<AnswerPointer> Shard::wait(std::shared_ptr<Session> session) {
    session->phase = Session::Phase::waiting;
    session->waiting_since = parts_.clock.coarse_now();
    session->deadline = kNever;
    if (young_waits_.empty()) look_for_old_waits();
    young_waits_.push_back(session->waiter);
    Session* const waiting = session.get();
    waiting_.emplace(session->waiter, std::move(session));
    return resumption(waiting);
}

// --- exchanges that are told more than one thing ------------------------------------------------

void Mailbox::put(core::Answer&& answer) {
    using Kind = core::Answer::Kind;
    const bool newer =
        answer.kind == Kind::news && !answers.empty() && answers.back().kind == Kind::news;
    if (newer) answers.pop_back();
    answers.push_back(std::move(answer));
}

void Shard::open_mailbox(Session& session) {
    session.phase = Session::Phase::waiting;
    session.waiting_since = parts_.clock.now();
    session.deadline = kNever;
    session.mailbox = std::make_unique<Mailbox>();
}

core::WaiterId Shard::expect(const std::shared_ptr<Session>& session) {
    const core::WaiterId waiter = new_waiter();
    waiting_.emplace(waiter, session);
    return waiter;
}

runtime::Task<void> Shard::mail(std::shared_ptr<Session> session) {
    if (!session->mailbox->has_mail()) co_await resumption(session.get());
    session->mailbox->rung = false;
}

void Shard::close_mailbox(Session& session) {
    session.mailbox.reset();
    session.phase = Session::Phase::busy;
    if (std::exchange(session.watched, false)) {
        error_code ignored;
        session.socket.cancel(ignored);
    }
}

void Shard::ring(Session& session) {
    session.mailbox->rung = true;
    wake(session);
}

void Shard::wake(Session& session) {
    if (!session.resume) return;
    AnswerHandler resume = std::move(*session.resume);
    session.resume.reset();
    std::move(resume)(nullptr);
}

void Shard::leave(core::WaiterId waiter) {
    const bool of_stream = (waiter & kOfStream) != 0;
    const std::size_t erased = of_stream ? waiting_streams_.erase(waiter) : waiting_.erase(waiter);
    if (erased > 0) parts_.engine.leave(waiter);
}

void Shard::forget(core::WaiterId waiter) {
    if ((waiter & kOfStream) != 0)
        waiting_streams_.erase(waiter);
    else
        waiting_.erase(waiter);
}

core::WaiterId Shard::expect(Http2Stream& stream) {
    const core::WaiterId waiter = new_waiter() | kOfStream;
    waiting_streams_.emplace(waiter, &stream);
    return waiter;
}

net::mutable_buffer Shard::read_room() {
    read_room_.resize(kReadRoom);
    return net::buffer(read_room_);
}

core::WaiterId Shard::new_waiter() {
    return ports::make_waiter_id(sink_number_, ++next_waiter_);
}

Result<OpenBody> OpenBody::open(std::shared_ptr<BodyFile> body, Budget::Share descriptors) {
    OpenBody opened(std::move(body), std::move(descriptors));
    if (opened.body_->descriptor() < 0) {
        BIDE_TRY(opened.own_, runtime::open_body(*opened.body_));
    }
    return opened;
}

std::optional<OpenBody> Shard::open_body(wire::Reply& reply) {
    const auto become = [&reply](const Error& error) {
        service::Problem problem = service::problem_of(error);
        problem.job = job_named_in(reply);
        reply = service::to_reply(problem);
        if (problem.job) reply.headers.add("Bide-Job-Id", to_string(*problem.job));
    };
    Budget::Share descriptors = shared_.descriptors.take(kDescriptorsOfAnswer);
    if (!descriptors) {
        become(
            {Code::overloaded,
             Retry::unsafe,
             "the result is stored, but the server has as many files open as it may; get it later",
             1}
        );
        return std::nullopt;
    }
    auto opened = OpenBody::open(reply.body.file, std::move(descriptors));
    if (opened.has_value()) return std::move(opened.value());
    if (options_.log_error) options_.log_error("cannot send a result: " + opened.error().detail);
    become(
        {Code::store_failed,
         Retry::unsafe,
         "the result's file is not as it was stored; see the server's log"}
    );
    return std::nullopt;
}

std::shared_ptr<const service::WaitTerms> Shard::share(service::WaitTerms&& terms) {
    if (!last_terms_ || *last_terms_ != terms)
        last_terms_ = std::make_shared<const service::WaitTerms>(std::move(terms));
    return last_terms_;
}

void Shard::add(Session& session) {
    sessions_.push_back(session);
    stop_dozing();
}

void Shard::remove(Session& session) {
    sessions_.erase(sessions_.iterator_to(session));
    shared_.connections.remove();
}

runtime::Task<void> Shard::accept_loop() {
    for (;;) {
        auto [error, socket] = co_await acceptor_.async_accept(kTuple);
        if (error == net::error::operation_aborted || !acceptor_.is_open()) co_return;
        if (error) {
            // Out of descriptors, most likely: let some go before trying again.
            runtime::Timer pause(io_.get_executor(), kTick);
            co_await pause.async_wait(kTuple);
            continue;
        }
        error_code ignored;
        if (!shared_.connections.add()) {
            turn_away(std::move(socket));
            continue;
        }
        socket.set_option(tcp::no_delay(true), ignored);
        auto session = std::make_shared<Session>(std::move(socket));
        if (shared_.tls != nullptr)
            session->tls = std::make_unique<Tls>(shared_.tls->context(), session->socket);
        add(*session);
        run(serve(*this, session), session);
    }
}

/// More connections than there may be. Closing at once could take the answer away from a client
/// that has sent something: it is closed a tick later.
void Shard::turn_away(runtime::Socket socket) {
    if (shared_.tls != nullptr) return;  // a handshake is more than it is worth
    static const std::string page = full_page();
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(net::buffer(page), ignored);
    socket.shutdown(net::socket_base::shutdown_send, ignored);
    stop_dozing();
    if (turned_away_.size() >= kTurnedAwayMax) turned_away_.pop_front();
    turned_away_.push_back(std::move(socket));
}

/// Only from a long sleep: a tick that is due soon must not be put off by each new connection.
void Shard::stop_dozing() {
    if (std::exchange(dozing_, false)) ticker_.cancel();
}

/// Without connections there is nothing to look after but the certificate.
Duration Shard::until_tick() const {
    if (!sessions_.empty() || !turned_away_.empty()) return kTick;
    const bool looks = shared_.tls != nullptr && which_ == Which::first;
    return looks ? Duration(kTlsLook) : Duration(std::chrono::hours(1));
}

/// One pass over all connections each tick: a timer for each would cost more than the pass.
runtime::Task<void> Shard::tick_loop() {
    while (!io_.stopped()) {
        const Duration span = until_tick();
        dozing_ = span > kTick;
        ticker_.expires_after(span);
        auto [woken] = co_await ticker_.async_wait(kTuple);
        if (woken) continue;  // to tick from now on
        const Time now = parts_.clock.now();
        turned_away_.clear();
        if (shared_.tls != nullptr && which_ == Which::first && now - tls_looked_at_ >= kTlsLook) {
            tls_looked_at_ = now;
            shared_.tls->reload(options_.log_error);
        }
        tell_passed_times(now);
        std::vector<std::shared_ptr<Session>> unwatched;
        std::vector<std::shared_ptr<Session>> beats;
        for (auto& [id, session] : waiting_) {
            const Mailbox* mailbox = session->mailbox.get();
            if (mailbox != nullptr && mailbox->beat_at <= now) beats.push_back(session);
            if (session->watched || now - session->waiting_since < kTick) continue;
            if (mailbox == nullptr || mailbox->watchable) unwatched.push_back(session);
        }
        for (auto& session : unwatched) {
            hold_or_watch(session);
        }
        for (auto& session : beats) {
            if (session->mailbox) ring(*session);
        }
    }
}

void Shard::tell_passed_times(Time now) {
    error_code ignored;
    for (auto& session : sessions_) {
        if (session.http2 != nullptr) {
            session.http2->tick(now);
            continue;
        }
        Mailbox* const mailbox = session.mailbox.get();
        const bool write_is_late = mailbox != nullptr && mailbox->write_deadline <= now;
        if (session.deadline > now && !write_is_late) continue;
        session.deadline = kNever;
        if (mailbox != nullptr) mailbox->write_deadline = kNever;
        session.timed_out = true;
        session.socket.cancel(ignored);
    }
}

void Shard::hold_or_watch(const std::shared_ptr<Session>& session) {
    if (session->resume && !session->mailbox) park(*session);  // its pass is late
    if (session->held) {
        session->watched = true;
        return held_sockets_.watch(*session);
    }
    const bool holdable = session->parked && !session->tls && !session->watched;
    if (holdable && held_sockets_.hold(*session))
        session->watched = true;
    else if (!session->watched)
        watch(session);
}

void Shard::stirred(Session& session) {
    session.watched = false;
    session.waiting_since = parts_.clock.now();  // looked at again after a tick
    if (!client_is_gone(session)) return;
    const auto found = waiting_.find(session.waiter);
    if (found == waiting_.end()) return;
    const std::shared_ptr<Session> kept = found->second;
    parts_.engine.leave(session.waiter);
    finish_wait(kept, nullptr);
}

/// Notices that the client has gone. Bytes that arrive instead are its next request, sent early:
/// then it is there. The wait may also end for nothing, as Asio can hand on a readiness that was
/// meant for the descriptor's last owner.
void Shard::watch(std::shared_ptr<Session> session) {
    session->watched = true;
    Session& watched = *session;
    watched.socket.async_wait(
        tcp::socket::wait_read,
        [this, session = std::move(session), id = watched.waiter](const error_code& error) {
            if (error || session->waiter != id) return;
            if (!session->mailbox && !waiting_.contains(id)) return;
            session->watched = false;
            session->waiting_since = parts_.clock.now();  // looked at again after a tick
            if (!client_is_gone(*session)) return;
            if (session->mailbox) {
                session->mailbox->departed = true;
                wake(*session);
                return;
            }
            parts_.engine.leave(id);
            finish_wait(session, nullptr);
        }
    );
}

bool Shard::client_is_gone(Session& session) {
    const int number = session.held ? session.held.get() : session.socket.native_handle();
    // Whatever lies unread before the end. POLLHUP and POLLERR are told unasked.
    pollfd end{number, POLLRDHUP, 0};
    if (::poll(&end, 1, 0) > 0) return true;
    return session.tls && session.tls->peer_is_gone();
}

std::string_view Shard::date_line() {
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(
                            parts_.clock.coarse_now().time_since_epoch()
    )
                            .count();
    if (second != date_second_) {
        date_second_ = second;
        const std::time_t time = static_cast<std::time_t>(second);
        std::tm utc{};
        gmtime_r(&time, &utc);
        std::array<char, 48> text{};
        const auto length =
            std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
        date_line_.assign(text.data(), length);
    }
    return date_line_;
}

}  // namespace bide::fronts::http
