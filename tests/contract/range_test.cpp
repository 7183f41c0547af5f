// Parts of results and conditions on them (RFC 9110, 13 and 14).
#include "site.hpp"

namespace bide::test {
namespace {

const std::string kBody = "0123456789abcdefghij";

class RangeOfAResult : public testing::Test {
  protected:
    RangeOfAResult() : page_(post("/", kBody, {"Content-Type: text/x-mine"})["Content-Location"]) {}

    Response ask_for(std::vector<std::string> lines) { return ask({"GET", page_, lines, {}}); }
    std::string etag() { return get(page_)["ETag"]; }

    void expect_part(const std::string& range, const std::string& body, const std::string& said) {
        SCOPED_TRACE(range);
        const Response answer = ask_for({"Range: " + range});
        EXPECT_EQ(answer.status, 206);
        EXPECT_EQ(answer.body, body);
        EXPECT_EQ(answer["Content-Range"], "bytes " + said + "/20");
        EXPECT_EQ(answer["Content-Length"], std::to_string(body.size()));
        EXPECT_EQ(answer["Content-Type"], "text/x-mine");
    }
    void expect_whole(std::vector<std::string> lines) {
        const Response answer = ask_for(std::move(lines));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, kBody);
        EXPECT_FALSE(answer.has("Content-Range"));
    }

    const std::string page_;
};

TEST_F(RangeOfAResult, ResultSaysItsEtagAndThatItHasRanges) {
    const Response answer = get(page_);
    EXPECT_EQ(answer["Accept-Ranges"], "bytes");
    const std::string etag = answer["ETag"];
    EXPECT_TRUE(etag.size() > 2 && etag.front() == '"' && etag.back() == '"') << etag;
    EXPECT_EQ(get(page_)["ETag"], etag);
    EXPECT_NE(get(post("/", "other")["Content-Location"])["ETag"], etag);
}

TEST_F(RangeOfAResult, OneRangeIs206) {
    expect_part("bytes=0-4", "01234", "0-4");
    expect_part("bytes=5-5", "5", "5-5");
    expect_part("bytes=10-", "abcdefghij", "10-19");
    expect_part("bytes=-3", "hij", "17-19");
    expect_part("bytes=-100", kBody, "0-19");
    expect_part("bytes=15-100", "fghij", "15-19");
}

TEST_F(RangeOfAResult, PastTheEndIs416) {
    for (const char* range : {"bytes=20-", "bytes=20-30", "bytes=-0"}) {
        const Response answer = ask_for({std::string("Range: ") + range});
        EXPECT_EQ(answer.status, 416) << range;
        EXPECT_EQ(answer.problem(), "range-not-satisfiable");
        EXPECT_EQ(answer["Content-Range"], "bytes */20");
    }
}

TEST_F(RangeOfAResult, SeveralRangesOtherUnitsAndNonsenseAreTheWhole) {
    expect_whole({"Range: bytes=0-1,4-5"});
    expect_whole({"Range: lines=0-1"});
    expect_whole({"Range: bytes=5-2"});
    expect_whole({"Range: bytes=x-y"});
    expect_whole({"Range: bytes"});
}

TEST_F(RangeOfAResult, IfRangeOfThisResultIsHeeded) {
    const Response part = ask_for({"Range: bytes=0-1", "If-Range: " + etag()});
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, "01");
}

TEST_F(RangeOfAResult, IfRangeOfAnotherIsTheWhole) {
    expect_whole({"Range: bytes=0-1", "If-Range: \"other\""});
    expect_whole({"Range: bytes=0-1", "If-Range: W/" + etag()});
    expect_whole({"Range: bytes=0-1", "If-Range: Wed, 21 Oct 2015 07:28:00 GMT"});
}

TEST_F(RangeOfAResult, IfNoneMatchIs304WithoutABody) {
    for (const std::string& value : {etag(), "W/" + etag(), "\"a\", " + etag(), std::string("*")}) {
        Connection connection(Site::address());
        const Response answer = connection.ask({"GET", page_, {"If-None-Match: " + value}, {}});
        EXPECT_EQ(answer.status, 304) << value;
        EXPECT_EQ(answer["ETag"], etag());
        EXPECT_EQ(connection.ask({"GET", page_, {}, {}}).body, kBody) << "nothing came behind";
    }
    expect_whole({"If-None-Match: \"other\""});
}

TEST_F(RangeOfAResult, IfNoneMatchComesBeforeTheRange) {
    EXPECT_EQ(ask_for({"Range: bytes=0-1", "If-None-Match: " + etag()}).status, 304);
    EXPECT_EQ(ask_for({"Range: bytes=0-1", "If-None-Match: \"x\""}).status, 206);
}

TEST_F(RangeOfAResult, HeadOfARangeHasItsHeaders) {
    const Response answer = ask({"HEAD", page_, {"Range: bytes=2-4"}, {}});
    EXPECT_TRUE(answer.status == 206 || answer.status == 200) << answer.status;
    EXPECT_TRUE(answer.body.empty());
}

TEST_F(RangeOfAResult, PostIsNeverAPart) {
    const Response answer = post("/", kBody, {"Range: bytes=0-1"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, kBody);
}

TEST(Ranges, OnlyAResultOfStatus200HasThem) {
    const std::string page = post("/queues/chosen/jobs", "made")["Content-Location"];
    const Response answer = ask({"GET", page, {"Range: bytes=0-1"}, {}});
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.body, "made");
    const std::string failed = post("/queues/refuse/jobs", "x")["Content-Location"];
    EXPECT_EQ(ask({"GET", failed, {"Range: bytes=0-1"}, {}}).status, 502);
}

TEST(Ranges, OfALargeResultComeFromItsFile) {
    std::string body(2 << 20, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 + i / 257);
    const std::string page = post("/queues/cat/jobs", body)["Content-Location"];
    const Response part = ask({"GET", page, {"Range: bytes=1000000-1499999"}, {}});
    EXPECT_EQ(part.status, 206);
    EXPECT_TRUE(part.body == body.substr(1'000'000, 500'000));
    const Response tail = ask({"GET", page, {"Range: bytes=-1"}, {}});
    EXPECT_EQ(tail.body, body.substr(body.size() - 1));
}

TEST(Ranges, OfAnEmptyResultIs416) {
    const std::string page = post("/", "")["Content-Location"];
    const Response answer = ask({"GET", page, {"Range: bytes=0-"}, {}});
    EXPECT_EQ(answer.status, 416);
    EXPECT_EQ(answer["Content-Range"], "bytes */0");
}

}  // namespace
}  // namespace bide::test
