// From a head to a plan: pages, methods and callers. What they mean is in plan_*.cpp.
#include "service/understand.hpp"

#include "service/cors.hpp"
#include "service/metrics.hpp"
#include "service/pages.hpp"
#include "wire/text.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace bide::service {
namespace {

namespace json = boost::json;

/// Longer targets are refused before this: no page has one.
constexpr std::size_t kTargetMax = 8192;

/// A target in origin form, or in the absolute form that proxies use (RFC 9112, 3.2), without what
/// is before the path.
std::string_view origin_form(std::string_view target) {
    const auto scheme = target.find("://");
    if (target.starts_with('/') || scheme == std::string_view::npos) return target;
    const auto path = target.find_first_of("/?", scheme + 3);
    return path == std::string_view::npos ? "/" : target.substr(path);
}

wire::Reply wrong_method(std::string_view method, std::string_view allowed) {
    wire::Reply reply = problem(
        Code::method_not_allowed,
        std::string(method) + " does not apply here; allowed: " + std::string(allowed)
    );
    reply.headers.add("Allow", allowed);
    return reply;
}

bool is_allowed(std::string_view allowed, std::string_view method) {
    while (!allowed.empty()) {
        if (wire::trim(wire::cut_at(allowed, ',')) == method) return true;
    }
    return false;
}

wire::Reply health_page(const View& view, Page page) {
    if (page == Page::health) return text_page(200, "ok\n");
    const ports::EngineHealth health = view.engine.health();
    if (health.ready)
        return text_page(200, health.reason.empty() ? "ready\n" : "ready, " + health.reason + "\n");
    wire::Reply reply = text_page(503, "not ready: " + health.reason + "\n");
    reply.headers.add("Retry-After", "1");
    return reply;
}

wire::Reply usage_page(const ContractRules& rules) {
    std::string queues;
    for (const auto& queue : rules.queues) {
        if (queue.name == kBatchQueue) continue;
        queues += "  " + queue.name;
        if (queue.name == rules.default_queue) queues += "  (the default)";
        queues += "\n";
    }
    return text_page(
        200,
        "This is bide: post a job, and the answer is its result.\n\n"
        "  POST /                        a job for the default queue; waits\n"
        "  POST /queues/{queue}/jobs     a job for that queue; waits\n"
        "  PUT /jobs/{id}                a job under your own id; waits\n"
        "  GET /jobs/{id}                how a job stands\n"
        "  GET /jobs/{id}/result         its result; waits\n"
        "  DELETE /jobs/{id}             cancel it\n"
        "  POST /batches                 many jobs, one a line\n"
        "  GET /queues                   how the queues stand\n"
        "  GET /healthz, /readyz, /metrics, /openapi.json\n\n"
        "  Prefer: wait=10               wait at most 10 s, then 202\n"
        "  Prefer: respond-async         202 at once\n"
        "  Accept: text/event-stream     be told what happens on the way\n"
        "  Idempotency-Key: K            the same key is the same job\n\n"
        "Queues:\n" +
            queues
    );
}

/// A page about one type of problem, when the deployment has none of its own.
wire::Reply error_page(std::string_view type) {
    const auto known = problem_of_type(type);
    if (!known) return problem(Code::not_found, "there is no such type of problem");
    return text_page(
        200,
        std::string(known->type) + " (status " + std::to_string(known->status) + ")\n\n" +
            std::string(known->title) +
            ".\n\n"
            "The member \"detail\" of the problem document says more. \"retry\" says whether the\n"
            "same request may be sent again: safe (the job was not accepted and will not run),\n"
            "unsafe (it may run, or may have run), never (it would fail again).\n"
    );
}

/// The folder of this name, of one of the deployment's pages: what is said without its slash.
auto find_folder(const ContractRules& rules, std::string_view path) {
    return rules.documents.find(std::string(path) + '/');
}

/// The page's own links begin at its folder.
wire::Reply to_folder(const std::string& path) {
    wire::Reply reply = text_page(308, "see " + path + "\n");
    reply.headers.add("Location", path);
    return reply;
}

wire::Reply document_page(const ContractRules& rules, std::string_view path) {
    constexpr std::string_view kErrors = "/errors/";
    const auto found = rules.documents.find(path);
    if (const auto folder = find_folder(rules, path); folder != rules.documents.end())
        return to_folder(folder->first);
    if (found == rules.documents.end()) return error_page(path.substr(kErrors.size()));
    wire::Reply reply;
    reply.headers.add("Content-Type", found->second.content_type);
    reply.headers.add("Cache-Control", "no-cache");
    reply.headers.add("X-Content-Type-Options", "nosniff");
    if (found->second.content_type.starts_with("text/html")) {
        // The pages are the server's own; nothing from elsewhere runs in them.
        reply.headers.add("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'");
    }
    reply.body.bytes = found->second.text;
    return reply;
}

wire::Reply queues_page(const View& view) {
    const ports::EngineFacts facts = view.engine.facts();
    json::array queues;
    for (core::QueueIndex i = 0; i < view.rules.queues.size() && i < facts.queues.size(); ++i) {
        if (!name_of(view.rules, i).empty())
            queues.push_back(queue_document(view, i, facts.queues[i]));
    }
    return json_page(200, {{"queues", std::move(queues)}});
}

Result<Plan> queue_page(const View& view, std::string_view name) {
    BIDE_TRY(const core::QueueIndex queue, find_queue(view.rules, name));
    const ports::EngineFacts facts = view.engine.facts();
    return Plan(json_page(200, queue_document(view, queue, facts.queues.at(queue))));
}

wire::Reply metrics_page(const View& view, const Surroundings& around) {
    wire::Reply reply;
    reply.headers.add("Content-Type", kMetricsType);
    reply.body.bytes = metrics_text(view.rules, view.engine.facts(), around);
    return reply;
}

Result<Plan> plan_page(const View& view, const Request& request, const Surroundings& around) {
    const bool post = request.is("POST");
    switch (request.route.page) {
        case Page::root:
            return post ? plan_submit(view.rules, request) : Plan(usage_page(view.rules));
        case Page::health:
        case Page::ready: return Plan(health_page(view, request.route.page));
        case Page::metrics: return Plan(metrics_page(view, around));
        case Page::queues: return Plan(queues_page(view));
        case Page::queue: return queue_page(view, request.route.name);
        case Page::document: return Plan(document_page(view.rules, request.route.name));
        case Page::batches:
        case Page::batch_results: return plan_batch(view.rules, request);
        case Page::job:
            if (request.is("PUT")) return plan_submit(view.rules, request);
            break;
        case Page::queue_jobs:
            if (post) return plan_submit(view.rules, request);
            break;
        default: break;
    }
    return plan_ask(view.rules, request);
}

struct Row {
    std::string_view last;  ///< what comes after the name
    Page page;
};

Route find_row(std::string_view rest, std::span<const Row> rows) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    const std::string_view last =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    for (const auto& row : rows) {
        if (row.last == last && !name.empty()) return {row.page, name};
    }
    return {};
}

}  // namespace

