// The doctor's ways to ask, and what it asks of AWS's other services than S3 (doctor_store.cpp).
#include "engines/aws/doctor.hpp"

#include "engines/aws/doctor_parts.hpp"
#include "wire/aws_error.hpp"
#include "wire/http_date.hpp"
#include "wire/sqs.hpp"
#include "wire/sts.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <future>
#include <utility>

namespace bide::engines::aws {
namespace {

using clients::AwsFailure;
using clients::AwsRequest;
using clients::AwsResult;

constexpr Duration kPatience = std::chrono::seconds(10);  ///< with one call

bool is_url(std::string_view text) {
    return text.starts_with("https://") || text.starts_with("http://");
}

bool says_denied(std::string_view code) {
    return code.find("AccessDenied") != std::string_view::npos;
}

std::string code_of(const runtime::HttpResponse& response) {
    return wire::read_aws_error(response.fields["x-amzn-query-error"], response.body.bytes).code;
}

}  // namespace

void examine(
    Services& services, DoctorOptions options, const std::function<void(const Finding&)>& tell
) {
    Examination examination(services, std::move(options), tell);
    std::promise<void> done;
    runtime::net::co_spawn(
        services.executor(),
        examination.run(),
        [&done](const std::exception_ptr&) { done.set_value(); }
    );
    done.get_future().wait();
}

Examination::Examination(
    Services& services, DoctorOptions options, const std::function<void(const Finding&)>& tell
)
    : services_(services),
      options_(std::move(options)),
      tell_(tell),
      name_("doctor/" + to_string(IdMaker(os_random(), 0).make(services.clock().now()))) {}

runtime::Task<void> Examination::run() {
    const clients::AwsPlace& place = services_.place();
    tell(Grade::ok, "region", place.region);
    for (const char* service : {"sqs", "s3"}) {
        auto given = place.endpoints.find(service);
        if (given == place.endpoints.end()) given = place.endpoints.find("");
        const std::string url = given == place.endpoints.end() ? std::string() : given->second;
        tell_(judge_address(service, url));
    }
    const bool known = co_await credentials();
    if (known) {
        co_await identity();
        co_await clock();
        for (const auto& one : options_.queues) co_await queue(&one);
        clients::S3Client& in = services_.incoming();
        clients::S3Client& out = services_.outgoing();
        const bool one = in.bucket() == out.bucket();
        if (!one) co_await bucket(&out, parts_of(false, true));
        co_await bucket(&in, parts_of(true, one));
    } else {
        tell(Grade::skipped, "queues, buckets", "not examined without credentials");
    }
    co_await cache();
}

void Examination::tell_all(Findings findings, const std::string& about) {
    for (auto& finding : findings) {
        finding.about = about;
        tell_(finding);
    }
}

runtime::Task<AwsResult> Examination::ask(AwsRequest request) {
    request.final_statuses = {400, 403, 404, 405, 501};
    request.time_max = kPatience;
    return services_.aws().send(std::move(request));
}

runtime::Task<AwsResult> Examination::ask_sqs(const char* action, std::string body) {
    AwsRequest request;
    request.service = "sqs";
    request.headers = {
        {"content-type", std::string(wire::kSqsContentType)},
        {"x-amz-target", std::string("AmazonSQS.") + action}};
    auto bytes = std::make_shared<Body>();
    bytes->bytes = std::move(body);
    request.body = std::move(bytes);
    return ask(std::move(request));
}

runtime::Task<bool> Examination::credentials() {
    const auto got = co_await services_.credentials().get();
    if (got.has_error()) {
        tell(
            Grade::fail,
            "credentials",
            got.error().detail,
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or give the machine or "
            "task a role"
        );
        co_return false;
    }
    std::string found =
        "key " + got.value()->key_id + " from " + std::string(services_.credentials().source());
    if (got.value()->expires != kNever) found += ", until " + to_rfc3339(got.value()->expires);
    tell(Grade::ok, "credentials", std::move(found));
    co_return true;
}

runtime::Task<void> Examination::identity() {
    const auto& given = services_.place().endpoints;
    const bool elsewhere = !given.empty() && !given.contains("") && !given.contains("sts");
    if (elsewhere) {
        tell(Grade::skipped, "identity", "the services have endpoints of their own, STS has none");
        co_return;
    }
    AwsRequest request;
    request.service = "sts";
    request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
    auto form = std::make_shared<Body>();
    form->bytes = wire::caller_identity_form();
    request.body = std::move(form);
    const auto answer = co_await ask(std::move(request));
    if (answer.has_error()) {
        tell(
            Grade::skipped,
            "identity",
            "STS is not reached, and not needed: " + answer.error().detail
        );
        co_return;
    }
    const auto arn = wire::read_sts_identity(answer.value().body.bytes);
    if (arn.has_value()) {
        tell(Grade::ok, "identity", arn.value());
        co_return;
    }
    const std::string code = code_of(answer.value());
    tell(
        Grade::fail,
        "identity",
        "STS does not know these credentials: " + (code.empty() ? arn.error().detail : code),
        "renew them; who has a session token sets AWS_SESSION_TOKEN, too"
    );
}

/// By the date of an answer, whatever the answer is.
runtime::Task<void> Examination::clock() {
    const Time before = now();
    const auto answer = co_await ask_sqs("ListQueues", R"({"MaxResults":1})");
    const Time after = now();
    if (answer.has_error()) {
        tell(Grade::skipped, "clock", "SQS does not answer: " + answer.error().detail);
        co_return;
    }
    const auto theirs = wire::parse_http_date(answer.value().fields["date"], after);
    if (!theirs) {
        tell(Grade::skipped, "clock", "SQS does not say what time it is");
        co_return;
    }
    // A date stands for all of its second.
    const Time middle = before + (after - before) / 2;
    tell_(judge_clock(*theirs + std::chrono::milliseconds(500) - middle));
}

// --- queues -----------------------------------------------------------------------------------

runtime::Task<void> Examination::queue(const DoctorOptions::Queue* which) {
    const bool batches = which->needs.batches;
    // By the name that the operator gave it or, as it has none of his, by the key.
    const std::string about = batches ? "batches in [aws]" : "queue " + which->needs.name;
    if (batches && !options_.front) co_return;  // they are the fronts'
    const QueueRights rights{true, batches || options_.worker};
    const auto found = co_await attributes(about, which->sqs, rights);
    if (!found) co_return;
    tell_all(judge_queue(which->needs, *found), about);
    if (batches) co_return;
    const auto kept = found->find("MessageRetentionPeriod");
    if (kept != found->end()) {
        const auto span = std::chrono::seconds(std::strtol(kept->second.c_str(), nullptr, 10));
        longest_kept_ = std::max<Duration>(longest_kept_, span);
    }
    if (options_.worker) co_await dead_letters(which, &*found);
}

runtime::Task<void> Examination::dead_letters(
    const DoctorOptions::Queue* which, const QueueAttributes* queue
) {
    const std::string about = "dead letters of " + which->needs.name;
    if (which->dead_letters.empty()) {
        tell(
            Grade::warn,
            about,
            "nobody looks: a job whose workers all died is never answered",
            "add dead_letters to [queues." + which->needs.name + "]"
        );
        co_return;
    }
    const QueueRights rights{false, true};
    const auto letters = co_await attributes(about, which->dead_letters, rights);
    if (letters) tell_all(judge_dead_letters(which->needs, *queue, *letters), about);
}

/// Tells what stands in the way, and what may not be done with the queue; nothing: its attributes
/// cannot be had.
runtime::Task<std::optional<QueueAttributes>> Examination::attributes(
    std::string about, std::string name, QueueRights rights
) {
    using Kind = AwsFailure::Kind;
    const auto refuse = [&](const AwsFailure& failure) {
        const bool unknown = failure.code.find("QueueDoesNotExist") != std::string::npos ||
                             failure.code.find("NonExistentQueue") != std::string::npos;
        std::string mend = "see that this machine may reach SQS";
        std::string found = failure.detail;
        if (unknown) {
            found = "there is no queue " + name + " in " + services_.place().region;
            mend = "make it (aws sqs create-queue), or mend its name or the region";
        } else if (says_denied(failure.code)) {
            mend = "allow sqs:GetQueueUrl and sqs:GetQueueAttributes";
        } else if (failure.kind == Kind::credentials) {
            mend = "mend the credentials";
        }
        tell(Grade::fail, about, std::move(found), std::move(mend));
        return std::nullopt;
    };
    std::string url = name;
    if (!is_url(name)) {
        auto looked = co_await services_.sqs().find_queue(name);
        if (looked.has_error()) co_return refuse(looked.error());
        url = std::move(looked.value());
    }
    auto got = co_await services_.sqs().attributes(url);
    if (got.has_error() && says_denied(got.error().code)) {
        tell(
            Grade::skipped,
            about,
            "its attributes may not be read, which bide itself does not need",
            "allow sqs:GetQueueAttributes to have them examined"
        );
    } else if (got.has_error()) {
        co_return refuse(got.error());
    }
    co_await permissions(about, std::move(url), rights);
    if (got.has_error()) co_return std::nullopt;
    co_return std::move(got.value());
}

/// By calls that ask for nothing: a service that refuses them for that has not forbidden them.
runtime::Task<void> Examination::permissions(
    std::string about, std::string url, QueueRights rights
) {
    const std::string nothing = wire::sqs_empty_batch(url);
    struct Call {
        const char* action;
        const char* permission;
        std::string body;
    };
    std::vector<Call> calls;
    if (rights.send) calls.push_back({"SendMessageBatch", "sqs:SendMessage", nothing});
    if (rights.receive) {
        calls.push_back({"ReceiveMessage", "sqs:ReceiveMessage", wire::sqs_receive(url, {0, 0, 0})}
        );
        calls.push_back({"DeleteMessageBatch", "sqs:DeleteMessage", nothing});
        calls.push_back({"ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility", nothing});
    }
    std::string allowed;
    std::string denied;
    for (const Call& call : calls) {
        const auto answer = co_await ask_sqs(call.action, call.body);
        if (answer.has_error()) {
            tell(Grade::warn, about, std::string(call.action) + ": " + answer.error().detail);
            co_return;
        }
        std::string& list = says_denied(code_of(answer.value())) ? denied : allowed;
        list += (list.empty() ? "" : ", ") + std::string(call.permission);
    }
    if (!denied.empty()) {
        tell(Grade::fail, about, "not allowed: " + denied, "allow it (docs/aws.md, Permissions)");
    } else {
        tell(
            Grade::ok,
            about,
            "is there; not forbidden: " + allowed +
                " (asked with empty calls, which move no message)"
        );
    }
}

}  // namespace bide::engines::aws
