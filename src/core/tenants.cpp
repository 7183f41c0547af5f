#include "core/tenants.hpp"

#include <algorithm>
#include <cmath>

namespace bide::core {
namespace {

double seconds(Duration span) {
    return static_cast<double>(span.count()) / 1e6;
}

std::uint32_t ceiling(double value) {
    return static_cast<std::uint32_t>(std::ceil(std::clamp(value, 0.0, 1e9)));
}

}  // namespace

void Tenant::refill(Time now) {
    const double burst = std::max<double>(1, rules.burst);
    tokens = std::min(burst, tokens + seconds(now - counted) * rules.rate);
    counted = now;
}

bool Tenant::may_submit(Time now) {
    if (rules.rate <= 0) return true;
    refill(now);
    return tokens >= 1;
}

RateFacts Tenant::rate(Time now) {
    if (rules.rate <= 0) return {};
    refill(now);
    const double burst = std::max<double>(1, rules.burst);
    return {
        static_cast<std::uint32_t>(burst),
        std::max(1U, ceiling(burst / rules.rate)),
        static_cast<std::uint32_t>(std::max(tokens, 0.0)),
        ceiling((burst - tokens) / rules.rate)};
}

std::int64_t Tenant::next_token_s(Time now) {
    refill(now);
    return std::max(1U, ceiling((1 - tokens) / rules.rate));
}

Tenant& Tenants::at(const std::string& name, Time now) {
    const auto found = tenants_.find(name);
    if (found != tenants_.end()) return *found->second;
    if (tenants_.size() >= sweep_at_) forget_idle(now);
    auto made = std::make_unique<Tenant>();
    const auto rules = tenancy_.named.find(name);
    if (rules != tenancy_.named.end())
        made->rules = rules->second;
    else if (!name.empty())
        made->rules = tenancy_.others;
    made->tokens = made->rules.burst;
    made->counted = now;
    return *tenants_.emplace(name, std::move(made)).first->second;
}

void Tenants::forget_idle(Time now) {
    std::erase_if(tenants_, [now](const auto& entry) {
        Tenant& tenant = *entry.second;
        const bool whole = tenant.rules.rate <= 0 || tenant.rate(now).reset_s == 0;
        return tenant.open == 0 && tenant.lanes == 0 && whole;
    });
    sweep_at_ = std::max<std::size_t>(64, 2 * tenants_.size());
}

}  // namespace bide::core
