#include "admission.hpp"

#include "violation.hpp"

#include <algorithm>

namespace bide::sim {

void G7::born(const std::vector<core::QueueRules>& queues, const core::Tenancy& tenancy) {
    queues_ = &queues;
    tenancy_ = &tenancy;
    buckets_.clear();
}

G7::Sizes G7::sizes(const core::Ledger& ledger) {
    return {ledger.open_jobs(), ledger.waiters(), ledger.resident_bytes(), ledger.has_writes()};
}

const core::TenantRules& G7::rules_of(const std::string& tenant) const {
    const auto named = tenancy_->named.find(tenant);
    if (named != tenancy_->named.end()) return named->second;
    return tenant.empty() ? nobodys_ : tenancy_->others;
}

void G7::before(
    const core::Ledger& ledger, const G6& leases, const std::vector<JobId>& open, Time now
) {
    now_ = now;
    leases_ = &leases;
    before_ = sizes(ledger);
    before_queues_.clear();
    for (core::QueueIndex queue = 0; queue < queues_->size(); ++queue) {
        const auto& counts = ledger.counts(queue);
        before_queues_.push_back(
            {counts.scheduled + counts.ready + leases.leased(queue), leases.running(queue)}
        );
    }
    open_of_.clear();
    if (tenancy_->named.empty()) return;
    for (const auto& id : open) {
        const auto facts = ledger.find(id);
        if (facts && !core::is_final(facts->state)) ++open_of_[facts->tenant];
    }
}

double G7::tokens(const std::string& tenant) const {
    const auto& rules = rules_of(tenant);
    const auto found = buckets_.find(tenant);
    if (found == buckets_.end()) return rules.burst;
    const auto since = static_cast<double>((now_ - found->second.counted).count()) / 1e6;
    return std::min<double>(rules.burst, found->second.tokens + since * rules.rate);
}

void G7::refused(
    const core::event::Submit& submit, const Error& error, std::uint64_t open_bytes_max
) const {
    require(error.retry != Retry::unsafe, "G7", "a refusal that may have run");
    const auto& input = *submit.input;
    const auto& rules = (*queues_)[input.queue];
    const auto& before = before_queues_[input.queue];
    if (error.code == Code::rate_limited) {
        const auto& tenant = rules_of(input.tenant);
        const auto open = open_of_.find(input.tenant);
        const bool many =
            tenant.depth_max != 0 && open != open_of_.end() && open->second >= tenant.depth_max;
        const bool fast = tenant.rate > 0 && tokens(input.tenant) < 1 + 1e-6;
        require(many || fast, "G7", "a tenant's limit said without need");
    } else if (error.code == Code::overloaded) {
        const bool full =
            before.open >= rules.depth_max || open_bytes_max + input.body.size() > rules.bytes_max;
        const bool late = submit.start_by != kNever &&
                          (before.busy >= rules.concurrency || submit.start_by < now_);
        require(full || late || leases_->holds(input.id), "G7", "a refusal without need");
    } else {
        return;
    }
    require(error.retry_after_s > 0, "G7", "a refusal without Retry-After");
}

void G7::taken(const core::event::Submit& submit) {
    const auto& input = *submit.input;
    const auto& rules = (*queues_)[input.queue];
    const bool room = before_queues_[input.queue].open < rules.depth_max;
    require(room, "G7", "a job over the depth limit was taken", input.id);
    require(input.body.size() <= rules.bytes_max, "G7", "a job over the bytes limit", input.id);
    const auto& tenant = rules_of(input.tenant);
    if (tenant.depth_max != 0) {
        const bool few = open_of_[input.tenant] < tenant.depth_max;
        require(few, "G7", "a job over the tenant's depth was taken", input.id);
    }
    if (tenant.rate <= 0) return;
    const double left = tokens(input.tenant) - 1;
    require(left > -1e-6, "G7", "a job over the tenant's rate was taken", input.id);
    buckets_[input.tenant] = {left, now_};
}

void G7::nothing_remains(const core::Ledger& ledger) const {
    require(sizes(ledger) == before_, "G7", "a refusal left something behind");
}

}  // namespace bide::sim
