#pragma once

#include "base/body.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bide::wire {

/// One header field of a request. Views into the request's buffer.
struct Field {
    std::string_view name;
    std::string_view value;
};

/// Which of 64 classes a field's name is in, whatever its case, as one bit. Most names that a
/// server asks for are not in a request, and so most questions need no look at its fields.
constexpr std::uint64_t name_class(std::string_view name) {
    if (name.empty()) return 1;
    const auto first = static_cast<unsigned char>(name.front()) | 0x20U;
    const auto last = static_cast<unsigned char>(name.back()) | 0x20U;
    return std::uint64_t{1} << ((name.size() * 5 + first + last * 11) % 64);
}

/// The head of an HTTP request, whatever brought it: a socket or a Lambda event.
struct RequestHead {
    std::string_view method;
    std::string_view target;
    std::span<const Field> fields;
    std::uint64_t name_classes = ~std::uint64_t{0};  ///< of the fields; all: not known

    /// The value of the first field of this name (any case), or empty.
    std::string_view field(std::string_view name) const {
        const Field* found = may_have(name) ? find(name) : nullptr;
        return found == nullptr ? std::string_view() : found->value;
    }
    bool has(std::string_view name) const { return may_have(name) && find(name) != nullptr; }
    std::size_t count(std::string_view name) const;
    /// The values of all fields of this name, joined by ", ".
    std::string joined(std::string_view name) const;

  private:
    bool may_have(std::string_view name) const { return (name_classes & name_class(name)) != 0; }
    const Field* find(std::string_view name) const;
};

/// Header lines under construction, ready to be sent. Values come from handlers and clients, so
/// whatever could end a line is replaced by a space.
class HeaderLines {
  public:
    void add(std::string_view name, std::string_view value);
    void add(std::string_view name, std::uint64_t value);
    /// What this program writes itself is not looked at: `write(text)` appends the value.
    template <std::invocable<std::string&> Write>
    void add_own(std::string_view name, const Write& write) {
        begin(name);
        write(lines_);
        lines_ += "\r\n";
    }
    void add_own(std::string_view name, std::string_view value) {
        begin(name);
        lines_ += value;
        lines_ += "\r\n";
    }
    const std::string& lines() const { return lines_; }

  private:
    void begin(std::string_view name);

    std::string lines_;
};

/// Some bytes of a body.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

/// A complete answer but for what the connection adds: Date, Connection, Content-Length.
struct Reply {
    std::uint16_t status = 200;
    HeaderLines headers;
    Body body;
    std::optional<ByteRange> range;  ///< 206: only these bytes of the body are sent

    /// The value of Content-Length.
    std::uint64_t content_length() const { return range ? range->length : body.size(); }
};

/// Whether an answer of this status has no body (RFC 9110, 6.4.1).
constexpr bool is_bodiless(std::uint16_t status) {
    return status < 200 || status == 204 || status == 304;
}

bool equal_fold(std::string_view a, std::string_view b);

/// Whether a byte is there that no header field's value has but for the tab: 0 to 31, or 127.
bool has_control(std::string_view text);

}  // namespace bide::wire
