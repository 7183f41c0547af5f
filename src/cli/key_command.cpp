#include "cli/key_command.hpp"

#include "base/rng.hpp"
#include "cli/units.hpp"
#include "wire/sha256.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace bide::cli {
namespace {

constexpr const char* kFooter = R"(
The key is sent as "Authorization: Bearer KEY". It is printed this once and stored nowhere: the file
gets its hash. Put the lines into the file that `bide serve --config` reads, and start it anew.
From then on everybody needs a key, unless the file says anonymous = true.

Scopes do not include each other: submit posts, waits and cancels; read sees status, results, queues
and metrics; admin pauses, redrives and lists, and may neither post nor read.

  bide key --name ci --scope submit --tenant acme
  bide key --name me --scope submit --scope read --scope admin      may do everything)";

/// 256 bits, in the alphabet of base64url; the prefix lets a leaked one be found.
std::string make_key() {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string key = "bide_";
    for (int word = 0; word < 4; ++word) {
        std::uint64_t bits = os_random();
        for (int digit = 0; digit < 11; ++digit, bits >>= 6) key += kAlphabet[bits & 63];
    }
    return key;
}

std::string hex_of(const wire::Digest& digest) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : digest) {
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }
    return text;
}

}  // namespace

int key_command(int argc, char** argv) {
    CLI::App app("Makes an API key.", "bide key");
    app.footer(kFooter);
    std::string name = "default";
    std::string tenant;
    std::vector<std::string> scopes;
    const auto by = [](Result<void> (*check)(std::string_view)) {
        return [check](const std::string& text) {
            const Result<void> good = check(text);
            return good.has_error() ? good.error().detail : std::string();
        };
    };
    app.add_option("--name", name, "of the key, in the file and in logs [default]")
        ->type_name("NAME")
        ->check(by(check_key_name));
    app.add_option(
           "--scope", scopes, "submit, read or admin; several times for several [submit, read]"
    )
        ->type_name("SCOPE")
        ->check(CLI::IsMember({"submit", "read", "admin"}));
    app.add_option("--tenant", tenant, "whose jobs are posted and seen with it [anybody's]")
        ->type_name("NAME")
        ->check(by(check_tenant_name));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& stop) {
        return app.exit(stop) == 0 ? 0 : 2;
    }
    if (scopes.empty()) scopes = {"submit", "read"};
    std::string list;
    for (const auto& scope : scopes) list += (list.empty() ? "\"" : ", \"") + scope + "\"";
    const std::string key = make_key();
    std::printf(
        "%s\n\n[keys.\"%s\"]\nhash = \"sha256:%s\"\nscopes = [%s]\n",
        key.c_str(),
        name.c_str(),
        hex_of(wire::sha256(key)).c_str(),
        list.c_str()
    );
    if (!tenant.empty()) std::printf("tenant = \"%s\"\n", tenant.c_str());
    return 0;
}

}  // namespace bide::cli
