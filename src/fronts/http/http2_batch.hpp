#pragma once

#include "fronts/http/http2.hpp"

namespace bide::fronts::http {

/// Whether the client waits for an invitation before it sends its lines.
void begin_batch(
    Http2& connection, Http2Stream& stream, service::BatchPlan plan, bool expects_continue
);

}  // namespace bide::fronts::http
