#include "tell.hpp"

#include "violation.hpp"

#include <variant>

namespace bide::sim {
namespace {

namespace event = core::event;
using std::to_string;

std::string in(Time when, Time now) {
    if (when == kNever) return "never";
    return (when < now ? "-" : "+") + to_string((when < now ? now - when : when - now).count());
}

std::string wait(const core::Wait& wait, Time now) {
    return " waiter " + to_string(wait.id) + " until " + in(wait.deadline, now);
}

struct Teller {
    Time now;

    std::string operator()(const event::Submit& e) const {
        const bool named = e.origin == core::IdOrigin::caller;
        return "submit " + name(e.input->id) + (named ? " (named)" : "") + " of '" +
               e.input->tenant + "' to " + to_string(e.input->queue) + wait(e.wait, now) +
               " bytes " + to_string(e.input->body.size()) + " not before " +
               in(e.not_before, now) + " start by " + in(e.start_by, now);
    }
    std::string operator()(const event::Join& e) const {
        return "join " + name(e.job) + wait(e.wait, now);
    }
    std::string operator()(const event::Leave& e) const { return "leave " + to_string(e.waiter); }
    std::string operator()(const event::AttemptEnded& e) const {
        static constexpr const char* kVerdicts[] = {"success", "retry", "fail"};
        return "attempt " + to_string(e.attempt) + " of " + name(e.job) +
               " ended: " + kVerdicts[static_cast<int>(e.result.verdict)] + " " +
               e.result.body.bytes + e.result.detail;
    }
    std::string operator()(const event::Cancel& e) const {
        return "cancel " + name(e.job) + wait(e.wait, now);
    }
    std::string operator()(const event::Progress& e) const {
        return "attempt " + to_string(e.attempt) + " of " + name(e.job) + " says " + e.json;
    }
    std::string operator()(const event::Redrive& e) const {
        return "redrive " + name(e.job) + wait(e.wait, now);
    }
    std::string operator()(const event::LookedUp& e) const {
        std::string text = "looked up " + name(e.job) + ": ";
        if (e.error) return text + "an error";
        return text + (e.found ? std::string(to_string(e.found->outcome->state)) : "nothing");
    }
    std::string operator()(const event::SetPaused& e) const {
        return (e.paused ? "pause queue " : "resume queue ") + to_string(e.queue) +
               wait(e.wait, now);
    }
    std::string operator()(const event::RecoveredPause& e) const {
        return "recovered the pause of queue " + to_string(e.queue);
    }
    std::string operator()(const event::Committed&) const { return "committed"; }
    std::string operator()(const event::CommitFailed&) const { return "commit failed"; }
    std::string operator()(const event::Tick&) const { return "tick"; }
    std::string operator()(const event::Recovered& e) const {
        return "recovered " + name(e.job) + " attempts " + to_string(e.attempts) + " not before " +
               in(e.not_before, now) + " start by " + in(e.start_by, now);
    }
    std::string operator()(const event::Drain&) const { return "drain"; }
    std::string operator()(const event::Halt&) const { return "halt"; }
};

}  // namespace

std::string tell(const core::Event& event, Time now) {
    return std::visit(Teller{now}, event);
}

std::string tell(const core::StartAttempt& start, std::uint64_t serial) {
    return "start attempt " + to_string(start.attempt) + " of " + name(start.job) + " as " +
           to_string(serial) + (start.input ? "" : ", input to be read");
}

std::string tell(const core::StopAttempt& stop) {
    return "stop attempt " + to_string(stop.attempt) + " of " + name(stop.job);
}

std::string tell(const core::Answer& answer) {
    static constexpr const char* kKinds[] = {
        "finished",
        "open",
        "draining",
        "unknown",
        "refused",
        "applied",
        "listed",
        "accepted",
        "news"};
    std::string text =
        "answer waiter " + to_string(answer.waiter) + ": " + kKinds[static_cast<int>(answer.kind)];
    if (answer.kind == core::Answer::Kind::refused)
        return text + " " + std::string(bide::to_string(answer.error.code));
    if (answer.outcome)
        text += " " + std::string(to_string(answer.outcome->state)) + " " +
                answer.outcome->body.bytes + answer.outcome->detail;
    return text;
}

std::string tell(const core::WriteGroup& group) {
    std::string text;
    for (const auto& write : group.jobs)
        text += " " + std::string(to_string(write.kind)) + ":" + name(write.job);
    for (const auto& change : group.pauses)
        text += (change.paused ? " pause:" : " resume:") + to_string(change.queue);
    return text;
}

}  // namespace bide::sim
