#include "cli/flags.hpp"
#include "cli/key_command.hpp"
#include <bide/worker.hpp>

#include <cstdio>
#include <string>
#include <string_view>

namespace {

constexpr const char* kHelp =
    "bide makes durable batch work answer like a plain HTTP call.\n"
    "\n"
    "  bide serve     hold each POST open until its job is done and stored\n"
    "  bide key       make an API key\n"
    "\n"
    "  bide serve --native echo       a first try; then: curl -d hi http://127.0.0.1:8080/\n"
    "  bide serve --help              all its flags\n"
    "  bide --version\n";

}  // namespace

int main(int argc, char** argv) {
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
    if (command != "serve") {
        std::fprintf(
            stderr,
            "bide: unknown command \"%s\"; there are: serve, key\nRun 'bide --help'.\n",
            std::string(command).c_str()
        );
        return 2;
    }
    std::string name = "bide serve";
    argv[1] = name.data();
    bide::Worker worker;
    return worker.serve(argc - 1, argv + 1);
}
