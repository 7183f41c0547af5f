// The Lambda functions alone: without SQLite and the daemon's HTTP, which `bide` brings for its
// other commands, for a smaller zip.
#include <bide/worker.hpp>

int main() {
    bide::Worker worker;
    return worker.function();
}
