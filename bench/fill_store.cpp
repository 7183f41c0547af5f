// Fills a store through the engine's own writing side, as fast as it goes: finished echo jobs of
// the queue "jobs", and jobs of the queue "parked", which is paused, that wait. Prints one JSON
// object; the spans are those of commits. The directory exists, and no server has it.
//
//     fill_store DIRECTORY FINISHED WAITING [GROUP [RETENTION_S]]
#include "base/rng.hpp"
#include "engines/embedded/store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bide::bench {
namespace {

using engines::embedded::Store;
using Steady = std::chrono::steady_clock;

struct Wanted {
    std::string directory;
    std::size_t finished;
    std::size_t waiting;
    std::size_t group;
    Duration retention;
};

core::Write finished(const JobId& id, Time now) {
    core::Write write;
    write.kind = core::DurableWrite::finish;
    write.job = id;
    write.sequence = id.sequence();
    auto outcome = std::make_shared<core::Outcome>();
    outcome->state = core::JobState::succeeded;
    outcome->content_type = "application/json";
    outcome->body.bytes = "\"abcdefghijklmnopqr\"";
    outcome->attempts = 1;
    outcome->created = outcome->started = outcome->finished = now;
    write.outcome = std::move(outcome);
    return write;
}

core::Write waiting(const JobId& id, Time now) {
    auto input = std::make_shared<core::JobInput>();
    input->id = id;
    input->sequence = id.sequence();
    input->queue = 1;
    input->created = now;
    input->content_type = "application/json";
    input->body.bytes = "\"abcdefghijklmnopqr\"";
    core::Write write;
    write.job = id;
    write.sequence = input->sequence;
    write.input = std::move(input);
    return write;
}

class Filler {
  public:
    Filler(Store& store, const Wanted& wanted, std::int64_t highest)
        : store_(store), wanted_(wanted), ids_(store.id_secret(), highest) {}

    Result<void> run() {
        BIDE_TRY(store_.apply({{}, {{1, true}}}, clock_.now(), 0));
        BIDE_TRY(fill(wanted_.finished, finished));
        BIDE_TRY(fill(wanted_.waiting, waiting));
        // The newest outcome is always kept.
        return fill(1, finished);
    }

    void print(double seconds) {
        std::sort(spans_us_.begin(), spans_us_.end());
        const auto at = [this](double part) {
            return spans_us_[static_cast<std::size_t>(
                static_cast<double>(spans_us_.size() - 1) * part
            )];
        };
        std::printf(
            "{\"jobs\": %zu, \"seconds\": %.2f, \"commits\": %zu, \"p50_us\": %.0f, \"p99_us\": "
            "%.0f,"
            " \"p999_us\": %.0f, \"max_us\": %.0f}\n",
            wanted_.finished + wanted_.waiting,
            seconds,
            spans_us_.size(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1)
        );
    }

  private:
    Result<void> fill(std::size_t count, core::Write (*make)(const JobId&, Time)) {
        core::WriteGroup group;
        while (count > 0) {
            group.clear();
            for (std::size_t i = std::min(count, wanted_.group); i > 0; --i, --count) {
                const Time now = clock_.now();
                group.jobs.push_back(make(ids_.make(now), now));
            }
            const auto before = Steady::now();
            BIDE_TRY(store_.apply(group, clock_.now(), 2 * group.jobs.size()));
            spans_us_.push_back(
                std::chrono::duration<double, std::micro>(Steady::now() - before).count()
            );
        }
        return success();
    }

    Store& store_;
    const Wanted& wanted_;
    IdMaker ids_;
    SystemClock clock_;
    std::vector<double> spans_us_;
};

Result<void> fill(const Wanted& wanted) {
    const std::vector<engines::embedded::StoredQueue> queues{
        {"jobs", wanted.retention}, {"parked", wanted.retention}};
    BIDE_TRY(const auto store, Store::open(wanted.directory, queues, SystemClock().now()));
    BIDE_TRY(const std::int64_t highest, store->highest_sequence());
    Filler filler(*store, wanted, highest);
    const auto begun = Steady::now();
    BIDE_TRY(filler.run());
    filler.print(std::chrono::duration<double>(Steady::now() - begun).count());
    return success();
}

}  // namespace
}  // namespace bide::bench

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fprintf(
            stderr, "usage: fill_store DIRECTORY FINISHED WAITING [GROUP [RETENTION_S]]\n"
        );
        return 2;
    }
    bide::bench::Wanted wanted{
        argv[1],
        std::strtoul(argv[2], nullptr, 10),
        std::strtoul(argv[3], nullptr, 10),
        argc > 4 ? std::max(std::strtoul(argv[4], nullptr, 10), 1UL) : 1000,
        std::chrono::seconds(argc > 5 ? std::strtol(argv[5], nullptr, 10) : 86'400)};
    std::filesystem::create_directories(wanted.directory + "/bodies/tmp");
    const auto done = bide::bench::fill(wanted);
    if (done.has_error()) std::fprintf(stderr, "%s\n", done.error().detail.c_str());
    return done.has_error() ? 1 : 0;
}
