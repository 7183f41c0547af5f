#include "cli/config_file.hpp"

#include "cli/config_value.hpp"
#include "cli/units.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

namespace bide::cli {
namespace {

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

template <class Target>
struct Key {
    std::string_view name;
    Result<void> (*set)(const Value&, Target&);
};

/// Key{"name", read<&Value::duration, &ServerConfig::max_wait>}: read so, put there.
template <auto Read, auto Member>
struct Into {
    template <class Target>
    static Result<void> set(const Value& value, Target& target) {
        BIDE_TRY(target.*Member, (value.*Read)());
        return success();
    }
};

Result<void> set_listen(const Value& value, ServerConfig& server) {
    BIDE_TRY(const std::string text, value.text());
    BIDE_TRY(const Address address, parse_address(text));
    server.host = address.host;
    server.port = address.port;
    return success();
}

Result<void> set_handler(
    HandlerConfig& handler, HandlerConfig::Kind kind, std::vector<std::string> argv
) {
    if (handler.kind != HandlerConfig::Kind::none)
        return bad("a queue has one handler: exec, pool, lambda, http or native");
    handler.kind = kind;
    handler.argv = std::move(argv);
    return success();
}

using S = ServerConfig;
using Q = QueueConfig;

constexpr Key<S> kServerKeys[] = {
    {"listen", set_listen},
    {"data", Into<&Value::text, &S::data>::set},
    {"default_queue",
     [](const Value& v, S& s) -> Result<void> {
         BIDE_TRY(s.default_queue, v.text());
         s.default_queue_place = v.place();
         return success();
     }},
    {"io_threads",
     [](const Value& v, S& s) -> Result<void> {
         BIDE_TRY(s.io_threads, v.number<std::uint32_t>(1, kIoThreadsMax));
         return success();
     }},
    {"connections_max",
     [](const Value& v, S& s) -> Result<void> {
         BIDE_TRY(s.connections_max, v.number<std::uint32_t>(1));
         return success();
     }},
    {"max_wait", Into<&Value::duration, &S::max_wait>::set},
    {"default_wait", Into<&Value::duration, &S::default_wait>::set},
    {"at_limit", Into<&Value::at_limit, &S::at_limit>::set},
    {"heartbeat", Into<&Value::span, &S::heartbeat>::set},
    {"batch_items_max",
     [](const Value& v, S& s) -> Result<void> {
         BIDE_TRY(s.batch_items_max, v.number<std::uint64_t>(1));
         return success();
     }},
    {"cors_origins", Into<&Value::origins, &S::cors_origins>::set},
    {"anonymous", Into<&Value::flag, &S::anonymous>::set},
    {"drain_time", Into<&Value::duration, &S::drain_time>::set},
    {"header_time", Into<&Value::span, &S::header_time>::set},
    {"body_pause", Into<&Value::span, &S::body_pause>::set},
    {"idle_time", Into<&Value::span, &S::idle_time>::set},
    {"write_time", Into<&Value::span, &S::write_time>::set},
    {"body_max", Into<&Value::bytes, &S::body_max>::set},
    {"header_max", Into<&Value::header_max, &S::header_max>::set},
    {"inline_max", Into<&Value::inline_max, &S::inline_max>::set},
    {"memory_max", Into<&Value::bytes, &S::memory_max>::set},
    {"waiters_max",
     [](const Value& v, S& s) -> Result<void> {
         BIDE_TRY(s.waiters_max, v.number<std::uint64_t>(1));
         return success();
     }},
    {"body_memory_max", Into<&Value::bytes, &S::body_memory_max>::set},
    {"body_pace", Into<&Value::bytes, &S::body_pace>::set},
    {"tls_cert", Into<&Value::path, &S::tls_cert>::set},
    {"tls_key", Into<&Value::path, &S::tls_key>::set},
    {"http2", Into<&Value::flag, &S::http2>::set},
    {"http2_streams_max",
     [](const Value& v, S& s) -> Result<void> {
         BIDE_TRY(s.http2_streams_max, v.number<std::uint32_t>(1));
         return success();
     }},
    {"log_level", Into<&Value::log_level, &S::log_level>::set},
};

template <auto Read, auto Member>
Result<void> into_handler(const Value& value, Q& queue) {
    return Into<Read, Member>::set(value, queue.handler);
}

template <auto Member, class T>
Result<void> number_into_handler(const Value& value, Q& queue) {
    BIDE_TRY(queue.handler.*Member, value.number<T>(T{1}));
    return success();
}

constexpr Key<Q> kQueueKeys[] = {
    {"exec",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(auto argv, v.command());
         return set_handler(q.handler, HandlerConfig::Kind::exec, std::move(argv));
     }},
    {"pool",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(auto argv, v.command());
         return set_handler(q.handler, HandlerConfig::Kind::pool, std::move(argv));
     }},
    {"lambda",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(auto argv, v.command());
         return set_handler(q.handler, HandlerConfig::Kind::lambda, std::move(argv));
     }},
    {"lambda_handler", into_handler<&Value::text, &HandlerConfig::lambda_handler>},
    {"http",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.handler.url, v.text());
         return set_handler(q.handler, HandlerConfig::Kind::http, {});
     }},
    {"http_headers", into_handler<&Value::headers, &HandlerConfig::http_headers>},
    {"http_connections", number_into_handler<&HandlerConfig::http_connections, std::uint32_t>},
    {"http2", into_handler<&Value::flag, &HandlerConfig::http2>},
    {"http_ca", into_handler<&Value::path, &HandlerConfig::http_ca>},
    {"http_connect_timeout", into_handler<&Value::span, &HandlerConfig::http_connect_time>},
    {"native",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.handler.native, v.text());
         return set_handler(q.handler, HandlerConfig::Kind::native, {});
     }},
    {"content_type", into_handler<&Value::text, &HandlerConfig::content_type>},
    {"environment", into_handler<&Value::texts, &HandlerConfig::environment>},
    {"directory", into_handler<&Value::path, &HandlerConfig::working_directory>},
    {"grace", into_handler<&Value::duration, &HandlerConfig::grace>},
    {"memory_max", into_handler<&Value::bytes, &HandlerConfig::memory_bytes_max>},
    {"output_max", into_handler<&Value::output_max, &HandlerConfig::output_bytes_max>},
    {"cpu_seconds_max", number_into_handler<&HandlerConfig::cpu_seconds_max, std::uint64_t>},
    {"files_max", number_into_handler<&HandlerConfig::files_max, std::uint64_t>},
    {"processes", number_into_handler<&HandlerConfig::processes, std::uint32_t>},
    {"in_flight", number_into_handler<&HandlerConfig::in_flight, std::uint32_t>},
    {"batch",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.handler.batch, v.number<std::uint32_t>(1));
         if (q.handler.batch <= kBatchMax) return success();
         return bad("must be at most " + std::to_string(kBatchMax));
     }},
    {"batch_window", into_handler<&Value::duration, &HandlerConfig::batch_window>},
    {"concurrency",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.concurrency, v.number<std::uint32_t>(1));
         return success();
     }},
    {"depth_max",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.rules.depth_max, v.number<std::uint64_t>(1));
         return success();
     }},
    {"bytes_max",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.rules.bytes_max, v.bytes());
         return success();
     }},
    {"timeout",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.rules.timeout, v.span());
         return success();
     }},
    {"attempts",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.rules.retry.attempts_max, v.number<std::uint32_t>(1));
         return success();
     }},
    {"backoff",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.rules.retry.backoff_base, v.duration());
         return success();
     }},
    {"backoff_max",
     [](const Value& v, Q& q) -> Result<void> {
         BIDE_TRY(q.rules.retry.backoff_max, v.duration());
         return success();
     }},
    {"retention", Into<&Value::duration, &Q::retention>::set},
    {"sqs", Into<&Value::text, &Q::sqs>::set},
    {"dead_letters", Into<&Value::text, &Q::dead_letters>::set},
};

