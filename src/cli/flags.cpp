#include "cli/flags.hpp"

#include "base/environment.hpp"
#include "cli/config_file.hpp"
#include "cli/units.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::cli {
namespace {

constexpr int kUsageStatus = 2;

/// Where a Lambda function can write.
constexpr const char* kFunctionData = "/tmp/bide";

constexpr const char* kFooter = R"(
One queue from flags:
  bide serve --exec 'espeak-ng --stdin --stdout' --content-type audio/wav
  curl -d 'hello' http://127.0.0.1:8080/ -o hello.wav
As many as wanted from a file (docs/configuration.md):
  bide serve --config bide.toml

When ready it prints one line "listening on http://HOST:PORT" on stdout. Logs go to stderr.
SIGTERM and Ctrl-C drain: nothing new is accepted, what runs may finish (drain_time), the rest
stays stored for the next start. A second signal stops at once.

Exit status: 0 after a drain, 1 when it cannot start, 2 for wrong flags or configuration.)";

constexpr const char* kFrontFooter = R"(
A front of jobs that are done elsewhere: POSTs become SQS messages, `bide worker` processes do them
and put the results into S3, and the answer leaves when it is there. The file says where everything
is (docs/aws.md), and may be the same as the workers':
  [aws]
  bucket = "my-jobs"
  redis = "rediss://cache.example:6379"
  [queues.thumbnail]
  sqs = "thumbnail"
  exec = ["vips", "thumbnail", "stdin", ".jpg", "200"]
  bide doctor --config bide.toml        does everything stand as it should?

When ready it prints one line "listening on http://HOST:PORT" on stdout. Logs go to stderr.
SIGTERM and Ctrl-C drain: nothing new is accepted, who waits is told the job's address.

Exit status: 0 after a drain, 1 when it cannot start, 2 for wrong flags or configuration.)";

constexpr const char* kWorkerFooter = R"(
Takes jobs from the SQS queues that the file names, has them done by the handlers it names, and puts
the results into S3 (docs/aws.md). Start as many as wanted, where you like.

When ready it prints one line "receiving from N queues" on stdout. Logs go to stderr.
SIGTERM and Ctrl-C drain: what runs may finish (drain_time), the rest goes back to its queue.

Exit status: 0 after a drain, 1 when it cannot start, 2 for wrong flags or configuration.)";

constexpr const char* kDoctorFooter = R"(
Looks at everything that fronts and workers with this file need: credentials, clock, queues and their
attributes, buckets, cache. Prints a line for each on stdout: "ok", "skip" (could not be looked at,
and need not be), "warn" (works, but not as it should) or "FAIL" (jobs would be lost, refused or never
answered), what was found, and how to mend it. Run it with the credentials of a front or a worker, and
--as that, to see whether they suffice.

Nothing is sent to a queue or received from it. One small object, PREFIX/doctor/ID, is written below
each prefix of the buckets and removed; a key of the cache goes by itself within a minute.

Exit status: 0 when nothing has to be mended, 1 when something has, 2 for wrong flags or
configuration.)";

/// What a flag or its variable said.
struct Said {
    std::optional<std::string> text;  ///< empty: nothing
    std::string by;                   ///< "--max-wait" or "BIDE_MAX_WAIT"

    explicit operator bool() const { return text.has_value(); }
    const std::string& operator*() const { return *text; }
    std::string value_or(std::string other) const { return text.value_or(std::move(other)); }

    /// By one of the parsers of units.hpp. The error names the flag or the variable.
    template <class Parse>
    auto parsed(Parse parse) const -> decltype(parse(std::string_view())) {
        auto result = parse(std::string_view(*text));
        if (!result.has_error()) return result;
        Error error = result.error();
        error.detail = by + ": " + error.detail;
        return error;
    }
};

/// What flags and environment said.
struct Flags {
    Said config, listen, data, log_level, max_wait, io_threads, as;
    Said queue, exec, pool, lambda, http, native, content_type;
    Said concurrency, timeout, attempts, retention;
    bool anonymous = false;
    std::vector<std::pair<CLI::Option*, Said*>> declared;
};

