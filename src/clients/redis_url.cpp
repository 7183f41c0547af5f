#include "clients/redis_options.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <charconv>
#include <system_error>

namespace bide::clients {
namespace {

namespace urls = boost::urls;

Error bad(const char* why) {
    return {
        Code::bad_request,
        Retry::never,
        std::string("the address of a Redis server, as in redis://host:6379/0, ") + why};
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    return error == std::errc() && end == last;
}

}  // namespace

Result<RedisAddress> parse_redis_url(std::string_view text) {
    const auto parsed = urls::parse_uri({text.data(), text.size()});
    if (parsed.has_error()) return bad("is not a URL");
    const urls::url_view& url = parsed.value();
    RedisAddress address;
    if (url.scheme() == "rediss")
        address.tls = true;
    else if (url.scheme() != "redis")
        return bad("must start with redis:// or rediss://");
    if (url.has_query() || url.has_fragment()) return bad("has neither query nor fragment");
    const auto host = url.encoded_host();
    address.host.assign(host.data(), host.size());
    if (address.host.empty()) return bad("must name a host");
    if (address.host.front() == '[') address.host = address.host.substr(1, address.host.size() - 2);
    if (address.host.find('%') != std::string::npos) return bad("has no escaped host");
    if (url.has_port()) {
        const auto port = url.port();
        if (!parse_number({port.data(), port.size()}, address.port) || address.port == 0)
            return bad("has no valid port");
    }
    address.user = url.user();
    address.password = url.password();
    const auto path = url.encoded_path();
    if (path.size() > 1 && !parse_number({path.data() + 1, path.size() - 1}, address.database))
        return bad("ends in the number of a database, or not at all");
    return address;
}

}  // namespace bide::clients
