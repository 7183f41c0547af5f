#include "crash/promises.hpp"

#include <algorithm>
#include <sstream>

namespace bide::torture {
namespace {

using test::Response;

bool is_result(const Response& answer) {
    return answer.has("Content-Location");
}

/// Whether the work, done as it should be, can have this result; else what it should be.
std::string wrong_with(const Job& job, const Result& result) {
    if (result.status == 409)
        return job.cancel_asked ? "" : "a result; nobody has asked to cancel the job";
    switch (job.work) {
        case Work::echo:
        case Work::pause:
        case Work::retry:
            if (result.status == 200 && result.body == job.input) return "";
            return "200 and the bytes that were posted";
        case Work::shell:
            if (result.status == 200 && result.body == "did " + job.input) return "";
            return "200 and \"did \" before the bytes that were posted";
        case Work::fail: return result.status == 502 ? "" : "502";
        case Work::endless: return "no result but by cancelling";
    }
    return "";
}

const char* state_of(const Result& result) {
    if (result.status == 200) return "succeeded";
    return result.status == 409 ? "cancelled" : "failed";
}

std::string describe(const Response& answer) {
    std::ostringstream text;
    text << answer.status << ", " << answer.body.size() << " bytes: " << answer.body.substr(0, 300);
    return text.str();
}

}  // namespace

Result result_of(const Response& response) {
    return {
        response.status,
        response["Content-Type"],
        response["Bide-Attempts"],
        response["Content-Location"],
        response["Bide-Error-Source"],
        response.body};
}

std::string describe(const Result& result) {
    std::ostringstream text;
    text << result.status << " " << result.content_type << ", attempts " << result.attempts << ", "
         << result.location << ", " << result.body.size()
         << " bytes: " << result.body.substr(0, 300);
    return text.str();
}

Job& Promises::learn(const std::string& id, Work work, const std::string& input) {
    const auto [place, fresh] = jobs_.try_emplace(id, Job{work, input, false, {}});
    if (fresh) ids_.push_back(id);
    if (!fresh) violated_locked(id, "an id of its own for each job", "the id of another job");
    return place->second;
}

void Promises::posted(Work work, const std::string& input, const Response& answer) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    const std::string id = answer["Bide-Job-Id"];
    if (id.empty()) {
        if (answer.status != 503)
            violated_locked("-", "an answer about the job, or 503", describe(answer));
        return;
    }
    Job& job = learn(id, work, input);
    if (is_result(answer)) take_result(id, job, answer);
}

Keyed Promises::keying(Work work, const std::string& input) {
    const std::lock_guard lock(mutex_);
    keys_.push_back({"torture-" + std::to_string(keys_.size()), work, input, {}});
    return keys_.back();
}

void Promises::keyed_seen(const Keyed& request, const Response& answer) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    Keyed& known = keys_.at(std::stoul(request.key.substr(request.key.find('-') + 1)));
    const std::string id = answer["Bide-Job-Id"];
    if (id.empty() || answer.status == 422) {
        if (answer.status != 503)
            violated_locked(
                known.id, "an answer about the job of its key, or 503", describe(answer)
            );
        return;
    }
    if (known.id.empty()) {
        learn(id, known.work, known.input);
        known.id = id;
    }
    if (known.id != id) violated_locked(known.id, "one job for a key", "job " + id);
    // Who sent it knew of an answer: this submission cannot have made the job.
    if (!request.id.empty() && answer["Bide-Replayed"] != "true")
        violated_locked(id, "a replay, marked as one", describe(answer));
    if (is_result(answer)) take_result(id, jobs_.at(id), answer);
}

void Promises::key_looked_up(const Keyed& request, const Response& answer) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    if (answer.status != 200 || answer.member("id") != request.id)
        violated_locked(request.id, "to be found by its key", describe(answer));
}

void Promises::result_seen(const std::string& id, const Response& answer) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    Job& job = jobs_.at(id);
    if (is_result(answer)) return take_result(id, job, answer);
    const bool goes_on = answer.status == 202 && answer["Bide-Job-Id"] == id;
    if (job.result)
        violated_locked(id, describe(*job.result), describe(answer));
    else if (!goes_on)
        violated_locked(id, "the job that was accepted", describe(answer));
}

void Promises::take_result(const std::string& id, Job& job, const Response& answer) {
    const Result result = result_of(answer);
    if (job.result) {
        if (*job.result != result) violated_locked(id, describe(*job.result), describe(result));
        return;
    }
    const std::string wanted = wrong_with(job, result);
    if (!wanted.empty()) violated_locked(id, wanted, describe(result));
    job.result = result;
    ++results_;
}

void Promises::status_seen(const std::string& id, const Response& answer) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    const Job& job = jobs_.at(id);
    if (answer.status != 200)
        return violated_locked(id, "the job that was accepted", describe(answer));
    const std::string state = answer.member("state");
    if (job.result && state != state_of(*job.result))
        violated_locked(id, std::string("state ") + state_of(*job.result), "state " + state);
}

void Promises::cancelling(const std::string& id) {
    const std::lock_guard lock(mutex_);
    jobs_.at(id).cancel_asked = true;
}

void Promises::cancel_seen(const std::string& id, const Response& answer) {
    const std::lock_guard lock(mutex_);
    ++answers_;
    const Job& job = jobs_.at(id);
    const bool cancelled = answer.status == 200 && answer.member("state") == "cancelled";
    if (!cancelled && answer.status != 409)
        return violated_locked(id, "cancelled, or 409 as it has ended", describe(answer));
    if (!job.result) return;
    const bool was_cancelled = job.result->status == 409;
    if (cancelled != was_cancelled) violated_locked(id, describe(*job.result), describe(answer));
}

void Promises::violated(
    const std::string& id, const std::string& promised, const std::string& found
) {
    const std::lock_guard lock(mutex_);
    violated_locked(id, promised, found);
}

void Promises::violated_locked(
    const std::string& id, const std::string& promised, const std::string& found
) {
    violations_.push_back("job " + id + "\n  promised: " + promised + "\n  found:    " + found);
}

std::vector<std::string> Promises::ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
}

std::optional<std::string> Promises::any_id(Random& random) const {
    const std::lock_guard lock(mutex_);
    if (ids_.empty()) return std::nullopt;
    // Mostly a recent one: old ones have been asked about often.
    const std::size_t reach =
        below(random, 4) == 0 ? ids_.size() : std::min<std::size_t>(ids_.size(), 40);
    return ids_[ids_.size() - 1 - below(random, reach)];
}

std::vector<Keyed> Promises::keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
}

std::optional<Keyed> Promises::any_key(Random& random) const {
    const std::lock_guard lock(mutex_);
    if (keys_.empty()) return std::nullopt;
    // Mostly one that another client is sending right now.
    const std::size_t reach =
        below(random, 4) == 0 ? keys_.size() : std::min<std::size_t>(keys_.size(), 10);
    return keys_[keys_.size() - 1 - below(random, reach)];
}

Job Promises::job(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return jobs_.at(id);
}

std::vector<std::string> Promises::violations() const {
    const std::lock_guard lock(mutex_);
    return violations_;
}

std::size_t Promises::answers() const {
    const std::lock_guard lock(mutex_);
    return answers_;
}

std::size_t Promises::results() const {
    const std::lock_guard lock(mutex_);
    return results_;
}

}  // namespace bide::torture
