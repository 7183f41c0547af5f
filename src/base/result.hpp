#pragma once

#include "base/error.hpp"

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/try.hpp>

namespace bide {

/// A value or an Error; how expected failures cross a function. [[nodiscard]]; asking for the
/// side that is not there ends the process. (In the domain a job's *outcome* is another thing:
/// core/job.hpp.)
template <class T>
using Result = BOOST_OUTCOME_V2_NAMESPACE::
    basic_result<T, Error, BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

inline auto success() {
    return BOOST_OUTCOME_V2_NAMESPACE::success();
}

}  // namespace bide

/// BIDE_TRY(auto x, f()): x is f()'s value, or the function returns f()'s error.
#define BIDE_TRY BOOST_OUTCOME_TRY
/// The same inside a coroutine.
#define BIDE_CO_TRY BOOST_OUTCOME_CO_TRY
