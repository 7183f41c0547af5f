#pragma once

#include "support/wait.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::test {

struct Address {
    std::string host;
    std::uint16_t port = 0;
};

/// Of "http://HOST:PORT" (or https), with or without a slash behind; throws for others.
Address parse_url(std::string_view url);

/// The peer ended or broke the connection, or sent what is no HTTP, or nothing in time.
struct HttpError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Response {
    int status = 0;
    std::string version;  ///< "HTTP/1.1"
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;

    /// The value of the only field of this name (any case); empty if there is none. Throws if
    /// there are several.
    std::string operator[](std::string_view name) const;
    bool has(std::string_view name) const;
    /// The body as a JSON object; throws if it is none.
    boost::json::object json() const;
    /// The member `name` of the body, as text; empty if there is none.
    std::string member(std::string_view name) const;
    /// The last part of a problem's type; empty if the answer is no problem document.
    std::string problem() const;
};

struct Request {
    std::string method = "GET";
    std::string target = "/";
    std::vector<std::string> lines;  ///< header fields, as "Name: value"
    std::string body;

    /// With Host, and with Content-Length unless `lines` say how the body is framed.
    std::string text() const;
};

/// Sent with every request that says nothing of Authorization itself; empty: nothing is.
void set_default_key(std::string key);

/// One TCP connection that sends bytes as they are and reads answers exactly. One thread at a time.
class Connection {
  public:
    explicit Connection(const Address& address);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    Connection(Connection&& other) noexcept;

    /// False when the peer has stopped reading.
    bool send(std::string_view bytes);
    bool send(const Request& request) { return send(request.text()); }
    /// As send(), but gives up (false) when the peer takes nothing for a second.
    bool send_now(std::string_view bytes);

    enum class Kind { normal, to_head };
    /// The next answer, interim ones (1xx) included; never reads past its end for the caller.
    Response read(Kind kind = Kind::normal, Milliseconds patience = kPatience);
    Response ask(const Request& request);
    /// After read(Kind::to_head) of an answer in chunks: the next, empty when it was the last.
    std::string read_chunk(Milliseconds patience = kPatience);

    /// The next bytes as they are, exactly so many.
    std::string read_bytes(std::size_t size, Milliseconds patience = kPatience);

    /// Whether the peer ends the connection, within the patience, without a further byte.
    bool ends(Milliseconds patience = kPatience);
    /// Whether nothing, neither a byte nor an end, has come yet.
    bool silent();
    void shutdown_write();
    /// As a client that goes away: unread bytes make it a reset.
    void close();

  private:
    /// False at the end of the stream.
    bool read_more(Milliseconds patience);
    void need(std::size_t size, Milliseconds patience);
    std::string read_chunks(Milliseconds patience);
    std::string read_line(Milliseconds patience);

    int socket_ = -1;
    std::string buffer_;
};

/// One request on a connection of its own.
Response ask(const Address& address, const Request& request);
Response get(const Address& address, const std::string& target);
Response post(
    const Address& address,
    const std::string& target,
    std::string body,
    std::vector<std::string> lines = {}
);

/// Whether nobody listens there.
bool refuses_connections(const Address& address);

}  // namespace bide::test
