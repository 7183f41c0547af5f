// The demo's queues on real files.
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <unistd.h>

namespace bide::test {
namespace {

bool installed(const std::string& program) {
    std::istringstream path(std::getenv("PATH"));
    for (std::string directory; std::getline(path, directory, ':');) {
        if (::access((directory + "/" + program).c_str(), X_OK) == 0) return true;
    }
    return false;
}

#define NEEDS(program, package) \
    if (!installed(program)) GTEST_SKIP() << "needs the package " package

std::uint32_t little_endian(const std::string& bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = size; i > 0; --i)
        value = value << 8 | static_cast<std::uint8_t>(bytes.at(at + i - 1));
    return value;
}

class Examples : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        ServerOptions options;
        options.program = demo_program();
        options.flags = {"--config", BIDE_EXAMPLES "/demo.toml"};
        server = std::make_unique<Server>(std::move(options));
    }
    static void TearDownTestSuite() {
        EXPECT_EQ(server->stop().status, 0) << server->log();
        server.reset();
    }

    static std::string file(const std::string& name) {
        return read_file(BIDE_EXAMPLES "/files/" + name);
    }
    static Response post(const std::string& queue, const std::string& body) {
        return test::post(server->address(), "/queues/" + queue + "/jobs", body);
    }
    static void expect_speech(const Response& answer) {
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(answer["Content-Type"], "audio/wav");
        const std::string& wav = answer.body;
        ASSERT_GT(wav.size(), 44U + 5000U) << "less than a quarter of a second";
        EXPECT_EQ(wav.substr(0, 4), "RIFF");
        EXPECT_EQ(little_endian(wav, 4, 4), wav.size() - 8);
        EXPECT_EQ(wav.substr(8, 8), "WAVEfmt ");
        EXPECT_EQ(little_endian(wav, 20, 2), 1U) << "not PCM";
        EXPECT_EQ(little_endian(wav, 22, 2), 1U) << "channels";
        EXPECT_EQ(little_endian(wav, 24, 4), 22050U);
        EXPECT_EQ(wav.substr(36, 4), "data");
        EXPECT_EQ(little_endian(wav, 40, 4), wav.size() - 44);
        EXPECT_NE(wav.find_first_not_of('\0', 44), std::string::npos) << "silence";
    }
    /// Failed for good at the first attempt, saying why.
    static void expect_rejected(const Response& answer, const std::string& words) {
        EXPECT_EQ(answer.status, 502);
        EXPECT_EQ(answer.problem(), "handler-rejected");
        EXPECT_EQ(answer["Bide-Attempts"], "1");
        EXPECT_EQ(answer["Bide-Error-Source"], "handler");
        EXPECT_NE(answer.member("detail").find(words), std::string::npos) << answer.body;
    }

    static inline std::unique_ptr<Server> server;
};

TEST_F(Examples, SpeakTurnsTheMessageOfTheReadmeIntoAWav) {
    NEEDS("espeak-ng", "espeak-ng");
    expect_speech(test::post(
        server->address(),
        "/",
        R"({"message":"hi"})",
        {"Content-Type: application/x-www-form-urlencoded"}
    ));
}

TEST_F(Examples, SpeakReadsEveryScript) {
    NEEDS("espeak-ng", "espeak-ng");
    std::istringstream lines(file("greetings.txt"));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        SCOPED_TRACE(line);
        expect_speech(post("speak", line));
    }
    EXPECT_EQ(count, 10);
    expect_speech(post("speak", file("greetings.txt")));
}

TEST_F(Examples, SpeakTakesAVoice) {
    NEEDS("espeak-ng", "espeak-ng");
    expect_speech(post("speak", R"({"message":"schöne Grüße","voice":"de"})"));
    expect_rejected(post("speak", R"({"message":"x","voice":"-h"})"), "voice");
}

TEST_F(Examples, SpeakOfNothingSaysThatThereIsNoText) {
    NEEDS("espeak-ng", "espeak-ng");
    expect_rejected(post("speak", ""), "there is no text to speak");
    expect_rejected(post("speak", " \n"), "there is no text to speak");
    expect_rejected(post("speak", R"({"message":""})"), "there is no text to speak");
}

TEST_F(Examples, SpeakOfWhatIsNoTextSaysSo) {
    NEEDS("espeak-ng", "espeak-ng");
    expect_rejected(post("speak", file("photo.jpg")), "not UTF-8");
    expect_rejected(post("speak", R"({"message":)"), "the JSON is broken");
    expect_rejected(post("speak", R"({"massage":"hi"})"), "no \"message\"");
}

TEST_F(Examples, ThumbnailOfThePhotoIsASmallWebp) {
    NEEDS("vipsthumbnail", "libvips-tools");
    const Response answer = post("thumbnail", file("photo.jpg"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer["Content-Type"], "image/webp");
    const std::string& webp = answer.body;
    ASSERT_GT(webp.size(), 30U);
    EXPECT_LT(webp.size(), file("photo.jpg").size());
    EXPECT_EQ(webp.substr(0, 4), "RIFF");
    EXPECT_EQ(webp.substr(8, 4), "WEBP");
    // The extended format, as of a picture with a colour profile: sizes less one, 24 bits each.
    ASSERT_EQ(webp.substr(12, 4), "VP8X");
    const std::uint32_t width = 1 + little_endian(webp, 24, 3);
    const std::uint32_t height = 1 + little_endian(webp, 27, 3);
    EXPECT_EQ(std::max(width, height), 256U);
    EXPECT_GT(std::min(width, height), 100U);
}

TEST_F(Examples, ThumbnailOfACorruptImageFailsWithAReason) {
    NEEDS("vipsthumbnail", "libvips-tools");
    expect_rejected(post("thumbnail", file("corrupt.jpg")), "last words");
    expect_rejected(post("thumbnail", "no image at all"), "last words");
    expect_rejected(post("thumbnail", ""), "last words");
}

TEST_F(Examples, ChartOfTheNumbersIsAnSvg) {
    const Response answer = post("chart", file("numbers.csv"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer["Content-Type"], "image/svg+xml");
    EXPECT_TRUE(answer.body.starts_with("<svg"));
    EXPECT_TRUE(answer.body.ends_with("</svg>\n")) << answer.body.substr(answer.body.size() - 20);
    EXPECT_NE(answer.body.find("cosine"), std::string::npos);
}

TEST_F(Examples, ChartOfWhatIsNoTableFailsWithAReason) {
    expect_rejected(post("chart", ""), "");
    expect_rejected(post("chart", "a,b\n1,two\n"), "");
    expect_rejected(post("chart", file("photo.jpg")), "");
}

TEST_F(Examples, QueuesOfTheDemoWorkSideBySide) {
    NEEDS("espeak-ng", "espeak-ng");
    NEEDS("vipsthumbnail", "libvips-tools");
    std::vector<Connection> connections;
    const std::vector<std::pair<std::string, std::string>> jobs{
        {"speak", "one"},
        {"thumbnail", file("photo.jpg")},
        {"chart", file("numbers.csv")},
        {"speak", "two"},
        {"thumbnail", file("corrupt.jpg")},
        {"speak", "three"}};
    for (const auto& [queue, body] : jobs) {
        connections.emplace_back(server->address());
        connections.back().send(Request{"POST", "/queues/" + queue + "/jobs", {}, body});
    }
    const std::vector<int> expected{200, 200, 200, 200, 502, 200};
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(connections[i].read().status, expected[i]) << jobs[i].first;
}

}  // namespace
}  // namespace bide::test
