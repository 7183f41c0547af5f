#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace bide::lambda {

/// The longest head of a request. Runtimes send what went wrong in a header as well
/// (Lambda-Runtime-Function-XRay-Error-Cause), up to a mebibyte of it.
constexpr std::uint32_t kHeadBytesMax = (1U << 20) + (64U << 10);

/// One request to the Runtime API, taken apart as it arrives. Of the fields only those that count
/// are kept; what has come of the body is in `body` until the reader takes it.
class RuntimeRequest final : public boost::beast::http::basic_parser<true> {
  public:
    RuntimeRequest();

    std::string method;
    std::string target;
    std::string content_type;
    std::string response_mode;
    std::string error_type;
    bool expects_continue = false;
    std::string body;

    // Of the trailers:
    std::string trailer_error_type;
    std::string trailer_error_body;

  private:
    using error_code = boost::beast::error_code;
    using string_view = boost::beast::string_view;

    void
    on_request_impl(boost::beast::http::verb, string_view method, string_view target, int, error_code&)
        override;
    void on_response_impl(int, string_view, int, error_code&) override {}
    void on_field_impl(boost::beast::http::field, string_view name, string_view value, error_code&)
        override;
    void on_header_impl(error_code&) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(string_view bytes, error_code&) override;
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override;
    void on_finish_impl(error_code&) override {}

    bool head_done_ = false;
};

}  // namespace bide::lambda
