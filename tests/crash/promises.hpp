#pragma once

#include "support/http.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace bide::torture {

using Random = std::mt19937_64;

/// At least 0 and less than `limit`.
inline std::uint64_t below(Random& random, std::uint64_t limit) {
    return random() % limit;
}

/// What a job is for, by the queue it was posted to (the server's file in torture.cpp).
enum class Work : std::uint8_t { echo, pause, shell, retry, fail, endless };

/// What of a result must never change: status, headers that matter, bytes.
struct Result {
    int status = 0;
    std::string content_type;
    std::string attempts;
    std::string location;
    std::string error_source;
    std::string body;

    bool operator==(const Result&) const = default;
};

Result result_of(const test::Response& response);
std::string describe(const Result& result);

/// A request that is sent again and again under its Idempotency-Key until it is answered.
struct Keyed {
    std::string key;
    Work work = Work::echo;
    std::string input;
    std::string id;  ///< the one ever told; empty: not answered yet
};

struct Job {
    Work work = Work::echo;
    std::string input;
    bool cancel_asked = false;
    std::optional<Result> result;  ///< the one ever told
};

/// Remembers everything the server has told about jobs, and notices when it tells otherwise.
/// Thread-safe.
class Promises {
  public:
    /// The answer to a POST. Without a job's id it promises nothing.
    void posted(Work work, const std::string& input, const test::Response& answer);
    /// Before a request is sent for the first time with the key that is returned.
    Keyed keying(Work work, const std::string& input);
    /// The answer to any POST with that key.
    void keyed_seen(const Keyed& request, const test::Response& answer);
    /// The answer to GET /jobs?idempotency-key=... of an answered key.
    void key_looked_up(const Keyed& request, const test::Response& answer);
    /// The answer to GET of a known job's result page.
    void result_seen(const std::string& id, const test::Response& answer);
    /// The answer to GET of a known job's page.
    void status_seen(const std::string& id, const test::Response& answer);
    /// Before DELETE is sent, and its answer.
    void cancelling(const std::string& id);
    void cancel_seen(const std::string& id, const test::Response& answer);

    void violated(const std::string& id, const std::string& promised, const std::string& found);

    /// Known jobs in the order of their becoming known.
    std::vector<std::string> ids() const;
    std::optional<std::string> any_id(Random& random) const;
    std::vector<Keyed> keys() const;
    std::optional<Keyed> any_key(Random& random) const;
    Job job(const std::string& id) const;
    std::vector<std::string> violations() const;
    std::size_t answers() const;
    std::size_t results() const;

  private:
    Job& learn(const std::string& id, Work work, const std::string& input);
    void take_result(const std::string& id, Job& job, const test::Response& answer);
    void violated_locked(
        const std::string& id, const std::string& promised, const std::string& found
    );

    mutable std::mutex mutex_;
    std::map<std::string, Job> jobs_;
    std::vector<std::string> ids_;
    std::vector<Keyed> keys_;
    std::vector<std::string> violations_;
    std::size_t answers_ = 0;
    std::size_t results_ = 0;
};

}  // namespace bide::torture
