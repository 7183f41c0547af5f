// Many jobs in one exchange: lines go up and come down on the same connection at the same time.
#include "fronts/http/connection.hpp"
#include "service/batch.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace bide::fronts::http {

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;

namespace {

/// Read at once of an upload.
constexpr std::size_t kPiece = 16 * 1024;

}  // namespace

/// What the two sides of the exchange share. The one that writes owns it: it starts the one that
/// reads, and does not end before it.
struct Connection::Exchange {
    Exchange(std::unique_ptr<service::Batch> carried_out, const runtime::Executor& executor)
        : batch(std::move(carried_out)), room(executor, runtime::Timer::time_point::max()) {}

    std::unique_ptr<service::Batch> batch;
    runtime::Timer room;  ///< the reader waits on it while the batch takes no more; cancelled then
    bool started = false;
    bool reading = false;
    bool stop_reading = false;
    bool begun = false;            ///< the head of a stream is on its way
    std::optional<Error> failure;  ///< of the upload: it ended early, or was no HTTP
};

Task<Connection::Next> Connection::batch() {
    auto& plan = std::get<service::BatchPlan>(*plan_);
    auto exchange = std::make_shared<Exchange>(
        contract().start_batch(engine(), plan, now()), session_->socket.get_executor()
    );
    reader_.lift_body_limit();  // of the batch; each item has it
    shard_.open_mailbox(*session_);
    session_->waiter = shard_.new_waiter();  // names the exchange to who watches the client
    const Next next = co_await run_batch(exchange);
    for (const core::WaiterId waiter : exchange->batch->waiting()) shard_.leave(waiter);
    co_await end_upload(exchange);
    shard_.close_mailbox(*session_);
    reader_.drop();
    if (exchange->failure && !exchange->begun)
        co_return co_await refuse(contract().refuse(plan.caller, *exchange->failure));
    co_return next;
}

Task<Connection::Next> Connection::run_batch(std::shared_ptr<Exchange> exchange) {
    service::Batch& batch = *exchange->batch;
    for (;;) {
        begin_items(*exchange);
        if (auto head = batch.head()) {
            keep_alive_ = keep_alive_ && (reader_.body_is_done() || head->streams);
            if (!head->streams) {
                const Next next = co_await send(std::move(head->reply));
                co_return reader_.body_is_done() ? next : Next::linger;
            }
            begin_stream(head->reply);
            exchange->begun = true;
        }
        if (!exchange->started && batch.wants_upload()) {
            const bool invited = co_await invite_body();
            if (!invited) co_return Next::close;
            start_upload(exchange);
        }
        const bool told = co_await tell_batch(exchange);
        if (!told) co_return Next::close;
        if (exchange->begun && (batch.complete() || head_only_)) break;
        co_await shard_.mail(session_);
        Mailbox& mailbox = *session_->mailbox;
        if (mailbox.departed) co_return Next::close;
        if (exchange->failure) {
            if (!exchange->begun || Shard::client_is_gone(*session_)) co_return Next::close;
            batch.upload_failed(*exchange->failure);
        }
        while (!mailbox.answers.empty()) {
            batch.take(std::move(mailbox.answers.front()), now());
            mailbox.answers.pop_front();
        }
    }
    const bool ended = co_await end_stream();
    if (ended && !reader_.body_is_done()) co_return Next::linger;
    co_return ended&& keep_alive_ ? Next::request : Next::close;
}

/// A line that is refused takes the number of a wait and begins none.
void Connection::begin_items(Exchange& exchange) {
    std::vector<core::WaiterId> made;
    exchange.batch->begin(
        [this, &made] { return made.emplace_back(shard_.expect(session_)); }, now()
    );
    if (made.empty()) return;
    std::vector<core::WaiterId> begun = exchange.batch->waiting();
    std::sort(begun.begin(), begun.end());
    for (const core::WaiterId waiter : made) {
        if (!std::binary_search(begun.begin(), begun.end(), waiter)) shard_.forget(waiter);
    }
}

/// Sends what there is. The upload may go on meanwhile, by one piece: it is looked at only when the
/// client has taken this one, so a client that does not read is not read from.
Task<bool> Connection::tell_batch(std::shared_ptr<Exchange> exchange) {
    std::string text = exchange->batch->take_output();
    if (exchange->batch->wants_upload()) exchange->room.cancel();
    if (!exchange->begun || (text.empty() && head_.empty())) co_return true;
    co_return co_await send_piece(std::move(text));
}

// --- the upload -------------------------------------------------------------------------------

void Connection::start_upload(const std::shared_ptr<Exchange>& exchange) {
    exchange->started = exchange->reading = true;
    session_->mailbox->watchable = false;
    net::co_spawn(
        session_->socket.get_executor(),
        read_upload(exchange),
        [session = session_, exchange](const std::exception_ptr& thrown) {
            exchange->reading = false;
            if (thrown)
                exchange->failure = Error{Code::internal, Retry::unsafe, "the upload failed"};
            session->mailbox->watchable = true;
            Shard::ring(*session);
        }
    );
}

Task<void> Connection::read_upload(std::shared_ptr<Exchange> exchange) {
    std::string piece(kPiece, '\0');
    while (!exchange->stop_reading) {
        if (!exchange->batch->wants_upload()) {
            co_await exchange->room.async_wait(kTuple);
            continue;
        }
        auto got = co_await reader_.receive_some(net::buffer(piece), RequestReader::Pace::free);
        if (got.has_error()) {
            // The end cancels the reading: then all has been said.
            if (!exchange->stop_reading) exchange->failure = std::move(got.error());
            co_return;
        }
        if (got.value() == 0) {
            exchange->batch->upload_ended();
            co_return;
        }
        exchange->batch->upload({piece.data(), got.value()});
        Shard::ring(*session_);
    }
}

Task<void> Connection::end_upload(std::shared_ptr<Exchange> exchange) {
    exchange->stop_reading = true;
    while (exchange->reading) {
        error_code ignored;
        session_->socket.cancel(ignored);
        exchange->room.cancel();
        *session_->mailbox = Mailbox();
        co_await shard_.mail(session_);
    }
}

}  // namespace bide::fronts::http
