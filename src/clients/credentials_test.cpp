#include "clients/credentials.hpp"

#include "clients/aws_fixture.hpp"
#include "wire/query.hpp"

#include <filesystem>
#include <fstream>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::string sts_answer(const std::string& key, const std::string& expires) {
    return answer(
        200,
        "<R><AssumeRoleResult><Credentials><AccessKeyId>" + key +
            "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
            "<Expiration>" +
            expires + "</Expiration></Credentials></AssumeRoleResult></R>"
    );
}

std::string json_answer(const std::string& key, Time expires) {
    return answer(
        200,
        R"({"Code":"Success","AccessKeyId":")" + key +
            R"(","SecretAccessKey":"s","Token":"t","Expiration":")" + to_rfc3339(expires) + "\"}"
    );
}

constexpr const char* kLater = "2026-03-04T06:06:07Z";  ///< an hour from kTestTime

class CredentialsTest : public ClientsTest {
  protected:
    CredentialsTest() {
        fs::create_directories(home() / ".aws/sso/cache");
        sources_.environment = {
            {"HOME", home().string()},
            {"PATH", "/usr/bin:/bin"},
            {"AWS_EC2_METADATA_DISABLED", "true"}};
        place_.region = "eu-test-1";
    }
    ~CredentialsTest() override {
        on_thread([this] { chain_.reset(); });
    }

    fs::path home() const { return fs::path(directory_) / "home"; }
    std::string write(const std::string& path, const std::string& text) const {
        std::ofstream(home() / path, std::ios::binary) << text;
        return (home() / path).string();
    }
    std::string& variable(const std::string& name) { return sources_.environment[name]; }

    CredentialsProvider& chain() {
        auto& http = client();
        if (!chain_) {
            on_thread([&] { chain_ = make_credentials_chain(http, pool_, time_, sources_, place_); }
            );
        }
        return *chain_;
    }
    Result<CredentialsPtr> get() { return run(chain().get()); }
    /// The key of a fresh chain, or what is wrong.
    std::string key() {
        on_thread([this] { chain_.reset(); });
        const auto got = get();
        return got ? got.value()->key_id : got.error().detail;
    }
    void reject(const CredentialsPtr& rejected) {
        on_thread([&] { chain().reject(rejected); });
    }
    Result<AwsPlace> place() { return run(find_aws_place(client(), pool_, time_, sources_)); }

    AwsSources sources_;
    AwsPlace place_;
    std::unique_ptr<CredentialsProvider> chain_;
};

TEST_F(CredentialsTest, Environment) {
    variable("AWS_ACCESS_KEY_ID") = "ENV";
    EXPECT_EQ(
        key(),
        "no AWS credentials: environment: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is "
        "not"
    );
    variable("AWS_SECRET_ACCESS_KEY") = "s";
    variable("AWS_SESSION_TOKEN") = "t";
    const auto got = get();
    EXPECT_TRUE(got.has_error());  // for a moment a failure counts for all
    time_.advance(2s);
    EXPECT_EQ(key(), "ENV");
    EXPECT_EQ(get().value()->session_token, "t");
    EXPECT_EQ(get().value()->expires, kNever);
}

TEST_F(CredentialsTest, NothingNamesAllThatWasTried) {
    EXPECT_EQ(
        key(),
        "no AWS credentials: environment: AWS_ACCESS_KEY_ID is not set; "
        "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; "
        "shared files: there is no profile \"default\"; "
        "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; "
        "instance metadata: AWS_EC2_METADATA_DISABLED is set"
    );
}

