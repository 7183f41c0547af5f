#include "service/fixture.hpp"
#include "wire/derived_id.hpp"

namespace bide::service {
namespace {

using namespace std::chrono_literals;
using What = AskPlan::What;

class UnderstandTest : public ContractTest {
  protected:
    SubmitPlan submit(std::vector<wire::Field> fields) {
        const Plan plan = ask("POST", "/", std::move(fields));
        const auto* found = std::get_if<SubmitPlan>(&plan);
        if (found == nullptr) ADD_FAILURE() << text(plan);
        return found == nullptr ? SubmitPlan{} : *found;
    }
    std::uint16_t refusal(std::string_view name, std::string_view value) {
        return status(ask("POST", "/", {{name, value}}));
    }
    AskPlan question(std::string_view method, std::string_view target) {
        Plan plan = ask(method, target);
        auto* found = std::get_if<AskPlan>(&plan);
        if (found == nullptr) ADD_FAILURE() << text(plan);
        return found == nullptr ? AskPlan{} : std::move(*found);
    }

    const std::string page = std::string("/jobs/") + kId;
};

TEST_F(UnderstandTest, PostToTheRootIsAJobOfTheDefaultQueue) {
    const auto plan = submit({{"Content-Type", "text/plain"}, {"Traceparent", "00-1"}});
    EXPECT_EQ(plan.queue, 0U);
    EXPECT_EQ(plan.content_type, "text/plain");
    EXPECT_EQ(plan.traceparent, "00-1");
    EXPECT_EQ(plan.wait.wait, Duration(60s));
    EXPECT_EQ(plan.wait.at_limit, wire::AtLimit::timeout);
    EXPECT_EQ(plan.wait.applied, "");
    EXPECT_FALSE(plan.id);
    EXPECT_FALSE(contract->fingerprint_maker(plan));
}

TEST_F(UnderstandTest, PostToAQueueNamesIt) {
    EXPECT_EQ(std::get<SubmitPlan>(ask("POST", "/queues/chart/jobs?x=1")).queue, 1U);
    EXPECT_EQ(status(ask("POST", "/queues/none/jobs")), 404);
    EXPECT_EQ(status(ask("POST", "/queues//jobs")), 404);
    EXPECT_EQ(status(ask("PUT", "/queues/chart/jobs")), 405);
}

TEST_F(UnderstandTest, NobodyReachesTheQueueOfTheBatches) {
    EXPECT_EQ(status(ask("POST", "/queues/~batches/jobs")), 404);
    EXPECT_EQ(status(ask("GET", "/queues/~batches")), 404);
    EXPECT_EQ(status(ask("PUT", page + "?queue=%7Ebatches")), 404);
    EXPECT_FALSE(contains(text(ask("GET", "/queues")), "~batches"));
    EXPECT_FALSE(contains(text(ask("GET", "/")), "~batches"));
    EXPECT_FALSE(contains(text(ask("GET", "/metrics")), "~batches"));
}

TEST_F(UnderstandTest, WhoAsksForAWaitGetsItUpToTheMaximum) {
    const auto wait = [this](const char* value) { return submit({{"Prefer", value}}).wait; };
    EXPECT_EQ(wait("wait=5").wait, Duration(5s));
    EXPECT_EQ(wait("wait=5").at_limit, wire::AtLimit::accepted);
    EXPECT_EQ(wait("wait=5").applied, "wait=5");
    EXPECT_EQ(wait("wait=100").applied, "wait=60");
    EXPECT_EQ(wait("respond-async").wait, Duration(0));
    EXPECT_EQ(wait("respond-async, wait=3").wait, Duration(3s));
    EXPECT_EQ(wait("wait=3, at-limit=timeout").at_limit, wire::AtLimit::timeout);
    EXPECT_EQ(refusal("Prefer", "wait=x"), 400);
}

TEST_F(UnderstandTest, TheDeploymentDecidesForWhoSaysNothing) {
    ContractRules mine = rules();
    mine.default_wait = 28s;
    mine.at_limit = wire::AtLimit::redirect;
    restart(std::move(mine));
    const auto plan = submit({});
    EXPECT_EQ(plan.wait.wait, Duration(28s));
    EXPECT_EQ(plan.wait.at_limit, wire::AtLimit::redirect);
    EXPECT_EQ(submit({{"Prefer", "wait=50"}}).wait.wait, Duration(50s));
    // A stream says how it ends, so that it needs no shorter wait.
    EXPECT_EQ(submit({{"Accept", "text/event-stream"}}).wait.wait, Duration(60s));
}

TEST_F(UnderstandTest, OptionsOfASubmissionAreTaken) {
    const auto plan = submit(
        {{"Bide-Priority", "9"},
         {"Bide-Delay", "1.5"},
         {"Bide-Deadline", "30"},
         {"Bide-On-Disconnect", "cancel-if-queued"},
         {"Bide-Tenant", "acme"},
         {"Bide-Whatever", "else"}}
    );
    EXPECT_EQ(plan.priority, 9);
    EXPECT_EQ(plan.delay, Duration(1500ms));
    EXPECT_EQ(plan.deadline_after, Duration(30s));
    EXPECT_EQ(plan.wait.on_leave, core::OnLeave::cancel_if_queued);
    EXPECT_EQ(plan.caller.tenant, "acme");
    EXPECT_FALSE(plan.caller.sees_all);
}

TEST_F(UnderstandTest, OptionsThatAreNotUnderstoodAreRefused) {
    for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
             {"Bide-Priority", "10"},
             {"Bide-Priority", ""},
             {"Bide-Delay", "soon"},
             {"Bide-Delay", "2592001"},
             {"Bide-Deadline", "tomorrow"},
             {"Bide-On-Disconnect", "stop"},
             {"Bide-Tenant", "a b"},
             {"Idempotency-Key", ""},
             {"Idempotency-Key", "\"open"}})
        EXPECT_EQ(refusal(name, value), 400) << name << ": " << value;
}

