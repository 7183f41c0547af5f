// GET /batches/{id}/results: the lines of a batch once more, from its stored jobs.
#include "service/batch_exchange.hpp"
#include "service/pages.hpp"
#include "wire/derived_id.hpp"

#include <utility>

namespace bide::service {
namespace {

using core::Answer;

/// How many items a batch has, as its handler says it on the way and in the end.
std::optional<std::uint64_t> items_of(const Answer& answer) {
    const std::string* told = nullptr;
    if (answer.outcome)
        told = &answer.outcome->body.bytes;
    else if (answer.facts.progress)
        told = answer.facts.progress.get();
    if (told == nullptr) return std::nullopt;
    return items_in(*told);
}

class BatchResults final : public BatchExchange {
  public:
    BatchResults(const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan)
        : BatchExchange(rules, engine, plan), next_(plan.from) {}

    bool wants_upload() const override { return false; }
    void upload(std::string_view) override {}
    void upload_ended() override {}
    void upload_failed(const Error&) override {}

    void begin(const std::function<core::WaiterId()>& new_waiter, Time now) override;
    void take(Answer&& answer, Time now) override;
    std::vector<core::WaiterId> waiting() const override;

  private:
    void take_batch(const Answer& answer);
    bool is_visible(const Answer& answer) const;
    void finish_if_over();

    std::uint64_t next_;
    std::optional<std::uint64_t> end_;  ///< empty: not told yet
    core::WaiterId batch_waiter_ = 0;
    bool asks_ = false;  ///< batch_waiter_ waits
};

std::vector<core::WaiterId> BatchResults::waiting() const {
    std::vector<core::WaiterId> waiters = BatchExchange::waiting();
    if (asks_) waiters.push_back(batch_waiter_);
    return waiters;
}

void BatchResults::begin(const std::function<core::WaiterId()>& new_waiter, Time now) {
    if (complete_) return;
    if (!end_) {
        if (asks_) return;
        asks_ = true;
        batch_waiter_ = new_waiter();
        core::Wait wait = wait_for(batch_waiter_, now);
        wait.follow = core::Follow::yes;
        return engine_.join(*plan_.batch, wait);
    }
    while (next_ < *end_ && !draining_ && has_room()) {
        Item item;
        item.index = next_++;
        item.id = wire::id_of_item(*plan_.batch, item.index);
        ++counts_.items;
        const JobId id = item.id;
        engine_.join(id, wait_for(add_waiting(new_waiter(), std::move(item)), now));
    }
    finish_if_over();
}

void BatchResults::take(Answer&& answer, Time) {
    if (asks_ && answer.waiter == batch_waiter_) return take_batch(answer);
    const auto found = items_.find(answer.waiter);
    if (found == items_.end() || !answer.last()) return;
    tell_end(take_waiting(found), answer);
    finish_if_over();
}

bool BatchResults::is_visible(const Answer& answer) const {
    return answer.kind != Answer::Kind::unknown && answer.facts.queue == batch_queue(rules_) &&
           (plan_.caller.sees_all || answer.facts.tenant == plan_.caller.tenant);
}

void BatchResults::take_batch(const Answer& answer) {
    if (answer.last()) asks_ = false;
    if (end_ || complete_) return;
    if (answer.kind == Answer::Kind::refused) return reply(to_reply(problem_of(answer.error)));
    if (!is_visible(answer))
        return reply(problem(Code::not_found, "there is no batch with this id"));
    end_ = items_of(answer);
    if (end_) return begin_stream(*plan_.batch);
    if (answer.kind == Answer::Kind::draining) return reply(to_reply(wait_over_problem(answer)));
    if (answer.kind == Answer::Kind::finished)
        reply(problem(Code::conflict, "the batch ended without being whole"));
}

void BatchResults::finish_if_over() {
    if (complete_ || !end_ || !items_.empty()) return;
    if (draining_) {
        return tell_failure(problem_of(
            {Code::shutting_down, Retry::safe, "the server is shutting down; ask again", 1}
        ));
    }
    if (next_ >= *end_) tell_summary();
}

}  // namespace

std::unique_ptr<Batch> make_batch_results(
    const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan
) {
    return std::make_unique<BatchResults>(rules, engine, plan);
}

}  // namespace bide::service
