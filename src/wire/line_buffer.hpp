#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// Cuts a stream of bytes into lines. Holds the last unfinished line plus what one append()
/// brought.
class LineBuffer {
  public:
    explicit LineBuffer(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

    void append(std::string_view bytes) {
        // Only here, so that lines handed out stay where they are until the next append().
        bytes_.erase(0, begin_);
        scanned_ -= begin_;
        begin_ = 0;
        bytes_ += bytes;
    }

    /// The next whole line without its newline; valid until the next append().
    std::optional<std::string_view> next() {
        const std::size_t end = bytes_.find('\n', scanned_);
        if (end == std::string::npos) {
            scanned_ = bytes_.size();
            return std::nullopt;
        }
        const std::string_view line = std::string_view(bytes_).substr(begin_, end - begin_);
        begin_ = scanned_ = end + 1;
        return line;
    }

    /// What came after the last newline.
    std::string_view rest() const { return std::string_view(bytes_).substr(begin_); }

    /// Whether the line under way is over the limit; ask when next() has no more.
    bool overflowed() const { return bytes_.size() - begin_ > line_bytes_max_; }

  private:
    std::size_t line_bytes_max_;
    std::string bytes_;
    std::size_t begin_ = 0;    ///< of the first line not handed out
    std::size_t scanned_ = 0;  ///< no newline in [begin_, scanned_)
};

}  // namespace bide::wire
