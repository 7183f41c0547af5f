#include "wire/http2_guard.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace bide::wire {
namespace {

using Fault = Http2Guard::Fault;

constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kPriority = 2;
constexpr std::uint8_t kPing = 6;
constexpr std::uint8_t kWindowUpdate = 8;
constexpr std::uint8_t kPadded = 8;  // of flags

std::string word(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
}

std::string frame(
    std::uint8_t type, std::uint32_t stream, const std::string& payload, std::uint8_t flags = 0
) {
    std::string bytes = word(static_cast<std::uint32_t>(payload.size())).substr(1);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    return bytes + word(stream) + payload;
}

std::string priority(std::uint32_t stream, std::uint32_t on) {
    return frame(kPriority, stream, word(on) + "\x10");
}

/// A connection whose preface is over.
class Client {
  public:
    Client() { say(std::string(24, 'p')); }

    /// What comes of `bytes` when so many come at once; all of them are handed on unless they are
    /// at fault.
    Fault say(const std::string& bytes, std::size_t at_once = ~std::size_t{0}) {
        std::string handed_on;
        for (std::size_t begin = 0; begin < bytes.size();
             begin += std::min(at_once, bytes.size())) {
            std::string_view rest = std::string_view(bytes).substr(begin, at_once);
            while (!rest.empty()) {
                const auto piece = guard.next(rest, now);
                handed_on += piece.bytes;
                if (piece.fault != Fault::none) return piece.fault;
            }
        }
        EXPECT_EQ(handed_on, bytes);
        return Fault::none;
    }

    Http2Guard guard;
    Time now{std::chrono::seconds(1000)};
};

TEST(Http2Guard, HandsOnWhatComesHoweverItComes) {
    const std::string bytes =
        frame(kHeaders, 1, "fields") + frame(kData, 1, std::string(300, 'x')) +
        frame(kWindowUpdate, 0, word(5)) + priority(3, 1) + frame(kData, 1, "", 1) +
        frame(77, 9, "what") + frame(kData, 1, std::string("\2x\0\0", 4), kPadded);
    for (const std::size_t at_once : {1U, 2U, 8U, 9U, 10U, 13U, 100U, 1000U}) {
        Client client;
        EXPECT_EQ(client.say(bytes, at_once), Fault::none) << at_once;
    }
}

TEST(Http2Guard, KnowsStreamsThatTheClientHasLeft) {
    for (const std::uint8_t type : {kData, kHeaders}) {
        Client client;
        EXPECT_EQ(client.say(frame(kHeaders, 1, "x")), Fault::none);
        EXPECT_EQ(client.say(frame(type, 1, "x")), Fault::none);
        client.guard.closed(1);
        EXPECT_EQ(client.say(frame(kWindowUpdate, 1, word(1))), Fault::none);
        EXPECT_EQ(client.say(priority(1, 0)), Fault::none);
        EXPECT_EQ(client.say(frame(type, 1, "x"), 1), Fault::stream_closed);
    }
}

TEST(Http2Guard, KnowsStreamsThatWereLeftOut) {
    Client client;
    EXPECT_EQ(client.say(frame(kHeaders, 1, "x") + frame(kHeaders, 7, "x")), Fault::none);
    EXPECT_EQ(client.say(frame(kHeaders, 1, "x")), Fault::none);
    EXPECT_EQ(client.say(frame(kHeaders, 7, "x")), Fault::none);
    EXPECT_EQ(client.say(frame(kHeaders, 5, "x")), Fault::protocol_error);
}

TEST(Http2Guard, LooksAtWhatIsSkippedElsewhere) {
    EXPECT_EQ(Client().say(frame(kWindowUpdate, 1, word(0)), 1), Fault::protocol_error);
    EXPECT_EQ(Client().say(frame(kWindowUpdate, 1, word(0x80000000U))), Fault::protocol_error);
    EXPECT_EQ(Client().say(priority(0, 1)), Fault::protocol_error);
    EXPECT_EQ(Client().say(priority(5, 5)), Fault::protocol_error);
    EXPECT_EQ(Client().say(priority(5, 0x80000005U)), Fault::protocol_error);
    // Too short to have the word: that is for others to say.
    EXPECT_EQ(Client().say(frame(kWindowUpdate, 1, "abc") + frame(kPriority, 1, "")), Fault::none);
}

TEST(Http2Guard, EndsFloodsOfWhatDoesNothing) {
    for (const std::string& idle :
         {frame(kPing, 0, "12345678"),
          frame(4, 0, ""),
          frame(kData, 1, ""),
          frame(kData, 1, std::string(1, '\0'), kPadded),
          frame(kData, 1, '\xff' + std::string(255, '\0'), kPadded),
          priority(9, 1),
          frame(99, 0, "")}) {
        Client client;
        int count = 0;
        while (client.say(idle) == Fault::none && count < 100'000) ++count;
        EXPECT_EQ(count, 2000);
        EXPECT_EQ(client.say(idle), Fault::enhance_your_calm);
        // After a second there may be a few more.
        client.now += std::chrono::seconds(1);
        for (int i = 0; i < 200; ++i) EXPECT_EQ(client.say(idle), Fault::none);
        EXPECT_EQ(client.say(idle), Fault::enhance_your_calm);
    }
}

TEST(Http2Guard, LetsWhatDoesSomethingPass) {
    Client client;
    for (int i = 0; i < 10'000; ++i) {
        EXPECT_EQ(client.say(frame(kData, 1, "x")), Fault::none);
        EXPECT_EQ(client.say(frame(kData, 1, "", 1)), Fault::none);
        EXPECT_EQ(client.say(frame(kData, 1, std::string("\2x\0\0", 4), kPadded)), Fault::none);
        EXPECT_EQ(client.say(frame(kData, 1, std::string("\1\0", 2), kPadded | 1)), Fault::none);
        EXPECT_EQ(client.say(frame(kPing, 0, "12345678", 1)), Fault::none);
        EXPECT_EQ(client.say(frame(kWindowUpdate, 0, word(1))), Fault::none);
    }
}

}  // namespace
}  // namespace bide::wire
