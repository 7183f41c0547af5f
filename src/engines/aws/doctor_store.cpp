// What the doctor asks of S3.
#include "engines/aws/doctor_parts.hpp"
#include "wire/aws_error.hpp"
#include "wire/s3.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using clients::AwsFailure;
using clients::S3Client;
using clients::S3Made;

const std::string kTrialText = "written by bide doctor to see whether it can be; not needed";

bool denied(const AwsFailure& failure) {
    return failure.status == 403;
}

std::string allow(const S3Client& bucket, const char* permission, const std::string& prefix) {
    return std::string("allow ") + permission + " on arn:aws:s3:::" + bucket.bucket() +
           (prefix.empty() ? "" : "/" + prefix + "*");
}

}  // namespace

/// By what fronts and workers do there (docs/aws.md, Permissions).
std::vector<StorePart> Examination::parts_of(bool incoming, bool outgoing) const {
    std::vector<StorePart> parts;
    if (outgoing) parts.push_back({"outgoing/", true, true});
    if (!incoming) return parts;
    parts.push_back({"incoming/", options_.front, true});
    if (options_.front) parts.push_back({"claims/", true, true});
    if (options_.worker || options_.batches) parts.push_back({"failed/", true, false});
    return parts;
}

runtime::Task<void> Examination::bucket(S3Client* which, std::vector<StorePart> parts) {
    const std::string about = "bucket " + which->bucket();
    const bool there = co_await listing(which, about);
    if (!there) co_return;
    for (const auto& part : parts) {
        if (part.get) co_await absent(which, about, part.prefix);
        if (part.put) co_await trial(which, about, part);
    }
    co_await lifecycle(which, about, parts);
    co_await public_access(which, about);
}

runtime::Task<bool> Examination::listing(S3Client* which, std::string about) {
    const auto page = co_await which->list("doctor/", {}, 1, {});
    if (page.has_value()) {
        tell(Grade::ok, about, "is there, and may be listed");
        co_return true;
    }
    const AwsFailure& failure = page.error();
    if (failure.code == "NoSuchBucket") {
        tell(Grade::fail, about, "is not there", "make it (aws s3 mb), or mend its name");
        co_return false;
    }
    if (denied(failure) && failure.kind == AwsFailure::Kind::refused) {
        tell(
            Grade::fail,
            about,
            "may not be listed (" + failure.code +
                "): S3 then says 403 for what is not there, and bide cannot tell",
            allow(*which, "s3:ListBucket", {})
        );
        co_return true;
    }
    tell(Grade::fail, about, failure.detail, "see that this machine may reach S3 as who it is");
    co_return false;
}

/// Most of what fronts look for is not there yet: that has to be told from what is forbidden.
runtime::Task<void> Examination::absent(S3Client* which, std::string about, std::string prefix) {
    const auto got = co_await which->get(prefix + name_ + "-absent", {});
    if (got.has_value() && !got.value()) co_return;
    tell(
        Grade::fail,
        about,
        prefix + ": is not told plainly that an object is absent" +
            (got.has_error() ? ": " + got.error().detail : std::string()),
        allow(*which, "s3:GetObject", prefix) + " and s3:ListBucket on the bucket"
    );
}

