#include "base/error.hpp"

#include "base/check.hpp"

namespace bide {

std::string_view to_string(Code code) {
    switch (code) {
        case Code::bad_request: return "bad-request";
        case Code::unauthenticated: return "unauthenticated";
        case Code::forbidden: return "forbidden";
        case Code::not_found: return "not-found";
        case Code::gone: return "gone";
        case Code::method_not_allowed: return "method-not-allowed";
        case Code::not_acceptable: return "not-acceptable";
        case Code::request_timeout: return "request-timeout";
        case Code::conflict: return "conflict";
        case Code::too_large: return "too-large";
        case Code::headers_too_large: return "headers-too-large";
        case Code::target_too_long: return "target-too-long";
        case Code::unsupported_media_type: return "unsupported-media-type";
        case Code::range_not_satisfiable: return "range-not-satisfiable";
        case Code::expectation_failed: return "expectation-failed";
        case Code::key_reused: return "key-reused";
        case Code::rate_limited: return "rate-limited";
        case Code::overloaded: return "overloaded";
        case Code::shutting_down: return "shutting-down";
        case Code::not_implemented: return "not-implemented";
        case Code::store_failed: return "store-failed";
        case Code::internal: return "internal";
    }
    UNREACHABLE("a code outside the enum");
}

std::string_view to_string(Retry retry) {
    switch (retry) {
        case Retry::safe: return "safe";
        case Retry::unsafe: return "unsafe";
        case Retry::never: return "never";
    }
    UNREACHABLE("a value outside the enum");
}

}  // namespace bide
