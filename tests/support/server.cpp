#include "support/server.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace bide::test {
namespace {

std::string program(const char* variable, const char* name) {
    if (const char* said = std::getenv(variable)) return said;
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

}  // namespace

std::string bide_program() {
    return program("BIDE_PROGRAM", "bide");
}
std::string demo_program() {
    return program("BIDE_DEMO_PROGRAM", "bide-demo");
}

Server::Server(ServerOptions options) : options_(std::move(options)) {
    data_ = options_.data.empty() ? directory_ / "data" : options_.data;
    start();
}

void Server::start() {
    ProcessOptions process;
    process.argv = {options_.program, "serve", "--listen", options_.listen, "--data", data_};
    // A worker of one's own has no subcommands.
    if (!options_.program.ends_with("/bide")) process.argv.erase(process.argv.begin() + 1);
    if (!options_.config.empty()) {
        write_file(directory_ / "bide.toml", options_.config);
        process.argv.insert(process.argv.end(), {"--config", directory_ / "bide.toml"});
    }
    process.argv.insert(process.argv.end(), options_.flags.begin(), options_.flags.end());
    process.environment = options_.environment;
    process.error_path = directory_ / "stderr";
    process.file_bytes_max = options_.file_bytes_max;
    process.open_files_max = options_.open_files_max;
    process_.reset();
    process_ = std::make_unique<Process>(process);
    const auto line = process_->read_line();
    constexpr std::string_view kReady = "listening on ";
    if (!line || !line->starts_with(kReady))
        throw std::runtime_error("the server does not start:\n" + log());
    address_ = parse_url(line->substr(kReady.size()));
}

Exit Server::stop() {
    signal(SIGTERM);
    return wait();
}

Exit Server::stop_at_once() {
    signal(SIGTERM);
    // Sent right behind the first, the second would be one with it.
    eventually([this] { return refuses_connections(address_); });
    return stop();
}

void Server::kill() {
    signal(SIGKILL);
    wait();
}

std::string Server::log() const {
    return read_file(directory_ / "stderr");
}

}  // namespace bide::test
