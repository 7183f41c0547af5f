#pragma once

#include "base/result.hpp"

#include <map>
#include <string>
#include <string_view>

namespace bide::wire {

/// The values of a section, names in lower case. What is nested ("s3 =" and indented lines below)
/// has names like "s3.endpoint_url".
using AwsSection = std::map<std::string, std::string, std::less<>>;

/// The texts of the shared files of AWS's tools; empty: there is none.
struct AwsFiles {
    std::string_view config;       ///< ~/.aws/config
    std::string_view credentials;  ///< ~/.aws/credentials; goes before the config
};

/// What the shared files say.
class AwsProfiles {
  public:
    /// A section or value that is there twice: the later counts. An error names the line and no
    /// value, which may be a secret.
    static Result<AwsProfiles> parse(const AwsFiles& files);

    /// Null: there is none of this name.
    const AwsSection* profile(std::string_view name) const;
    const AwsSection* sso_session(std::string_view name) const;
    const AwsSection* services(std::string_view name) const;

    /// A value of a section, or empty.
    static std::string value(const AwsSection* section, std::string_view name);

  private:
    /// By kind and name: "profile x", "sso-session x", "services x".
    std::map<std::string, AwsSection, std::less<>> sections_;
};

}  // namespace bide::wire
