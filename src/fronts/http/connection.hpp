#pragma once

#include "fronts/http/reader.hpp"
#include "fronts/http/shard.hpp"
#include "service/contract.hpp"
#include "wire/message.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bide::fronts::http {

/// One connection from its first byte to its last: requests in turn, each answered before the next
/// is read. While a caller waits for its answer there is neither buffer nor head.
class Connection {
  public:
    Connection(Shard& shard, std::shared_ptr<Session> session);

    runtime::Task<void> run();

  private:
    enum class Next : std::uint8_t { request, close, linger };

    // session.cpp
    runtime::Task<bool> begin_tls();
    runtime::Task<Next> one_request();
    service::Plan understand(const wire::ParsedHead& head);
    runtime::Task<bool> discard_body();
    runtime::Task<Next> refuse(Error error);
    runtime::Task<Next> submit(service::SubmitPlan plan, Body body);
    runtime::Task<Next> ask(service::AskPlan plan);
    runtime::Task<void> linger();

    // reply.cpp
    runtime::Task<Next> send(wire::Reply reply);
    runtime::Task<bool> send_file(std::shared_ptr<BodyFile> file);
    /// What is written within the time for a piece of an answer; false when the connection broke.
    runtime::Task<bool> write(std::array<net::const_buffer, 2> parts);
    void write_head(const wire::Reply& reply);

    ports::Engine& engine() { return shard_.parts().engine; }
    Time now() const { return shard_.parts().clock.now(); }

    Shard& shard_;
    std::shared_ptr<Session> session_;
    RequestReader reader_;
    // What is still needed of a request after its head is gone:
    bool keep_alive_ = false;
    bool head_only_ = false;
    std::string head_;
};

}  // namespace bide::fronts::http
