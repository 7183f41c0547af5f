// The HTTP limit: a Beast server that parses a POST and sends its body back, one thread, typed
// executor, plain socket, no store, no timers. Beside it bide's own cost can be seen.
//
//     bare_echo PORT
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

namespace net = boost::asio;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;
using Executor = net::io_context::executor_type;
using Socket = net::basic_stream_socket<tcp, Executor>;
constexpr auto kTuple = net::as_tuple(net::use_awaitable_t<Executor>{});

namespace {

net::awaitable<void, Executor> serve(Socket socket) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request<http::string_body> request;
        auto [read_error, got] = co_await http::async_read(socket, buffer, request, kTuple);
        if (read_error) co_return;
        http::response<http::string_body> response(http::status::ok, request.version());
        response.keep_alive(request.keep_alive());
        response.body() = std::move(request.body());
        response.prepare_payload();
        auto [write_error, sent] = co_await http::async_write(socket, response, kTuple);
        if (write_error || !response.keep_alive()) co_return;
    }
}

net::awaitable<void, Executor> accept(net::basic_socket_acceptor<tcp, Executor>& acceptor) {
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(kTuple);
        if (error) continue;
        socket.set_option(tcp::no_delay(true));
        net::co_spawn(acceptor.get_executor(), serve(std::move(socket)), [](std::exception_ptr) {});
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    net::io_context io(1);
    net::basic_socket_acceptor<tcp, Executor> acceptor(
        io.get_executor(), tcp::endpoint(net::ip::address_v4::loopback(), port)
    );
    std::printf("listening on http://127.0.0.1:%u\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    net::co_spawn(io, accept(acceptor), [](std::exception_ptr) {});
    io.run();
}
