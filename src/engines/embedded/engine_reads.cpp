// What an Engine reads from its store, all of it on the pool, and what it tidies up there.
#include "engines/embedded/engine.hpp"

#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bide::engines::embedded {

/// The ledger lets a job go only after its outcome is durable, so what it does not know is in the
/// store or nowhere, or has been claimed or redriven since: then the ledger is asked again, for a
/// receipt. On the pool.
void Engine::look_up(core::Answer asked) {
    auto found = reader_->find(asked.facts.id);
    const bool missed = found.has_error() ? found.error().code == Code::gone : !found.value();
    if (missed && is_open(asked.facts.id))
        return step(core::event::Join{asked.facts.id, {asked.waiter, clock_.now()}});
    asked.kind = core::Answer::Kind::refused;
    if (found.has_error()) {
        asked.error = std::move(found.error());
        if (asked.error.code == Code::store_failed) read_failed(asked.error);
    } else if (!found.value()) {
        asked.error = {Code::not_found, Retry::never, "there is no job with this id"};
    } else {
        asked.kind = core::Answer::Kind::finished;
        asked.fresh = false;
        asked.outcome = found.value()->outcome;
        asked.facts = core::facts_of(asked.facts.id, *asked.outcome);
    }
    deliver_one(std::move(asked));
}

/// On the pool. What retention removed counts as never there: the id may be used again.
void Engine::look_up_claim(const JobId& job) {
    auto found = reader_->find(job);
    core::event::LookedUp looked{job, nullptr, std::nullopt};
    if (found.has_value()) {
        looked.found = std::move(found.value());
        const auto& there = looked.found;
        const Time expires =
            there ? store_->expiry(there->outcome->finished, there->expires, clock_.now()) : Time{};
        if (there && there->expires != expires) {
            auto exact = std::make_shared<core::StoredJob>(*there);
            exact->expires = expires;
            looked.found = std::move(exact);
        }
    } else if (found.error().code != Code::gone) {
        read_failed(found.error());
        looked.error = std::move(found.error());
    }
    step(std::move(looked));
}

/// On the pool. Of open jobs the ledger knows the state; one that it no longer knows has ended
/// since the page was read.
void Engine::read_page(const ports::ListQuery& query, core::WaiterId waiter) {
    core::Answer answer;
    answer.waiter = waiter;
    auto found = reader_->list(query);
    if (found.has_error()) {
        read_failed(found.error());
        answer.error = std::move(found.error());
        return deliver_one(std::move(answer));
    }
    auto page = std::make_shared<core::JobPage>();
    page->next = found.value().next;
    {
        const std::lock_guard lock(mutex_);
        for (auto& entry : found.value().jobs) {
            if (!entry.outcome) {
                auto known = ledger_->find(entry.facts.id);
                if (!known || core::is_final(known->state)) continue;
                if (query.state && known->state != *query.state) continue;
                entry.facts = std::move(*known);
            }
            page->jobs.push_back(std::move(entry));
        }
    }
    answer.kind = core::Answer::Kind::listed;
    answer.page = std::move(page);
    deliver_one(std::move(answer));
}

void Engine::redrive_queue(
    core::QueueIndex queue, std::uint32_t count_max, const core::Wait& wait
) {
    pool_.post([this, queue, count_max, waiter = wait.id] {
        core::Answer answer;
        answer.waiter = waiter;
        auto found = reader_->failed(queue, count_max);
        if (found.has_value()) {
            const auto& failed = found.value();
            return redriver_->run(failed.jobs, failed.more, std::move(answer), clock_.now());
        }
        read_failed(found.error());
        answer.error = std::move(found.error());
        deliver_one(std::move(answer));
    });
}

void Engine::list(const ports::ListQuery& query, const core::Wait& wait) {
    pool_.post([this, query, waiter = wait.id] { read_page(query, waiter); });
}

void Engine::remove_files(const std::vector<std::string>& paths) {
    for (const auto& path : paths) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            options_.log_error(
                "cannot remove " + path + ": " + std::generic_category().message(errno)
            );
    }
}

/// A crash between a body's last sync and the commit that names it leaves a file no row knows.
/// `names` are the files that were there before this process made any. On the pool.
void Engine::remove_orphans(const std::vector<std::string>& names) {
    std::vector<std::string> orphans;
    for (const auto& name : names) {
        const auto in_use = reader_->file_in_use(name);
        if (in_use.has_error()) return options_.log_error(in_use.error().detail);
        if (!in_use.value()) orphans.push_back(options_.directory + "/bodies/" + name);
    }
    remove_files(orphans);
}

}  // namespace bide::engines::embedded
