#pragma once

#include "runtime/http_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace bide::runtime {

/// The peer's side of one connection, blocking.
class Conversation {
  public:
    explicit Conversation(Socket socket) : socket_(std::move(socket)) {}

    /// Up to and with `end`; empty when the client has gone before.
    std::string read_to(std::string_view end) {
        for (;;) {
            if (const auto at = received_.find(end); at != std::string::npos)
                return take(at + end.size());
            if (!read_more()) return {};
        }
    }
    std::string read_head() { return read_to("\r\n\r\n"); }
    /// So many bytes, or fewer when the client has gone before.
    std::string read(std::size_t size) {
        while (received_.size() < size && read_more()) continue;
        return take(std::min(size, received_.size()));
    }
    /// What has come; waits for something. Empty when the client has gone.
    std::string some() {
        if (received_.empty()) read_more();
        return std::exchange(received_, {});
    }
    bool send(std::string_view bytes) {
        boost::system::error_code error;
        net::write(socket_, net::buffer(bytes.data(), bytes.size()), error);
        return !error;
    }
    /// Whether the client ends the connection without a further byte.
    bool ends() { return !read_more() && received_.empty(); }

    void close() {
        const std::lock_guard lock(mutex_);
        socket_.close();
    }
    /// Ends it under a script that goes on; any thread.
    void shut() {
        const std::lock_guard lock(mutex_);
        boost::system::error_code ignored;
        socket_.shutdown(net::socket_base::shutdown_both, ignored);
    }

  private:
    bool read_more() {
        std::array<char, 65536> room;
        boost::system::error_code error;
        const std::size_t got = socket_.read_some(net::buffer(room), error);
        received_.append(room.data(), got);
        return !error;
    }
    std::string take(std::size_t size) {
        std::string taken = received_.substr(0, size);
        received_.erase(0, size);
        return taken;
    }

    Socket socket_;
    std::string received_;
    std::mutex mutex_;  ///< of closing
};

/// A server on a loopback port that follows a script on each connection, each on a thread of its
/// own. The first connection is number 1. Scripts must end when their connection does.
class Peer {
  public:
    using Script = std::function<void(Conversation& conversation, int number)>;

    explicit Peer(Script script)
        : script_(std::move(script)),
          acceptor_(context_, {net::ip::address_v4::loopback(), 0}),
          thread_([this] { accept(); }) {}
    ~Peer() {
        refuse();
        for (auto& conversation : conversations_) conversation.shut();
        for (auto& thread : threads_) thread.join();
    }

    /// From here on nobody can connect.
    void refuse() {
        if (stopping_.exchange(true)) return;
        boost::system::error_code ignored;
        Socket(context_.get_executor()).connect(endpoint_, ignored);
        thread_.join();
        acceptor_.close();
    }

    std::string url(const std::string& path = "/") const {
        return "http://127.0.0.1:" + std::to_string(endpoint_.port()) + path;
    }
    int connections() const { return connections_; }

  private:
    void accept() {
        for (;;) {
            Socket socket(context_.get_executor());
            acceptor_.accept(socket);
            if (stopping_) return;
            const int number = ++connections_;
            Conversation& conversation = conversations_.emplace_back(std::move(socket));
            threads_.emplace_back([this, number, &conversation] {
                script_(conversation, number);
                conversation.close();
            });
        }
    }

    Script script_;
    net::io_context context_;
    Acceptor acceptor_;
    const tcp::endpoint endpoint_{acceptor_.local_endpoint()};
    std::atomic<bool> stopping_{false};
    std::atomic<int> connections_{0};
    std::list<Conversation> conversations_;
    std::vector<std::thread> threads_;
    std::thread thread_;
};

/// A client on a thread of its own, with a spool.
class HttpClientTest : public testing::Test {
  protected:
    static constexpr std::uint64_t kThreshold = 64U << 10;

