#pragma once

#include "handlers/lambda/lambda_worker.hpp"
#include "handlers/lambda/runtime_request.hpp"
#include "runtime/asio.hpp"
#include "runtime/spool.hpp"
#include "wire/lambda_result.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bide::lambda {

/// One connection of a process to its Runtime API, from its first request to its last. On the
/// ExecThread; run() keeps it alive.
class Conversation {
  public:
    Conversation(std::shared_ptr<LambdaWorker> worker, runtime::Socket socket);

    static runtime::Task<void> run(std::shared_ptr<Conversation> self);

    /// To one that waits: here is what it waited for.
    void give(const Invocation& invocation);
    /// To one that waits: there will be nothing.
    void wake();
    /// Breaks off whatever it is at.
    void close();

  private:
    enum class Came : std::uint8_t { whole, cut_off, too_large };

    // Each answers a request; false: the connection is to be closed.
    runtime::Task<bool> one_request();
    runtime::Task<bool> next();
    runtime::Task<bool> respond();
    runtime::Task<bool> stream();
    runtime::Task<bool> fail();
    runtime::Task<bool> fail_init();
    runtime::Task<bool> accepted() { return answer(202, R"({"status":"OK"})"); }
    runtime::Task<bool> forbid(std::string_view wish);
    runtime::Task<bool> too_large();
    runtime::Task<bool> truncated();
    runtime::Task<bool> refuse(int status, std::string_view type, std::string_view message);
    runtime::Task<bool> answer(int status, std::string body);

    /// The invocation that a response or error is for, if it is the one under way.
    Invocation* claim(std::string_view id);
    runtime::Task<bool> refuse_claim(std::string id, std::string_view wish);

    runtime::Task<bool> say_continue();
    /// Reads some of the body into request_->body; false: it broke off.
    runtime::Task<bool> read_some();
    runtime::Task<Came> read_payload();
    /// False: there is more of it than one wants to read.
    runtime::Task<bool> discard();
    /// Appends, on a thread that may block if need be.
    runtime::Task<Result<void>> append(runtime::BodyWriter* writer, std::string bytes);
    runtime::Task<core::AttemptResult> complete(runtime::BodyWriter* writer);
    /// Of a buffered response: for each job what it means.
    std::vector<core::AttemptResult> to_results(std::string payload, const std::vector<JobId>& ids)
        const;
    core::AttemptResult to_result(wire::LambdaResult said) const;
    core::AttemptResult trailer_failure() const;
    bool peer_is_there();

    const exec::Options& options() const { return worker_->shared().options(); }

    std::shared_ptr<LambdaWorker> worker_;
    runtime::Socket socket_;
    boost::beast::flat_buffer buffer_;
    std::optional<RuntimeRequest> request_;
    std::string payload_;
    std::string event_;  ///< what it was given, as a whole answer
    bool owes_continue_ = false;
    bool broken_ = false;  ///< nothing more can be read
};

}  // namespace bide::lambda
