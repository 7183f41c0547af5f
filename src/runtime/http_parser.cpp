#include "runtime/http_parser.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace bide::runtime {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

/// A length that a peer announces is believed only this far when memory is set aside.
constexpr std::uint64_t kReserveMax = 64U << 10;

std::string_view view(beast::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

void HttpFields::add(std::string_view name, std::string_view value) {
    places_.push_back(
        {static_cast<std::uint32_t>(text_.size()),
         static_cast<std::uint32_t>(name.size()),
         static_cast<std::uint32_t>(value.size())}
    );
    text_.append(name);
    text_.append(value);
}

void HttpFields::clear() {
    text_.clear();
    places_.clear();
}

std::string_view HttpFields::name(std::size_t at) const {
    const Place& place = places_.at(at);
    return std::string_view(text_).substr(place.at, place.name_size);
}

std::string_view HttpFields::value(std::size_t at) const {
    const Place& place = places_.at(at);
    return std::string_view(text_).substr(place.at + place.name_size, place.value_size);
}

std::string_view HttpFields::operator[](std::string_view wanted) const {
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (beast::iequals({name(i).data(), name(i).size()}, {wanted.data(), wanted.size()}))
            return value(i);
    }
    return {};
}

std::size_t HttpFields::count(std::string_view wanted) const {
    std::size_t found = 0;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (beast::iequals({name(i).data(), name(i).size()}, {wanted.data(), wanted.size()}))
            ++found;
    }
    return found;
}

void HttpResponseParser::on_response_impl(
    int code, beast::string_view, int version, beast::error_code& error
) {
    status = static_cast<std::uint16_t>(code);
    // 101 answers a wish to change protocols, which is never uttered here.
    if (code < 100 || code > 599 || code == 101) error = http::error::bad_status;
    if (version != 10 && version != 11) error = http::error::bad_version;
    if (code >= 400) body_limit(boost::none);
}

void HttpResponseParser::
    on_field_impl(http::field, beast::string_view name, beast::string_view value, beast::error_code&) {
    if (!head_done_) fields.add(view(name), view(value));
}

void HttpResponseParser::on_header_impl(beast::error_code& error) {
    head_done_ = true;
    const auto codings = fields.count("Transfer-Encoding");
    if (codings == 0 || is_interim()) return;
    // Where a body in another coding ends, nobody could say; and with a length besides, two.
    const std::string_view coding = fields["Transfer-Encoding"];
    if (codings > 1 || !beast::iequals({coding.data(), coding.size()}, "chunked"))
        error = http::error::bad_transfer_encoding;
    if (fields.count("Content-Length") != 0) error = http::error::bad_content_length;
}

void HttpResponseParser::
    on_body_init_impl(const boost::optional<std::uint64_t>& length, beast::error_code&) {
    if (length) body.reserve(static_cast<std::size_t>(std::min(*length, kReserveMax)));
}

std::size_t HttpResponseParser::on_body_impl(beast::string_view bytes, beast::error_code&) {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
}

void HttpResponseParser::
    on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) {}

std::size_t HttpResponseParser::
    on_chunk_body_impl(std::uint64_t, beast::string_view bytes, beast::error_code&) {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
}

void HttpResponseParser::on_finish_impl(beast::error_code&) {}

}  // namespace bide::runtime
