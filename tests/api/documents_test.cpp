// What is embedded in the program fits what the program says.
#include "web/documents.hpp"

#include "base/error.hpp"
#include "core/job.hpp"
#include "service/problem.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace bide::test {
namespace {

namespace json = boost::json;

const EmbeddedDocument* find(std::string_view path) {
    for (const auto& document : documents()) {
        if (document.path == path) return &document;
    }
    return nullptr;
}

/// Every type that a problem document can have.
std::set<std::string> types_of_problems() {
    std::set<std::string> types{"wait-over", "not-carried"};
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code)
        types.emplace(to_string(static_cast<Code>(code)));
    for (int kind = 0; kind <= static_cast<int>(core::FailureKind::rejected); ++kind) {
        core::Outcome outcome;
        outcome.kind = static_cast<core::FailureKind>(kind);
        if (outcome.kind == core::FailureKind::none) continue;
        outcome.state = core::JobState::failed;
        types.emplace(service::problem_of(JobId{}, outcome).type);
    }
    return types;
}

json::value openapi() {
    return json::parse(find("/openapi.json")->text);
}

std::set<std::string> enum_of(std::string_view schema, std::string_view prefix) {
    std::set<std::string> values;
    const json::value document = openapi();
    for (const auto& value : document.at_pointer(schema).as_array()) {
        const std::string_view text = value.as_string();
        EXPECT_TRUE(text.starts_with(prefix)) << text;
        values.emplace(text.substr(prefix.size()));
    }
    return values;
}

TEST(Documents, EveryTypeOfProblemHasAPage) {
    constexpr std::string_view kErrors = "/errors/";
    std::set<std::string> pages;
    for (const auto& document : documents()) {
        if (!document.path.starts_with(kErrors)) continue;
        const std::string type(document.path.substr(kErrors.size()));
        EXPECT_TRUE(document.text.starts_with("# " + type + "\n")) << type;
        pages.insert(type);
    }
    EXPECT_EQ(pages, types_of_problems());
}

TEST(Documents, PagesNameTheStatusOfTheirProblem) {
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        const std::string type(to_string(static_cast<Code>(code)));
        const std::string status =
            "\nStatus " + std::to_string(service::status_of(static_cast<Code>(code))) + ": ";
        EXPECT_NE(find("/errors/" + type)->text.find(status), std::string_view::npos) << type;
    }
}

TEST(Documents, TheInterfaceNamesEveryTypeOfProblem) {
    const auto types = types_of_problems();
    EXPECT_EQ(enum_of("/components/schemas/ProblemName/enum", ""), types);
    EXPECT_EQ(enum_of("/components/schemas/Problem/properties/type/enum", "/errors/"), types);
}

TEST(Documents, TheInterfaceIsThereInBothForms) {
    EXPECT_EQ(openapi().at("openapi").as_string(), "3.1.0");
    EXPECT_TRUE(find("/openapi.yaml")->text.starts_with("openapi: 3.1.0\n"));
}

TEST(Documents, TheDashboardTakesNothingFromElsewhere) {
    const std::string_view page = find("/ui/")->text;
    for (const char* name : {"ui.css", "ui.js", "icon.svg"}) {
        EXPECT_NE(page.find(name), std::string_view::npos) << name;
        EXPECT_NE(find(std::string("/ui/") + name), nullptr) << name;
    }
    for (const auto& document : documents()) {
        if (!document.path.starts_with("/ui/") || document.path.ends_with(".svg")) continue;
        EXPECT_EQ(document.text.find("://"), std::string_view::npos) << document.path;
        for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"})
            EXPECT_EQ(document.text.find(way), std::string_view::npos) << way;
    }
}

TEST(Documents, EachPathIsThereOnce) {
    std::set<std::string_view> paths;
    for (const auto& document : documents()) {
        EXPECT_TRUE(paths.insert(document.path).second) << document.path;
        EXPECT_FALSE(document.text.empty()) << document.path;
        EXPECT_TRUE(document.text.ends_with("\n")) << document.path;
        EXPECT_NE(document.content_type, "") << document.path;
    }
}

}  // namespace
}  // namespace bide::test
