// POST /batches: lines in, jobs, lines out.
#include "service/batch_exchange.hpp"
#include "service/pages.hpp"
#include "wire/batch_line.hpp"
#include "wire/derived_id.hpp"
#include "wire/line_buffer.hpp"
#include "wire/sha256.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <utility>

namespace bide::service {
namespace {

using core::Answer;

constexpr std::size_t kLineMax = 16 << 20;
/// In the document of a batch that is not waited for: the first refusals, the rest as a number.
constexpr std::size_t kProblemsMax = 100;

bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

Error too_large(std::string detail) {
    return {Code::too_large, Retry::never, std::move(detail)};
}

class BatchUpload final : public BatchExchange {
  public:
    BatchUpload(const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan)
        : BatchExchange(rules, engine, plan), own_(engine.make_id()) {
        if (!plan.batch) batch_ = own_.id;
        if (plan.respond_async) return;
        begin_stream(batch_);
    }

    bool wants_upload() const override { return reading() && starved_ && has_room(); }
    void upload(std::string_view bytes) override {
        starved_ = false;
        if (reading()) lines_.append(bytes);
    }
    void upload_ended() override {
        starved_ = false;
        ended_ = true;
    }
    void upload_failed(const Error& error) override {
        if (failure_) return;
        Error told = error;
        if (counts_.items > 0) told.retry = Retry::unsafe;  // those before may have run
        failure_ = problem_of(told);
    }

    void begin(const std::function<core::WaiterId()>& new_waiter, Time now) override;
    void take(Answer&& answer, Time now) override;
    std::vector<core::WaiterId> waiting() const override {
        std::vector<core::WaiterId> waiters = BatchExchange::waiting();
        if (own_job_ == Own::begun) waiters.push_back(own_waiter_);
        return waiters;
    }

  private:
    bool reading() const { return !ended_ && !failure_; }
    std::optional<std::string_view> next_line();
    void begin_item(std::string_view line, core::WaiterId waiter, Time now);
    Result<core::QueueIndex> queue_of(const wire::BatchItem& item) const;
    void submit_item(wire::BatchItem&& item, Item&& about, core::WaiterId waiter, Time now);
    void submit_batch(core::WaiterId waiter, Time now);
    void refuse(Item&& item, const Error& error);
    void finish_if_over();
    void finish_async();

