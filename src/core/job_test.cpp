#include "core/job.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace bide::core {
namespace {

constexpr JobState kStates[] = {
    JobState::scheduled,
    JobState::ready,
    JobState::running,
    JobState::succeeded,
    JobState::failed,
    JobState::cancelled,
    JobState::expired};

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" `");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" `") - first + 1);
}

/// The rows of the table under the header `| from | to | cause | durable write |`.
std::multiset<std::string> rows_in_the_docs() {
    std::ifstream file(BIDE_ARCHITECTURE_MD);
    EXPECT_TRUE(file) << "cannot read " << BIDE_ARCHITECTURE_MD;
    std::multiset<std::string> rows;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] != '|') {
            inside = false;
            continue;
        }
        std::stringstream cells(line.substr(1));
        std::string row;
        for (std::string cell; std::getline(cells, cell, '|');)
            if (!trimmed(cell).empty()) row += (row.empty() ? "" : " ") + trimmed(cell);
        if (inside && row.find("---") == std::string::npos) rows.insert(row);
        if (row == "from to cause durable write") inside = true;
    }
    return rows;
}

TEST(Transitions, DocsShowTheSameTable) {
    std::multiset<std::string> in_code;
    for (const auto& row : transitions()) {
        const std::string from(row.from ? to_string(*row.from) : "(new)");
        in_code.insert(
            from + " " + std::string(to_string(row.to)) + " " + std::string(to_string(row.cause)) +
            " " + std::string(to_string(row.write))
        );
    }
    EXPECT_EQ(rows_in_the_docs(), in_code);
}

TEST(Transitions, EachIsFoundAndNoOther) {
    std::vector<std::optional<JobState>> froms{std::nullopt};
    froms.insert(froms.end(), std::begin(kStates), std::end(kStates));
    std::size_t found = 0;
    for (const auto& from : froms) {
        for (const JobState to : kStates) {
            for (auto cause = Cause::submitted; cause <= Cause::redriven;
                 cause = static_cast<Cause>(static_cast<int>(cause) + 1)) {
                const Transition* const row = find_transition(from, to, cause);
                if (row == nullptr) continue;
                ++found;
                EXPECT_TRUE(row->from == from && row->to == to && row->cause == cause);
            }
        }
    }
    EXPECT_EQ(found, transitions().size());
}

TEST(Transitions, OnlyARedriveLeavesAFinalState) {
    for (const auto& row : transitions()) {
        const bool leaves = row.from && is_final(*row.from);
        EXPECT_EQ(leaves, row.cause == Cause::redriven) << to_string(row.to);
        EXPECT_EQ(leaves, row.write == DurableWrite::reopen) << to_string(row.to);
    }
}

TEST(Transitions, FinalStatesAndNoOthersAreWrittenAsFinished) {
    for (const auto& row : transitions())
        EXPECT_EQ(row.write == DurableWrite::finish, is_final(row.to)) << to_string(row.to);
}

TEST(Transitions, EachStateCanBeReachedAndEndsSomewhere) {
    for (const JobState state : kStates) {
        const auto table = transitions();
        EXPECT_TRUE(std::any_of(table.begin(), table.end(), [&](const Transition& row) {
            return row.to == state;
        })) << to_string(state);
        if (is_final(state)) continue;
        EXPECT_TRUE(std::any_of(table.begin(), table.end(), [&](const Transition& row) {
            return row.from == state;
        })) << to_string(state);
    }
}

TEST(JobState, StoredNumbersStay) {
    for (std::size_t i = 0; i < std::size(kStates); ++i)
        EXPECT_EQ(static_cast<std::size_t>(kStates[i]), i);
    EXPECT_EQ(static_cast<int>(FailureKind::lost), 5);
}

TEST(JobState, NamesAreTheOnesOfTheContract) {
    const std::vector<std::string_view> names{
        "scheduled", "ready", "running", "succeeded", "failed", "cancelled", "expired"};
    for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(to_string(kStates[i]), names[i]);
}

}  // namespace
}  // namespace bide::core
