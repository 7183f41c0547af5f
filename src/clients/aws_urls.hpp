#pragma once

#include "clients/credentials.hpp"
#include "runtime/http_url.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace bide::clients {

/// Which address a request goes to. An S3 bucket is in the host name, as AWS prefers it, except
/// where that cannot work: at an endpoint that was given, which may know one name only, and when
/// its name has dots, which the wildcard of AWS's certificate does not cover.
class AwsUrls {
  public:
    explicit AwsUrls(AwsPlace place) : place_(std::move(place)) {}

    const std::string& region() const { return place_.region; }

    /// `path` and `query` are ready for the wire. The error says what is wrong with an endpoint.
    Result<std::shared_ptr<const runtime::HttpUrl>> find(
        std::string_view service,
        std::string_view bucket,
        std::string_view path,
        std::string_view query
    );

  private:
    Result<runtime::HttpUrl> base_of(std::string_view service, std::string_view bucket) const;
    const std::string* given(std::string_view service) const;

    AwsPlace place_;
    std::map<std::string, runtime::HttpUrl, std::less<>> known_;  ///< by "service/bucket"
};

}  // namespace bide::clients