TEST_F(CredentialsTest, WebIdentityIsNotSigned) {
    const FakeService sts({answer(503), sts_answer("WEB", kLater)});
    place_.endpoints["sts"] = sts.url();
    variable("AWS_WEB_IDENTITY_TOKEN_FILE") = write("token", "the.token\n");
    variable("AWS_ROLE_ARN") = "arn:role";
    EXPECT_EQ(key(), "WEB");
    EXPECT_EQ(to_rfc3339(get().value()->expires), "2026-03-04T06:06:07.000Z");
    const Seen seen = sts.seen().back();
    EXPECT_EQ(
        seen.body,
        "Action=AssumeRoleWithWebIdentity&DurationSeconds=3600&RoleArn=arn%3Arole"
        "&RoleSessionName=bide&Version=2011-06-15&WebIdentityToken=the.token"
    );
    EXPECT_EQ(seen.field("authorization"), "");
    EXPECT_EQ(sts.count(), 2);
}

TEST_F(CredentialsTest, WhatIsConfiguredHasToServe) {
    const FakeService sts({answer(
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        "</ErrorResponse>"
    )});
    place_.endpoints["sts"] = sts.url();
    variable("AWS_WEB_IDENTITY_TOKEN_FILE") = (home() / "token").string();
    EXPECT_NE(key().find("AWS_ROLE_ARN is not"), std::string::npos);
    variable("AWS_ROLE_ARN") = "arn:role";
    EXPECT_NE(key().find("/token is not there"), std::string::npos) << key();
    write("token", "x");
    write(".aws/credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n");
    EXPECT_EQ(
        key(),
        "no AWS credentials: environment: AWS_ACCESS_KEY_ID is not set; "
        "web identity: sts: answered 403 AccessDenied: no"
    );
}

TEST_F(CredentialsTest, KeysOfProfiles) {
    write(".aws/credentials", "[default]\naws_access_key_id=ONE\naws_secret_access_key=s\n");
    write(
        ".aws/config",
        "[profile two]\naws_access_key_id=TWO\naws_secret_access_key=s\n"
        "aws_session_token=t\n[profile none]\nregion=x\n"
    );
    EXPECT_EQ(key(), "ONE");
    variable("AWS_PROFILE") = "two";
    EXPECT_EQ(key(), "TWO");
    EXPECT_EQ(get().value()->session_token, "t");
    variable("AWS_PROFILE") = "three";
    EXPECT_NE(key().find("there is no profile \"three\""), std::string::npos);
    variable("AWS_PROFILE") = "none";
    EXPECT_NE(key().find("profile \"none\" has no credentials"), std::string::npos);

    // One that the configuration names goes before the environment.
    variable("AWS_ACCESS_KEY_ID") = "ENV";
    variable("AWS_SECRET_ACCESS_KEY") = "s";
    EXPECT_EQ(key(), "ENV");
    sources_.profile = "two";
    EXPECT_EQ(key(), "TWO");

    variable("AWS_SHARED_CREDENTIALS_FILE") = "~/other";
    write("other", "[two]\naws_access_key_id=OTHER\naws_secret_access_key=s\n");
    EXPECT_EQ(key(), "OTHER");
    write("other", "[two\n");
    EXPECT_EQ(
        key(),
        "no AWS credentials: shared files: the credentials file: line 1 opens a section with '[' "
        "and does not close it"
    );
}

TEST_F(CredentialsTest, ARoleIsTakenOnByAnotherProfile) {
    const FakeService sts([](const Seen& seen, int) {
        // Each role by the one before it.
        const bool first = seen.field("authorization").find("BASE/") != std::string::npos;
        return sts_answer(first ? "MIDDLE" : "END", kLater);
    });
    place_.endpoints["sts"] = sts.url();
    write(
        ".aws/config",
        "[default]\nrole_arn=arn:end\nsource_profile=middle\nexternal_id=x\n"
        "role_session_name=me\nduration_seconds=900\n"
        "[profile middle]\nrole_arn=arn:middle\nsource_profile=base\n"
        "[profile base]\naws_access_key_id=BASE\naws_secret_access_key=s\n"
    );
    EXPECT_EQ(key(), "END");
    ASSERT_EQ(sts.count(), 2);
    EXPECT_EQ(
        sts.seen().at(1).body,
        "Action=AssumeRole&DurationSeconds=900&ExternalId=x&RoleArn=arn%3Aend&RoleSessionName=me"
        "&Version=2011-06-15"
    );
    EXPECT_NE(
        sts.seen().at(1).field("authorization").find("Credential=MIDDLE/20260304/eu-test-1/sts/"),
        std::string::npos
    );
}

