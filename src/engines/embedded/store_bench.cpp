#include "engines/embedded/store.hpp"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <utility>

namespace bide::engines::embedded {
namespace {

constexpr Time kNow{std::chrono::hours(24 * 365 * 56)};

struct Folder {
    explicit Folder(const std::string& parent) : path(parent + "/bide-bench-XXXXXX") {
        made = ::mkdtemp(path.data()) != nullptr;
    }
    ~Folder() {
        std::error_code ignored;
        if (made) std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string path;
    bool made = false;
};

core::Write finished_echo(IdMaker& ids) {
    core::Write write;
    write.kind = core::DurableWrite::finish;
    write.job = ids.make(kNow);
    write.sequence = write.job.sequence();
    auto outcome = std::make_shared<core::Outcome>();
    outcome->state = core::JobState::succeeded;
    outcome->status = 200;
    outcome->content_type = "text/plain";
    outcome->body.bytes = "twenty bytes of body";
    outcome->attempts = 1;
    outcome->created = outcome->started = outcome->finished = kNow;
    write.outcome = std::move(outcome);
    return write;
}

/// A commit with the results of as many jobs; each is one row. On disk it is mostly the flush.
void store_commit(benchmark::State& state, const std::string& parent) {
    const Folder folder(parent);
    if (!folder.made) return state.SkipWithError("no such file system here");
    auto opened = Store::open(folder.path, {{"echo", std::chrono::hours(24)}}, kNow);
    if (opened.has_error()) return state.SkipWithError(opened.error().detail.c_str());
    const auto store = std::move(opened.value());
    IdMaker ids(4, 0);
    core::WriteGroup group;
    for (auto _ : state) {
        state.PauseTiming();
        group.clear();
        for (std::int64_t i = 0; i < state.range(0); ++i) group.jobs.push_back(finished_echo(ids));
        state.ResumeTiming();
        const auto done = store->apply(group, kNow, 16);
        if (done.has_error()) return state.SkipWithError(done.error().detail.c_str());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(store_commit, tmpfs, std::string("/dev/shm"))->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK_CAPTURE(store_commit, disk_fsync, std::string("/var/tmp"))
    ->Arg(1)
    ->Arg(64)
    ->UseRealTime();

}  // namespace
}  // namespace bide::engines::embedded
