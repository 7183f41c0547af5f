#include "core/ledger.hpp"
