#pragma once

#include "base/id.hpp"

#include <string>
#include <string_view>

namespace bide::sim {

/// A guarantee was broken. Thrown by require(), caught by World::run, which ends the seed.
struct Violation {
    std::string guarantee;
    std::string what;
};

/// A job's name in traces: the end of its id, which is random.
inline std::string name(const JobId& id) {
    return "j-" + to_string(id).substr(30);
}

inline void require(bool kept, const char* guarantee, std::string_view what) {
    if (!kept) [[unlikely]]
        throw Violation{guarantee, std::string(what)};
}

inline void require(bool kept, const char* guarantee, std::string_view what, const JobId& job) {
    if (!kept) [[unlikely]]
        throw Violation{guarantee, std::string(what) + " (" + name(job) + ")"};
}

}  // namespace bide::sim
