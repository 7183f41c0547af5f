// Events of the entries of Lambda functions, and answers to them. The samples are those of
// aws-lambda-go, read where they lie beside the source tree (or in $BIDE_SHARED).
#include "wire/lambda_http.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bide::wire {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

LambdaRequest read(std::string_view event) {
    auto request = read_lambda_request(event);
    EXPECT_TRUE(request.has_value()) << request.error().detail;
    return request.has_value() ? std::move(request.value()) : LambdaRequest{};
}

std::string why(std::string_view event) {
    const auto request = read_lambda_request(event);
    return request.has_value() ? "it was understood" : request.error().detail;
}

std::string field(const LambdaRequest& request, std::string_view name) {
    const std::vector<Field> views = request.views();
    return RequestHead{request.method, request.target, views}.joined(name);
}

/// An event of a REST API; `path` as in requestContext.
std::string rest(std::string path, std::string whole, std::string more = "") {
    return R"({"httpMethod":"GET","path":")" + path + R"(","requestContext":{"path":")" + whole +
           R"(","stage":"dev"})" + more + '}';
}

std::string format_2(std::string path, std::string stage, std::string domain) {
    return R"({"version":"2.0","rawPath":")" + path +
           R"(","rawQueryString":"a=b%20c&a=d","requestContext":{"domainName":")" + domain +
           R"(","stage":")" + stage + R"(","http":{"method":"GET","sourceIp":"1.2.3.4"}}})";
}

class LambdaSamples : public testing::Test {
  protected:
    void SetUp() override {
        const char* shared = std::getenv("BIDE_SHARED");
        root_ =
            fs::path(shared != nullptr ? shared : BIDE_SHARED_BESIDE) / "vectors" / "lambda-events";
        if (!fs::exists(root_)) GTEST_SKIP() << root_ << " is not there";
    }
    LambdaRequest sample(const std::string& name) const {
        std::ifstream file(root_ / (name + ".json"), std::ios::binary);
        return read(std::string(std::istreambuf_iterator<char>(file), {}));
    }

  private:
    fs::path root_;
};

TEST_F(LambdaSamples, RestApi) {
    const LambdaRequest request = sample("apigw-request");
    EXPECT_EQ(request.entry, LambdaEntry::rest_api);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/hello/world?name=me");
    EXPECT_EQ(request.prefix, "");
    EXPECT_EQ(request.body, "{\r\n\t\"a\": 1\r\n}");
    EXPECT_EQ(field(request, "content-type"), "application/json");
    EXPECT_FALSE(request.refusal);
}

TEST_F(LambdaSamples, HttpApi) {
    for (const char* name :
         {"apigw-v2-request-no-authorizer",
          "apigw-v2-request-iam",
          "apigw-v2-request-jwt-authorizer",
          "apigw-v2-request-lambda-authorizer"}) {
        const LambdaRequest request = sample(name);
        EXPECT_EQ(request.entry, LambdaEntry::http_api) << name;
        EXPECT_FALSE(request.method.empty()) << name;
        EXPECT_TRUE(request.target.starts_with('/')) << name;
        EXPECT_FALSE(request.refusal) << name;
    }
}

TEST_F(LambdaSamples, FunctionUrl) {
    const LambdaRequest request = sample("lambda-urls-request");
    EXPECT_EQ(request.entry, LambdaEntry::function_url);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/my/path?parameter1=value1&parameter1=value2&parameter2=value");
    EXPECT_EQ(field(request, "cookie"), "cookie1; cookie2");
    EXPECT_EQ(field(request, "Header2"), "value1,value2");
    EXPECT_EQ(request.body, "Hello from client!");
}

TEST_F(LambdaSamples, LoadBalancer) {
    for (const bool lists : {false, true}) {
        const LambdaRequest request = sample(
            lists ? "alb-lambda-target-request-multivalue-headers"
                  : "alb-lambda-target-request-headers-only"
        );
        EXPECT_EQ(request.entry, LambdaEntry::load_balancer);
        EXPECT_EQ(request.many_values, lists);
        EXPECT_EQ(request.method, "GET");
        EXPECT_EQ(request.target, "/?key=hello");
        EXPECT_EQ(request.body, "");
        EXPECT_EQ(field(request, "x-myheader"), "123");
    }
}

