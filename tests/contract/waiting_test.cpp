// What the end of a wait looks like, by what caller and deployment said.
#include "site.hpp"

namespace bide::test {
namespace {

const std::string kLong = "60000";

Response posted(const std::string& prefer, const std::string& body = kLong) {
    return post("/queues/sleep/jobs", body, {"Prefer: " + prefer});
}

TEST(Waiting, ChainOf303sEndsWithTheResult) {
    Response answer = posted("wait=1, at-limit=redirect", "2500");
    int hops = 0;
    while (answer.status == 303 && hops < 30) {
        ++hops;
        const std::string next = answer["Location"];
        ASSERT_EQ(next, "/jobs/" + answer["Bide-Job-Id"] + "/result");
        EXPECT_TRUE(answer.body.empty());
        answer = ask({"GET", next, {"Prefer: wait=1, at-limit=redirect"}, {}});
    }
    EXPECT_GE(hops, 2);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "2500");
}

TEST(Waiting, EveryShapeOfAnEndNamesTheJob) {
    for (const char* shape : {"accepted", "redirect", "timeout"}) {
        SCOPED_TRACE(shape);
        const Response answer = posted(std::string("wait=0, at-limit=") + shape);
        const std::string id = answer["Bide-Job-Id"];
        ASSERT_EQ(id.size(), 36U);
        EXPECT_EQ(answer["Bide-Durability"], Site::durability());
        EXPECT_TRUE(answer.has("Bide-Attempts"));
        EXPECT_TRUE(answer["Location"].starts_with("/jobs/" + id)) << answer["Location"];
        EXPECT_EQ(answer["Preference-Applied"], std::string("wait=0, at-limit=") + shape);
        EXPECT_FALSE(answer.has("Bide-Replayed"));
        EXPECT_EQ(del("/jobs/" + id).status, 200);
    }
}

TEST(Waiting, AcceptedIsTheStatusDocument) {
    const Response answer = posted("wait=0");
    ASSERT_EQ(answer.status, 202);
    const auto document = answer.json();
    for (const char* name :
         {"id", "queue", "state", "attempts", "attempts_max", "priority", "created", "links"})
        EXPECT_TRUE(document.contains(name)) << name;
    EXPECT_EQ(answer.member("priority"), "4");
    EXPECT_EQ(del(answer["Location"]).status, 200);
}

TEST(Waiting, RespondAsyncHasTheSameShapeForASlowAndAFastJob) {
    const Response slow = posted("respond-async");
    const Response fast = post("/", "fast", {"Prefer: respond-async"});
    EXPECT_EQ(slow.status, fast.status);
    for (const auto& [name, value] : slow.fields) EXPECT_TRUE(fast.has(name)) << name;
    EXPECT_EQ(del(slow["Location"]).status, 200);
}

TEST(Waiting, ResultPageRespondsAtOnceToWaitZero) {
    const std::string page = accepted("sleep", kLong);
    ASSERT_TRUE(comes_to(page, "running"));
    const Response over = ask({"GET", page + "/result", {"Prefer: respond-async"}, {}});
    EXPECT_EQ(over.status, 202);
    EXPECT_EQ(over.member("state"), "running");
    const Response timeout =
        ask({"GET", page + "/result", {"Prefer: wait=0, at-limit=timeout"}, {}});
    EXPECT_EQ(timeout.status, 504);
    EXPECT_EQ(timeout.problem(), "wait-over");
    EXPECT_EQ(timeout["Location"], page);
    EXPECT_EQ(del(page).status, 200);
}

TEST(Waiting, ResultPageOfADoneJobIsItsResultHoweverShortTheWait) {
    const std::string page = "/jobs/" + post("/", "done")["Bide-Job-Id"];
    for (const char* prefer : {"Prefer: wait=0", "Prefer: respond-async", "Prefer: wait=5"}) {
        const Response answer = ask({"GET", page + "/result", {prefer}, {}});
        EXPECT_EQ(answer.status, 200) << prefer;
        EXPECT_EQ(answer.body, "done");
    }
}

class Deployment : public testing::Test {
  protected:
    static Response post_to(const std::string& settings, std::vector<std::string> lines = {}) {
        ServerOptions options;
        options.config = "[server]\n" + settings + "[queues.sleep]\nnative = \"sleep\"\n";
        Server server(std::move(options));
        const Response answer = post(server.address(), "/", kLong, std::move(lines));
        EXPECT_EQ(server.stop_at_once().status, 0);
        return answer;
    }
};

TEST_F(Deployment, DefaultWaitIsForWhoSaidNothing) {
    BIDE_NEEDS_OWN_SERVER();
    const Response answer = post_to("default_wait = \"200ms\"\n");
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.problem(), "wait-over");
    EXPECT_FALSE(answer.has("Preference-Applied"));
}

TEST_F(Deployment, AtLimitAcceptedOrRedirectIsForWhoSaidNothing) {
    BIDE_NEEDS_OWN_SERVER();
    const std::string wait = "default_wait = \"200ms\"\nat_limit = ";
    EXPECT_EQ(post_to(wait + "\"accepted\"\n").status, 202);
    const Response redirect = post_to(wait + "\"redirect\"\n");
    EXPECT_EQ(redirect.status, 303);
    EXPECT_TRUE(redirect["Location"].ends_with("/result"));
    EXPECT_FALSE(redirect.has("Preference-Applied"));
}

TEST_F(Deployment, MaxWaitCapsWhatIsAskedFor) {
    BIDE_NEEDS_OWN_SERVER();
    const Response answer = post_to("max_wait = \"1s\"\n", {"Prefer: wait=1000"});
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer["Preference-Applied"], "wait=1");
}

}  // namespace
}  // namespace bide::test
