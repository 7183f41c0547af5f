#include "fronts/lambda/front.hpp"

#include "fronts/lambda/exchange.hpp"
#include "wire/lambda_event.hpp"
#include "wire/message.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace bide::fronts::lambda {

using runtime::Task;

namespace {

/// Who sent no trace of his own is part of Lambda's.
void join_trace(wire::LambdaRequest& request, const std::string& xray) {
    for (const auto& [name, value] : request.fields) {
        if (wire::equal_fold(name, "traceparent")) return;
    }
    std::string traceparent = wire::traceparent_of(xray);
    if (!traceparent.empty()) request.fields.emplace_back("traceparent", std::move(traceparent));
}

}  // namespace

Front::Front(Options options, Parts parts, runtime::Executor executor)
    : options_(options),
      parts_(parts),
      executor_(std::move(executor)),
      sink_number_(parts_.engine.add_sink(*this)) {}

Task<void> Front::invoke(clients::LambdaInvocation invocation, clients::LambdaAnswer& answer) {
    auto request = wire::read_lambda_request(invocation.payload);
    if (request.has_error()) {
        const auto told = co_await answer.fail("Function.BadEvent", request.error().detail);
        static_cast<void>(told);  // the runtime has said so
        co_return;
    }
    invocation.payload = {};
    join_trace(request.value(), invocation.trace);
    Exchange exchange(*this, std::move(request.value()), answer, invocation.deadline);
    co_await exchange.run();
}

core::WaiterId Front::expect(Exchange& exchange) {
    const core::WaiterId waiter = ports::make_waiter_id(sink_number_, ++next_waiter_);
    waiting_.emplace(waiter, &exchange);
    return waiter;
}

void Front::deliver(std::vector<core::Answer>&& answers) {
    runtime::net::post(executor_, [this, answers = std::move(answers)]() mutable {
        hand_out(std::move(answers));
    });
}

void Front::hand_out(std::vector<core::Answer>&& answers) {
    for (auto& answer : answers) {
        const auto found = waiting_.find(answer.waiter);
        if (found != waiting_.end()) found->second->put(std::move(answer));
    }
}

void Front::look_at_clock() {
    for (const auto& [waiter, exchange] : waiting_) exchange->wake();
}

}  // namespace bide::fronts::lambda
