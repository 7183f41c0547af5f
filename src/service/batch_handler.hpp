#pragma once

#include "base/time.hpp"
#include "core/rules.hpp"
#include "ports/engine.hpp"
#include "ports/handler.hpp"

#include <memory>

namespace bide::service {

/// The handler of the batch queue (kBatchQueue). A batch is a job of its own, submitted when its
/// upload is complete, with the input {"items":N}; this waits for the N jobs whose ids are derived
/// from the batch's, says {"items":N,"done":k} on the way, and returns the counts. So a batch needs
/// nothing stored but jobs, and after a crash it just runs again.
///
/// The handler must outlive the engine's run, and so it is made before the engine: attach() tells
/// it the engine before that is started.
class BatchHandler : public ports::Handler {
  public:
    virtual void attach(ports::Engine& engine) = 0;
};

std::unique_ptr<BatchHandler> make_batch_handler(const Clock& clock);

/// Batches wait and do nothing else: many at once, for long, and again after every stop.
core::QueueRules batch_queue_rules();

}  // namespace bide::service