TEST_F(CredentialsTest, ProfilesThatCannotServeSayWhy) {
    const auto why = [this](const std::string& text) {
        write(".aws/config", "[default]\n" + text);
        const std::string said = key();
        const std::size_t at = said.find("shared files: ");
        return at == std::string::npos ? said : said.substr(at + 14);
    };
    EXPECT_EQ(why("role_arn=a\n"), "profile \"default\": has role_arn, but no source_profile");
    EXPECT_EQ(
        why("role_arn=a\nsource_profile=b\n"), "profile \"default\": source_profile b is not there"
    );
    EXPECT_EQ(
        why("role_arn=a\nsource_profile=b\n[profile b]\nrole_arn=a\nsource_profile=b\n"),
        "profile \"b\": too many source_profiles in a row"
    );
    EXPECT_EQ(
        why("role_arn=a\ncredential_source=Environment\n"),
        "profile \"default\": who takes the role on: AWS_ACCESS_KEY_ID is not set"
    );
    EXPECT_EQ(
        why("role_arn=a\nmfa_serial=1\nsource_profile=b\n"),
        "profile \"default\": has mfa_serial, and there is nobody to ask for a code"
    );
    EXPECT_EQ(why("aws_access_key_id=a\n"), "profile \"default\": has no aws_secret_access_key");
    EXPECT_EQ(
        why("role_arn=a\nduration_seconds=x\nsource_profile=b\n"),
        "profile \"default\": duration_seconds is not a number"
    );
}

TEST_F(CredentialsTest, CredentialProcess) {
    const auto ask = [this](const std::string& command) {
        write(".aws/config", "[default]\ncredential_process = " + command + "\n");
        return key();
    };
    EXPECT_EQ(
        ask(R"(printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"s"}' "$KEY" | cat)"),
        "no AWS credentials: environment: AWS_ACCESS_KEY_ID is not set; web identity: "
        "AWS_WEB_IDENTITY_TOKEN_FILE is not set; shared files: profile \"default\": what "
        "credential_process prints has no AccessKeyId"
    );
    variable("KEY") = "PROC";
    EXPECT_EQ(
        ask(R"(printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"s"}' "$KEY" | cat)"),
        "PROC"
    );
    EXPECT_NE(ask("exit 3").find("credential_process ended with exit status 3"), std::string::npos);
    EXPECT_NE(ask("echo hello").find("prints is not JSON"), std::string::npos);
    EXPECT_NE(ask("yes").find("credential_process prints too much"), std::string::npos);
    EXPECT_NE(ask("/no/such").find("exit status 127"), std::string::npos);
}

TEST_F(CredentialsTest, SsoByTheTokenOfTheTool) {
    const FakeService sso({answer(
        200,
        R"({"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"s","sessionToken":"t",)"
        R"("expiration":1772604367000}})"
    )});
    place_.endpoints["portal.sso"] = sso.url();
    write(
        ".aws/config",
        "[default]\nsso_session=corp\nsso_account_id=123\nsso_role_name=dev\n"
        "[sso-session corp]\nsso_region=eu-test-2\nsso_start_url=https://x\n"
    );
    EXPECT_NE(key().find("log in with: aws sso login --profile default"), std::string::npos);
    // The SHA-1 of "corp".
    const std::string cache = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    write(cache, R"({"accessToken":"tok","expiresAt":"2026-03-04T05:06:07Z"})");
    EXPECT_NE(key().find("the token of SSO has expired; log in"), std::string::npos) << key();
    write(cache, R"({"accessToken":"tok","expiresAt":"2026-03-04T05:06:08Z"})");
    EXPECT_EQ(key(), "SSO");
    EXPECT_EQ(to_rfc3339(get().value()->expires), "2026-03-04T06:06:07.000Z");
    const Seen seen = sso.seen().at(0);
    EXPECT_EQ(seen.target, "/federation/credentials?account_id=123&role_name=dev");
    EXPECT_EQ(seen.field("x-amz-sso_bearer_token"), "tok");
    EXPECT_EQ(seen.field("authorization"), "");
}

