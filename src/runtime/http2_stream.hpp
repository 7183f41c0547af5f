#pragma once

#include "runtime/descriptor.hpp"
#include "runtime/http_pool.hpp"

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace bide::runtime {

/// One exchange on a session. Lives in the coroutine that waits for it.
class Http2Stream final : public boost::intrusive::list_base_hook<
                              boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    Http2Stream(HttpClient::Shared& with, HttpExchange& of) : shared(with), exchange(of) {}

    void wrong(HttpFailure::Kind kind, std::string what) {
        if (!exchange.trouble) exchange.trouble = exchange.failure_or(kind, std::move(what));
    }
    void wake() { exchange.wake.cancel(); }
    void wait_for(const char* phase, Duration span) {
        exchange.phase = phase;
        exchange.deadline = shared.deadline(span);
    }

    const Body* body() const { return exchange.request.body.get(); }
    bool has_sent_all() const { return body() == nullptr || sent == body()->size(); }
    /// Whether what has come of the answer should go to the disk.
    bool is_large() const {
        const Spool* to = exchange.request.spool;
        return writer.has_value() || (to != nullptr && received.size() > to->threshold());
    }

    HttpClient::Shared& shared;
    HttpExchange& exchange;
    std::int32_t id = 0;
    bool closed = false;  ///< nothing more will be heard of it
    bool answer_over = false;

    // The request's body.
    std::uint64_t sent = 0;
    Descriptor file;
    std::string piece;  ///< of the file
    std::size_t piece_at = 0;
    bool piece_wanted = false;

    // The answer.
    std::size_t head_bytes = 0;
    std::uint64_t size = 0;
    std::string received;  ///< of the body, and not on the disk
    std::size_t held = 0;  ///< of that, bytes that the peer was not yet told to have been taken
    std::optional<BodyWriter> writer;
};

}  // namespace bide::runtime
