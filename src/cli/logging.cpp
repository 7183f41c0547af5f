#include "cli/logging.hpp"

#include "base/time.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>
#include <unistd.h>

namespace bide::cli {
namespace {

class JsonLines final : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const auto level = spdlog::level::to_string_view(message.level);
        const boost::json::object line{
            {"time", to_rfc3339(std::chrono::time_point_cast<Duration>(message.time))},
            {"level", std::string_view(level.data(), level.size())},
            {"message", std::string_view(message.payload.data(), message.payload.size())},
        };
        const std::string text = boost::json::serialize(line) + "\n";
        out.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonLines>();
    }
};

}  // namespace

void start_logging(const std::string& level) {
    auto logger = spdlog::stderr_color_mt("bide");
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    if (::isatty(STDERR_FILENO) != 0)
        logger->set_pattern("%H:%M:%S %^%l%$ %v");
    else
        logger->set_formatter(std::make_unique<JsonLines>());
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace bide::cli