Route route_of(std::string_view path, const ContractRules& rules) {
    constexpr std::array kPlain{
        Row{"/", Page::root},
        Row{"/healthz", Page::health},
        Row{"/readyz", Page::ready},
        Row{"/metrics", Page::metrics},
        Row{"/jobs", Page::job_of_key},
        Row{"/batches", Page::batches},
        Row{"/queues", Page::queues},
    };
    constexpr std::array kJobs{
        Row{"", Page::job}, Row{"/result", Page::job_result}, Row{"/redrive", Page::job_redrive}};
    constexpr std::array kBatches{Row{"", Page::batch}, Row{"/results", Page::batch_results}};
    constexpr std::array kQueues{
        Row{"", Page::queue},
        Row{"/jobs", Page::queue_jobs},
        Row{"/pause", Page::queue_pause},
        Row{"/resume", Page::queue_resume},
        Row{"/redrive", Page::queue_redrive}};
    for (const auto& row : kPlain) {
        if (path == row.last) return {row.page, {}};
    }
    const auto behind = [path](std::string_view prefix) { return path.substr(prefix.size()); };
    if (path.starts_with("/jobs/")) {
        // What is no page of a job is taken for a bad id.
        const Route found = find_row(behind("/jobs/"), kJobs);
        return found.page == Page::none ? Route{Page::job, behind("/jobs/")} : found;
    }
    if (path.starts_with("/queues/")) return find_row(behind("/queues/"), kQueues);
    if (path.starts_with("/batches/")) return find_row(behind("/batches/"), kBatches);
    const auto& documents = rules.documents;
    if (path.starts_with("/errors/") || documents.contains(path) ||
        find_folder(rules, path) != documents.end())
        return {Page::document, path};
    return {};
}

