#include "base/id.hpp"

#include <benchmark/benchmark.h>

namespace bide {
namespace {

constexpr Time kNow{std::chrono::hours(24 * 365 * 56)};

void id_make(benchmark::State& state) {
    IdMaker maker(4, 0);
    for (auto _ : state) benchmark::DoNotOptimize(maker.make(kNow));
}
BENCHMARK(id_make);

void id_is_made_here(benchmark::State& state) {
    const JobId id = IdMaker(4, 0).make(kNow);
    for (auto _ : state) benchmark::DoNotOptimize(IdMaker::made(id, 4));
}
BENCHMARK(id_is_made_here);

void id_to_text(benchmark::State& state) {
    const JobId id = IdMaker(4, 0).make(kNow);
    for (auto _ : state) benchmark::DoNotOptimize(to_string(id));
}
BENCHMARK(id_to_text);

void id_parse(benchmark::State& state) {
    const std::string text = to_string(IdMaker(4, 0).make(kNow));
    for (auto _ : state) benchmark::DoNotOptimize(parse_job_id(text));
}
BENCHMARK(id_parse);

}  // namespace
}  // namespace bide