TEST_F(UnderstandTest, ADeadlineBeforeTheDelayIsOverIsAMistake) {
    EXPECT_EQ(status(ask("POST", "/", {{"Bide-Delay", "10"}, {"Bide-Deadline", "9"}})), 400);
    const std::string soon = to_rfc3339(kNow + 9s);
    const std::string later = to_rfc3339(kNow + 11s);
    EXPECT_EQ(status(ask("POST", "/", {{"Bide-Delay", "10"}, {"Bide-Deadline", soon}})), 400);
    const auto plan = submit({{"Bide-Delay", "10"}, {"Bide-Deadline", later}});
    EXPECT_EQ(plan.deadline_at, kNow + 11s);
    // A time that has passed is the engine's matter: under a key the job may be there already.
    EXPECT_EQ(submit({{"Bide-Deadline", "2001-01-01T00:00:00Z"}}).deadline_after, std::nullopt);
}

TEST_F(UnderstandTest, AKeyStandsForAnIdOfItsTenantAndQueue) {
    const auto of = [this](const char* tenant) {
        return submit({{"Idempotency-Key", "\"k\""}, {"Bide-Tenant", tenant}});
    };
    EXPECT_EQ(of("acme").id, wire::id_of_key("acme", "speak", "k"));
    EXPECT_NE(of("acme").id, of("other").id);
    EXPECT_EQ(submit({{"Idempotency-Key", "k"}}).id, wire::id_of_key("", "speak", "k"));
    EXPECT_TRUE(contract->fingerprint_maker(of("acme")));
    const std::vector<wire::Field> twice{{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}};
    EXPECT_EQ(status(ask("POST", "/", twice)), 400);
}

TEST_F(UnderstandTest, PutIsASubmissionUnderTheCallersId) {
    const auto plan = std::get<SubmitPlan>(ask("PUT", page + "?queue=chart"));
    EXPECT_EQ(plan.id, id());
    EXPECT_EQ(plan.queue, 1U);
    EXPECT_EQ(std::get<SubmitPlan>(ask("PUT", page)).queue, 0U);
    EXPECT_EQ(status(ask("PUT", page + "?queue=none")), 404);
    EXPECT_EQ(status(ask("PUT", "/jobs/nonsense")), 400);
    EXPECT_EQ(status(ask("PUT", page, {{"Idempotency-Key", "k"}})), 400);
}

