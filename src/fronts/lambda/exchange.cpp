#include "fronts/lambda/exchange.hpp"

#include "service/problem.hpp"
#include "wire/text.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace bide::fronts::lambda {

using core::Answer;
using runtime::kTuple;
using runtime::Task;

namespace {

/// No timer runs longer; who waits looks again.
constexpr Duration kAlarmMax = std::chrono::hours(1);

/// Whether Accept lets the answer be JSON.
bool accepts_json(const wire::RequestHead& head) {
    const std::string accept = head.joined("accept");
    std::string_view rest = accept;
    if (wire::trim(rest).empty()) return true;
    while (!rest.empty()) {
        std::string_view range = wire::cut_at(rest, ',');
        const std::string_view type = wire::trim(wire::cut_at(range, ';'));
        const bool json = type == "*/*" || wire::equal_fold(type, "application/*") ||
                          wire::equal_fold(type, "application/json");
        const bool refused = range.find("q=0") != std::string_view::npos &&
                             range.find("q=0.") == std::string_view::npos;
        if (json && !refused) return true;
    }
    return false;
}

const service::WaitPlan* wait_of(const service::Plan& plan) {
    if (const auto* submission = std::get_if<service::SubmitPlan>(&plan)) return &submission->wait;
    const auto* question = std::get_if<service::AskPlan>(&plan);
    const bool waits = question != nullptr && question->what == service::AskPlan::What::result;
    return waits ? &question->wait : nullptr;
}

}  // namespace

Exchange::Exchange(
    Front& front, wire::LambdaRequest request, clients::LambdaAnswer& out, Time deadline
)
    : front_(front),
      request_(std::move(request)),
      out_(out),
      began_(now()),
      idle_end_(began_ + options().idle_limit),
      wait_end_(deadline - options().margin),
      end_(wait_end_),
      head_only_(request_.method == "HEAD"),
      alarm_(front.executor()) {}

Exchange::~Exchange() {
    end_wait();
}

void Exchange::put(Answer&& answer) {
    // Of news the latest is enough.
    const bool news = answer.kind == Answer::Kind::news;
    if (news && !mail_.empty() && mail_.back().kind == Answer::Kind::news) mail_.pop_back();
    mail_.push_back(std::move(answer));
    wake();
}

void Exchange::begin_wait() {
    end_wait();
    waiter_ = front_.expect(*this);
}

void Exchange::end_wait() {
    if (waiter_ != 0) front_.forget(std::exchange(waiter_, 0));
}

service::Plan Exchange::plan_within(const wire::RequestHead& head, Duration silent_wait_max) const {
    const Time stream_end = options().streaming ? wait_end_ : silence_end();
    service::Surroundings around;
    around.now = began_;  // what has passed since is not to make a whole second less of a wait
    around.connections = front_.waiting() + 1;
    around.silent_wait_max = std::max(silent_wait_max, Duration(0));
    around.stream_wait_max = std::max(stream_end - began_, Duration(0));
    return contract().understand(head, around);
}

/// Only who leaves it to the server what becomes of a wait that is over can be sent white space: a
/// 202 or 303 is a status, and that has gone by then.
service::Plan Exchange::understand(const wire::RequestHead& head) {
    const Duration silent = silence_end() - began_;
    if (options().streaming && options().whitespace && !head_only_ && accepts_json(head)) {
        service::Plan plan = plan_within(head, wait_end_ - began_);
        const service::WaitPlan* wait = wait_of(plan);
        drips_ = wait != nullptr && !wait->stream && wait->wait > silent &&
                 wait->at_limit == wire::AtLimit::timeout;
        if (drips_) return plan;
    }
    return plan_within(head, silent);
}

Task<void> Exchange::run() {
    const std::vector<wire::Field> views = request_.views();
    const wire::RequestHead head{request_.method, request_.target, views};
    service::Plan plan;
    if (request_.refusal)
        plan = service::to_reply(service::problem_of(*request_.refusal));
    else
        plan = understand(head);
    if (auto* submission = std::get_if<service::SubmitPlan>(&plan)) {
        caller_ = submission->caller;
        co_await submit(std::move(*submission));
    } else if (auto* question = std::get_if<service::AskPlan>(&plan)) {
        caller_ = question->caller;
        co_await ask(std::move(*question));
    } else if (auto* batch = std::get_if<service::BatchPlan>(&plan)) {
        caller_ = batch->caller;
        Error error{
            Code::not_implemented,
            Retry::never,
            "batches are not offered by a Lambda function: no process would stay to do them"};
        co_await refuse(std::move(error));
    } else {
        MaybeAnswer nobody;
        co_await send(std::move(std::get<wire::Reply>(plan)), std::move(nobody));
    }
}

