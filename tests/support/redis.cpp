#include "support/redis.hpp"

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace bide::test {
namespace {

/// One that the kernel thinks free. Until the server takes it somebody else may: then try another.
std::uint16_t free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    const bool bound = ::bind(probe, raw, size) == 0 && ::getsockname(probe, raw, &size) == 0;
    ::close(probe);
    if (!bound) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
}

void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"});
    arguments.insert(arguments.end(), {"-days", "2", "-nodes", "-subj", "/CN=bide test"});
    ProcessOptions options;
    options.argv = std::move(arguments);
    const Ran ran = run(options);
    if (ran.exit.status != 0) throw std::runtime_error("openssl: " + ran.error);
}

}  // namespace

bool has_redis() {
    ProcessOptions options;
    options.argv = {"redis-server", "--version"};
    static const bool has = run(options).exit.status == 0;
    return has;
}

TlsFiles::TlsFiles(const TempDir& directory)
    : ca(directory / "ca.pem"), certificate(directory / "cert.pem"), key(directory / "key.pem") {
    const std::string curve = "ec_paramgen_curve:prime256v1";
    const std::string ca_key = directory / "ca.key";
    openssl({curve, "-keyout", ca_key, "-out", ca});
    openssl(
        {curve,
         "-CA",
         ca,
         "-CAkey",
         ca_key,
         "-addext",
         "basicConstraints=critical,CA:FALSE",
         "-addext",
         "subjectAltName=IP:127.0.0.1",
         "-keyout",
         key,
         "-out",
         certificate}
    );
}

RedisServer::RedisServer(RedisServerOptions options) : options_(std::move(options)) {
    std::string said;
    for (int tries = 0; tries < 5; ++tries) {
        port_ = free_port();
        if (try_start(said)) return;
    }
    throw std::runtime_error("redis-server does not start:\n" + said);
}

std::string RedisServer::url(const std::string& who) const {
    return (options_.tls != nullptr ? "rediss://" : "redis://") + who +
           "127.0.0.1:" + std::to_string(port_);
}

void RedisServer::kill() {
    signal(SIGKILL);
    process_->wait();
}

void RedisServer::start() {
    std::string said;
    if (!try_start(said)) throw std::runtime_error("redis-server does not start:\n" + said);
}

bool RedisServer::try_start(std::string& said) {
    const std::string port = std::to_string(port_);
    ProcessOptions process;
    process.argv = {
        "redis-server", "--bind", "127.0.0.1", "--dir", directory_.path(), "--save", "", "--port"};
    if (options_.tls == nullptr) {
        process.argv.push_back(port);
    } else {
        const std::array<std::string, 11> tls{
            "0",
            "--tls-port",
            port,
            "--tls-cert-file",
            options_.tls->certificate,
            "--tls-key-file",
            options_.tls->key,
            "--tls-ca-cert-file",
            options_.tls->ca,
            "--tls-auth-clients",
            "no"};
        process.argv.insert(process.argv.end(), tls.begin(), tls.end());
    }
    process.argv.insert(process.argv.end(), options_.flags.begin(), options_.flags.end());
    process_ = std::make_unique<Process>(process);
    while (const auto line = process_->read_line()) {
        said += *line + "\n";
        if (line->find("Ready to accept connections") != std::string::npos) return true;
    }
    return false;
}

}  // namespace bide::test