TEST_F(CredentialsTest, ContainerEndpoint) {
    const FakeService agent({json_answer("BOX", kTestTime + 6h)});
    sources_.container_url = agent.url();
    variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") = "/v2/credentials/1";
    EXPECT_EQ(key(), "BOX");
    EXPECT_EQ(agent.seen().at(0).target, "/v2/credentials/1");
    EXPECT_EQ(agent.seen().at(0).field("authorization"), "");

    variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") = "";
    variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") = agent.url("/pod");
    variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") = "Basic x";
    EXPECT_EQ(key(), "BOX");
    EXPECT_EQ(agent.seen().at(1).target, "/pod");
    EXPECT_EQ(agent.seen().at(1).field("authorization"), "Basic x");

    // The file goes before the variable, and is read each time.
    variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") = write("token", "one\n");
    EXPECT_EQ(key(), "BOX");
    write("token", "two");
    EXPECT_EQ(key(), "BOX");
    EXPECT_EQ(agent.seen().at(2).field("authorization"), "one");
    EXPECT_EQ(agent.seen().at(3).field("authorization"), "two");
    write("token", "a\r\nX: y");
    EXPECT_NE(key().find("container: the authorization token is not one line"), std::string::npos);
    EXPECT_EQ(agent.count(), 4);
}

TEST_F(CredentialsTest, ContainerTokensGoToNobodyElse) {
    for (const char* url :
         {"http://example.com/x",
          "http://10.0.0.1/x",
          "http://169.254.169.254/x",
          "http://[fd00:ec2::24]/x",
          "http://localhost.example.com/"}) {
        variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") = url;
        EXPECT_NE(key().find("is neither https nor an address"), std::string::npos) << key();
    }
    variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") = "file:///x";
    EXPECT_NE(key().find("must start with http"), std::string::npos);
}

TEST_F(CredentialsTest, ContainerThatFails) {
    const FakeService agent({answer(500), answer(500), answer(404)});
    variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") = agent.url("/x");
    EXPECT_NE(key().find("answered 404"), std::string::npos);
    EXPECT_EQ(agent.count(), 3);
}

/// The metadata service of an instance with a role, until `expires`.
FakeService::Reply instance(const std::string& key, Time expires) {
    return [key, expires](const Seen& seen, int) {
        if (seen.method == "PUT") {
            const bool good = seen.target == "/latest/api/token" &&
                              seen.field("X-aws-ec2-metadata-token-ttl-seconds") == "21600";
            return answer(good ? 200 : 400, "TOKEN");
        }
        if (seen.field("X-aws-ec2-metadata-token") != "TOKEN") return answer(401);
        const std::string roles = "/latest/meta-data/iam/security-credentials/";
        if (seen.target == roles) return answer(200, "my-role\n");
        if (seen.target == roles + "my-role") return json_answer(key, expires);
        if (seen.target == "/latest/meta-data/placement/region") return answer(200, "eu-test-9");
        return answer(404);
    };
}

TEST_F(CredentialsTest, InstanceMetadata) {
    const FakeService imds(instance("IMDS", kTestTime + 6h));
    sources_.imds_url = imds.url();
    EXPECT_NE(key().find("AWS_EC2_METADATA_DISABLED is set"), std::string::npos);
    EXPECT_EQ(imds.count(), 0);
    variable("AWS_EC2_METADATA_DISABLED") = "";
    EXPECT_EQ(key(), "IMDS");
    EXPECT_EQ(imds.count(), 3);
    // A role in a profile may be taken on by it, too.
    const FakeService sts({sts_answer("ROLE", kLater)});
    place_.endpoints["sts"] = sts.url();
    write(".aws/config", "[default]\nrole_arn=a\ncredential_source=Ec2InstanceMetadata\n");
    EXPECT_EQ(key(), "ROLE");
    EXPECT_NE(sts.seen().at(0).field("authorization").find("=IMDS/"), std::string::npos);
}