/// Of "--max-wait": BIDE_MAX_WAIT.
std::string variable_of(std::string_view flag) {
    std::string variable = "BIDE_" + std::string(flag.substr(2));
    std::transform(variable.begin(), variable.end(), variable.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return variable;
}

/// All are taken as texts: what the library says of a wrong number is not for people.
CLI::Option* option(CLI::App& app, Flags& flags, const char* flag, Said& said, const char* help) {
    CLI::Option* made = app.add_option(flag, said.text, help)->envname(variable_of(flag));
    flags.declared.emplace_back(made, &said);
    return made;
}

/// Afterwards each knows whether it comes from a flag or from a variable.
void name_sources(const CLI::App& app, Flags& flags) {
    const auto& given = app.parse_order();
    for (auto& [made, said] : flags.declared) {
        const std::string flag = made->get_name();
        said->by = std::ranges::find(given, made) == given.end() ? variable_of(flag) : flag;
    }
}

void declare_queue(CLI::App& app, Flags& flags) {
    const std::string queue = "One queue";
    option(app, flags, "--queue", flags.queue, "its name [default]")
        ->type_name("NAME")
        ->group(queue);
    auto* exec = option(
        app, flags, "--exec", flags.exec, "a process per job: body on stdin, result on stdout"
    );
    auto* pool = option(
        app, flags, "--pool", flags.pool, "long-lived processes that take jobs as JSON lines"
    );
    auto* lambda = option(app, flags, "--lambda", flags.lambda, "a Lambda function: its bootstrap");
    auto* native = option(
        app, flags, "--native", flags.native, "a handler in this program: echo, sleep, or your own"
    );
    auto* http =
        option(app, flags, "--http", flags.http, "a URL that each job is forwarded to by POST");
    for (auto* command : {exec, pool, lambda}) command->type_name("'CMD ARGS'");
    http->type_name("URL");
    native->type_name("NAME");
    const std::array kinds{exec, pool, lambda, http, native};
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        kinds.at(i)->group(queue);
        for (std::size_t j = i + 1; j < kinds.size(); ++j) kinds.at(i)->excludes(kinds.at(j));
    }
    option(app, flags, "--content-type", flags.content_type, "of results that name none themselves")
        ->type_name("TYPE")
        ->group(queue);
    option(
        app,
        flags,
        "--concurrency",
        flags.concurrency,
        "jobs done at once [as suits the handler; of --exec one per processor]"
    )
        ->type_name("N")
        ->group(queue);
    option(app, flags, "--timeout", flags.timeout, "of one attempt [5m]")
        ->type_name("TIME")
        ->group(queue);
    option(app, flags, "--attempts", flags.attempts, "runs of the handler in all [3]")
        ->type_name("N")
        ->group(queue);
    option(app, flags, "--retention", flags.retention, "how long results are kept [24h]")
        ->type_name("TIME")
        ->group(queue);
}

constexpr const char* kServerGroup = "Server";

void declare_waits(CLI::App& app, Flags& flags) {
    option(app, flags, "--max-wait", flags.max_wait, "longest a request is held open [15m]")
        ->type_name("TIME")
        ->group(kServerGroup);
    app.add_flag(
           "--anonymous",
           flags.anonymous,
           "anybody who reaches it may submit and read, without a key"
    )
        ->envname("BIDE_ANONYMOUS")
        ->group(kServerGroup);
}

void declare(CLI::App& app, Flags& flags, Program program) {
    const std::string server = kServerGroup;
    const bool stores = program == Program::serve;
    auto* config = option(
        app,
        flags,
        "--config",
        flags.config,
        stores ? "TOML file with [server] and [queues.NAME]"
               : "TOML file with [aws], [queues.NAME] and perhaps [server]"
    );
    config->type_name("FILE")->group(server)->required(
        !stores && program != Program::function && environment("BIDE_TOML").empty()
    );
    if (program == Program::doctor) {
        option(app, flags, "--as", flags.as, "whose rights have to suffice: front or worker [both]")
            ->check(CLI::IsMember({"front", "worker"}))
            ->type_name("ROLE")
            ->group(server);
        return;
    }
    option(app, flags, "--log-level", flags.log_level, "debug, info, warn or error [info]")
        ->type_name("LEVEL")
        ->group(server);
    option(
        app,
        flags,
        "--data",
        flags.data,
        stores ? "where jobs and results are kept; made if missing [bide-data]"
               : "where large bodies pass through; made if missing [bide-data]"
    )
        ->type_name("DIR")
        ->group(server);
    const bool worker = program == Program::worker;
    if (program == Program::function) {
        declare_waits(app, flags);
        return;
    }
    option(
        app,
        flags,
        "--listen",
        flags.listen,
        worker ? "where to serve /healthz, /readyz and /metrics [nowhere]"
               : "where to listen; port 0 picks one [127.0.0.1:8080]"
    )
        ->type_name("HOST:PORT")
        ->group(server);
    if (worker) return;
    declare_waits(app, flags);
    option(
        app,
        flags,
        "--io-threads",
        flags.io_threads,
        "threads for connections [half the processors]"
    )
        ->type_name("N")
        ->group(server);
    if (stores) declare_queue(app, flags);
}

