#include "site.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

namespace bide::test {
namespace {

std::unique_ptr<Server> ours;
Address remote;

class SiteEnvironment final : public testing::Environment {
  public:
    void SetUp() override {
        if (const char* url = std::getenv("BIDE_URL")) {
            remote = parse_url(url);
            if (const char* key = std::getenv("BIDE_KEY")) set_default_key(key);
            return;
        }
        ServerOptions options;
        options.config = read_file(BIDE_CONTRACT_TOML);
        ours = std::make_unique<Server>(std::move(options));
    }
    void TearDown() override {
        if (!ours) return;
        const Exit exit = ours->stop();
        EXPECT_EQ(exit.status, 0) << "signal " << exit.signal << "\n" << ours->log();
        ours.reset();
    }
};

[[maybe_unused]] const auto* registered = testing::AddGlobalTestEnvironment(new SiteEnvironment);

}  // namespace

const Address& Site::address() {
    return ours ? ours->address() : remote;
}
Server* Site::local() {
    return ours.get();
}

std::string Site::key() {
    if (const char* said = std::getenv("BIDE_KEY"))
        return std::string("Authorization: Bearer ") + said;
    return key("conformance");
}
std::string Site::key(const std::string& name) {
    return "Authorization: Bearer bide_test_" + name;
}
std::string Site::durability() {
    const char* said = std::getenv("BIDE_DURABILITY");
    return said != nullptr ? said : "fsync";
}

Response ask(const Request& request) {
    return ask(Site::address(), request);
}
Response get(const std::string& target) {
    return get(Site::address(), target);
}
Response post(const std::string& target, std::string body, std::vector<std::string> lines) {
    return post(Site::address(), target, std::move(body), std::move(lines));
}
Response put(const std::string& target, std::string body, std::vector<std::string> lines) {
    lines.push_back("Content-Length: " + std::to_string(body.size()));
    return ask({"PUT", target, std::move(lines), std::move(body)});
}
Response del(const std::string& target) {
    return ask({"DELETE", target, {}, {}});
}
Response admin(const std::string& method, const std::string& target) {
    return ask({method, target, {Site::key()}, {}});
}

std::string fresh_id() {
    static std::mt19937_64 random{std::random_device{}()};
    char text[37];
    const auto high = static_cast<unsigned long long>(random());
    const auto low = static_cast<unsigned long long>(random());
    std::snprintf(
        text,
        sizeof text,
        "%08llx-%04llx-4%03llx-a%03llx-%012llx",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff'ffff'ffff
    );
    return text;
}
std::string fresh_key() {
    return "key of " + fresh_id();
}

std::string accepted(const std::string& queue, std::string body) {
    const Response response =
        post("/queues/" + queue + "/jobs", std::move(body), {"Prefer: respond-async"});
    EXPECT_EQ(response.status, 202) << response.body;
    return response["Location"];
}

testing::AssertionResult comes_to(const std::string& page, const std::string& state) {
    std::string last;
    if (eventually([&] { return (last = get(page).member("state")) == state; }))
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << page << " is " << last << ", not " << state;
}

}  // namespace bide::test
