// Very many callers waiting on a thousand connections of HTTP/2: all for one job, then each for a
// job of its own, all ending at the same moment.
#include "load/measure.hpp"
#include "load/scenes.hpp"
#include "support/http2.hpp"
#include "support/server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <stdexcept>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bide::load {
namespace {

using test::Frame;

constexpr std::size_t kWaiters = 200'000;
constexpr std::size_t kConnections = 1000;
constexpr auto kPatience = std::chrono::seconds(120);

/// Past it no more waits are begun, so that the machine lives on.
constexpr std::uint64_t kResidentMaxKib = 8ULL << 20;

constexpr std::uint8_t kWhole = Frame::kEndHeaders | Frame::kEndStream;

/// A connection's bytes, and what of them was answers.
struct Pipe {
    int socket = -1;
    std::uint32_t next_stream = 1;
    std::string in;
};

class Callers {
  public:
    Callers(const test::Address& server, std::size_t connections, std::string body)
        : body_(std::move(body)), poll_(::epoll_create1(EPOLL_CLOEXEC)), pipes_(connections) {
        for (std::size_t i = 0; i < connections; ++i) {
            pipes_[i].socket = connect_to(server);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(poll_, EPOLL_CTL_ADD, pipes_[i].socket, &event);
            send(
                i,
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame{Frame::settings, 0, 0, {}}.text() +
                    Frame{Frame::window_update, 0, 0, test::four_bytes(1U << 30U)}.text()
            );
        }
    }
    ~Callers() {
        for (const auto& pipe : pipes_) ::close(pipe.socket);
        ::close(poll_);
    }
    Callers(const Callers&) = delete;
    Callers& operator=(const Callers&) = delete;

    /// One more wait on the connection.
    void ask(std::size_t connection, const std::string& fields, const std::string& body) {
        Pipe& pipe = pipes_[connection];
        const std::uint32_t stream = std::exchange(pipe.next_stream, pipe.next_stream + 2);
        std::string bytes =
            Frame{Frame::headers, body.empty() ? kWhole : Frame::kEndHeaders, stream, fields}.text(
            );
        if (!body.empty()) bytes += Frame{Frame::data, Frame::kEndStream, stream, body}.text();
        send(connection, bytes);
        ++asked;
    }

    void poll(std::chrono::milliseconds patience) {
        std::array<epoll_event, 256> events{};
        const int count =
            ::epoll_wait(poll_, events.data(), 256, static_cast<int>(patience.count()));
        for (int i = 0; i < count; ++i) read(pipes_[events[static_cast<std::size_t>(i)].data.u64]);
    }

    std::size_t over() const { return good + wrong; }

    std::size_t asked = 0;
    std::size_t good = 0;
    std::size_t wrong = 0;  ///< reset, or with another body; a connection that ended counts once
    Instant first;
    Instant last;