Result<void> apply_server(const Flags& flags, ServerConfig& server) {
    if (flags.listen) {
        BIDE_TRY(const Address address, flags.listen.parsed(parse_address));
        server.host = address.host;
        server.port = address.port;
    }
    if (flags.max_wait) {
        BIDE_TRY(server.max_wait, flags.max_wait.parsed(parse_duration));
    }
    if (flags.log_level) {
        BIDE_TRY(flags.log_level.parsed(check_log_level));
        server.log_level = *flags.log_level;
    }
    if (flags.io_threads) {
        BIDE_TRY(server.io_threads, flags.io_threads.parsed([](std::string_view text) {
            return parse_count(text, kIoThreadsMax);
        }));
    }
    server.data = flags.data.value_or(server.data);
    server.anonymous = server.anonymous || flags.anonymous;
    return success();
}

Result<Duration> parse_span(std::string_view text) {
    BIDE_TRY(const Duration span, parse_duration(text));
    BIDE_TRY(check_span(span));
    return span;
}

/// How they make its jobs be done.
Result<HandlerConfig> handler_of(const Flags& flags) {
    using Kind = HandlerConfig::Kind;
    HandlerConfig handler;
    if (flags.native) {
        handler.kind = Kind::native;
        handler.native = *flags.native;
    } else if (flags.http) {
        handler.kind = Kind::http;
        handler.url = *flags.http;
    } else {
        const Said& command = flags.exec ? flags.exec : flags.pool ? flags.pool : flags.lambda;
        handler.kind = flags.exec ? Kind::exec : flags.pool ? Kind::pool : Kind::lambda;
        BIDE_TRY(handler.argv, command.parsed(split_words));
    }
    handler.content_type = flags.content_type.value_or(handler.content_type);
    return handler;
}

/// The queue the flags make; it takes the place of one of the same name in the file.
Result<void> apply_queue(const Flags& flags, Config& config) {
    if (!flags.exec && !flags.pool && !flags.lambda && !flags.http && !flags.native)
        return success();
    QueueConfig queue;
    queue.name = flags.queue.value_or("default");
    if (flags.queue) {
        BIDE_TRY(flags.queue.parsed(check_queue_name));
    }
    BIDE_TRY(queue.handler, handler_of(flags));
    const auto count = [](std::string_view text) { return parse_count(text); };
    if (flags.concurrency) {
        BIDE_TRY(queue.concurrency, flags.concurrency.parsed(count));
    }
    if (flags.attempts) {
        BIDE_TRY(queue.rules.retry.attempts_max, flags.attempts.parsed(count));
    }
    if (flags.timeout) {
        BIDE_TRY(queue.rules.timeout, flags.timeout.parsed(parse_span));
    }
    if (flags.retention) {
        BIDE_TRY(queue.retention, flags.retention.parsed(parse_duration));
    }
    std::erase_if(config.queues, [&](const auto& other) { return other.name == queue.name; });
    config.queues.push_back(std::move(queue));
    return success();
}

/// What fronts and workers need beside their queues.
Result<void> check_aws(const Flags& flags, Program program, Config& config) {
    const auto usage = [](std::string detail) {
        return Error{Code::bad_request, Retry::never, std::move(detail)};
    };
    if (config.aws.incoming_bucket.empty() || config.aws.outgoing_bucket.empty())
        return usage("[aws] names no bucket: add bucket, or incoming_bucket and outgoing_bucket");
    if (program != Program::worker) return success();
    // The file's address is the front's; that of the flag is known to be good.
    const std::string address = flags.listen.value_or(config.aws.worker_listen);
    config.aws.worker_listen = address;
    if (address.empty()) return success();
    BIDE_TRY(const Address parsed, parse_address(address));
    config.server.host = parsed.host;
    config.server.port = parsed.port;
    return success();
}

/// Where no file is named: the text in the environment, or a file in a function's package.
Result<void> read_unnamed(Config& config, Program program) {
    const std::string root = environment("LAMBDA_TASK_ROOT");
    const std::string text = environment("BIDE_TOML");
    if (!text.empty()) {
        const std::string directory =
            root.empty() ? std::filesystem::current_path().string() : root;
        return read_config_text(text, {"BIDE_TOML", directory}, config, program);
    }
    if (program != Program::function) return success();
    const std::string file = root + "/bide.toml";
    if (!root.empty() && std::filesystem::exists(file))
        return read_config_file(file, config, program);
    return Error{
        Code::bad_request,
        Retry::never,
        "no configuration: put it into BIDE_TOML, name its file in BIDE_CONFIG, or add bide.toml "
        "to the function's package"};
}

