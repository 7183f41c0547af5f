#pragma once

#include "fronts/http/reader.hpp"
#include "fronts/http/shard.hpp"
#include "runtime/descriptor.hpp"
#include "service/contract.hpp"
#include "wire/message.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bide::fronts::http {

/// One connection from its first byte to its last: requests in turn, each answered before the next
/// is read. While a caller waits for its answer there is neither buffer nor head; and once it has
/// waited for a tick, no coroutine either: frames are most of what a waiting caller costs.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Shard& shard, std::shared_ptr<Session> session);
    /// One that was parked.
    Connection(Shard& shard, std::shared_ptr<Session> session, Parked parked);

    /// How a coroutine over the connection ended: the caller waits on, and park() takes what the
    /// rest needs; or the connection is closed.
    enum class End : std::uint8_t { parked, closed };
    runtime::Task<End> run();
    /// With the answer that a parked caller waited for.
    runtime::Task<End> go_on(AnswerPointer answer);
    std::unique_ptr<Parked> park();

  private:
    enum class Next : std::uint8_t { request, close, linger, perform, park, http2 };

    // session.cpp
    runtime::Task<End> run_tls();
    runtime::Task<bool> begin_tls();
    runtime::Task<void> speak_http2();
    /// Reads a request with its body, if it is not a batch's: plan_ and received_ are there. Its
    /// frame is gone before the request is performed: what a waiting caller costs is mostly frames.
    runtime::Task<Next> take_request();
    runtime::Task<Next> perform();
    /// A submission's body, or why there is none.
    struct Received {
        Body body;
        core::Fingerprint fingerprint{};
        std::optional<wire::Reply> refusal;
    };
    void refuse_length(std::uint64_t most);
    void take_submission();
    runtime::Task<void> receive_submission();
    /// Takes received_.
    core::event::Submit make_submit(core::WaiterId waiter);
    runtime::Task<bool> invite_body();
    runtime::Task<void> drop_body();
    runtime::Task<Next> refuse(wire::Reply reply);
    runtime::Task<Next> submit();
    void keep_terms();
    runtime::Task<Next> ask();
    void begin_question(service::AskPlan plan);
    runtime::Task<Next> answered(AnswerPointer answer);
    bool asks_again(const core::Answer& answer);
    wire::Reply reply_to(const core::Answer& answer);
    runtime::Task<End> serve_from(Next next);
    runtime::Task<void> linger();

    // streams.cpp
    runtime::Task<Next> stream_submission();
    runtime::Task<Next> stream_question();
    runtime::Task<Next> stream(
        service::Caller caller, service::WaitPlan wait, std::optional<core::Answer> answer
    );
    runtime::Task<std::optional<core::Answer>> next_answer();

    // batches.cpp
    struct Exchange;
    runtime::Task<Next> batch();
    runtime::Task<Next> run_batch(std::shared_ptr<Exchange> exchange);
    void begin_items(Exchange& exchange);
    runtime::Task<bool> tell_batch(std::shared_ptr<Exchange> exchange);
    runtime::Task<void> read_upload(std::shared_ptr<Exchange> exchange);
    void start_upload(const std::shared_ptr<Exchange>& exchange);
    runtime::Task<void> end_upload(std::shared_ptr<Exchange> exchange);

    // reply.cpp
    enum class Ending : std::uint8_t { length, chunks, close };
    runtime::Task<Next> send(wire::Reply reply);
    runtime::Task<bool> send_file(OpenBody source, wire::ByteRange range);
    runtime::Task<bool> send_pieces(OpenBody source, wire::ByteRange range);
    runtime::Task<bool> writable();
    /// What the socket takes without waiting; `parts` are then what is left. Whether that is all.
    bool write_at_once(std::array<net::const_buffer, 2>& parts);
    /// What is written within the time for a piece of an answer; false when the connection broke.
    runtime::Task<bool> write(std::array<net::const_buffer, 2> parts);
    void write_head(const wire::Reply& reply, Ending ending);
    /// An answer whose end is not known: head, pieces, end. To HTTP/1.0 the connection's end is its
    /// end.
    void begin_stream(const wire::Reply& reply);
    runtime::Task<bool> send_piece(std::string text);
    runtime::Task<bool> end_stream();

    const service::Contract& contract() const { return shard_.parts().contract; }
    ports::Engine& engine() { return shard_.parts().engine; }
    Time now() const { return shard_.parts().clock.now(); }

    Shard& shard_;
    std::shared_ptr<Session> session_;
    RequestReader reader_;
    // What is still needed of a request after its head is gone:
    bool keep_alive_ = false;
    bool head_only_ = false;
    bool whole_ = true;  ///< all of the request has been read
    std::uint8_t minor_ = 1;
    Ending ending_ = Ending::length;
    std::string head_;
    std::unique_ptr<service::Plan> plan_;
    // Of what the engine was asked, in its plan's place:
    std::shared_ptr<const service::WaitTerms> terms_;
    std::unique_ptr<service::Ask> ask_;  ///< null: it was a submission
    std::unique_ptr<Received> received_;
};

}  // namespace bide::fronts::http
