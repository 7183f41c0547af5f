#pragma once

#include "runtime/http_fields.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::runtime {

/// Takes one response apart as it arrives. Strict where leniency would let the two ends disagree
/// on where a message ends. What has come of the body is in `body`; who drives the parser takes it
/// from there.
class HttpResponseParser final : public boost::beast::http::basic_parser<false> {
  public:
    /// Past head_bytes_max the head, and past body_bytes_max the body, is refused; that of an error
    /// (a status from 400 up) is for who drives the parser to cut.
    HttpResponseParser(std::uint32_t head_bytes_max, std::uint64_t body_bytes_max) {
        header_limit(head_bytes_max);
        body_limit(body_bytes_max);
        eager(true);
    }

    std::uint16_t status = 0;
    HttpFields fields;  ///< trailers are dropped
    std::string body;

    bool is_interim() const { return status < 200; }

  private:
    using error_code = boost::beast::error_code;
    using string_view = boost::beast::string_view;

    void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&)
        override {}
    void on_response_impl(int code, string_view reason, int version, error_code& error) override;
    void on_field_impl(
        boost::beast::http::field, string_view name, string_view value, error_code& error
    ) override;
    void on_header_impl(error_code& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& error)
        override;
    std::size_t on_body_impl(string_view bytes, error_code& error) override;
    void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code& error)
        override;
    std::size_t on_chunk_body_impl(std::uint64_t remain, string_view bytes, error_code& error)
        override;
    void on_finish_impl(error_code& error) override;

    bool head_done_ = false;
};

}  // namespace bide::runtime
