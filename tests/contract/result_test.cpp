// The pages of a job: status, result, cancellation.
#include "site.hpp"

#include <future>
#include <vector>

namespace bide::test {
namespace {

/// Of the year 2100: of an old id the store cannot tell whether it was there before retention.
constexpr const char* kNeverMade = "/jobs/03bb2cc3-d800-7000-8000-000000000000";

std::string made(const std::string& queue, std::string body) {
    const Response answer = post("/queues/" + queue + "/jobs", std::move(body));
    return "/jobs/" + answer["Bide-Job-Id"];
}

TEST(Contract, StatusOfARunningJob) {
    const std::string page = accepted("lane", "60000");
    ASSERT_TRUE(comes_to(page, "running"));
    const Response status = get(page);
    EXPECT_EQ(status.status, 200);
    EXPECT_EQ(status["Content-Type"], "application/json");
    EXPECT_EQ(status["Location"], page);
    EXPECT_EQ("/jobs/" + status["Bide-Job-Id"], page);
    EXPECT_EQ(status.member("queue"), "lane");
    EXPECT_EQ(status.member("attempts"), "1");
    EXPECT_NE(status.member("created"), "");
    EXPECT_NE(status.member("started"), "");
    EXPECT_EQ(status.member("finished"), "");
    EXPECT_EQ(status.json().at("links").at("result").as_string(), page + "/result");
    EXPECT_EQ(del(page).status, 200);
}

TEST(Contract, StatusOfAQueuedJobSaysItsPosition) {
    const std::string first = accepted("lane", "60000");
    ASSERT_TRUE(comes_to(first, "running"));  // the lane may still have the job of another test
    const std::string second = accepted("lane", "1");
    const std::string third = accepted("lane", "2");
    EXPECT_EQ(get(second).member("state"), "ready");
    EXPECT_EQ(get(second).member("position"), "0");
    EXPECT_EQ(get(third).member("position"), "1");
    EXPECT_EQ(del(first).status, 200);
    EXPECT_EQ(get(third + "/result").body, "2");
}

TEST(Contract, StatusOfASucceededJob) {
    const Response status = get(made("echo", "four"));
    EXPECT_EQ(status.status, 200);
    EXPECT_EQ(status.member("state"), "succeeded");
    EXPECT_EQ(status.member("result_bytes"), "4");
    EXPECT_NE(status.member("finished"), "");
}

TEST(Contract, StatusOfAFailedJobSaysWhy) {
    const Response status = get(made("refuse", "x"));
    EXPECT_EQ(status.status, 200);
    EXPECT_EQ(status.member("state"), "failed");
    EXPECT_EQ(status.json().at("failure").at("kind").as_string(), "rejected");
    EXPECT_NE(status.body.find("not with me"), std::string::npos);
}

TEST(Contract, ResultPageWaits) {
    const std::string page = accepted("sleep", "300");
    const Stopwatch watch;
    const Response result = get(page + "/result");
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body, "300");
    EXPECT_EQ(result["Content-Location"], page + "/result");
    EXPECT_GE(watch.elapsed(), Milliseconds(100));
}

TEST(Contract, ResultPageHeedsPrefer) {
    const std::string page = accepted("sleep", "60000");
    const Response over = ask({"GET", page + "/result", {"Prefer: wait=0"}, {}});
    EXPECT_EQ(over.status, 202);
    EXPECT_EQ(over["Location"], page);
    const Response redirect =
        ask({"GET", page + "/result", {"Prefer: wait=0, at-limit=redirect"}, {}});
    EXPECT_EQ(redirect.status, 303);
    EXPECT_EQ(redirect["Location"], page + "/result");
    EXPECT_EQ(del(page).status, 200);
}

TEST(Contract, ResultIsByteIdenticalEachTime) {
    const std::string body = "line\r\n\0binary\xff" + std::string(100'000, 'z');
    const Response first = post("/", body, {"Content-Type: text/x-mine"});
    for (int i = 0; i < 3; ++i) {
        const Response again = get(first["Content-Location"]);
        EXPECT_EQ(again.status, first.status);
        EXPECT_EQ(again.body, body);
        for (const char* name :
             {"Content-Type", "Content-Location", "Bide-Job-Id", "Bide-Attempts"})
            EXPECT_EQ(again[name], first[name]);
    }
}

TEST(Contract, FailureIsTheSameEachTime) {
    const Response first = post("/queues/fail/jobs", "x");
    const Response again = get(first["Content-Location"]);
    EXPECT_EQ(again.status, 502);
    EXPECT_EQ(again.body, first.body);
}

TEST(Contract, WaitersOfOneJobGetTheSameBytes) {
    const std::string page = accepted("sleep", "500");
    std::vector<std::future<Response>> waiters;
    for (int i = 0; i < 20; ++i)
        waiters.push_back(std::async(std::launch::async, [&] { return get(page + "/result"); }));
    for (auto& waiter : waiters) {
        const Response result = waiter.get();
        EXPECT_EQ(result.status, 200);
        EXPECT_EQ(result.body, "500");
        EXPECT_EQ(result["Bide-Attempts"], "1");
    }
}

TEST(Contract, JobNeverMadeIs404) {
    for (const char* suffix : {"", "/result"}) {
        const Response answer = get(std::string(kNeverMade) + suffix);
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.problem(), "not-found");
        EXPECT_EQ(answer["Bide-Error-Source"], "bide");
    }
    EXPECT_EQ(del(kNeverMade).status, 404);
}

TEST(Contract, IdWithTheSameTimeAndOtherRandomBitsIs404) {
    std::string page = made("echo", "mine");
    page.back() = page.back() == '0' ? '1' : '0';
    EXPECT_EQ(get(page).status, 404);
    EXPECT_EQ(get(page + "/result").status, 404);
}

TEST(Contract, ResultAfterRetentionIs410) {
    const std::string old = made("brief", "old");
    // The newest outcome stays until there is a newer one.
    made("brief", "newer");
    Response answer;
    EXPECT_TRUE(eventually([&] { return (answer = get(old + "/result")).status != 200; }));
    EXPECT_EQ(answer.status, 410);
    EXPECT_EQ(answer.problem(), "gone");
    EXPECT_EQ(get(old).status, 410);
    EXPECT_EQ(del(old).status, 410);
}

TEST(Contract, RetentionOfOneQueueLeavesTheResultsOfAnother) {
    const std::string kept = made("echo", "kept");
    const std::string old = made("brief", "old");
    made("brief", "newer");
    EXPECT_TRUE(eventually([&] { return get(old).status == 410; }));
    EXPECT_EQ(get(kept + "/result").body, "kept");
}

// --- DELETE -----------------------------------------------------------------------------------

TEST(Contract, DeleteOfARunningJobStopsItAtOnce) {
    const std::string page = accepted("sleep", "60000");
    ASSERT_TRUE(comes_to(page, "running"));
    const Response answer = del(page);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.member("state"), "cancelled");
    EXPECT_EQ(get(page).member("state"), "cancelled");
}

