#pragma once

#include <cstddef>
#include <string>

namespace bide::load {

struct Options {
    double seconds = 60;
    std::size_t count = 0;  ///< 0: what the scene is made for
    std::string size = "5GiB";
    bool strict = false;  ///< also hold the figures to what a quiet machine reaches
};

/// Ten times what a queue can do, for a minute.
int overload(const Options& options);
/// Thousands of connections that never finish a head, and one normal client.
int trickle(const Options& options);
/// As many callers waiting as descriptors allow: all for one job, then each for its own.
int waiters(const Options& options);
/// The same over HTTP/2, many on each connection: ten times as many and more.
int streams(const Options& options);
/// Bodies far larger than memory should be.
int bulk(const Options& options);

}  // namespace bide::load
