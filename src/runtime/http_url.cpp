#include "runtime/http_url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

#include <charconv>
#include <system_error>

namespace bide::runtime {
namespace {

namespace urls = boost::urls;

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

std::string text_of(urls::string_view view) {
    return {view.data(), view.size()};
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
    const auto bad = [text](const char* why) {
        return Error{Code::bad_request, Retry::never, "\"" + std::string(text) + "\" " + why};
    };
    const auto parsed = urls::parse_uri({text.data(), text.size()});
    if (parsed.has_error()) return bad("is not a URL like https://host/path");
    const urls::url_view& url = parsed.value();
    const std::string scheme = lower(text_of(url.scheme()));
    if (scheme != "http" && scheme != "https") return bad("must start with http:// or https://");
    // Not repeated in the text: it may hold a password.
    if (url.has_userinfo())
        return Error{
            Code::bad_request, Retry::never, "a URL with user information; use a header instead"};
    if (url.has_fragment()) return bad("has a fragment, which is never sent");
    if (url.encoded_host().empty()) return bad("names no host");

    HttpUrl result;
    result.tls = scheme == "https";
    const std::uint16_t usual = result.tls ? 443 : 80;
    const std::string encoded_host = lower(text_of(url.encoded_host()));
    result.host = encoded_host;
    if (result.host.front() == '[') result.host = result.host.substr(1, result.host.size() - 2);
    if (result.host.find('%') != std::string::npos) return bad("has an escaped host");
    result.port = usual;
    if (const std::string port = text_of(url.port()); !port.empty()) {
        const char* const last = port.data() + port.size();
        const auto [end, error] = std::from_chars(port.data(), last, result.port);
        if (error != std::errc() || end != last || result.port == 0)
            return bad("has no valid port");
    }
    result.authority = encoded_host;
    if (result.port != usual) result.authority += ":" + std::to_string(result.port);
    result.origin = scheme + "://" + encoded_host + ":" + std::to_string(result.port);
    result.target = text_of(url.encoded_path());
    if (result.target.empty()) result.target = "/";
    if (url.has_query()) result.target += "?" + text_of(url.encoded_query());
    return result;
}

}  // namespace bide::runtime