TEST(LambdaRequest, TheStageIsPutAside) {
    const LambdaRequest page = read(rest("/jobs/7", "/dev/jobs/7"));
    EXPECT_EQ(page.target, "/jobs/7");
    EXPECT_EQ(page.prefix, "/dev");
    for (const char* whole : {"/dev", "/dev/"}) {
        const LambdaRequest root = read(rest("/", whole, R"(,"resource":"/")"));
        EXPECT_EQ(root.target, "/");
        EXPECT_EQ(root.prefix, "/dev");
    }
    EXPECT_EQ(read(rest("/jobs/7", "/jobs/7")).prefix, "");
    EXPECT_EQ(read(rest("/", "/")).prefix, "");
}

TEST(LambdaRequest, TheBasePathOfADomainIsPutAside) {
    const LambdaRequest page = read(rest(
        "/v1/jobs/7", "/v1/jobs/7", R"(,"resource":"/{proxy+}","pathParameters":{"proxy":"jobs/7"})"
    ));
    EXPECT_EQ(page.target, "/jobs/7");
    EXPECT_EQ(page.prefix, "/v1");
    const LambdaRequest root = read(rest("/v1", "/v1", R"(,"resource":"/")"));
    EXPECT_EQ(root.target, "/");
    EXPECT_EQ(root.prefix, "/v1");
}

TEST(LambdaRequest, ANamedStageOfAnHttpApiIsPutAside) {
    const std::string domain = "x.execute-api.eu-central-1.amazonaws.com";
    const LambdaRequest staged = read(format_2("/dev/jobs/7", "dev", domain));
    EXPECT_EQ(staged.target, "/jobs/7?a=b%20c&a=d");
    EXPECT_EQ(staged.prefix, "/dev");
    EXPECT_EQ(read(format_2("/dev", "dev", domain)).target, "/?a=b%20c&a=d");
    EXPECT_EQ(read(format_2("/device", "dev", domain)).prefix, "");
    EXPECT_EQ(read(format_2("/x", "$default", domain)).prefix, "");
    const LambdaRequest own = read(format_2("/dev/jobs/7", "dev", "jobs.example"));
    EXPECT_EQ(own.target, "/jobs/7?a=b%20c&a=d");
    EXPECT_EQ(own.prefix, "");
}

TEST(LambdaRequest, QueriesComeOutTheSameFromAllEntries) {
    const std::string query = R"(,"multiValueQueryStringParameters":{"a":["b c/","d"],"é":["&"]})";
    EXPECT_EQ(read(rest("/", "/", query)).target, "/?a=b%20c%2F&a=d&%C3%A9=%26");
    EXPECT_EQ(
        read(R"({"httpMethod":"GET","path":"/","requestContext":{"elb":{}},
                 "queryStringParameters":{"a":"b%20c%2F","e":"%26"}})")
            .target,
        "/?a=b%20c%2F&e=%26"
    );
}

TEST(LambdaRequest, OptionsMayAskForNoPath) {
    EXPECT_EQ(read(rest("*", "*")).target, "*");
}

TEST(LambdaRequest, WhatNoTargetHasIsEncoded) {
    EXPECT_EQ(read(rest("/jobs/a b?c#d", "/jobs/a b?c#d")).target, "/jobs/a%20b%3Fc%23d");
}

TEST(LambdaRequest, BodiesAreDecoded) {
    const LambdaRequest request =
        read(rest("/", "/", R"(,"body":"AAEC/w==","isBase64Encoded":true)"));
    EXPECT_EQ(request.body, std::string("\x00\x01\x02\xff", 4));
    EXPECT_EQ(read(rest("/", "/", R"(,"body":null)")).body, "");
    EXPECT_EQ(
        why(rest("/", "/", R"(,"body":"AAE","isBase64Encoded":true)")), "\"body\" is not base64"
    );
}

