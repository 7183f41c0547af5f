// Many jobs in one exchange: NDJSON up and down.
#include "site.hpp"
#include "streams.hpp"

#include <boost/json/serialize.hpp>

#include <map>
#include <set>

namespace bide::test {
namespace {

namespace json = boost::json;

constexpr const char* kType = "Content-Type: application/x-ndjson";

Request batch(std::string body, std::vector<std::string> lines = {}, std::string query = {}) {
    lines.emplace_back(kType);
    return {"POST", "/batches" + std::move(query), std::move(lines), std::move(body)};
}

std::string chunk(const std::string& bytes) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return size + bytes + "\r\n";
}

/// What an answer says, taken apart.
struct Told {
    std::string id;
    std::map<std::int64_t, json::object> items;
    json::object summary;
};

Told read_all(LineStream& stream) {
    Told told;
    const auto lines = stream.rest();
    EXPECT_GE(lines.size(), 2U);
    if (lines.size() < 2) return told;
    EXPECT_TRUE(lines.front().contains("batch")) << json::serialize(lines.front());
    EXPECT_TRUE(lines.back().contains("summary")) << json::serialize(lines.back());
    if (const auto* id = lines.front().if_contains("batch")) told.id = id->as_string().c_str();
    if (const auto* sum = lines.back().if_contains("summary")) told.summary = sum->as_object();
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        const std::int64_t index = lines[i].at("index").as_int64();
        EXPECT_TRUE(told.items.emplace(index, lines[i]).second) << "twice: " << index;
    }
    return told;
}

Told done(const Request& request) {
    LineStream stream(Site::address(), request);
    EXPECT_EQ(stream.head().status, 200);
    EXPECT_EQ(stream.head()["Content-Type"], "application/x-ndjson");
    return read_all(stream);
}

std::string type_of(const json::object& line) {
    const auto* problem = line.if_contains("problem");
    return problem ? problem->at("type").as_string().c_str() : "";
}

TEST(Batch, EveryItemComesBackAndThenASummary) {
    std::string body;
    for (int i = 0; i < 50; ++i)
        body += R"({"body":"item )" + std::to_string(i) + R"(","ref":)" + std::to_string(100 + i) +
                "}\n";
    const Told told = done(batch(body));
    ASSERT_EQ(told.items.size(), 50U);
    std::set<std::string> ids;
    for (const auto& [index, line] : told.items) {
        EXPECT_EQ(line.at("body").as_string(), "item " + std::to_string(index));
        EXPECT_EQ(line.at("ref").as_int64(), 100 + index);
        EXPECT_EQ(line.at("state").as_string(), "succeeded");
        EXPECT_EQ(line.at("status").as_int64(), 200);
        const std::string id = line.at("id").as_string().c_str();
        EXPECT_EQ(line.at("result").as_string(), "/jobs/" + id + "/result");
        ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 50U);
    EXPECT_EQ(told.summary.at("items").as_int64(), 50);
    EXPECT_EQ(told.summary.at("succeeded").as_int64(), 50);
    EXPECT_EQ(told.summary.at("refused").as_int64(), 0);
    EXPECT_EQ(get("/jobs/" + *ids.begin()).member("state"), "succeeded");
}

TEST(Batch, BodiesOfEveryKind) {
    const Told told = done(batch(R"({"body":"text","content_type":"text/x-mine"})"
                                 "\n"
                                 R"({"body_base64":"/wD+"})"
                                 "\n"
                                 R"({"body_json":{"a":[1,2.5,"x"]}})"
                                 "\n\n"
                                 R"({"body":"last line without its end"})"));
    ASSERT_EQ(told.items.size(), 4U);
    EXPECT_EQ(told.items.at(0).at("content_type").as_string(), "text/x-mine");
    EXPECT_EQ(told.items.at(1).at("body_base64").as_string(), "/wD+");
    EXPECT_EQ(told.items.at(2).at("content_type").as_string(), "application/json");
    EXPECT_EQ(told.items.at(2).at("body").as_string(), R"({"a":[1,2.5,"x"]})");
    EXPECT_EQ(told.items.at(3).at("body").as_string(), "last line without its end");
}

