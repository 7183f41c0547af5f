#pragma once

#include "core/job.hpp"

#include <tuple>

namespace bide::sim {

/// Whether two records of an outcome are the same in every field (G3).
inline bool same(const core::Outcome& a, const core::Outcome& b) {
    const auto fields = [](const core::Outcome& o) {
        return std::tie(
            o.state,
            o.kind,
            o.status,
            o.content_type,
            o.body.bytes,
            o.detail,
            o.attempts,
            o.queue,
            o.tenant,
            o.created,
            o.started,
            o.finished
        );
    };
    return fields(a) == fields(b);
}

}  // namespace bide::sim
