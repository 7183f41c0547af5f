// bide as a Lambda function: what Lambda invokes, instead of HTTP in or SQS polled.
#include "apps/aws_side.hpp"
#include "apps/function_front.hpp"
#include "apps/serve.hpp"
#include "apps/signals.hpp"
#include "apps/workshop.hpp"
#include "base/environment.hpp"
#include "base/rng.hpp"
#include "base/thaw_clock.hpp"
#include "cli/flags.hpp"
#include "cli/logging.hpp"
#include "clients/lambda_runtime.hpp"
#include "engines/aws/function_worker.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace bide {
namespace {

namespace aws = engines::aws;

using clients::LambdaAnswer;
using clients::LambdaInvocation;
using runtime::Task;

/// Lambda kills half a second after its SIGTERM.
constexpr auto kLastAnswers = std::chrono::milliseconds(200);

/// Between two invocations the process may be frozen. After less than this everybody is still
/// there.
constexpr auto kFrozen = std::chrono::seconds(5);

/// More than Lambda ever asks for.
constexpr std::uint32_t kConcurrencyMax = 1000;

enum class Role : std::uint8_t { front, worker, dead_letters };

Result<Role> parse_role(const std::string& handler) {
    if (handler == "front") return Role::front;
    if (handler == "worker") return Role::worker;
    if (handler == "dead-letter") return Role::dead_letters;
    return Error{
        Code::bad_request,
        Retry::never,
        "the function's handler setting (_HANDLER) must be \"front\", \"worker\" or "
        "\"dead-letter\", not \"" +
            handler + "\""};
}

/// AWS_LAMBDA_MAX_CONCURRENCY; on Lambda itself it is not set.
std::uint32_t parse_concurrency(const std::string& text) {
    std::uint32_t count = 1;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return std::clamp(count, 1U, kConcurrencyMax);
}

/// The parts in the order in which each may use those above it.
class Assembly {
  public:
    explicit Assembly(const Natives& natives) : shop_(natives, clock_) { thread_.start(); }

    /// First, so that Lambda can be told what goes wrong after it.
    void open_runtime();
    Result<void> build(const cli::Config& config, std::stop_token stop);
    /// The exit status.
    int run(Signals& signals);
    void tell_why_not(const Error& why);
    void take_down();

  private:
    Result<void> build_worker(const cli::Config& config, Role role);
    Task<void> serve(std::promise<Result<void>> ended, Signals& signals);
    Task<void> fail_init(Error why, std::promise<void> told);
    Task<void> invoke(LambdaInvocation invocation, LambdaAnswer& answer);
    Task<void> do_it(LambdaInvocation invocation, LambdaAnswer& answer);
    void wake();
    void fall_asleep() noexcept;
    template <class F>
    void on_thread(F what);

