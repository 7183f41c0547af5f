#pragma once

#include "fronts/lambda/front.hpp"
#include "wire/lambda_http.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bide::fronts::lambda {

/// One request from its event to its answer. Lives in the frame of Front::invoke().
class Exchange {
  public:
    /// `deadline`: of the invocation.
    Exchange(Front& front, wire::LambdaRequest request, clients::LambdaAnswer& out, Time deadline);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    runtime::Task<void> run();

    /// What the engine says to it.
    void put(core::Answer&& answer);
    void wake() { alarm_.cancel(); }

  private:
    using MaybeAnswer = std::optional<core::Answer>;

    // exchange.cpp: from the request to the engine, and the wait
    service::Plan understand(const wire::RequestHead& head);
    service::Plan plan_within(const wire::RequestHead& head, Duration silent_wait_max) const;
    runtime::Task<void> submit(service::SubmitPlan plan);
    runtime::Task<void> ask(service::AskPlan plan);
    /// The first answer, or the one there is: events are told from it on.
    runtime::Task<MaybeAnswer> first_answer(bool follows);
    runtime::Task<MaybeAnswer> next_answer(Time until);
    runtime::Task<MaybeAnswer> wait_silently();
    void begin_wait();
    void end_wait();
    /// Nothing more is waited for; the engine is told.
    wire::Reply give_up();
    Time silence_end() const { return std::min(idle_end_, wait_end_); }
    void be_patient(Duration wait);

    // answers.cpp: what is sent
    runtime::Task<void> refuse(Error error);
    /// `about`: the job whose result it is, if it is one's.
    runtime::Task<void> send(wire::Reply reply, MaybeAnswer about);
    runtime::Task<void> send_whole(wire::Reply reply, MaybeAnswer about);
    runtime::Task<void> send_streamed(wire::Reply reply);
    runtime::Task<void> send_dripped(wire::Reply reply, MaybeAnswer about);
    wire::Reply too_large(const MaybeAnswer& about, std::uint64_t size) const;
    runtime::Task<bool> drip();
    runtime::Task<void> stream(service::WaitPlan wait, core::Answer first);
    runtime::Task<void> stream_live(service::WaitPlan wait, core::Answer first);
    runtime::Task<void> collect(service::WaitPlan wait, core::Answer first);
    runtime::Task<bool> open(wire::Reply head);
    runtime::Task<bool> write(std::string_view piece);
    runtime::Task<bool> write_file(std::shared_ptr<BodyFile> file, wire::ByteRange range);
    runtime::Task<void> close();

    const Options& options() const { return front_.options(); }
    const service::Contract& contract() const { return front_.parts().contract; }
    ports::Engine& engine() const { return front_.parts().engine; }
    Time now() const { return front_.parts().clock.now(); }

    Front& front_;
    wire::LambdaRequest request_;
    clients::LambdaAnswer& out_;
    Time began_;
    Time idle_end_;  ///< of silence
    Time wait_end_;  ///< of any wait: the margin before the deadline
    Time end_;       ///< of patience with the engine, in this wait
    service::Caller caller_;
    bool head_only_ = false;
    bool drips_ = false;  ///< white space may come before the result
    bool begun_ = false;  ///< it has
    bool lost_ = false;   ///< Lambda did not take something: nothing more can be sent
    core::WaiterId waiter_ = 0;
    std::deque<core::Answer> mail_;
    runtime::Timer alarm_;
};

}  // namespace bide::fronts::lambda
