#include "front.hpp"

#include "tell.hpp"

#include <utility>

namespace bide::sim_aws {

namespace told = core::told;
namespace wanted = core::wanted;

namespace {

Error trouble(Retry retry) {
    return {Code::store_failed, retry, "a service did not answer", 1};
}

}  // namespace

told::Noticed notice_of(
    const JobId& job, std::shared_ptr<const core::Outcome> outcome, bool too_large
) {
    told::Noticed notice;
    notice.job = job;
    if (too_large || !outcome) return notice;  // "look"
    notice.what = told::Noticed::What::result;
    notice.outcome = std::move(outcome);
    return notice;
}

Front::Front(const Surroundings& world)
    : Process(world),
      rendezvous_(world.options.queues, world.options.front_limits, world.rng.next()) {
    world_.checkers.reaches_cache(life(), now());
    // The first proof that its channel is heard.
    world_.net.later(life(), world_.net.latency(), [this] {
        if (connected_) step(told::Trust{true});
    });
}

void Front::step(core::RendezvousEvent&& event) {
    world_.trace.line([&] {
        return "    front " + std::to_string(life()) + ": " + tell(event, now());
    });
    tell_checkers(event);
    core::RendezvousEffects effects;
    rendezvous_.step(std::move(event), now(), effects);
    perform(std::move(effects));
    world_.checkers.stepped(rendezvous_);
    plan_tick(rendezvous_.next_timer());
}

void Front::tell_checkers(const core::RendezvousEvent& event) {
    const auto hears = [this](const JobId& job) { world_.checkers.hears(life(), job, now()); };
    if (const auto* claimed = std::get_if<told::Claimed>(&event)) hears(claimed->job);
    if (const auto* sent = std::get_if<told::Sent>(&event)) hears(sent->job);
    if (const auto* cancelled = std::get_if<told::Cancelled>(&event)) hears(cancelled->job);
    if (std::holds_alternative<told::Trust>(event)) world_.checkers.trust_changed(life(), now());
    const auto* looked = std::get_if<told::Looked>(&event);
    if (looked == nullptr) return;
    hears(looked->job);
    const bool unread = looked->found == told::Looked::Found::unknown;
    world_.checkers.could_read(life(), looked->job, !unread);
}

void Front::perform(core::RendezvousEffects&& effects) {
    world_.trace.line([&] { return tell(effects); });
    for (const auto& job : effects.unwatches) watching_.erase(job);
    for (const auto& job : effects.watches) watching_.insert(job);
    const auto asks = [&](const JobId& job) { world_.checkers.asks(life(), job); };
    for (const auto& order : effects.claims) asks(order.facts.id);
    for (const auto& order : effects.sends) asks(order.input->id);
    for (const auto& order : effects.looks) asks(order.job);
    for (const auto& order : effects.cancels) asks(order.job);
    for (const auto& order : effects.claims) claim(order);
    for (const auto& order : effects.sends) send(order);
    for (const auto& order : effects.looks) look(order);
    for (const auto& order : effects.cancels) cancel(order);
    for (const auto& order : effects.forwards)
        world_.bus.publish(notice_of(order.job, order.outcome, false));
    for (const auto& answer : effects.answers) {
        world_.checkers.answered(answer, now());
        world_.answered(answer);
    }
}

void Front::deafen() {
    if (!connected_) return;
    connected_ = false;
    world_.checkers.loses_cache(life());
    // Its proofs do not come back for three seconds.
    world_.net.later(life(), world_.net.any_time(std::chrono::seconds(3)), [this] {
        if (!connected_) step(told::Trust{false});
    });
}

void Front::reconnect() {
    if (connected_) return;
    connected_ = true;
    world_.checkers.reaches_cache(life(), now());
    world_.net.later(life(), world_.net.latency(), [this] {
        if (!connected_) return;
        step(told::Trust{false});
        step(told::Trust{true});
    });
}

// --- claims ------------------------------------------------------------------------------------

/// What is known to be in the queue has been claimed.
void Front::claim(const wanted::Claim& order) {
    const JobId job = order.facts.id;
    world_.net.call(
        life(),
        Service::cache,
        [&world = world_, job] {
            const auto& sent = world.services.marks.sent;
            const auto found = sent.find(job);
            return found == sent.end() ? std::optional<core::Fingerprint>() : found->second;
        },
        [this, order, job](auto mark) {
            if (!mark || !*mark) return put_claim(order);
            step(told::Claimed{job, **mark, false, true, now(), {}});
        }
    );
}

void Front::put_claim(const wanted::Claim& order) {
    if (order.input && large(*order.input)) {
        return put_body(order.input, [this, order](bool put) {
            if (put) return put_claim_object(order);
            told::Claimed claimed{order.facts.id, {}, false, false, {}, trouble(Retry::safe)};
            step(std::move(claimed));
        });
    }
    put_claim_object(order);
}

void Front::put_claim_object(const wanted::Claim& order) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, order] {
            const ClaimObject made{order.facts, order.fingerprint, order.input, order.start_by};
            return world.services.s3.claims.emplace(order.facts.id, made).second;
        },
        [this, order](std::optional<bool> made) {
            told::Claimed claimed{order.facts.id, order.fingerprint, true, false, now(), {}};
            if (made && !*made) return read_claim(order.facts.id);
            if (!made) claimed.error = trouble(Retry::safe);
            step(std::move(claimed));
        }
    );
}

