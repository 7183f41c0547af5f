// Kills a real server with SIGKILL at random instants while clients use it, starts it again on the
// same data, and checks every promise it has ever made:
//
//   - a result that was answered is there for ever, with the same status, headers and bytes (G1,
//   G3);
//   - a job that was accepted is never lost and ends in exactly one state (G2);
//   - a request that is repeated with its Idempotency-Key, because nobody knows whether it arrived,
//     is one job with one result, the same bytes on every replay (G4);
//   - the processes of its handlers die with it.
#include "crash/clients.hpp"
#include "crash/promises.hpp"
#include "support/server.hpp"
#include "support/store.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

namespace bide::torture {
namespace {

using test::Milliseconds;
using test::Server;

constexpr std::size_t kClients = 10;
constexpr std::uint64_t kLifeMaxMs = 300;

/// Old jobs asked about after each kill, beside all of the last life; at the end all are.
constexpr std::size_t kOldOnesAsked = 300;

/// Marks the processes of handlers, and their children, by a variable of this name.
constexpr const char* kMark = "TORTURE_MARK";
constexpr auto kOrphansMayLive = std::chrono::seconds(10);

constexpr std::size_t kInlineMax = 4096;  // as kConfig has it
constexpr const char* kConfig = R"(
[server]
inline_max = "4KiB"
[queues.echo]
native = "echo"
[queues.pause]
native = "sleep"
[queues.shell]
exec = ["sh", "-c", "printf 'did '; cat"]
environment = ["PATH", "TORTURE_MARK"]
concurrency = 4
[queues.retry]
exec = ["sh", "-c", "test $BIDE_ATTEMPT -ge 2 || exit 75; cat"]
environment = ["PATH", "TORTURE_MARK"]
concurrency = 4
attempts = 1000
backoff = "20ms"
backoff_max = "50ms"
[queues.fail]
exec = ["sh", "-c", "cat; echo no >&2; exit 1"]
environment = ["PATH", "TORTURE_MARK"]
concurrency = 2
attempts = 2
backoff = "10ms"
[queues.endless]
exec = ["sleep", "600"]
environment = ["PATH", "TORTURE_MARK"]
timeout = "1h"
concurrency = 3
)";

/// What is done to the data while the server is dead, to prove that it is noticed.
enum class Sabotage : std::uint8_t { none, lose_result, lose_job, change_bytes };

struct Options {
    std::uint64_t cycles = 50;
    std::uint64_t seed = 0;
    Sabotage sabotage = Sabotage::none;
};

/// Living processes, other than `except`, that carry the mark of this run.
std::vector<std::string> marked_processes(const std::string& mark, pid_t except) {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (name == std::to_string(except)) continue;
        try {
            const std::string variables = test::read_file(entry.path() / "environ");
            if (variables.find(kMark + ("=" + mark)) != std::string::npos) found.push_back(name);
        } catch (const std::exception&) {
            // It has gone.
        }
    }
    return found;
}

std::string blob_of(std::string id) {
    std::erase(id, '-');
    return "x'" + id + "'";
}

class Torture {
  public:
    explicit Torture(const Options& options) : options_(options), random_(options.seed) {}

    int run();

  private:
    static test::ServerOptions server_options(const std::string& mark);
    void cycle(std::uint64_t number);
    void check_orphans();
    bool sabotage();
    void repeat_keyed(Inquiry& inquiry, bool all);
    void check_after_restart(std::size_t known_before);
    void check_all_at_the_end();
    void check_integrity();
    int report(std::uint64_t cycles);

    const Options options_;
    Random random_;
    test::TempDir mark_;
    Server server_{server_options(mark_.path())};
    Promises promises_;
    bool sabotaged_ = false;
};

test::ServerOptions Torture::server_options(const std::string& mark) {
    test::ServerOptions options;
    options.config = kConfig;
    options.environment[kMark] = mark;
    options.flags = {"--io-threads", "2", "--log-level", "warn"};
    return options;
}

int Torture::run() {
    std::printf("seed %llu\n", static_cast<unsigned long long>(options_.seed));
    std::uint64_t cycles = 0;
    while (cycles < options_.cycles && promises_.violations().empty()) {
        try {
            cycle(cycles++);
        } catch (const std::exception& failure) {
            promises_.violated("-", "a server that starts again and answers", failure.what());
        }
    }
    try {
        if (promises_.violations().empty()) check_all_at_the_end();
    } catch (const std::exception& failure) {
        promises_.violated("-", "a server that answers", failure.what());
    }
    return report(cycles);
}

void Torture::cycle(std::uint64_t number) {
    const std::size_t known_before = promises_.ids().size();
    {
        const Clients clients(server_.address(), kClients, random_(), promises_);
        // The one place where a sleep is meant: the instant of the kill is the experiment.
        std::this_thread::sleep_for(Milliseconds(below(random_, kLifeMaxMs)));
        server_.kill();
    }
    check_orphans();
    if (options_.sabotage != Sabotage::none && !sabotaged_) sabotaged_ = sabotage();
    server_.start();
    check_after_restart(known_before);
    if (number % 10 == 9) check_integrity();
}

void Torture::check_orphans() {
    std::vector<std::string> orphans;
    const auto gone = [&] { return (orphans = marked_processes(mark_.path(), -1)).empty(); };
    if (test::eventually(gone, kOrphansMayLive)) return;
    std::string list;
    for (const auto& id : orphans) list += " " + id;
    promises_.violated("-", "handlers die with their server", "processes" + list);
}