    ThawClock clock_;
    Workshop shop_;
    runtime::WorkThread thread_{"bide-aws"};
    std::unique_ptr<clients::LambdaRuntime> runtime_;
    std::unique_ptr<aws::Services> services_;
    std::unique_ptr<FunctionFront> front_;
    std::unique_ptr<aws::FunctionWorker> worker_;
    // The thread's:
    std::uint32_t under_way_ = 0;  ///< invocations
    Time asleep_since_ = clock_.now();
};

template <class F>
void Assembly::on_thread(F what) {
    std::promise<void> done;
    runtime::net::post(thread_.executor(), [&what, &done] {
        what();
        done.set_value();
    });
    done.get_future().wait();
}

void Assembly::open_runtime() {
    clients::LambdaRuntimeOptions options;
    options.address = environment("AWS_LAMBDA_RUNTIME_API");
    options.concurrency = parse_concurrency(environment("AWS_LAMBDA_MAX_CONCURRENCY"));
    options.log = [](const std::string& text) { spdlog::warn(text); };
    on_thread([&] {
        runtime_ = std::make_unique<clients::LambdaRuntime>(
            thread_.executor(), shop_.pool(), clock_, std::move(options)
        );
    });
}

Result<void> Assembly::build(const cli::Config& config, std::stop_token stop) {
    BIDE_TRY(const Role role, parse_role(environment("_HANDLER")));
    if (role == Role::front && config.keys.empty() && !config.server.anonymous) {
        return Error{
            Code::bad_request,
            Retry::never,
            "a front lets others in: make a key with `bide key`, or say anonymous = true in "
            "[server] if everybody may submit and read"};
    }
    BIDE_TRY(shop_.open_passing(config, "function"));
    aws::ServicesOptions options = services_options(config);
    options.give_up = std::move(stop);
    BIDE_TRY(
        services_,
        aws::Services::open(std::move(options), thread_, shop_.pool(), shop_.spool(), clock_)
    );
    if (role != Role::front) return build_worker(config, role);
    BIDE_TRY(front_, FunctionFront::make(config, *services_, thread_, shop_.pool(), clock_));
    return success();
}

Result<void> Assembly::build_worker(const cli::Config& config, Role role) {
    const bool dead = role == Role::dead_letters;
    BIDE_TRY(
        auto options,
        dead ? dead_letter_options(config, *services_) : worker_options(config, shop_, *services_)
    );
    worker_ = std::make_unique<aws::FunctionWorker>(std::move(options), *services_);
    worker_->start();
    return success();
}

void Assembly::wake() {
    if (under_way_++ > 0) return;
    clock_.catch_up();
    if (clock_.now() - asleep_since_ > kFrozen) services_->thawed();
}

void Assembly::fall_asleep() noexcept {
    --under_way_;
    asleep_since_ = clock_.now();
}

Task<void> Assembly::invoke(LambdaInvocation invocation, LambdaAnswer& answer) {
    wake();
    struct Awake {
        Assembly& self;
        ~Awake() { self.fall_asleep(); }
    };
    const Awake awake{*this};
    co_await do_it(std::move(invocation), answer);
}

Task<void> Assembly::do_it(LambdaInvocation invocation, LambdaAnswer& answer) {
    if (front_)
        co_await front_->invoke(std::move(invocation), answer);
    else
        co_await worker_->invoke(std::move(invocation), answer);
}

Task<void> Assembly::serve(std::promise<Result<void>> ended, Signals& signals) {
    clients::LambdaFunction function = [this](LambdaInvocation invocation, LambdaAnswer& answer) {
        return invoke(std::move(invocation), answer);
    };
    ended.set_value(co_await runtime_->serve(std::move(function)));
    signals.wake();
}

int Assembly::run(Signals& signals) {
    std::promise<Result<void>> promise;
    auto ended = promise.get_future();
    runtime::net::co_spawn(
        thread_.executor(),
        serve(std::move(promise), signals),
        [](const std::exception_ptr& failure) {
            if (failure) std::rethrow_exception(failure);
        }
    );
    if (const char* name = signals.wait(); name != nullptr) {
        spdlog::info("{}: stopping", name);
        on_thread([this] { runtime_->stop(); });
        if (ended.wait_for(kLastAnswers) != std::future_status::ready) {
            spdlog::warn("stopping at once, with invocations under way");
            spdlog::shutdown();
            std::_Exit(0);
        }
    }
    const Result<void> result = ended.get();
    if (result.has_value()) return 0;
    spdlog::error("{}", result.error().detail);
    return 1;
}

Task<void> Assembly::fail_init(Error why, std::promise<void> told) {
    const bool config = why.code == Code::bad_request;
    const Result<void> taken = co_await runtime_->fail_init(
        config ? "Runtime.ConfigInvalid" : "Runtime.StartFailed", why.detail
    );
    if (taken.has_error()) spdlog::error("{}", taken.error().detail);
    told.set_value();
}

void Assembly::tell_why_not(const Error& why) {
    spdlog::error("cannot start: {}", why.detail);
    std::promise<void> promise;
    auto told = promise.get_future();
    runtime::net::co_spawn(
        thread_.executor(),
        fail_init(why, std::move(promise)),
        [](const std::exception_ptr& failure) {
            if (failure) std::rethrow_exception(failure);
        }
    );
    told.wait();
}

/// From the last to the first; also after a build that failed half-way.
void Assembly::take_down() {
    if (front_) front_->stop();
    if (worker_) {
        worker_->stop_now();
        worker_->stop();
    }
    on_thread([this] { runtime_.reset(); });  // behind the engine's last answers
    front_.reset();
    shop_.close();  // what handlers still do ends at the worker
    worker_.reset();
    services_.reset();
    thread_.stop();
    thread_.join();
}

}  // namespace

int function(const Natives& natives) {
    const Result<cli::Config> config = cli::read_function_config();
    cli::start_logging(config ? config.value().server.log_level : "info");
    id_hash_seed = os_random();
    Signals signals;
    Assembly assembly(natives);
    assembly.open_runtime();
    Result<void> built = success();
    if (config) {
        built = signals.watch([&](std::stop_token stop) {
            return assembly.build(config.value(), std::move(stop));
        });
    } else {
        built = config.error();
    }
    int status = 1;
    if (built.has_error())
        assembly.tell_why_not(built.error());
    else
        status = assembly.run(signals);
    assembly.take_down();
    return status;
}

}  // namespace bide