TEST(Batch, ItemsNameTheirQueueOrGetThatOfTheQuery) {
    const Told told =
        done(batch("{\"body\":\"1\"}\n{\"body\":\"2\",\"queue\":\"cat\"}\n", {}, "?queue=sleep"));
    ASSERT_EQ(told.items.size(), 2U);
    EXPECT_EQ(told.items.at(0).at("content_type").as_string(), "text/plain");
    EXPECT_EQ(told.items.at(1).at("content_type").as_string(), "application/x-cat");
}

TEST(Batch, BadLinesAreRefusedAndTheOthersDone) {
    const Told told = done(batch(
        "{\"body\":\"good\"}\nno json\n[1]\n{\"body\":1}\n{\"body\":\"a\",\"body_json\":1}\n{}\n"
        "{\"body_base64\":\"?\"}\n{\"body\":\"x\",\"queue\":\"none\"}\n"
        "{\"body\":\"x\",\"priority\":10}\n{\"body\":\"good too\",\"ref\":\"r\"}\n"
    ));
    ASSERT_EQ(told.items.size(), 10U);
    for (const int index : {1, 2, 3, 4, 5, 6, 8})
        EXPECT_EQ(type_of(told.items.at(index)), "/errors/bad-request") << index;
    EXPECT_EQ(type_of(told.items.at(7)), "/errors/not-found");
    EXPECT_EQ(told.items.at(0).at("body").as_string(), "good");
    EXPECT_EQ(told.items.at(9).at("ref").as_string(), "r");
    EXPECT_EQ(told.summary.at("items").as_int64(), 10);
    EXPECT_EQ(told.summary.at("succeeded").as_int64(), 2);
    EXPECT_EQ(told.summary.at("refused").as_int64(), 8);
}

TEST(Batch, FailuresAreCountedAndTold) {
    const Told told =
        done(batch("{\"body\":\"x\",\"queue\":\"refuse\"}\n{\"body\":\"y\",\"queue\":\"echo\"}\n"));
    ASSERT_EQ(told.items.size(), 2U);
    EXPECT_EQ(told.items.at(0).at("state").as_string(), "failed");
    EXPECT_EQ(told.items.at(0).at("status").as_int64(), 502);
    EXPECT_EQ(told.summary.at("failed").as_int64(), 1);
    EXPECT_EQ(told.summary.at("succeeded").as_int64(), 1);
}

TEST(Batch, EmptyBatchIsABatch) {
    const Told told = done(batch(""));
    EXPECT_EQ(told.items.size(), 0U);
    EXPECT_EQ(told.summary.at("items").as_int64(), 0);
}

TEST(Batch, AnswersComeWhileTheUploadGoesOn) {
    Connection connection(Site::address());
    connection.send(Request{"POST", "/batches", {kType, "Transfer-Encoding: chunked"}, {}});
    connection.send(chunk("{\"body\":\"first\"}\n"));
    // The head and the first item's line come before a second item is sent.
    LineStream stream(std::move(connection));
    ASSERT_TRUE(stream.next()->contains("batch"));
    EXPECT_EQ(stream.next()->at("body").as_string(), "first");
    stream.connection().send(chunk("{\"body\":\"second\"}\n") + "0\r\n\r\n");
    EXPECT_EQ(stream.next()->at("body").as_string(), "second");
    EXPECT_TRUE(stream.next()->contains("summary"));
    EXPECT_FALSE(stream.next());
}

TEST(Batch, MoreItemsThanMayBeOutstandingAllComeBack) {
    std::string body;
    for (int i = 0; i < 1500; ++i) body += "{\"body\":\"" + std::to_string(i % 7) + "\"}\n";
    const Told told = done(batch(body, {}, "?queue=sleep"));
    EXPECT_EQ(told.items.size(), 1500U);
    EXPECT_EQ(told.summary.at("succeeded").as_int64(), 1500);
}

