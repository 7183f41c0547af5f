// How long a caller waits, and in which form it wants to be told.
#include "service/understand.hpp"
#include "wire/job_options.hpp"
#include "wire/text.hpp"

#include <algorithm>
#include <array>

namespace bide::service {
namespace {

/// Whether parameters of a range have a weight of 0, as q=0 or Q=0.000 (RFC 9110, 12.4.2).
bool weighs_nothing(std::string_view parameters) {
    while (!parameters.empty()) {
        std::string_view value = wire::cut_at(parameters, ';');
        const std::string_view name = wire::trim(wire::cut_at(value, '='));
        value = wire::trim(value);
        if (wire::equal_fold(name, "q"))
            return value.starts_with('0') &&
                   value.find_first_not_of("0.") == std::string_view::npos;
    }
    return false;
}

/// Whether Accept names event streams. A mere */* does not ask for one.
bool wants_events(const wire::RequestHead& head) {
    const std::string accept = head.joined("accept");
    std::string_view rest = accept;
    while (!rest.empty()) {
        std::string_view range = wire::cut_at(rest, ',');
        if (wire::equal_fold(wire::trim(wire::cut_at(range, ';')), "text/event-stream"))
            return !weighs_nothing(range);
    }
    return false;
}

/// What a caller that said nothing gets. A stream is told of every end, so it waits longest.
WaitPlan default_wait(const ContractRules& rules, bool stream, Duration max) {
    WaitPlan plan;
    plan.wait = stream ? max : std::min(max, rules.default_wait.value_or(max));
    plan.at_limit = rules.at_limit;
    plan.stream = stream;
    return plan;
}

}  // namespace

/// Who said nothing about waiting waits as long as the server lets it, and must not take a 2xx for
/// done when that is over; who asked for a limit gets 202 there, or what it asked for.
Result<WaitPlan> plan_wait(const ContractRules& rules, const Request& request) {
    const wire::RequestHead& head = request.head;
    const bool stream = wants_events(head);
    const Duration max = std::min(
        rules.max_wait, stream ? request.around.stream_wait_max : request.around.silent_wait_max
    );
    WaitPlan plan = default_wait(rules, stream, max);
    if (plan.stream) plan.last_event_id = std::string(head.field("last-event-id"));
    const std::string value = head.joined("prefer");
    if (value.empty()) return plan;
    BIDE_TRY(const wire::Preferences wishes, wire::parse_prefer(value));
    const auto applied = [&plan](const std::string& what) {
        plan.applied += (plan.applied.empty() ? "" : ", ") + what;
    };
    if (wishes.respond_async) {
        plan.wait = Duration(0);
        plan.at_limit = wire::AtLimit::accepted;
        applied("respond-async");
    }
    if (wishes.wait_s) {
        const auto max_s = std::chrono::duration_cast<std::chrono::seconds>(max);
        const auto seconds =
            std::chrono::seconds(std::min(*wishes.wait_s, std::int64_t{max_s.count()}));
        plan.wait = seconds;
        plan.at_limit = wire::AtLimit::accepted;
        applied("wait=" + std::to_string(seconds.count()));
    }
    if (wishes.at_limit) {
        plan.at_limit = *wishes.at_limit;
        constexpr std::array kNames{"accepted", "redirect", "timeout"};
        applied(std::string("at-limit=") + kNames.at(static_cast<std::size_t>(*wishes.at_limit)));
    }
    return plan;
}

}  // namespace bide::service
