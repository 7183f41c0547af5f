// The HTTP limit: a Beast server that parses a POST and sends its body back. One thread, plain
// callbacks on a plain socket with a typed executor, no store, no timers: the quickest of the forms
// that were tried. Beside it bide's own cost can be seen.
//
//     bare_echo [PORT]
#include "bare_server.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace http = boost::beast::http;
using bare::Socket;
using boost::system::error_code;

namespace {

class Session : public std::enable_shared_from_this<Session> {
  public:
    explicit Session(Socket socket) : socket_(std::move(socket)) {}

    void start() {
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
                if (!error && self->response_->keep_alive()) self->start();
            }
        );
    }

    Socket socket_;
    boost::beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    std::optional<http::response<http::string_body>> response_;
};

}  // namespace

int main(int argc, char** argv) {
    bare::serve<Session>(argc, argv);
}