TEST(Batch, LargeResultsComeByLinkOnly) {
    const std::string large(100'000, 'L');
    const Told told = done(batch("{\"body\":\"" + large + "\",\"queue\":\"cat\"}\n"));
    ASSERT_EQ(told.items.size(), 1U);
    EXPECT_FALSE(told.items.at(0).contains("body"));
    EXPECT_TRUE(get(told.items.at(0).at("result").as_string().c_str()).body == large);
}

TEST(Batch, FullQueueRefusesItemsInTheStream) {
    std::string body;
    for (int i = 0; i < 6; ++i) body += "{\"body\":\"200\"}\n";
    const Told told = done(batch(body, {}, "?queue=full"));
    ASSERT_EQ(told.items.size(), 6U);
    EXPECT_GE(told.summary.at("refused").as_int64(), 1);
    EXPECT_GE(told.summary.at("succeeded").as_int64(), 2);
}

TEST(Batch, TooManyItemsEndTheStreamWithAProblem) {
    BIDE_NEEDS_OWN_SERVER();
    std::string body;
    for (int i = 0; i < 2002; ++i) body += "{\"body\":\"x\"}\n";
    LineStream stream(Site::address(), batch(body));
    const auto lines = stream.rest();
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(type_of(lines.back()), "/errors/too-large") << json::serialize(lines.back());
}

TEST(Batch, ALimitOnBodiesIsForEachItemHoweverTheBatchIsFramed) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = "[server]\nbody_max = \"1KiB\"\n[queues.echo]\nnative = \"echo\"\n";
    Server server(std::move(options));
    std::string body;
    for (int i = 0; i < 50; ++i) body += R"({"body":")" + std::string(200, 'x') + "\"}\n";
    Request by_length = batch(body);
    Request in_chunks = batch(chunk(body) + "0\r\n\r\n", {"Transfer-Encoding: chunked"});
    for (const Request& request : {by_length, in_chunks}) {
        LineStream stream(server.address(), request);
        EXPECT_EQ(stream.head().status, 200);
        EXPECT_EQ(read_all(stream).summary.at("succeeded").as_int64(), 50);
    }
}

TEST(Batch, OtherContentTypesAre415) {
    const Response answer = post("/batches", "{\"body\":\"x\"}\n", {"Content-Type: text/plain"});
    EXPECT_EQ(answer.status, 415);
    EXPECT_EQ(answer.problem(), "unsupported-media-type");
    EXPECT_EQ(post("/batches", "x").status, 415);
}

TEST(Batch, RespondAsyncAcceptsAndAnswersWithTheBatch) {
    std::string body;
    for (int i = 0; i < 20; ++i) body += "{\"body\":\"300\"}\n";
    const Response answer = ask(batch(body, {"Prefer: respond-async"}, "?queue=sleep"));
    ASSERT_EQ(answer.status, 202) << answer.body;
    EXPECT_EQ(answer["Preference-Applied"], "respond-async");
    const std::string page = answer["Location"];
    EXPECT_EQ(page, "/batches/" + answer.member("id"));
    EXPECT_EQ(answer.member("items"), "20");
    ASSERT_TRUE(comes_to(page, "succeeded"));
    const Response status = get(page);
    EXPECT_EQ(status.member("items"), "20");
    EXPECT_EQ(status.member("done"), "20");
    LineStream results(Site::address(), Request{"GET", page + "/results", {}, {}});
    const Told told = read_all(results);
    EXPECT_EQ(told.items.size(), 20U);
    EXPECT_EQ("/batches/" + told.id, page);
    EXPECT_EQ(told.items.at(7).at("body").as_string(), "300");
}

TEST(Batch, ResultsFromAnItemOnWaitForThoseThatAreNotDone) {
    const Response accepted = ask(batch(
        "{\"body\":\"1\"}\n{\"body\":\"2\"}\n{\"body\":\"900\"}\n",
        {"Prefer: respond-async"},
        "?queue=sleep"
    ));
    ASSERT_EQ(accepted.status, 202) << accepted.body;
    LineStream results(
        Site::address(), Request{"GET", accepted["Location"] + "/results?from=1", {}, {}}
    );
    const Told told = read_all(results);
    ASSERT_EQ(told.items.size(), 2U);
    EXPECT_EQ(told.items.at(1).at("body").as_string(), "2");
    EXPECT_EQ(told.items.at(2).at("body").as_string(), "900");
    EXPECT_EQ(told.summary.at("items").as_int64(), 2);
}

