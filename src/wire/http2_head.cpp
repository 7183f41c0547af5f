#include "wire/http2_head.hpp"

#include <utility>

namespace bide::wire {

namespace {

/// What a field counts besides its bytes.
constexpr std::size_t kFieldOverhead = 32;

/// Four of HTTP/2's own.
constexpr std::size_t kPseudoFields = 4;

}  // namespace

void Http2Head::add(std::string_view name, std::string_view value) {
    size_ += name.size() + value.size() + kFieldOverhead;
    too_large_ = too_large_ || size_ > size_max_ || ++fields_ > kFieldsMax + kPseudoFields;
    if (too_large_ || wrong_ != nullptr) return;
    if (name.starts_with(':'))
        add_pseudo(name, value);
    else
        add_regular(name, value);
}

void Http2Head::add_pseudo(std::string_view name, std::string_view value) {
    if (name == ":scheme") return;
    std::string* const place = name == ":method"      ? &method_
                               : name == ":path"      ? &path_
                               : name == ":authority" ? &authority_
                                                      : nullptr;
    // Space and CR end these in HTTP/1.1.
    if (place == nullptr || !place->empty() || value.find_first_of(" \r\n") != value.npos) {
        wrong_ = "a pseudo-header field that no request has, or one twice";
        return;
    }
    *place = value;
}

void Http2Head::add_regular(std::string_view name, std::string_view value) {
    // What would be more than one line, or another name.
    if (name.find_first_of(":\r\n") != name.npos || value.find_first_of("\r\n") != value.npos) {
        wrong_ = "a header field has a control character in it, or a colon in its name";
        return;
    }
    if (equal_fold(name, "host")) {
        if (host_) wrong_ = "a request has exactly one Host field";
        host_ = value;
        return;
    }
    text_ += name;
    text_ += ": ";
    text_ += value;
    text_ += "\r\n";
}

Result<ParsedHead> Http2Head::parse() {
    if (too_large_) {
        return Error{
            Code::headers_too_large,
            Retry::never,
            "the header section is larger than " + std::to_string(size_max_) + " bytes or " +
                std::to_string(kFieldsMax) + " fields"};
    }
    if (wrong_ != nullptr) return Error{Code::bad_request, Retry::never, wrong_};
    std::string first = std::move(method_);
    first += ' ';
    first += path_;
    first += " HTTP/1.1\r\n";
    if (!authority_.empty()) first += "host: " + authority_ + "\r\n";
    // Both may be there; what they say must be one thing.
    const bool again = !authority_.empty() && host_ && equal_fold(*host_, authority_);
    if (host_ && !again) first += "host: " + *host_ + "\r\n";
    text_.insert(0, first);
    text_ += "\r\n";
    BIDE_TRY(ParsedHead head, parse_head(text_));
    if (head.framing == Framing::chunked)
        return Error{Code::bad_request, Retry::never, "HTTP/2 has no Transfer-Encoding"};
    return head;
}

}  // namespace bide::wire