std::string_view methods_of(Page page) {
    switch (page) {
        case Page::root: return "GET, HEAD, POST";
        case Page::job: return "GET, HEAD, PUT, DELETE";
        case Page::queue_jobs: return "GET, HEAD, POST";
        case Page::batches:
        case Page::job_redrive:
        case Page::queue_pause:
        case Page::queue_resume:
        case Page::queue_redrive: return "POST";
        default: return "GET, HEAD";
    }
}

Scopes scopes_of(Page page, std::string_view method) {
    Scopes scopes;
    const bool changes = method != "GET" && method != "HEAD";
    switch (page) {
        case Page::none:
        case Page::health:
        case Page::ready:
        case Page::document: break;
        case Page::root:
            if (changes) scopes.add(Scope::submit);
            break;
        case Page::batches: scopes.add(Scope::submit); break;
        case Page::job:
        case Page::job_of_key:
        case Page::job_result:
        case Page::batch:
        case Page::batch_results:
            scopes.add(Scope::submit);
            if (!changes) scopes.add(Scope::read);
            break;
        case Page::metrics:
        case Page::queues:
        case Page::queue: scopes.add(Scope::read); break;
        case Page::queue_jobs: scopes.add(changes ? Scope::submit : Scope::admin); break;
        case Page::job_redrive:
        case Page::queue_pause:
        case Page::queue_resume:
        case Page::queue_redrive: scopes.add(Scope::admin); break;
    }
    return scopes;
}

Result<core::QueueIndex> find_queue(const ContractRules& rules, std::string_view name) {
    const auto count = static_cast<core::QueueIndex>(rules.queues.size());
    for (core::QueueIndex i = 0; i < count && !name.empty(); ++i) {
        if (name_of(rules, i) == name) return i;
    }
    std::string names;
    for (core::QueueIndex i = 0; i < count; ++i) {
        const std::string_view shown = name_of(rules, i);
        if (shown.empty()) continue;
        names += (names.empty() ? "" : ", ") + std::string(shown);
    }
    return Error{
        Code::not_found,
        Retry::never,
        name.empty() ? "there is no default queue; name one of: " + names
                     : "there is no queue of this name; there are: " + names};
}

Contract::Contract(ContractRules rules, const ports::Engine& engine)
    : rules_(std::move(rules)), engine_(engine) {}

Plan Contract::understand(const wire::RequestHead& head, const Surroundings& around) const {
    std::string origin = cors_origin_of(rules_.cors_origins, head);
    const auto with_cors = [&origin](wire::Reply&& reply) {
        add_cors(reply, origin);
        return Plan(std::move(reply));
    };
    if (head.target.size() > kTargetMax) {
        return with_cors(problem(
            Code::target_too_long,
            "the request target is longer than " + std::to_string(kTargetMax) + " bytes"
        ));
    }
    const bool options = head.method == "OPTIONS";
    if (options && head.target == "*") return options_reply("GET, HEAD, POST, PUT, DELETE", origin);
    std::string_view query = origin_form(head.target);
    const std::string_view path = wire::cut_at(query, '?');
    const Route route = route_of(path.empty() ? "/" : path, rules_);
    if (route.page == Page::none) {
        return with_cors(
            problem(Code::not_found, "there is no such page; GET / lists what there is")
        );
    }
    const std::string_view allowed = methods_of(route.page);
    if (options) return options_reply(allowed, origin);
    if (!is_allowed(allowed, head.method)) return with_cors(wrong_method(head.method, allowed));

    auto caller = admit(rules_.access, head, scopes_of(route.page, head.method));
    if (caller.has_error()) return with_cors(to_reply(problem_of(caller.error())));
    caller.value().cors_origin = origin;
    const Request request{head, route, query, std::move(caller.value()), around};
    auto plan = plan_page({rules_, engine_}, request, around);
    if (plan.has_error()) return with_cors(to_reply(problem_of(plan.error())));
    if (auto* reply = std::get_if<wire::Reply>(&plan.value())) add_cors(*reply, origin);
    return std::move(plan.value());
}

}  // namespace bide::service
