#pragma once

#include "base/time.hpp"
#include "core/planted.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace bide::core {

struct OutboxLimits {
    std::size_t count_max = 10'000;
    std::size_t bytes_max = 16U << 20;
    /// Whoever waits has looked into the store by then.
    Duration keep = std::chrono::seconds(60);
    /// Between two tries, doubled while all fail.
    Duration pause = std::chrono::milliseconds(100);
    Duration pause_max = std::chrono::seconds(1);
};

/// Notices of results on their way to the cache, kept until it has taken them: one that is lost
/// while the front's subscription stands is missed by nobody until the next slow look (G5). Past
/// its limits the oldest go. They may arrive in any order, and twice.
///
/// Without I/O, threads or clock: while the cache is there the driver sends what due() gives it,
/// and says of each what came of it; it asks again at next_timer(), and after put() and again().
template <class Notice>
class Outbox {
  public:
    using Number = std::uint64_t;

    explicit Outbox(OutboxLimits limits = {}) : limits_(limits) {}

    Number put(Notice notice, std::size_t bytes, Time now) {
        const Number number = next_++;
        entries_.emplace(number, Entry{std::move(notice), bytes, now});
        bytes_ += bytes;
        fresh_.push_back(number);
        while (entries_.size() > limits_.count_max || bytes_ > limits_.bytes_max) drop_oldest();
        // While nothing is sent, numbers of what was dropped would pile up.
        if (fresh_.size() > 2 * limits_.count_max)
            std::erase_if(fresh_, [this](Number one) { return !entries_.contains(one); });
        return number;
    }

    /// Calls `send(number, notice)` for what is to be sent now.
    template <class Send>
    void due(Time now, Send send) {
        while (!entries_.empty() && entries_.begin()->second.since + limits_.keep <= now)
            drop_oldest();
        if (!failed_.empty() && again_at_ <= now) {
            again_at_ = kNever;
            fresh_.insert(fresh_.end(), failed_.begin(), failed_.end());
            failed_.clear();
        }
        for (const Number number : std::exchange(fresh_, {})) {
            const auto found = entries_.find(number);
            if (found != entries_.end()) send(number, std::as_const(found->second.notice));
        }
    }

    void taken(Number number) {
        pause_ = Duration(0);
        erase(entries_.find(number));
    }

    /// It was not taken, or that is not known.
    void failed(Number number, Time now) {
        const auto found = entries_.find(number);
        if (found == entries_.end()) return;
        if (planted(Bug::notice_not_kept)) return erase(found);
        failed_.push_back(number);
        if (again_at_ != kNever) return;
        pause_ = std::clamp(pause_ * 2, limits_.pause, limits_.pause_max);
        again_at_ = now + pause_;
    }

    /// The cache is there again: what failed is due at once.
    void again() {
        pause_ = Duration(0);
        if (!failed_.empty()) again_at_ = Time{};
    }

    /// When something may be sent again.
    Time next_timer() const { return failed_.empty() ? kNever : again_at_; }
    /// Notices not taken yet.
    std::size_t size() const { return entries_.size(); }
    /// Whether all those up to this one are taken, or given up.
    bool passed(Number number) const {
        return entries_.empty() || entries_.begin()->first > number;
    }
    Number last() const { return next_ - 1; }
    /// Notices given up, by limits or by age.
    std::uint64_t dropped() const { return dropped_; }

  private:
    struct Entry {
        Notice notice;
        std::size_t bytes = 0;
        Time since{};
    };
    using Entries = std::map<Number, Entry>;  ///< the oldest first

    void erase(typename Entries::iterator entry) {
        if (entry == entries_.end()) return;
        bytes_ -= entry->second.bytes;
        entries_.erase(entry);
    }
    void drop_oldest() {
        ++dropped_;
        erase(entries_.begin());
    }

    OutboxLimits limits_;
    Number next_ = 1;
    Entries entries_;
    std::size_t bytes_ = 0;
    std::vector<Number> fresh_;   ///< to be sent; some may have been dropped since
    std::vector<Number> failed_;  ///< to be sent again; likewise
    Time again_at_ = kNever;      ///< kNever: nothing has failed
    Duration pause_{0};
    std::uint64_t dropped_ = 0;
};

}  // namespace bide::core