    HttpClientTest() : work_(context_.get_executor()) {
        std::string name = testing::TempDir() + "bide-http-XXXXXX";
        directory_ = ::mkdtemp(name.data());
        spool_ = std::move(Spool::open(directory_ + "/bodies", kThreshold).value());
        thread_ = std::thread([this] { context_.run(); });
    }
    ~HttpClientTest() override {
        on_thread([this] { client_.reset(); });
        work_.reset();
        thread_.join();
        pool_.join();
        std::filesystem::remove_all(directory_);
    }

    void on_thread(std::function<void()> what) {
        net::post(context_, net::use_future(std::move(what))).get();
    }

    /// The client, made by the first call.
    HttpClient& client(HttpClientOptions options = {}) {
        if (!client_) {
            on_thread([&] {
                client_ = std::make_unique<HttpClient>(
                    context_.get_executor(), pool_, clock_, std::move(options)
                );
            });
        }
        return *client_;
    }

    static HttpRequest get(const std::string& url) {
        HttpRequest request;
        request.url = std::make_shared<HttpUrl>(parse_http_url(url).value());
        return request;
    }
    static HttpRequest post(const std::string& url, std::string body) {
        HttpRequest request = get(url);
        request.method = "POST";
        request.body = std::make_shared<Body>(Body{std::move(body), nullptr});
        return request;
    }

    std::future<HttpResult> begin(HttpRequest request) {
        auto& to = client();
        std::promise<HttpResult> promise;
        auto future = promise.get_future();
        net::co_spawn(
            context_,
            send(&to, std::move(request), std::move(promise)),
            [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); }
        );
        return future;
    }
    HttpResult ask(HttpRequest request) { return begin(std::move(request)).get(); }
    HttpFailure fail(HttpRequest request) {
        HttpResult result = ask(std::move(request));
        if (result.has_error()) return result.error();
        ADD_FAILURE() << "answered " << result.value().status;
        return {};
    }
    std::size_t idle() {
        std::size_t count = 0;
        on_thread([&] { count = client().idle_connections(); });
        return count;
    }

    /// Of a 503 with "Retry-After: 7" and a body without end that begins with "words".
    void expect_beginning_only(HttpRequest request, Spool* spool) {
        request.response_bytes_max = 200'000;
        request.spool = spool;
        const HttpResult result = ask(std::move(request));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        EXPECT_EQ(result.value().status, 503);
        EXPECT_EQ(result.value().fields["Retry-After"], "7");
        EXPECT_TRUE(result.value().cut);
        EXPECT_EQ(result.value().body.size(), 0U);
        EXPECT_EQ(result.value().beginning.substr(0, 5), "words");
        EXPECT_EQ(result.value().beginning.size(), HttpResponse::kBeginning);
    }
    static std::string bytes_of(const Body& body) {
        if (!body.file) return body.bytes;
        std::ifstream file(body.file->path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    Body file_of(std::string_view bytes) {
        BodyWriter writer(*spool_, bytes.size());
        EXPECT_TRUE(writer.append(bytes).has_value());
        return writer.finish().value();
    }
    HttpRequest post_file(const std::string& url, std::string_view bytes) {
        HttpRequest request = post(url, {});
        request.body = std::make_shared<Body>(file_of(bytes));
        request.spool = spool_.get();
        request.response_bytes_max = 1U << 30;
        return request;
    }
    /// Bytes that tell where they are.
    static std::string pattern(std::size_t size) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 24);
        return bytes;
    }

    std::string directory_;
    SystemClock clock_;
    BlockingPool pool_{2};
    std::unique_ptr<Spool> spool_;
    net::io_context context_{1};
    net::executor_work_guard<Executor> work_;
    std::unique_ptr<HttpClient> client_;
    std::thread thread_;

  private:
    static Task<void> send(HttpClient* to, HttpRequest request, std::promise<HttpResult> promise) {
        promise.set_value(co_await to->send(std::move(request)));
    }
};

inline constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace bide::runtime
