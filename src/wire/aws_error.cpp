#include "wire/aws_error.hpp"

#include "wire/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;

constexpr std::size_t kMessageMax = 1000;  ///< more helps nobody

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains({name.data(), name.size()});
    const json::string* text = found == nullptr ? nullptr : found->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

/// "com.amazonaws.sqs#QueueDoesNotExist:http://..." -> "QueueDoesNotExist"
std::string short_code(std::string_view code) {
    if (const auto at = code.rfind('#'); at != std::string_view::npos) code.remove_prefix(at + 1);
    return std::string(cut_at(code, ':'));
}

AwsError read_json(std::string_view body) {
    json::error_code failed;
    const json::value document = json::parse({body.data(), body.size()}, failed);
    const json::object* object = failed ? nullptr : document.if_object();
    if (object == nullptr) return {};
    AwsError error{short_code(text_of(*object, "__type")), text_of(*object, "message")};
    if (error.code.empty()) error.code = short_code(text_of(*object, "code"));
    if (error.message.empty()) error.message = text_of(*object, "Message");
    return error;
}

AwsError read_xml(std::string_view body) {
    pugi::xml_document document;
    if (!document.load_buffer(body.data(), body.size())) return {};
    pugi::xml_node error = document.document_element();
    if (const auto inner = error.child("Errors")) error = inner;  // EC2 and old services
    if (const auto inner = error.child("Error")) error = inner;   // all but S3
    return {error.child_value("Code"), error.child_value("Message")};
}

}  // namespace

AwsError read_aws_error(std::string_view query_error, std::string_view body) {
    const std::size_t start = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    AwsError error;
    if (start != std::string_view::npos)
        error = body[start] == '<' ? read_xml(body) : read_json(body.substr(start));
    if (error.code.empty()) error.code = std::string(cut_at(query_error, ';'));
    if (error.message.size() > kMessageMax) error.message.resize(kMessageMax);
    return error;
}

AwsErrorClass class_of(std::string_view code) {
    using Class = AwsErrorClass;
    // As AWS's SDKs have them in their "standard" retry mode, and S3's own.
    static constexpr std::array<std::pair<std::string_view, Class>, 40> kCodes{{
        {"BandwidthLimitExceeded", Class::throttled},
        {"EC2ThrottledException", Class::throttled},
        {"KmsThrottled", Class::throttled},
        {"KMS.ThrottlingException", Class::throttled},
        {"LimitExceededException", Class::throttled},
        {"PriorRequestNotComplete", Class::throttled},
        {"ProvisionedThroughputExceededException", Class::throttled},
        {"RequestLimitExceeded", Class::throttled},
        {"RequestThrottled", Class::throttled},
        {"RequestThrottledException", Class::throttled},
        {"SlowDown", Class::throttled},
        {"Throttling", Class::throttled},
        {"ThrottledException", Class::throttled},
        {"ThrottlingException", Class::throttled},
        {"TooManyRequestsException", Class::throttled},
        {"TransactionInProgressException", Class::throttled},
        {"IDPCommunicationError", Class::transient},
        {"InternalError", Class::transient},
        {"InternalFailure", Class::transient},
        {"RequestTimeout", Class::transient},
        {"RequestTimeoutException", Class::transient},
        {"ServiceUnavailable", Class::transient},
        {"ExpiredToken", Class::expired},
        {"ExpiredTokenException", Class::expired},
        {"TokenRefreshRequired", Class::expired},
        {"AuthFailure", Class::credentials},
        {"IncompleteSignature", Class::credentials},
        {"InvalidAccessKeyId", Class::credentials},
        {"InvalidClientTokenId", Class::credentials},
        {"InvalidSecurity", Class::credentials},
        {"InvalidSignatureException", Class::credentials},
        {"InvalidToken", Class::credentials},
        {"MissingAuthenticationToken", Class::credentials},
        {"MissingAuthenticationTokenException", Class::credentials},
        {"NotSignedUp", Class::credentials},
        {"SignatureDoesNotMatch", Class::credentials},
        {"UnrecognizedClientException", Class::credentials},
        {"RequestExpired", Class::skewed},
        {"RequestInTheFuture", Class::skewed},
        {"RequestTimeTooSkewed", Class::skewed},
    }};
    const auto found = std::ranges::find(kCodes, code, &decltype(kCodes)::value_type::first);
    return found == kCodes.end() ? Class::other : found->second;
}

}  // namespace bide::wire
