#pragma once

#include <mutex>
#include <utility>
#include <vector>

namespace bide::runtime {

/// What any thread leaves for one that takes all of it together.
template <class T>
class Inbox {
  public:
    /// Any thread. True: it is the first of a lot, and who is to take() is to be woken.
    [[nodiscard]] bool put(T item) {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        items_.push_back(std::move(item));
        return items_.size() == 1;
    }

    /// All that has come.
    std::vector<T> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(items_, {});
    }

    /// Any thread. What is here goes, and what is put from now on.
    void close() {
        std::vector<T> rest;
        const std::lock_guard lock(mutex_);
        closed_ = true;
        rest.swap(items_);
    }

  private:
    std::mutex mutex_;
    std::vector<T> items_;
    bool closed_ = false;
};

}  // namespace bide::runtime
