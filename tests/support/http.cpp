#include "support/http.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bide::test {
namespace {

std::string default_key;

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

int connect_to(const Address& address) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(address.port);
    const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
    if (::inet_pton(AF_INET, host.c_str(), &peer.sin_addr) != 1)
        throw HttpError("not an IPv4 address: " + address.host);
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
        ::close(descriptor);
        return -1;
    }
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

/// "HTTP/1.1 200 OK" and header lines, without the empty line.
Response parse_head(std::string_view head) {
    Response response;
    std::size_t end = head.find("\r\n");
    const std::string status_line(head.substr(0, end));
    if (!status_line.starts_with("HTTP/1.") || status_line.size() < 12)
        throw HttpError("no status line: " + status_line);
    response.version = status_line.substr(0, 8);
    response.status = std::stoi(status_line.substr(9, 3));
    while (end != std::string_view::npos) {
        head.remove_prefix(end + 2);
        end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) throw HttpError("no field: " + std::string(line));
        response.fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    return response;
}

}  // namespace

Address parse_url(std::string_view url) {
    const std::size_t scheme = url.find("://");
    const std::string_view name = url.substr(0, scheme);
    if (name != "http" && name != "https") throw HttpError("not an http URL: " + std::string(url));
    url.remove_prefix(scheme + 3);
    if (url.ends_with('/')) url.remove_suffix(1);
    const std::size_t colon = url.rfind(':');
    if (colon == std::string_view::npos) return {std::string(url), 80};
    return {
        std::string(url.substr(0, colon)),
        static_cast<std::uint16_t>(std::stoi(std::string(url.substr(colon + 1))))};
}

// --- Response and Request ---------------------------------------------------------------------

std::string Response::operator[](std::string_view name) const {
    const auto is_it = [name](const auto& field) { return same(field.first, name); };
    const auto found = std::find_if(fields.begin(), fields.end(), is_it);
    if (found == fields.end()) return {};
    if (std::find_if(found + 1, fields.end(), is_it) != fields.end())
        throw HttpError("more than one " + std::string(name));
    return found->second;
}

bool Response::has(std::string_view name) const {
    return std::any_of(fields.begin(), fields.end(), [name](const auto& field) {
        return same(field.first, name);
    });
}

boost::json::object Response::json() const {
    return boost::json::parse(body).as_object();
}

std::string Response::member(std::string_view name) const {
    const boost::json::object document = json();
    const boost::json::value* value = document.if_contains(name);
    if (value == nullptr) return {};
    if (const auto* text = value->if_string()) return {text->data(), text->size()};
    return boost::json::serialize(*value);
}

std::string Response::problem() const {
    if ((*this)["Content-Type"] != "application/problem+json") return {};
    const std::string type = member("type");
    constexpr std::string_view kPrefix = "/errors/";
    return type.starts_with(kPrefix) ? type.substr(kPrefix.size()) : type;
}

void set_default_key(std::string key) {
    default_key = std::move(key);
}

std::string Request::text() const {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: test\r\n";
    bool framed = method != "POST" && body.empty();
    bool keyed = default_key.empty();
    for (const auto& line : lines) {
        keyed = keyed || line.starts_with("Authorization:");
        framed = framed || line.starts_with("Transfer-Encoding") || line.starts_with("Content-Len");
        text += line + "\r\n";
    }
    if (!keyed) text += "Authorization: Bearer " + default_key + "\r\n";
    if (!framed) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
}

// --- Connection -------------------------------------------------------------------------------

Connection::Connection(const Address& address) : socket_(connect_to(address)) {
    if (socket_ < 0) throw HttpError("cannot connect");
}

Connection::~Connection() {
    close();
}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}

void Connection::close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

bool Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool Connection::send_now(std::string_view bytes) {
    while (!bytes.empty()) {
        pollfd ready{socket_, POLLOUT, 0};
        if (::poll(&ready, 1, 1000) <= 0) return false;
        const ssize_t sent =
            ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool Connection::read_more(Milliseconds patience) {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0)
        throw HttpError("no answer in time");
    std::array<char, 16384> piece{};
    const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got < 0) throw HttpError("the connection is broken");
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
    return got > 0;
}

void Connection::need(std::size_t size, Milliseconds patience) {
    while (buffer_.size() < size) {
        if (!read_more(patience)) throw HttpError("the connection ended early");
    }
}

std::string Connection::read_line(Milliseconds patience) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) need(buffer_.size() + 1, patience);
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
}

std::string Connection::read_chunk(Milliseconds patience) {
    const std::size_t size = std::stoul(read_line(patience), nullptr, 16);
    need(size + 2, patience);
    std::string chunk = buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    return chunk;
}

std::string Connection::read_chunks(Milliseconds patience) {
    std::string body;
    for (;;) {
        const std::string chunk = read_chunk(patience);
        if (chunk.empty()) return body;
        body += chunk;
    }
}

Response Connection::read(Kind kind, Milliseconds patience) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
        need(buffer_.size() + 1, patience);
    Response response = parse_head(std::string_view(buffer_).substr(0, end));
    buffer_.erase(0, end + 4);
    const int status = response.status;
    if (kind == Kind::to_head || status < 200 || status == 204 || status == 304) return response;
    if (response["Transfer-Encoding"] == "chunked") {
        response.body = read_chunks(patience);
        return response;
    }
    if (response.has("Content-Length")) {
        const std::size_t length = std::stoul(response["Content-Length"]);
        need(length, patience);
        response.body = buffer_.substr(0, length);
        buffer_.erase(0, length);
        return response;
    }
    while (read_more(patience)) continue;
    response.body = std::exchange(buffer_, {});
    return response;
}

Response Connection::ask(const Request& request) {
    send(request);
    return read(request.method == "HEAD" ? Kind::to_head : Kind::normal);
}

std::string Connection::read_bytes(std::size_t size, Milliseconds patience) {
    need(size, patience);
    const std::string bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return bytes;
}

bool Connection::ends(Milliseconds patience) {
    if (!buffer_.empty()) return false;
    try {
        return !read_more(patience);
    } catch (const HttpError&) {
        pollfd now{socket_, POLLIN, 0};
        return ::poll(&now, 1, 0) > 0;  // a reset is an end too
    }
}

bool Connection::silent() {
    pollfd now{socket_, POLLIN, 0};
    return buffer_.empty() && ::poll(&now, 1, 0) == 0;
}

void Connection::shutdown_write() {
    ::shutdown(socket_, SHUT_WR);
}

// --- in one go --------------------------------------------------------------------------------

Response ask(const Address& address, const Request& request) {
    return Connection(address).ask(request);
}

Response get(const Address& address, const std::string& target) {
    return ask(address, {"GET", target, {}, {}});
}

Response post(
    const Address& address,
    const std::string& target,
    std::string body,
    std::vector<std::string> lines
) {
    return ask(address, {"POST", target, std::move(lines), std::move(body)});
}

bool refuses_connections(const Address& address) {
    const int descriptor = connect_to(address);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor < 0;
}

}  // namespace bide::test