runtime::Task<void> Examination::trial(S3Client* which, std::string about, StorePart part) {
    const std::string& prefix = part.prefix;
    const std::string key = prefix + name_;
    const auto made_of = [&] {
        clients::S3Put put;
        put.key = key;
        put.facts.content_type = "text/plain";
        auto body = std::make_shared<Body>();
        body->bytes = kTrialText;
        put.body = std::move(body);
        put.if_absent = true;
        return put;
    };
    const auto first = co_await which->put(made_of());
    if (first.has_error()) {
        tell(
            Grade::fail,
            about,
            "cannot put below " + prefix + ": " + first.error().detail,
            allow(*which, "s3:PutObject", prefix)
        );
        co_return;
    }
    const auto second = co_await which->put(made_of());
    clients::AwsOutcome<std::optional<clients::S3Object>> got = std::optional<clients::S3Object>();
    if (part.get) got = co_await which->get(key, {});
    const auto removed = co_await which->remove(key, {});
    if (second.has_error() || second.value() != S3Made::was_there) {
        tell(
            Grade::fail,
            about,
            prefix +
                ": a second put with If-None-Match: * was not refused (412): two results of one "
                "job could replace each other" +
                (second.has_error() ? ": " + second.error().detail : std::string()),
            "use a store that honours conditional writes"
        );
    } else if (part.get && (got.has_error() || !got.value() || got.value()->body.bytes != kTrialText)) {
        tell(
            Grade::fail,
            about,
            prefix + ": what was put is not what is got" +
                (got.has_error() ? ": " + got.error().detail : std::string()),
            allow(*which, "s3:GetObject", prefix)
        );
    } else {
        std::string found = prefix + ": put, not put twice (412)" + (part.get ? ", got" : "");
        found += removed.has_error() ? "; " + key + " may not be removed, as bide never does"
                                     : ", removed";
        tell(Grade::ok, about, std::move(found));
    }
}

runtime::Task<clients::AwsResult> Examination::ask_bucket(S3Client* which, const char* what) {
    clients::AwsRequest request;
    request.service = "s3";
    request.method = "GET";
    request.bucket = which->bucket();
    request.query = {{what, ""}};
    return ask(std::move(request));
}

runtime::Task<void> Examination::lifecycle(
    S3Client* which, std::string about, std::vector<StorePart> parts
) {
    const auto answer = co_await ask_bucket(which, "lifecycle");
    std::vector<wire::S3LifecycleRule> rules;
    if (answer.has_value() && answer.value().status == 200) {
        auto read = wire::read_s3_lifecycle(answer.value().body.bytes);
        if (read.has_error()) {
            tell(Grade::skipped, about, "lifecycle rules: " + read.error().detail);
            co_return;
        }
        rules = std::move(read.value());
    } else if ((answer.has_error() ? answer.error().status : answer.value().status) == 501) {
        tell(
            Grade::warn,
            about,
            "this service has no lifecycle rules (501): nothing ever goes",
            "remove old objects by other means"
        );
        co_return;
    } else if (answer.has_error() || answer.value().status != 404) {
        const std::string why = answer.has_error()
                                    ? answer.error().detail
                                    : "answered " + std::to_string(answer.value().status);
        tell(
            Grade::warn,
            about,
            "its lifecycle rules cannot be read (" + why + "): without any, nothing ever goes",
            "allow s3:GetLifecycleConfiguration to have them examined"
        );
        co_return;
    }
    ObjectNeeds needs;
    needs.results = whole_days(options_.retention);
    if (longest_kept_ > Duration(0)) needs.messages = whole_days(longest_kept_);
    if (services_.incoming().bucket() == services_.outgoing().bucket())
        needs.result_days = days_kept("outgoing/", rules);
    for (const auto& part : parts) tell_(judge_lifecycle(about, part.prefix, needs, rules));
}

runtime::Task<void> Examination::public_access(S3Client* which, std::string about) {
    const auto answer = co_await ask_bucket(which, "publicAccessBlock");
    const bool missing = answer.has_value() && answer.value().status == 404;
    const auto blocked = answer.has_value()
                             ? wire::read_s3_public_access_block(answer.value().body.bytes)
                             : Result<bool>(Error{Code::internal, Retry::never, "", {}});
    if (blocked.has_value() && blocked.value()) {
        tell(Grade::ok, about, "public access is blocked");
    } else if (missing || blocked.has_value()) {
        tell(
            Grade::warn,
            about,
            "public access is not blocked",
            "aws s3api put-public-access-block with all four settings, unless the account has them"
        );
    } else {
        const std::string why = answer.has_error()
                                    ? answer.error().detail
                                    : "answered " + std::to_string(answer.value().status);
        tell(
            Grade::skipped, about, "whether public access is blocked cannot be read (" + why + ")"
        );
    }
}

}  // namespace bide::engines::aws
