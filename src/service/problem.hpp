#pragma once

#include "base/error.hpp"
#include "core/job.hpp"
#include "wire/message.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bide::service {

constexpr std::string_view kWaitOver = "The wait is over, the job is not";
constexpr std::string_view kNotCarried = "The result does not go through here";

/// Whose error it is.
enum class Source : std::uint8_t { bide, handler };

/// The only place where a Code becomes a status.
std::uint16_t status_of(Code code);

/// A problem document (RFC 9457) before it is put into bytes.
struct Problem {
    std::string_view type;  ///< the last part of /errors/{type}
    std::string_view title;
    std::uint16_t status = 500;
    std::string detail;
    Retry retry = Retry::never;
    Source source = Source::bide;
    std::optional<JobId> job;
    std::int64_t retry_after_s = 0;
};

Problem problem_of(const Error& error);
/// How a job that did not succeed is told: status and type follow from the kind of failure, unless
/// the handler named a status.
Problem problem_of(const JobId& job, const core::Outcome& outcome);

/// What is known of the problems of one type; empty when there is no such type.
std::optional<Problem> problem_of_type(std::string_view type);

boost::json::object to_json(const Problem& problem);
wire::Reply to_reply(const Problem& problem);

}  // namespace bide::service
