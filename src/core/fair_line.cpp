#include "core/fair_line.hpp"

#include "base/check.hpp"
#include "core/planted.hpp"

#include <algorithm>

namespace bide::core {

FairLine::~FairLine() {
    clear();
}

FairLine::Lane& FairLine::hold(const std::string& name, Tenant& tenant) {
    auto& lane = lanes_[name];
    if (!lane) {
        lane = std::make_unique<Lane>();
        lane->name = name;
        lane->tenant = &tenant;
        lane->number = next_lane_++;
        ++tenant.lanes;
    } else if (lane->open == 0) {
        resting_.erase(resting_.iterator_to(*lane));
    }
    ++lane->open;
    return *lane;
}

void FairLine::release(Lane& lane) {
    CHECK(lane.open > 0);
    if (--lane.open > 0) return;
    CHECK(lane.ready_count == 0);
    CHECK(lane.leased == 0);
    resting_.insert(lane);
    forget_rested();
}

/// Those whose tag would make no difference any more. When nobody is ready or runs, all are even.
void FairLine::forget_rested() {
    const bool idle = size_ == 0 && leased_ == 0;
    while (!resting_.empty()) {
        Lane& first = *resting_.begin();
        const bool rested = idle || first.tag <= virtual_time_ || resting_.size() > kRestingMax;
        if (!rested) return;
        resting_.erase(resting_.begin());
        --first.tenant->lanes;
        lanes_.erase(std::string(first.name));
    }
}

void FairLine::push(Entry& entry) {
    Lane& lane = *entry.lane;
    entry.ticket = next_ticket_++;
    entry.in_line = true;
    lane.ready[entry.priority].push_back(entry);
    ++by_priority_[entry.priority];
    ++lane.ready_count;
    ++size_;
    look_again(lane);
}

void FairLine::remove(Entry& entry) {
    Lane& lane = *entry.lane;
    List& list = lane.ready[entry.priority];
    list.erase(list.iterator_to(entry));
    entry.in_line = false;
    --by_priority_[entry.priority];
    --lane.ready_count;
    --size_;
    look_again(lane);
}

FairLine::Entry* FairLine::front() {
    if (eligible_.empty()) return nullptr;
    Lane& lane = *eligible_.begin();
    const auto list = std::find_if(lane.ready.rbegin(), lane.ready.rend(), [](const List& some) {
        return !some.empty();
    });
    CHECK(list != lane.ready.rend());
    return &list->front();
}

void FairLine::lease(Entry& entry) {
    Lane& lane = *entry.lane;
    if (lane.eligible) eligible_.erase(eligible_.iterator_to(lane));
    lane.eligible = false;
    virtual_time_ = std::max(virtual_time_, lane.tag);
    const double weight = planted(Bug::weights_ignored) ? 1 : lane.tenant->rules.weight;
    lane.tag = virtual_time_ + 1 / weight;
    ++lane.leased;
    ++leased_;
    remove(entry);
    forget_rested();
}

void FairLine::lease_over(Lane& lane) {
    CHECK(lane.leased > 0);
    --lane.leased;
    --leased_;
    look_again(lane);
}

/// Whether the lane competes: somebody is ready, and the tenant may have another lease.
void FairLine::look_again(Lane& lane) {
    const std::uint32_t most = lane.tenant->rules.concurrency;
    const bool competes = lane.ready_count > 0 && (most == 0 || lane.leased < most);
    if (competes == lane.eligible) return;
    lane.eligible = competes;
    if (!competes) {
        eligible_.erase(eligible_.iterator_to(lane));
        return;
    }
    lane.tag = std::max(lane.tag, virtual_time_);
    eligible_.insert(lane);
}

std::uint64_t FairLine::ready_from(std::uint8_t priority) const {
    std::uint64_t sum = 0;
    for (std::size_t i = priority; i < by_priority_.size(); ++i) sum += by_priority_[i];
    return sum;
}

std::uint64_t FairLine::position(const Entry& entry) const {
    const Lane& lane = *entry.lane;
    const List& mine = lane.ready[entry.priority];
    // Tickets of those who left meanwhile are in the difference: never more than are there.
    std::uint64_t before =
        std::min<std::uint64_t>(entry.ticket - mine.front().ticket, mine.size() - 1);
    for (std::size_t i = entry.priority + 1U; i < lane.ready.size(); ++i)
        before += lane.ready[i].size();
    const std::uint64_t lanes = std::max<std::uint64_t>(1, eligible_.size());
    return std::min(before * lanes, size_ - 1);
}

void FairLine::clear() {
    eligible_.clear();
    resting_.clear();
    for (auto& [name, lane] : lanes_) {
        for (auto& list : lane->ready) list.clear();
    }
}

}  // namespace bide::core
