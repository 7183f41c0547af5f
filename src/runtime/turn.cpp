#include "runtime/turn.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace bide::runtime {
namespace {

/// Handlers in one turn. With 8, other threads are woken too often; with 64, the jobs of 64 clients
/// go from thread to thread as one lot, and each thread waits for the others (docs/performance.md).
constexpr int kHandlersMax = 32;

class Turn {
  public:
    static thread_local Turn* current;

    Turn() : outer_(std::exchange(current, this)) {}
    ~Turn() { current = outer_; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool add(std::shared_ptr<TurnEnd> what) {
        if (std::ranges::find(ends_, what) != ends_.end()) return false;
        ends_.push_back(std::move(what));
        return true;
    }

    void end() {
        while (!ends_.empty()) {
            ending_.swap(ends_);
            for (const auto& one : ending_) one->turn_ended();
            ending_.clear();
        }
    }

  private:
    Turn* outer_;
    std::vector<std::shared_ptr<TurnEnd>> ends_;
    std::vector<std::shared_ptr<TurnEnd>> ending_;
};
thread_local Turn* Turn::current = nullptr;

}  // namespace

bool at_turns_end(std::shared_ptr<TurnEnd> what) {
    if (Turn::current != nullptr) return Turn::current->add(std::move(what));
    what->turn_ended();
    return true;
}

void run_in_turns(net::io_context& context) {
    Turn turn;
    while (context.run_one() != 0) {
        for (int count = 1; count < kHandlersMax && context.poll_one() != 0;) ++count;
        turn.end();
    }
}

}  // namespace bide::runtime
