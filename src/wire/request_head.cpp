#include "wire/request_head.hpp"

#include "wire/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace bide::wire {
namespace {

constexpr std::uint8_t kToken = 1;   ///< of a method or a field's name
constexpr std::uint8_t kValue = 2;   ///< of a field's value
constexpr std::uint8_t kTarget = 4;  ///< of a request target
constexpr std::uint8_t kHost = 8;    ///< of a host's name or address, or its port
constexpr std::uint8_t kName = 16;   ///< of a host's name
constexpr std::uint8_t kDigit = 32;

constexpr auto kClasses = [] {
    std::array<std::uint8_t, 256> classes{};
    const auto add = [&classes](std::string_view bytes, std::uint8_t kind) {
        for (const char c : bytes) {
            auto& one = classes[static_cast<unsigned char>(c)];
            one = static_cast<std::uint8_t>(one | kind);
        }
    };
    constexpr std::string_view kAlnum =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    add(kAlnum, kToken | kHost | kName);
    add("!#$%&'*+-.^_`|~", kToken);
    add("-._~!$&'()*+,;=%", kHost | kName);
    add(":[]", kHost);
    add("0123456789", kDigit);
    for (int c = 0x20; c < 0x100; ++c) {
        std::uint8_t kind = kValue;
        if (c == 0x7f) continue;
        if (c > 0x20 && c < 0x7f && c != '#') kind |= kTarget;
        auto& one = classes[static_cast<std::size_t>(c)];
        one = static_cast<std::uint8_t>(one | kind);
    }
    add("\t", kValue);
    return classes;
}();

bool all_of_class(std::string_view text, std::uint8_t kind) {
    for (const char c : text) {
        if ((kClasses[static_cast<unsigned char>(c)] & kind) == 0) return false;
    }
    return true;
}

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

/// Of the line without its end.
Result<void> parse_request_line(std::string_view line, ParsedHead& head) {
    const auto space = line.find(' ');
    const auto last = line.rfind(' ');
    if (space == std::string_view::npos || last == space)
        return bad("the first line must be: method, target, HTTP/1.1, with one space between");
    head.method = line.substr(0, space);
    head.target = line.substr(space + 1, last - space - 1);
    const std::string_view version = line.substr(last + 1);
    if (head.method.empty() || !all_of_class(head.method, kToken))
        return bad("the method is not a token");
    if (head.target.size() > kTargetMax) {
        return Error{
            Code::target_too_long,
            Retry::never,
            "the request target is longer than " + std::to_string(kTargetMax) + " bytes"};
    }
    if (head.target.empty() || !all_of_class(head.target, kTarget))
        return bad("the request target has a byte that no URI has; encode it as %XX");
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return bad("the version is neither HTTP/1.1 nor HTTP/1.0");
    head.minor = version.back() == '1' ? 1 : 0;
    return success();
}

bool is_host(std::string_view host) {
    if (host.empty()) return false;
    std::size_t end = 0;  // of the name or address
    if (host.front() == '[') {
        end = host.find(']') + 1;  // 0: none
        if (end < 4 || !all_of_class(host.substr(0, end), kHost)) return false;
        if (host.substr(1, end - 1).find('[') != std::string_view::npos) return false;
    } else {
        end = std::min(host.find(':'), host.size());
        if (end == 0 || !all_of_class(host.substr(0, end), kName)) return false;
    }
    if (end == host.size()) return true;
    return host[end] == ':' && all_of_class(host.substr(end + 1), kDigit);
}

/// Every form but the origin's own must be one that this method may have (RFC 9112, 3.2).
Result<void> check_target(const ParsedHead& head, std::string_view host) {
    const std::string_view target = head.target;
    if (target.front() == '/') return success();
    if (target == "*") {
        if (head.method == "OPTIONS") return success();
        return bad("the target * goes with OPTIONS only");
    }
    const auto scheme = target.find("://");
    const bool http =
        scheme != std::string_view::npos && (equal_fold(target.substr(0, scheme), "http") ||
                                             equal_fold(target.substr(0, scheme), "https"));
    if (!http) return bad("the target must begin with / or be an http or https URL");
    std::string_view authority = target.substr(scheme + 3);
    authority = authority.substr(0, authority.find_first_of("/?"));
    if (!is_host(authority)) return bad("the target's host is not valid");
    if (!host.empty() && !equal_fold(authority, host))
        return bad("Host is not the host of the target");
    return success();
}

Result<void> parse_length(std::string_view value, ParsedHead& head) {
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, head.length);
    if (value.empty() || error != std::errc{} || stop != end)
        return bad("Content-Length is not one number");
    head.framing = Framing::length;
    return success();
}

/// The fields that decide where the request ends and what comes after it.
class Framer {
  public:
    explicit Framer(ParsedHead& head) : head_(head) {}

    Result<void> take(const Field& field) {
        // By length first: a request has many fields, and few of them matter here.
        switch (field.name.size()) {
            case 4:
                if (equal_fold(field.name, "host")) return take_host(field.value);
                break;
            case 6:
                if (equal_fold(field.name, "expect")) return take_expect(field.value);
                break;
            case 10:
                if (equal_fold(field.name, "connection")) take_connection(field.value);
                break;
            case 14:
                if (!equal_fold(field.name, "content-length")) break;
                if (++lengths_ > 1) return bad("more than one Content-Length");
                return parse_length(field.value, head_);
            case 17:
                if (equal_fold(field.name, "transfer-encoding")) return take_coding(field.value);
                break;
            default: break;
        }
        return success();
    }

