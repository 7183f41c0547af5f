#include "wire/sigv4.hpp"

#include "base/check.hpp"
#include "wire/query.hpp"
#include "wire/sha256.hpp"
#include "wire/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace bide::wire {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

Digest hmac(std::string_view key, std::string_view text) {
    Digest digest{};
    std::size_t size = 0;
    // Fails for want of memory only.
    CHECK(
        EVP_Q_mac(
            nullptr,
            "HMAC",
            nullptr,
            "SHA256",
            nullptr,
            key.data(),
            key.size(),
            reinterpret_cast<const unsigned char*>(text.data()),
            text.size(),
            digest.data(),
            digest.size(),
            &size
        ) != nullptr
    );
    return digest;
}

std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// 20150830T123600Z; its first 8 characters are the date.
std::string stamp_of(Time time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    std::array<char, 32> text{};
    const int size = std::snprintf(
        text.data(),
        text.size(),
        "%04d%02u%02uT%02d%02d%02dZ",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count())
    );
    return {text.data(), static_cast<std::size_t>(size)};
}

std::string scope_text(std::string_view stamp, const SigningScope& scope) {
    return std::string(stamp.substr(0, 8)) + "/" + scope.region + "/" + scope.service +
           "/aws4_request";
}

/// RFC 3986, 5.2.4, and runs of slashes as one.
std::string normalized(std::string_view path) {
    std::vector<std::string_view> parts;
    const bool slash_ends = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    while (!path.empty()) {
        const std::string_view part = cut_at(path, '/');
        if (part == "..") {
            if (!parts.empty()) parts.pop_back();
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
    }
    std::string text;
    for (const auto part : parts) {
        text += '/';
        text += part;
    }
    return text.empty() || slash_ends ? text + "/" : text;
}

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

/// Trimmed, with runs of white space as one space.
void append_value(std::string& to, std::string_view value) {
    value = trim(value);
    bool spaced = false;
    for (const char c : value) {
        if (c == ' ' || c == '\t') {
            spaced = true;
            continue;
        }
        if (std::exchange(spaced, false)) to += ' ';
        to += c;
    }
}

struct CanonicalHeaders {
    std::string lines;
    std::string names;  ///< "host;x-amz-date"
};

CanonicalHeaders canonical_headers(const SignedRequest& request) {
    NameValues fields{{"host", request.host}};
    for (const auto& [name, value] : request.headers) fields.emplace_back(lower(name), value);
    // By name alone: values of one name keep their order.
    std::ranges::stable_sort(fields, {}, &NameValues::value_type::first);
    CanonicalHeaders canonical;
    const std::string* last = nullptr;
    for (const auto& [name, value] : fields) {
        if (last != nullptr && *last == name) {
            canonical.lines.back() = ',';
        } else {
            canonical.lines += name + ":";
            canonical.names += (last == nullptr ? "" : ";") + name;
        }
        append_value(canonical.lines, value);
        canonical.lines += '\n';
        last = &name;
    }
    return canonical;
}

std::string signature(
    const SignedRequest& request,
    const CanonicalHeaders& headers,
    const AwsCredentials& credentials,
    const SigningScope& scope,
    std::string_view stamp
) {
    const bool as_it_is = scope.path_rule == PathRule::as_sent || scope.service == "s3";
    std::string text = request.method + "\n";
    text += as_it_is ? request.path : aws_path(normalized(request.path));
    text += "\n" + aws_query(request.query) + "\n" + headers.lines + "\n" + headers.names + "\n" +
            request.payload_hash;

    std::string to_sign(kAlgorithm);
    to_sign +=
        "\n" + std::string(stamp) + "\n" + scope_text(stamp, scope) + "\n" + to_hex(sha256(text));

    Digest key = hmac("AWS4" + credentials.secret, stamp.substr(0, 8));
    for (const std::string_view part :
         {std::string_view(scope.region),
          std::string_view(scope.service),
          std::string_view("aws4_request")})
        key = hmac(bytes_of(key), part);
    return to_hex(hmac(bytes_of(key), to_sign));
}

bool has(const NameValues& headers, std::string_view name) {
    return std::ranges::any_of(headers, [&](const auto& header) {
        return lower(header.first) == name;
    });
}

}  // namespace

std::string aws_path(std::string_view raw) {
    std::string path;
    for (;;) {
        const bool last = raw.find('/') == std::string_view::npos;
        path += percent_encode(cut_at(raw, '/'));
        if (last) return path;
        path += '/';
    }
}

std::string aws_query(const NameValues& query) {
    NameValues encoded;
    encoded.reserve(query.size());
    for (const auto& [name, value] : query)
        encoded.emplace_back(percent_encode(name), percent_encode(value));
    std::ranges::sort(encoded);
    std::string text;
    for (const auto& [name, value] : encoded) {
        if (!text.empty()) text += '&';
        text += name + "=" + value;
    }
    return text;
}

std::string payload_hash(std::string_view payload) {
    return payload.empty() ? std::string(kEmptyPayload) : to_hex(sha256(payload));
}

void sign(SignedRequest& request, const AwsCredentials& credentials, const SigningScope& scope) {
    const std::string stamp = stamp_of(scope.now);
    request.headers.emplace_back("x-amz-date", stamp);
    if (!credentials.session_token.empty())
        request.headers.emplace_back("x-amz-security-token", credentials.session_token);
    if (scope.service == "s3" && !has(request.headers, "x-amz-content-sha256"))
        request.headers.emplace_back("x-amz-content-sha256", request.payload_hash);
    const CanonicalHeaders headers = canonical_headers(request);
    std::string line(kAlgorithm);
    line += " Credential=" + credentials.key_id + "/" + scope_text(stamp, scope) +
            ", SignedHeaders=" + headers.names +
            ", Signature=" + signature(request, headers, credentials, scope, stamp);
    request.headers.emplace_back("authorization", std::move(line));
}

std::string presign(
    SignedRequest request,
    const AwsCredentials& credentials,
    const SigningScope& scope,
    std::int64_t lifetime_s
) {
    const std::string stamp = stamp_of(scope.now);
    const CanonicalHeaders headers = canonical_headers(request);
    request.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
    request.query.emplace_back(
        "X-Amz-Credential", credentials.key_id + "/" + scope_text(stamp, scope)
    );
    request.query.emplace_back("X-Amz-Date", stamp);
    request.query.emplace_back("X-Amz-Expires", std::to_string(lifetime_s));
    request.query.emplace_back("X-Amz-SignedHeaders", headers.names);
    if (!credentials.session_token.empty())
        request.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
    const std::string signed_as = signature(request, headers, credentials, scope, stamp);
    return request.path + "?" + aws_query(request.query) + "&X-Amz-Signature=" + signed_as;
}

}  // namespace bide::wire
