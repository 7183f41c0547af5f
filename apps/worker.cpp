#include "apps/serve.hpp"
#include "base/check.hpp"
#include "cli/flags.hpp"
#include "handlers/native/native.hpp"
#include <bide/worker.hpp>

#include <utility>
#include <variant>

namespace bide {

struct Worker::Impl {
    Natives natives;

    bool has(const std::string& name) const {
        return natives.blocking.contains(name) || natives.async.contains(name);
    }
};

Worker::Worker() : impl_(std::make_unique<Impl>()) {
    handle_async("echo", native::echo());
    handle_async("sleep", native::sleep());
}

Worker::~Worker() = default;

void Worker::handle(std::string name, Function function) {
    CHECK(!impl_->has(name));
    impl_->natives.blocking.emplace(std::move(name), std::move(function));
}

void Worker::handle_async(std::string name, AsyncFunction function) {
    CHECK(!impl_->has(name));
    impl_->natives.async.emplace(std::move(name), std::move(function));
}

int Worker::serve(int argc, char** argv) {
    const auto config = cli::read_config(argc, argv, argv[0]);
    if (const auto* exit = std::get_if<cli::Exit>(&config)) return exit->status;
    return bide::serve(std::get<cli::Config>(config), impl_->natives);
}

int Worker::work(int argc, char** argv) {
    const auto config = cli::read_config(argc, argv, argv[0], cli::Program::worker);
    if (const auto* exit = std::get_if<cli::Exit>(&config)) return exit->status;
    return bide::work(std::get<cli::Config>(config), impl_->natives);
}

int Worker::function() {
    return bide::function(impl_->natives);
}

}  // namespace bide
