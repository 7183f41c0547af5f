#pragma once

#include "base/body.hpp"
#include "base/result.hpp"
#include "fronts/http/shard.hpp"
#include "wire/chunked.hpp"
#include "wire/request_head.hpp"
#include "wire/sha256.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <memory>
#include <optional>
#include <string_view>

namespace bide::fronts::http {

namespace beast = boost::beast;

/// The client's side of a connection: one request after the other, head and then body. Between a
/// request that is read and the next, drop() leaves no memory in use but for bytes that came early,
/// at most what one read brings.
class RequestReader {
  public:
    RequestReader(Shard& shard, Session& session) : shard_(shard), session_(session) {}

    /// Why there is no request. The connection ended between two requests, or broke: nothing can
    /// be told. Else the error says what to tell.
    struct Failure {
        std::optional<Error> error;
    };
    /// Waits for a request and reads its head; empty when head() is there.
    runtime::Task<std::optional<Failure>> read_head();
    /// Views into the buffer: good until the body is read or drop().
    const wire::ParsedHead& head() const { return request_->head; }

    bool body_is_done() const;
    /// Whether nothing of the request is on its way any more, or only so much that it can be read
    /// for the connection's sake.
    bool rest_is_small() const;

    enum class Pace : std::uint8_t {
        held,  ///< pauses are short, and the whole has a least pace
        free,  ///< pauses as between two requests: an upload of many jobs as they come up
    };
    /// Decodes some of the body into `room`: at least a byte, or 0 at its end.
    runtime::Task<Result<std::size_t>> receive_some(net::mutable_buffer room, Pace pace);

    /// Whether all of the body, or that there is none, came with the head.
    bool body_is_here() const;
    /// That body, without a coroutine.
    Body take_body(wire::FingerprintMaker* maker);

    /// The whole body: into memory, or past the spool's threshold, or when bodies on their way in
    /// have too much memory already, into a file. `maker` gets all of it, or is null.
    runtime::Task<Result<Body>> receive_body(wire::FingerprintMaker* maker);

    /// The body may be longer than a job's: who reads it in pieces has limits of its own.
    void lift_body_limit() { request_->chunks.lift_limit(); }

    /// For a client that waits with its body until it is wanted.
    bool expects_continue() const;

    void drop();

    /// After a head that was none: whether it was the beginning of HTTP/2. take_rest() has it.
    bool begins_http2() const;
    /// What has been read but not been taken.
    std::string take_rest();
    /// Such bytes again, into a reader that has none.
    void put_back(std::string_view rest);

  private:
    struct Request {
        explicit Request(std::uint64_t body_max) : chunks(body_max) {}
        wire::ParsedHead head;
        std::uint64_t left = 0;  ///< of a body framed by length
        wire::ChunkedDecoder chunks;
        std::uint64_t received = 0;
        Time body_began{};  ///< the epoch: its first wait is to come
    };

    runtime::Task<boost::system::error_code> receive_more(std::size_t room);
    runtime::Task<boost::system::error_code> receive_more_plain(std::size_t room);
    runtime::Task<boost::system::error_code> receive_more_tls(std::size_t room);
    runtime::Task<Result<Body>> receive_small(std::size_t length, wire::FingerprintMaker* maker);
    runtime::Task<Result<Body>> receive_large(wire::FingerprintMaker* maker);
    /// Bodies up to here, in bytes, are received straight into their place in memory.
    std::uint64_t small() const;
    std::size_t take_buffered(net::mutable_buffer room);
    Result<std::size_t> decode_buffered(net::mutable_buffer room);
    void set_body_deadline(Pace pace);
    Error error_of(const boost::system::error_code& error) const;

    Shard& shard_;
    Session& session_;
    beast::flat_buffer buffer_;
    std::unique_ptr<Request> request_;
};

/// The deadline that the shard's tick enforces on what the session's socket does next.
inline void set_deadline(Shard& shard, Session& session, Duration span) {
    session.deadline = shard.parts().clock.coarse_now() + span;
}

}  // namespace bide::fronts::http
