#include "site.hpp"

#include <cstdlib>
#include <memory>

namespace bide::test {
namespace {

std::unique_ptr<Server> ours;
Address remote;

class SiteEnvironment final : public testing::Environment {
  public:
    void SetUp() override {
        if (const char* url = std::getenv("BIDE_URL")) {
            remote = parse_url(url);
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

Response ask(const Request& request) {
    return ask(Site::address(), request);
}
Response get(const std::string& target) {
    return get(Site::address(), target);
}
Response post(const std::string& target, std::string body, std::vector<std::string> lines) {
    return post(Site::address(), target, std::move(body), std::move(lines));
}
Response del(const std::string& target) {
    return ask({"DELETE", target, {}, {}});
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
