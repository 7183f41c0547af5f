#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

/// What the bare servers share: one thread, a loopback port that they say, a Session for each
/// connection.
namespace bare {

namespace net = boost::asio;
using tcp = net::ip::tcp;
using Executor = net::io_context::executor_type;
using Socket = net::basic_stream_socket<tcp, Executor>;
using Acceptor = net::basic_socket_acceptor<tcp, Executor>;

template <class Session>
void accept(Acceptor& acceptor) {
    acceptor.async_accept([&acceptor](boost::system::error_code error, Socket socket) {
        if (!error) {
            socket.set_option(tcp::no_delay(true));
            std::make_shared<Session>(std::move(socket))->start();
        }
        accept<Session>(acceptor);
    });
}

/// PROGRAM [PORT]; never returns.
template <class Session>
void serve(int argc, char** argv) {
    const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    net::io_context io(1);
    Acceptor acceptor(io.get_executor(), tcp::endpoint(net::ip::address_v4::loopback(), port));
    std::printf("listening on http://127.0.0.1:%u\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    accept<Session>(acceptor);
    io.run();
}

}  // namespace bare
