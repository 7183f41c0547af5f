#include "handlers/http/mapping.hpp"

#include "wire/exec_report.hpp"
#include "wire/http_date.hpp"
#include "wire/message.hpp"
#include "wire/utf8.hpp"

#include <boost/beast/http/status.hpp>

#include <utility>

namespace bide::http {
namespace {

using core::AttemptResult;
using Verdict = core::AttemptResult::Verdict;
using core::FailureKind;

/// So much of an answer that is not passed on stands in the detail.
constexpr std::size_t kQuoteBytes = 1000;

bool is_worth_repeating(std::uint16_t status) {
    return status >= 500 || status == 408 || status == 425 || status == 429;
}

std::string describe(const runtime::HttpResponse& response) {
    namespace bhttp = boost::beast::http;
    const auto reason = bhttp::obsolete_reason(static_cast<bhttp::status>(response.status));
    std::string text = "the target answered " + std::to_string(response.status) + " " +
                       std::string(reason.data(), reason.size());
    if (response.status < 400) {
        text += "; redirects are not followed";
        if (const auto to = response.fields["Location"]; !to.empty())
            text += " (to " + wire::to_printable(to.substr(0, kQuoteBytes)) + ")";
    } else {
        const std::string_view said =
            response.beginning.empty() ? response.body.bytes : response.beginning;
        if (!said.empty()) text += "; it said:\n" + wire::to_printable(said.substr(0, kQuoteBytes));
    }
    return text;
}

}  // namespace

AttemptResult to_result(runtime::HttpResponse&& response, Time now) {
    AttemptResult result;
    const std::string_view coding = response.fields["Content-Encoding"];
    if (!coding.empty() && !wire::equal_fold(coding, "identity") &&
        !is_worth_repeating(response.status)) {
        result.verdict = Verdict::fail;
        result.detail = "the target answered in Content-Encoding " +
                        wire::to_printable(coding.substr(0, kQuoteBytes)) +
                        ", though asked for identity";
        return result;
    }
    const bool succeeded = response.status < 300;
    if (succeeded) {
        result.verdict = Verdict::success;
        result.kind = FailureKind::none;
    } else {
        const bool again = is_worth_repeating(response.status);
        result.verdict = again ? Verdict::retry : Verdict::fail;
        result.detail = describe(response);
        if (again) {
            const auto after = wire::parse_retry_after(response.fields["Retry-After"], now);
            result.retry_after = after.value_or(Duration(0));
            return result;
        }
        if (response.status < 400) return result;
        if (response.cut) {
            result.detail = "the answer is larger than a result may be: " + result.detail;
            return result;
        }
    }
    result.status = response.status;
    if (const auto type = response.fields["Content-Type"]; wire::is_content_type(type))
        result.content_type = type;
    result.body = std::move(response.body);
    return result;
}

AttemptResult to_result(runtime::HttpFailure&& failure) {
    using Kind = runtime::HttpFailure::Kind;
    AttemptResult result;
    result.detail = std::move(failure.detail);
    if (failure.kind == Kind::too_large) result.verdict = Verdict::fail;
    if (failure.kind == Kind::stopped) result.kind = FailureKind::lost;
    return result;
}

}  // namespace bide::http
