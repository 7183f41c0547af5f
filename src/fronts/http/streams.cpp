// A wait told as it goes, as Server-Sent Events.
#include "fronts/http/connection.hpp"

#include <optional>
#include <utility>
#include <variant>

namespace bide::fronts::http {

using core::Answer;
using runtime::Task;

Task<Connection::Next> Connection::stream_submission() {
    auto& plan = std::get<service::SubmitPlan>(*plan_);
    shard_.open_mailbox(*session_);
    session_->waiter = shard_.expect(session_);
    shard_.parts().engine.submit(make_submit(session_->waiter));
    std::optional<Answer> first = co_await next_answer();
    if (first && !contract().opens_stream(plan.caller, *first)) {
        shard_.close_mailbox(*session_);
        co_return co_await send(contract().answer(plan, *first, now()));
    }
    const Next next = co_await stream(plan.caller, plan.wait, std::move(first));
    shard_.close_mailbox(*session_);
    co_return next;
}

Task<Connection::Next> Connection::stream_question() {
    auto& plan = std::get<service::AskPlan>(*plan_);
    shard_.open_mailbox(*session_);
    session_->waiter = shard_.expect(session_);
    contract().begin(engine(), plan, session_->waiter, now());
    std::optional<Answer> first = co_await next_answer();
    if (first && !contract().opens_stream(plan.caller, *first)) {
        shard_.close_mailbox(*session_);
        co_return co_await send(contract().answer(plan, *first, now()));
    }
    const Next next = co_await stream(plan.caller, plan.wait, std::move(first));
    shard_.close_mailbox(*session_);
    co_return next;
}

/// From the first answer to the last. A client that does not read gets the latest news when it
/// reads again, or loses its connection when one piece takes too long.
Task<Connection::Next> Connection::stream(
    service::Caller caller, service::WaitPlan wait, std::optional<Answer> answer
) {
    std::string opening;
    if (answer) {
        begin_stream(contract().stream_head(caller, *answer));
        opening = contract().stream_opening(*answer);
    }
    while (!session_->mailbox->departed) {
        std::string text = std::exchange(opening, {});
        text += answer ? contract().event_text(wait, *answer, now())
                       : std::string(service::Contract::kHeartbeat);
        const bool sent = co_await send_piece(std::move(text));
        if (!sent) break;
        if (answer && answer->last()) {
            const bool ended = co_await end_stream();
            co_return ended&& keep_alive_ ? Next::request : Next::close;
        }
        session_->mailbox->beat_at = now() + contract().rules().heartbeat;
        answer = co_await next_answer();
    }
    shard_.leave(session_->waiter);
    co_return Next::close;
}

/// Empty when the client is gone, or when it is time for a heartbeat.
Task<std::optional<Answer>> Connection::next_answer() {
    co_await shard_.mail(session_);
    Mailbox& mailbox = *session_->mailbox;
    if (mailbox.departed || mailbox.answers.empty()) co_return std::nullopt;
    std::optional<Answer> answer(std::move(mailbox.answers.front()));
    mailbox.answers.pop_front();
    co_return answer;
}

}  // namespace bide::fronts::http
