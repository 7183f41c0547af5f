#include "tell.hpp"

#include "sim/tell.hpp"
#include "sim/violation.hpp"

#include <type_traits>
#include <variant>

namespace bide::sim_aws {
namespace {

using sim::name;
using std::to_string;
namespace told = core::told;

std::string error_of(const std::optional<Error>& error) {
    return error ? " FAILED" : "";
}
std::string result_of(const std::shared_ptr<const core::Outcome>& outcome) {
    if (!outcome) return "";
    return " " + std::string(core::to_string(outcome->state)) + " " + outcome->body.bytes +
           outcome->detail;
}

struct Teller {
    Time now;

    std::string operator()(const told::Claimed& e) const {
        return "claimed " + name(e.job) + (e.made ? " made" : " was there") +
               (e.sent ? " sent" : "") + error_of(e.error);
    }
    std::string operator()(const told::Sent& e) const {
        return "sent " + name(e.job) + error_of(e.error);
    }
    std::string operator()(const told::Looked& e) const {
        static constexpr const char* kFound[] = {"result", "claim", "nothing", "unknown"};
        return "looked " + name(e.job) + ": " + kFound[static_cast<int>(e.found)] +
               (e.sent ? " sent" : "") + (e.input ? " with input" : "") + result_of(e.outcome);
    }
    std::string operator()(const told::Noticed& e) const {
        static constexpr const char* kWhat[] = {"result", "look", "attempt", "retry", "progress"};
        return "noticed " + name(e.job) + ": " + kWhat[static_cast<int>(e.what)] +
               (e.direct ? "" : " on its channel") + result_of(e.outcome);
    }
    std::string operator()(const told::Cancelled& e) const {
        return "cancelled " + name(e.job) + result_of(e.outcome) + error_of(e.error);
    }
    std::string operator()(const told::Trust& e) const {
        return e.trusted ? "trust gained" : "trust lost";
    }
    std::string operator()(const core::consumed::Received& e) const {
        return "received " + to_string(e.receipt) + ": " + name(e.job) + " for the " +
               to_string(e.receives) + ". time" + (e.cancelled ? ", cancelled" : "");
    }
    std::string operator()(const core::consumed::Fetched& e) const {
        return "fetched " + to_string(e.receipt) + error_of(e.error);
    }
    std::string operator()(const core::consumed::Stored& e) const {
        return "stored " + to_string(e.receipt) + result_of(e.outcome) + error_of(e.error);
    }
    std::string operator()(const core::consumed::LeaseLost& e) const {
        return "lease lost " + to_string(e.receipt);
    }
    std::string operator()(const core::consumed::TimeUp& e) const {
        return "time is up for " + to_string(e.receipt);
    }
    std::string operator()(const core::consumed::CancelHeard& e) const {
        return "cancel heard " + name(e.job);
    }
    template <class Other>
    std::string operator()(const Other& e) const {
        return sim::tell(core::Event(e), now);
    }
};

void add(std::string& text, const std::string& line) {
    text += (text.empty() ? "        -> " : "\n        -> ") + line;
}

}  // namespace

std::string tell(const core::RendezvousEvent& event, Time now) {
    return std::visit(Teller{now}, event);
}

std::string tell(const core::ConsumerEvent& event, Time now) {
    return std::visit(Teller{now}, event);
}

std::string tell(const core::RendezvousEffects& effects) {
    std::string text;
    for (const auto& job : effects.watches) add(text, "watch " + name(job));
    for (const auto& job : effects.unwatches) add(text, "unwatch " + name(job));
    for (const auto& claim : effects.claims)
        add(text, "claim " + name(claim.facts.id) + (claim.input ? " with input" : ""));
    for (const auto& send : effects.sends)
        add(text, "send " + name(send.input->id) + (send.promised ? ", promised" : ""));
    for (const auto& look : effects.looks) add(text, "look " + name(look.job));
    for (const auto& cancel : effects.cancels)
        add(text, "cancel " + name(cancel.job) + (cancel.if_queued ? " if queued" : ""));
    for (const auto& forward : effects.forwards) add(text, "forward " + name(forward.job));
    for (const auto& answer : effects.answers) add(text, sim::tell(answer));
    return text;
}

std::string tell(const core::ConsumerEffects& effects) {
    std::string text;
    for (const auto& fetch : effects.fetches) add(text, "fetch " + to_string(fetch.receipt));
    for (const auto& start : effects.starts)
        add(text, "start attempt " + to_string(start.attempt) + " of " + name(start.job));
    for (const auto& stop : effects.stops) add(text, sim::tell(stop));
    for (const auto& extend : effects.extends) add(text, "extend " + to_string(extend.receipt));
    for (const auto& store : effects.stores)
        add(text, "store " + name(store.job) + result_of(store.outcome));
    for (const auto& publish : effects.publishes)
        add(text, "publish " + to_string(publish.receipt) + ": " + name(publish.job));
    for (const auto& remove : effects.removes) add(text, "remove " + to_string(remove.receipt));
    for (const auto& back : effects.hand_backs) {
        add(text,
            "hand back " + to_string(back.receipt) + " for " + bide::to_string(back.pause) +
                (back.anew ? ", anew" : ""));
    }
    return text;
}

}  // namespace bide::sim_aws
