#pragma once

#include "runtime/asio.hpp"

#include <memory>

namespace bide::runtime {

/// Has something to do once for all that one turn of a thread left for it: to wake another thread,
/// say. A thread that is woken for the first of many takes the processor away from the one that
/// has not yet said the rest, and is woken again for that.
class TurnEnd {
  public:
    /// On the thread whose turn it was. May ask for another at_turns_end().
    virtual void turn_ended() = 0;

  protected:
    ~TurnEnd() = default;
};

/// Calls `what` once when this thread's turn is over; now, if the thread does not work in turns.
/// False: it will be called anyway.
bool at_turns_end(std::shared_ptr<TurnEnd> what);

/// context.run() in turns: a turn is what is ready when one begins, up to a limit. It is over
/// before the thread waits.
void run_in_turns(net::io_context& context);

}  // namespace bide::runtime
