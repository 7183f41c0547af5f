#pragma once

#include "fronts/http/held_sockets.hpp"
#include "fronts/http/server.hpp"
#include "fronts/http/tls.hpp"
#include "ports/engine.hpp"
#include "runtime/asio.hpp"

#include <boost/intrusive/list.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace bide::fronts::http {

/// An answer on its way to a connection. A pointer: every frame between here and there keeps room
/// for one while a caller waits, and an answer is large.
using AnswerPointer = std::unique_ptr<core::Answer>;

/// What a connection's coroutine waits on while its job is in the engine.
using AnswerHandler = typename net::
    async_result<net::use_awaitable_t<runtime::Executor>, void(AnswerPointer)>::handler_type;

/// What was said to an exchange that is told more than one thing (a stream of events, a batch),
/// until its coroutine can take it. Bounded: of news the latest is kept, and a batch has a limit on
/// the waits it has begun.
struct Mailbox {
    std::deque<core::Answer> answers;
    bool departed = false;  ///< the client is gone, or the server ends
    bool rung = false;      ///< look at what else there is (a heartbeat, an upload)
    bool watchable = true;  ///< nobody reads from the client, who would notice that it leaves
    Time beat_at = kNever;  ///< rings when this has passed
    Time write_deadline = kNever;  ///< as Session::deadline; that one is for reading meanwhile

    void put(core::Answer&& answer);
    bool has_mail() const { return !answers.empty() || departed || rung; }
};

/// What is kept of a connection whose caller has waited for a while, beside its Session.
struct Parked {
    std::shared_ptr<const service::WaitTerms> terms;
    std::unique_ptr<service::Ask> ask;         ///< null: it waits for its own submission
    std::unique_ptr<const std::string> early;  ///< bytes of a next request; null: none
    bool keep_alive = false;
    bool head_only = false;
    bool whole = true;
    std::uint8_t minor = 1;
};

class Connection;
class Http2;
struct Http2Stream;

/// One connection, shared by its coroutine and the shard's tick. Only the shard's thread touches
/// it.
struct Session : boost::intrusive::list_base_hook<> {
    enum class Phase : std::uint8_t { idle, busy, waiting };

    explicit Session(runtime::Socket connected) : socket(std::move(connected)) {}

    runtime::Socket socket;
    std::unique_ptr<Tls> tls;  ///< null: plain HTTP
    Time deadline = kNever;    ///< the tick cancels what the socket does when this has passed
    runtime::Descriptor held;  ///< the socket, while HeldSockets has it
    bool timed_out = false;
    Phase phase = Phase::idle;
    // While waiting:
    core::WaiterId waiter = 0;
    std::optional<AnswerHandler> resume;
    Time waiting_since{};
    std::unique_ptr<Mailbox> mailbox;  ///< of an exchange that is told more than one thing
    bool watched = false;  ///< a read-readiness wait is under way, to notice a client that leaves
    bool parking = false;  ///< the coroutine that waits is to end, and the wait goes on
    bool ended = false;    ///< the last coroutine is done with it
    std::unique_ptr<Parked> parked;  ///< waits without a coroutine
    Http2* http2 = nullptr;  ///< while it is spoken; then only the socket counts of the above
};

/// The file of a body while it is sent. Keeps it there to the end: a file that is the caller's goes
/// with the last reference.
class OpenBody {
  public:
    /// store_failed as runtime::open_body().
    static Result<OpenBody> open(std::shared_ptr<BodyFile> body, Budget::Share descriptors);

    /// For reading from an offset.
    int descriptor() const { return own_ ? own_.get() : body_->descriptor(); }

  private:
    OpenBody(std::shared_ptr<BodyFile> body, Budget::Share descriptors)
        : body_(std::move(body)), descriptors_(std::move(descriptors)) {}

    std::shared_ptr<BodyFile> body_;
    Budget::Share descriptors_;
    runtime::Descriptor own_;  ///< unless the body was open already
};

/// What the threads of a server share.
struct Shared {
    ConnectionCount& connections;
    Budget& body_memory;
    Budget& descriptors;
    TlsIdentity* tls;  ///< null: plain HTTP
};

/// One I/O thread: acceptor, connections, the inbox for answers, and one tick for all timeouts.
/// Everything but deliver(), start(), close_acceptor() and shut() runs on its own thread.
class Shard final : public ports::AnswerSink {
  public:
    Shard(const Options& options, Server::Parts parts, Shared shared);
    ~Shard();

    enum class Which : std::uint8_t { first, further };
    Result<std::uint16_t> listen(std::uint16_t port, Which which);
    void start();
    void close_acceptor();
    /// Closes all connections and ends the thread.
    void shut();