TEST(Batch, ResultsRefuseNonsense) {
    const std::string id = done(batch("{\"body\":\"1\"}\n")).id;
    EXPECT_EQ(get("/batches/" + id + "/results?from=x").status, 400);
    EXPECT_EQ(get("/batches/" + id + "/results?from=-1").status, 400);
    EXPECT_EQ(get("/batches/" + fresh_id()).status, 404);
    EXPECT_EQ(get("/batches/" + fresh_id() + "/results").status, 404);
    const std::string job = post("/", "x")["Bide-Job-Id"];
    EXPECT_EQ(get("/batches/" + job).status, 404) << "a job is no batch";
    EXPECT_EQ(get("/jobs/" + id).status, 404) << "a batch is no job";
}

TEST(Batch, SameKeyAndItemsAreTheSameJobs) {
    const std::string key = "Idempotency-Key: " + fresh_key();
    const std::string body = "{\"body\":\"a\"}\n{\"body\":\"b\"}\n";
    const Told first = done(batch(body, {key}));
    const Told again = done(batch(body, {key}));
    EXPECT_EQ(again.id, first.id);
    ASSERT_EQ(again.items.size(), 2U);
    for (const auto& [index, line] : first.items)
        EXPECT_EQ(again.items.at(index).at("id"), line.at("id"));
    const Told other = done(batch("{\"body\":\"a\"}\n{\"body\":\"c\"}\n", {key}));
    EXPECT_EQ(type_of(other.items.at(1)), "/errors/key-reused");
    EXPECT_EQ(other.items.at(0).at("id"), first.items.at(0).at("id"));
}

TEST(Batch, BrokenUploadLeavesItsItemsAndGoesOnWithTheKey) {
    const std::string key = "Idempotency-Key: " + fresh_key();
    const std::string first = "{\"body\":\"one\",\"queue\":\"cat\"}\n";
    std::string id;
    {
        Connection connection(Site::address());
        connection.send(Request{"POST", "/batches", {kType, key, "Transfer-Encoding: chunked"}, {}}
        );
        connection.send(chunk(first));
        LineStream stream(std::move(connection));
        const auto head = stream.next();
        ASSERT_TRUE(head && head->contains("batch"));
        id = head->at("batch").as_string().c_str();
        const auto line = stream.next();
        ASSERT_TRUE(line);
        EXPECT_EQ(line->at("body").as_string(), "one");
    }
    EXPECT_EQ(get("/batches/" + id).status, 404) << "a batch is there once its upload is whole";
    const Told told = done(batch(first + "{\"body\":\"two\",\"queue\":\"cat\"}\n", {key}));
    EXPECT_EQ(told.id, id);
    ASSERT_EQ(told.items.size(), 2U);
    EXPECT_EQ(told.items.at(0).at("attempts").as_int64(), 1) << "it was not done again";
    EXPECT_EQ(told.items.at(1).at("body").as_string(), "two");
    EXPECT_TRUE(comes_to("/batches/" + id, "succeeded"));
}

TEST(Batch, PrioritiesAndDelaysOfItemsAreTaken) {
    const Stopwatch watch;
    const Told told = done(batch("{\"body\":\"x\",\"delay\":0.4,\"priority\":9}\n"));
    EXPECT_GE(watch.elapsed(), Milliseconds(400));
    EXPECT_EQ(told.items.at(0).at("state").as_string(), "succeeded");
}

TEST(Batch, ConnectionIsUsableAfterwards) {
    Connection connection(Site::address());
    connection.send(batch("{\"body\":\"x\"}\n"));
    EXPECT_EQ(connection.read().status, 200);
    EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
}

}  // namespace
}  // namespace bide::test
