#pragma once

namespace bide {

/// Prints the place and the condition to stderr and aborts. Called by CHECK only.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace bide

/// Stays on in release. For bugs of our own, one condition each: what a peer, a disk or the
/// environment can cause is an Error, never a CHECK.
#define CHECK(condition)                                          \
    do {                                                          \
        if (!(condition)) [[unlikely]]                            \
            ::bide::check_failed(#condition, __FILE__, __LINE__); \
    } while (false)

/// Where the program cannot come, unless a value is outside its enum.
#define UNREACHABLE(what) ::bide::check_failed("unreachable: " what, __FILE__, __LINE__)
