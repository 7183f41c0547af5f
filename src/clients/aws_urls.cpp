#include "clients/aws_urls.hpp"

#include <algorithm>
#include <utility>

namespace bide::clients {
namespace {

/// As many as a process has services and buckets; who uses more finds them again each time.
constexpr std::size_t kKnownMax = 1000;

bool fits_into_host(std::string_view bucket) {
    return !bucket.empty() && bucket.size() <= 63 && std::ranges::all_of(bucket, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

}  // namespace

const std::string* AwsUrls::given(std::string_view service) const {
    for (const std::string_view name : {service, std::string_view()}) {
        const auto found = place_.endpoints.find(name);
        if (found != place_.endpoints.end() && !found->second.empty()) return &found->second;
    }
    return nullptr;
}

Result<runtime::HttpUrl> AwsUrls::base_of(std::string_view service, std::string_view bucket) const {
    const std::string* endpoint = given(service);
    const bool in_host = endpoint == nullptr && fits_into_host(bucket);
    std::string text;
    if (endpoint != nullptr) {
        text = *endpoint;
    } else {
        text = "https://";
        if (in_host) text += std::string(bucket) + ".";
        text += std::string(service) + "." + place_.region + ".amazonaws.com";
        if (place_.region.starts_with("cn-")) text += ".cn";
    }
    BIDE_TRY(auto url, runtime::parse_http_url(text));
    if (url.target.find('?') != std::string::npos) {
        return Error{Code::bad_request, Retry::never, "the endpoint \"" + text + "\" has a query"};
    }
    while (url.target.ends_with('/')) url.target.pop_back();
    if (!bucket.empty() && !in_host) url.target += "/" + std::string(bucket);
    return url;
}

Result<std::shared_ptr<const runtime::HttpUrl>> AwsUrls::find(
    std::string_view service, std::string_view bucket, std::string_view path, std::string_view query
) {
    std::string key = std::string(service) + "/" + std::string(bucket);
    auto found = known_.find(key);
    if (found == known_.end()) {
        BIDE_TRY(auto base, base_of(service, bucket));
        if (known_.size() >= kKnownMax) known_.clear();
        found = known_.emplace(std::move(key), std::move(base)).first;
    }
    auto url = std::make_shared<runtime::HttpUrl>(found->second);
    url->target += path;
    if (!query.empty()) {
        url->target += '?';
        url->target += query;
    }
    return url;
}

}  // namespace bide::clients