    void deliver(std::vector<core::Answer>&& answers) override;

    // For connections:
    const Options& options() const { return options_; }
    Server::Parts& parts() { return parts_; }
    Budget& body_memory() { return shared_.body_memory; }
    Budget& descriptors() { return shared_.descriptors; }
    bool stopping() const { return stopping_; }
    /// The file of an answer's body, before its head goes out: when it is not there whole, or too
    /// many are open, `reply` becomes the problem that says so, and nothing is returned.
    std::optional<OpenBody> open_body(wire::Reply& reply);
    void add(Session& session);
    void remove(Session& session);
    core::WaiterId new_waiter();
    /// The same as the last caller's, if they are equal: nearly always.
    std::shared_ptr<const service::WaitTerms> share(service::WaitTerms&& terms);
    /// The answer to the wait that was begun with session.waiter; empty when the client is gone, or
    /// with session.parking, when the coroutine is to end and go_on() will come with the answer.
    runtime::Task<AnswerPointer> wait(std::shared_ptr<Session> session);
    /// For an exchange that is told more than one thing: after open_mailbox(), expect() registers a
    /// wait before it is begun, mail() returns when the mailbox has something, and close_mailbox()
    /// ends it when nothing is under way on the socket.
    void open_mailbox(Session& session);
    core::WaiterId expect(const std::shared_ptr<Session>& session);
    /// The wait was not begun after all.
    void forget(core::WaiterId waiter);
    runtime::Task<void> mail(std::shared_ptr<Session> session);
    void close_mailbox(Session& session);
    static void ring(Session& session);
    /// It has hung up, or said that it will send no more: nobody waits for an answer then.
    static bool client_is_gone(Session& session);
    /// For a stream of HTTP/2: registers a wait before it is begun. The stream is told all answers
    /// to it, until the last or leave().
    core::WaiterId expect(Http2Stream& stream);
    /// Room for one read, good until the thread does something else.
    net::mutable_buffer read_room();
    /// Tells the engine that nobody wants this answer any more.
    void leave(core::WaiterId waiter);
    std::size_t connections() const { return shared_.connections.count(); }
    /// "Date: ...\r\n", made once a second.
    std::string_view date_line();

  private:
    runtime::Task<void> accept_loop();
    runtime::Task<void> tick_loop();
    Duration until_tick() const;
    void stop_dozing();
    void take_answers();
    void finish_wait(const std::shared_ptr<Session>& session, AnswerPointer answer);
    void run(runtime::Task<void> task, std::shared_ptr<Session> session);
    static void park(Session& session);
    void look_for_old_waits();
    void park_old_waits();
    void watch(std::shared_ptr<Session> session);
    void hold_or_watch(const std::shared_ptr<Session>& session);
    void stirred(Session& session);
    void tell_passed_times(Time now);
    static void wake(Session& session);
    void turn_away(runtime::Socket socket);

    const Options& options_;
    Server::Parts parts_;
    Shared shared_;
    net::io_context io_{1};
    runtime::Acceptor acceptor_;
    runtime::Timer ticker_;
    runtime::Timer parker_;
    runtime::tcp protocol_ = runtime::tcp::v4();
    HeldSockets held_sockets_{io_, [this](Session& session) { stirred(session); }};
    boost::intrusive::list<Session> sessions_;
    std::deque<runtime::Socket> turned_away_;  ///< told 503; closed a tick later
    std::unordered_map<core::WaiterId, std::shared_ptr<Session>> waiting_;
    std::unordered_map<core::WaiterId, Http2Stream*> waiting_streams_;
    /// Waits with a coroutine each, the oldest first; and some that are over.
    std::deque<core::WaiterId> young_waits_;
    std::vector<char> read_room_;
    std::uint8_t sink_number_;
    std::uint64_t next_waiter_ = 0;
    std::shared_ptr<const service::WaitTerms> last_terms_;
    bool stopping_ = false;
    bool dozing_ = false;  ///< the next tick is far away
    Which which_ = Which::first;
    Time tls_looked_at_{};  ///< when the first shard last looked for a new certificate
    std::string date_line_;
    std::int64_t date_second_ = 0;

    std::mutex inbox_mutex_;
    std::vector<core::Answer> inbox_;

    std::thread thread_;
};

/// Serves one connection to its end, or until it is parked.
runtime::Task<void> serve(Shard& shard, std::shared_ptr<Session> session);
/// Serves a parked one, from its answer on.
runtime::Task<void> go_on(Shard& shard, std::shared_ptr<Session> session, AnswerPointer answer);

}  // namespace bide::fronts::http