/// The one that is named, or the only one there is.
Result<void> settle_default_queue(Config& config) {
    std::string& standard = config.server.default_queue;
    if (standard.empty()) {
        if (config.queues.size() == 1) standard = config.queues.front().name;
        return success();
    }
    std::string names;
    for (const auto& queue : config.queues) {
        if (queue.name == standard) return success();
        names += (names.empty() ? "" : ", ") + queue.name;
    }
    return Error{
        Code::bad_request,
        Retry::never,
        config.server.default_queue_place + ": default_queue: \"" + standard +
            "\" is not one of the queues: " + names};
}

Result<Config> combine(const Flags& flags, Program program) {
    Config config;
    const bool function = program == Program::function;
    if (function) config.server.data = kFunctionData;
    if (flags.config) {
        BIDE_TRY(read_config_file(*flags.config, config, program));
    } else {
        BIDE_TRY(read_unnamed(config, program));
    }
    BIDE_TRY(apply_server(flags, config.server));
    config.examined_as = flags.as.value_or("");
    if (program != Program::serve) {
        BIDE_TRY(check_aws(flags, program, config));
    }
    BIDE_TRY(apply_queue(flags, config));
    const auto usage = [](std::string detail) {
        return Error{Code::bad_request, Retry::never, std::move(detail)};
    };
    if (config.queues.empty())
        return usage(
            program == Program::serve
                ? "no queue: give --exec 'CMD ARGS', --http URL, --native NAME or --config FILE"
                : "no queue: the file has no [queues.NAME]"
        );
    if (config.server.tls_cert.empty() != config.server.tls_key.empty())
        return usage("tls_cert and tls_key go together");
    const std::string& host = config.server.host;
    const bool lets_in = program == Program::serve || program == Program::front;
    if (lets_in && !is_loopback(host) && config.keys.empty() && !config.server.anonymous) {
        return usage(
            "listening on " + host +
            " lets others in: make a key with `bide key`, or say --anonymous if everybody may "
            "submit and read"
        );
    }
    BIDE_TRY(settle_default_queue(config));
    return config;
}

}  // namespace

std::variant<Config, Exit> read_config(
    int argc, char** argv, const std::string& command, Program program
) {
    struct Words {
        const char* summary;
        const char* footer;
    };
    constexpr std::array<Words, 4> kWords{
        {{"Holds each POST open until its job is done and the result is on disk.", kFooter},
         {"Holds each POST open until a worker has done its job and the result is in S3.",
          kFrontFooter},
         {"Does the jobs that fronts have put into SQS.", kWorkerFooter},
         {"Looks whether fronts and workers can do their work.", kDoctorFooter}}};
    const Words& words = kWords.at(static_cast<std::size_t>(program));
    CLI::App app(words.summary, command);
    app.set_version_flag("--version", std::string("bide ") + kVersion);
    app.footer(words.footer);
    Flags flags;
    declare(app, flags, program);
    try {
        app.parse(argc, argv);
        name_sources(app, flags);
    } catch (const CLI::ParseError& stop) {
        const int status = app.exit(stop);
        return Exit{status == 0 ? 0 : kUsageStatus};
    }
    Result<Config> config = combine(flags, program);
    if (config.has_error()) {
        std::fprintf(
            stderr,
            "%s: %s\nRun '%s --help' for the flags.\n",
            command.c_str(),
            config.error().detail.c_str(),
            command.c_str()
        );
        return Exit{kUsageStatus};
    }
    return std::move(config.value());
}

Result<Config> read_function_config() {
    CLI::App app;
    Flags flags;
    declare(app, flags, Program::function);
    try {
        app.parse(std::vector<std::string>{});
        name_sources(app, flags);
    } catch (const CLI::ParseError& failure) {
        // It names the flag, which nobody has given.
        const std::string what = failure.what();
        const std::string flag = what.substr(0, what.find_first_of(" :"));
        const bool named = flag.starts_with("--");
        return Error{
            Code::bad_request,
            Retry::never,
            named ? variable_of(flag) + what.substr(flag.size()) : what};
    }
    return combine(flags, Program::function);
}

}  // namespace bide::cli
