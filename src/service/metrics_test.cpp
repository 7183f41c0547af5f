#include "service/metrics.hpp"

#include "service/fixture.hpp"

namespace bide::service {
namespace {

TEST_F(ContractTest, MetricsTellTheStateOfEveryQueue) {
    engine.known.queues[0].counts.ready = 3;
    engine.known.queues[1].totals.attempts = 5;
    engine.known.queues[1].totals.queued_s = 0.25;
    engine.known.queues[1].totals.ran = 4;
    engine.known.queues[1].totals.running_s = 2;
    engine.known.commits = 9;
    const Plan plan = ask("GET", "/metrics");
    const std::string metrics = text(plan);
    EXPECT_TRUE(has(std::get<wire::Reply>(plan), "Content-Type: " + std::string(kMetricsType)));
    for (const char* line :
         {"# TYPE bide_jobs gauge\n",
          "bide_jobs{queue=\"speak\",state=\"ready\"} 3\n",
          "bide_attempts_total{queue=\"chart\"} 5\n",
          "bide_queue_seconds_sum{queue=\"chart\"} 0.25\n",
          "bide_run_seconds_sum{queue=\"chart\"} 2\n",
          "bide_run_seconds_count{queue=\"chart\"} 4\n",
          "bide_refusals_total{queue=\"speak\",reason=\"full\"} 0\n",
          "bide_outcomes_total{queue=\"speak\",state=\"succeeded\"} 0\n",
          "bide_commits_total 9\n",
          "bide_connections 7\n"})
        EXPECT_TRUE(contains(metrics, line)) << line << metrics;
    EXPECT_TRUE(metrics.ends_with("# EOF\n"));
}

}  // namespace
}  // namespace bide::service
