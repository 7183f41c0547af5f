#include "crash/clients.hpp"

#include <algorithm>
#include <functional>

namespace bide::torture {
namespace {

using test::Connection;
using test::HttpError;
using test::Request;
using test::Response;

/// Past the server's inline_max: such a body is a file.
constexpr std::size_t kLargeMax = 16 << 10;
constexpr std::size_t kSmallMax = 300;

/// Questions under way on one connection: less than what fits into the sockets' buffers.
constexpr std::size_t kPipelineMax = 50;

std::string queue_of(Work work) {
    static constexpr const char* kQueues[] = {"echo", "pause", "shell", "retry", "fail", "endless"};
    return kQueues[static_cast<int>(work)];
}

std::string page_of(Work work) {
    return "/queues/" + queue_of(work) + "/jobs";
}

class Client {
  public:
    Client(const test::Address& server, std::uint64_t seed, Promises& promises)
        : connection_(server), random_(seed), promises_(promises) {}

    /// Ends when the server does.
    void run() {
        for (;;) act();
    }

  private:
    void act() {
        const std::uint64_t chance = below(random_, 100);
        const auto known = promises_.any_id(random_);
        if (chance < 65 || !known) return post();
        const std::string page = "/jobs/" + *known;
        if (chance < 85) {
            promises_.result_seen(
                *known, connection_.ask({"GET", page + "/result", {"Prefer: wait=0"}, {}})
            );
        } else if (chance < 93) {
            promises_.status_seen(*known, connection_.ask({"GET", page, {}, {}}));
        } else {
            promises_.cancelling(*known);
            promises_.cancel_seen(*known, connection_.ask({"DELETE", page, {}, {}}));
        }
    }

    void post() {
        if (below(random_, 2) == 0) return post_keyed();
        const Work work = choose();
        const std::string input = make_input(work);
        promises_.posted(work, input, connection_.ask(request_for(work, input)));
    }

    /// A new key, or one that is known or being sent by another client.
    void post_keyed() {
        auto keyed = below(random_, 4) == 0 ? promises_.any_key(random_) : std::nullopt;
        if (!keyed) {
            const Work work = choose();
            keyed = promises_.keying(work, make_input(work));
        }
        Request request = request_for(keyed->work, keyed->input);
        request.lines.push_back("Idempotency-Key: " + keyed->key);
        promises_.keyed_seen(*keyed, connection_.ask(request));
    }

    Request request_for(Work work, const std::string& input) {
        Request request{"POST", page_of(work), {}, input};
        const std::uint64_t wait = work == Work::endless ? 0 : below(random_, 4);
        if (wait == 0) request.lines.push_back("Prefer: respond-async");
        if (wait == 1) request.lines.push_back("Prefer: wait=1");
        return request;
    }

    Work choose() {
        const std::uint64_t chance = below(random_, 100);
        if (chance < 50) return Work::echo;
        if (chance < 75) return Work::pause;
        if (chance < 85) return Work::shell;
        if (chance < 92) return Work::retry;
        return chance < 98 ? Work::fail : Work::endless;
    }

    std::string make_input(Work work) {
        if (work == Work::pause) return std::to_string(below(random_, 200));
        const bool in_memory = work == Work::echo || below(random_, 3) != 0;
        std::string bytes(below(random_, in_memory ? kSmallMax : kLargeMax), '\0');
        for (char& byte : bytes) byte = static_cast<char>('a' + below(random_, 26));
        return bytes;
    }

    Connection connection_;
    Random random_;
    Promises& promises_;
};

void run_client(test::Address server, std::uint64_t seed, Promises* promises) {
    try {
        Client(server, seed, *promises).run();
    } catch (const HttpError&) {
        // The server was killed.
    } catch (const std::exception& failure) {
        promises->violated("-", "answers that can be read", failure.what());
    }
}

}  // namespace

Clients::Clients(
    const test::Address& server, std::size_t count, std::uint64_t seed, Promises& promises
) {
    for (std::size_t i = 0; i < count; ++i)
        threads_.emplace_back(run_client, server, seed + i, &promises);
}

void Inquiry::results(const std::vector<std::string>& ids) {
    for (std::size_t start = 0; start < ids.size(); start += kPipelineMax) {
        const std::size_t end = std::min(ids.size(), start + kPipelineMax);
        for (std::size_t i = start; i < end; ++i)
            connection_.send(Request{"GET", "/jobs/" + ids[i] + "/result", {"Prefer: wait=0"}, {}});
        for (std::size_t i = start; i < end; ++i) promises_.result_seen(ids[i], connection_.read());
    }
}

void Inquiry::states(const std::vector<std::string>& ids) {
    for (std::size_t start = 0; start < ids.size(); start += kPipelineMax) {
        const std::size_t end = std::min(ids.size(), start + kPipelineMax);
        for (std::size_t i = start; i < end; ++i)
            connection_.send(Request{"GET", "/jobs/" + ids[i], {}, {}});
        for (std::size_t i = start; i < end; ++i) promises_.status_seen(ids[i], connection_.read());
    }
}

void Inquiry::repeat(const std::vector<Keyed>& requests) {
    constexpr std::size_t kAtOnce = 20;  // their bodies are up to kLargeMax
    for (std::size_t start = 0; start < requests.size(); start += kAtOnce) {
        const std::size_t end = std::min(requests.size(), start + kAtOnce);
        for (std::size_t i = start; i < end; ++i) {
            const std::string key = "Idempotency-Key: " + requests[i].key;
            // The result if there is one, and 504 if not.
            const std::string prefer = "Prefer: wait=0, at-limit=timeout";
            connection_.send(Request{
                "POST", page_of(requests[i].work), {key, prefer}, requests[i].input});
        }
        for (std::size_t i = start; i < end; ++i)
            promises_.keyed_seen(requests[i], connection_.read());
    }
}

void Inquiry::look_up(const std::vector<Keyed>& requests) {
    for (std::size_t start = 0; start < requests.size(); start += kPipelineMax) {
        const std::size_t end = std::min(requests.size(), start + kPipelineMax);
        for (std::size_t i = start; i < end; ++i) {
            const std::string query =
                "?queue=" + queue_of(requests[i].work) + "&idempotency-key=" + requests[i].key;
            connection_.send(Request{"GET", "/jobs" + query, {}, {}});
        }
        for (std::size_t i = start; i < end; ++i)
            promises_.key_looked_up(requests[i], connection_.read());
    }
}

void Inquiry::wait(const std::string& id) {
    promises_.result_seen(id, connection_.ask({"GET", "/jobs/" + id + "/result", {}, {}}));
}

void Inquiry::cancel(const std::string& id) {
    promises_.cancelling(id);
    promises_.cancel_seen(id, connection_.ask({"DELETE", "/jobs/" + id, {}, {}}));
}

}  // namespace bide::torture