TEST(LambdaRequest, FieldsOfOneNameStaySeparate) {
    const LambdaRequest request =
        read(rest("/", "/", R"(,"multiValueHeaders":{"Prefer":["wait=1"," respond-async "]},
                              "headers":{"Prefer":"respond-async"})"));
    EXPECT_EQ(request.fields.size(), 2U);
    EXPECT_EQ(field(request, "prefer"), "wait=1, respond-async");
}

TEST(LambdaRequest, WhatNoHeaderMayHaveIsRefused) {
    const auto refused = [](const std::string& headers) {
        return read(rest("/", "/", R"(,"headers":)" + headers)).refusal;
    };
    EXPECT_EQ(refused(R"({"a b":"1"})").value().code, Code::bad_request);
    EXPECT_EQ(refused(R"({"a":"1\r\nb: 2"})").value().code, Code::bad_request);
    EXPECT_EQ(refused(R"({"":"1"})").value().code, Code::bad_request);
    EXPECT_FALSE(refused(R"({"a":"\t1\t2"})"));
    std::string many = "{";
    for (int i = 0; i < 101; ++i) many += (i ? ",\"h" : "\"h") + std::to_string(i) + "\":\"\"";
    EXPECT_EQ(refused(many + '}').value().code, Code::headers_too_large);
}

TEST(LambdaRequest, WhatIsNoEventOfHttpIsAnError) {
    EXPECT_EQ(why("[]"), "the event is no JSON object");
    EXPECT_TRUE(why("{").starts_with("the event is not JSON: "));
    EXPECT_EQ(why(R"({"Records":[]})"), "the event has no \"requestContext\": it is none of HTTP");
    EXPECT_EQ(why(rest("jobs", "/jobs")), "\"path\" does not begin with a slash");
    EXPECT_EQ(why(R"({"path":"/","requestContext":{}})"), "the event has no method");
    EXPECT_EQ(why(rest("/", "/", R"(,"headers":{"a":1})")), "\"headers\" is no map of texts");
    EXPECT_EQ(why(rest("/", "/", R"(,"body":1)")), "\"body\" is not a string");
    EXPECT_EQ(why(std::string(7 << 20, ' ')), "the event is larger than Lambda's are");
}

// --- answers -----------------------------------------------------------------------------------

Reply some_reply() {
    Reply reply;
    reply.status = 202;
    reply.headers.add("Content-Type", "text/plain");
    reply.headers.add("Location", "/jobs/7");
    reply.headers.add("Link", "</queues/a/jobs?cursor=1>; rel=\"next\"");
    reply.headers.add("Vary", "Origin");
    reply.headers.add("vary", "Accept");
    return reply;
}

json::object answer_of(const LambdaRequest& to, std::string_view body) {
    return json::parse(write_lambda_answer(to, some_reply(), body)).as_object();
}

TEST(LambdaAnswer, HasTheMembersOfAProxyResponse) {
    LambdaRequest to;
    to.prefix = "/dev";
    const json::object answer = answer_of(to, "hé");
    EXPECT_EQ(answer.at("statusCode").as_int64(), 202);
    EXPECT_EQ(answer.at("body").as_string(), "hé");
    EXPECT_FALSE(answer.at("isBase64Encoded").as_bool());
    EXPECT_FALSE(answer.contains("statusDescription"));
    EXPECT_FALSE(answer.contains("multiValueHeaders"));
    const json::object& headers = answer.at("headers").as_object();
    EXPECT_EQ(headers.at("Location").as_string(), "/dev/jobs/7");
    EXPECT_EQ(headers.at("Link").as_string(), "</dev/queues/a/jobs?cursor=1>; rel=\"next\"");
    EXPECT_EQ(headers.at("Vary").as_string(), "Origin, Accept");
    EXPECT_EQ(headers.size(), 4U);
}

TEST(LambdaAnswer, BytesGoInBase64) {
    const json::object answer = answer_of({}, std::string_view("\xff\x00", 2));
    EXPECT_TRUE(answer.at("isBase64Encoded").as_bool());
    EXPECT_EQ(answer.at("body").as_string(), "/wA=");
}

TEST(LambdaAnswer, LoadBalancersGetWhatTheySentTheFormOf) {
    LambdaRequest to;
    to.entry = LambdaEntry::load_balancer;
    EXPECT_EQ(answer_of(to, "").at("statusDescription").as_string(), "202 Accepted");
    EXPECT_TRUE(answer_of(to, "").contains("headers"));
    to.many_values = true;
    const json::object answer = answer_of(to, "");
    EXPECT_FALSE(answer.contains("headers"));
    const json::object& lists = answer.at("multiValueHeaders").as_object();
    EXPECT_EQ(lists.at("Vary"), json::parse(R"(["Origin","Accept"])"));
    EXPECT_EQ(lists.at("Location"), json::parse(R"(["/jobs/7"])"));
}

TEST(LambdaAnswer, APreludeHasPlainTexts) {
    const auto prelude = write_lambda_prelude({}, some_reply());
    ASSERT_TRUE(prelude.has_value());
    const json::object answer = json::parse(prelude.value()).as_object();
    EXPECT_EQ(answer.at("statusCode").as_int64(), 202);
    EXPECT_EQ(answer.at("headers").at("Vary").as_string(), "Origin, Accept");
    EXPECT_EQ(answer.size(), 2U);
}

TEST(LambdaAnswer, APreludeHasItsLimit) {
    Reply reply = some_reply();
    reply.headers.add("Content-Type", std::string(17'000, 'x'));
    EXPECT_FALSE(write_lambda_prelude({}, reply).has_value());
}

}  // namespace
}  // namespace bide::wire
