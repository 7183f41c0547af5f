#include "cli/config_value.hpp"

#include "cli/units.hpp"

namespace bide::cli {

std::string Value::place() const {
    return file + ":" + std::to_string(node.source().begin.line);
}

Result<std::string> Value::text() const {
    if (const auto* value = node.as_string()) return value->get();
    return bad("must be a text in quotes");
}

Result<Duration> Value::duration() const {
    const auto* value = node.as_string();
    if (value == nullptr) return bad("must be a duration in quotes, like \"30s\"");
    return parse_duration(value->get());
}

Result<Duration> Value::span() const {
    BIDE_TRY(const Duration read, duration());
    BIDE_TRY(check_span(read));
    return read;
}

Result<std::uint64_t> Value::bytes() const {
    if (const auto* number = node.as_integer(); number != nullptr && number->get() >= 0)
        return static_cast<std::uint64_t>(number->get());
    if (const auto* value = node.as_string()) return parse_bytes(value->get());
    return bad("must be a size, like 4096 or \"16KiB\"");
}

Result<std::uint64_t> Value::output_max() const {
    BIDE_TRY(const std::uint64_t most, bytes());
    if (most > 0) return most;
    return bad("must be at least 1");
}

Result<std::uint64_t> Value::header_max() const {
    // Below are the heads of the shortest requests; above, what a connection counts in 32 bits.
    BIDE_TRY(const std::uint64_t most, bytes());
    if (most >= 256 && most <= 1U << 30) return most;
    return bad("must be 256 bytes to 1GiB");
}

Result<std::uint64_t> Value::inline_max() const {
    // Such a body is whole in memory, more than once, and one row of the database, whose commits
    // others wait for.
    BIDE_TRY(const std::uint64_t most, bytes());
    if (most <= 16U << 20) return most;
    return bad("must be at most 16MiB: larger bodies are files");
}

Result<std::vector<std::string>> Value::texts() const {
    std::vector<std::string> all;
    const auto* array = node.as_array();
    if (array == nullptr) return bad("must be an array of texts");
    for (const auto& entry : *array) {
        const auto* value = entry.as_string();
        if (value == nullptr) return bad("must be an array of texts");
        all.push_back(value->get());
    }
    return all;
}

Result<std::vector<std::string>> Value::origins() const {
    BIDE_TRY(auto all, texts());
    for (const auto& origin : all) {
        BIDE_TRY(check_origin(origin));
    }
    return all;
}

Result<std::vector<std::string>> Value::headers() const {
    const auto* table = node.as_table();
    if (table == nullptr) return texts();
    std::vector<std::string> all;
    for (const auto& [name, entry] : *table) {
        const auto* value = entry.as_string();
        if (value == nullptr) return bad("must be a table of texts");
        all.push_back(std::string(name.str()) + ": " + value->get());
    }
    return all;
}

Result<std::string> Value::path() const {
    BIDE_TRY(const std::string name, text());
    return (directory / name).lexically_normal().string();
}

Result<bool> Value::flag() const {
    if (const auto* value = node.as_boolean()) return value->get();
    return bad("must be true or false");
}

Result<wire::AtLimit> Value::at_limit() const {
    BIDE_TRY(const std::string name, text());
    auto parsed = wire::parse_at_limit(name);
    if (parsed.has_error()) return bad("must be \"timeout\", \"accepted\" or \"redirect\"");
    return parsed.value();
}

Result<std::string> Value::log_level() const {
    BIDE_TRY(std::string level, text());
    BIDE_TRY(check_log_level(level));
    return level;
}

Result<double> Value::rate() const {
    BIDE_TRY(const std::string written, text());
    return parse_rate(written);
}

Result<double> Value::weight() const {
    double weight = 0;
    if (const auto* whole = node.as_integer()) weight = static_cast<double>(whole->get());
    if (const auto* broken = node.as_floating_point()) weight = broken->get();
    if (weight >= 0.001 && weight <= 1e6) return weight;
    return bad("must be a number from 0.001 to 1000000");
}

Result<std::array<std::uint8_t, 32>> Value::hash() const {
    BIDE_TRY(const std::string written, text());
    return parse_hash(written);
}

Result<std::vector<std::string>> Value::scopes() const {
    BIDE_TRY(auto all, texts());
    for (const auto& scope : all) {
        if (scope != "submit" && scope != "read" && scope != "admin")
            return bad("a scope is submit, read or admin, not \"" + scope + "\"");
    }
    if (all.empty()) return bad("names no scope: submit, read, admin");
    return all;
}

Result<std::vector<std::string>> Value::command() const {
    std::vector<std::string> argv;
    if (const auto* line = node.as_string()) {
        BIDE_TRY(argv, split_words(line->get()));
    } else {
        BIDE_TRY(argv, texts());
    }
    if (argv.empty() || argv.front().empty()) return bad("must name a command");
    const std::filesystem::path program(argv.front());
    if (program.has_parent_path() && program.is_relative())
        argv.front() = (directory / program).lexically_normal().string();
    return argv;
}

}  // namespace bide::cli
