#pragma once

#include <cstdlib>
#include <string>

namespace bide {

/// What a variable of this process says; empty when it is not set. Any thread: none is ever set.
inline std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace bide
