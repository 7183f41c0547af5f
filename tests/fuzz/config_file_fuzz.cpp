// The reader takes a path: the input is a file in memory.
#include "base/check.hpp"
#include "cli/config_file.hpp"
#include "cli/units.hpp"
#include "fuzz.hpp"

#include <set>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace bide::cli {
namespace {

/// One file in memory, rewritten for each input.
class MemoryFile {
  public:
    MemoryFile() : descriptor_(memfd_create("config", MFD_CLOEXEC)) { CHECK(descriptor_ >= 0); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { close(descriptor_); }

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

    void set(std::string_view text) const {
        CHECK(ftruncate(descriptor_, 0) == 0);
        CHECK(pwrite(descriptor_, text.data(), text.size(), 0) == std::ssize(text));
    }

  private:
    int descriptor_;
};

void check_handler(const HandlerConfig& handler) {
    CHECK(handler.kind != HandlerConfig::Kind::none);
    if (handler.kind != HandlerConfig::Kind::native) {
        CHECK(!handler.argv.empty());
        CHECK(!handler.argv.front().empty());
    }
    CHECK(handler.grace >= Duration(0));
    CHECK(handler.in_flight >= 1);
}

void check_queue(const QueueConfig& queue) {
    CHECK(check_queue_name(queue.name).has_value());
    check_handler(queue.handler);
    CHECK(queue.concurrency.value_or(1) >= 1);
    CHECK(queue.rules.depth_max >= 1);
    CHECK(queue.rules.timeout >= Duration(0));
    CHECK(queue.rules.retry.attempts_max >= 1);
    CHECK(queue.rules.retry.backoff_base >= Duration(0));
    CHECK(queue.rules.retry.backoff_max >= Duration(0));
    CHECK(queue.retention >= Duration(0));
}

void check(std::string_view text) {
    static const MemoryFile file;
    file.set(text);
    Config config;
    const auto result = read_config_file(file.path(), config);
    if (result.has_error()) {
        CHECK(result.error().code == Code::bad_request);
        CHECK(result.error().detail.starts_with(file.path() + ":"));
        CHECK(result.error().detail.size() > file.path().size() + 2);
    }
    // What was taken before an error is no different.
    std::set<std::string> names;
    for (const auto& queue : config.queues) {
        check_queue(queue);
        CHECK(names.insert(queue.name).second);
    }
    const ServerConfig& server = config.server;
    CHECK(!server.host.empty());
    for (const Duration time :
         {server.max_wait,
          server.drain_time,
          server.header_time,
          server.body_pause,
          server.idle_time})
        CHECK(time >= Duration(0));
}

}  // namespace
}  // namespace bide::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::cli::check(bide::fuzz::text_of(data, size));
    return 0;
}
