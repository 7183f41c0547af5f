// What the documents list is what the program has: metrics, keys of the configuration, problems.
#include "cli/config_file.hpp"
#include "service/metrics.hpp"
#include "service/problem.hpp"
#include "web/documents.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace bide::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = BIDE_SOURCE_DIR;

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << "cannot read " << path;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

using Row = std::vector<std::string>;

Row cells_of(const std::string& line) {
    Row cells;
    std::istringstream rest(line.substr(1));
    for (std::string cell; std::getline(rest, cell, '|');) {
        const auto first = cell.find_first_not_of(' ');
        const auto last = cell.find_last_not_of(' ');
        cells.push_back(
            first == std::string::npos ? std::string() : cell.substr(first, last - first + 1)
        );
    }
    return cells;
}

/// The rows of all tables under "## `section`" whose first column is called `first`, without those
/// of their heads.
std::vector<Row> tables_in(
    const fs::path& path, const std::string& section, const std::string& first
) {
    std::istringstream file(text_of(path));
    std::vector<Row> rows;
    bool here = false;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("## ")) here = line == "## " + section;
        if (!here || !line.starts_with('|')) {
            inside = false;
            continue;
        }
        Row cells = cells_of(line);
        if (inside && !line.starts_with("|---"))
            rows.push_back(std::move(cells));
        else if (!inside)
            inside = cells.front() == first;
    }
    EXPECT_FALSE(rows.empty()) << path << ": no table of \"" << first << "\" in " << section;
    return rows;
}

/// "`a`, `b`": a and b.
std::set<std::string> names_in(const std::string& cell) {
    static const std::regex name("`([^`]+)`");
    std::set<std::string> names;
    for (std::sregex_iterator found(cell.begin(), cell.end(), name), end; found != end; ++found)
        names.insert((*found)[1]);
    return names;
}

// --- metrics ----------------------------------------------------------------------------------

/// "counter queue reason" by the family's name.
using Families = std::map<std::string, std::string>;

/// What any server writes.
Families rendered_families() {
    service::ContractRules rules;
    rules.queues.push_back({"some"});
    ports::EngineFacts facts;
    facts.queues.emplace_back();
    std::istringstream text(service::metrics_text(rules, facts, {}));
    static const std::regex type("# TYPE (\\S+) (\\S+)");
    static const std::regex label("([a-z]+)=\"");
    Families families;
    std::map<std::string, std::set<std::string>> labels;
    std::string name;
    for (std::string line; std::getline(text, line);) {
        std::smatch said;
        if (std::regex_match(line, said, type)) {
            name = said[1];
            families[name] = said[2];
        }
        if (line.starts_with('#')) continue;
        for (std::sregex_iterator found(line.begin(), line.end(), label), end; found != end;
             ++found)
            labels[name].insert((*found)[1]);
    }
    for (auto& [family, what] : families)
        for (const auto& each : labels[family]) what += " " + each;
    return families;
}

/// What fronts and workers count besides: the ports::EngineCounters in the source of their engine.
Families counted_on_aws() {
    static const std::regex counter("\\{\\s*\"(bide_[a-z0-9_]+)\",[^;]*?\\}\\s*[,;)]");
    static const std::regex gauge(",\\s*true\\s*\\}\\s*[,;)]$");
    Families families;
    for (const auto& entry : fs::directory_iterator(kSource / "src/engines/aws")) {
        if (entry.path().extension() != ".cpp") continue;
        const std::string source = text_of(entry.path());
        for (std::sregex_iterator found(source.begin(), source.end(), counter), end; found != end;
             ++found)
            families[(*found)[1]] = std::regex_search(found->str(), gauge) ? "gauge" : "counter";
    }
    return families;
}

Families families_in_the_docs(std::size_t columns) {
    Families families;
    for (const Row& row : tables_in(kSource / "docs/operations.md", "Metrics", "family")) {
        if (row.size() != columns) continue;
        for (const auto& name : names_in(row[0])) {
            EXPECT_FALSE(families.contains(name)) << name << " is there twice";
            families[name] = row[1];
            if (columns == 4)
                for (const auto& label : names_in(row[2])) families[name] += " " + label;
        }
    }
    return families;
}

