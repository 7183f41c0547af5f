#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace bide::wire {

/// A reply, or a pushed message, of Redis.
struct RespValue {
    enum class Kind : std::uint8_t { nil, integer, status, error, string, array };
    Kind kind = Kind::nil;
    std::int64_t integer = 0;
    std::string text;              ///< of a status, an error or a string; any bytes
    std::vector<RespValue> items;  ///< of an array
};

/// Appends a command as an array of bulk strings; arguments may be any bytes.
void append_resp_command(std::string& to, const std::vector<std::string>& args);

/// Takes a stream of RESP2 apart: what servers speak to clients that never say HELLO 3. hiredis
/// 0.14 does it; it knows none of RESP3's types, so a push, map, double... is an error here.
///
/// Bounded: a value and what has been received of it may take `value_bytes_max` (elements of arrays
/// count with what they take in memory), and arrays nest at most 8 deep. After an error it is of no
/// more use.
class RespDecoder {
  public:
    explicit RespDecoder(std::size_t value_bytes_max);
    ~RespDecoder();
    RespDecoder(const RespDecoder&) = delete;
    RespDecoder& operator=(const RespDecoder&) = delete;

    /// What was received next; keeps what `next` has not given yet.
    void feed(std::string_view bytes);

    /// The next whole value; empty when more must be fed first.
    Result<std::optional<RespValue>> next();

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace bide::wire
