#include "wire/sigv4.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bide::wire {
namespace {

// The examples of the S3 documentation ("Signature Calculations for the Authorization Header",
// "Authenticating Requests: Using Query Parameters").
const AwsCredentials kExample{
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {}, kNever};
const SigningScope kS3{
    "us-east-1", "s3", Time(std::chrono::sys_days(std::chrono::May / 24 / 2013)), {}};

SignedRequest request_of(std::string method, std::string path) {
    SignedRequest request;
    request.method = std::move(method);
    request.host = "examplebucket.s3.amazonaws.com";
    request.path = aws_path(path);
    return request;
}

std::string value_of(const SignedRequest& request, std::string_view name) {
    const auto found = std::ranges::find(request.headers, name, &NameValues::value_type::first);
    return found == request.headers.end() ? "(none)" : found->second;
}

std::string signature_of(SignedRequest request, SigningScope scope = kS3) {
    sign(request, kExample, scope);
    const std::string line = value_of(request, "authorization");
    return line.substr(line.rfind('=') + 1);
}

TEST(Sigv4, S3GetObjectWithRange) {
    SignedRequest request = request_of("GET", "/test.txt");
    request.headers = {{"Range", "bytes=0-9"}};
    sign(request, kExample, kS3);
    EXPECT_EQ(value_of(request, "x-amz-date"), "20130524T000000Z");
    EXPECT_EQ(value_of(request, "x-amz-content-sha256"), kEmptyPayload);
    EXPECT_EQ(
        value_of(request, "authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

TEST(Sigv4, S3PutObject) {
    SignedRequest request = request_of("PUT", "/test$file.text");
    request.headers = {
        {"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    request.payload_hash = payload_hash("Welcome to Amazon S3.");
    EXPECT_EQ(
        signature_of(request), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    );
}

TEST(Sigv4, S3GetBucketLifecycle) {
    SignedRequest request = request_of("GET", "/");
    request.query = {{"lifecycle", ""}};
    EXPECT_EQ(
        signature_of(request), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    );
}

TEST(Sigv4, S3ListObjects) {
    SignedRequest request = request_of("GET", "/");
    request.query = {{"prefix", "J"}, {"max-keys", "2"}};
    EXPECT_EQ(
        signature_of(request), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    );
}

TEST(Sigv4, S3PresignedGet) {
    SignedRequest request = request_of("GET", "/test.txt");
    request.payload_hash = kUnsignedPayload;
    EXPECT_EQ(
        presign(request, kExample, kS3, 86400),
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}

TEST(Sigv4, S3PathIsEncodedOnceAndNotNormalised) {
    // Names that differ for S3 must be signed as different names.
    EXPECT_EQ(aws_path("/a b//./c%+ö/"), "/a%20b//./c%25%2B%C3%B6/");
    const std::string plain = signature_of(request_of("GET", "/a/b"));
    EXPECT_NE(signature_of(request_of("GET", "/a//b")), plain);
    EXPECT_NE(signature_of(request_of("GET", "/a/./b")), plain);

    SigningScope other = kS3;
    other.service = "service";
    const std::string same = signature_of(request_of("GET", "/a/b"), other);
    EXPECT_EQ(signature_of(request_of("GET", "/a//b"), other), same);
    EXPECT_EQ(signature_of(request_of("GET", "/a/./x/../b"), other), same);
}

TEST(Sigv4, SessionTokenIsSigned) {
    AwsCredentials credentials = kExample;
    credentials.session_token = "token";
    SignedRequest request = request_of("GET", "/");
    sign(request, credentials, kS3);
    EXPECT_EQ(value_of(request, "x-amz-security-token"), "token");
    EXPECT_NE(
        value_of(request, "authorization").find(";x-amz-security-token, "), std::string::npos
    );
}

TEST(Sigv4, QueryIsSortedByWhatIsSent) {
    EXPECT_EQ(
        aws_query({{"b", "2"}, {"a", "z"}, {"a", "b c"}, {"a-b", ""}, {"A", "ü"}}),
        "A=%C3%BC&a=b%20c&a=z&a-b=&b=2"
    );
}

}  // namespace
}  // namespace bide::wire
