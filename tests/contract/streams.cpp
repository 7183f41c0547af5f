#include "streams.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <utility>

namespace bide::test {
namespace {

Connection sent(const Address& server, const Request& request) {
    Connection connection(server);
    connection.send(request);
    return connection;
}

Event parse_event(std::string_view block) {
    Event event;
    while (!block.empty()) {
        const std::size_t end = block.find('\n');
        const std::string line(block.substr(0, end));
        block = end == std::string_view::npos ? std::string_view() : block.substr(end + 1);
        const std::size_t colon = line.find(':');
        std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
        if (value.starts_with(' ')) value.erase(0, 1);
        const std::string field = line.substr(0, colon);
        if (field.empty()) event.comment += value;
        if (field == "event") event.name = value;
        if (field == "id") event.id = value;
        if (field == "retry") event.retry = value;
        if (field == "data") event.data += (event.data.empty() ? "" : "\n") + value;
    }
    return event;
}

}  // namespace

boost::json::object Event::json() const {
    return boost::json::parse(data).as_object();
}

std::string Event::member(std::string_view name_of_member) const {
    const boost::json::object document = json();
    const boost::json::value* value = document.if_contains(name_of_member);
    if (value == nullptr) return {};
    if (const auto* text = value->if_string()) return {text->data(), text->size()};
    return boost::json::serialize(*value);
}

Stream::Stream(const Address& server, const Request& request, std::string separator)
    : Stream(sent(server, request), std::move(separator)) {}

Stream::Stream(Connection connection, std::string separator)
    : connection_(std::move(connection)), separator_(std::move(separator)) {
    if (std::getenv("BIDE_EVENTS_COLLECTED") != nullptr) {
        head_ = connection_.read();
        buffer_ = std::exchange(head_.body, {});
        collected_ = true;
        if (head_["Content-Type"] == "text/event-stream") return;
        throw HttpError("no events, but status " + std::to_string(head_.status));
    }
    head_ = connection_.read(Connection::Kind::to_head);
    if (head_["Transfer-Encoding"] == "chunked") return;
    throw HttpError("no stream, but status " + std::to_string(head_.status));
}

std::optional<std::string> Stream::next() {
    for (;;) {
        const std::size_t end = buffer_.find(separator_);
        if (end != std::string::npos) {
            std::string block = buffer_.substr(0, end);
            buffer_.erase(0, end + separator_.size());
            return block;
        }
        const std::string chunk = collected_ ? std::string() : connection_.read_chunk();
        if (!chunk.empty()) {
            buffer_ += chunk;
            continue;
        }
        if (!buffer_.empty()) throw HttpError("the stream ends in the middle: " + buffer_);
        return std::nullopt;
    }
}

EventStream::EventStream(const Address& server, Request request)
    : stream_(
          server,
          [&request] {
              request.lines.push_back("Accept: text/event-stream");
              return request;
          }(),
          "\n\n"
      ) {}

std::optional<Event> EventStream::next() {
    while (const auto block = stream_.next()) {
        Event event = parse_event(*block);
        if (!event.retry.empty()) retry_ = event.retry;
        if (event.comment == "heartbeat") ++heartbeats_;
        if (!event.name.empty()) return event;
    }
    return std::nullopt;
}

std::vector<Event> EventStream::rest() {
    std::vector<Event> events;
    while (auto event = next()) events.push_back(std::move(*event));
    return events;
}

std::optional<boost::json::object> LineStream::next() {
    const auto line = stream_.next();
    if (!line) return std::nullopt;
    return boost::json::parse(*line).as_object();
}

std::vector<boost::json::object> LineStream::rest() {
    std::vector<boost::json::object> lines;
    while (auto line = next()) lines.push_back(std::move(*line));
    return lines;
}

}  // namespace bide::test
