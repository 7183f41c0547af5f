#pragma once

#include "base/id.hpp"
#include "base/result.hpp"
#include "core/effect.hpp"
#include "core/job.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bide::wire {

/// What workers and fronts tell each other through the cache. A hint: it may be lost or come twice,
/// and the store has the truth.
struct Notice {
    enum class Kind : std::uint8_t {
        result,  ///< outcome is set, its body in memory
        look,    ///< the job has ended: read the store
        news,    ///< of a running job, for who follows it
        cancel,  ///< to workers: stop the job
    };

    /// Of core::JobFacts, what news are about.
    struct News {
        core::Answer::News what = core::Answer::News::attempt;
        std::uint32_t attempt = 0;
        std::uint32_t attempts_max = 0;
        Time started{};        ///< attempt
        Time not_before{};     ///< retry
        std::string progress;  ///< progress: JSON on one line
    };

    Kind kind = Kind::look;
    JobId id;
    std::string queue;
    std::shared_ptr<const core::Outcome> outcome;  ///< result; its `queue` is 0 when it comes back
    News news;
};

/// One line of JSON, a newline, and for a result the bytes of its body. A result whose body is a
/// file goes as `look`.
std::string encode_notice(const Notice& notice);

/// From anybody who may publish: what is not a notice is an error that says why.
Result<Notice> decode_notice(std::string_view text);

}  // namespace bide::wire
