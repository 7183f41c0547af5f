#pragma once

#include "base/time.hpp"
#include "core/ledger.hpp"
#include "runtime/http_client.hpp"

namespace bide::http {

/// What a target's answer means for the job:
///
///     2xx                     success: status, content type and body are the result
///     3xx                     fails for good: redirects are not followed
///     408, 425, 429           another attempt, no sooner than Retry-After
///     other 4xx               fails for good, and is passed on: status, content type and body
///     a Content-Encoding      fails for good: nobody asked for one, and a result cannot name it
///     5xx                     another attempt, no sooner than Retry-After
///
/// What is no content type (wire::is_content_type) is left out.
///
/// One that is larger than a result may be fails for good, unless its status asks for another
/// attempt.
core::AttemptResult to_result(runtime::HttpResponse&& response, Time now);

/// No answer: another attempt, unless a success was larger than a result may be.
core::AttemptResult to_result(runtime::HttpFailure&& failure);

}  // namespace bide::http