    const ports::NewId own_;
    JobId batch_ = plan_.batch.value_or(JobId{});
    wire::LineBuffer lines_{kLineMax};
    bool starved_ = true;             ///< no whole line is left
    bool ended_ = false;              ///< all of the upload is in lines_
    bool exhausted_ = false;          ///< and every line of it is with the engine, or refused
    std::optional<Problem> failure_;  ///< the upload goes no further
    std::uint64_t accepted_ = 0;
    boost::json::array problems_;
    // The batch's own job:
    enum class Own : std::uint8_t { no, begun, durable };
    Own own_job_ = Own::no;
    core::WaiterId own_waiter_ = 0;
    core::JobState own_state_ = core::JobState::ready;
};

std::optional<std::string_view> BatchUpload::next_line() {
    for (;;) {
        auto line = lines_.next();
        if (!line) {
            if (lines_.overflowed()) {
                failure_ = problem_of(too_large("a line of the batch is longer than 16 MiB"));
                return std::nullopt;
            }
            starved_ = true;
            if (!ended_ || exhausted_) return std::nullopt;
            exhausted_ = true;
            line = lines_.rest();  // the last line may lack its end
        }
        if (!is_blank(*line)) return line;
        if (exhausted_) return std::nullopt;
    }
}

void BatchUpload::begin(const std::function<core::WaiterId()>& new_waiter, Time now) {
    if (complete_) return;
    while (!failure_ && !draining_ && has_room()) {
        const auto line = next_line();
        if (!line) break;
        if (counts_.items == rules_.batch_items_max) {
            failure_ = problem_of(too_large(
                "a batch has at most " + std::to_string(rules_.batch_items_max) + " items"
            ));
            break;
        }
        begin_item(*line, new_waiter(), now);
    }
    if (draining_ && !failure_) {
        failure_ = problem_of(
            {Code::shutting_down,
             Retry::unsafe,
             "the server is shutting down; send the batch again with the same Idempotency-Key",
             1}
        );
    }
    const bool all_durable =
        std::ranges::all_of(items_, [](const auto& entry) { return entry.second.durable; });
    if (exhausted_ && !failure_ && all_durable && own_job_ == Own::no)
        submit_batch(new_waiter(), now);
    finish_if_over();
}

void BatchUpload::begin_item(std::string_view line, core::WaiterId waiter, Time now) {
    Item about;
    about.index = counts_.items++;
    about.id = wire::id_of_item(batch_, about.index);
    if (line.size() > kLineMax)
        return refuse(std::move(about), too_large("the line is longer than 16 MiB"));
    wire::BatchLine read = wire::parse_batch_line(line);
    about.ref = std::move(read.ref);
    if (read.item.has_error()) return refuse(std::move(about), read.item.error());
    submit_item(std::move(read.item.value()), std::move(about), waiter, now);
}

Result<core::QueueIndex> BatchUpload::queue_of(const wire::BatchItem& item) const {
    if (item.queue.empty() && plan_.queue) return *plan_.queue;
    for (std::size_t i = 0; i < rules_.queues.size(); ++i) {
        const std::string_view name = name_of(rules_, static_cast<core::QueueIndex>(i));
        if (!name.empty() && name == item.queue) return static_cast<core::QueueIndex>(i);
    }
    return Error{
        Code::not_found,
        Retry::never,
        item.queue.empty() ? "there is no default queue; name one in \"queue\""
                           : "there is no queue of this name"};
}

void BatchUpload::submit_item(
    wire::BatchItem&& item, Item&& about, core::WaiterId waiter, Time now
) {
    const auto queue = queue_of(item);
    if (queue.has_error()) return refuse(std::move(about), queue.error());
    if (item.body.size() > rules_.body_bytes_max)
        return refuse(std::move(about), too_large("the body is larger than the server takes"));
    wire::FingerprintMaker fingerprint(
        plan_.caller.tenant, rules_.queues.at(queue.value()).name, item.content_type
    );
    fingerprint.update(item.body);

    auto input = std::make_shared<core::JobInput>();
    input->id = about.id;
    input->sequence = engine_.make_id().sequence;
    input->queue = queue.value();
    input->created = now;
    input->content_type = std::move(item.content_type);
    input->body.bytes = std::move(item.body);
    input->traceparent = plan_.traceparent;
    input->tenant = plan_.caller.tenant;
    input->priority = item.priority;
    input->fingerprint = fingerprint.finish();
    about.bytes = input->body.size();

    core::event::Submit submit;
    submit.input = std::move(input);
    submit.wait = wait_for(add_waiting(waiter, std::move(about)), now);
    // The batch's own job may be submitted only when every item is durable: hence the following.
    if (plan_.respond_async)
        submit.wait.deadline = now;
    else
        submit.wait.follow = core::Follow::yes;
    submit.not_before = now + item.delay;
    submit.origin = core::IdOrigin::caller;
    engine_.submit(std::move(submit));
}

/// What makes the batch a batch: its handler (batch_handler.hpp) waits for the items.
void BatchUpload::submit_batch(core::WaiterId waiter, Time now) {
    auto input = std::make_shared<core::JobInput>();
    input->id = batch_;
    input->sequence = own_.sequence;
    input->queue = batch_queue(rules_).value();
    input->created = now;
    input->content_type = "application/json";
    input->body.bytes = R"({"items":)" + std::to_string(counts_.items) + '}';
    input->traceparent = plan_.traceparent;
    input->tenant = plan_.caller.tenant;
    if (plan_.batch) {
        wire::FingerprintMaker fingerprint(plan_.caller.tenant, kBatchQueue, input->content_type);
        fingerprint.update(input->body.bytes);
        input->fingerprint = fingerprint.finish();
    }
    core::event::Submit submit;
    submit.input = std::move(input);
    submit.wait.id = waiter;
    submit.wait.deadline = now;
    submit.not_before = now;
    submit.origin = plan_.batch ? core::IdOrigin::caller : core::IdOrigin::fresh;
    own_job_ = Own::begun;
    own_waiter_ = waiter;
    engine_.submit(std::move(submit));
}

void BatchUpload::refuse(Item&& item, const Error& error) {
    ++counts_.refused;
    if (!plan_.respond_async) return tell_problem(item, error);
    if (problems_.size() == kProblemsMax) return;
    boost::json::object told{{"index", item.index}};
    told["problem"] = service::to_json(problem_of(error));
    problems_.push_back(std::move(told));
}

void BatchUpload::take(Answer&& answer, Time) {
    if (own_job_ == Own::begun && answer.waiter == own_waiter_) {
        if (!answer.last()) return;
        own_job_ = Own::durable;
        own_state_ = answer.facts.state;
        if (answer.kind == Answer::Kind::refused) failure_ = problem_of(answer.error);
        return finish_if_over();
    }
    const auto found = items_.find(answer.waiter);
    if (found == items_.end()) return;
    if (!answer.last()) {
        found->second.durable = true;
        return;
    }
    Item item = take_waiting(found);
    if (!plan_.respond_async) {
        tell_end(item, answer);
    } else if (answer.kind == Answer::Kind::refused) {
        if (answer.error.code == Code::shutting_down) draining_ = true;
        refuse(std::move(item), answer.error);
    } else {
        ++accepted_;
    }
    finish_if_over();
}

void BatchUpload::finish_if_over() {
    if (complete_ || !items_.empty()) return;
    if (!failure_ && own_job_ != Own::durable) return;
    if (failure_ && own_job_ == Own::begun) return;
    if (plan_.respond_async) return finish_async();
    if (failure_) return tell_failure(*failure_);
    tell_summary();
}

void BatchUpload::finish_async() {
    if (failure_) return reply(to_reply(*failure_));
    const std::string page = batch_page_of(batch_);
    boost::json::object document{
        {"id", to_string(batch_)},
        {"items", counts_.items},
        {"accepted", accepted_},
        {"refused", counts_.refused},
        {"state", core::to_string(own_state_)},
        {"links", {{"self", page}, {"results", page + "/results"}}},
    };
    if (!problems_.empty()) document["problems"] = std::move(problems_);
    wire::Reply accepted = json_page(202, document);
    accepted.headers.add("Location", page);
    accepted.headers.add("Bide-Durability", engine_.durability());
    accepted.headers.add("Preference-Applied", plan_.applied);
    reply(std::move(accepted));
}

}  // namespace

std::unique_ptr<Batch> make_batch_upload(
    const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan
) {
    return std::make_unique<BatchUpload>(rules, engine, plan);
}

}  // namespace bide::service
