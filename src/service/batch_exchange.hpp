#pragma once

#include "base/id.hpp"
#include "service/batch.hpp"
#include "service/contract.hpp"
#include "service/problem.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bide::service {

/// How many items ended in which way.
struct BatchCounts {
    std::uint64_t items = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t expired = 0;
    std::uint64_t refused = 0;  ///< not accepted, or no longer there
    std::uint64_t open = 0;     ///< accepted, but they outlasted the wait for them

    void add(const core::Outcome& outcome);
    /// A JSON object; `open` only when there are any.
    std::string to_json() const;
};

/// N of {"items":N}, which is a batch's input, and begins what its handler says of it. Empty: it is
/// not that.
std::optional<std::uint64_t> items_in(std::string_view json);

/// What an upload and the results of a batch have in common: items that are waited for, and lines
/// about them.
class BatchExchange : public Batch {
  public:
    BatchExchange(const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan);

    std::optional<Head> head() override;
    std::string take_output() override { return std::exchange(output_, {}); }
    bool complete() const override { return complete_; }
    std::vector<core::WaiterId> waiting() const override;

  protected:
    struct Item {
        std::uint64_t index = 0;
        JobId id;
        std::string ref;        ///< as JSON; empty: none
        std::size_t bytes = 0;  ///< of its input, kept while it is waited for
        bool durable = false;
    };

    bool has_room() const;
    core::WaiterId add_waiting(core::WaiterId waiter, Item&& item);
    /// The item that is waited for so; it is no longer.
    Item take_waiting(std::unordered_map<core::WaiterId, Item>::iterator found);
    core::Wait wait_for(core::WaiterId waiter, Time now) const;

    /// A line about the end of the wait for an item: its result, or why there is none. An item that
    /// goes on is told as a wait that is over, like a job of its own would be (G5).
    void tell_end(const Item& item, const core::Answer& answer);
    void tell_problem(const Item& item, const Error& error);
    void tell_problem(const Item& item, const Problem& problem);
    /// The last line.
    void tell_summary();
    void tell_failure(const Problem& problem);
    void begin_stream(const JobId& batch);
    void reply(wire::Reply&& reply);

    const ContractRules& rules_;
    ports::Engine& engine_;
    const BatchPlan plan_;
    std::unordered_map<core::WaiterId, Item> items_;  ///< with the engine
    std::size_t bytes_ = 0;                           ///< of items_
    BatchCounts counts_;
    std::optional<Head> head_;
    std::string output_;
    bool draining_ = false;
    bool complete_ = false;

  private:
    void begin_line(const Item& item);
};

std::unique_ptr<Batch> make_batch_upload(
    const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan
);
std::unique_ptr<Batch> make_batch_results(
    const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan
);

}  // namespace bide::service
