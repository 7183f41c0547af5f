// Loads a real server in one of several ways and says how it fared; docs/performance.md has
// figures. Starts the server itself: the program `bide` beside this one.
#include "load/scenes.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <functional>

int main(int argc, char** argv) {
    using namespace bide::load;
    Options options;
    std::function<int(const Options&)> scene;
    CLI::App app("Loads a server and says how it fared.");
    app.require_subcommand(1);
    app.fallthrough();
    const auto add = [&](const char* name, const char* what, int (*run)(const Options&)) {
        app.add_subcommand(name, what)->callback([&scene, run] { scene = run; });
    };
    add("overload", "ten times the capacity of a queue", overload);
    add("trickle", "connections that send their heads byte by byte", trickle);
    add("waiters", "as many callers waiting as descriptors allow", waiters);
    add("streams", "200,000 callers waiting on 1,000 connections of HTTP/2", streams);
    add("bulk", "large bodies", bulk);
    app.add_option("--seconds", options.seconds, "how long to load [60]");
    app.add_option("--count", options.count, "connections or waiters");
    app.add_option("--size", options.size, "of a large body [5GiB]");
    app.add_flag("--strict", options.strict, "fail when figures miss what a quiet machine reaches");
    CLI11_PARSE(app, argc, argv);
    try {
        return scene(options);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}
