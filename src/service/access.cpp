#include "service/access.hpp"

#include "wire/job_options.hpp"

#include <utility>

namespace bide::service {
namespace {

Scopes open_scopes() {
    Scopes scopes;
    scopes.add(Scope::submit);
    scopes.add(Scope::read);
    return scopes;
}

Error unauthenticated(std::string detail) {
    return {Code::unauthenticated, Retry::safe, std::move(detail)};
}

Error forbidden(std::string detail) {
    return {Code::forbidden, Retry::safe, std::move(detail)};
}

/// Every key is compared, so that the time does not tell which one was meant.
const ApiKey* find_key(const std::vector<ApiKey>& keys, std::string_view token) {
    const wire::Digest hash = wire::sha256(token);
    const ApiKey* found = nullptr;
    for (const auto& key : keys) {
        if (wire::equal_in_constant_time(key.hash, hash)) found = &key;
    }
    return found;
}

Result<Caller> admit_nobody(const AccessRules& rules, Scopes wanted, const std::string& said) {
    const bool keyless = rules.keys.empty();
    const bool open = rules.anonymous || (keyless && rules.loopback);
    if (!open || !open_scopes().meet(wanted)) {
        return unauthenticated(
            keyless ? "this page needs an API key, and the server has none: make one with "
                      "`bide key --scope submit --scope read --scope admin` and put its lines into "
                      "the configuration; from then on everybody needs a key unless anonymous = "
                      "true"
                    : "this page needs an API key: send it as \"Authorization: Bearer KEY\""
        );
    }
    if (!keyless && !said.empty())
        return forbidden("Bide-Tenant: without a key you speak for no tenant");
    return Caller{said, keyless && said.empty(), {}};
}

}  // namespace

Result<Caller> admit(const AccessRules& rules, const wire::RequestHead& head, Scopes wanted) {
    if (wanted.bits == 0) return Caller{};
    std::string said;
    if (const std::string_view value = head.field("bide-tenant"); head.has("bide-tenant")) {
        BIDE_TRY(said, wire::parse_tenant(value));
    }
    const std::string_view authorization = head.field("authorization");
    if (rules.keys.empty() || authorization.empty()) return admit_nobody(rules, wanted, said);
    const auto token = wire::parse_bearer(authorization);
    const ApiKey* key = token ? find_key(rules.keys, *token) : nullptr;
    if (key == nullptr) {
        return unauthenticated(
            token ? "the API key is not known" : "Authorization takes \"Bearer KEY\" here"
        );
    }
    if (!key->scopes.meet(wanted))
        return forbidden("the key \"" + key->name + "\" has no scope for this page");
    if (!key->tenant.empty() && !said.empty() && said != key->tenant) {
        return forbidden(
            "Bide-Tenant: the key \"" + key->name + "\" speaks for " + key->tenant + " only"
        );
    }
    const std::string& tenant = key->tenant.empty() ? said : key->tenant;
    return Caller{tenant, tenant.empty(), {}};
}

}  // namespace bide::service
