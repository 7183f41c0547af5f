#include "fronts/http/server.hpp"

#include "fronts/http/shard.hpp"

#include <algorithm>
#include <utility>

namespace bide::fronts::http {
namespace {

/// Descriptors that files of bodies leave alone.
constexpr std::size_t kKeptForConnections = 256;

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(Options options, Parts parts) {
    auto server = std::unique_ptr<Server>(new Server(std::move(options)));
    server->port_ = server->options_.port;
    if (server->options_.tls) {
        BIDE_TRY(server->tls_, TlsIdentity::load(*server->options_.tls));
    }
    const Shared shared{
        server->connections_, server->body_memory_, server->descriptors_, server->tls_.get()};
    for (std::size_t i = 0; i < server->options_.threads; ++i) {
        server->shards_.push_back(std::make_unique<Shard>(server->options_, parts, shared));
        // The first may have picked the port; the others take the same.
        const auto which = i == 0 ? Shard::Which::first : Shard::Which::further;
        BIDE_TRY(server->port_, server->shards_.back()->listen(server->port_, which));
    }
    return server;
}

Server::Server(Options options)
    : options_(std::move(options)),
      body_memory_(options_.body_memory_max),
      descriptors_(
          options_.descriptors_max, std::min(kKeptForConnections, options_.descriptors_max / 4)
      ),
      connections_(options_.connections_max, descriptors_) {}

Server::~Server() = default;

void Server::start() {
    for (auto& shard : shards_) shard->start();
}

void Server::stop_accepting() {
    for (auto& shard : shards_) shard->close_acceptor();
}

void Server::stop(Duration patience) {
    connections_.wait_for_none(patience);
    for (auto& shard : shards_) shard->shut();
}

bool ConnectionCount::add() {
    const std::lock_guard lock(mutex_);
    if (count_ >= max_ || !descriptors_.spend(1)) return false;
    ++count_;
    return true;
}

void ConnectionCount::remove() {
    descriptors_.give_back(1);
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
}

bool ConnectionCount::wait_for_none(Duration patience) {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, patience, [this] { return count_ == 0; });
}

}  // namespace bide::fronts::http
