#include "apps/serve.hpp"
#include "cli/flags.hpp"
#include "cli/key_command.hpp"
#include <bide/worker.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

namespace {

constexpr const char* kHelp =
    "bide makes durable batch work answer like a plain HTTP call.\n"
    "\n"
    "  bide serve     hold each POST open until its job is done and stored\n"
    "  bide front     the same, with the jobs in SQS and the results in S3\n"
    "  bide worker    do the jobs of fronts; as many as wanted\n"
    "  bide doctor    look whether fronts and workers have what they need\n"
    "  bide key       make an API key\n"
    "\n"
    "  bide serve --native echo       a first try; then: curl -d hi http://127.0.0.1:8080/\n"
    "  bide serve --help              all its flags\n"
    "  bide --version\n";

using bide::cli::Program;

int with_config(int argc, char** argv, Program program, int (*run)(const bide::cli::Config&)) {
    const auto config = bide::cli::read_config(argc, argv, argv[0], program);
    if (const auto* exit = std::get_if<bide::cli::Exit>(&config)) return exit->status;
    return run(std::get<bide::cli::Config>(config));
}

}  // namespace

int main(int argc, char** argv) {
    // Lambda starts it so.
    if (argc < 2 && std::getenv("AWS_LAMBDA_RUNTIME_API") != nullptr)
        return bide::Worker().function();
    const std::string_view command = argc > 1 ? argv[1] : "--help";
    if (command == "--help" || command == "-h" || command == "help") {
        std::fputs(kHelp, stdout);
        return argc > 1 ? 0 : 2;
    }
    if (command == "--version") {
        std::printf("bide %s\n", bide::cli::kVersion);
        return 0;
    }
    if (command == "key") return bide::cli::key_command(argc - 1, argv + 1);
    std::string name = "bide " + std::string(command);
    argv[1] = name.data();
    bide::Worker worker;
    if (name == "bide serve") return worker.serve(argc - 1, argv + 1);
    if (name == "bide worker") return worker.work(argc - 1, argv + 1);
    if (name == "bide front") return with_config(argc - 1, argv + 1, Program::front, bide::front);
    if (name == "bide doctor")
        return with_config(argc - 1, argv + 1, Program::doctor, bide::examine);
    std::fprintf(
        stderr,
        "bide: unknown command \"%s\"; there are: serve, front, worker, doctor, key\n"
        "Run 'bide --help'.\n",
        std::string(command).c_str()
    );
    return 2;
}
