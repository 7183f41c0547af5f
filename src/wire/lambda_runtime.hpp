#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::wire {

/// A request to the Lambda Runtime API (2018-06-01), by its method and target.
struct LambdaCall {
    enum class Kind : std::uint8_t {
        next,
        response,
        error,
        init_error,
        wrong_method,  ///< there is such a page, but not for this method
        unknown,
    };
    Kind kind = Kind::unknown;
    std::string_view id;  ///< of response and error; a piece of the target
};

LambdaCall parse_lambda_call(std::string_view method, std::string_view target);

/// {"errorMessage":"...","errorType":"..."}: how the Runtime API refuses.
std::string lambda_refusal(std::string_view type, std::string_view message);

}  // namespace bide::wire
