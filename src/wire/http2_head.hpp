#pragma once

#include "base/result.hpp"
#include "wire/request_head.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// The head of a request in HTTP/2, field by field as they are decoded. It is written down as
/// HTTP/1.1 would have it and then read by the same parser, so that there are no second rules, and
/// HTTP/1.1 pays nothing for them. Bounded: what is too large is not kept.
class Http2Head {
  public:
    /// As a header list is counted (RFC 9113, 6.5.2): 32 bytes more for each field.
    explicit Http2Head(std::size_t size_max = 0) : size_max_(size_max) {}

    /// Pseudo-header fields too, in any order.
    void add(std::string_view name, std::string_view value);

    /// What parse_head() says of it; views into this. Fields begin with Host when the request names
    /// an authority. Framing is `length` when a length was announced, else `none`: where a body
    /// ends the frames say.
    Result<ParsedHead> parse();

  private:
    void add_pseudo(std::string_view name, std::string_view value);
    void add_regular(std::string_view name, std::string_view value);

    std::size_t size_max_;
    std::size_t size_ = 0;
    std::size_t fields_ = 0;
    const char* wrong_ = nullptr;
    bool too_large_ = false;
    std::string method_;
    std::string path_;
    std::string authority_;
    std::optional<std::string> host_;
    std::string text_;  ///< the other fields; after parse() the whole head
};

}  // namespace bide::wire
