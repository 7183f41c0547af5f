#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::wire {

/// What a service said when it said no. Both may be empty: an answer to HEAD has no body.
struct AwsError {
    std::string code;     ///< "QueueDoesNotExist", "NoSuchKey"
    std::string message;  ///< for a person
};

/// Out of an error answer, JSON (its __type) or XML. `query_error` is the field x-amzn-query-error,
/// which has the code that older clients know; it is used where the body names none.
AwsError read_aws_error(std::string_view query_error, std::string_view body);

/// What a code asks of the client.
enum class AwsErrorClass : std::uint8_t {
    other,
    throttled,    ///< come again, more slowly
    transient,    ///< come again
    expired,      ///< with other credentials
    credentials,  ///< these are not valid, or the signature is not (a wrong clock does that, too)
    skewed,       ///< the clock is wrong
};

AwsErrorClass class_of(std::string_view code);

}  // namespace bide::wire
