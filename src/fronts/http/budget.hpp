#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace bide::fronts::http {

/// So much of something for all connections of a server together. Any thread.
class Budget {
  public:
    /// `kept` of it is only for who spends.
    explicit Budget(std::size_t max, std::size_t kept = 0) : max_(max), kept_(kept) {}
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

    /// A part of it, given back with its end.
    class Share {
      public:
        Share() = default;
        Share(Budget& from, std::size_t size) : from_(&from), size_(size) {}
        Share(Share&& other) noexcept : from_(other.from_), size_(std::exchange(other.size_, 0)) {}
        Share& operator=(Share&& other) noexcept {
            std::swap(from_, other.from_);
            std::swap(size_, other.size_);
            return *this;
        }
        ~Share() {
            if (size_ > 0) from_->give_back(size_);
        }
        explicit operator bool() const { return size_ > 0; }

      private:
        Budget* from_ = nullptr;
        std::size_t size_ = 0;
    };

    /// Empty when there is not so much left.
    Share take(std::size_t size) { return add(size, max_ - kept_) ? Share(*this, size) : Share(); }

    /// For who keeps no Share: false when there is not so much left.
    bool spend(std::size_t size) { return add(size, max_); }
    void give_back(std::size_t size) { used_.fetch_sub(size, std::memory_order_relaxed); }

  private:
    bool add(std::size_t size, std::size_t max) {
        if (used_.fetch_add(size, std::memory_order_relaxed) + size <= max) return true;
        give_back(size);
        return false;
    }

    const std::size_t max_;
    const std::size_t kept_;
    std::atomic<std::size_t> used_{0};
};

}  // namespace bide::fronts::http
