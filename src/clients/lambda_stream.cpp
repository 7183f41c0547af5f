#include "clients/lambda_stream.hpp"

#include "clients/lambda_answers.hpp"
#include "runtime/http_parser.hpp"

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace bide::clients {
namespace {

namespace net = runtime::net;

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;
using runtime::tcp;

/// What parts the prelude from the body.
constexpr std::size_t kNuls = 8;

std::string chunk_head(std::size_t size) {
    std::array<char, 16> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
    return std::string(digits.data(), end) + "\r\n";
}

std::string head_of(const runtime::HttpUrl& url) {
    return "POST " + url.target + " HTTP/1.1\r\nHost: " + url.authority +
           "\r\nConnection: close\r\n"
           "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
           "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
           "Transfer-Encoding: chunked\r\n"
           "Trailer: Lambda-Runtime-Function-Error-Type\r\n"
           "Trailer: Lambda-Runtime-Function-Error-Body\r\n\r\n";
}

}  // namespace

/// What the watch may outlive.
struct LambdaStream::Link : std::enable_shared_from_this<Link> {
    explicit Link(const runtime::Executor& executor) : socket(executor), watch(executor) {}

    /// The call under way ends with an error when it takes longer.
    void limit(Duration span) {
        watch.expires_after(span);
        watch.async_wait([weak = weak_from_this()](const error_code& error) {
            const auto self = weak.lock();
            if (error || !self) return;
            self->late = true;
            self->end();
        });
    }
    void end() {
        watch.cancel();
        error_code ignored;
        socket.close(ignored);
    }

    runtime::Socket socket;
    runtime::Timer watch;
    boost::beast::flat_buffer received;
    bool late = false;
    bool answered = false;
};

LambdaStream::LambdaStream(const runtime::Executor& executor, LambdaStreamTimes times)
    : times_(times), link_(std::make_shared<Link>(executor)) {}

LambdaStream::~LambdaStream() {
    link_->end();
}

Error LambdaStream::trouble(const std::string& what) const {
    return lambda_trouble("a streamed response: " + (link_->late ? "no answer in time" : what));
}

Task<Result<void>> LambdaStream::connect(runtime::HttpUrl url) {
    link_->limit(times_.connect);
    error_code error;
    tcp::endpoint endpoint(net::ip::make_address(url.host, error), url.port);
    if (error) {
        net::ip::basic_resolver<tcp, runtime::Executor> resolver(link_->socket.get_executor());
        const auto [failed, found] =
            co_await resolver.async_resolve(url.host, std::to_string(url.port), kTuple);
        if (failed) co_return trouble("cannot look " + url.host + " up: " + failed.message());
        endpoint = found.begin()->endpoint();
    }
    std::tie(error) = co_await link_->socket.async_connect(endpoint, kTuple);
    if (error || link_->late) co_return trouble("cannot connect: " + error.message());
    link_->socket.set_option(tcp::no_delay(true), error);
    co_return success();
}

Task<Result<void>> LambdaStream::send(std::string bytes) {
    link_->limit(times_.pause);
    const auto [error, count] =
        co_await net::async_write(link_->socket, net::buffer(bytes), kTuple);
    link_->watch.cancel();
    if (!error) co_return success();
    Result<void> broken = trouble("the connection broke: " + error.message());
    // Lambda may have said why before.
    link_->limit(times_.answer);
    Result<void> answer = co_await read_answer();
    link_->end();
    co_return link_->answered&& answer.has_error() ? answer : broken;
}

Task<Result<void>> LambdaStream::open(runtime::HttpUrl url, std::string prelude) {
    std::string bytes = head_of(url);
    BIDE_CO_TRY(co_await connect(std::move(url)));
    bytes += chunk_head(prelude.size() + kNuls);
    bytes += prelude;
    bytes.append(kNuls, '\0');
    bytes += "\r\n";
    begun_ = true;
    co_return co_await send(std::move(bytes));
}

Task<Result<void>> LambdaStream::write(std::string_view piece) {
    std::string bytes = chunk_head(piece.size());
    bytes += piece;
    bytes += "\r\n";
    co_return co_await send(std::move(bytes));
}

Task<Result<void>> LambdaStream::close(std::string trailers) {
    BIDE_CO_TRY(co_await send("0\r\n" + std::move(trailers) + "\r\n"));
    link_->limit(times_.answer);
    const Result<void> answer = co_await read_answer();
    link_->end();
    co_return answer;
}

Task<Result<void>> LambdaStream::read_answer() {
    auto& buffer = link_->received;
    std::optional<runtime::HttpResponseParser> parser;
    for (;;) {
        if (!parser || (parser->is_done() && parser->is_interim()))
            parser.emplace(kLambdaHeadMax, kLambdaTextMax);
        error_code error;
        while (buffer.size() > 0 && !parser->is_done() && !error)
            buffer.consume(parser->put(buffer.data(), error));
        const bool wrong = error && error != boost::beast::http::error::need_more;
        if (wrong || buffer.size() > kLambdaHeadMax)
            co_return trouble("the answer is no HTTP: " + error.message());
        if (parser->is_done() && parser->is_interim()) continue;
        if (parser->is_done()) {
            link_->answered = true;
            co_return understand_lambda(parser->status, parser->body);
        }
        const auto room = buffer.prepare(4096);
        const auto [failed, got] = co_await link_->socket.async_read_some(room, kTuple);
        buffer.commit(got);
        if (!failed) continue;
        // A body without a length ends with the connection.
        if (failed == net::error::eof && parser->got_some()) parser->put_eof(error);
        if (!parser->is_done()) co_return trouble("no answer: " + failed.message());
    }
}

}  // namespace bide::clients
