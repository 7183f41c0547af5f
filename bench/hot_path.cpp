// What one job costs: request bytes in, answer bytes out, through everything between the socket's
// two ends, on one thread and with a clock and ids that repeat. `scripts/bench instructions` runs
// it under callgrind, which counts by function; the stage_* functions are there to be told apart.
//
//     hot_path DIRECTORY JOBS plain|keyed
#include "base/check.hpp"
#include "base/id.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "engines/embedded/engine.hpp"
#include "handlers/native/native.hpp"
#include "runtime/blocking_pool.hpp"
#include "service/contract.hpp"
#include "wire/request_head.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bide::bench {
namespace {

/// As many as wait for one commit when 64 callers wait at once.
constexpr std::size_t kGroup = 64;

class StepClock final : public Clock {
  public:
    Time now() const override { return now_ += Duration(3); }

  private:
    mutable Time now_{std::chrono::hours(24 * 365 * 56)};
};

struct Exchange {
    std::string request;
    service::SubmitPlan plan;
    std::string answer;
};

std::vector<Exchange> make_exchanges(std::size_t count, bool keyed) {
    Rng rng(4);
    std::vector<Exchange> all(count);
    for (auto& exchange : all) {
        exchange.request =
            "POST /queues/echo/jobs HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\n"
            "Accept: */*\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n";
        if (keyed) {
            const std::string key = std::to_string(rng.next()) + std::to_string(rng.next());
            exchange.request += "Idempotency-Key: \"" + key.substr(0, 32) + "\"\r\n";
        }
        exchange.request += "\r\ntwenty bytes of body";
    }
    return all;
}

class HotPath final : public ports::AnswerSink {
  public:
    explicit HotPath(const std::string& directory)
        : handler_(native::make_async_handler(native::echo(), "echo")),
          engine_(open(directory)),
          contract_(rules(), *engine_),
          sink_(engine_->add_sink(*this)) {}
    ~HotPath() { pool_.join(); }

    void run(std::vector<Exchange>& exchanges, std::size_t first, std::size_t last);

    void deliver(std::vector<core::Answer>&& answers) override { answers_ = std::move(answers); }

  private:
    [[gnu::noinline]] wire::ParsedHead stage_parse(std::string_view request);
    [[gnu::noinline]] core::event::Submit stage_understand(
        const wire::ParsedHead& head, Exchange& exchange, core::WaiterId waiter
    );
    [[gnu::noinline]] void stage_encode(const core::Answer& answer, Exchange& exchange);

    static service::ContractRules rules() {
        service::ContractRules rules;
        rules.queues = {{"echo"}, {std::string(service::kBatchQueue)}};
        rules.default_queue = "echo";
        return rules;
    }
    std::unique_ptr<engines::embedded::Engine> open(const std::string& directory) {
        id_hash_seed = 1;
        engines::embedded::Options options;
        options.directory = directory;
        for (const char* name : {"echo", "~batches"}) {
            core::QueueRules rules;
            rules.concurrency = 256;
            options.queues.push_back({name, rules, std::chrono::hours(24), handler_.get()});
        }
        options.log_error = [](const std::string& text) { std::puts(text.c_str()); };
        auto opened = engines::embedded::Engine::open(std::move(options), clock_, pool_);
        CHECK(opened.has_value());
        return std::move(opened.value());
    }

    StepClock clock_;
    runtime::BlockingPool pool_{1};
    std::unique_ptr<ports::Handler> handler_;
    std::unique_ptr<engines::embedded::Engine> engine_;
    service::Contract contract_;
    std::uint8_t sink_;
    std::vector<core::Answer> answers_;
};

wire::ParsedHead HotPath::stage_parse(std::string_view request) {
    wire::HeadScanner scanner(64 * 1024);
    const auto place = scanner.scan(request);
    CHECK(place.has_value());
    const auto [begin, end] = *place.value();
    auto head = wire::parse_head(request.substr(begin, end - begin));
    CHECK(head.has_value());
    return std::move(head.value());
}

core::event::Submit HotPath::stage_understand(
    const wire::ParsedHead& head, Exchange& exchange, core::WaiterId waiter
) {
    auto plan = contract_.understand(head.request(), {clock_.now(), 1});
    CHECK(std::holds_alternative<service::SubmitPlan>(plan));
    exchange.plan = std::move(std::get<service::SubmitPlan>(plan));
    auto maker = contract_.fingerprint_maker(exchange.plan);
    Body body{exchange.request.substr(exchange.request.size() - head.length), nullptr};
    core::Fingerprint fingerprint{};
    if (maker) {
        maker->update(body.bytes);
        fingerprint = maker->finish();
    }
    return contract_.make_submit(
        exchange.plan, std::move(body), fingerprint, engine_->make_id(), waiter, clock_.now()
    );
}

/// As the front does, but for Date and the socket.
void HotPath::stage_encode(const core::Answer& answer, Exchange& exchange) {
    const wire::Reply reply = contract_.answer(exchange.plan, answer, clock_.now());
    CHECK(reply.status == 200);
    std::string& out = exchange.answer;
    out += "HTTP/1.1 200 OK\r\n";
    out += reply.headers.lines();
    out += "Content-Length: ";
    out += std::to_string(reply.content_length());
    out += "\r\nConnection: keep-alive\r\n\r\n";
    out += reply.body.bytes;
}

void HotPath::run(std::vector<Exchange>& exchanges, std::size_t first, std::size_t last) {
    for (; first < last; first += kGroup) {
        for (std::size_t i = first; i < first + kGroup; ++i) {
            const wire::ParsedHead head = stage_parse(exchanges[i].request);
            engine_->submit(stage_understand(head, exchanges[i], ports::make_waiter_id(sink_, i)));
        }
        engine_->write_now();
        CHECK(answers_.size() == kGroup);
        for (const auto& answer : answers_)
            stage_encode(answer, exchanges[answer.waiter & 0xffff'ffff]);
    }
}

/// Counting begins and ends with this function.
[[gnu::noinline]] void measured(
    HotPath& path, std::vector<Exchange>& exchanges, std::size_t first, std::size_t last
) {
    path.run(exchanges, first, last);
}

}  // namespace
}  // namespace bide::bench

int main(int argc, char** argv) {
    using namespace bide::bench;
    if (argc != 4) {
        std::fputs("usage: hot_path DIRECTORY JOBS plain|keyed\n", stderr);
        return 2;
    }
    const std::size_t jobs = std::strtoul(argv[2], nullptr, 10) / kGroup * kGroup;
    const std::size_t warm_up = 16 * kGroup;
    auto exchanges = make_exchanges(warm_up + jobs, std::string_view(argv[3]) == "keyed");
    HotPath path(argv[1]);
    path.run(exchanges, 0, warm_up);
    measured(path, exchanges, warm_up, warm_up + jobs);
    std::fputs(exchanges.back().answer.c_str(), stdout);
    return 0;
}
