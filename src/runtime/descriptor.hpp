#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace bide::runtime {

/// Owns a file descriptor and closes it. Everything made here is close-on-exec.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    ~Descriptor() { reset(); }

    explicit operator bool() const { return number_ >= 0; }
    int get() const { return number_; }
    [[nodiscard]] int release() { return std::exchange(number_, -1); }
    void reset() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

  private:
    int number_ = -1;
};

struct Pipe {
    Descriptor read;
    Descriptor write;
};

Result<Pipe> make_pipe();

/// A file in memory that holds `bytes`, with the read position at its start.
Result<Descriptor> make_memory_file(std::string_view bytes);

Result<Descriptor> open_for_reading(const std::string& path);

}  // namespace bide::runtime
