#pragma once

#include <string>
#include <vector>

namespace bide::test {

/// Bytes a client may send, and what must come of them.
struct RawCase {
    const char* name;
    std::string bytes;
    /// The statuses of the answers, in their order. A request sent behind them is then understood:
    /// nothing was left over and nothing was taken away. Empty: the first request is refused with
    /// 4xx or 5xx, the connection is closed, and whatever came behind is not answered.
    std::vector<int> answers;
};

/// Mis-framed, smuggling and merely unusual requests (RFC 9112).
std::vector<RawCase> raw_cases();

}  // namespace bide::test
