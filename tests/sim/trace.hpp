#pragma once

#include <functional>
#include <string>
#include <utility>

namespace bide::sim {

/// Where a run's story goes. Off by default, since telling it costs more than living it.
class Trace {
  public:
    using Sink = std::function<void(const std::string&)>;

    Trace() = default;
    explicit Trace(Sink sink) : sink_(std::move(sink)) {}

    bool on() const { return static_cast<bool>(sink_); }

    /// `tell` makes the line; it is called only when somebody listens.
    template <class Tell>
    void line(Tell&& tell) const {
        if (on()) sink_(tell());
    }

  private:
    Sink sink_;
};

}  // namespace bide::sim
