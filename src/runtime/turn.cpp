#include "runtime/turn.hpp"

#include "base/check.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace bide::runtime {
namespace {

/// Each is for a job, or for a step of one. With 8, other threads are woken too often; with 64, the
/// jobs of 64 clients go from thread to thread as one lot, and each thread waits for the others
/// (docs/performance.md).
constexpr int kAsksMax = 32;

class Turn {
  public:
    static thread_local Turn* current;

    explicit Turn(net::io_context& context) : context_(context) {
        CHECK(current == nullptr);
        current = this;
    }
    ~Turn() { current = nullptr; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool add(std::shared_ptr<TurnEnd> what) {
        const bool expected = std::ranges::find(ends_, what) != ends_.end();
        if (!expected) ends_.push_back(std::move(what));
        if (!std::exchange(end_posted_, true)) {
            net::post(context_, [] {
                if (current == nullptr) return;
                current->end_posted_ = false;
                current->end();
            });
        }
        if (++asks_ >= kAsksMax) end();
        return !expected;
    }

    void end() {
        asks_ = 0;
        while (!ends_.empty() && ending_.empty()) {
            ending_.swap(ends_);
            for (const auto& one : ending_) one->turn_ended();
            ending_.clear();
        }
    }

  private:
    net::io_context& context_;
    std::vector<std::shared_ptr<TurnEnd>> ends_;
    std::vector<std::shared_ptr<TurnEnd>> ending_;
    int asks_ = 0;
    bool end_posted_ = false;
};
thread_local Turn* Turn::current = nullptr;

}  // namespace

bool at_turns_end(std::shared_ptr<TurnEnd> what) noexcept {
    if (Turn::current != nullptr) return Turn::current->add(std::move(what));
    what->turn_ended();
    return true;
}

void end_turn() noexcept {
    if (Turn::current != nullptr) Turn::current->end();
}

void run_in_turns(net::io_context& context) {
    Turn turn(context);
    context.run();
    turn.end();  // it may have been stopped
}

}  // namespace bide::runtime