TEST_F(UnderstandTest, TheEventHasWhatThePlanSays) {
    auto plan = submit(
        {{"Idempotency-Key", "k"},
         {"Bide-Delay", "2"},
         {"Bide-Deadline", "30"},
         {"Bide-Priority", "0"},
         {"Bide-Tenant", "acme"},
         {"Accept", "text/event-stream"},
         {"Content-Type", "text/plain"}}
    );
    auto maker = contract->fingerprint_maker(plan);
    ASSERT_TRUE(maker);
    maker->update("hello");
    const auto fingerprint = maker->finish();
    Body body;
    body.bytes = "hello";
    const auto event =
        contract->make_submit(plan, std::move(body), fingerprint, engine.make_id(), 5, kNow);
    EXPECT_EQ(event.input->id, *plan.id);
    EXPECT_EQ(event.input->sequence, 1);
    EXPECT_EQ(event.input->body.bytes, "hello");
    EXPECT_EQ(event.input->content_type, "text/plain");
    EXPECT_EQ(event.input->tenant, "acme");
    EXPECT_EQ(event.input->priority, 0);
    EXPECT_EQ(event.input->fingerprint, fingerprint);
    EXPECT_EQ(event.not_before, kNow + 2s);
    EXPECT_EQ(event.start_by, kNow + 30s);
    EXPECT_EQ(event.origin, core::IdOrigin::caller);
    EXPECT_EQ(event.wait.id, 5U);
    EXPECT_EQ(event.wait.deadline, kNow + 60s);
    EXPECT_EQ(event.wait.follow, core::Follow::yes);
}

TEST_F(UnderstandTest, JobPagesAreTold) {
    EXPECT_EQ(question("GET", page).what, What::status);
    EXPECT_EQ(question("GET", page).wait.wait, Duration(0));
    EXPECT_EQ(question("HEAD", page + "/result").what, What::result);
    EXPECT_EQ(question("DELETE", page).what, What::cancel);
    EXPECT_EQ(status(ask("DELETE", page + "/result")), 405);
    EXPECT_EQ(status(ask("PATCH", page)), 405);
    EXPECT_EQ(status(ask("GET", "/jobs/nonsense")), 400);
    EXPECT_EQ(status(ask("GET", page + "/else")), 400);
    EXPECT_EQ(status(ask("GET", "/elsewhere")), 404);
    EXPECT_EQ(status(ask("GET", "/" + std::string(9000, 'x'))), 414);
    EXPECT_EQ(status(ask("GET", page, {{"Prefer", "wait=x"}})), 400);
}

TEST_F(UnderstandTest, AJobIsFoundByItsKey) {
    EXPECT_EQ(
        question("GET", "/jobs?idempotency-key=a%20b&queue=chart").job,
        wire::id_of_key("", "chart", "a b")
    );
    EXPECT_EQ(question("GET", "/jobs?idempotency-key=k").job, wire::id_of_key("", "speak", "k"));
    EXPECT_EQ(status(ask("GET", "/jobs")), 400);
    EXPECT_EQ(status(ask("GET", "/jobs?idempotency-key=%zz")), 400);
    EXPECT_EQ(status(ask("GET", "/jobs?idempotency-key=k&queue=none")), 404);
    EXPECT_EQ(status(ask("GET", "/jobs?key=k")), 400);
}

