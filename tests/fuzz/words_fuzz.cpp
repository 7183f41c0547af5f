#include "base/check.hpp"
#include "cli/units.hpp"
#include "fuzz.hpp"

#include <numeric>
#include <string>

namespace bide::cli {
namespace {

/// As a person would quote it who takes no chances.
std::string quoted(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        text += " '";
        for (const char c : word) c == '\'' ? text += "'\\''" : text += c;
        text += '\'';
    }
    return text;
}

std::string escaped(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        for (const char c : word) (text += '\\') += c;
        text += word.empty() ? "\"\"\t" : "\t";
    }
    return text;
}

void check(std::string_view text) {
    const auto parsed = split_words(text);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return;
    }
    const auto& words = parsed.value();
    CHECK(!words.empty());
    const auto add = [](std::size_t sum, const std::string& word) { return sum + word.size(); };
    CHECK(std::accumulate(words.begin(), words.end(), std::size_t{0}, add) <= text.size());
    for (const auto& again : {quoted(words), escaped(words)}) {
        const auto words_again = split_words(again);
        CHECK(words_again.has_value());
        CHECK(words_again.value() == words);
    }
    if (text.find_first_of("\\'\" \t\n") == std::string_view::npos)
        CHECK(words == std::vector<std::string>{std::string(text)});
}

}  // namespace
}  // namespace bide::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::cli::check(bide::fuzz::text_of(data, size));
    return 0;
}
