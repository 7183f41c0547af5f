#include "engines/aws/doctor_rules.hpp"

#include "wire/sqs.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace bide::engines::aws {
namespace {

using Grade = Finding::Grade;
using std::chrono::seconds;

/// Receives beyond the attempts: for a worker that dies in the last one, and for one that hands its
/// message back because it stops.
constexpr std::uint32_t kSpareReceives = 2;

/// What an envelope has beside the body: content type, tenant, trace, numbers.
constexpr std::uint64_t kEnvelopeHead = 4096;

constexpr Duration kVisibilityMax = std::chrono::hours(12);
constexpr Duration kSkewWarn = seconds(30);
constexpr Duration kSkewFail = std::chrono::minutes(5);

/// How long `failed/` should be there unless its owner knows better: as long as SQS keeps anything.
constexpr std::uint32_t kFailedDays = 14;

std::uint64_t number_of(const QueueAttributes& from, std::string_view name) {
    const auto found = from.find(name);
    if (found == from.end()) return 0;
    std::uint64_t number = 0;
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
    return number;
}

Duration seconds_of(const QueueAttributes& from, std::string_view name) {
    return seconds(
        static_cast<std::int64_t>(std::min<std::uint64_t>(number_of(from, name), 1U << 30))
    );
}

std::string text_of(const QueueAttributes& from, std::string_view name) {
    const auto found = from.find(name);
    return found == from.end() ? std::string() : found->second;
}

std::string days_text(std::uint32_t days) {
    return std::to_string(days) + (days == 1 ? " day" : " days");
}

Finding judge_visibility(const QueueNeeds& needs, const QueueAttributes& queue) {
    Finding finding;
    if (!needs.batches && needs.rules.timeout + needs.lease > kVisibilityMax) {
        finding.grade = Grade::fail;
        finding.found = "timeout is " + to_string(needs.rules.timeout) +
                        ", but SQS hides a message for 12 h at most: a longer attempt is started "
                        "again elsewhere";
        finding.mend = "lower timeout to " + to_string(kVisibilityMax - needs.lease) + " or less";
        return finding;
    }
    finding.found = "visibility timeout " + to_string(seconds_of(queue, "VisibilityTimeout")) +
                    ", not used: bide hides what it receives for the lease (" +
                    to_string(needs.lease) + ") and extends that while the job runs (timeout " +
                    to_string(needs.rules.timeout) + ")";
    return finding;
}

Finding judge_retention(const QueueNeeds& needs, const QueueAttributes& queue) {
    const Duration kept = seconds_of(queue, "MessageRetentionPeriod");
    Finding finding;
    if (kept == Duration(0)) {
        finding.grade = Grade::skipped;
        finding.found = "the server does not say how long it keeps messages";
        return finding;
    }
    finding.found = "keeps messages for " + to_string(kept);
    // A batch has to be there for as long as somebody waits for it: its attempts have no end.
    Duration wanted = needs.max_wait;
    if (!needs.batches) wanted += needs.rules.timeout * needs.rules.retry.attempts_max;
    if (kept >= wanted) return finding;
    finding.grade = Grade::fail;
    finding.found += ", a job may take " + to_string(wanted) +
                     " (max_wait + attempts x timeout): SQS would forget it";
    finding.mend = "raise MessageRetentionPeriod to " +
                   std::to_string(std::chrono::ceil<seconds>(wanted).count()) +
                   " or more (4 days: 345600)";
    return finding;
}

Finding judge_size(const QueueNeeds& needs, const QueueAttributes& queue) {
    const std::uint64_t most = number_of(queue, "MaximumMessageSize");
    const std::uint64_t wanted = needs.inline_bytes_max + kEnvelopeHead;
    Finding finding;
    if (most == 0) {
        finding.grade = Grade::skipped;
        finding.found = "the server does not say how large a message may be";
        return finding;
    }
    finding.found = "takes messages of " + std::to_string(most) +
                    " bytes, enough for inline_max (" + std::to_string(needs.inline_bytes_max) +
                    ")";
    if (most >= wanted) return finding;
    finding.grade = Grade::fail;
    finding.found = "takes messages of " + std::to_string(most) + " bytes only, inline_max is " +
                    std::to_string(needs.inline_bytes_max) + ": jobs in between are refused";
    finding.mend = "raise MaximumMessageSize to " + std::to_string(wanted) + " or more";
    if (most > kEnvelopeHead)
        finding.mend += ", or lower inline_max to " + std::to_string(most - kEnvelopeHead);
    return finding;
}

Finding judge_receives(const QueueNeeds& needs, const QueueAttributes& queue) {
    Finding finding;
    const std::string policy = text_of(queue, "RedrivePolicy");
    if (policy.empty()) {
        finding.grade = needs.batches ? Grade::ok : Grade::fail;
        finding.found = "no redrive policy";
        if (needs.batches) return finding;
        finding.found +=
            ": a job that takes its worker down comes again until SQS forgets it, and "
            "is never answered";
        finding.mend = "give it a dead-letter queue: RedrivePolicy with maxReceiveCount " +
                       std::to_string(needs.rules.retry.attempts_max + kSpareReceives) + " or more";
        return finding;
    }
    const auto read = wire::read_sqs_redrive_policy(policy);
    if (read.has_error()) {
        finding.grade = Grade::fail;
        finding.found = "its redrive policy makes no sense: " + read.error().detail;
        return finding;
    }
    const std::uint32_t most = read.value().receives_max;
    finding.found = "maxReceiveCount " + std::to_string(most);
    if (needs.batches) {
        finding.grade = Grade::warn;
        finding.found += ": a batch whose fronts are stopped so often is given up";
        finding.mend = "remove the queue's RedrivePolicy";
        return finding;
    }
    const std::uint32_t attempts = needs.rules.retry.attempts_max;
    finding.found += " for " + std::to_string(attempts) + " attempts";
    if (most >= attempts + kSpareReceives) return finding;
    finding.grade = most < attempts ? Grade::fail : Grade::warn;
    finding.found += most < attempts
                         ? ": jobs are given up before their last attempt"
                         : ": a worker that stops or dies in the last attempt costs the "
                           "job its result";
    finding.mend = "raise maxReceiveCount to " + std::to_string(attempts + kSpareReceives) +
                   " or more, or lower attempts";
    return finding;
}

}  // namespace

