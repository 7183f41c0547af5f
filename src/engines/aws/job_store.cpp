#include "engines/aws/job_store.hpp"

#include "engines/aws/names.hpp"

#include <utility>

namespace bide::engines::aws {
namespace {

using clients::AwsFailure;

template <class T>
using Task = runtime::Task<clients::AwsOutcome<T>>;

/// An object under a name of ours that is not ours: nothing that a retry could mend.
AwsFailure strange(const std::string& key, const Error& why) {
    AwsFailure failure;
    failure.kind = AwsFailure::Kind::malformed;
    failure.detail = key + " is not an object that bide made: " + why.detail;
    return failure;
}

Task<Put> put_once(clients::S3Client& bucket, clients::S3Put what) {
    what.if_absent = true;
    auto made = co_await bucket.put(std::move(what));
    if (made.has_error()) co_return std::move(made.error());
    co_return made.value() == clients::S3Made::made ? Put::made : Put::was_there;
}

std::shared_ptr<const Body> body_of(std::string bytes) {
    auto body = std::make_shared<Body>();
    body->bytes = std::move(bytes);
    return body;
}

}  // namespace

Task<Put> JobStore::put_result(
    std::string queue,
    JobId job,
    std::shared_ptr<const core::Outcome> outcome,
    core::Fingerprint fingerprint,
    std::uint8_t priority
) {
    clients::S3Put put;
    put.key = result_key(queue, job);
    put.facts = wire::describe_result(queue, *outcome, fingerprint, priority);
    put.body = {outcome, &outcome->body};
    co_return co_await put_once(outgoing_, std::move(put));
}

Task<std::optional<StoredResult>> JobStore::get_result(
    std::string queue, core::QueueIndex index, JobId job
) {
    const std::string key = result_key(queue, job);
    auto found = co_await outgoing_.get(key, {});
    if (found.has_error()) co_return std::move(found.error());
    if (!found.value()) co_return std::optional<StoredResult>();
    clients::S3Object& object = *found.value();
    auto read = wire::read_result(object.facts);
    if (read.has_error()) co_return strange(key, read.error());
    auto outcome = std::make_shared<core::Outcome>(std::move(read.value().outcome));
    outcome->queue = index;
    outcome->body = std::move(object.body);
    co_return std::optional(StoredResult{std::move(outcome), read.value().fingerprint});
}

Task<Put> JobStore::put_claim(JobId job, wire::Claim claim, std::string envelope) {
    clients::S3Put put;
    put.key = claim_key(job);
    put.facts.content_type = "application/json";
    put.facts.metadata = wire::describe_claim(claim);
    put.body = body_of(std::move(envelope));
    co_return co_await put_once(incoming_, std::move(put));
}

Task<Put> JobStore::replace_claim(JobId job, wire::Claim claim, std::string envelope) {
    clients::S3Put put;
    put.key = claim_key(job);
    put.facts.content_type = "application/json";
    put.facts.metadata = wire::describe_claim(claim);
    put.body = body_of(std::move(envelope));
    auto made = co_await incoming_.put(std::move(put));
    if (made.has_error()) co_return std::move(made.error());
    co_return Put::made;
}

Task<std::optional<JobStore::StoredClaim>> JobStore::get_claim(JobId job) {
    const std::string key = claim_key(job);
    auto found = co_await incoming_.get(key, {});
    if (found.has_error()) co_return std::move(found.error());
    if (!found.value()) co_return std::optional<StoredClaim>();
    auto read = wire::read_claim(found.value()->facts.metadata);
    if (read.has_error()) co_return strange(key, read.error());
    StoredClaim stored;
    stored.claim = std::move(read.value());
    stored.envelope = std::move(found.value()->body.bytes);
    co_return std::optional(std::move(stored));
}

Task<Put> JobStore::put_input(
    std::string queue, JobId job, std::shared_ptr<const core::JobInput> input
) {
    clients::S3Put put;
    put.key = input_key(queue, job, input->fingerprint);
    put.facts.content_type = input->content_type;
    put.body = {input, &input->body};
    co_return co_await put_once(incoming_, std::move(put));
}

Task<std::optional<Body>> JobStore::get_input(
    std::string queue, JobId job, core::Fingerprint fingerprint
) {
    auto found = co_await incoming_.get(input_key(queue, job, fingerprint), {});
    if (found.has_error()) co_return std::move(found.error());
    if (!found.value()) co_return std::optional<Body>();
    co_return std::optional(std::move(found.value()->body));
}

Task<Put> JobStore::keep_failed(std::string queue, JobId job, std::string envelope) {
    clients::S3Put put;
    put.key = failed_key(queue, job);
    put.facts.content_type = "application/json";
    put.body = body_of(std::move(envelope));
    co_return co_await put_once(incoming_, std::move(put));
}

Task<std::optional<std::string>> JobStore::get_failed(std::string queue, JobId job) {
    auto found = co_await incoming_.get(failed_key(queue, job), {});
    if (found.has_error()) co_return std::move(found.error());
    if (!found.value()) co_return std::optional<std::string>();
    co_return std::optional(std::move(found.value()->body.bytes));
}

Task<JobStore::FailedJobs> JobStore::list_failed(std::string queue, std::uint32_t count_max) {
    const std::string prefix = failed_prefix(queue);
    auto page = co_await incoming_.list(prefix, "", count_max, {});
    if (page.has_error()) co_return std::move(page.error());
    FailedJobs found;
    found.more = page.value().more;
    for (const std::string& key : page.value().keys) {
        const auto job = parse_job_id(std::string_view(key).substr(prefix.size()));
        if (job) found.jobs.push_back(job.value());
    }
    co_return found;
}

/// The result first: what is kept of the job goes last.
Task<Put> JobStore::forget_failure(std::string queue, JobId job) {
    auto result = co_await outgoing_.remove(result_key(queue, job), {});
    if (result.has_error()) co_return std::move(result.error());
    auto message = co_await incoming_.remove(failed_key(queue, job), {});
    if (message.has_error()) co_return std::move(message.error());
    co_return Put::made;
}

}  // namespace bide::engines::aws
