#include "wire/json_value.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstddef>

namespace bide::wire {
namespace {

/// One past the string that starts at `at`; the text is valid JSON.
std::size_t skip_string(std::string_view text, std::size_t at) {
    for (++at; text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
    }
    return at + 1;
}

/// One past the value that starts at `at`, trailing spaces included.
std::size_t skip_value(std::string_view text, std::size_t at) {
    for (int depth = 0;;) {
        const char c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at;
    }
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kSpace);
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// Empty when the last of its names may be written with escapes.
std::string_view raw_member(std::string_view object, std::string_view name) {
    std::string_view found;
    std::size_t at = object.find('{') + 1;
    for (;;) {
        const std::size_t begin = object.find_first_of("\"}", at);
        if (object[begin] == '}') return found;
        const std::size_t end = skip_string(object, begin);
        const std::size_t value = object.find(':', end) + 1;
        at = skip_value(object, value);
        const std::string_view written = object.substr(begin + 1, end - begin - 2);
        if (written == name)
            found = trim(object.substr(value, at - value));
        else if (written.find('\\') != std::string_view::npos)
            found = {};
        if (object[at] == '}') return found;
        ++at;
    }
}

}  // namespace

std::string written_member(
    std::string_view object, std::string_view name, const boost::json::value& value
) {
    const std::string_view written = raw_member(object, name);
    return written.empty() ? boost::json::serialize(value) : std::string(written);
}

bool is_json_value(std::string_view text) {
    if (text.find_first_of("\r\n") != std::string_view::npos) return false;
    unsigned char memory[2048];
    boost::json::monotonic_resource resource(memory, sizeof memory);
    boost::json::error_code error;
    boost::json::parse(text, error, &resource);
    return !error;
}

}  // namespace bide::wire
