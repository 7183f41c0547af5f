#pragma once

#include "core/job.hpp"
#include "core/tenants.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace bide::core {

/// The ready jobs of one queue, in the order in which they are to start: between tenants by
/// start-time fair queueing (Goyal et al. 1996: a lane's next start tag is its last one plus
/// 1/weight, and never before the queue's virtual time, so that nobody saves up a share while
/// away; and a lane that nobody holds is remembered until the virtual time has passed its tag, so
/// that nobody gets more than a share by coming for one job after another), within a tenant by
/// priority, then first come first served. O(log tenants) a job.
class FairLine {
  public:
    struct Lane;

    /// A job's place, a base of the job. Linked while it is ready.
    struct Entry : boost::intrusive::list_base_hook<> {
        Lane* lane = nullptr;
        std::uint64_t ticket = 0;  ///< its number in the order of arrival
        std::uint8_t priority = kPriorityDefault;
        bool in_line = false;
    };
    using List = boost::intrusive::list<Entry>;

    /// One tenant in this queue.
    struct Lane : boost::intrusive::set_base_hook<> {
        std::string name;
        Tenant* tenant = nullptr;
        std::array<List, kPriorities> ready;
        std::uint64_t ready_count = 0;
        std::uint64_t open = 0;    ///< jobs that hold on to the lane
        std::uint64_t leased = 0;  ///< of them running with their lease
        double tag = 0;
        std::uint64_t number = 0;  ///< breaks ties
        bool eligible = false;     ///< in eligible_

        bool operator<(const Lane& other) const {
            return tag != other.tag ? tag < other.tag : number < other.number;
        }
    };

    ~FairLine();
    FairLine() = default;
    FairLine(const FairLine&) = delete;
    FairLine& operator=(const FairLine&) = delete;

    /// The tenant's lane, held until release().
    Lane& hold(const std::string& name, Tenant& tenant);
    void release(Lane& lane);

    void push(Entry& entry);
    void remove(Entry& entry);
    /// Who is next; null when nobody is ready whose tenant may have another lease.
    Entry* front();
    /// `entry` leaves the line and takes a lease; lease_over() gives it back.
    void lease(Entry& entry);
    void lease_over(Lane& lane);

    std::uint64_t size() const { return size_; }
    std::size_t lanes() const { return lanes_.size(); }
    std::uint64_t ready_from(std::uint8_t priority) const;
    /// How many are before it, by an estimate.
    std::uint64_t position(const Entry& entry) const;
    /// Forgets who is in line, when the jobs themselves are about to go.
    void clear();

  private:
    void look_again(Lane& lane);
    void forget_rested();

    /// Names come from clients, and there is no end of them.
    static constexpr std::size_t kRestingMax = 1000;

    std::unordered_map<std::string, std::unique_ptr<Lane>> lanes_;
    boost::intrusive::set<Lane> eligible_;
    boost::intrusive::set<Lane> resting_;  ///< nobody holds them
    std::array<std::uint64_t, kPriorities> by_priority_{};
    std::uint64_t size_ = 0;
    std::uint64_t leased_ = 0;
    std::uint64_t next_ticket_ = 0;
    std::uint64_t next_lane_ = 0;
    double virtual_time_ = 0;
};

}  // namespace bide::core
