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
/// False: it would be called anyway. Ends the process when there is no memory: somebody would wait
/// for ever.
bool at_turns_end(std::shared_ptr<TurnEnd> what) noexcept;

/// Ends the turn under way, if there is one: for who is about to block its thread.
void end_turn() noexcept;

/// context.run() in turns. A turn begins when it is first asked for its end, and is over when the
/// handlers that were ready then have run, so before the thread waits; or after 32 askings.
void run_in_turns(net::io_context& context);

}  // namespace bide::runtime
