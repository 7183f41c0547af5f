// What an exchange sends: whole, as a stream, or behind white space.
#include "fronts/lambda/exchange.hpp"
#include "runtime/descriptor.hpp"
#include "wire/message.hpp"
#include "wire/text.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace bide::fronts::lambda {

using core::Answer;
using runtime::Task;

namespace {

/// A piece of a file on its way from disk to Lambda.
constexpr std::size_t kPiece = 256 * 1024;

/// What is told to be a part that passes: in base64, with its headers, it stays below the limit.
constexpr std::uint64_t kPart = 4 << 20;
constexpr std::uint64_t kLoadBalancerPart = 512 << 10;

constexpr std::string_view kSpace = " ";

/// The value of the first header of this name.
std::string_view header_of(const wire::Reply& reply, std::string_view name) {
    std::string_view rest = reply.headers.lines();
    while (!rest.empty()) {
        std::string_view line = wire::cut_at(rest, '\n');
        const std::string_view found = wire::cut_at(line, ':');
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (wire::equal_fold(found, name)) return wire::trim(line);
    }
    return {};
}

bool is_json(std::string_view type) {
    type = wire::trim(wire::cut_at(type, ';'));
    return wire::equal_fold(type, "application/json") || type.ends_with("+json");
}

bool is_problem(std::string_view type) {
    return wire::equal_fold(wire::trim(wire::cut_at(type, ';')), "application/problem+json");
}

wire::ByteRange range_of(const wire::Reply& reply) {
    return reply.range.value_or(wire::ByteRange{0, reply.body.size()});
}

/// Of a body in memory, what is sent.
std::string_view bytes_of(const wire::Reply& reply) {
    const wire::ByteRange range = range_of(reply);
    return std::string_view(reply.body.bytes)
        .substr(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.length));
}

/// Some of a file; empty: it cannot be read.
std::string read_some(const BodyFile& file, wire::ByteRange part) {
    auto opened = runtime::open_for_reading(file.path());
    std::string bytes(static_cast<std::size_t>(part.length), '\0');
    std::size_t done = 0;
    while (opened.has_value() && done < bytes.size()) {
        const ssize_t got = ::pread(
            opened.value().get(),
            bytes.data() + done,
            bytes.size() - done,
            static_cast<off_t>(part.offset + done)
        );
        if (got <= 0) return {};
        done += static_cast<std::size_t>(got);
    }
    if (done < bytes.size()) return {};
    return bytes;
}

Error unreadable() {
    return {Code::store_failed, Retry::unsafe, "the result is stored, and cannot be read here"};
}

Task<std::string> read_part(
    runtime::BlockingPool& pool, std::shared_ptr<BodyFile> file, wire::ByteRange part
) {
    const auto read = [file = std::move(file), part] { return read_some(*file, part); };
    co_return co_await runtime::on_pool(pool, read);
}

}  // namespace

Task<void> Exchange::refuse(Error error) {
    MaybeAnswer nobody;
    wire::Reply reply = contract().refuse(caller_, error);
    co_await send(std::move(reply), std::move(nobody));
}

/// No coroutine, so no frame.
Task<void> Exchange::send(wire::Reply reply, MaybeAnswer about) {
    end_wait();
    if (begun_) return send_dripped(std::move(reply), std::move(about));
    if (options().streaming) return send_streamed(std::move(reply));
    return send_whole(std::move(reply), std::move(about));
}

wire::Reply Exchange::too_large(const MaybeAnswer& about, std::uint64_t size) const {
    const bool balanced = request_.entry == wire::LambdaEntry::load_balancer;
    const std::string what = std::to_string(size) + " bytes, more than an answer may have here";
    if (!about || about->kind != Answer::Kind::finished)
        return contract().refuse(caller_, {Code::internal, Retry::never, "the page has " + what});
    return contract().not_carried(
        caller_,
        *about,
        "the result has " + what + "; GET /jobs/" + to_string(about->facts.id) +
            "/result gives it in parts, with Range: bytes=0-" +
            std::to_string((balanced ? kLoadBalancerPart : kPart) - 1)
    );
}

Task<void> Exchange::send_whole(wire::Reply reply, MaybeAnswer about) {
    const std::size_t most = wire::lambda_answer_max(request_.entry);
    const bool bodiless = head_only_ || wire::is_bodiless(reply.status);
    const std::uint64_t size = reply.content_length();
    bool fits = bodiless || size <= most;
    if (!bodiless && fits && reply.body.file) {
        const wire::ByteRange range = range_of(reply);
        std::string bytes =
            co_await read_part(front_.parts().pool, std::move(reply.body.file), range);
        if (bytes.size() == size)
            reply.body.bytes = std::move(bytes);
        else
            reply = contract().refuse(caller_, unreadable());
        reply.range.reset();
    }
    std::string text;
    if (fits) {
        text = wire::write_lambda_answer(
            request_, reply, bodiless ? std::string_view() : bytes_of(reply)
        );
        fits = text.size() <= most;
    }
    if (!fits) {
        const wire::Reply instead = too_large(about, size);
        text = wire::write_lambda_answer(
            request_, instead, head_only_ ? std::string_view() : bytes_of(instead)
        );
    }
    const auto told = co_await out_.respond(std::move(text));
    static_cast<void>(told);  // the runtime has said so
}