TEST(DocumentsLists, MetricsOfEveryServer) {
    EXPECT_EQ(families_in_the_docs(4), rendered_families());
}

TEST(DocumentsLists, MetricsOfFrontsAndWorkers) {
    EXPECT_EQ(families_in_the_docs(3), counted_on_aws());
}

std::set<std::string> names_of_samples(const Families& families) {
    std::set<std::string> names;
    for (const auto& [family, what] : families) {
        names.insert(family);
        if (what.starts_with("counter")) names.insert(family + "_total");
        if (what.starts_with("summary")) names.insert({family + "_count", family + "_sum"});
    }
    return names;
}

TEST(DocumentsLists, MetricsThatAreSpokenOf) {
    std::set<std::string> known = names_of_samples(rendered_families());
    known.merge(names_of_samples(counted_on_aws()));
    known.insert("bide_worker");  // a target of CMake
    std::vector<fs::path> files{kSource / "README.md", kSource / "deploy/terraform/alarms.tf"};
    for (const auto& entry : fs::directory_iterator(kSource / "docs"))
        if (entry.path().extension() == ".md") files.push_back(entry.path());
    // "bide_sqs_*_calls_total" is meant for several.
    static const std::regex word("bide_[a-z0-9][a-z0-9_*]*");
    for (const auto& file : files) {
        const std::string text = text_of(file);
        for (std::sregex_iterator found(text.begin(), text.end(), word), end; found != end;
             ++found) {
            const std::string name = found->str();
            const std::regex pattern(std::regex_replace(name, std::regex("\\*"), "[a-z0-9]+"));
            EXPECT_TRUE(std::ranges::any_of(
                known, [&](const auto& each) { return std::regex_match(each, pattern); }
            )) << file
               << " speaks of " << name;
        }
    }
}

// --- the configuration ------------------------------------------------------------------------

const fs::path kConfiguration = kSource / "docs/configuration.md";

/// "queues.NAME" of the documents is "queues".
std::string title_of(std::string_view section) {
    const bool named = section == "queues" || section == "tenants" || section == "keys";
    return "[" + std::string(section) + (named ? ".NAME]" : "]");
}

TEST(DocumentsLists, SectionsOfTheConfiguration) {
    std::set<std::string> written;
    std::istringstream file(text_of(kConfiguration));
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("## ")) written.insert(line.substr(3));
    std::set<std::string> known;
    for (const auto section : cli::config_sections()) known.insert(title_of(section));
    EXPECT_EQ(written, known);
}

TEST(DocumentsLists, KeysOfTheConfiguration) {
    for (const auto section : cli::config_sections()) {
        std::multiset<std::string> written;
        for (const Row& row : tables_in(kConfiguration, title_of(section), "key"))
            for (const auto& name : names_in(row[0])) written.insert(name);
        std::multiset<std::string> known;
        for (const auto key : cli::config_keys(section)) known.emplace(key);
        EXPECT_EQ(written, known) << section;
    }
}

constexpr std::array<std::string_view, 5> kKinds{"exec", "pool", "lambda", "http", "native"};

/// Something that each key of a queue takes.
std::string value_for(const std::string& key) {
    static const std::map<std::string, std::string> values{
        {"content_type", "\"text/plain\""},
        {"concurrency", "20"},
        {"depth_max", "1"},
        {"bytes_max", "1"},
        {"timeout", "\"1m\""},
        {"attempts", "1"},
        {"backoff", "\"1s\""},
        {"backoff_max", "\"1s\""},
        {"retention", "\"1h\""},
        {"environment", "[\"PATH\"]"},
        {"directory", "\".\""},
        {"grace", "\"1s\""},
        {"memory_max", "1"},
        {"cpu_seconds_max", "1"},
        {"files_max", "1"},
        {"output_max", "1"},
        {"http_headers", "[\"A: b\"]"},
        {"http_connections", "1"},
        {"http2", "true"},
        {"http_ca", "\"ca.pem\""},
        {"http_connect_timeout", "\"1s\""},
        {"processes", "1"},
        {"in_flight", "1"},
        {"batch", "2"},
        {"batch_window", "\"1s\""},
        {"lambda_handler", "\"a.b\""},
        {"sqs", "\"q\""},
        {"dead_letters", "\"q\""},
    };
    const auto found = values.find(key);
    EXPECT_NE(found, values.end()) << "give " << key << " a value here";
    return found == values.end() ? "\"\"" : found->second;
}

