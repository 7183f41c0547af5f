// Ten times what a queue can do, open loop: requests come when they are due, whether or not earlier
// ones have been answered, and latency counts from when they were due.
#include "load/measure.hpp"
#include "load/scenes.hpp"
#include "support/server.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace bide::load {
namespace {

constexpr int kConcurrency = 8;
constexpr int kJobMs = 10;
constexpr double kCapacity = kConcurrency * 1000.0 / kJobMs;
constexpr std::size_t kConnections = 2000;

/// At most 32 jobs wait, 40 ms of work: who is accepted is answered soon.
constexpr const char* kConfig = R"(
[queues.work]
native = "sleep"
concurrency = 8
depth_max = 40
retention = "10s"
)";

struct Phase {
    Latencies done;
    Latencies refused;
    std::uint64_t sent = 0;
    std::uint64_t late = 0;  ///< due with no connection free; sent when one was
    std::uint64_t wrong = 0;
    double seconds = 0;
    std::vector<std::uint64_t> resident;  ///< KiB, twice a second

    double goodput() const { return static_cast<double>(done.size()) / seconds; }
};

class Load {
  public:
    explicit Load(test::Server& server) : server_(server), swarm_(server.address()) {
        swarm_.on_answer = [this](const Answer& answer) { answered(answer); };
        swarm_.on_end = [this](int connection) { lost(connection); };
        for (std::size_t i = 0; i < kConnections; ++i) idle_.push_back(swarm_.open());
    }

    Phase run(double per_second, double seconds) {
        phase_ = {};
        const Instant start = now();
        Instant sample = start;
        const auto gap = std::chrono::duration_cast<Instant::duration>(Seconds(1 / per_second));
        Instant due = start;
        const Instant end = start + std::chrono::duration_cast<Instant::duration>(Seconds(seconds));
        while (now() < end) {
            for (; due <= now(); due += gap) waiting_.push_back(due);
            send_waiting();
            swarm_.poll(std::chrono::milliseconds(1));
            if (now() < sample) continue;
            phase_.resident.push_back(resident_kib(server_.process_id()));
            sample = now() + std::chrono::milliseconds(500);
        }
        phase_.seconds = std::chrono::duration<double>(now() - start).count();
        Phase result = std::move(phase_);
        phase_ = {};
        waiting_.clear();
        while (!busy_.empty()) swarm_.poll(std::chrono::milliseconds(100));
        result.wrong += phase_.wrong;
        return result;
    }

  private:
    void send_waiting() {
        static const std::string request =
            test::Request{"POST", "/", {}, std::to_string(kJobMs)}.text();
        if (waiting_.size() > idle_.size()) phase_.late += waiting_.size() - idle_.size();
        while (!waiting_.empty() && !idle_.empty()) {
            const int connection = idle_.front();
            idle_.pop_front();
            busy_[connection] = waiting_.front();
            waiting_.pop_front();
            ++phase_.sent;
            swarm_.send(connection, request);
        }
    }

    void answered(const Answer& answer) {
        const auto place = busy_.find(answer.connection);
        if (place == busy_.end()) {
            ++phase_.wrong;
            return;
        }
        const double ms = ms_between(place->second, answer.at);
        busy_.erase(place);
        idle_.push_back(answer.connection);
        if (answer.status == 200)
            phase_.done.add(ms);
        else if (answer.status == 503 && answer.has("Retry-After: "))
            phase_.refused.add(ms);
        else
            ++phase_.wrong;
    }

    void lost(int connection) {
        ++phase_.wrong;
        busy_.erase(connection);
        std::erase(idle_, connection);
        idle_.push_back(swarm_.open());
    }

    test::Server& server_;
    Swarm swarm_;
    std::deque<int> idle_;
    std::deque<Instant> waiting_;
    std::unordered_map<int, Instant> busy_;
    Phase phase_;
};

}  // namespace

int overload(const Options& options) {
    test::ServerOptions server_options;
    server_options.config = kConfig;
    server_options.flags = {"--log-level", "error"};
    test::Server server(std::move(server_options));
    Load load(server);

    // The peak is sought just above the capacity, so that the workers never want for work.
    const Phase peak = load.run(1.1 * kCapacity, std::max(1.0, options.seconds / 6));
    const Phase over = load.run(10 * kCapacity, options.seconds);
    const test::Exit exit = server.stop();

    const auto& resident = over.resident;
    const std::size_t quarter = resident.size() / 4;
    const std::uint64_t early = resident.at(quarter);
    const std::uint64_t highest =
        *std::max_element(resident.begin() + static_cast<std::ptrdiff_t>(quarter), resident.end());
    say("durability fsync; %d at a time of %d ms: %.0f jobs/s at most",
        kConcurrency,
        kJobMs,
        kCapacity);
    say("peak at 1.1 x capacity: %.1f jobs/s, %s", peak.goodput(), peak.done.text().c_str());
    say("offered %.0f/s for %.0f s (%llu sent, %llu found no connection free at first)",
        10 * kCapacity,
        over.seconds,
        static_cast<unsigned long long>(over.sent),
        static_cast<unsigned long long>(over.late));
    say("done: %zu, %.1f jobs/s (%.1f %% of the peak), %s",
        over.done.size(),
        over.goodput(),
        100 * over.goodput() / peak.goodput(),
        over.done.text().c_str());
    say("refused with Retry-After: %zu, %s", over.refused.size(), over.refused.text().c_str());
    say("resident: %llu KiB after a quarter, %llu KiB at most from there on",
        static_cast<unsigned long long>(early),
        static_cast<unsigned long long>(highest));

    Verdict verdict(options.strict);
    verdict.must(
        over.wrong + peak.wrong == 0, "every request is answered with 200, or 503 and Retry-After"
    );
    verdict.must(over.done.size() > 0 && over.refused.size() > 0, "some are done, some refused");
    verdict.must(exit.status == 0, "the server ends well");
    verdict.should(over.goodput() >= 0.9 * peak.goodput(), "goodput of 90 % of the peak");
    verdict.should(over.refused.at(0.5) < 10, "refusals within 10 ms at the median");
    verdict.should(highest < early + early / 4 + 8192, "flat memory");
    return verdict.exit_status();
}

}  // namespace bide::load
