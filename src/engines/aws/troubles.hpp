#pragma once

#include "base/error.hpp"
#include "clients/aws_client.hpp"

#include <string>
#include <string_view>

namespace bide::engines::aws {

/// What a caller is told when a service did not do what it should.
inline Error to_error(const clients::AwsFailure& failure, std::string_view what) {
    Error error;
    error.code = Code::store_failed;
    error.retry = failure.may_have_happened ? Retry::unsafe : Retry::safe;
    error.detail = std::string(what) + ": " + failure.detail;
    error.retry_after_s = 1;
    return error;
}

}  // namespace bide::engines::aws