TEST_F(CredentialsTest, InstanceWithoutARole) {
    const FakeService imds([](const Seen& seen, int) {
        return seen.method == "PUT" ? answer(200, "T") : answer(404);
    });
    sources_.imds_url = imds.url();
    variable("AWS_EC2_METADATA_DISABLED") = "false";
    EXPECT_NE(key().find("instance metadata: the instance has no role"), std::string::npos);
}

TEST_F(CredentialsTest, RegionAndEndpoints) {
    const FakeService imds(instance("IMDS", kTestTime + 6h));
    sources_.imds_url = imds.url();
    const auto region = [this] {
        const auto found = place();
        return found ? found.value().region : found.error().detail;
    };
    EXPECT_EQ(
        region(),
        "no AWS region: AWS_REGION is not set, the profile has none, and instance metadata: "
        "AWS_EC2_METADATA_DISABLED is set"
    );
    variable("AWS_EC2_METADATA_DISABLED") = "";
    EXPECT_EQ(region(), "eu-test-9");
    write(
        ".aws/config",
        "[default]\nregion=of-profile\nendpoint_url=http://p\nservices=local\n"
        "[services local]\ns3 =\n  endpoint_url = http://ps3\n"
    );
    EXPECT_EQ(region(), "of-profile");
    using Endpoints = std::map<std::string, std::string, std::less<>>;
    EXPECT_EQ(place().value().endpoints, (Endpoints{{"", "http://p"}, {"s3", "http://ps3"}}));
    variable("AWS_DEFAULT_REGION") = "second";
    EXPECT_EQ(region(), "second");
    variable("AWS_REGION") = "first";
    EXPECT_EQ(region(), "first");
    sources_.region = "mine";
    EXPECT_EQ(region(), "mine");

    variable("AWS_ENDPOINT_URL_SQS") = "http://sqs";
    EXPECT_EQ(place().value().endpoints.at("sqs"), "http://sqs");
    variable("AWS_ENDPOINT_URL") = "http://all";
    EXPECT_EQ(place().value().endpoints.at("s3"), "http://all");
    EXPECT_EQ(place().value().endpoints.at("sqs"), "http://sqs");
    EXPECT_EQ(place().value().endpoints.at(""), "http://all");
    variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") = "true";
    EXPECT_TRUE(place().value().endpoints.empty());
}