TEST_F(UnderstandTest, OnlyAnExplicitAcceptOpensAStream) {
    const auto stream = [this](std::string accept) {
        return submit({{"Accept", std::move(accept)}}).wait.stream;
    };
    EXPECT_TRUE(stream("text/event-stream"));
    EXPECT_TRUE(stream("text/html, TEXT/event-stream;q=0.9"));
    for (const char* none : {"q=0", "q=0.0", "Q=0.000", " q = 0", "v=1;q=0"})
        EXPECT_FALSE(stream(std::string("text/event-stream;") + none + ", */*")) << none;
    for (const char* some : {"q=1", "q=0.001", "v=0", "level=q=0"})
        EXPECT_TRUE(stream(std::string("text/event-stream;") + some)) << some;
    EXPECT_FALSE(stream("*/*"));
    const std::vector<wire::Field> events{
        {"Accept", "text/event-stream"}, {"Last-Event-ID", "3-1"}};
    const Plan plan = ask("GET", page + "/result", events);
    EXPECT_TRUE(std::get<AskPlan>(plan).wait.stream);
    EXPECT_EQ(std::get<AskPlan>(plan).wait.last_event_id, "3-1");
    EXPECT_FALSE(std::get<AskPlan>(ask("HEAD", page + "/result", events)).wait.stream);
}

TEST_F(UnderstandTest, WhoHasTheResultIsToldNotToComeAgain) {
    const std::vector<wire::Field> done{{"Accept", "text/event-stream"}, {"Last-Event-ID", "done"}};
    EXPECT_EQ(status(ask("GET", page + "/result", done)), 204);
}

TEST_F(UnderstandTest, AProxysAbsoluteFormIsTheSamePage) {
    EXPECT_EQ(status(ask("GET", "http://bide.example:8080/healthz?x")), 200);
    EXPECT_EQ(std::get<SubmitPlan>(ask("POST", "http://bide.example")).queue, 0U);
    EXPECT_EQ(std::get<SubmitPlan>(ask("POST", "http://bide.example?x")).queue, 0U);
    EXPECT_EQ(status(ask("GET", "bide.example/healthz")), 404);
}

TEST_F(UnderstandTest, ReadinessIsTheEngines) {
    EXPECT_EQ(status(ask("GET", "/readyz")), 200);
    engine.state = {false, "the disk is full"};
    EXPECT_EQ(status(ask("GET", "/readyz")), 503);
    EXPECT_TRUE(contains(text(ask("GET", "/readyz")), "the disk is full"));
    EXPECT_EQ(status(ask("GET", "/healthz")), 200);
}

TEST_F(UnderstandTest, OptionsSayWhatAPageTakes) {
    const Plan plan = ask("OPTIONS", page);
    EXPECT_EQ(status(plan), 204);
    EXPECT_TRUE(has(std::get<wire::Reply>(plan), "Allow: GET, HEAD, PUT, DELETE"));
    EXPECT_EQ(status(ask("OPTIONS", "*")), 204);
    EXPECT_EQ(status(ask("OPTIONS", "/elsewhere")), 404);
    const Plan wrong = ask("PATCH", page);
    EXPECT_TRUE(has(std::get<wire::Reply>(wrong), "Allow: GET, HEAD, PUT, DELETE"));
}

TEST_F(UnderstandTest, DocumentsComeFromTheDeployment) {
    ContractRules mine = rules();
    mine.documents["/openapi.json"] = {"application/json", "{}"};
    mine.documents["/ui/"] = {"text/html", "<html>"};
    mine.documents["/errors/gone"] = {"text/html", "mine"};
    restart(std::move(mine));
    EXPECT_EQ(text(ask("GET", "/openapi.json")), "{}");
    EXPECT_EQ(text(ask("GET", "/ui/")), "<html>");
    for (const char* target : {"/ui", "/ui?again"}) {
        const Plan moved = ask("GET", target);
        EXPECT_EQ(status(moved), 308) << target;
        EXPECT_TRUE(has(std::get<wire::Reply>(moved), "Location: /ui/"));
    }
    EXPECT_EQ(status(ask("POST", "/ui")), 405);
    EXPECT_EQ(text(ask("GET", "/errors/gone")), "mine");
    EXPECT_TRUE(contains(text(ask("GET", "/errors/key-reused")), "422"));
    EXPECT_TRUE(contains(text(ask("GET", "/errors/wait-over")), "504"));
    EXPECT_TRUE(contains(text(ask("GET", "/errors/handler-rejected")), "502"));
    EXPECT_EQ(status(ask("GET", "/errors/none")), 404);
    EXPECT_EQ(status(ask("POST", "/openapi.json")), 405);
    EXPECT_EQ(status(ask("GET", "/openapi.json/")), 404);
}