void Front::read_claim(const JobId& job) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, job] { return *world.services.s3.claim(job); },
        [this, job](std::optional<ClaimObject> there) {
            told::Claimed claimed;
            claimed.job = job;
            if (there) {
                claimed.fingerprint = there->fingerprint;
                claimed.at = there->facts.created;
            } else {
                claimed.error = trouble(Retry::safe);
            }
            step(std::move(claimed));
        }
    );
}

// --- sending -----------------------------------------------------------------------------------

bool Front::large(const core::JobInput& input) const {
    unsigned sum = 0;
    for (const auto byte : input.fingerprint) sum = sum * 31 + byte;
    return sum % 100 < world_.options.large_inputs;
}

void Front::put_body(
    const std::shared_ptr<const core::JobInput>& input, std::function<void(bool)> then
) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, input] {
            return world.services.s3.inputs.emplace(S3::input_key(*input), input).second;
        },
        [then = std::move(then)](std::optional<bool> put) { then(put.has_value()); }
    );
}

void Front::send(const wanted::Send& order) {
    if (!large(*order.input)) return put_into_queue(order, false);
    if (order.body_stored) return put_into_queue(order, true);
    put_body(order.input, [this, order](bool put) {
        if (put) return put_into_queue(order, true);
        step(told::Sent{order.input->id, trouble(Retry::safe)});
    });
}

void Front::put_into_queue(const wanted::Send& order, bool by_reference) {
    const Envelope envelope{
        order.input, by_reference, life(), order.promised, order.not_before, order.start_by};
    world_.net.call(
        life(),
        Service::queue,
        [&world = world_, envelope] {
            world.checkers.sent(envelope);
            world.services.sqs.send(envelope, std::max(world.net.now(), envelope.not_before));
            world.queue_changed();
            return true;
        },
        [this, order](std::optional<bool> sent) {
            told::Sent event{order.input->id, {}};
            if (!sent)
                event.error = trouble(Retry::unsafe);
            else if (order.promised)
                mark_sent(order);
            step(std::move(event));
        }
    );
}

/// In the cache; and should the cache not take it, at the claim that says otherwise.
void Front::mark_sent(const wanted::Send& order) {
    const JobId job = order.input->id;
    const auto fingerprint = order.input->fingerprint;
    world_.net.call(
        life(),
        Service::cache,
        [&world = world_, job, fingerprint] {
            world.services.marks.sent[job] = fingerprint;
            return true;
        },
        [this, job, kept = order.kept](std::optional<bool> marked) {
            if (marked || !kept) return;
            world_.net.call(
                life(),
                Service::store,
                [&world = world_, job] {
                    world.services.s3.claims.at(job).input = nullptr;
                    return true;
                },
                [](std::optional<bool>) {}
            );
        }
    );
}