/// False when there is nothing yet to do harm to.
bool Torture::sabotage() {
    std::vector<std::string> ids = promises_.ids();
    std::shuffle(ids.begin(), ids.end(), random_);
    const bool wants_result = options_.sabotage != Sabotage::lose_job;
    for (const auto& id : ids) {
        const Job job = promises_.job(id);
        const bool fits = wants_result ? job.result && job.result->status == 200 : !job.result;
        if (!fits) continue;
        // A row has only small bodies; of a file it has the name.
        const bool in_row = !job.result || job.result->body.size() <= kInlineMax;
        if (options_.sabotage == Sabotage::change_bytes && !in_row) continue;
        const std::string row = " WHERE id = " + blob_of(id);
        if (options_.sabotage == Sabotage::change_bytes) {
            test::change(server_.data(), "UPDATE outcomes SET body = x'00'" + row);
        } else {
            test::change(server_.data(), "DELETE FROM outcomes" + row);
            test::change(server_.data(), "DELETE FROM open_jobs" + row);
        }
        std::printf("sabotaged job %s\n", id.c_str());
        return true;
    }
    return false;
}

/// What got no answer is sent again, and some of what did, too.
void Torture::repeat_keyed(Inquiry& inquiry, bool all) {
    std::vector<Keyed> again;
    for (auto& keyed : promises_.keys()) {
        if (all || keyed.id.empty() || below(random_, 20) == 0) again.push_back(std::move(keyed));
    }
    inquiry.repeat(again);
    std::vector<Keyed> answered;
    for (auto& keyed : promises_.keys()) {
        if (keyed.id.empty())
            promises_.violated(keyed.key, "an answer to a request that is repeated", "none");
        else if (all || below(random_, 20) == 0)
            answered.push_back(std::move(keyed));
    }
    inquiry.look_up(answered);
}

void Torture::check_after_restart(std::size_t known_before) {
    Inquiry inquiry(server_.address(), promises_);
    repeat_keyed(inquiry, false);
    std::vector<std::string> ids = promises_.ids();
    const auto old_end = ids.begin() + static_cast<std::ptrdiff_t>(known_before);
    if (!sabotaged_ && known_before > kOldOnesAsked) {
        std::shuffle(ids.begin(), old_end, random_);
        ids.erase(ids.begin() + kOldOnesAsked, old_end);
    }
    inquiry.results(ids);
    inquiry.states(ids);
}

/// Everything comes to its end, and is the same again after one more, clean, restart.
void Torture::check_all_at_the_end() {
    const std::vector<std::string> ids = promises_.ids();
    {
        Inquiry inquiry(server_.address(), promises_);
        for (const auto& id : ids) {
            if (promises_.job(id).work == Work::endless) inquiry.cancel(id);
        }
        for (const auto& id : ids) {
            if (!promises_.job(id).result) inquiry.wait(id);
        }
        for (const auto& id : ids) {
            if (!promises_.job(id).result) promises_.violated(id, "an end", "none");
        }
        inquiry.results(ids);
    }
    // Endless jobs whose acceptance nobody heard of would hold up the drain.
    if (const test::Exit exit = server_.stop_at_once(); exit.status != 0)
        promises_.violated("-", "exit status 0", "signal " + std::to_string(exit.signal));
    check_orphans();
    server_.start();
    Inquiry inquiry(server_.address(), promises_);
    repeat_keyed(inquiry, true);
    inquiry.results(ids);
    inquiry.states(ids);
    check_integrity();
}

void Torture::check_integrity() {
    const std::string found = test::query(server_.data(), "PRAGMA integrity_check");
    if (found != "ok") promises_.violated("-", "a sound database", found);
}

int Torture::report(std::uint64_t cycles) {
    const auto violations = promises_.violations();
    const std::size_t known = promises_.ids().size();
    std::printf(
        "%llu cycles, %zu jobs known, %zu by keys, %zu answers, %zu results, %zu violations\n",
        static_cast<unsigned long long>(cycles),
        known,
        promises_.keys().size(),
        promises_.answers(),
        promises_.results(),
        violations.size()
    );
    for (std::size_t i = 0; i < std::min<std::size_t>(violations.size(), 10); ++i)
        std::printf("%s\n", violations[i].c_str());
    if (options_.sabotage != Sabotage::none) {
        const bool proven = sabotaged_ && !violations.empty();
        std::printf(proven ? "the sabotage was noticed\n" : "the sabotage was NOT noticed\n");
        return proven ? 0 : 1;
    }
    if (violations.empty()) return 0;
    server_.directory().keep();
    std::printf("data kept in %s\n%s\n", server_.directory().path().c_str(), server_.log().c_str());
    return 1;
}

}  // namespace
}  // namespace bide::torture

int main(int argc, char** argv) {
    using bide::torture::Sabotage;
    bide::torture::Options options;
    options.seed = std::random_device()();
    CLI::App app("Kills a server again and again, and checks every promise it made.");
    app.add_option("--cycles", options.cycles, "kills [50]");
    app.add_option("--seed", options.seed, "of all choices but the scheduler's");
    const std::map<std::string, Sabotage> kinds{
        {"lose-result", Sabotage::lose_result},
        {"lose-job", Sabotage::lose_job},
        {"change-bytes", Sabotage::change_bytes}};
    app.add_option("--sabotage", options.sabotage, "harm the data once; succeed if it is noticed")
        ->transform(CLI::CheckedTransformer(kinds));
    CLI11_PARSE(app, argc, argv);
    return bide::torture::Torture(options).run();
}
