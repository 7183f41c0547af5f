#include "apps/http_side.hpp"

#include "apps/workshop.hpp"
#include "cli/units.hpp"
#include "web/documents.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace bide {
namespace {

service::AccessRules access_rules(const cli::Config& config) {
    service::AccessRules rules;
    for (const auto& key : config.keys) {
        service::ApiKey known{key.name, key.hash, {}, key.tenant};
        for (const auto& scope : key.scopes) {
            if (scope == "submit") known.scopes.add(service::Scope::submit);
            if (scope == "read") known.scopes.add(service::Scope::read);
            if (scope == "admin") known.scopes.add(service::Scope::admin);
        }
        rules.keys.push_back(std::move(known));
    }
    rules.anonymous = config.server.anonymous;
    rules.loopback = cli::is_loopback(config.server.host);
    return rules;
}

/// How many of the `descriptors` are for clients.
std::uint64_t descriptors_of_clients(const cli::Config& config, std::uint64_t descriptors) {
    const std::uint64_t reserved = descriptors_reserved(config);
    return descriptors > 2 * reserved ? descriptors - reserved : descriptors / 2;
}

std::uint64_t connections_max(
    const cli::Config& config, std::uint64_t descriptors, std::uint64_t possible
) {
    const std::uint64_t wanted = config.server.connections_max;
    if (wanted > possible)
        spdlog::warn(
            "connections_max {} needs more open files than the limit of {}: using {}",
            wanted,
            descriptors,
            possible
        );
    return wanted == 0 ? possible : std::min(wanted, possible);
}

std::string origin_of(const cli::Config& config, std::uint16_t port) {
    const std::string& host = config.server.host;
    const bool ipv6 = host.find(':') != std::string::npos;
    return std::string(config.server.tls_cert.empty() ? "http://" : "https://") +
           (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

Duration longest_retention(const cli::Config& config) {
    Duration longest{};
    for (const auto& queue : config.queues) longest = std::max(longest, queue.retention);
    return longest;
}

service::ContractRules contract_rules(const cli::Config& config) {
    service::ContractRules rules;
    for (const auto& queue : config.queues) rules.queues.push_back({queue.name, queue.retention});
    // In the order of the engine's queues: last.
    rules.queues.push_back({std::string(service::kBatchQueue), longest_retention(config)});
    rules.default_queue = config.server.default_queue;
    rules.max_wait = config.server.max_wait;
    rules.default_wait = config.server.default_wait;
    rules.at_limit = config.server.at_limit;
    rules.heartbeat = config.server.heartbeat;
    rules.body_bytes_max = config.server.body_max;
    rules.batch_items_max = config.server.batch_items_max;
    rules.cors_origins = config.server.cors_origins;
    rules.access = access_rules(config);
    for (const auto& document : documents()) {
        rules.documents.emplace(
            document.path,
            service::Document{std::string(document.content_type), std::string(document.text)}
        );
    }
    return rules;
}

fronts::http::Options server_options(const cli::Config& config, std::uint64_t descriptors) {
    fronts::http::Options options;
    options.host = config.server.host;
    options.port = config.server.port;
    options.threads = config.server.io_threads == 0
                          ? std::clamp(processors() / 2, 1U, cli::kIoThreadsMax)
                          : config.server.io_threads;
    options.descriptors_max = descriptors_of_clients(config, descriptors);
    options.connections_max = connections_max(config, descriptors, options.descriptors_max);
    options.header_bytes_max = static_cast<std::uint32_t>(config.server.header_max);
    options.header_time_max = config.server.header_time;
    options.body_pause_max = config.server.body_pause;
    options.idle_time_max = config.server.idle_time;
    options.write_time_max = config.server.write_time;
    options.body_pace_min = config.server.body_pace;
    options.body_memory_max = config.server.body_memory_max;
    if (!config.server.tls_cert.empty())
        options.tls = fronts::http::TlsFiles{
            config.server.tls_cert, config.server.tls_key, config.server.http2};
    options.http2 = config.server.http2;
    options.http2_streams_max = config.server.http2_streams_max;
    options.log_error = [](const std::string& text) { spdlog::error(text); };
    return options;
}

void announce_address(const cli::Config& config, std::uint16_t port) {
    std::printf("listening on %s\n", origin_of(config, port).c_str());
    std::fflush(stdout);
}

void announce_dashboard(const cli::Config& config, std::uint16_t port) {
    spdlog::info("dashboard: {}/ui/", origin_of(config, port));
}

}  // namespace bide