Findings judge_queue(const QueueNeeds& needs, const QueueAttributes& queue) {
    if (text_of(queue, "FifoQueue") == "true") {
        return {
            {Grade::fail,
             {},
             "is a FIFO queue: jobs of one tenant would wait for each other, and what is sent "
             "again "
             "would be taken for the first",
             "use a standard queue"}};
    }
    Findings findings{
        judge_visibility(needs, queue),
        judge_receives(needs, queue),
        judge_retention(needs, queue),
        judge_size(needs, queue)};
    if (const Duration delay = seconds_of(queue, "DelaySeconds"); delay > Duration(0)) {
        findings.push_back(
            {Grade::warn,
             {},
             "hides each new message for " + to_string(delay) + ": every job starts so much later",
             "set DelaySeconds to 0"}
        );
    }
    return findings;
}

Findings judge_dead_letters(
    const QueueNeeds&, const QueueAttributes& queue, const QueueAttributes& dead
) {
    const auto policy = wire::read_sqs_redrive_policy(text_of(queue, "RedrivePolicy"));
    if (policy.has_error()) return {};  // judge_queue has said so
    const std::string arn = text_of(dead, "QueueArn");
    if (policy.value().target_arn != arn) {
        return {
            {Grade::fail,
             {},
             "SQS gives jobs up to " + policy.value().target_arn + ", the workers look into " + arn,
             "name the policy's queue as dead_letters, or change the policy"}};
    }
    Finding finding{Grade::ok, {}, "is where SQS gives jobs up to", {}};
    const Duration kept = seconds_of(dead, "MessageRetentionPeriod");
    const Duration source = seconds_of(queue, "MessageRetentionPeriod");
    if (kept > Duration(0) && kept < source) {
        finding.grade = Grade::warn;
        finding.found = "keeps messages for " + to_string(kept) + ", the queue for " +
                        to_string(source) +
                        "; their age counts from when they were first sent, so an old one goes "
                        "unanswered";
        finding.mend = "raise its MessageRetentionPeriod to 1209600 (14 days)";
    }
    return {finding};
}

Finding judge_clock(Duration ahead) {
    const Duration off = ahead < Duration(0) ? -ahead : ahead;
    // The services say whole seconds.
    const auto whole = std::chrono::floor<seconds>(off);
    Finding finding{Grade::ok, "clock", "is right to the second", {}};
    if (whole > seconds(1))
        finding.found =
            to_string(whole) + (ahead < Duration(0) ? " ahead of" : " behind") + " the services'";
    if (off > kSkewWarn) {
        finding.grade = off > kSkewFail ? Grade::fail : Grade::warn;
        finding.mend = "set it, by NTP: times of jobs are wrong by so much";
    }
    if (off > kSkewFail) finding.mend += ", and the services refuse what is signed with them";
    return finding;
}

