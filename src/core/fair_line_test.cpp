#include "core/fair_line.hpp"

#include "base/rng.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bide::core {
namespace {

/// A line with its tenants and jobs.
class Line {
  public:
    struct Job : FairLine::Entry {
        std::string tenant;
        int number = 0;
    };

    ~Line() { line.clear(); }

    FairLine line;

    Tenant& tenant(const std::string& name, double weight = 1, std::uint32_t concurrency = 0) {
        auto [found, fresh] = tenants_.try_emplace(name);
        if (fresh) {
            found->second.rules.weight = weight;
            found->second.rules.concurrency = concurrency;
        }
        return found->second;
    }
    Job& push(const std::string& name, std::uint8_t priority = kPriorityDefault) {
        Job& job = jobs_.emplace_back();
        job.tenant = name;
        job.number = ++count_;
        job.priority = priority;
        job.lane = &line.hold(name, tenant(name));
        line.push(job);
        return job;
    }
    /// Who is next takes a lease; null when nobody may.
    Job* start() {
        auto* next = line.front();
        if (next == nullptr) return nullptr;
        line.lease(*next);
        return static_cast<Job*>(next);
    }
    void end(Job& job) {
        line.lease_over(*job.lane);
        line.release(*job.lane);
    }
    /// Starts and ends `count` jobs one after another; how often each tenant was served.
    std::map<std::string, int> run(int count) {
        std::map<std::string, int> served;
        for (; count > 0; --count) {
            Job* job = start();
            if (job == nullptr) break;
            ++served[job->tenant];
            end(*job);
        }
        return served;
    }

  private:
    std::map<std::string, Tenant> tenants_;
    std::list<Job> jobs_;
    int count_ = 0;
};

TEST(FairLine, OneTenantIsServedInTheOrderOfArrival) {
    Line line;
    for (int i = 0; i < 5; ++i) line.push("a");
    for (int i = 1; i <= 5; ++i) EXPECT_EQ(line.start()->number, i);
    EXPECT_EQ(line.start(), nullptr);
}

TEST(FairLine, PrioritiesComeFirstWithinATenantOnly) {
    Line line;
    line.push("a", 0);
    line.push("a", 9);
    line.push("b", 0);
    line.push("b", 0);
    line.push("a", 9);
    std::vector<int> order;
    while (auto* job = line.start()) order.push_back(job->number);
    EXPECT_EQ(order, (std::vector<int>{2, 3, 5, 4, 1}));
}

TEST(FairLine, WeightsShareTheStarts) {
    Line line;
    line.tenant("a", 3);
    line.tenant("b", 1);
    line.tenant("c", 0.5);
    for (int i = 0; i < 1000; ++i) {
        for (const char* name : {"a", "b", "c"}) line.push(name);
    }
    const auto served = line.run(900);
    EXPECT_NEAR(served.at("a"), 600, 2);
    EXPECT_NEAR(served.at("b"), 200, 2);
    EXPECT_NEAR(served.at("c"), 100, 2);
}

TEST(FairLine, NobodySavesUpWhileAway) {
    Line line;
    for (int i = 0; i < 100; ++i) line.push("a");
    line.run(50);
    for (int i = 0; i < 50; ++i) line.push("b");
    const auto served = line.run(20);
    EXPECT_NEAR(served.at("a"), 10, 1);
    EXPECT_NEAR(served.at("b"), 10, 1);
}

TEST(FairLine, ComingForOneJobAfterAnotherGetsNoMoreThanTheShare) {
    Line line;
    line.tenant("small", 0.1);
    for (int i = 0; i < 1000; ++i) line.push("big");
    line.push("small");
    int small = 0;
    for (int i = 0; i < 550; ++i) {
        auto* job = line.start();
        if (job->tenant == "small") {
            ++small;
            line.end(*job);  // its last one: nobody holds the lane now
            line.push("small");
        } else {
            line.end(*job);
        }
    }
    EXPECT_NEAR(small, 50, 2);
}

TEST(FairLine, LanesOfTenantsThatLeftAreForgotten) {
    Line line;
    auto& running = line.push("busy");
    ASSERT_EQ(line.start(), &running);
    for (int i = 0; i < 5000; ++i) {
        line.push("t" + std::to_string(i));
        line.run(1);
    }
    EXPECT_LE(line.line.lanes(), 1001U);
    EXPECT_EQ(line.tenant("t0").lanes, 0U);
    line.end(running);
    EXPECT_EQ(line.line.lanes(), 0U);
    EXPECT_EQ(line.tenant("busy").lanes, 0U);
    EXPECT_EQ(line.tenant("t4999").lanes, 0U);
}

TEST(FairLine, LaneWhoseTurnsArePassedIsForgottenWhileOthersGoOn) {
    Line line;
    for (int i = 0; i < 10; ++i) line.push("a");
    line.push("b");
    line.run(2);
    EXPECT_EQ(line.line.lanes(), 2U);  // b would have to wait its turn
    line.run(2);
    EXPECT_EQ(line.line.lanes(), 1U);
    EXPECT_EQ(line.tenant("b").lanes, 0U);
}

TEST(FairLine, TenantsRunNoMoreThanTheirConcurrency) {
    Line line;
    line.tenant("a", 100, 2);
    for (int i = 0; i < 4; ++i) line.push("a");
    line.push("b");
    auto* first = line.start();
    EXPECT_EQ(first->tenant, "a");
    EXPECT_EQ(line.start()->tenant, "b");
    EXPECT_EQ(line.start()->tenant, "a");
    EXPECT_EQ(line.start(), nullptr);
    EXPECT_EQ(line.line.size(), 2U);
    line.end(*first);
    ASSERT_NE(line.line.front(), nullptr);
    EXPECT_EQ(line.start()->number, 3);
    EXPECT_EQ(line.start(), nullptr);
}

TEST(FairLine, PositionCountsWhoIsBeforeInTheOwnLaneAndGuessesTheRest) {
    Line line;
    auto& first = line.push("a");
    auto& second = line.push("a");
    auto& urgent = line.push("a", 9);
    EXPECT_EQ(line.line.position(urgent), 0U);
    EXPECT_EQ(line.line.position(first), 1U);
    EXPECT_EQ(line.line.position(second), 2U);
    auto& other = line.push("b");
    EXPECT_EQ(line.line.position(other), 0U);
    // One before it of its own, and b's turns between: no more than there are.
    EXPECT_EQ(line.line.position(first), 2U);
    EXPECT_EQ(line.line.position(second), 3U);
    line.line.remove(first);
    EXPECT_EQ(line.line.position(second), 2U);
    EXPECT_EQ(line.line.ready_from(5), 1U);
    EXPECT_EQ(line.line.ready_from(0), 3U);
    EXPECT_EQ(line.line.ready_from(9), 1U);
}

/// The same by the plainest means: looks at everybody each time.
class Naive {
  public:
    struct Lane {
        double weight;
        std::uint32_t concurrency;
        double tag = 0;
        unsigned leased = 0;
        int joined = 0;
        bool competed = false;
        std::map<int, std::list<int>, std::greater<>> ready{};
    };
    std::map<std::string, Lane> lanes;
    double now = 0;

