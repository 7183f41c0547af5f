// API keys and what each may do.
#include "site.hpp"

namespace bide::test {
namespace {

struct Row {
    std::string method;
    std::string target;
    std::string scope;  ///< "submit", "read", "either", "admin"
};

std::vector<Row> rows() {
    const std::string job = "/jobs/" + post("/", "x", {Site::key()})["Bide-Job-Id"];
    return {
        {"POST", "/", "submit"},
        {"POST", "/queues/echo/jobs", "submit"},
        {"PUT", "/jobs/" + fresh_id(), "submit"},
        {"GET", job, "either"},
        {"GET", job + "/result", "either"},
        {"DELETE", job, "submit"},
        {"POST", job + "/redrive", "admin"},
        {"GET", "/queues", "read"},
        {"GET", "/queues/echo", "read"},
        {"GET", "/queues/echo/jobs", "admin"},
        {"POST", "/queues/order/resume", "admin"},
        {"POST", "/queues/refuse/redrive?limit=1", "admin"},
        {"GET", "/metrics", "read"},
        {"GET", "/healthz", "none"},
        {"GET", "/readyz", "none"},
        {"GET", "/openapi.json", "none"},
        {"GET", "/errors/gone", "none"},
        {"GET", "/", "none"},
    };
}

Response ask_as(const Row& row, const std::string& key_line) {
    std::vector<std::string> lines{key_line};
    if (row.method != "GET" && row.method != "POST") lines.emplace_back("Content-Length: 0");
    return ask({row.method, row.target, std::move(lines), {}});
}

TEST(Access, EachPageNeedsItsScope) {
    BIDE_NEEDS_ITS_KEYS();
    for (const auto& row : rows()) {
        SCOPED_TRACE(row.method + " " + row.target);
        for (const std::string scope : {"submit", "read"}) {
            const bool may = row.scope == scope || row.scope == "either" || row.scope == "none";
            const int status = ask_as(row, Site::key(scope)).status;
            if (may)
                EXPECT_TRUE(status != 401 && status != 403) << scope << ": " << status;
            else
                EXPECT_EQ(status, 403) << scope;
        }
        const int status = ask_as(row, Site::key()).status;
        EXPECT_TRUE(status != 401 && status != 403) << "all scopes: " << status;
    }
}

TEST(Access, ForbiddenIsAProblem) {
    BIDE_NEEDS_ITS_KEYS();
    const Response answer = ask({"POST", "/", {Site::key("read")}, {}});
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.problem(), "forbidden");
    EXPECT_EQ(answer["Bide-Error-Source"], "bide");
}

TEST(Access, UnknownKeysAre401WithTheScheme) {
    for (const char* value :
         {"Bearer bide_test_nobody",
          "Basic dTpw",
          "Bearer",
          "Bearer a b",
          "bide_test_conformance"}) {
        const Response answer = post("/", "x", {std::string("Authorization: ") + value});
        EXPECT_EQ(answer.status, 401) << value;
        EXPECT_EQ(answer.problem(), "unauthenticated");
        EXPECT_TRUE(answer["WWW-Authenticate"].starts_with("Bearer"));
        EXPECT_EQ(answer.body.find("bide_test"), std::string::npos) << "keys are not repeated";
    }
}

TEST(Access, SchemeIsOfAnyCase) {
    BIDE_NEEDS_ITS_KEYS();
    EXPECT_EQ(post("/", "x", {"Authorization: bearer bide_test_submit"}).status, 200);
}

TEST(Access, AdminPagesWithoutAKeyAre401) {
    BIDE_NEEDS_ITS_KEYS();
    const Response answer = ask({"POST", "/queues/order/resume", {}, {}});
    EXPECT_EQ(answer.status, 401);
    EXPECT_TRUE(answer["WWW-Authenticate"].starts_with("Bearer"));
}

class KeysOnly : public testing::Test {
  protected:
    KeysOnly() {
        if (Site::local() == nullptr) return;
        std::string config = read_file(BIDE_CONTRACT_TOML);
        const std::string open = "anonymous = true";
        config.replace(config.find(open), open.size(), "anonymous = false");
        ServerOptions options;
        options.config = std::move(config);
        server_ = std::make_unique<Server>(std::move(options));
    }
    std::unique_ptr<Server> server_;
};

TEST_F(KeysOnly, NothingIsOpenWithoutOne) {
    BIDE_NEEDS_OWN_SERVER();
    EXPECT_EQ(post(server_->address(), "/", "x").status, 401);
    EXPECT_EQ(get(server_->address(), "/queues").status, 401);
    EXPECT_EQ(get(server_->address(), "/jobs/" + fresh_id()).status, 401);
    EXPECT_EQ(post(server_->address(), "/", "x", {Site::key("submit")}).status, 200);
    EXPECT_EQ(get(server_->address(), "/healthz").status, 200);
    EXPECT_EQ(get(server_->address(), "/errors/gone").status, 200);
}

TEST_F(KeysOnly, RefusalComesBeforeTheBody) {
    BIDE_NEEDS_OWN_SERVER();
    Connection connection(server_->address());
    connection.send(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    );
    EXPECT_EQ(connection.read().status, 401);
}

TEST(Access, WithoutKeysAdminPagesSayHowToMakeOne) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "echo"};
    Server server(std::move(options));
    EXPECT_EQ(post(server.address(), "/", "x").status, 200);
    EXPECT_EQ(get(server.address(), "/queues").status, 200);
    const Response answer = ask(server.address(), {"POST", "/queues/default/pause", {}, {}});
    EXPECT_EQ(answer.status, 401);
    EXPECT_NE(answer.member("detail").find("bide key"), std::string::npos) << answer.body;
}

}  // namespace
}  // namespace bide::test
