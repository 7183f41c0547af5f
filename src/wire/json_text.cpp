#include "wire/json_text.hpp"

#include "wire/utf8.hpp"

namespace bide::wire {

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += '"';
    std::size_t plain = 0;  // from here up to i nothing needs an escape
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\') continue;
        out += text.substr(plain, i - plain);
        plain = i + 1;
        out += '\\';
        switch (c) {
            case '"':
            case '\\': out += c; break;
            case '\n': out += 'n'; break;
            case '\r': out += 'r'; break;
            case '\t': out += 't'; break;
            default:
                out += "u00";
                out += kHex[static_cast<unsigned char>(c) >> 4];
                out += kHex[c & 15];
        }
    }
    out += text.substr(plain);
    out += '"';
}

void append_json_bytes(std::string& out, std::string_view bytes) {
    is_utf8(bytes) ? append_json_string(out, bytes) : append_json_string(out, to_printable(bytes));
}

}  // namespace bide::wire
