// Thousands of connections send a head byte by byte and never finish it; a normal client must not
// notice. Who is cut off (header_time) comes again.
#include "load/measure.hpp"
#include "load/scenes.hpp"
#include "support/server.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

namespace bide::load {
namespace {

constexpr std::size_t kTricklers = 10'000;

/// Bytes of each connection are this far apart.
constexpr auto kGap = std::chrono::seconds(1);

class Trickle {
  public:
    explicit Trickle(const test::Address& server) : swarm_(server) {
        swarm_.on_answer = [this](const Answer& answer) { told_ += answer.status == 408; };
        swarm_.on_end = [this](int connection) { ended_.push_back(connection); };
    }

    void open(std::size_t count) {
        while (open_.size() < count) {
            open_.push_back(-1);
            begin(open_.size() - 1);
            if (open_.size() % 256 == 0) swarm_.poll(std::chrono::milliseconds(0));
        }
    }
    /// New connections for those that ended, and the bytes that are due since the last step.
    void step() {
        swarm_.poll(std::chrono::milliseconds(0));
        // Their numbers are given to new ones at once: all places are freed before any is filled.
        std::vector<std::size_t> free;
        for (const int connection : std::exchange(ended_, {}))
            free.push_back(place_.at(connection));
        for (const std::size_t place : free) begin(place);
        again_ += free.size();
        const double passed = ms_between(last_, now());
        last_ = now();
        owed_ += passed / std::chrono::duration<double, std::milli>(kGap).count() *
                 static_cast<double>(open_.size());
        for (; owed_ >= 1; --owed_) {
            next_ = (next_ + 1) % open_.size();
            swarm_.send(open_[next_], "x");
        }
    }
    std::size_t told() const { return told_; }
    std::size_t again() const { return again_; }
    std::size_t size() const { return swarm_.size(); }

  private:
    void begin(std::size_t place) {
        open_[place] = swarm_.open();
        place_[open_[place]] = place;
        swarm_.send(open_[place], "POST / HTTP/1.1\r\nHost: test\r\nX: ");
    }

    Swarm swarm_;
    std::vector<int> open_;
    std::unordered_map<int, std::size_t> place_;
    std::vector<int> ended_;
    std::size_t next_ = 0;
    double owed_ = 0;
    Instant last_ = now();
    std::size_t told_ = 0;
    std::size_t again_ = 0;
};

struct Normal {
    Latencies latencies;
    std::size_t wrong = 0;
};

/// One client, one request after the other; between the requests the others get their turn.
Normal ask_for(const test::Address& server, double seconds, Trickle* trickle) {
    Normal normal;
    Swarm client(server);
    const int connection = client.open();
    const std::string request = test::Request{"POST", "/", {}, "12345678901234567890"}.text();
    bool answered = false;
    Instant asked;
    client.on_answer = [&](const Answer& answer) {
        answered = true;
        normal.wrong += answer.status != 200;
        normal.latencies.add(ms_between(asked, answer.at));
    };
    const Instant end = now() + std::chrono::duration_cast<Instant::duration>(Seconds(seconds));
    while (now() < end) {
        if (trickle != nullptr) trickle->step();
        answered = false;
        asked = now();
        client.send(connection, request);
        while (!answered) client.poll(std::chrono::milliseconds(100));
    }
    return normal;
}

}  // namespace

int trickle(const Options& options) {
    test::ServerOptions server_options;
    server_options.flags = {"--native", "echo", "--log-level", "error"};
    test::Server server(std::move(server_options));
    const std::size_t count = options.count == 0 ? kTricklers : options.count;

    const Normal alone = ask_for(server.address(), options.seconds / 3, nullptr);
    const std::uint64_t before = resident_kib(server.process_id());
    Trickle trickle(server.address());
    trickle.open(count);
    const Normal beside = ask_for(server.address(), options.seconds, &trickle);
    const std::uint64_t after = resident_kib(server.process_id());

    say("durability fsync; one client, 20 bytes to echo, one request after the other");
    say("alone: %zu answers, %s", alone.latencies.size(), alone.latencies.text().c_str());
    say("beside %zu connections that send a byte a second: %zu answers, %s",
        trickle.size(),
        beside.latencies.size(),
        beside.latencies.text().c_str());
    say("told 408: %zu, come again: %zu; %.1f KiB of memory each",
        trickle.told(),
        trickle.again(),
        static_cast<double>(after - before) / static_cast<double>(count));
    Verdict verdict(options.strict);
    verdict.must(alone.wrong + beside.wrong == 0, "the normal client is served");
    verdict.must(beside.latencies.size() > 0, "the normal client is answered");
    verdict.should(trickle.told() > 0, "tricklers are told 408");
    verdict.should(beside.latencies.at(0.99) < 100, "a p99 of 100 ms");
    return verdict.exit_status();
}

}  // namespace bide::load
