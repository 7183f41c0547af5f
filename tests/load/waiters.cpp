// As many callers waiting as a process may hold descriptors: all for one job, then each for a job
// of its own, all ending at the same moment.
#include "load/measure.hpp"
#include "load/scenes.hpp"
#include "support/server.hpp"

#include <algorithm>

namespace bide::load {
namespace {

/// Of the 20,000 descriptors that a process may have.
constexpr std::size_t kWaiters = 19'000;
constexpr auto kPatience = std::chrono::seconds(60);

struct Waited {
    std::size_t good = 0;
    std::size_t wrong = 0;
    std::size_t ended = 0;
    Instant first;
    Instant last;
    double kib_each = 0;
};

void expect(Swarm& swarm, Waited& waited, const std::string& body) {
    swarm.on_answer = [&waited, body](const Answer& answer) {
        if (waited.good + waited.wrong == 0) waited.first = answer.at;
        waited.last = answer.at;
        const bool good = answer.status == 200 && (body.empty() || answer.body == body);
        ++(good ? waited.good : waited.wrong);
    };
    swarm.on_end = [&waited](int) { ++waited.ended; };
}

void collect(Swarm& swarm, const Waited& waited, std::size_t count) {
    const Instant give_up = now() + kPatience;
    while (waited.good + waited.wrong + waited.ended < count && now() < give_up)
        swarm.poll(std::chrono::milliseconds(100));
}

/// Milliseconds that a job posted now must sleep to end at `end`.
std::string sleep_until(Instant end) {
    return std::to_string(std::max(0L, static_cast<long>(ms_between(now(), end))));
}

double grown(std::uint64_t before, pid_t process, std::size_t count) {
    const auto more = static_cast<double>(resident_kib(process)) - static_cast<double>(before);
    return more / static_cast<double>(count);
}

/// When all should be there, on a busy machine too.
Instant moment(std::size_t count) {
    return now() + std::chrono::seconds(4) + std::chrono::milliseconds(count);
}

Waited for_one(test::Server& server, std::size_t count, Instant end) {
    const std::string body = sleep_until(end);
    const std::string page =
        test::post(server.address(), "/", body, {"Prefer: respond-async"})["Location"];
    const std::uint64_t before = resident_kib(server.process_id());
    Waited waited;
    Swarm swarm(server.address());
    expect(swarm, waited, body);
    const std::string request = test::Request{"GET", page + "/result", {}, {}}.text();
    for (std::size_t i = 0; i < count; ++i) swarm.send(swarm.open(), request);
    if (now() + std::chrono::milliseconds(300) < end) {
        while (now() + std::chrono::milliseconds(300) < end)
            swarm.poll(std::chrono::milliseconds(10));
        waited.kib_each = grown(before, server.process_id(), count);
    }
    collect(swarm, waited, count);
    return waited;
}

Waited for_their_own(test::Server& server, std::size_t count, Instant end) {
    const std::uint64_t before = resident_kib(server.process_id());
    Waited waited;
    Swarm swarm(server.address());
    expect(swarm, waited, {});
    for (std::size_t i = 0; i < count; ++i) {
        // Opened first: that can take a second, when the listening socket's queue is full.
        const int connection = swarm.open();
        swarm.send(connection, test::Request{"POST", "/", {}, sleep_until(end)}.text());
        if (i % 256 == 0) swarm.poll(std::chrono::milliseconds(0));
    }
    if (now() + std::chrono::milliseconds(300) < end) {
        while (now() + std::chrono::milliseconds(300) < end)
            swarm.poll(std::chrono::milliseconds(10));
        waited.kib_each = grown(before, server.process_id(), count);
    }
    collect(swarm, waited, count);
    return waited;
}

struct Scene {
    const char* what;
    Waited (*run)(test::Server&, std::size_t, Instant);
    double kib_each_max;  ///< of many; few bear more of what the server needs besides
};

/// On a server of its own, so that nothing it needs is there already.
void play(const Scene& scene, std::size_t count, Verdict& verdict) {
    test::ServerOptions server_options;
    server_options.flags = {"--native", "sleep", "--log-level", "error"};
    test::Server server(std::move(server_options));
    const Instant end = moment(count);
    const Waited waited = scene.run(server, count, end);
    say("%s: %zu answered with the result, %zu otherwise, %zu cut off; the first %.0f ms, the last "
        "%.0f ms after the end of the work; %.2f KiB of memory each while they waited",
        scene.what,
        waited.good,
        waited.wrong,
        waited.ended,
        ms_between(end, waited.first),
        ms_between(end, waited.last),
        waited.kib_each);
    verdict.must(waited.good == count, "every waiter gets its result");
    verdict.should(ms_between(end, waited.last) < 1000, "all answers within a second");
    if (count >= kWaiters) {
        verdict.should(waited.kib_each > 0, "all wait at once");
        verdict.should(
            waited.kib_each <= scene.kib_each_max, "memory as docs/performance.md has it"
        );
    }
    verdict.must(server.stop().status == 0, "the server ends well");
}

}  // namespace

int waiters(const Options& options) {
    const std::size_t count = options.count == 0 ? kWaiters : options.count;
    Verdict verdict(options.strict);
    say("durability fsync; %zu waiters", count);
    play({"one job", for_one, 1.0}, count, verdict);
    play({"a job each", for_their_own, 2.0}, count, verdict);
    return verdict.exit_status();
}

}  // namespace bide::load
