#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/asio.hpp"
#include "runtime/http_url.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace bide::clients {

struct LambdaStreamTimes {
    Duration connect = std::chrono::seconds(5);
    Duration pause{};   ///< for a piece to be taken
    Duration answer{};  ///< from the last piece to Lambda's answer
};

/// A streamed response to Lambda's Runtime API, over a connection of its own, as Lambda wants it.
///
/// On the executor's one thread. Each call returns before the next; the caller keeps it alive
/// meanwhile. After an error nothing more can be sent.
class LambdaStream {
  public:
    LambdaStream(const runtime::Executor& executor, LambdaStreamTimes times);
    ~LambdaStream();
    LambdaStream(const LambdaStream&) = delete;
    LambdaStream& operator=(const LambdaStream&) = delete;

    runtime::Task<Result<void>> open(runtime::HttpUrl url, std::string prelude);
    runtime::Task<Result<void>> write(std::string_view piece);
    /// `trailers`: whole lines, or nothing. Returns what Lambda thought of it all.
    runtime::Task<Result<void>> close(std::string trailers);

    /// Whether some of it may have reached Lambda.
    bool begun() const { return begun_; }

  private:
    struct Link;

    runtime::Task<Result<void>> connect(runtime::HttpUrl url);
    runtime::Task<Result<void>> send(std::string bytes);
    runtime::Task<Result<void>> read_answer();
    Error trouble(const std::string& what) const;

    LambdaStreamTimes times_;
    std::shared_ptr<Link> link_;
    bool begun_ = false;
};

}  // namespace bide::clients
