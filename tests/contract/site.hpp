#pragma once

#include "support/http.hpp"
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace bide::test {

/// The server the contract is held against: the one BIDE_URL names, or one of ours, started with
/// contract.toml and used by all tests in turn.
class Site {
  public:
    static const Address& address();
    /// Null when BIDE_URL names the server.
    static Server* local();
    /// A header line with a key that may do everything and has no tenant: the one of
    /// contract.toml, or BIDE_KEY, which is then also sent with every other request.
    static std::string key();
    /// The same with another key of contract.toml.
    static std::string key(const std::string& name);
    /// What stands behind its answers: fsync, or what BIDE_DURABILITY says.
    static std::string durability();
};

/// Skips a test that needs a server with flags of its own, or a look into its store.
#define BIDE_NEEDS_OWN_SERVER() \
    if (Site::local() == nullptr) GTEST_SKIP() << "needs a server of its own; BIDE_URL is set"

/// Skips a test that needs the further keys of contract.toml.
#define BIDE_NEEDS_ITS_KEYS() \
    if (std::getenv("BIDE_KEY") != nullptr) GTEST_SKIP() << "needs the keys of contract.toml"

/// One request to the site.
Response ask(const Request& request);
Response get(const std::string& target);
Response post(const std::string& target, std::string body, std::vector<std::string> lines = {});
Response put(const std::string& target, std::string body, std::vector<std::string> lines = {});
Response del(const std::string& target);
/// With Site::key().
Response admin(const std::string& method, const std::string& target);

/// A random UUID (version 4), and a text that no other test uses.
std::string fresh_id();
std::string fresh_key();

/// Posts to a queue with respond-async; the job's page, "/jobs/{id}".
std::string accepted(const std::string& queue, std::string body);
/// Waits until the job's document names this state.
testing::AssertionResult comes_to(const std::string& page, const std::string& state);

}  // namespace bide::test
