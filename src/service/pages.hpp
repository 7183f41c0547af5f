#pragma once

#include "service/contract.hpp"
#include "service/problem.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>

/// What the answers of the contract are put together from.
namespace bide::service {

struct View {
    const ContractRules& rules;
    const ports::Engine& engine;
};

std::string page_of(const JobId& job);
std::string result_page_of(const JobId& job);
void append_result_page(std::string& text, const JobId& job);
std::string batch_page_of(const JobId& batch);

wire::Reply problem(Code code, std::string detail);
wire::Reply text_page(std::uint16_t status, std::string text);
wire::Reply json_page(std::uint16_t status, const boost::json::object& document);

std::optional<core::QueueIndex> batch_queue(const ContractRules& rules);
/// Empty for a queue that is not shown.
std::string_view name_of(const ContractRules& rules, core::QueueIndex queue);
/// When retention removes the outcome.
Time expiry_of(const ContractRules& rules, const core::Outcome& outcome);

/// How a job stands. `outcome` is null while it is open; its body is not looked at.
boost::json::object job_document(
    const View& view, const core::JobFacts& facts, const core::Outcome* outcome
);
boost::json::object queue_document(
    const View& view, core::QueueIndex queue, const ports::QueueFacts& facts
);
boost::json::object batch_document(const core::Answer& answer);

/// Bide-Job-Id and its like.
void add_job_headers(wire::HeaderLines& headers, const View& view, const core::Answer& answer);

/// What the outcome says to a caller: the handler's page, or a problem. Status, type and body; with
/// `add_job_headers` and the rest it becomes an answer.
wire::Reply outcome_page(const JobId& job, const core::Outcome& outcome);
/// Whether the outcome is a page of the handler's and not a problem of ours, as is a failure whose
/// handler named no more than a status.
bool has_own_page(const core::Outcome& outcome);

/// {"id","state","status","content_type","attempts", "body" | "body_base64" | nothing, "result"}
/// without the braces, as event streams and batches tell a result.
std::string outcome_members(const JobId& job, const core::Outcome& outcome);

/// The problem document of a wait that ends without the result.
Problem wait_over_problem(const core::Answer& answer);

}  // namespace bide::service
