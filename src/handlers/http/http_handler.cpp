#include "handlers/http/http_handler.hpp"

#include "handlers/http/mapping.hpp"
#include "runtime/inbox.hpp"
#include "runtime/turn.hpp"
#include "wire/json_value.hpp"
#include "wire/message.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace bide::http {
namespace {

using runtime::HttpClient;
using runtime::HttpRequest;
using runtime::Task;

constexpr std::array<std::string_view, 6> kReserved{
    "Host", "Content-Length", "Idempotency-Key", "Content-Type", "Accept-Encoding", "traceparent"};

/// Those between two ends of a connection (RFC 9110, 7.6.1), and one that holds up the request.
constexpr std::array<std::string_view, 7> kOfConnection{
    "Connection", "Expect", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade"};

bool is_token(std::string_view text) {
    static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

runtime::HttpClientOptions client_options(const Options& options) {
    runtime::HttpClientOptions client;
    client.connections_max = options.connections_max;
    client.connect_max = options.connect_max;
    client.handshake_max = options.connect_max;
    client.http2 = options.http2;
    client.tls = options.tls;
    return client;
}

/// Progress past this in one attempt is not passed on: ten words a second for an hour are less.
constexpr std::size_t kProgressBytesMax = 4U << 20;

struct Job {
    ports::Attempt attempt;
    ports::Completion done;
    std::size_t progress_bytes = 0;
};

/// Tells an interim answer's Bide-Progress, when it is what progress has to be.
void tell_progress(Job& job, const runtime::HttpFields& fields) {
    const std::string_view json = fields["Bide-Progress"];
    if (json.empty() || job.progress_bytes > kProgressBytesMax) return;
    job.progress_bytes += json.size();
    if (json.size() <= ports::Progress::kBytesMax && wire::is_json_value(json))
        job.attempt.progress(json);
}

/// What all attempts of a handler share; kept by those under way. On the WorkThread, but for
/// put() and turn_ended().
class Shared final : public runtime::Member,
                     public runtime::TurnEnd,
                     public std::enable_shared_from_this<Shared> {
  public:
    Shared(
        runtime::WorkThread& on,
        runtime::Spool& bodies,
        runtime::BlockingPool& pool,
        const Clock& time,
        Options what
    )
        : thread(on),
          spool(bodies),
          clock(time),
          options(std::move(what)),
          url(std::make_shared<const runtime::HttpUrl>(options.url)),
          client(on.executor(), pool, time, client_options(options)) {
        wire::HeaderLines lines;
        lines.add("Bide-Queue", options.queue_name);
        // A result has a type, but no coding of its own.
        lines.add("Accept-Encoding", "identity");
        std::string fixed = lines.lines();
        bool has_agent = false;
        for (const auto& line : options.headers) {
            fixed += line + "\r\n";
            has_agent = has_agent || wire::equal_fold(line.substr(0, line.find(':')), "User-Agent");
        }
        if (!has_agent) fixed += "User-Agent: bide\r\n";
        fixed_lines = std::make_shared<const std::string>(std::move(fixed));
    }

    /// Any thread. Those that come together are begun together.
    void put(Job job) {
        if (inbox_.put(std::move(job))) runtime::at_turns_end(shared_from_this());
    }
    void shut_down() override { client.close(); }
    HttpRequest request_for(const ports::Attempt& attempt);

    runtime::WorkThread& thread;
    runtime::Spool& spool;
    const Clock& clock;
    const Options options;
    const std::shared_ptr<const runtime::HttpUrl> url;
    HttpClient client;
    std::shared_ptr<const std::string> fixed_lines;

  private:
    void turn_ended() override;
    void begin();

    runtime::Inbox<Job> inbox_;
};

HttpRequest Shared::request_for(const ports::Attempt& attempt) {
    const std::shared_ptr<const core::JobInput>& input = attempt.input;
    const std::string id = to_string(input->id);
    wire::HeaderLines lines;
    lines.add("Bide-Job-Id", id);
    lines.add("Bide-Attempt", attempt.number);
    lines.add("Bide-Attempts-Max", attempt.attempts_max);
    lines.add("Bide-Deadline", to_rfc3339(attempt.deadline));
    lines.add("Idempotency-Key", '"' + id + '"');
    if (!input->content_type.empty()) lines.add("Content-Type", input->content_type);
    if (!input->traceparent.empty()) lines.add("traceparent", input->traceparent);
    HttpRequest request;
    request.url = url;
    request.method = "POST";
    request.header_lines = lines.lines();
    request.fixed_lines = fixed_lines;
    request.body = {input, &input->body};
    request.idempotent = true;  // in so far as jobs run at least once, and have a key
    request.stop = attempt.stop;
    request.spool = &spool;
    request.response_bytes_max = options.output_bytes_max;
    return request;
}

Task<void> run_attempt(std::shared_ptr<Shared> shared, Job job) {
    HttpRequest request = shared->request_for(job.attempt);
    request.on_interim = [&job](std::uint16_t, const runtime::HttpFields& fields) {
        tell_progress(job, fields);
    };
    auto answer = co_await shared->client.send(std::move(request));
    job.done(
        answer ? to_result(std::move(answer.value()), shared->clock.now())
               : to_result(std::move(answer.error()))
    );
}

void Shared::turn_ended() {
    runtime::net::post(thread.executor(), [self = shared_from_this()] { self->begin(); });
}

void Shared::begin() {
    // Out of memory, say: the Completion goes, which says "lost".
    const auto ignore = [](const std::exception_ptr&) {};
    for (auto& job : inbox_.take()) {
        runtime::net::co_spawn(
            thread.executor(), run_attempt(shared_from_this(), std::move(job)), ignore
        );
    }
}

class HttpHandler final : public ports::Handler {
  public:
    explicit HttpHandler(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {
        runtime::net::post(shared_->thread.executor(), [shared = shared_] {
            if (shared->thread.stopping())
                shared->shut_down();
            else
                shared->thread.add(*shared);
        });
    }
    // The client goes where it lived.
    ~HttpHandler() override {
        auto& thread = shared_->thread;
        runtime::net::post(thread.executor(), [shared = std::move(shared_)] {
            shared->shut_down();
        });
    }

    void start(ports::Attempt attempt, ports::Completion done) override {
        shared_->put({std::move(attempt), std::move(done), 0});
    }

  private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace

Result<void> check_header(std::string_view line) {
    const auto bad = [line](const char* why) {
        // The value may be a secret.
        const std::string name(line.substr(0, std::min(line.find(':'), std::size_t{40})));
        return Error{Code::bad_request, Retry::never, "\"" + name + "\" " + why};
    };
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("is not a header like \"Name: value\"");
    const std::string_view name = line.substr(0, colon);
    if (!is_token(name)) return bad("is not the name of a header");
    for (const char c : line.substr(colon + 1)) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t') || byte == 0x7f)
            return bad("has a value with control characters");
    }
    const auto is_name = [name](std::string_view other) { return wire::equal_fold(name, other); };
    if (std::any_of(kReserved.begin(), kReserved.end(), is_name) ||
        wire::equal_fold(name.substr(0, 5), "Bide-"))
        return bad("is set by bide itself");
    if (std::any_of(kOfConnection.begin(), kOfConnection.end(), is_name))
        return bad("is a matter of the connection, which bide looks after itself");
    return success();
}

std::unique_ptr<ports::Handler> make_http_handler(
    runtime::WorkThread& thread,
    runtime::Spool& spool,
    runtime::BlockingPool& pool,
    const Clock& clock,
    Options options
) {
    return std::make_unique<HttpHandler>(
        std::make_shared<Shared>(thread, spool, pool, clock, std::move(options))
    );
}

}  // namespace bide::http
