#include "service/cors.hpp"

#include <algorithm>

namespace bide::service {
namespace {

constexpr std::string_view kExposed =
    "Accept-Ranges, Allow, Bide-Attempts, Bide-Durability, Bide-Error-Source, Bide-Expires, "
    "Bide-Job-Id, Bide-Replayed, Content-Location, Content-Range, ETag, Link, Location, "
    "Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Server-Timing";

constexpr std::string_view kRequestHeaders =
    "Authorization, Bide-Deadline, Bide-Delay, Bide-On-Disconnect, Bide-Priority, Bide-Tenant, "
    "Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Prefer, Range, "
    "traceparent";

}  // namespace

std::string cors_origin_of(const std::vector<std::string>& allowed, const wire::RequestHead& head) {
    if (allowed.empty()) return {};
    const std::string_view origin = head.field("origin");
    if (origin.empty()) return {};
    const auto is = [&allowed](std::string_view text) {
        return std::ranges::find(allowed, text) != allowed.end();
    };
    if (is("*")) return "*";
    return is(origin) ? std::string(origin) : std::string();
}

void add_cors(wire::Reply& reply, const std::string& origin) {
    if (origin.empty()) return;
    reply.headers.add("Access-Control-Allow-Origin", origin);
    reply.headers.add("Access-Control-Expose-Headers", kExposed);
    if (origin != "*") reply.headers.add("Vary", "Origin");
}

wire::Reply options_reply(std::string_view allow, const std::string& origin) {
    wire::Reply reply;
    reply.status = 204;
    reply.headers.add("Allow", allow);
    if (origin.empty()) return reply;
    add_cors(reply, origin);
    reply.headers.add("Access-Control-Allow-Methods", allow);
    reply.headers.add("Access-Control-Allow-Headers", kRequestHeaders);
    reply.headers.add("Access-Control-Max-Age", std::uint64_t{7200});
    return reply;
}

}  // namespace bide::service