Task<void> Exchange::submit(service::SubmitPlan plan) {
    const std::uint64_t most = contract().rules().body_bytes_max;
    if (request_.body.size() > most) {
        Error error{
            Code::too_large,
            Retry::never,
            "the body is larger than the limit of " + std::to_string(most) + " bytes"};
        co_await refuse(std::move(error));
        co_return;
    }
    // Nobody would notice that the client is gone.
    plan.wait.on_leave = core::OnLeave::go_on;
    auto maker = contract().fingerprint_maker(plan);
    core::Fingerprint fingerprint{};
    if (maker) {
        maker->update(request_.body);
        fingerprint = maker->finish();
    }
    Body body;
    body.bytes = std::move(request_.body);
    begin_wait();
    be_patient(plan.wait.wait);
    const ports::NewId id = engine().make_id();
    engine().submit(contract().make_submit(plan, std::move(body), fingerprint, id, waiter_, now()));
    MaybeAnswer first = co_await first_answer(plan.wait.stream);
    if (first && plan.wait.stream && contract().opens_stream(caller_, *first)) {
        co_await stream(std::move(plan.wait), std::move(*first));
        co_return;
    }
    wire::Reply reply = first ? contract().answer(plan, *first, now()) : give_up();
    co_await send(std::move(reply), std::move(first));
}

Task<void> Exchange::ask(service::AskPlan plan) {
    if (head_only_) plan.wait.stream = false;
    plan.wait.on_leave = core::OnLeave::go_on;
    if (!plan.wait.stream && !drips_) {
        const Duration most = std::max(silence_end() - now(), Duration(0));
        plan.wait.wait = std::min(plan.wait.wait, most);
    }
    be_patient(plan.wait.wait);
    MaybeAnswer first;
    do {
        begin_wait();
        contract().begin(engine(), plan, waiter_, now());
        first = co_await first_answer(plan.wait.stream);
    } while (first && contract().next_step(plan, *first));
    if (first && plan.wait.stream && contract().opens_stream(caller_, *first)) {
        co_await stream(std::move(plan.wait), std::move(*first));
        co_return;
    }
    wire::Reply reply = first ? contract().answer(plan, *first, now()) : give_up();
    co_await send(std::move(reply), std::move(first));
}

/// The engine answers at the end of a wait; that takes it some time, to make a job's id durable as
/// much as to begin with.
void Exchange::be_patient(Duration wait) {
    end_ = std::max(now() + wait, silence_end()) + options().margin * 4 / 5;
}

wire::Reply Exchange::give_up() {
    engine().leave(waiter_);
    return contract().refuse(
        caller_,
        {Code::store_failed,
         Retry::unsafe,
         "there was no answer of the queue or the store in time; the job may have been accepted"}
    );
}

Task<Exchange::MaybeAnswer> Exchange::first_answer(bool follows) {
    return follows ? next_answer(end_) : wait_silently();
}

/// Empty when there is none by then.
Task<Exchange::MaybeAnswer> Exchange::next_answer(Time until) {
    while (mail_.empty() && now() < until) {
        alarm_.expires_after(std::min(until - now(), kAlarmMax));
        co_await alarm_.async_wait(kTuple);
    }
    if (mail_.empty()) co_return std::nullopt;
    MaybeAnswer answer(std::move(mail_.front()));
    mail_.pop_front();
    co_return answer;
}

/// Without a word up to idle_limit, and then, if it may be, with white space.
Task<Exchange::MaybeAnswer> Exchange::wait_silently() {
    Time next = drips_ ? idle_end_ : end_;
    while (true) {
        MaybeAnswer answer = co_await next_answer(std::min(next, end_));
        if (answer || now() >= end_) co_return answer;
        const bool taken = co_await drip();
        if (!taken) co_return std::nullopt;
        next = now() + options().whitespace_pause;
    }
}

}  // namespace bide::fronts::lambda
