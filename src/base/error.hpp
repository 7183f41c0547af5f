#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bide {

/// What went wrong, as the caller is told. Each code has one HTTP status and one problem type
/// (service/problem.cpp); nothing else maps codes to statuses.
enum class Code : std::uint8_t {
    bad_request,         ///< not understood: syntax, bad Prefer, bad id
    unauthenticated,     ///< no API key, or one that is not known
    forbidden,           ///< the API key does not go so far
    not_found,           ///< no such job, queue or page, and there never was
    gone,                ///< the job existed; retention removed it
    method_not_allowed,  ///< the page exists, the method does not apply to it
    not_acceptable,      ///< no representation that Accept allows
    request_timeout,     ///< the client did not send its request in time
    conflict,            ///< the job is already finished, or the id is taken
    too_large,           ///< body over the limit
    headers_too_large,   ///< header section over the limit
    target_too_long,     ///< request target over the limit
    unsupported_media_type,
    range_not_satisfiable,
    expectation_failed,
    key_reused,       ///< the idempotency key or id belongs to another request
    rate_limited,     ///< the tenant's own limit: rate, or open jobs
    overloaded,       ///< a queue is full; Retry-After says when to come again
    shutting_down,    ///< the server drains
    not_implemented,  ///< the engine that is configured does not offer it
    store_failed,     ///< the store cannot make anything durable; nothing is answered 200
    internal,         ///< a bug of ours
};

/// Whether the caller may send the request again without the job running twice.
enum class Retry : std::uint8_t {
    safe,    ///< the job was not accepted and will not run
    unsafe,  ///< the job may run, or may have run
    never,   ///< the same request will fail again
};

struct Error {
    Code code = Code::internal;
    Retry retry = Retry::never;
    std::string detail;              ///< for a person: what is wrong and how to mend it
    std::int64_t retry_after_s = 0;  ///< for Retry-After; 0: not said
};

std::string_view to_string(Code code);
std::string_view to_string(Retry retry);

}  // namespace bide
