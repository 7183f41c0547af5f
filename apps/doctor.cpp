// bide doctor: placeholder until its examinations are written.
#include "apps/serve.hpp"

namespace bide {

int examine(const cli::Config&) {
    return 1;
}

}  // namespace bide
