// A Lambda function and its runtime in one, for tests of what serves the Runtime API to it: the
// body of each message says what it is to do. As a custom runtime it knows nothing of bide.
#include "support/http.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bide::test {
namespace {

namespace json = boost::json;

const std::string kRoot = "/2018-06-01/runtime/";

Address api() {
    return parse_url(std::string("http://") + std::getenv("AWS_LAMBDA_RUNTIME_API"));
}

class Runtime {
  public:
    Runtime() : connection_(api()) {}

    /// Serves jobs until the connection ends.
    void run() {
        for (;;) {
            const Response next = connection_.ask({"GET", kRoot + "invocation/next", {}, {}});
            if (next.status != 200) throw HttpError("next: " + std::to_string(next.status));
            id_ = next["Lambda-Runtime-Aws-Request-Id"];
            next_ = next;
            records_ = next.json().at("Records").as_array();
            record_ = records_.at(0).as_object();
            act(std::string(record_.at("body").as_string()));
        }
    }

    /// Reports that it cannot start.
    int fail_init() {
        const Response answer = post(
            "init/error",
            R"({"errorMessage":"no model","errorType":"Runtime.NoModel"})",
            {"Lambda-Runtime-Function-Error-Type: Runtime.NoModel"}
        );
        std::fprintf(stderr, "init/error was answered with %d\n", answer.status);
        return 1;
    }

  private:
    static std::string invocation(const std::string& id, const char* what) {
        return "invocation/" + id + "/" + what;
    }

    Response post(const std::string& page, std::string body, std::vector<std::string> lines = {}) {
        return connection_.ask({"POST", kRoot + page, std::move(lines), std::move(body)});
    }
    Response respond(std::string body, std::vector<std::string> lines = {}) {
        return post(invocation(id_, "response"), std::move(body), std::move(lines));
    }
    void see(const Response& answer) { seen_.push_back(answer.status); }

    /// A streamed response as bytes; `pieces` and `trailers` as they are.
    std::string streamed(
        const std::string& type,
        const std::vector<std::string>& pieces,
        const std::string& trailers = {}
    ) const {
        std::string text = "POST " + kRoot + invocation(id_, "response") +
                           " HTTP/1.1\r\nHost: x\r\nContent-Type: " + type +
                           "\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
                           "Transfer-Encoding: chunked\r\n"
                           "Trailer: Lambda-Runtime-Function-Error-Type, "
                           "Lambda-Runtime-Function-Error-Body\r\n\r\n";
        for (const std::string& piece : pieces) {
            std::array<char, 20> size{};
            std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
            text += size.data() + piece + "\r\n";
        }
        return text + "0\r\n" + trailers + "\r\n";
    }
    void stream(
        const std::string& type,
        const std::vector<std::string>& pieces,
        const std::string& trailers = {}
    ) {
        connection_.send(streamed(type, pieces, trailers));
        see(connection_.read());
    }

    void act(const std::string& what) {
        const auto found = acts_.find(what);
        if (found == acts_.end()) {
            see(respond(json::serialize(record_)));
        } else {
            (this->*found->second)();
        }
    }