TEST_F(UnderstandTest, QueuesAreShown) {
    engine.known.queues[1].paused = true;
    engine.known.queues[1].counts.ready = 5;
    const std::string one = text(ask("GET", "/queues/chart"));
    EXPECT_TRUE(contains(one, R"("paused":true)")) << one;
    EXPECT_TRUE(contains(one, R"("ready":5)"));
    EXPECT_TRUE(contains(text(ask("GET", "/queues")), one.substr(0, one.size() - 1)));
    EXPECT_EQ(status(ask("GET", "/queues/none")), 404);
}

class AdminTest : public UnderstandTest {
  protected:
    AdminTest() {
        ContractRules mine = rules();
        ApiKey key{"ops", wire::sha256("bide_ops"), {}, {}};
        key.scopes.add(Scope::admin);
        mine.access.keys = {key};
        key.tenant = "acme";
        key.hash = wire::sha256("bide_acme");
        mine.access.keys.push_back(key);
        restart(std::move(mine));
    }
    Plan as(const char* key, std::string_view method, std::string_view target) {
        return ask(method, target, {{"Authorization", key}});
    }
    const FakeEngine::Asked& begun(const Plan& plan) {
        contract->begin(engine, std::get<AskPlan>(plan), 9, kNow);
        return engine.asked.back();
    }
};

TEST_F(AdminTest, JobsAreListedByState) {
    const char* ops = "Bearer bide_ops";
    EXPECT_EQ(
        begun(as(ops, "GET", "/queues/chart/jobs?state=failed&limit=7&cursor=9")).what, "list"
    );
    EXPECT_EQ(engine.listed.queue, 1U);
    EXPECT_EQ(engine.listed.state, core::JobState::failed);
    EXPECT_EQ(engine.listed.count_max, 7U);
    EXPECT_EQ(engine.listed.before, 9);
    EXPECT_EQ(engine.listed.tenant, std::nullopt);
    begun(as(ops, "GET", "/queues/chart/jobs"));
    EXPECT_EQ(engine.listed.state, std::nullopt);
    EXPECT_EQ(engine.listed.count_max, 100U);
    for (const char* query : {"state=lost", "limit=0", "limit=1001", "cursor=x", "sate=failed"}) {
        const std::string page_of_jobs = std::string("/queues/chart/jobs?") + query;
        EXPECT_EQ(status(as(ops, "GET", page_of_jobs)), 400) << query;
    }
}

TEST_F(AdminTest, AKeyOfATenantListsItsOwnJobsOnly) {
    begun(as("Bearer bide_acme", "GET", "/queues/chart/jobs"));
    EXPECT_EQ(engine.listed.tenant, "acme");
    for (const char* what : {"pause", "resume", "redrive"}) {
        const std::string target = std::string("/queues/chart/") + what;
        EXPECT_EQ(status(as("Bearer bide_acme", "POST", target)), 403) << what;
    }
}

TEST_F(AdminTest, QueuesArePausedAndRedriven) {
    const char* ops = "Bearer bide_ops";
    EXPECT_EQ(begun(as(ops, "POST", "/queues/chart/pause")).what, "pause");
    EXPECT_EQ(begun(as(ops, "POST", "/queues/chart/resume")).what, "resume");
    EXPECT_EQ(begun(as(ops, "POST", "/queues/chart/redrive?limit=5")).count_max, 5U);
    EXPECT_EQ(begun(as(ops, "POST", "/queues/chart/redrive")).count_max, 1000U);
    EXPECT_EQ(std::get<AskPlan>(as(ops, "POST", page + "/redrive")).what, What::redrive);
    EXPECT_EQ(status(as(ops, "POST", "/queues/none/pause")), 404);
    EXPECT_EQ(status(as(ops, "GET", "/queues/chart/pause")), 405);
}

}  // namespace
}  // namespace bide::service
