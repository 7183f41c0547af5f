#include "service/contract.hpp"

#include "service/batch.hpp"

#include <utility>

namespace bide::service {

Contract::Contract(ContractRules rules, const ports::Engine& engine)
    : rules_(std::move(rules)), engine_(engine) {}

}  // namespace bide::service
