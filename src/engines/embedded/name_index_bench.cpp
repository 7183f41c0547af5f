#include "base/rng.hpp"
#include "engines/embedded/name_filter.hpp"
#include "engines/embedded/name_index.hpp"
#include "engines/embedded/name_run.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace bide::engines::embedded {
namespace {

JobId random_id(Rng& rng) {
    JobId id;
    const std::uint64_t halves[] = {rng.next(), rng.next()};
    std::memcpy(id.bytes.data(), halves, sizeof halves);
    return id;
}

constexpr std::size_t kNames = 1U << 17;

/// What a name that is not there costs while there are so many runs, each of so many times 131,072
/// names. 80 are those of ten million jobs; 1,312, or 82 of merged ones, those of two days with
/// 1,000 jobs a second.
void name_filters_miss(benchmark::State& state) {
    Rng rng(4);
    std::vector<NameFilter> filters;
    const std::size_t names = kNames * static_cast<std::size_t>(state.range(1));
    for (std::int64_t run = 0; run < state.range(0); ++run) {
        filters.emplace_back(names);
        for (std::size_t i = 0; i < names; ++i) filters.back().add(random_id(rng));
    }
    for (auto _ : state) {
        const JobId id = random_id(rng);
        for (const auto& filter : filters) benchmark::DoNotOptimize(filter.may_have(id));
    }
}
BENCHMARK(name_filters_miss)->Args({1, 1})->Args({80, 1})->Args({1312, 1})->Args({82, 16});

/// As many runs as become one.
void name_runs_merge(benchmark::State& state) {
    const std::string directory = std::filesystem::temp_directory_path() / "bide_name_runs_merge";
    std::filesystem::create_directories(directory);
    auto spool = runtime::Spool::open(directory, 0).value();
    Rng rng(4);
    NameRun::Some runs;
    for (std::size_t i = 0; i < NameIndex::kMerged; ++i) {
        std::vector<Name> names(kNames);
        for (auto& name : names) name.id = random_id(rng);
        std::sort(names.begin(), names.end());
        runs.push_back(NameRun::open(NameRun::write(*spool, names).value()).value());
    }
    for (auto _ : state) {
        const std::string path = NameRun::merge(*spool, runs).value();
        std::filesystem::remove(path);
    }
    std::filesystem::remove_all(directory);
}
BENCHMARK(name_runs_merge)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace bide::engines::embedded
