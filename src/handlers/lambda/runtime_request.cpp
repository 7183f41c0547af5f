#include "handlers/lambda/runtime_request.hpp"

#include <boost/beast/core/string.hpp>

namespace bide::lambda {
namespace {

/// Of fields that are kept whole.
constexpr std::size_t kValueBytesMax = 1024;

}  // namespace

RuntimeRequest::RuntimeRequest() {
    header_limit(kHeadBytesMax);
    body_limit(boost::none);  // who reads it counts
}

void RuntimeRequest::
    on_request_impl(boost::beast::http::verb, string_view name, string_view path, int, error_code&) {
    method.assign(name.data(), name.size());
    target.assign(path.data(), path.size());
}

void RuntimeRequest::
    on_field_impl(boost::beast::http::field, string_view name, string_view value, error_code&) {
    const auto is = [name](string_view wanted) { return boost::beast::iequals(name, wanted); };
    const auto take = [value](std::string& into, std::size_t size_max) {
        into.assign(value.data(), std::min(value.size(), size_max));
    };
    if (head_done_) {
        if (is("Lambda-Runtime-Function-Error-Type")) take(trailer_error_type, kValueBytesMax);
        if (is("Lambda-Runtime-Function-Error-Body")) take(trailer_error_body, kHeadBytesMax);
        return;
    }
    if (is("Content-Type")) take(content_type, kValueBytesMax);
    if (is("Lambda-Runtime-Function-Response-Mode")) take(response_mode, kValueBytesMax);
    if (is("Lambda-Runtime-Function-Error-Type")) take(error_type, kValueBytesMax);
    if (is("Expect")) expects_continue = boost::beast::iequals(value, "100-continue");
}

void RuntimeRequest::on_header_impl(error_code&) {
    head_done_ = true;
}

std::size_t RuntimeRequest::on_body_impl(string_view bytes, error_code&) {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
}

std::size_t RuntimeRequest::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
}

}  // namespace bide::lambda