constexpr unsigned kinds_of(std::initializer_list<HandlerConfig::Kind> kinds) {
    unsigned bits = 0;
    for (const auto kind : kinds) bits |= 1U << static_cast<unsigned>(kind);
    return bits;
}

using K = HandlerConfig::Kind;
constexpr unsigned kCommands = kinds_of({K::exec, K::pool, K::lambda});

struct KindsOfKey {
    std::string_view key;
    unsigned kinds;
};

/// The keys that only some kinds of handlers take. batch has its own rules (check_batch), and
/// content_type does no harm with any: files made by deploy/terraform always have it.
constexpr KindsOfKey kKindsOfKeys[] = {
    {"lambda_handler", kinds_of({K::lambda})},
    {"http_headers", kinds_of({K::http})},
    {"http_connections", kinds_of({K::http})},
    {"http2", kinds_of({K::http})},
    {"http_ca", kinds_of({K::http})},
    {"http_connect_timeout", kinds_of({K::http})},
    {"environment", kCommands},
    {"directory", kCommands},
    {"grace", kCommands},
    {"memory_max", kCommands},
    {"output_max", kCommands | kinds_of({K::http})},
    {"cpu_seconds_max", kCommands},
    {"files_max", kCommands},
    {"processes", kCommands},
    {"in_flight", kinds_of({K::pool})},
};

