// The corpus of requests that two readers of one connection could understand differently. Long,
// because it is a list.
#include "raw_cases.hpp"

namespace bide::test {
namespace {

using namespace std::string_literals;

const std::string kHost = "Host: test\r\n";
const std::string kGet = "GET /healthz HTTP/1.1\r\n";
const std::string kPost = "POST / HTTP/1.1\r\n" + kHost;
/// What an attacker would like to have answered.
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
const std::string kChunked = "Transfer-Encoding: chunked\r\n\r\n";

std::string get_with(const std::string& lines) {
    return kGet + kHost + lines + "\r\n" + kSmuggled;
}
std::string post_with(const std::string& lines, const std::string& body = "abcd") {
    return kPost + lines + "\r\n" + body + kSmuggled;
}
std::string chunks(const std::string& body) {
    return kPost + kChunked + body + kSmuggled;
}
std::string line(const std::string& request_line) {
    return request_line + "\r\n" + kHost + "\r\n" + kSmuggled;
}
std::string repeat(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

using Cases = std::vector<RawCase>;

void add(Cases& all, Cases more) {
    for (auto& one : more) all.push_back(std::move(one));
}

Cases request_lines() {
    return {
        {"LowerCaseVersion", line("GET /healthz http/1.1"), {}},
        {"NoVersion", line("GET /healthz"), {}},
        {"Http09", "GET /healthz\r\n", {}},
        {"Http09Slash", "GET /\r\n\r\n", {}},
        {"Version20", line("GET /healthz HTTP/2.0"), {}},
        {"Version12", line("GET /healthz HTTP/1.2"), {}},
        {"Version09", line("GET /healthz HTTP/0.9"), {}},
        {"VersionTwoDigits", line("GET /healthz HTTP/1.10"), {}},
        {"VersionLeadingZero", line("GET /healthz HTTP/01.1"), {}},
        {"VersionNoMinor", line("GET /healthz HTTP/1"), {}},
        {"VersionComma", line("GET /healthz HTTP/1,1"), {}},
        {"VersionOther", line("GET /healthz HTCPCP/1.1"), {}},
        // The preface itself is none of HTTP/1.1's: tests/integration/http2_test.cpp.
        {"Http21Preface", "PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n" + kSmuggled, {}},
        {"Http2PrefaceOtherTarget", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n" + kSmuggled, {}},
        {"Http2PrefaceAfterALine", "\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + kSmuggled, {}},
        {"TlsHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s + kSmuggled, {}},
        {"TwoSpacesBeforeTarget", line("GET  /healthz HTTP/1.1"), {}},
        {"TwoSpacesBeforeVersion", line("GET /healthz  HTTP/1.1"), {}},
        {"TabInsteadOfSpace", line("GET\t/healthz\tHTTP/1.1"), {}},
        {"TabInTarget", line("GET /heal\tthz HTTP/1.1"), {}},
        {"SpaceInTarget", line("GET /heal thz HTTP/1.1"), {}},
        {"SpaceAtEnd", line("GET /healthz HTTP/1.1 "), {}},
        {"SpaceAtStart", line(" GET /healthz HTTP/1.1"), {}},
        {"NoMethod", line(" /healthz HTTP/1.1"), {}},
        {"MethodWithBrace", line("GE{T /healthz HTTP/1.1"), {}},
        {"MethodWithColon", line("GET: /healthz HTTP/1.1"), {}},
        {"MethodWithNul", line("GE\0T /healthz HTTP/1.1"s), {}},
        {"MethodWithHighByte", line("G\xc3\x89T /healthz HTTP/1.1"), {}},
        {"TargetWithNul", line("GET /heal\0thz HTTP/1.1"s), {}},
        {"TargetWithCr", line("GET /heal\rthz HTTP/1.1"), {}},
        {"TargetWithDel", line("GET /heal\x7fthz HTTP/1.1"), {}},
        {"TargetWithEscape", line("GET /heal\x1bthz HTTP/1.1"), {}},
        {"TargetWithHighByte", line("GET /heal\xfftz HTTP/1.1"), {}},
        {"TargetWithFragment", line("GET /healthz#part HTTP/1.1"), {}},
        {"TargetWithoutSlash", line("GET healthz HTTP/1.1"), {}},
        {"TargetEmpty", line("GET  HTTP/1.1"), {}},
        {"BareLfAfterRequestLine", "GET /healthz HTTP/1.1\n" + kHost + "\r\n" + kSmuggled, {}},
        {"BareCrAfterRequestLine", "GET /healthz HTTP/1.1\r" + kHost + "\r\n" + kSmuggled, {}},
        {"CrCrLf", "GET /healthz HTTP/1.1\r\r\n" + kHost + "\r\n" + kSmuggled, {}},
        {"TwoEmptyLinesBefore", "\r\n\r\n" + line("GET /healthz HTTP/1.1"), {}},
        {"BareLfBefore", "\n" + line("GET /healthz HTTP/1.1"), {}},
        {"NulBefore", "\0"s + line("GET /healthz HTTP/1.1"), {}},
        {"ByteOrderMarkBefore", "\xef\xbb\xbf" + line("GET /healthz HTTP/1.1"), {}},
        {"EmptyLineBefore", "\r\n" + kGet + kHost + "\r\n", {200}},
        {"UnknownMethod", "BREW / HTTP/1.1\r\n" + kHost + "\r\n", {405}},
        {"LowerCaseMethod", "get /healthz HTTP/1.1\r\n" + kHost + "\r\n", {405}},
        {"Query", "GET /healthz?a=b&c=%00 HTTP/1.1\r\n" + kHost + "\r\n", {200}},
        {"Garbage", "\x01\x02\x03\x04\r\n\r\n", {}},
    };
}

Cases targets() {
    return {
        {"AbsoluteForm", "GET http://test/healthz HTTP/1.1\r\n" + kHost + "\r\n", {200}},
        {"AbsoluteFormOtherCase", "GET HTTP://TEST/healthz HTTP/1.1\r\n" + kHost + "\r\n", {200}},
        {"AbsoluteFormHttps", "GET https://test/healthz HTTP/1.1\r\n" + kHost + "\r\n", {200}},
        {"AbsoluteFormOtherHost", line("GET http://other/healthz HTTP/1.1"), {}},
        {"AbsoluteFormOtherPort", line("GET http://test:81/healthz HTTP/1.1"), {}},
        {"AbsoluteFormUser", line("GET http://user@test/healthz HTTP/1.1"), {}},
        {"AbsoluteFormNoHost", line("GET http:///healthz HTTP/1.1"), {}},
        {"AbsoluteFormFtp", line("GET ftp://test/healthz HTTP/1.1"), {}},
        {"AbsoluteFormHostlessRequest", "GET http://test/healthz HTTP/1.1\r\n\r\n" + kSmuggled, {}},
        {"AbsoluteForm10",
         "GET http://test/healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         {200}},
        {"AuthorityForm", line("GET test:80 HTTP/1.1"), {}},
        {"Connect", line("CONNECT test:80 HTTP/1.1"), {}},
        {"ConnectSlash", "CONNECT / HTTP/1.1\r\n" + kHost + "\r\n", {405}},
        {"AsteriskGet", line("GET * HTTP/1.1"), {}},
        {"AsteriskPost", line("POST * HTTP/1.1"), {}},
        {"AsteriskAndMore", line("OPTIONS *x HTTP/1.1"), {}},
        {"DoubleSlash", "GET //healthz HTTP/1.1\r\n" + kHost + "\r\n", {404}},
        {"DotSegments", "GET /x/../healthz HTTP/1.1\r\n" + kHost + "\r\n", {404}},
        {"EncodedSlash", "GET /%2fhealthz HTTP/1.1\r\n" + kHost + "\r\n", {404}},
        {"EncodedCrLf", "GET /healthz%0d%0aX:%20y HTTP/1.1\r\n" + kHost + "\r\n", {404}},
        {"Long",
         "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n" + kHost + "\r\n" + kSmuggled,
         {}},
    };
}

Cases hosts() {
    const auto with = [](const std::string& host) {
        return kGet + "Host: " + host + "\r\n\r\n" + kSmuggled;
    };
    const auto fine = [](const std::string& host) { return kGet + "Host: " + host + "\r\n\r\n"; };
    return {
        {"HostMissing", kGet + "\r\n" + kSmuggled, {}},
        {"HostTwice", kGet + kHost + kHost + "\r\n" + kSmuggled, {}},
        {"HostTwiceOtherCase", kGet + kHost + "hOST: other\r\n\r\n" + kSmuggled, {}},
        {"HostEmpty", with(""), {}},
        {"HostList", with("a, b"), {}},
        {"HostWithSpace", with("a b"), {}},
        {"HostWithSlash", with("a/b"), {}},
        {"HostWithUser", with("user@a"), {}},
        {"HostWithQuery", with("a?b"), {}},
        {"HostWithScheme", with("http://a"), {}},
        {"HostWithPortThatIsNone", with("a:80x"), {}},
        {"HostWithTwoPorts", with("a:80:81"), {}},
        {"HostPortOnly", with(":80"), {}},
        {"HostOpenBracket", with("[::1"), {}},
        {"HostEmptyBrackets", with("[]"), {}},
        {"HostBracketsAndMore", with("[::1]x"), {}},
        {"HostHighByte", with("\xc3\xa4"), {}},
        {"HostPlain", fine("bide.example"), {200}},
        {"HostPort", fine("bide.example:8080"), {200}},
        {"HostEmptyPort", fine("bide.example:"), {200}},
        {"HostIpv6", fine("[::1]:8080"), {200}},
        {"HostMissingIn10", "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {200}},
        {"HostTwiceIn10", "GET /healthz HTTP/1.0\r\n" + kHost + kHost + "\r\n" + kSmuggled, {}},
    };
}

Cases fields() {
    return {
        {"SpaceBeforeColon", get_with("X-A : b\r\n"), {}},
        {"TabBeforeColon", get_with("X-A\t: b\r\n"), {}},
        {"SpaceInName", get_with("X A: b\r\n"), {}},
        {"NoColon", get_with("X-A\r\n"), {}},
        {"NoName", get_with(": b\r\n"), {}},
        {"FoldedBySpace", get_with("X-A: b\r\n c\r\n"), {}},
        {"FoldedByTab", get_with("X-A: b\r\n\tc\r\n"), {}},
        {"FoldedFirstLine", kGet + " " + kHost + "\r\n" + kSmuggled, {}},
        {"FoldedLength", post_with("Content-Length:\r\n 4\r\n"), {}},
        {"FoldedCoding", kPost + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + kSmuggled, {}},
        {"BareLfAfterField", get_with("X-A: b\n"), {}},
        {"BareLfInsteadOfEnd", kGet + kHost + "\n" + kSmuggled, {}},
        {"BareCrInValue", get_with("X-A: b\rX-B: c\r\n"), {}},
        {"BareCrAtEnd", get_with("X-A: b\r\r\n"), {}},
        {"NulInValue", get_with("X-A: b\0c\r\n"s), {}},
        {"NulInName", get_with("X\0A: b\r\n"s), {}},
        {"BellInValue", get_with("X-A: b\ac\r\n"), {}},
        {"DelInValue", get_with("X-A: b\x7f\r\n"), {}},
        {"EscapeInValue", get_with("X-A: \x1b[0m\r\n"), {}},
        {"VerticalTabBeforeValue", get_with("X-A:\vb\r\n"), {}},
        {"FormFeedInValue", get_with("X-A: b\fc\r\n"), {}},
        {"HighByteInName", get_with("X-\xc3\xa4: b\r\n"), {}},
        {"ParenthesisInName", get_with("X(A): b\r\n"), {}},
        {"SlashInName", get_with("X/A: b\r\n"), {}},
        {"QuoteInName", get_with("\"X\": b\r\n"), {}},
        {"NameOnlyUntilEnd", kGet + kHost + "X-A\r\n\r\n" + kSmuggled, {}},
        {"HundredAndOne", get_with(repeat("X: y\r\n", 100)), {}},
        {"TooLarge", get_with("X: " + std::string(20'000, 'x') + "\r\n"), {}},
        {"Hundred", kGet + kHost + repeat("X: y\r\n", 99) + "\r\n", {200}},
        {"EmptyValue", kGet + kHost + "X-A:\r\nX-B: \t \r\n\r\n", {200}},
        {"TabInValue", kGet + kHost + "X-A:\tb\tc\t\r\n\r\n", {200}},
        {"HighByteInValue", kGet + kHost + "X-A: \xe4\xff\r\n\r\n", {200}},
        {"AllOfAToken", kGet + kHost + "!#$%&'*+-.^_`|~0aZ: b\r\n\r\n", {200}},
        {"SpaceBeforeNameOfSecond", kGet + kHost + "X-A: b\r\n X-B: c\r\n\r\n" + kSmuggled, {}},
        {"ExpectOther", post_with("Expect: 200-ok\r\nContent-Length: 4\r\n"), {}},
        {"ExpectList", post_with("Expect: 100-continue, x\r\nContent-Length: 4\r\n"), {}},
        {"UpgradeIsIgnored",
         kGet + kHost + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
         {200}},
    };
}

Cases lengths() {
    const auto length = [](const std::string& value) {
        return post_with("Content-Length: " + value + "\r\n");
    };
    return {
        {"LengthNegative", length("-1"), {}},
        {"LengthPlus", length("+4"), {}},
        {"LengthHex", length("0x4"), {}},
        {"LengthFraction", length("4.0"), {}},
        {"LengthExponent", length("4e0"), {}},
        {"LengthWord", length("four"), {}},
        {"LengthEmpty", length(""), {}},
        {"LengthWithSpace", length("4 4"), {}},
        {"LengthWithTail", length("4x"), {}},
        {"LengthUnderscore", length("4_0"), {}},
        {"LengthQuoted", length("\"4\""), {}},
        {"LengthOverflow", length("18446744073709551620"), {}},
        {"LengthHuge", length("99999999999999999999999999"), {}},
        {"LengthPastTheLimit", length("18446744073709551615"), {}},
        {"LengthListSame", length("4, 4"), {}},
        {"LengthListOther", length("4, 5"), {}},
        {"LengthListEmptyPart", length("4,"), {}},
        {"LengthSemicolon", length("4;x"), {}},
        {"LengthArabicDigit", length("\xd9\xa4"), {}},
        {"LengthTwiceSame", post_with("Content-Length: 4\r\nContent-Length: 4\r\n"), {}},
        {"LengthTwiceOther", post_with("Content-Length: 4\r\nContent-Length: 0\r\n"), {}},
        {"LengthTwiceOtherCase", post_with("Content-Length: 4\r\ncontent-length: 0\r\n"), {}},
        {"LengthThrice", post_with(repeat("Content-Length: 4\r\n", 3)), {}},
        {"LengthIn10Twice",
         "POST / HTTP/1.0\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nabcd" + kSmuggled,
         {}},
        {"LengthSpaceBeforeColon", post_with("Content-Length : 4\r\n"), {}},
        {"LengthOfAGetThatDiffers", get_with("Content-Length: x\r\n"), {}},
        {"Length", kPost + "Content-Length: 4\r\n\r\nabcd", {200}},
        {"LengthLeadingZeros", kPost + "Content-Length: 0004\r\n\r\nabcd", {200}},
        {"LengthSpaces", kPost + "Content-Length:   4\t \r\n\r\nabcd", {200}},
        {"LengthZero", kPost + "Content-Length: 0\r\n\r\n", {200}},
        {"NoLengthIsNoBody", kPost + "\r\n" + kGet + kHost + "\r\n", {200, 200}},
        {"LengthOfAGet", kGet + kHost + "Content-Length: 4\r\n\r\nGET ", {200}},
        {"LengthHidesARequest",
         kPost + "Content-Length: " + std::to_string(kSmuggled.size()) + "\r\n\r\n" + kSmuggled,
         {200}},
        {"TwoInARow",
         kPost + "Content-Length: 1\r\n\r\na" + kPost + "Content-Length: 1\r\n\r\nb",
         {200, 200}},
    };
}

Cases codings() {
    const std::string end = "0\r\n\r\n";
    const auto coding = [&end](const std::string& value) {
        return post_with("Transfer-Encoding: " + value + "\r\n", end);
    };
    return {
        {"LengthThenChunked",
         post_with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", end),
         {}},
        {"ChunkedThenLength",
         post_with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", end),
         {}},
        {"LengthZeroThenChunked",
         post_with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", end),
         {}},
        {"ChunkedTwice",
         post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", end),
         {}},
        {"ChunkedThenIdentity",
         post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", end),
         {}},
        {"IdentityThenChunked",
         post_with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", end),
         {}},
        {"CodingEmpty", coding(""), {}},
        {"CodingIdentity", coding("identity"), {}},
        {"CodingGzip", coding("gzip"), {}},
        {"CodingGzipChunked", coding("gzip, chunked"), {}},
        {"CodingChunkedGzip", coding("chunked, gzip"), {}},
        {"CodingChunkedChunked", coding("chunked, chunked"), {}},
        {"CodingXChunked", coding("xchunked"), {}},
        {"CodingChunkedX", coding("chunkedx"), {}},
        {"CodingQuoted", coding("\"chunked\""), {}},
        {"CodingSingleQuoted", coding("'chunked'"), {}},
        {"CodingWithParameter", coding("chunked;q=1"), {}},
        {"CodingListStart", coding(",chunked"), {}},
        {"CodingListEnd", coding("chunked,"), {}},
        {"CodingVerticalTab", coding("\vchunked"), {}},
        {"CodingNul", coding("chunked\0"s), {}},
        {"CodingHighByte", coding("chunked\xa0"), {}},
        {"CodingCr", coding("chunked\r"), {}},
        {"CodingSpaceBeforeColon", post_with("Transfer-Encoding : chunked\r\n", end), {}},
        {"CodingFolded", post_with("X: y\r\n Transfer-Encoding: chunked\r\n", end), {}},
        {"CodingIn10", "POST / HTTP/1.0\r\n" + kChunked + end + kSmuggled, {}},
        {"CodingOfAGetGzip", get_with("Transfer-Encoding: gzip\r\n"), {}},
        {"Coding", kPost + kChunked + "3\r\nabc\r\n" + end, {200}},
        {"CodingOtherCase", kPost + "tRANSFER-eNCODING: Chunked\r\n\r\n3\r\nabc\r\n" + end, {200}},
        {"CodingWithSpaces", kPost + "Transfer-Encoding: \t chunked \t\r\n\r\n" + end, {200}},
        {"UnderscoredLengthIsAnother", kPost + "Content_Length: 9\r\n" + kChunked + end, {200}},
    };
}

Cases chunk_bodies() {
    return {
        {"ChunkNoSize", chunks("\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkWord", chunks("z\r\n0\r\n\r\n"), {}},
        {"ChunkNegative", chunks("-1\r\n\r\n0\r\n\r\n"), {}},
        {"ChunkPlus", chunks("+3\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkHexPrefix", chunks("0x3\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkTail", chunks("3x\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkSpaceBefore", chunks(" 3\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkSpaceBehind", chunks("3 \r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkTwoNumbers", chunks("3 3\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkSeventeenDigits", chunks("00000000000000003\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkOverflow", chunks("10000000000000003\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkHuge", chunks("ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkSecondHuge", chunks("1\r\na\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkLfAfterSize", chunks("3\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkCrAfterSize", chunks("3\rabc\r\n0\r\n\r\n"), {}},
        {"ChunkLfAfterData", chunks("3\r\nabc\n0\r\n\r\n"), {}},
        {"ChunkNoEnd", chunks("3\r\nabc0\r\n\r\n"), {}},
        {"ChunkLonger", chunks("3\r\nabcd\r\n0\r\n\r\n"), {}},
        {"ChunkShorter", chunks("3\r\nab\r\n0\r\n\r\n"), {}},
        {"ChunkCrCrLf", chunks("3\r\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkLfInsteadOfLastEnd", chunks("0\r\n\n"), {}},
        {"ChunkLfAfterZero", chunks("0\n\r\n"), {}},
        {"ChunkExtensionWithLf", chunks("3;a\nb\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkExtensionWithNul", chunks("3;a\0b\r\nabc\r\n0\r\n\r\n"s), {}},
        {"ChunkExtensionWithCr", chunks("3;a\rb\r\nabc\r\n0\r\n\r\n"), {}},
        {"ChunkExtensionTooLong",
         chunks("3;" + std::string(20'000, 'x') + "\r\nabc\r\n0\r\n\r\n"),
         {}},
        {"ChunkExtensionsTooMany", chunks(repeat("1;xxxxxxxx\r\na\r\n", 2500) + "0\r\n\r\n"), {}},
        {"TrailerWithLf", chunks("0\r\nA: b\n\r\n"), {}},
        {"TrailerNoColon", chunks("0\r\nA\r\n\r\n"), {}},
        {"TrailerNoName", chunks("0\r\n: b\r\n\r\n"), {}},
        {"TrailerFolded", chunks("0\r\nA: b\r\n c\r\n\r\n"), {}},
        {"TrailerWithNul", chunks("0\r\nA: \0\r\n\r\n"s), {}},
        {"TrailerIsARequest", chunks("0\r\nGET /smuggled HTTP/1.1\r\n\r\n"), {}},
        {"TrailersTooLong", chunks("0\r\nA: " + std::string(10'000, 'x') + "\r\n\r\n"), {}},
        {"ChunkExtension", kPost + kChunked + "3;a=\"b c\";d\r\nabc\r\n0;e\r\n\r\n", {200}},
        {"ChunkSpaceBeforeExtension", kPost + kChunked + "3 ; a\r\nabc\r\n0\r\n\r\n", {200}},
        {"ChunkSixteenDigits", kPost + kChunked + "0000000000000003\r\nabc\r\n00\r\n\r\n", {200}},
        {"ChunkUpperCase", kPost + kChunked + "A\r\n0123456789\r\n0\r\n\r\n", {200}},
        {"ChunkHidesARequest", kPost + kChunked + "26\r\n" + kSmuggled + "\r\n0\r\n\r\n", {200}},
        {"TrailerOfALength", kPost + kChunked + "0\r\nContent-Length: 50\r\n\r\n", {200}},
        {"TrailerOfACoding", kPost + kChunked + "0\r\nTransfer-Encoding: gzip\r\n\r\n", {200}},
        {"TrailerEmptyValue", kPost + kChunked + "0\r\nA:\r\nB: c\r\n\r\n", {200}},
        {"NothingAfterTheLastChunk",
         kPost + kChunked + "0\r\n\r\n" + kPost + kChunked + "0\r\n\r\n",
         {200, 200}},
    };
}

}  // namespace

std::vector<RawCase> raw_cases() {
    Cases all;
    add(all, request_lines());
    add(all, targets());
    add(all, hosts());
    add(all, fields());
    add(all, lengths());
    add(all, codings());
    add(all, chunk_bodies());
    return all;
}

}  // namespace bide::test
