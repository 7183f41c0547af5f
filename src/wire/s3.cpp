#include "wire/s3.hpp"

#include "wire/query.hpp"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

namespace bide::wire {
namespace {

constexpr std::string_view kMeta = "x-amz-meta-";

Error malformed(std::string_view what) {
    return {Code::store_failed, Retry::never, "S3 answered " + std::string(what)};
}

/// The root element of this name; without one the answer is none of S3's.
pugi::xml_node read_root(pugi::xml_document& document, std::string_view xml, const char* name) {
    if (!document.load_buffer(xml.data(), xml.size())) return {};
    const pugi::xml_node root = document.document_element();
    return std::string_view(root.name()) == name ? root : pugi::xml_node();
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    });
    return out;
}

}  // namespace

NameValues s3_headers(const ObjectFacts& facts) {
    NameValues headers;
    if (!facts.content_type.empty()) headers.emplace_back("content-type", facts.content_type);
    for (const auto& [name, value] : facts.metadata)
        headers.emplace_back(std::string(kMeta) + name, value);
    return headers;
}

ObjectFacts read_s3_headers(std::span<const Field> fields) {
    ObjectFacts facts;
    for (const auto& [name, value] : fields) {
        if (equal_fold(name, "content-type"))
            facts.content_type = value;
        else if (equal_fold(name.substr(0, kMeta.size()), kMeta))
            facts.metadata.emplace_back(lower(name.substr(kMeta.size())), value);
    }
    return facts;
}

NameValues s3_list_query(
    std::string_view prefix, std::string_view start_after, std::uint32_t count_max
) {
    NameValues query{
        {"list-type", "2"},
        {"encoding-type", "url"},
        {"max-keys", std::to_string(count_max)},
        {"prefix", std::string(prefix)}};
    if (!start_after.empty()) query.emplace_back("start-after", start_after);
    return query;
}

Result<S3Page> read_s3_listing(std::string_view xml) {
    pugi::xml_document document;
    const pugi::xml_node root = read_root(document, xml, "ListBucketResult");
    if (!root) return malformed("what is not a listing");
    const bool encoded = std::string_view(root.child_value("EncodingType")) == "url";
    S3Page page;
    page.more = std::string_view(root.child_value("IsTruncated")) == "true";
    for (const pugi::xml_node entry : root.children("Contents")) {
        std::string key = entry.child_value("Key");
        if (encoded) {
            // As forms are, with '+' for a space.
            std::ranges::replace(key, '+', ' ');
            auto decoded = percent_decode(key);
            if (!decoded) return malformed("a listing with a key that is not encoded right");
            key = std::move(*decoded);
        }
        if (key.empty()) return malformed("a listing with an entry without a key");
        page.keys.push_back(std::move(key));
    }
    if (page.more && page.keys.empty()) return malformed("a listing that never ends");
    return page;
}

Result<std::string> read_s3_upload_id(std::string_view xml) {
    pugi::xml_document document;
    const pugi::xml_node root = read_root(document, xml, "InitiateMultipartUploadResult");
    std::string id = root.child_value("UploadId");
    if (id.empty()) return malformed("without the id of an upload");
    return id;
}

std::string s3_complete(std::span<const std::string> etags) {
    std::string xml =
        R"(<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
    for (std::size_t i = 0; i < etags.size(); ++i) {
        xml += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>";
        for (const char c : etags[i]) {
            switch (c) {
                case '&': xml += "&amp;"; break;
                case '<': xml += "&lt;"; break;
                case '>': xml += "&gt;"; break;
                case '"': xml += "&quot;"; break;
                default: xml += c;
            }
        }
        xml += "</ETag></Part>";
    }
    xml += "</CompleteMultipartUpload>";
    return xml;
}

bool says_s3_completed(std::string_view xml) {
    pugi::xml_document document;
    return !read_root(document, xml, "CompleteMultipartUploadResult").empty();
}

Result<std::vector<S3LifecycleRule>> read_s3_lifecycle(std::string_view xml) {
    pugi::xml_document document;
    const pugi::xml_node root = read_root(document, xml, "LifecycleConfiguration");
    if (!root) return malformed("what is not a lifecycle configuration");
    std::vector<S3LifecycleRule> rules;
    for (const pugi::xml_node entry : root.children("Rule")) {
        if (std::string_view(entry.child_value("Status")) != "Enabled") continue;
        pugi::xml_node filter = entry.child("Filter");
        if (!filter) filter = entry;  // as it was written before 2014
        if (const pugi::xml_node all = filter.child("And")) filter = all;
        const bool narrower = filter.child("Tag") || filter.child("ObjectSizeGreaterThan") ||
                              filter.child("ObjectSizeLessThan");
        if (narrower) continue;
        S3LifecycleRule rule;
        rule.prefix = filter.child_value("Prefix");
        rule.days = entry.child("Expiration").child("Days").text().as_uint();
        rule.abort_days = entry.child("AbortIncompleteMultipartUpload")
                              .child("DaysAfterInitiation")
                              .text()
                              .as_uint();
        rules.push_back(std::move(rule));
    }
    return rules;
}

Result<bool> read_s3_public_access_block(std::string_view xml) {
    pugi::xml_document document;
    const pugi::xml_node root = read_root(document, xml, "PublicAccessBlockConfiguration");
    if (!root) return malformed("what is not a public access block");
    constexpr std::array<const char*, 4> kSwitches{
        "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"};
    return std::ranges::all_of(kSwitches, [&](const char* name) {
        return std::string_view(root.child_value(name)) == "true";
    });
}

}  // namespace bide::wire