/// "exec, pool and lambda"
std::string names_of(unsigned kinds) {
    constexpr std::array<std::string_view, 6> kNames{
        "none", "exec", "pool", "lambda", "http", "native"};
    std::string text;
    for (unsigned i = 0; i < kNames.size(); ++i) {
        if ((kinds & 1U << i) == 0) continue;
        const bool last = kinds >> (i + 1) == 0;
        if (!text.empty()) text += last ? " and " : ", ";
        text += kNames.at(i);
    }
    return text;
}

using A = AwsConfig;

constexpr Key<A> kAwsKeys[] = {
    {"region", Into<&Value::text, &A::region>::set},
    {"profile", Into<&Value::text, &A::profile>::set},
    {"bucket",
     [](const Value& v, A& a) -> Result<void> {
         BIDE_TRY(a.incoming_bucket, v.text());
         a.outgoing_bucket = a.incoming_bucket;
         return success();
     }},
    {"incoming_bucket", Into<&Value::text, &A::incoming_bucket>::set},
    {"outgoing_bucket", Into<&Value::text, &A::outgoing_bucket>::set},
    {"redis", Into<&Value::text, &A::redis>::set},
    {"redis_ca", Into<&Value::path, &A::redis_ca>::set},
    {"redis_iam", Into<&Value::text, &A::redis_iam>::set},
    {"redis_serverless", Into<&Value::flag, &A::redis_serverless>::set},
    {"batches", Into<&Value::text, &A::batches>::set},
    {"lease",
     [](const Value& v, A& a) -> Result<void> {
         BIDE_TRY(a.lease, v.duration());
         if (a.lease >= std::chrono::seconds(1) && a.lease <= std::chrono::hours(11))
             return success();
         return bad("must be 1s to 11h");
     }},
    {"inline_max",
     [](const Value& v, A& a) -> Result<void> {
         BIDE_TRY(a.inline_max, v.bytes());
         if (a.inline_max <= 1'000'000) return success();
         return bad("must be at most 1000000: SQS takes 1 MiB as one message");
     }},
    {"worker_listen",
     [](const Value& v, A& a) -> Result<void> {
         BIDE_TRY(a.worker_listen, v.text());
         BIDE_TRY(parse_address(a.worker_listen));
         return success();
     }},
};

using L = LambdaConfig;

constexpr Key<L> kLambdaKeys[] = {
    {"streaming", Into<&Value::flag, &L::streaming>::set},
    {"idle_limit", Into<&Value::duration, &L::idle_limit>::set},
    {"whitespace", Into<&Value::flag, &L::whitespace>::set},
};

using T = core::TenantRules;

constexpr Key<T> kTenantKeys[] = {
    {"weight", Into<&Value::weight, &T::weight>::set},
    {"rate", Into<&Value::rate, &T::rate>::set},
    {"burst",
     [](const Value& v, T& t) -> Result<void> {
         BIDE_TRY(t.burst, v.number<std::uint32_t>(1));
         return success();
     }},
    {"concurrency",
     [](const Value& v, T& t) -> Result<void> {
         BIDE_TRY(t.concurrency, v.number<std::uint32_t>(1));
         return success();
     }},
    {"depth_max",
     [](const Value& v, T& t) -> Result<void> {
         BIDE_TRY(t.depth_max, v.number<std::uint64_t>(1));
         return success();
     }},
};

constexpr Key<KeyConfig> kKeyKeys[] = {
    {"hash", Into<&Value::hash, &KeyConfig::hash>::set},
    {"scopes", Into<&Value::scopes, &KeyConfig::scopes>::set},
    {"tenant",
     [](const Value& v, KeyConfig& k) -> Result<void> {
         BIDE_TRY(k.tenant, v.text());
         return check_tenant_name(k.tenant);
     }},
};

constexpr std::array<std::string_view, 6> kSections{
    "server", "queues", "keys", "tenants", "aws", "lambda"};