// --- looking -----------------------------------------------------------------------------------

void Front::look(const wanted::Look& order) {
    const JobId job = order.job;
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, job] {
            const auto* result = world.services.s3.result(job);
            return result ? std::optional(*result) : std::nullopt;
        },
        [this, job, claim = order.claim_too](std::optional<std::optional<ResultObject>> read) {
            told::Looked looked;
            looked.job = job;
            if (read && !*read) return claim ? look_for_claim(job) : step(std::move(looked));
            if (read) {
                looked.found = told::Looked::Found::result;
                looked.outcome = (*read)->outcome;
                looked.fingerprint = (*read)->fingerprint;
            } else {
                looked.found = told::Looked::Found::unknown;
                looked.error = trouble(Retry::unsafe);
            }
            step(std::move(looked));
        }
    );
}

void Front::look_for_claim(const JobId& job) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, job] {
            const auto* claim = world.services.s3.claim(job);
            return claim ? std::optional(*claim) : std::nullopt;
        },
        [this, job](std::optional<std::optional<ClaimObject>> read) {
            if (read && *read) return tell_claim(job, **read);
            told::Looked looked;
            looked.job = job;
            if (!read) {
                looked.found = told::Looked::Found::unknown;
                looked.error = trouble(Retry::unsafe);
            }
            step(std::move(looked));
        }
    );
}

void Front::tell_claim(const JobId& job, const ClaimObject& claim) {
    world_.net.call(
        life(),
        Service::cache,
        [&world = world_, job] { return world.services.marks.sent.contains(job); },
        [this, job, claim](std::optional<bool> sent) {
            told::Looked looked;
            looked.job = job;
            looked.found = told::Looked::Found::claim;
            looked.facts = claim.facts;
            looked.fingerprint = claim.fingerprint;
            looked.sent = sent.value_or(false);
            looked.start_by = claim.start_by;
            if (looked.sent || !claim.input) return step(std::move(looked));
            looked.input = claim.input;
            if (!large(*claim.input)) return step(std::move(looked));
            read_body(std::move(looked));
        }
    );
}

/// Without it the job cannot be sent, and must not be taken for sent either.
void Front::read_body(told::Looked&& looked) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, key = S3::input_key(*looked.input)] {
            return world.services.s3.inputs.contains(key);
        },
        [this, looked](std::optional<bool> there) mutable {
            if (!there || !*there) {
                looked.found = told::Looked::Found::unknown;
                looked.error = trouble(Retry::unsafe);
            }
            step(std::move(looked));
        }
    );
}

// --- cancelling --------------------------------------------------------------------------------

void Front::cancel(const wanted::Cancel& order) {
    if (!order.if_queued) return put_cancelled(order);
    world_.net.call(
        life(),
        Service::cache,
        [&world = world_, job = order.job] { return world.services.marks.running.contains(job); },
        [this, order](std::optional<bool> running) {
            if (running.value_or(false)) return step(told::Cancelled{order.job, nullptr, {}});
            put_cancelled(order);
        }
    );
}

void Front::put_cancelled(const wanted::Cancel& order) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, order] {
            const ResultObject made{order.outcome, order.fingerprint, world.net.now()};
            const auto put = world.services.s3.results.emplace(order.job, made);
            return std::pair(put.second, put.first->second.outcome);
        },
        [this, order](auto put) {
            told::Cancelled cancelled{order.job, nullptr, {}};
            if (!put) {
                cancelled.error = trouble(Retry::unsafe);
                return step(std::move(cancelled));
            }
            cancelled.outcome = put->second;
            if (put->first) {
                world_.net.call(
                    life(),
                    Service::cache,
                    [&world = world_, job = order.job] {
                        world.services.marks.cancelled.insert(job);
                        world.bus.publish_cancel(job);
                        return true;
                    },
                    [](std::optional<bool>) {}
                );
            }
            step(std::move(cancelled));
        }
    );
}

}  // namespace bide::sim_aws
