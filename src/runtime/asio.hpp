#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

/// The one set of Asio types in use. Everything is typed with io_context's own executor: the
/// type-erased any_io_executor costs about a quarter of the request rate.
namespace bide::runtime {

namespace net = boost::asio;
using tcp = net::ip::tcp;
using Executor = net::io_context::executor_type;
using Socket = net::basic_stream_socket<tcp, Executor>;
using Acceptor = net::basic_socket_acceptor<tcp, Executor>;
using Timer = net::basic_waitable_timer<
    std::chrono::steady_clock,
    net::wait_traits<std::chrono::steady_clock>,
    Executor>;

template <class T>
using Task = net::awaitable<T, Executor>;

/// The completion token: co_await gives a tuple that starts with the error_code.
constexpr auto kTuple = net::as_tuple(net::use_awaitable_t<Executor>{});

}  // namespace bide::runtime