template <class Target>
std::vector<std::string_view> names(std::span<const Key<Target>> keys) {
    std::vector<std::string_view> all;
    for (const auto& key : keys) all.push_back(key.name);
    return all;
}

class Reader {
  public:
    /// `path`: what errors call it.
    Reader(std::string path, std::filesystem::path directory, Program program)
        : path_(std::move(path)), program_(program), directory_(std::move(directory)) {}

    Result<void> all(std::string_view text, Config& config) const;

    template <class Target>
    Result<void> table(const toml::table& table, std::span<const Key<Target>> keys, Target& target)
        const {
        for (const auto& [key, node] : table) {
            const auto* known = find(keys, key.str());
            if (known == nullptr) return unknown(key, names(keys));
            const Result<void> set = known->set({node, directory_, path_}, target);
            if (set.has_error())
                return at(node.source(), std::string(key.str()) + ": " + set.error().detail);
        }
        return success();
    }

    Result<void> queues(const toml::table& table, Config& config) const {
        for (const auto& [key, node] : table) {
            const Result<void> good = check_queue_name(key.str());
            if (good.has_error()) return at(key.source(), good.error().detail);
            const auto* entries = node.as_table();
            if (entries == nullptr)
                return at(
                    node.source(), "a queue is a table: [queues." + std::string(key.str()) + "]"
                );
            QueueConfig queue;
            queue.name = key.str();
            BIDE_TRY(this->table<QueueConfig>(*entries, kQueueKeys, queue));
            const bool needs_handler = program_ == Program::serve || program_ == Program::worker;
            if (needs_handler && queue.handler.kind == HandlerConfig::Kind::none) {
                return at(
                    node.source(),
                    "queue " + queue.name +
                        " has no handler: add exec, pool, lambda, http or native"
                );
            }
            BIDE_TRY(check_kind(*entries, queue.handler));
            BIDE_TRY(check_batch(node, queue));
            if (program_ != Program::serve && queue.sqs.empty()) {
                return at(
                    node.source(),
                    "queue " + queue.name +
                        " names no SQS queue: add sqs = \"https://sqs...\" (its URL) or its name"
                );
            }
            config.queues.push_back(std::move(queue));
        }
        return success();
    }

    Result<void> tenants(const toml::table& table, Config& config) const {
        for (const auto& [key, node] : table) {
            const bool others = key.str() == "*";
            const Result<void> good = others ? success() : check_tenant_name(key.str());
            if (good.has_error()) return at(key.source(), good.error().detail);
            BIDE_TRY(const auto* entries, entries_of(key, node, "tenants"));
            core::TenantRules& rules =
                others ? config.tenancy.others : config.tenancy.named[std::string(key.str())];
            BIDE_TRY(this->table<core::TenantRules>(*entries, kTenantKeys, rules));
            // A second's worth, unless it says how much.
            if (rules.rate > 0 && !entries->contains("burst"))
                rules.burst = static_cast<std::uint32_t>(std::max(1.0, rules.rate));
        }
        return success();
    }

    Result<void> keys(const toml::table& table, Config& config) const {
        for (const auto& [key, node] : table) {
            BIDE_TRY(const auto* entries, entries_of(key, node, "keys"));
            KeyConfig made;
            made.name = key.str();
            BIDE_TRY(this->table<KeyConfig>(*entries, kKeyKeys, made));
            if (!entries->contains("hash") || !entries->contains("scopes"))
                return at(
                    node.source(), "key " + made.name + " needs hash and scopes; see `bide key`"
                );
            config.keys.push_back(std::move(made));
        }
        return success();
    }

    Error at(const toml::source_region& place, const std::string& what) const {
        return bad(path_ + ":" + std::to_string(place.begin.line) + ": " + what);
    }

    Error unknown(const toml::key& key, const std::vector<std::string_view>& known) const {
        const std::string near = nearest(key.str(), known);
        return at(
            key.source(),
            "unknown key \"" + std::string(key.str()) + "\"" +
                (near.empty() ? "" : "; did you mean \"" + near + "\"?")
        );
    }

  private:
    /// Keys that its kind of handler would pass over in silence. Without a handler, as of a front,
    /// none is looked at.
    Result<void> check_kind(const toml::table& entries, const HandlerConfig& handler) const {
        if (handler.kind == K::none) return success();
        const unsigned kind = kinds_of({handler.kind});
        for (const auto& [key, kinds] : kKindsOfKeys) {
            const auto* node = entries.get(key);
            if (node == nullptr) continue;
            const bool unbatched =
                key == "processes" && handler.kind == K::exec && handler.batch == 1;
            if ((kinds & kind) != 0 && !unbatched) continue;
            return at(
                node->source(),
                std::string(key) + ": is for " +
                    (unbatched ? "pool, lambda and exec with batch" : names_of(kinds)) +
                    ", not for " + names_of(kind)
            );
        }
        return success();
    }

