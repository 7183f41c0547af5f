#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace bide {

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "bide: CHECK failed: %s (%s:%d)\n", condition, file, line);
    std::abort();
}

}  // namespace bide
