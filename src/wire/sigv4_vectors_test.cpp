// AWS's own test suite for Signature Version 4, read where it lies beside the source tree (or in
// $BIDE_SHARED); it is not part of it.
#include "wire/query.hpp"
#include "wire/sigv4.hpp"
#include "wire/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace bide::wire {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

fs::path vectors() {
    const char* shared = std::getenv("BIDE_SHARED");
    const fs::path root = shared != nullptr ? fs::path(shared) : fs::path(BIDE_SHARED_BESIDE);
    return root / "vectors" / "sigv4";
}

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Vector {
    SignedRequest request;
    AwsCredentials credentials;
    SigningScope scope;
    std::int64_t lifetime_s = 0;
    bool token_signed = true;
    bool body_signed = false;
};

NameValues query_of(std::string_view text) {
    NameValues query;
    while (!text.empty()) {
        std::string_view value = cut_at(text, '&');
        const std::string_view name = cut_at(value, '=');
        query.emplace_back(percent_decode(name).value(), percent_decode(value).value());
    }
    return query;
}

/// "METHOD path?query HTTP/1.1"; the path may have spaces in it.
void read_request_line(std::string line, SignedRequest& request) {
    const std::size_t start = line.find(' ') + 1;
    std::string_view target(line);
    target = target.substr(start, line.rfind(' ') - start);
    request.method = line.substr(0, start - 1);
    request.path = cut_at(target, '?');
    request.query = query_of(target);
}

SignedRequest read_request(const fs::path& path) {
    SignedRequest request;
    std::istringstream text(read(path));
    std::string line;
    std::getline(text, line);
    read_request_line(line, request);
    NameValues fields;
    while (std::getline(text, line) && !line.empty()) {
        if (line.front() == ' ') {
            fields.back().second += " " + line;
            continue;
        }
        const std::size_t colon = line.find(':');
        fields.emplace_back(line.substr(0, colon), line.substr(colon + 1));
    }
    for (auto& field : fields) {
        if (field.first == "Host")
            request.host = field.second;
        else
            request.headers.push_back(field);
    }
    request.payload_hash = payload_hash(std::string(std::istreambuf_iterator<char>(text), {}));
    return request;
}

std::string text_of(const json::value& object, std::string_view name) {
    const json::value* found = object.as_object().if_contains({name.data(), name.size()});
    return found == nullptr ? std::string() : json::value_to<std::string>(*found);
}

Time time_of(const std::string& text) {
    std::tm parts{};
    EXPECT_NE(::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts), nullptr);
    return Time(std::chrono::seconds(::timegm(&parts)));
}

Vector read_vector(const fs::path& folder) {
    Vector vector;
    vector.request = read_request(folder / "request.txt");
    const json::value context = json::parse(read(folder / "context.json"));
    const json::value& keys = context.at("credentials");
    vector.credentials.key_id = text_of(keys, "access_key_id");
    vector.credentials.secret = text_of(keys, "secret_access_key");
    vector.credentials.session_token = text_of(keys, "token");
    vector.scope.region = text_of(context, "region");
    vector.scope.service = text_of(context, "service");
    vector.scope.now = time_of(text_of(context, "timestamp"));
    vector.lifetime_s = context.at("expiration_in_seconds").to_number<std::int64_t>();
    vector.body_signed = context.at("sign_body").as_bool();
    const json::value* omit = context.as_object().if_contains("omit_session_token");
    vector.token_signed = omit == nullptr || !omit->as_bool();
    return vector;
}

class Sigv4Vector : public testing::TestWithParam<std::string> {
  protected:
    Sigv4Vector() : folder_(vectors() / GetParam()), vector_(read_vector(folder_)) {
        // A token that is not signed is added afterwards.
        if (!vector_.token_signed) vector_.credentials.session_token.clear();
        const json::value context = json::parse(read(folder_ / "context.json"));
        if (!context.at("normalize").as_bool()) {
            // The rule of S3: what is on the wire is signed.
            vector_.request.path = aws_path(vector_.request.path);
            vector_.scope.path_rule = PathRule::as_sent;
        }
    }

    fs::path folder_;
    Vector vector_;
};

std::string last_of(std::string_view text, std::string_view mark) {
    const std::size_t at = text.rfind(mark);
    return at == std::string_view::npos ? std::string()
                                        : std::string(text.substr(at + mark.size()));
}

TEST_P(Sigv4Vector, HeaderSignature) {
    SignedRequest request = vector_.request;
    if (vector_.body_signed)
        request.headers.emplace_back("x-amz-content-sha256", request.payload_hash);
    sign(request, vector_.credentials, vector_.scope);
    ASSERT_EQ(request.headers.back().first, "authorization");
    EXPECT_EQ(
        last_of(request.headers.back().second, "Signature="), read(folder_ / "header-signature.txt")
    );
    // The whole line too: names and scope.
    EXPECT_NE(
        read(folder_ / "header-signed-request.txt").find(request.headers.back().second),
        std::string::npos
    );
}

TEST_P(Sigv4Vector, QuerySignature) {
    const std::string target =
        presign(vector_.request, vector_.credentials, vector_.scope, vector_.lifetime_s);
    EXPECT_EQ(last_of(target, "X-Amz-Signature="), read(folder_ / "query-signature.txt"));
    // The same members, in whatever order.
    SignedRequest expected = read_request(folder_ / "query-signed-request.txt");
    if (!vector_.token_signed)
        std::erase_if(expected.query, [](const auto& member) {
            return member.first == "X-Amz-Security-Token";
        });
    EXPECT_EQ(
        aws_query(query_of(std::string_view(target).substr(target.find('?') + 1))),
        aws_query(expected.query)
    );
}

std::vector<std::string> names() {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(vectors(), error)) {
        if (fs::exists(entry.path() / "request.txt"))
            found.push_back(entry.path().filename().string());
    }
    std::ranges::sort(found);
    return found;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Published, Sigv4Vector, testing::ValuesIn(names()), test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Sigv4Vector);

TEST(Sigv4, PublishedVectorsAreThere) {
    if (names().empty()) GTEST_SKIP() << "no test suite at " << vectors() << " (BIDE_SHARED)";
    EXPECT_EQ(names().size(), 38U);
}

}  // namespace
}  // namespace bide::wire
