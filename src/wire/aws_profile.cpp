#include "wire/aws_profile.hpp"

#include "wire/text.hpp"

#include <algorithm>
#include <utility>

namespace bide::wire {
namespace {

using Sections = std::map<std::string, AwsSection, std::less<>>;

constexpr std::string_view kProfile = "profile ";

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lowered;
}

bool is_space(char c) {
    return c == ' ' || c == '\t';
}

/// A comment inside a line begins with white space and a mark.
std::string_view without_comment(std::string_view line) {
    for (std::size_t i = 1; i < line.size(); ++i) {
        if ((line[i] == '#' || line[i] == ';') && is_space(line[i - 1]))
            return trim(line.substr(0, i));
    }
    return trim(line);
}

std::string_view unquoted(std::string_view text) {
    const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                        (text.front() == '"' || text.front() == '\'');
    return quoted ? text.substr(1, text.size() - 2) : text;
}

/// `[default]`, `[profile x]`, `[sso-session "x y"]` of a config as "kind name". Empty: a section
/// of a kind that is not known, which is passed over.
std::string config_section(std::string_view header) {
    if (header == "default") return "profile default";
    const std::size_t end = header.find_first_of(" \t");
    if (end == std::string_view::npos) return {};
    const std::string_view kind = header.substr(0, end);
    const std::string_view name = unquoted(trim(header.substr(end)));
    if (name.empty() || (kind != "profile" && kind != "sso-session" && kind != "services"))
        return {};
    return std::string(kind) + " " + std::string(name);
}

/// In a credentials file every section is a profile, under its bare name.
std::string credentials_section(std::string_view header) {
    return std::string(kProfile) + std::string(unquoted(header));
}

class Reader {
  public:
    using Naming = std::string (*)(std::string_view header);
    Reader(Sections& to, Naming naming, const char* file) : to_(to), naming_(naming), file_(file) {}

    Result<void> read(std::string_view text) {
        if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
        while (!text.empty()) {
            ++number_;
            std::string_view line = cut_at(text, '\n');
            if (line.ends_with('\r')) line.remove_suffix(1);
            BIDE_TRY(read_line(line));
        }
        return success();
    }

  private:
    Result<void> read_line(std::string_view line) {
        const std::string_view bare = trim(line);
        if (bare.empty() || bare.front() == '#' || bare.front() == ';') return success();
        if (!is_space(line.front())) return bare.front() == '[' ? begin(bare) : put(bare, {});
        if (parent_.empty()) return bad("is indented, but no value comes before it");
        // Under a value that goes on over several lines, what is no pair is passed over.
        return bare.find('=') == std::string_view::npos ? success() : put(bare, parent_ + ".");
    }

    Result<void> begin(std::string_view line) {
        line = without_comment(line);
        if (line.back() != ']') return bad("opens a section with '[' and does not close it");
        const std::string_view header = trim(line.substr(1, line.size() - 2));
        if (header.empty()) return bad("opens a section without a name");
        const std::string name = naming_(header);
        section_ = name.empty() ? &passed_over_ : &to_[name];
        parent_.clear();
        return success();
    }

    Result<void> put(std::string_view line, const std::string& prefix) {
        if (section_ == nullptr) return bad("comes before the first section");
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) return bad("is not like \"name = value\"");
        const std::string name = lower(trim(line.substr(0, equals)));
        if (name.empty()) return bad("has no name before the '='");
        (*section_)[prefix + name] = trim(without_comment(line.substr(equals)).substr(1));
        if (prefix.empty()) parent_ = name;
        return success();
    }

    Error bad(const char* what) const {
        return {
            Code::bad_request,
            Retry::never,
            std::string("the ") + file_ + " file: line " + std::to_string(number_) + " " + what};
    }

    Sections& to_;
    const Naming naming_;
    const char* const file_;
    std::size_t number_ = 0;
    AwsSection passed_over_;
    AwsSection* section_ = nullptr;
    std::string parent_;  ///< the last name that was not indented
};

const AwsSection* find(const Sections& sections, std::string_view kind, std::string_view name) {
    const auto found = sections.find(std::string(kind) + std::string(name));
    return found == sections.end() ? nullptr : &found->second;
}

}  // namespace

Result<AwsProfiles> AwsProfiles::parse(const AwsFiles& files) {
    AwsProfiles profiles;
    BIDE_TRY(Reader(profiles.sections_, config_section, "config").read(files.config));
    BIDE_TRY(Reader(profiles.sections_, credentials_section, "credentials").read(files.credentials)
    );
    return profiles;
}

const AwsSection* AwsProfiles::profile(std::string_view name) const {
    return find(sections_, kProfile, name);
}

const AwsSection* AwsProfiles::sso_session(std::string_view name) const {
    return find(sections_, "sso-session ", name);
}

const AwsSection* AwsProfiles::services(std::string_view name) const {
    return find(sections_, "services ", name);
}

std::string AwsProfiles::value(const AwsSection* section, std::string_view name) {
    if (section == nullptr) return {};
    const auto found = section->find(name);
    return found == section->end() ? std::string() : found->second;
}

}  // namespace bide::wire
