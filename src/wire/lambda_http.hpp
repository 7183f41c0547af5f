#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::wire {

/// What stands between a client and a Lambda function, and makes events of its requests.
enum class LambdaEntry : std::uint8_t {
    rest_api,      ///< of API Gateway; also an HTTP API with payloads of format 1.0
    http_api,      ///< payloads of format 2.0
    function_url,  ///< the same
    load_balancer,
};

/// A request as an entry handed it on.
struct LambdaRequest {
    using Fields = std::vector<std::pair<std::string, std::string>>;

    LambdaEntry entry = LambdaEntry::rest_api;
    bool many_values = false;  ///< of a load balancer that sends, and wants, lists of values
    std::string method;
    /// Path and query, percent-encoded, without what the entry has put before the path.
    std::string target;
    /// That: "/dev" where the client sees the stage "dev" in its URLs. Not known behind a domain
    /// of one's own that maps to a stage of an HTTP API.
    std::string prefix;
    Fields fields;
    std::string body;
    /// The event is sound, and the request in it is to be refused.
    std::optional<Error> refusal;

    /// For a RequestHead, which must not outlive this.
    std::vector<Field> views() const;
};

/// Takes an event apart. What one entry decodes and another does not (queries) is made the same.
/// An error: it is no event of an entry that speaks HTTP.
Result<LambdaRequest> read_lambda_request(std::string_view event);

/// The JSON that a buffered answer has at most, before its entry refuses it. Lambda takes 6 MiB, a
/// load balancer 1 MB.
std::size_t lambda_answer_max(LambdaEntry entry);

/// The document that is a whole answer. `body`: what is sent of the reply's, empty for HEAD. Text
/// (UTF-8) goes as it is, all else in base64.
std::string write_lambda_answer(const LambdaRequest& to, const Reply& reply, std::string_view body);

/// Status and headers of an answer whose body follows. Lambda looks for its end in the first 16 KB:
/// an error when it is longer.
Result<std::string> write_lambda_prelude(const LambdaRequest& to, const Reply& reply);

}  // namespace bide::wire