    static bool competes(const Lane& lane) {
        const bool ready = std::any_of(lane.ready.begin(), lane.ready.end(), [](const auto& some) {
            return !some.second.empty();
        });
        return ready && (lane.concurrency == 0 || lane.leased < lane.concurrency);
    }
    void look_again() {
        for (auto& [name, lane] : lanes) {
            const bool competing = competes(lane);
            if (competing && !lane.competed) lane.tag = std::max(lane.tag, now);
            lane.competed = competing;
        }
    }
    /// The least tag of those who compete; empty: nobody.
    std::optional<double> least() const {
        std::optional<double> tag;
        for (const auto& [name, lane] : lanes) {
            if (competes(lane) && (!tag || lane.tag < *tag)) tag = lane.tag;
        }
        return tag;
    }
    static int first_of(const Lane& lane) {
        for (const auto& [priority, jobs] : lane.ready) {
            if (!jobs.empty()) return jobs.front();
        }
        return 0;
    }
};

TEST(FairLine, AgreesWithANaiveModel) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        Rng rng(seed);
        Line line;
        Naive naive;
        const std::vector<std::string> names{"a", "b", "c", "d"};
        for (const auto& name : names) {
            const double weight = static_cast<double>(1 + rng.below(5)) / 2;
            const auto concurrency = static_cast<std::uint32_t>(rng.below(3));
            line.tenant(name, weight, concurrency);
            naive.lanes[name] = {weight, concurrency};
            // Held throughout, so that the naive one need not know when lanes are forgotten.
            line.line.hold(name, line.tenant(name));
        }
        std::vector<Line::Job*> waiting;
        std::vector<Line::Job*> running;
        for (int i = 0; i < 2000; ++i) {
            const auto draw = rng.below(10);
            if (draw < 4) {
                auto& job = line.push(
                    names[rng.below(names.size())], static_cast<std::uint8_t>(rng.below(3))
                );
                naive.lanes[job.tenant].ready[job.priority].push_back(job.number);
                waiting.push_back(&job);
            } else if (draw < 5 && !waiting.empty()) {
                auto* job = waiting[rng.below(waiting.size())];
                naive.lanes[job->tenant].ready[job->priority].remove(job->number);
                line.line.remove(*job);
                line.line.release(*job->lane);
                std::erase(waiting, job);
            } else if (draw < 8) {
                const auto least = naive.least();
                auto* job = line.start();
                ASSERT_EQ(job != nullptr, least.has_value());
                if (job == nullptr) continue;
                auto& lane = naive.lanes[job->tenant];
                ASSERT_TRUE(Naive::competes(lane));
                ASSERT_NEAR(lane.tag, *least, 1e-9);
                ASSERT_EQ(Naive::first_of(lane), job->number);
                lane.ready[job->priority].pop_front();
                naive.now = std::max(naive.now, lane.tag);
                lane.tag = naive.now + 1 / lane.weight;
                ++lane.leased;
                std::erase(waiting, job);
                running.push_back(job);
            } else if (!running.empty()) {
                auto* job = running[rng.below(running.size())];
                --naive.lanes[job->tenant].leased;
                line.end(*job);
                std::erase(running, job);
            }
            naive.look_again();
            ASSERT_EQ(line.line.size(), waiting.size());
            std::uint64_t urgent = 0;
            for (auto* job : waiting) {
                ASSERT_LT(line.line.position(*job), waiting.size());
                urgent += job->priority >= 2 ? 1 : 0;
            }
            ASSERT_EQ(line.line.ready_from(2), urgent);
        }
    }
}

}  // namespace
}  // namespace bide::core
