// The HTTP limit: a Beast server that parses a POST and sends its body back. One thread, plain
// callbacks on a plain socket with a typed executor, no store, no timers: the quickest of the forms
// that were tried. Beside it bide's own cost can be seen.
//
//     bare_echo [PORT]
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

namespace net = boost::asio;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;
using Executor = net::io_context::executor_type;
using Socket = net::basic_stream_socket<tcp, Executor>;
using Acceptor = net::basic_socket_acceptor<tcp, Executor>;
using boost::system::error_code;

namespace {

class Session : public std::enable_shared_from_this<Session> {
  public:
    explicit Session(Socket socket) : socket_(std::move(socket)) {}

    void read() {
        request_ = {};
        http::async_read(
            socket_,
            buffer_,
            request_,
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error) self->answer();
            }
        );
    }

  private:
    void answer() {
        response_.emplace(http::status::ok, request_.version());
        response_->keep_alive(request_.keep_alive());
        response_->body() = std::move(request_.body());
        response_->prepare_payload();
        http::async_write(
            socket_,
            *response_,
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error && self->response_->keep_alive()) self->read();
            }
        );
    }

    Socket socket_;
    boost::beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    std::optional<http::response<http::string_body>> response_;
};

void accept(Acceptor& acceptor) {
    acceptor.async_accept([&acceptor](error_code error, Socket socket) {
        if (!error) {
            socket.set_option(tcp::no_delay(true));
            std::make_shared<Session>(std::move(socket))->read();
        }
        accept(acceptor);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    net::io_context io(1);
    Acceptor acceptor(io.get_executor(), tcp::endpoint(net::ip::address_v4::loopback(), port));
    std::printf("listening on http://127.0.0.1:%u\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    accept(acceptor);
    io.run();
}