  private:
    static int connect_to(const test::Address& server) {
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        peer.sin_port = htons(server.port);
        ::inet_pton(AF_INET, server.host.c_str(), &peer.sin_addr);
        if (::connect(socket, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
            throw std::runtime_error("cannot connect");
        return socket;
    }

    /// The server reads what comes, whatever it has to write.
    void send(std::size_t connection, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent =
                ::send(pipes_[connection].socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) throw std::runtime_error("the server ended a connection");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    void read(Pipe& pipe) {
        static std::array<char, 1 << 18> room;
        const ssize_t got = ::recv(pipe.socket, room.data(), room.size(), MSG_DONTWAIT);
        if (got < 0) return;
        if (got == 0) {
            ++wrong;
            ::epoll_ctl(poll_, EPOLL_CTL_DEL, pipe.socket, nullptr);
            return;
        }
        pipe.in.append(room.data(), static_cast<std::size_t>(got));
        std::string_view rest = pipe.in;
        while (rest.size() >= 9) {
            const auto byte = [&rest](std::size_t i) {
                return static_cast<std::size_t>(static_cast<unsigned char>(rest[i]));
            };
            const std::size_t size = byte(0) << 16U | byte(1) << 8U | byte(2);
            if (rest.size() < 9 + size) break;
            take(rest[3], rest[4], rest.substr(9, size));
            rest.remove_prefix(9 + size);
        }
        pipe.in.erase(0, pipe.in.size() - rest.size());
        if (pipe.in.empty()) pipe.in.shrink_to_fit();
    }

    void take(char type, char flags, std::string_view payload) {
        // A result, and a problem too, has a body; of these only the result's is a number.
        const bool ends = type == Frame::data && (flags & Frame::kEndStream) != 0;
        if (!ends && type != Frame::reset) return;
        const bool is_number = payload.find_first_not_of("0123456789") == payload.npos;
        const bool result = ends && is_number && (body_.empty() || payload == body_);
        ++(result ? good : wrong);
        last = now();
        if (over() == 1) first = last;
    }

    std::string body_;  ///< of every result; empty: each has its own
    int poll_;
    std::vector<Pipe> pipes_;
};

struct Scene {
    const char* what;
    bool shared;  ///< one job for all
};

/// Milliseconds that a job posted now must sleep to end at `end`.
std::string sleep_until(Instant end) {
    return std::to_string(std::max(0L, static_cast<long>(ms_between(now(), end))));
}

void run(const Scene& scene, std::size_t count, Verdict& verdict) {
    test::ServerOptions options;
    options.config =
        "[server]\nwaiters_max = 2000000\nmemory_max = \"16GiB\"\n"
        "[queues.sleep]\nnative = \"sleep\"\ndepth_max = 2000000\n"
        "concurrency = 2000000\n";
    options.flags = {"--log-level", "error"};
    test::Server server(std::move(options));
    const std::size_t connections = std::min(kConnections, std::max<std::size_t>(1, count / 50));
    const std::uint64_t before = resident_kib(server.process_id());
    const Instant begin = now();
    const Instant end = begin + std::chrono::seconds(10) + std::chrono::microseconds(100 * count);
    std::string body;
    std::string fields = test::request_fields({"POST", "/", {}, {}});
    if (scene.shared) {
        body = sleep_until(end);
        const auto accepted = test::post(server.address(), "/", body, {"Prefer: respond-async"});
        fields = test::request_fields({"GET", accepted["Location"] + "/result", {}, {}});
    }
    Callers callers(server.address(), connections, body);
    for (std::size_t i = 0; i < count; ++i) {
        callers.ask(i % connections, fields, scene.shared ? std::string() : sleep_until(end));
        if (i % 256 == 0) callers.poll(std::chrono::milliseconds(0));
        if (i % 65536 == 0 && resident_kib(server.process_id()) > kResidentMaxKib) break;
    }
    const double asked_s = ms_between(begin, now()) / 1000;
    while (now() + std::chrono::milliseconds(500) < end)
        callers.poll(std::chrono::milliseconds(50));
    const std::uint64_t waiting = resident_kib(server.process_id()) - before;
    const bool all_waited = callers.over() == 0;
    const Instant give_up = now() + kPatience;
    while (callers.over() < callers.asked && now() < give_up)
        callers.poll(std::chrono::milliseconds(100));
    say("%s: %zu waited on %zu connections (asked within %.1f s), %zu answered with the result, "
        "%zu "
        "otherwise; the first %.0f ms, the last %.0f ms after the end of the work; %.0f bytes of "
        "memory each while they waited, %llu MiB in all",
        scene.what,
        callers.asked,
        connections,
        asked_s,
        callers.good,
        callers.wrong,
        ms_between(end, callers.first),
        ms_between(end, callers.last),
        static_cast<double>(waiting) * 1024 / static_cast<double>(callers.asked),
        static_cast<unsigned long long>(waiting >> 10U));
    verdict.must(callers.good == count, "every waiter gets its result");
    verdict.should(all_waited, "all wait at once");
    verdict.must(server.stop().status == 0, "the server ends well");
}

}  // namespace

int streams(const Options& options) {
    const std::size_t count = options.count == 0 ? kWaiters : options.count;
    Verdict verdict(options.strict);
    say("durability fsync; %zu waiters over HTTP/2", count);
    run({"one job", true}, count, verdict);
    run({"a job each", false}, count, verdict);
    return verdict.exit_status();
}

}  // namespace bide::load