Finding judge_address(std::string about, std::string_view url) {
    Finding finding{Grade::ok, std::move(about), "at its usual address, over TLS", {}};
    if (url.empty()) return finding;
    const auto scheme = url.substr(0, url.find("://"));
    std::string_view rest = url.substr(std::min(url.size(), scheme.size() + 3));
    rest = rest.substr(0, rest.find('/'));
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
    finding.found = "at " + std::string(scheme) + "://" + std::string(rest);
    const bool loopback = rest.starts_with("127.") || rest.starts_with("[::1]") ||
                          rest.substr(0, rest.find(':')) == "localhost";
    if (scheme == "https" || scheme == "rediss" || loopback) return finding;
    finding.grade = Grade::warn;
    finding.found += ": jobs and results cross the network in clear";
    finding.mend = "use " + std::string(scheme) + "s://";
    return finding;
}

std::uint32_t whole_days(Duration span) {
    const auto days = std::chrono::ceil<std::chrono::days>(span).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(days, 1, 3650));
}

std::optional<std::uint32_t> days_kept(
    std::string_view prefix, const std::vector<wire::S3LifecycleRule>& rules
) {
    std::optional<std::uint32_t> least;
    for (const auto& rule : rules) {
        if (rule.days == 0 || !prefix.starts_with(rule.prefix)) continue;
        least = std::min(least.value_or(rule.days), rule.days);
    }
    return least;
}

namespace {

std::string rule_text(std::string_view prefix, std::uint32_t days) {
    std::string id(prefix);
    id.pop_back();
    return R"(add {"ID":"bide-)" + id + R"(","Status":"Enabled","Filter":{"Prefix":")" +
           std::string(prefix) + R"("},"Expiration":{"Days":)" + std::to_string(days) +
           R"(},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1}})";
}

/// Why less than `wanted` days are too few, for judge_lifecycle.
struct Keeping {
    std::string_view prefix;
    std::uint32_t least = 1;   ///< below it something is wrong
    std::uint32_t wanted = 1;  ///< of the rule to add
    Grade below = Grade::warn;
    const char* why = "";
};

Keeping keeping_of(std::string_view prefix, const ObjectNeeds& needs) {
    const std::uint32_t results = needs.result_days.value_or(needs.results);
    if (prefix == "claims/") {
        return {
            prefix,
            results + 1,
            results + std::max(1U, needs.messages),
            Grade::fail,
            "less than a day more than results: a key could be used for another request while the "
            "first one's result is there"};
    }
    if (prefix == "incoming/") {
        return {
            prefix,
            needs.messages,
            std::max(needs.messages, kFailedDays),
            Grade::fail,
            "less than the queues keep messages: a job that waits longer has lost its body"};
    }
    if (prefix == "failed/")
        return {prefix, 1, kFailedDays, Grade::warn, "too short to have a failed job run again"};
    return {prefix, needs.results, needs.results, Grade::warn, "less than the longest retention"};
}

}  // namespace

Finding judge_lifecycle(
    std::string about,
    std::string_view prefix,
    const ObjectNeeds& needs,
    const std::vector<wire::S3LifecycleRule>& rules
) {
    const Keeping keeping = keeping_of(prefix, needs);
    const auto days = days_kept(prefix, rules);
    Finding finding{Grade::ok, std::move(about), {}, {}};
    if (!days) {
        finding.grade = Grade::warn;
        finding.found =
            "no lifecycle rule for " + std::string(prefix) + ": nothing there ever goes";
        finding.mend = rule_text(prefix, keeping.wanted);
        return finding;
    }
    finding.found = std::string(prefix) + " is kept for " + days_text(*days);
    if (*days >= keeping.least) return finding;
    finding.grade = keeping.below;
    finding.found += std::string(", ") + keeping.why;
    finding.mend = "make it " + days_text(keeping.wanted);
    return finding;
}

Finding judge_eviction(std::string_view memory) {
    const auto value_of = [memory](std::string_view name) {
        const auto at = memory.find(name);
        if (at == std::string_view::npos) return std::string_view();
        const auto rest = memory.substr(at + name.size());
        return rest.substr(0, rest.find_first_of("\r\n"));
    };
    const std::string_view policy = value_of("maxmemory_policy:");
    const std::string_view most = value_of("maxmemory:");
    Finding finding{Grade::ok, {}, "eviction policy " + std::string(policy), {}};
    if (policy.empty()) {
        finding.grade = Grade::skipped;
        finding.found = "the server does not say what it does when it is full";
    } else if (policy == "noeviction" && !most.empty() && most != "0") {
        finding.grade = Grade::warn;
        finding.found +=
            ": when it is full it refuses the marks of jobs, and more has to be looked "
            "up in the store";
        finding.mend = "set maxmemory-policy to volatile-ttl: all that bide keeps there has an end";
    }
    return finding;
}

}  // namespace bide::engines::aws
