#include "engines/aws/doctor_rules.hpp"

#include <gtest/gtest.h>

namespace bide::engines::aws {
namespace {

using namespace std::chrono_literals;
using Grade = Finding::Grade;

constexpr const char* kDead = "arn:aws:sqs:eu-central-1:123456789012:speak-dead";

std::string policy(const std::string& receives) {
    return std::string(R"({"deadLetterTargetArn":")") + kDead + R"(","maxReceiveCount":)" +
           receives + "}";
}

class DoctorRules : public testing::Test {
  protected:
    DoctorRules() {
        needs_.name = "speak";
        needs_.dead_letters = true;
        needs_.rules.timeout = 5min;
        needs_.rules.retry.attempts_max = 3;
        needs_.lease = 30s;
        needs_.max_wait = 15min;
        needs_.inline_bytes_max = 192U << 10;
    }
    /// The worst of them, and what it says.
    static Finding worst(const Findings& findings) {
        Finding worst;
        for (const auto& finding : findings) {
            if (finding.grade >= worst.grade) worst = finding;
        }
        return worst;
    }
    Finding judged() const { return worst(judge_queue(needs_, queue_)); }
    void expect(Grade grade, const std::string& mend) const {
        const Finding found = judged();
        EXPECT_EQ(found.grade, grade) << found.found;
        EXPECT_NE(found.mend.find(mend), std::string::npos) << found.found << " / " << found.mend;
    }

    QueueNeeds needs_;
    QueueAttributes queue_{
        {"VisibilityTimeout", "30"},
        {"MessageRetentionPeriod", "345600"},
        {"MaximumMessageSize", "262144"},
        {"DelaySeconds", "0"},
        {"RedrivePolicy", policy("\"5\"")}};
};

TEST_F(DoctorRules, AGoodQueueIsFineThroughout) {
    for (const auto& finding : judge_queue(needs_, queue_)) {
        EXPECT_EQ(finding.grade, Grade::ok) << finding.found;
        EXPECT_EQ(finding.mend, "");
        EXPECT_NE(finding.found, "");
    }
}

TEST_F(DoctorRules, FifoQueuesAreRefused) {
    queue_["FifoQueue"] = "true";
    expect(Grade::fail, "standard queue");
}

TEST_F(DoctorRules, MessagesAreGivenOutOftenEnough) {
    queue_["RedrivePolicy"] = policy("4");
    expect(Grade::warn, "maxReceiveCount to 5");
    queue_["RedrivePolicy"] = policy("3");
    expect(Grade::warn, "maxReceiveCount to 5");
    queue_["RedrivePolicy"] = policy("2");
    expect(Grade::fail, "maxReceiveCount to 5");
    queue_["RedrivePolicy"] = "{";
    expect(Grade::fail, "");
    queue_.erase("RedrivePolicy");
    expect(Grade::fail, "maxReceiveCount 5");
}

TEST_F(DoctorRules, MessagesStayForAsLongAsAJobMayTake) {
    queue_["MessageRetentionPeriod"] = "1800";
    EXPECT_EQ(judged().grade, Grade::ok);
    queue_["MessageRetentionPeriod"] = "1799";
    expect(Grade::fail, "1800");
}

TEST_F(DoctorRules, AMessageTakesWhatIsInline) {
    queue_["MaximumMessageSize"] = "196608";
    expect(Grade::fail, "200704");
    needs_.inline_bytes_max = 196608 - 4096;
    EXPECT_EQ(judged().grade, Grade::ok);
    queue_.erase("MaximumMessageSize");
    EXPECT_EQ(judged().grade, Grade::skipped);
}

TEST_F(DoctorRules, AnAttemptFitsIntoTheLongestVisibility) {
    queue_["MessageRetentionPeriod"] = "1209600";
    needs_.rules.timeout = 12h;
    expect(Grade::fail, "lower timeout");
    needs_.rules.timeout = 11h;
    EXPECT_EQ(judged().grade, Grade::ok);
}

TEST_F(DoctorRules, ADelayOfTheQueueIsSaid) {
    queue_["DelaySeconds"] = "7";
    expect(Grade::warn, "DelaySeconds");
}

TEST_F(DoctorRules, BatchesAreNotGivenUp) {
    needs_.batches = true;
    needs_.rules.retry.attempts_max = 1'000'000;
    needs_.rules.timeout = 24h * 30;
    expect(Grade::warn, "remove");
    queue_.erase("RedrivePolicy");
    EXPECT_EQ(judged().grade, Grade::ok) << judged().found;
}

TEST_F(DoctorRules, TheDeadLetterQueueIsTheOneThatIsFilled) {
    QueueAttributes dead{{"QueueArn", kDead}, {"MessageRetentionPeriod", "1209600"}};
    EXPECT_EQ(worst(judge_dead_letters(needs_, queue_, dead)).grade, Grade::ok);
    dead["MessageRetentionPeriod"] = "86400";
    EXPECT_EQ(worst(judge_dead_letters(needs_, queue_, dead)).grade, Grade::warn);
    dead["QueueArn"] = "arn:aws:sqs:eu-central-1:123456789012:other";
    EXPECT_EQ(worst(judge_dead_letters(needs_, queue_, dead)).grade, Grade::fail);
}

TEST(Doctor, TheClockMayBeOffALittle) {
    EXPECT_EQ(judge_clock(900ms).grade, Grade::ok);
    EXPECT_EQ(judge_clock(-29s).grade, Grade::ok);
    EXPECT_EQ(judge_clock(31s).grade, Grade::warn);
    EXPECT_EQ(judge_clock(31s).found, "31s behind the services'");
    EXPECT_EQ(judge_clock(-6min).grade, Grade::fail);
    EXPECT_EQ(judge_clock(-6min).found, "6m ahead of the services'");
}

TEST(Doctor, InClearIsForThisMachineOnly) {
    for (const char* url :
         {"",
          "http://127.0.0.1:9324",
          "http://localhost:9324/x",
          "http://[::1]:1",
          "https://sqs.example",
          "rediss://u:p@cache.example:6379"})
        EXPECT_EQ(judge_address("x", url).grade, Grade::ok) << url;
    const Finding clear = judge_address("cache", "redis://me:secret@cache.example:6379/0");
    EXPECT_EQ(clear.grade, Grade::warn);
    EXPECT_EQ(clear.found.find("secret"), std::string::npos) << clear.found;
    EXPECT_NE(clear.mend.find("rediss://"), std::string::npos);
    EXPECT_EQ(judge_address("s3", "http://minio.example:9000").grade, Grade::warn);
}

TEST(Doctor, TheShortestRuleForAPrefixCounts) {
    using Rules = std::vector<wire::S3LifecycleRule>;
    EXPECT_EQ(days_kept("outgoing/", {}), std::nullopt);
    EXPECT_EQ(days_kept("outgoing/", Rules{{"outgoing/", 0, 1}}), std::nullopt);
    EXPECT_EQ(days_kept("outgoing/", Rules{{"outgoing/speak/", 1, 0}}), std::nullopt);
    EXPECT_EQ(days_kept("outgoing/", Rules{{"", 9, 0}, {"out", 3, 0}, {"in", 1, 0}}), 3U);
    EXPECT_EQ(whole_days(24h), 1U);
    EXPECT_EQ(whole_days(25h), 2U);
    EXPECT_EQ(whole_days(1s), 1U);
}

TEST(Doctor, ObjectsStayForAsLongAsTheyAreNeeded) {
    const auto judge = [](const char* prefix, std::vector<wire::S3LifecycleRule> rules) {
        return judge_lifecycle("bucket b", prefix, {2, 4, days_kept("outgoing/", rules)}, rules);
    };
    const Finding missing = judge("outgoing/", {});
    EXPECT_EQ(missing.grade, Grade::warn);
    EXPECT_NE(
        missing.mend.find(R"("Prefix":"outgoing/"},"Expiration":{"Days":2})"), std::string::npos
    ) << missing.mend;
    EXPECT_EQ(judge("outgoing/", {{"outgoing/", 1, 0}}).grade, Grade::warn);
    EXPECT_EQ(judge("outgoing/", {{"outgoing/", 2, 0}}).grade, Grade::ok);
    EXPECT_EQ(judge("claims/", {{"outgoing/", 7, 0}, {"claims/", 7, 0}}).grade, Grade::fail);
    EXPECT_EQ(judge("claims/", {{"outgoing/", 7, 0}, {"claims/", 8, 0}}).grade, Grade::ok);
    EXPECT_NE(judge("claims/", {{"outgoing/", 7, 0}}).mend.find(R"("Days":11)"), std::string::npos);
    EXPECT_EQ(judge("incoming/", {{"incoming/", 3, 0}}).grade, Grade::fail);
    EXPECT_EQ(judge("incoming/", {{"incoming/", 4, 0}}).grade, Grade::ok);
    EXPECT_EQ(judge("failed/", {{"failed/", 1, 0}}).grade, Grade::ok);
    EXPECT_EQ(judge("failed/", {}).grade, Grade::warn);
}

TEST(Doctor, AFullCacheMayForgetButNotRefuse) {
    const std::string unlimited = "maxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
    EXPECT_EQ(judge_eviction(unlimited).grade, Grade::ok);
    EXPECT_EQ(judge_eviction("maxmemory:9\r\nmaxmemory_policy:noeviction\r\n").grade, Grade::warn);
    EXPECT_EQ(judge_eviction("maxmemory:9\r\nmaxmemory_policy:volatile-lru\r\n").grade, Grade::ok);
    EXPECT_EQ(judge_eviction("").grade, Grade::skipped);
}

}  // namespace
}  // namespace bide::engines::aws