/// Chains over a container endpoint, which is the simplest that expires.
class RenewalTest : public CredentialsTest {
  protected:
    explicit RenewalTest() { variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") = agent_.url("/x"); }

    void serve(const std::string& text) {
        const std::lock_guard lock(mutex_);
        text_ = text;
    }

    std::mutex mutex_;
    std::string text_ = json_answer("ONE", kTestTime + 1h);
    std::promise<void> reached_;
    std::promise<void> go_on_;
    int held_ = 0;  ///< the number of the request that waits for go_on_
    FakeService agent_{[this](const Seen&, int number) {
        if (number == held_) {
            reached_.set_value();
            go_on_.get_future().wait();
        }
        const std::lock_guard lock(mutex_);
        return text_;
    }};
};

TEST_F(RenewalTest, AreKeptUntilTheyAreNearTheirEnd) {
    EXPECT_EQ(get().value()->key_id, "ONE");
    time_.set(kTestTime + 54min);
    EXPECT_EQ(get().value()->key_id, "ONE");
    EXPECT_EQ(agent_.count(), 1);
    serve(json_answer("TWO", kTestTime + 2h));
    time_.set(kTestTime + 55min);
    EXPECT_EQ(get().value()->key_id, "TWO");
    EXPECT_EQ(agent_.count(), 2);
}

TEST_F(RenewalTest, OldOnesServeWhileNewOnesAreFetched) {
    EXPECT_EQ(get().value()->key_id, "ONE");
    serve(json_answer("TWO", kTestTime + 2h));
    time_.set(kTestTime + 56min);
    held_ = 2;
    auto first = std::async(std::launch::async, [this] { return get().value()->key_id; });
    reached_.get_future().wait();
    EXPECT_EQ(get().value()->key_id, "ONE");
    EXPECT_EQ(agent_.count(), 2);
    go_on_.set_value();
    EXPECT_EQ(first.get(), "TWO");
    EXPECT_EQ(get().value()->key_id, "TWO");
}

TEST_F(RenewalTest, WithoutAnyAllWaitForOneFetch) {
    held_ = 1;
    auto first = std::async(std::launch::async, [this] { return get().value()->key_id; });
    reached_.get_future().wait();
    auto second = std::async(std::launch::async, [this] { return get().value()->key_id; });
    auto third = std::async(std::launch::async, [this] { return get().value()->key_id; });
    on_thread([] {});
    go_on_.set_value();
    EXPECT_EQ(first.get(), "ONE");
    EXPECT_EQ(second.get(), "ONE");
    EXPECT_EQ(third.get(), "ONE");
    EXPECT_EQ(agent_.count(), 1);
}

TEST_F(RenewalTest, TheEndOfTheChainEndsItsCalls) {
    held_ = 1;
    serve(kHang);
    auto calls = std::pair(chain().get(), chain().get());
    auto first = std::async(std::launch::async, [&] { return run(std::move(calls.first)); });
    reached_.get_future().wait();
    auto second = std::async(std::launch::async, [&] { return run(std::move(calls.second)); });
    on_thread([] {});
    go_on_.set_value();
    on_thread([this] { chain_.reset(); });
    EXPECT_TRUE(first.get().has_error());
    EXPECT_TRUE(second.get().has_error());
    EXPECT_EQ(agent_.count(), 1);
}

TEST_F(RenewalTest, OldOnesServeToTheirEndWhenNewOnesCannotBeHad) {
    EXPECT_EQ(get().value()->key_id, "ONE");
    serve(answer(404));
    time_.set(kTestTime + 56min);
    EXPECT_EQ(get().value()->key_id, "ONE");
    EXPECT_EQ(agent_.count(), 2);
    // Not each call asks again.
    EXPECT_EQ(get().value()->key_id, "ONE");
    EXPECT_EQ(agent_.count(), 2);
    time_.set(kTestTime + 61min);
    EXPECT_TRUE(get().has_error());
    EXPECT_TRUE(get().has_error());
    EXPECT_EQ(agent_.count(), 3);
    serve(json_answer("TWO", kTestTime + 2h));
    time_.advance(1s);
    EXPECT_EQ(get().value()->key_id, "TWO");
}

TEST_F(RenewalTest, ThoseWithoutALaterEndAreNotFetchedAgainAndAgain) {
    EXPECT_EQ(get().value()->key_id, "ONE");
    time_.set(kTestTime + 56min);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(get().value()->key_id, "ONE");
    EXPECT_EQ(agent_.count(), 2);
    // A clock that is wrong by an hour does not make each call fetch them.
    time_.set(kTestTime + 2h);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(get().value()->key_id, "ONE");
    EXPECT_EQ(agent_.count(), 3);
}

TEST_F(RenewalTest, RejectedOnesAreFetchedAgain) {
    const CredentialsPtr one = get().value();
    reject(one);  // too new to be doubted
    EXPECT_EQ(get().value(), one);
    EXPECT_EQ(agent_.count(), 1);
    time_.advance(10s);
    reject(one);
    // The same ones again: the same object tells so.
    EXPECT_EQ(get().value(), one);
    EXPECT_EQ(agent_.count(), 2);
    time_.advance(10s);
    serve(json_answer("TWO", kTestTime + 1h));
    reject(one);
    EXPECT_EQ(get().value()->key_id, "TWO");
    reject(one);  // a late one
    EXPECT_EQ(get().value()->key_id, "TWO");
    EXPECT_EQ(agent_.count(), 3);
}

}  // namespace
}  // namespace bide::clients