    Result<void> finish() {
        if (hosts_ == 0 && head_.minor >= 1)
            return bad("a request of HTTP/1.1 has exactly one Host field");
        if (codings_ > 0 && lengths_ > 0)
            return bad("Content-Length and Transfer-Encoding exclude each other");
        head_.keep_alive = !close_ && (head_.minor >= 1 || keep_);
        return check_target(head_, host_);
    }

  private:
    Result<void> take_host(std::string_view value) {
        if (++hosts_ > 1) return bad("a request has exactly one Host field");
        if (!is_host(value)) return bad("Host is not a host and an optional port");
        host_ = value;
        return success();
    }

    Result<void> take_expect(std::string_view value) {
        if (!equal_fold(value, "100-continue")) {
            return Error{
                Code::expectation_failed,
                Retry::never,
                "the only expectation that is understood is 100-continue"};
        }
        head_.expects_continue = head_.minor >= 1;
        return success();
    }

    void take_connection(std::string_view value) {
        while (!value.empty()) {
            const auto comma = value.find(',');
            const std::string_view option = trim(value.substr(0, comma));
            close_ = close_ || equal_fold(option, "close");
            keep_ = keep_ || equal_fold(option, "keep-alive");
            value = comma == std::string_view::npos ? "" : value.substr(comma + 1);
        }
    }

    Result<void> take_coding(std::string_view value) {
        if (head_.minor < 1) return bad("HTTP/1.0 has no Transfer-Encoding");
        // Where a body in another coding ends, nobody here knows.
        if (++codings_ > 1 || !equal_fold(value, "chunked"))
            return bad("the only Transfer-Encoding understood is \"chunked\"");
        head_.framing = Framing::chunked;
        return success();
    }

    ParsedHead& head_;
    std::string_view host_;
    int hosts_ = 0;
    int lengths_ = 0;
    int codings_ = 0;
    bool close_ = false;
    bool keep_ = false;
};

Result<Field> parse_field(std::string_view line) {
    const auto colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos) return bad("a header line has no colon");
    // Leading white space would be a folded line, white space before the colon a name that some
    // readers trim and some do not.
    if (name.empty() || !all_of_class(name, kToken))
        return bad("the name of a header field is not a token");
    const std::string_view value = trim(line.substr(colon + 1));
    if (has_control(value) && !all_of_class(value, kValue))
        return bad("a header field has a control character in it");
    return Field{name, value};
}

}  // namespace

Result<std::optional<HeadScanner::Place>> HeadScanner::scan(std::string_view bytes) {
    for (;;) {
        const auto end = bytes.find('\n', scanned_);
        const std::size_t size = (end == std::string_view::npos ? bytes.size() : end + 1) - begin_;
        if (size > size_max_ || lines_ > kFieldsMax + 1) {
            return Error{
                Code::headers_too_large,
                Retry::never,
                "the header section is larger than " + std::to_string(size_max_) + " bytes or " +
                    std::to_string(kFieldsMax) + " fields"};
        }
        if (end == std::string_view::npos) {
            scanned_ = bytes.size();
            return check_first_line(bytes);
        }
        if (end == line_ || bytes[end - 1] != '\r') return bad("a line ends in LF without CR");
        const std::string_view line = bytes.substr(line_, end - 1 - line_);
        line_ = scanned_ = end + 1;
        if (line.empty()) {
            if (lines_ > 0) return std::optional(Place{begin_, line_});
            // One empty line before a request is forgiven (RFC 9112, 2.2).
            if (begin_ > 0) return bad("empty lines instead of a request");
            begin_ = line_;
            continue;
        }
        if (++lines_ == 1) first_end_ = end - 1;
    }
}

/// There must be more; but nobody who began with nonsense is waited for.
Result<std::optional<HeadScanner::Place>> HeadScanner::check_first_line(std::string_view bytes) {
    if (lines_ > 0 && !first_checked_) {
        ParsedHead first;
        BIDE_TRY(parse_request_line(bytes.substr(begin_, first_end_ - begin_), first));
        first_checked_ = true;
    }
    return std::optional<Place>();
}

Result<ParsedHead> parse_head(std::string_view head) {
    ParsedHead parsed;
    Framer framer(parsed);
    auto end = head.find("\r\n");
    BIDE_TRY(parse_request_line(head.substr(0, end), parsed));
    parsed.fields.reserve(16);
    for (;;) {
        head.remove_prefix(end + 2);
        end = head.find("\r\n");
        if (end == 0) break;
        if (end == std::string_view::npos) return bad("the head has no end");
        BIDE_TRY(const Field field, parse_field(head.substr(0, end)));
        BIDE_TRY(framer.take(field));
        parsed.fields.push_back(field);
        parsed.name_classes |= name_class(field.name);
    }
    BIDE_TRY(framer.finish());
    return parsed;
}

}  // namespace bide::wire
