// Bodies far larger than the memory the server may use, up and down, and those too large.
#include "load/measure.hpp"
#include "load/scenes.hpp"
#include "support/server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace bide::load {
namespace {

constexpr std::size_t kPiece = 1 << 20;
/// Memory may grow by this much while a body of any size goes through.
constexpr std::uint64_t kGrowthMaxKib = 64 << 10;

constexpr const char* kConfig = R"(
[server]
default_queue = "cat"
body_max = "6GiB"
[queues.cat]
exec = ["cat"]
output_max = "6GiB"
timeout = "30m"
)";

std::uint64_t parse_size(const std::string& text) {
    std::size_t end = 0;
    const std::uint64_t number = std::stoull(text, &end);
    const std::string unit = text.substr(end);
    if (unit == "GiB") return number << 30;
    if (unit == "MiB") return number << 20;
    return number;
}

/// Byte i of every body: cheap, and different in every piece.
void fill(std::string& piece, std::uint64_t from) {
    for (std::size_t i = 0; i + 8 <= piece.size(); i += 8) {
        const std::uint64_t word = (from + i) * 0x9E3779B97F4A7C15U;
        std::memcpy(piece.data() + i, &word, 8);
    }
}

class Socket {
  public:
    explicit Socket(const test::Address& server) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        peer.sin_port = htons(server.port);
        ::inet_pton(AF_INET, server.host.c_str(), &peer.sin_addr);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
            throw std::runtime_error("cannot connect");
    }
    ~Socket() { ::close(socket_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) throw std::runtime_error("the server stopped reading");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    std::string receive(std::size_t size_max) {
        std::string piece(size_max, '\0');
        const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
        if (got <= 0) throw std::runtime_error("the answer ended early");
        piece.resize(static_cast<std::size_t>(got));
        return piece;
    }
    std::string receive_head() {
        std::string head;
        while (!head.ends_with("\r\n\r\n")) head += receive(1);
        return head;
    }

  private:
    int socket_;
};

/// Watches the server's memory while a scene runs.
class Watch {
  public:
    explicit Watch(pid_t process)
        : thread_([this, process](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  highest_ = std::max(highest_.load(), resident_kib(process));
                  std::this_thread::sleep_for(std::chrono::milliseconds(20));
              }
          }) {}
    std::uint64_t highest() const { return highest_; }

  private:
    std::atomic<std::uint64_t> highest_ = 0;
    std::jthread thread_;
};

void receive_pattern(Socket& socket, std::uint64_t size) {
    std::string wanted(kPiece, '\0');
    for (std::uint64_t at = 0; at < size; at += kPiece) {
        fill(wanted, at);
        std::string_view rest = wanted;
        rest = rest.substr(0, std::min<std::uint64_t>(kPiece, size - at));
        while (!rest.empty()) {
            const std::string got = socket.receive(rest.size());
            if (!rest.starts_with(got)) throw std::runtime_error("other bytes came back");
            rest.remove_prefix(got.size());
        }
    }
}

void up_and_down(test::Server& server, std::uint64_t size, Verdict& verdict) {
    const std::uint64_t before = resident_kib(server.process_id());
    const Watch watch(server.process_id());
    Socket socket(server.address());
    const Instant start = now();
    socket.send(
        std::string("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ") + std::to_string(size) +
        "\r\n\r\n"
    );
    std::string piece(kPiece, '\0');
    for (std::uint64_t at = 0; at < size; at += kPiece) {
        fill(piece, at);
        socket.send(std::string_view(piece).substr(0, std::min<std::uint64_t>(kPiece, size - at)));
    }
    const Instant sent = now();
    const std::string head = socket.receive_head();
    const Instant answered = now();
    if (!head.starts_with("HTTP/1.1 200")) throw std::runtime_error(head);
    receive_pattern(socket, size);
    const Instant done = now();
    const auto mib = static_cast<double>(size) / (1 << 20);
    const std::uint64_t grown = watch.highest() - std::min(before, watch.highest());
    say("%.0f MiB through `cat`, the same bytes back; up in %.1f s (%.0f MiB/s), work and store "
        "%.1f s, down in %.1f s (%.0f MiB/s); resident %llu KiB before, %llu KiB more at most",
        mib,
        ms_between(start, sent) / 1000,
        mib * 1000 / ms_between(start, sent),
        ms_between(sent, answered) / 1000,
        ms_between(answered, done) / 1000,
        mib * 1000 / ms_between(answered, done),
        static_cast<unsigned long long>(before),
        static_cast<unsigned long long>(grown));
    verdict.must(grown < kGrowthMaxKib, "memory that does not grow with the body");
}

void too_large(test::Server& server, const char* expect, Verdict& verdict) {
    Socket socket(server.address());
    const Instant start = now();
    socket.send(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 7000000000\r\n" + std::string(expect) +
        "\r\n"
    );
    const std::string head = socket.receive_head();
    say("7 GB announced %s: %s after %.1f ms, not a byte of it sent",
        *expect ? "with Expect" : "plainly",
        head.substr(0, 12).c_str(),
        ms_between(start, now()));
    verdict.must(head.starts_with("HTTP/1.1 413"), "413 before the body");
}

void expect_continue(test::Server& server, Verdict& verdict) {
    Socket socket(server.address());
    const std::string body(kPiece, 'e');
    socket.send(
        "POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n"
    );
    verdict.must(socket.receive_head().starts_with("HTTP/1.1 100"), "100 before the body");
    socket.send(body);
    verdict.must(socket.receive_head().starts_with("HTTP/1.1 200"), "200 after the body");
}

}  // namespace

int bulk(const Options& options) {
    test::ServerOptions server_options;
    server_options.config = kConfig;
    server_options.flags = {"--log-level", "error"};
    test::Server server(std::move(server_options));
    Verdict verdict(options.strict);
    say("durability fsync");
    too_large(server, "", verdict);
    too_large(server, "Expect: 100-continue\r\n", verdict);
    expect_continue(server, verdict);
    const std::uint64_t size = parse_size(options.size);
    up_and_down(server, size, verdict);
    verdict.must(server.stop().status == 0, "the server ends well");
    return verdict.exit_status();
}

}  // namespace bide::load
