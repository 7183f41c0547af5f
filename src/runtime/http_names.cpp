#include "runtime/http_names.hpp"

#include "runtime/http_pool.hpp"

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace bide::runtime {
namespace {

using Resolver = net::ip::basic_resolver<tcp, Executor>;

/// So many dead names do not hold up the others.
constexpr std::size_t kThreads = 4;

HttpAddresses ask_system(const Executor& executor, const std::string& host) {
    HttpAddresses found;
    Resolver resolver(executor);
    for (const auto& entry : resolver.resolve(host, "", found.error))
        found.addresses.push_back(entry.endpoint().address());
    return found;
}

}  // namespace

net::execution_context::id HttpNames::id;

HttpNames::HttpNames(net::io_context& context)
    : service(context), executor_(context.get_executor()), threads_(kThreads) {
    // Asio's part is there before, and so is shut down after, the threads that use it.
    const Resolver first(executor_);
}

HttpNames& HttpNames::of(const Executor& executor) {
    return net::use_service<HttpNames>(executor.context());
}

void HttpNames::shutdown() {
    threads_.stop();
    threads_.join();
    under_way_.clear();
}

std::shared_ptr<const HttpLookup> HttpNames::look_up(
    const std::shared_ptr<HttpExchange>& exchange, const HttpResolve& resolve
) {
    const std::string& host = exchange->request.url->host;
    auto& lookup = under_way_[host];
    const bool begins = lookup == nullptr;
    if (begins) lookup = std::make_shared<HttpLookup>();
    lookup->waiting.push_back(exchange);
    const auto result = lookup;
    if (begins) {
        net::post(threads_, [this, host, resolve] {
            HttpAddresses found = resolve ? resolve(host) : ask_system(executor_, host);
            net::post(executor_, [this, host, found = std::move(found)]() mutable {
                done(host, std::move(found));
            });
        });
    }
    return result;
}

void HttpNames::done(const std::string& host, HttpAddresses found) {
    const auto lookup = std::move(under_way_.extract(host).mapped());
    lookup->found = std::move(found);
    lookup->done = true;
    for (const auto& waiting : lookup->waiting)
        if (const auto living = waiting.lock()) living->wake.cancel();
}

}  // namespace bide::runtime