Task<void> Exchange::send_streamed(wire::Reply reply) {
    const bool bodiless = head_only_ || wire::is_bodiless(reply.status);
    const wire::ByteRange range = range_of(reply);
    Body body = std::move(reply.body);
    const bool opened = co_await open(std::move(reply));
    if (!opened) co_return;
    bool whole = true;
    if (!bodiless && body.file) {
        whole = co_await write_file(std::move(body.file), range);
    } else if (!bodiless) {
        const std::string_view bytes(body.bytes);
        whole = co_await write(bytes.substr(
            static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.length)
        ));
    }
    if (whole) co_await close();
}

/// The status is committed, and it was 200.
Task<bool> Exchange::drip() {
    if (begun_) {
        const bool taken = co_await write(kSpace);
        co_return taken;
    }
    wire::Reply head = contract().begin_json(caller_);
    begun_ = co_await open(std::move(head));
    if (!begun_) co_return false;
    const bool taken = co_await write(kSpace);
    co_return taken;
}

/// What is not JSON, or says something by its status, is told in a document that does.
Task<void> Exchange::send_dripped(wire::Reply reply, MaybeAnswer about) {
    const std::string type(header_of(reply, "content-type"));
    const bool tells = is_problem(type) || (is_json(type) && reply.status == 200);
    if (!tells && about) {
        reply = contract().not_carried(
            caller_,
            *about,
            "the result has the status " + std::to_string(reply.status) + " and the type " + type +
                ", and the answer had begun as JSON before; it is at /jobs/" +
                to_string(about->facts.id) + "/result"
        );
    }
    bool whole = true;
    if (reply.body.file) {
        whole = co_await write_file(reply.body.file, range_of(reply));
    } else {
        whole = co_await write(bytes_of(reply));
    }
    if (whole) co_await close();
}

// --- events ------------------------------------------------------------------------------------

Task<void> Exchange::stream(service::WaitPlan wait, Answer first) {
    if (options().streaming) return stream_live(std::move(wait), std::move(first));
    return collect(std::move(wait), std::move(first));
}

Task<void> Exchange::stream_live(service::WaitPlan wait, Answer first) {
    wire::Reply head = contract().stream_head(caller_, first);
    bool taken = co_await open(std::move(head));
    std::string text = contract().stream_opening(first);
    MaybeAnswer answer(std::move(first));
    while (taken) {
        text += answer ? contract().event_text(wait, *answer, now())
                       : std::string(service::Contract::kHeartbeat);
        taken = co_await write(text);
        text.clear();
        // At the end without a last word from the engine the client comes again.
        if (!taken || now() >= end_ || (answer && answer->last())) break;
        answer = co_await next_answer(std::min(now() + contract().rules().heartbeat, end_));
    }
    if (waiter_ != 0 && !(answer && answer->last())) engine().leave(waiter_);
    end_wait();
    if (taken) co_await close();
}

/// All that happened, when it has: an EventSource takes it for a stream that ended, and comes again
/// for the rest.
Task<void> Exchange::collect(service::WaitPlan wait, Answer first) {
    wire::Reply reply = contract().stream_head(caller_, first);
    std::string text = contract().stream_opening(first);
    MaybeAnswer answer(std::move(first));
    MaybeAnswer about = answer;
    std::string news;
    while (answer) {
        std::string event = contract().event_text(wait, *answer, now());
        about = answer;
        if (answer->kind == Answer::Kind::news && answer->what == Answer::News::progress) {
            news = std::move(event);  // only the latest
        } else {
            text += std::exchange(news, {}) + event;
        }
        if (answer->last()) break;
        answer = co_await next_answer(end_);
    }
    if (!answer) engine().leave(waiter_);
    reply.body.bytes = std::move(text) + news;
    co_await send(std::move(reply), std::move(about));
}

// --- pieces ------------------------------------------------------------------------------------

/// False when Lambda does not take it; then there is nobody to tell.
Task<bool> Exchange::open(wire::Reply head) {
    if (lost_) co_return false;
    auto prelude = wire::write_lambda_prelude(request_, head);
    if (prelude.has_error()) {
        const wire::Reply instead = contract().refuse(caller_, prelude.error());
        prelude = wire::write_lambda_prelude(request_, instead);
        if (prelude.has_error()) co_return false;
        const auto opened = co_await out_.open(std::move(prelude.value()));
        lost_ = opened.has_error();
        const bool taken = co_await write(instead.body.bytes);
        if (taken) co_await close();
        lost_ = true;
        co_return false;
    }
    const auto opened = co_await out_.open(std::move(prelude.value()));
    lost_ = opened.has_error();
    co_return !lost_;
}

Task<bool> Exchange::write(std::string_view piece) {
    if (lost_) co_return false;
    if (piece.empty()) co_return true;
    const auto taken = co_await out_.write(piece);
    lost_ = taken.has_error();
    co_return !lost_;
}

/// Cut short when the file cannot be read, which the caller sees.
Task<bool> Exchange::write_file(std::shared_ptr<BodyFile> file, wire::ByteRange range) {
    while (range.length > 0) {
        const wire::ByteRange part{range.offset, std::min<std::uint64_t>(kPiece, range.length)};
        const std::string piece = co_await read_part(front_.parts().pool, file, part);
        if (piece.empty()) {
            const auto told =
                co_await out_.break_off("Function.ResultLost", "the result cannot be read");
            static_cast<void>(told);
            co_return false;
        }
        const bool taken = co_await write(piece);
        if (!taken) co_return false;
        range.offset += part.length;
        range.length -= part.length;
    }
    co_return true;
}

Task<void> Exchange::close() {
    const auto told = co_await out_.close();
    static_cast<void>(told);  // the runtime has said so
}

}  // namespace bide::fronts::lambda
