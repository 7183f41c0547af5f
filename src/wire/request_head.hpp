#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bide::wire {

/// Longer targets are refused: no page has one.
constexpr std::size_t kTargetMax = 8192;

/// Header fields of one request. Everybody who sends more is up to something.
constexpr std::size_t kFieldsMax = 100;

/// How the end of a request's body is told (RFC 9112, 6.3).
enum class Framing : std::uint8_t { none, length, chunked };

/// The head of a request in HTTP/1, taken apart. Views into the bytes it was made from.
struct ParsedHead {
    std::string_view method;
    std::string_view target;
    std::vector<Field> fields;
    std::uint64_t name_classes = 0;  ///< of the fields
    std::uint8_t minor = 1;          ///< of HTTP/1.minor
    Framing framing = Framing::none;
    std::uint64_t length = 0;  ///< of the body, when framed by length
    bool keep_alive = false;
    bool expects_continue = false;

    RequestHead request() const { return {method, target, fields, name_classes}; }
};

/// Finds the end of a request's head in bytes that arrive piece by piece, looking at each once.
/// What can be seen to be wrong is told at once: a line that ends in a bare LF, too many lines, and
/// a first line that is no request line of HTTP/1.
class HeadScanner {
  public:
    explicit HeadScanner(std::size_t size_max) : size_max_(size_max) {}

    struct Place {
        std::size_t begin = 0;
        std::size_t end = 0;  ///< behind the empty line
    };
    /// `bytes` are all there are of this request, those of the calls before included. Empty: there
    /// must be more.
    Result<std::optional<Place>> scan(std::string_view bytes);

  private:
    Result<std::optional<Place>> check_first_line(std::string_view bytes);

    std::size_t size_max_;
    std::size_t begin_ = 0;
    std::size_t line_ = 0;     ///< where the line begins that is being looked at
    std::size_t scanned_ = 0;  ///< no end of that line before here
    std::size_t lines_ = 0;
    std::size_t first_end_ = 0;  ///< of the request line
    bool first_checked_ = false;
};

/// Takes apart what HeadScanner has found. Stricter than many: what two readers of one connection
/// could understand differently is an error, so that no proxy in front can be led to take a part of
/// one request for another (RFC 9112, 11.2).
Result<ParsedHead> parse_head(std::string_view head);

}  // namespace bide::wire