    Result<void> check_batch(const toml::node& node, const QueueConfig& queue) const {
        using Kind = HandlerConfig::Kind;
        const HandlerConfig& handler = queue.handler;
        const std::string name = "queue " + queue.name + ": ";
        if (handler.batch == 1) {
            if (handler.batch_window == Duration(0)) return success();
            return at(node.source(), name + "batch_window is of use with batch only");
        }
        if (handler.kind == Kind::pool)
            return at(node.source(), name + "a pool has in_flight for what batch is");
        if (handler.kind != Kind::exec && handler.kind != Kind::lambda &&
            handler.kind != Kind::none)
            return at(node.source(), name + "batch is for exec and lambda");
        if (handler.batch_window >= queue.rules.timeout)
            return at(node.source(), name + "batch_window counts against timeout: it must be less");
        if (queue.concurrency.value_or(handler.batch) >= handler.batch) return success();
        return at(node.source(), name + "concurrency is less than batch: none would ever be full");
    }

    Result<const toml::table*> entries_of(
        const toml::key& key, const toml::node& node, const std::string& section
    ) const {
        if (const auto* entries = node.as_table()) return entries;
        return at(
            node.source(), "must be a table: [" + section + "." + std::string(key.str()) + "]"
        );
    }

    template <class Target>
    static const Key<Target>* find(std::span<const Key<Target>> keys, std::string_view name) {
        for (const auto& key : keys) {
            if (key.name == name) return &key;
        }
        return nullptr;
    }

    std::string path_;
    Program program_;
    std::filesystem::path directory_;
};

Result<void> Reader::all(std::string_view text, Config& config) const {
    toml::table file;
    try {
        file = toml::parse(text);
    } catch (const toml::parse_error& failure) {
        const auto line = failure.source().begin.line;
        return bad(
            path_ + (line > 0 ? ":" + std::to_string(line) : "") + ": " +
            std::string(failure.description())
        );
    }
    for (const auto& [key, node] : file) {
        const auto* table = node.as_table();
        const std::string_view name = key.str();
        if (std::ranges::find(kSections, name) == kSections.end())
            return unknown(key, config_sections());
        if (table == nullptr) return at(node.source(), "[" + std::string(name) + "] is a table");
        Result<void> read = success();
        if (name == "server") read = this->table<ServerConfig>(*table, kServerKeys, config.server);
        if (name == "queues") read = queues(*table, config);
        if (name == "aws") read = this->table<AwsConfig>(*table, kAwsKeys, config.aws);
        if (name == "lambda") read = this->table<LambdaConfig>(*table, kLambdaKeys, config.lambda);
        if (name == "keys") read = keys(*table, config);
        if (name == "tenants") read = tenants(*table, config);
        BIDE_TRY(std::move(read));
    }
    return success();
}

}  // namespace

Result<void> read_config_file(const std::string& path, Config& config, Program program) {
    // Reading one would find it empty.
    if (std::filesystem::is_directory(path)) return bad(path + " is a directory, not a file");
    std::ifstream file(path, std::ios::binary);
    if (!file) return bad(path + ": cannot be opened for reading");
    std::ostringstream text;
    text << file.rdbuf();
    const Reader reader(path, std::filesystem::absolute(path).parent_path(), program);
    return reader.all(text.str(), config);
}

Result<void> read_config_text(
    std::string_view text, const ConfigTextOrigin& origin, Config& config, Program program
) {
    return Reader(origin.name, origin.directory, program).all(text, config);
}

std::vector<std::string_view> config_sections() {
    return {kSections.begin(), kSections.end()};
}

std::vector<std::string_view> config_keys(std::string_view section) {
    if (section == "server") return names<S>(kServerKeys);
    if (section == "queues") return names<Q>(kQueueKeys);
    if (section == "aws") return names<A>(kAwsKeys);
    if (section == "lambda") return names<L>(kLambdaKeys);
    if (section == "tenants") return names<T>(kTenantKeys);
    if (section == "keys") return names<KeyConfig>(kKeyKeys);
    return {};
}

}  // namespace bide::cli