TEST(Contract, DeleteOfARunningProcessFreesItsPlace) {
    const std::string page = accepted("lane", "60000");
    const std::string next = accepted("lane", "1");
    EXPECT_EQ(del(page).status, 200);
    EXPECT_EQ(get(next + "/result").body, "1");
}

TEST(Contract, DeleteOfAQueuedJobCancelsItBeforeItRuns) {
    const std::string first = accepted("lane", "60000");
    ASSERT_TRUE(comes_to(first, "running"));  // the lane may still have the job of another test
    const std::string queued = accepted("lane", "1");
    const Response answer = del(queued);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.member("state"), "cancelled");
    EXPECT_EQ(answer.member("attempts"), "0");
    EXPECT_EQ(del(first).status, 200);
    EXPECT_EQ(get(queued).member("state"), "cancelled");
}

TEST(Contract, DeleteTwiceIsAnsweredTheSame) {
    const std::string page = accepted("sleep", "60000");
    const Response first = del(page);
    const Response second = del(page);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(second.member("state"), "cancelled");
    EXPECT_EQ(second.body, first.body);
}

TEST(Contract, DeleteOfAFinishedJobIs409AndTheResultStays) {
    const std::string page = made("echo", "done");
    const Response answer = del(page);
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(answer.problem(), "conflict");
    EXPECT_EQ(answer["Location"], page);
    EXPECT_EQ(get(page + "/result").body, "done");
}

TEST(Contract, WaiterOfACancelledJobGets409) {
    const std::string page = accepted("sleep", "60000");
    Connection waiter(Site::address());
    waiter.send(Request{"GET", page + "/result", {}, {}});
    EXPECT_EQ(del(page).status, 200);
    const Response answer = waiter.read();
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(answer.problem(), "job-cancelled");
    EXPECT_EQ("/jobs/" + answer["Bide-Job-Id"], page);
    EXPECT_EQ(get(page + "/result").body, answer.body);
}

}  // namespace
}  // namespace bide::test
