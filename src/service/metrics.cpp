#include "service/metrics.hpp"

#include "service/pages.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace bide::service {
namespace {

void append_number(std::string& text, double number) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(digits.data(), end);
}

/// Writes the families of an OpenMetrics text one after the other.
class MetricsWriter {
  public:
    MetricsWriter(const ContractRules& rules, const ports::EngineFacts& facts)
        : rules_(rules), facts_(facts) {}

    void family(
        std::string_view name, std::string_view type, std::string_view help, std::string_view unit
    ) {
        name_ = name;
        line("# TYPE ", name, " ", type);
        if (!unit.empty()) line("# UNIT ", name, " ", unit);
        line("# HELP ", name, " ", help);
    }
    /// `labels` with their braces, or empty.
    void sample(std::string_view suffix, std::string_view labels, double value) {
        text_ += name_;
        text_ += suffix;
        text_ += labels;
        text_ += ' ';
        append_number(text_, value);
        text_ += '\n';
    }
    /// One sample a queue, with further labels if there are any (`,name="value"`).
    template <class F>
    void per_queue(std::string_view suffix, std::string_view labels, F value) {
        for (core::QueueIndex i = 0; i < facts_.queues.size(); ++i) {
            if (name_of(rules_, i).empty()) continue;
            sample(suffix, labels_of(i, labels), static_cast<double>(value(facts_.queues[i])));
        }
    }
    /// Count and sum of a queue stand together.
    template <class Count, class Sum>
    void summaries(Count count, Sum sum) {
        for (core::QueueIndex i = 0; i < facts_.queues.size(); ++i) {
            if (name_of(rules_, i).empty()) continue;
            const std::string labels = labels_of(i, {});
            sample("_count", labels, static_cast<double>(count(facts_.queues[i])));
            sample("_sum", labels, sum(facts_.queues[i]));
        }
    }
    std::string end() {
        text_ += "# EOF\n";
        return std::move(text_);
    }

  private:
    /// Names of queues need no escapes (cli/units.hpp).
    std::string labels_of(core::QueueIndex queue, std::string_view further) const {
        return "{queue=\"" + std::string(name_of(rules_, queue)) + '"' + std::string(further) + '}';
    }
    void line(auto... parts) {
        ((text_ += parts), ...);
        text_ += '\n';
    }

    const ContractRules& rules_;
    const ports::EngineFacts& facts_;
    std::string_view name_;
    std::string text_;
};

using Queue = ports::QueueFacts;

void write_jobs(MetricsWriter& out) {
    out.family("bide_jobs", "gauge", "Jobs that have not ended.", {});
    const auto state = [&out](std::string_view name, std::uint64_t core::QueueCounts::*member) {
        out.per_queue("", ",state=\"" + std::string(name) + '"', [member](const Queue& queue) {
            return queue.counts.*member;
        });
    };
    state("scheduled", &core::QueueCounts::scheduled);
    state("ready", &core::QueueCounts::ready);
    state("running", &core::QueueCounts::running);
    out.family("bide_queue_paused", "gauge", "1 while the queue starts nothing.", {});
    out.per_queue("", {}, [](const Queue& queue) { return queue.paused ? 1 : 0; });
}

void write_totals(MetricsWriter& out) {
    using Totals = core::QueueTotals;
    const auto total = [&out](std::string_view labels, std::uint64_t Totals::*member) {
        out.per_queue("_total", labels, [member](const Queue& queue) {
            return queue.totals.*member;
        });
    };
    out.family("bide_submissions", "counter", "Jobs accepted.", {});
    total({}, &Totals::submitted);
    out.family("bide_replays", "counter", "Submissions that found their job there already.", {});
    total({}, &Totals::replayed);
    out.family("bide_refusals", "counter", "Submissions refused.", {});
    total(",reason=\"full\"", &Totals::refused_full);
    total(",reason=\"rate\"", &Totals::refused_rate);
    total(",reason=\"deadline\"", &Totals::refused_deadline);
    out.family("bide_outcomes", "counter", "Jobs ended.", {});
    total(",state=\"succeeded\"", &Totals::succeeded);
    total(",state=\"failed\"", &Totals::failed);
    total(",state=\"cancelled\"", &Totals::cancelled);
    total(",state=\"expired\"", &Totals::expired);
    out.family("bide_attempts", "counter", "Attempts started.", {});
    total({}, &Totals::attempts);
    out.family("bide_retries", "counter", "Attempts that failed and were followed by another.", {});
    total({}, &Totals::retries);
    out.family("bide_redrives", "counter", "Failed jobs sent to run again.", {});
    total({}, &Totals::redriven);
}

void write_times(MetricsWriter& out) {
    out.family(
        "bide_queue_seconds", "summary", "From ready to the start of an attempt.", "seconds"
    );
    out.summaries(
        [](const Queue& queue) { return queue.totals.attempts; },
        [](const Queue& queue) { return queue.totals.queued_s; }
    );
    out.family("bide_run_seconds", "summary", "Of attempts that ended in time.", "seconds");
    out.summaries(
        [](const Queue& queue) { return queue.totals.ran; },
        [](const Queue& queue) { return queue.totals.running_s; }
    );
}

}  // namespace

std::string metrics_text(
    const ContractRules& rules, const ports::EngineFacts& facts, const Surroundings& around
) {
    MetricsWriter out(rules, facts);
    write_jobs(out);
    write_totals(out);
    write_times(out);
    out.family("bide_waiters", "gauge", "Requests that wait for a job.", {});
    out.sample("", {}, static_cast<double>(facts.waiters));
    out.family("bide_open_jobs", "gauge", "Jobs that have not ended, over all queues.", {});
    out.sample("", {}, static_cast<double>(facts.open_jobs));
    out.family("bide_resident_bytes", "gauge", "Input bodies kept in memory.", "bytes");
    out.sample("", {}, static_cast<double>(facts.resident_bytes));
    out.family("bide_commits", "counter", "Commits of the store that returned.", {});
    out.sample("_total", {}, static_cast<double>(facts.commits));
    for (const auto& counter : facts.counters) {
        out.family(counter.name, counter.gauge ? "gauge" : "counter", counter.help, {});
        out.sample(counter.gauge ? "" : "_total", {}, static_cast<double>(counter.value));
    }
    out.family("bide_connections", "gauge", "Connections of clients.", {});
    out.sample("", {}, static_cast<double>(around.connections));
    return out.end();
}

}  // namespace bide::service
