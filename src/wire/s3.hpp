#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"
#include "wire/result_object.hpp"
#include "wire/sigv4.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// S3's REST protocol, as much of it as objects of ours need.
namespace bide::wire {

/// Content-Type and x-amz-meta-*.
NameValues s3_headers(const ObjectFacts& facts);
ObjectFacts read_s3_headers(std::span<const Field> fields);

/// Some keys of a bucket, of a listing that was asked for with encoding-type=url.
struct S3Page {
    std::vector<std::string> keys;  ///< in their order
    bool more = false;              ///< start after the last of them
};
NameValues s3_list_query(
    std::string_view prefix, std::string_view start_after, std::uint32_t count_max
);
Result<S3Page> read_s3_listing(std::string_view xml);

/// The upload's id, out of the answer to CreateMultipartUpload.
Result<std::string> read_s3_upload_id(std::string_view xml);

/// The body of CompleteMultipartUpload; `etags` as the parts' answers had them, the first is of
/// part 1.
std::string s3_complete(std::span<const std::string> etags);

/// The answer to it has the status 200 before it is known whether it is done: whether it says so.
bool says_s3_completed(std::string_view xml);

/// A rule of a bucket's lifecycle that is in force and holds for all keys with its prefix.
struct S3LifecycleRule {
    std::string prefix;
    std::uint32_t days = 0;        ///< until objects go; 0: they stay
    std::uint32_t abort_days = 0;  ///< until unfinished uploads in parts go; 0: they stay
};
/// Rules that ask for more than a prefix (tags, sizes) are left out.
Result<std::vector<S3LifecycleRule>> read_s3_lifecycle(std::string_view xml);

/// Of a PublicAccessBlockConfiguration: whether all of it is blocked.
Result<bool> read_s3_public_access_block(std::string_view xml);

}  // namespace bide::wire
