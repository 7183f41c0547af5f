// Credentials from an STS and an instance metadata service that nobody here wrote (moto's): run it
// under tests/aws/services.py.
#include "clients/credentials.hpp"

#include "clients/aws_fixture.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;

class MotoCredentialsTest : public ClientsTest {
  protected:
    MotoCredentialsTest() {
        const char* url = std::getenv("AWS_ENDPOINT_URL_SQS");
        EXPECT_NE(url, nullptr) << "see tests/aws/services.py";
        if (url != nullptr) url_ = url;
        std::filesystem::create_directories(directory_ + "/.aws");
        sources_.environment = {
            {"HOME", directory_},
            {"AWS_ENDPOINT_URL", url_},
            {"AWS_EC2_METADATA_DISABLED", "true"}};
        sources_.imds_url = url_;
    }
    ~MotoCredentialsTest() override {
        on_thread([this] { chain_.reset(); });
    }

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(directory_ + "/" + name) << text;
        return directory_ + "/" + name;
    }

    wire::AwsCredentials get() {
        auto& http = client();
        auto place = run(find_aws_place(http, pool_, clock_, sources_));
        EXPECT_TRUE(place.has_value()) << place.error().detail;
        on_thread([&] {
            chain_ = make_credentials_chain(http, pool_, clock_, sources_, place.value());
        });
        const auto got = run(chain_->get());
        EXPECT_TRUE(got.has_value()) << got.error().detail;
        return got ? *got.value() : wire::AwsCredentials();
    }

    std::string url_;
    AwsSources sources_;
    std::unique_ptr<CredentialsProvider> chain_;
};

TEST_F(MotoCredentialsTest, RegionAndRoleOfTheInstance) {
    sources_.environment["AWS_EC2_METADATA_DISABLED"] = "";
    const auto place = run(find_aws_place(client(), pool_, clock_, sources_));
    ASSERT_TRUE(place.has_value()) << place.error().detail;
    EXPECT_EQ(place.value().region, "us-east-1");
    const auto credentials = get();
    EXPECT_EQ(credentials.key_id, "test-key");
    EXPECT_GT(credentials.expires, clock_.now() + 1h);
}

TEST_F(MotoCredentialsTest, WebIdentity) {
    sources_.region = "us-east-1";
    sources_.environment["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/r";
    sources_.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "a.b.c\n");
    const auto credentials = get();
    EXPECT_TRUE(credentials.key_id.starts_with("ASIA")) << credentials.key_id;
    EXPECT_FALSE(credentials.session_token.empty());
    EXPECT_GT(credentials.expires, clock_.now() + 59min);
    EXPECT_LT(credentials.expires, clock_.now() + 61min);
}

TEST_F(MotoCredentialsTest, ARoleOfAProfile) {
    sources_.region = "us-east-1";
    write(
        ".aws/config",
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
        "duration_seconds = 900\n[profile base]\naws_access_key_id = A\naws_secret_access_key = b\n"
    );
    const auto credentials = get();
    EXPECT_TRUE(credentials.key_id.starts_with("ASIA")) << credentials.key_id;
    EXPECT_LT(credentials.expires, clock_.now() + 16min);
}

}  // namespace
}  // namespace bide::clients
