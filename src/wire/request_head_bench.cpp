#include "wire/request_head.hpp"

#include <benchmark/benchmark.h>

namespace bide::wire {
namespace {

constexpr std::string_view kCurl =
    "POST /queues/echo/jobs HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\n"
    "Accept: */*\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n";

/// As a reverse proxy passes it on.
constexpr std::string_view kProxied =
    "POST /queues/echo/jobs HTTP/1.1\r\nHost: jobs.example.com\r\nX-Real-IP: 192.0.2.7\r\n"
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nUser-Agent: Mozilla/5.0 (X11; "
    "Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: application/json\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Content-Type: application/json\r\nAuthorization: Bearer bide_0123456789abcdef0123456789\r\n"
    "Idempotency-Key: \"8e03978e-40d5-43e8-bc93-6894a57f9324\"\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "Origin: https://example.com\r\nContent-Length: 20\r\n\r\n";

void parse_head_of(benchmark::State& state, std::string_view text) {
    for (auto _ : state) {
        HeadScanner scanner(64 * 1024);
        const auto place = scanner.scan(text);
        if (!place.has_value() || !place.value()) return state.SkipWithError("no head");
        benchmark::DoNotOptimize(parse_head(text));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(parse_head_of, curl, kCurl);
BENCHMARK_CAPTURE(parse_head_of, proxied, kProxied);

}  // namespace
}  // namespace bide::wire
