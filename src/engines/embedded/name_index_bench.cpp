#include "base/rng.hpp"
#include "engines/embedded/name_filter.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

namespace bide::engines::embedded {
namespace {

JobId random_id(Rng& rng) {
    JobId id;
    const std::uint64_t halves[] = {rng.next(), rng.next()};
    std::memcpy(id.bytes.data(), halves, sizeof halves);
    return id;
}

/// What a name that is not there costs while there are this many runs of 131,072 names: 80 are
/// those of ten million jobs.
void name_filters_miss(benchmark::State& state) {
    Rng rng(4);
    std::vector<NameFilter> filters;
    constexpr std::size_t kNames = 1U << 17;
    for (std::int64_t run = 0; run < state.range(0); ++run) {
        filters.emplace_back(kNames);
        for (std::size_t i = 0; i < kNames; ++i) filters.back().add(random_id(rng));
    }
    for (auto _ : state) {
        const JobId id = random_id(rng);
        for (const auto& filter : filters) benchmark::DoNotOptimize(filter.may_have(id));
    }
}
BENCHMARK(name_filters_miss)->Arg(1)->Arg(80);

}  // namespace
}  // namespace bide::engines::embedded