bool is_accepted(std::string_view kind, const std::string& lines) {
    const std::string text = "[queues.a]\n" + std::string(kind) + " = \"x\"\n" + lines;
    cli::Config config;
    return cli::read_config_text(text, {"test", "/"}, config, cli::Program::serve).has_value();
}

/// The kinds of handlers that a row's second column names: "exec, pool", "exec with `batch`",
/// "all".
std::set<std::string> kinds_written(const std::string& cell) {
    std::set<std::string> kinds;
    for (const auto kind : kKinds) {
        if (cell == "all" || std::regex_search(cell, std::regex("\\b" + std::string(kind) + "\\b")))
            kinds.emplace(kind);
    }
    return kinds;
}

/// A key that is for exec with `batch` is refused without.
TEST(DocumentsLists, KeysOfEachKindOfHandler) {
    for (const Row& row : tables_in(kConfiguration, title_of("queues"), "key")) {
        if (row.size() == 2) continue;  // of fronts and workers
        ASSERT_EQ(row.size(), 4U) << row[0];
        for (const auto& key : names_in(row[0])) {
            if (std::ranges::find(kKinds, key) != kKinds.end()) continue;
            const std::string line = key + " = " + value_for(key) + "\n";
            std::set<std::string> accepting;
            for (const auto kind : kKinds) {
                const bool alone = is_accepted(kind, line);
                const bool batched = key != "batch" && is_accepted(kind, "batch = 2\n" + line);
                if (alone || batched) accepting.emplace(kind);
                const std::string needs = std::string(kind) + " with `batch`";
                EXPECT_EQ(row[1].find(needs) != std::string::npos, batched && !alone)
                    << key << " of " << kind;
            }
            EXPECT_EQ(kinds_written(row[1]), accepting) << key;
        }
    }
}

// --- problems ---------------------------------------------------------------------------------

/// The lines between "## `title`" and the next such line.
std::vector<std::string> part_of(std::string_view page, const std::string& title) {
    std::istringstream text{std::string(page)};
    std::vector<std::string> lines;
    bool here = false;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("## "))
            here = line == "## " + title;
        else if (here && !line.empty())
            lines.push_back(line);
    }
    return lines;
}

/// Of a page "/errors/TYPE".
void check_page(const std::string& type, std::string_view page) {
    for (const char* title :
         {"When", "Did the job run?", "What the caller does", "What the operator does"})
        EXPECT_FALSE(part_of(page, title).empty()) << title;
    const auto when = part_of(page, "When");
    for (const auto& line : when)
        EXPECT_TRUE(line.starts_with("- ") || line.starts_with("  ")) << line;
    const auto known = service::problem_of_type(type);
    ASSERT_TRUE(known);
    const std::string status = "Status " + std::to_string(known->status) + ": ";
    EXPECT_NE(page.find("\n" + status), std::string_view::npos) << status;
    for (const auto& line : part_of(page, "Example")) {
        if (!line.starts_with("    {")) continue;
        const boost::json::value shown = boost::json::parse(line.substr(4));
        EXPECT_EQ(shown.at("type").as_string(), "/errors/" + type);
        EXPECT_EQ(shown.at("title").as_string(), known->title);
        EXPECT_EQ(shown.at("status").as_int64(), known->status);
        EXPECT_NE(shown.as_object().if_contains("detail"), nullptr);
        EXPECT_NE(shown.as_object().if_contains("retry"), nullptr);
    }
}

TEST(DocumentsLists, PagesOfProblemsSayWhatAndWhenAndShowOneAsItIs) {
    constexpr std::string_view kErrors = "/errors/";
    for (const auto& document : documents()) {
        if (!document.path.starts_with(kErrors)) continue;
        const std::string type(document.path.substr(kErrors.size()));
        SCOPED_TRACE(type);
        check_page(type, document.text);
    }
}

}  // namespace
}  // namespace bide::test