    void facts() {
        json::object facts;
        for (const auto& [name, value] : next_.fields) facts[name] = value;
        for (const char* name :
             {"_HANDLER",
              "LAMBDA_TASK_ROOT",
              "AWS_LAMBDA_FUNCTION_NAME",
              "AWS_REGION",
              "AWS_LAMBDA_FUNCTION_VERSION",
              "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
              "BIDE_TEST_SECRET"})
            if (const char* value = std::getenv(name)) facts[name] = value;
        see(respond(json::serialize(facts)));
    }
    void pid() { see(respond(std::to_string(::getpid()))); }
    void nothing() { see(respond("null")); }
    void seen() {
        json::array all;
        for (const int status : std::exchange(seen_, {})) all.push_back(status);
        respond(json::serialize(all));
    }
    void proxy() {
        see(respond(R"({"statusCode":201,"headers":{"Content-Type":"text/html"},"body":"<p>"})"));
    }
    void bytes() { see(respond(std::string("\xff\0", 2), {"Content-Type: image/x-test"})); }
    void batch_failed() {
        const std::string id(record_.at("messageId").as_string());
        see(respond(R"({"batchItemFailures":[{"itemIdentifier":")" + id + R"("}]})"));
    }
    void batch_done() { see(respond(R"({"batchItemFailures":[]})")); }
    /// A batch, of which those are failed that say so, and each other one has a result.
    void batch() {
        json::array failures;
        json::object results;
        for (const json::value& record : records_) {
            const json::string id = record.at("messageId").as_string();
            if (record.at("body").as_string() == "fail")
                failures.push_back(json::object{{"itemIdentifier", id}});
            else
                results[id] = json::object{
                    {"process", ::getpid()}, {"size", records_.size()}, {"record", record}};
        }
        see(respond(json::serialize(json::object{
            {"batchItemFailures", failures}, {"batchItemResults", results}})));
    }
    void batch_stranger() {
        see(respond(R"({"batchItemFailures":[{"itemIdentifier":"stranger"}]})"));
    }
    void error() {
        see(post(
            invocation(id_, "error"),
            R"({"errorMessage":"no such key","errorType":"KeyError","stackTrace":["line 1"]})",
            {"Lambda-Runtime-Function-Error-Type: Runtime.KeyError",
             "Lambda-Runtime-Function-XRay-Error-Cause: " + std::string(300'000, 'x')}
        ));
    }
    void large() { see(respond('"' + std::string(5U << 20, 'l') + '"')); }
    void too_large() { see(respond(std::string((6U << 20) + 101, ' '))); }
    void too_large_in_chunks() {
        std::string text = "POST " + kRoot + invocation(id_, "response") +
                           " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n700000\r\n";
        connection_.send(text + std::string(7U << 20, ' ') + "\r\n0\r\n\r\n");
        see(connection_.read());
    }
    void too_large_expecting() {
        Connection other(api());
        other.send(
            "POST " + kRoot + invocation(id_, "response") +
            " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
        );
        see(other.read());
    }
    void expecting() {
        connection_.send(
            "POST " + kRoot + invocation(id_, "response") +
            " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        );
        see(connection_.read());
        connection_.send("true");
        see(connection_.read());
    }
    void stream_plain() { stream("text/csv", {"a,", "b\n"}); }
    void stream_large() {
        stream("audio/wav", std::vector<std::string>(8, std::string(1U << 20, 's')));
    }
    void stream_prelude() {
        stream(
            "application/vnd.awslambda.http-integration-response",
            {R"({"statusCode":202,"headers":)",
             R"({"Content-Type":"text/x-late"}})" + std::string(5, '\0'),
             std::string(3, '\0') + "body"}
        );
    }
    void stream_bad_prelude() {
        stream("application/vnd.awslambda.http-integration-response", {"no prelude"});
    }
    void stream_error() {
        stream(
            "text/plain",
            {"half a "},
            "Lambda-Runtime-Function-Error-Type: Runtime.Late\r\n"
            "Lambda-Runtime-Function-Error-Body: "
            "eyJlcnJvck1lc3NhZ2UiOiJ0b28gbGF0ZSIsImVycm9yVHlwZSI6IkxhdGUifQ==\r\n"
        );
    }
    void stream_broken() {
        Connection other(api());
        const std::string whole = streamed("text/plain", {"half"});
        other.send(whole.substr(0, whole.size() - 6));
        other.shutdown_write();
        see(other.read());
    }
    void broken() {
        Connection other(api());
        other.send(
            "POST " + kRoot + invocation(id_, "response") +
            " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n\"half"
        );
        other.shutdown_write();
        see(other.read());
    }
    void unknown_mode() { see(respond("1", {"Lambda-Runtime-Function-Response-Mode: buffered"})); }

    /// All that is refused while a job is under way; then the answer, and answers again.
    void abuse() {
        see(post(invocation("another", "response"), "1"));
        see(post(invocation("another", "error"), "{}"));
        see(post("init/error", "{}"));
        see(post("invocation/next", ""));
        see(connection_.ask({"GET", kRoot + invocation(id_, "response"), {}, {}}));
        see(connection_.ask({"GET", kRoot + "invocation/next", {}, {}}));
        see(connection_.ask({"GET", "/2018-06-01/ping", {}, {}}));
        const std::vector<std::string> nonsense{
            "nonsense\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "GET / HTTP/1.1\r\nX: " + std::string(3U << 20, 'x') + "\r\n\r\n"};
        for (const std::string& bytes : nonsense) {
            Connection other(api());
            other.send(bytes);
            try {
                see(other.read());
            } catch (const HttpError&) {
                seen_.push_back(0);  // a reset came before the answer was read
            }
        }
        see(respond("\"survived\""));
        see(respond("\"again\""));
        see(post(invocation(id_, "error"), "{}"));
    }
    /// More connections than there may be.
    void crowd() {
        std::vector<Connection> all;
        for (int i = 0; i < 40; ++i) all.emplace_back(api());
        std::size_t closed = 0;
        for (Connection& one : all) {
            one.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
            try {
                one.read();
            } catch (const HttpError&) {
                ++closed;
            }
        }
        respond(std::to_string(closed));
    }
    void crash() {
        std::fprintf(stderr, "the function crashes\n");
        std::abort();
    }
    void hang() {
        if (const char* fifo = std::getenv("HANG_FIFO")) {
            std::FILE* told = std::fopen(fifo, "w");
            std::fprintf(told, "%d", ::getpid());
            std::fclose(told);
        }
        for (;;) ::pause();
    }
    using Act = void (Runtime::*)();
    const std::map<std::string, Act> acts_{
        {"facts", &Runtime::facts},
        {"pid", &Runtime::pid},
        {"nothing", &Runtime::nothing},
        {"seen", &Runtime::seen},
        {"proxy", &Runtime::proxy},
        {"bytes", &Runtime::bytes},
        {"batch_failed", &Runtime::batch_failed},
        {"batch_done", &Runtime::batch_done},
        {"batch", &Runtime::batch},
        {"batch_stranger", &Runtime::batch_stranger},
        {"error", &Runtime::error},
        {"large", &Runtime::large},
        {"too_large", &Runtime::too_large},
        {"too_large_in_chunks", &Runtime::too_large_in_chunks},
        {"too_large_expecting", &Runtime::too_large_expecting},
        {"expecting", &Runtime::expecting},
        {"stream_plain", &Runtime::stream_plain},
        {"stream_large", &Runtime::stream_large},
        {"stream_prelude", &Runtime::stream_prelude},
        {"stream_bad_prelude", &Runtime::stream_bad_prelude},
        {"stream_error", &Runtime::stream_error},
        {"stream_broken", &Runtime::stream_broken},
        {"broken", &Runtime::broken},
        {"unknown_mode", &Runtime::unknown_mode},
        {"abuse", &Runtime::abuse},
        {"crowd", &Runtime::crowd},
        {"crash", &Runtime::crash},
        {"hang", &Runtime::hang},
    };

    Connection connection_;
    Response next_;
    json::array records_;
    json::object record_;  ///< the first
    std::string id_;
    std::vector<int> seen_;
};

}  // namespace
}  // namespace bide::test

int main(int argc, char** argv) {
    const std::string how = argc > 1 ? argv[1] : "";
    if (how == "silent") {
        for (;;) ::pause();
    }
    if (how == "die") {
        std::fprintf(stderr, "no libraries here\n");
        return 3;
    }
    try {
        bide::test::Runtime runtime;
        if (how == "init_error") return runtime.fail_init();
        runtime.run();
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "runtime: %s\n", failure.what());
    }
    return 1;
}
