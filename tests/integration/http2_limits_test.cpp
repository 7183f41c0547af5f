// What a client of HTTP/2 can do to a server: each has a limit, and others do not notice.
#include "support/http2.hpp"
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bide::test {
namespace {

constexpr std::int64_t kCalm = 0xb;
constexpr std::int64_t kProtocolError = 0x1;
constexpr std::uint32_t kRefused = 0x7;
constexpr std::uint32_t kCancel = 0x8;
constexpr std::uint16_t kInitialWindow = 0x4;

/// Far more than any limit lets pass.
constexpr int kFlood = 100'000;

std::size_t resident_kib(pid_t process) {
    const std::string facts = read_file("/proc/" + std::to_string(process) + "/status");
    const auto at = facts.find("VmRSS:");
    return at == std::string::npos ? 0 : std::stoul(facts.substr(at + 6));
}

/// No more than it may. A sanitizer has memory of its own.
void expect_less(std::size_t kib, std::size_t limit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static_cast<void>(kib);
    static_cast<void>(limit);
#else
    EXPECT_LT(kib, limit);
#endif
}

class Http2Limits : public testing::Test {
  protected:
    explicit Http2Limits(
        const std::string& server =
            "http2_streams_max = 100\nheader_time = \"600s\"\nheader_max = \"4KiB\"\n"
    )
        : Http2Limits(options(server)) {}
    explicit Http2Limits(const ServerOptions& options) : server_(options) {}
    ~Http2Limits() override {
        EXPECT_EQ(post(address(), "/", "quick").body, "quick");
        EXPECT_EQ(server_.stop_at_once().status, 0) << server_.log();
    }

    static ServerOptions options(const std::string& server) {
        ServerOptions options;
        options.config = "[server]\ndefault_queue = \"echo\"\n" + server +
                         "[queues.echo]\nnative = \"echo\"\n[queues.sleep]\nnative = \"sleep\"\n"
                         "[queues.cat]\nexec = [\"cat\"]\n";
        return options;
    }
    const Address& address() const { return server_.address(); }
    std::size_t memory() { return resident_kib(server_.process_id()); }
    /// What comes of a client that sends nothing else.
    std::int64_t flood(const Frame& frame) {
        Http2Client client(address());
        client.flood(frame.text(), kFlood);
        return client.goaway();
    }

    Server server_;
};

// --- floods -------------------------------------------------------------------------------------

/// CVE-2023-44487.
TEST_F(Http2Limits, RapidReset) {
    Http2Client client(address());
    const std::string fields = request_fields({"POST", "/queues/sleep/jobs", {}, {}});
    for (std::uint32_t stream = 1; stream < 2 * kFlood; stream += 2) {
        const std::string both = Frame{Frame::headers, Frame::kEndHeaders, stream, fields}.text() +
                                 Frame{Frame::reset, 0, stream, four_bytes(kCancel)}.text();
        if (!client.connection().send_now(both)) break;
    }
    EXPECT_EQ(client.goaway(), kCalm);
}

/// The same, with resets that the server is made to send.
TEST_F(Http2Limits, RapidResetByTheServer) {
    Http2Client client(address());
    const std::string fields = request_fields({"POST", "/queues/sleep/jobs", {}, {}});
    for (std::uint32_t stream = 1; stream < 2 * kFlood; stream += 2) {
        const std::string both =
            Frame{Frame::headers, Frame::kEndHeaders, stream, fields}.text() +
            Frame{Frame::window_update, 0, stream, four_bytes(0x7fffffff)}.text();
        if (!client.connection().send_now(both)) break;
    }
    EXPECT_EQ(client.goaway(), kCalm);
}

TEST_F(Http2Limits, ContinuationFlood) {
    Http2Client client(address());
    client.send(Frame{Frame::headers, 0, 1, request_fields({"POST", "/", {}, {}})});
    const std::string piece = plain_field("x", std::string(1000, 'y'));
    client.flood(Frame{Frame::continuation, 0, 1, piece}.text(), kFlood);
    EXPECT_GT(client.goaway(), 0);
}

TEST_F(Http2Limits, EmptyContinuationFlood) {
    Http2Client client(address());
    client.send(Frame{Frame::headers, 0, 1, request_fields({"POST", "/", {}, {}})});
    client.flood(Frame{Frame::continuation, 0, 1, {}}.text(), kFlood);
    EXPECT_GT(client.goaway(), 0);
}

TEST_F(Http2Limits, PingFlood) {
    EXPECT_EQ(flood({Frame::ping, 0, 0, "12345678"}), kCalm);
}

TEST_F(Http2Limits, SettingsFlood) {
    EXPECT_EQ(flood({Frame::settings, 0, 0, {}}), kCalm);
}

TEST_F(Http2Limits, SettingsWithManyEntries) {
    std::string entries;
    for (int i = 0; i < 1000; ++i) entries += four_bytes(kInitialWindow).substr(2) + four_bytes(1);
    EXPECT_GT(flood({Frame::settings, 0, 0, entries}), 0);
}

TEST_F(Http2Limits, PriorityFlood) {
    EXPECT_EQ(flood({Frame::priority, 0, 9, four_bytes(1) + "x"}), kCalm);
}

TEST_F(Http2Limits, FloodOfUnknownFrames) {
    EXPECT_EQ(flood({0x77, 0, 0, "what"}), kCalm);
}

TEST_F(Http2Limits, EmptyDataFlood) {
    Http2Client client(address());
    const auto stream = client.begin({"POST", "/", {}, {}});
    client.flood(Frame{Frame::data, 0, stream, {}}.text(), kFlood);
    EXPECT_EQ(client.goaway(), kCalm);
}

/// What nghttp2 gives back to the client's windows by itself.
TEST_F(Http2Limits, FloodOfDataThatIsAllPadding) {
    Http2Client client(address());
    const auto stream = client.begin({"POST", "/", {}, {}});
    constexpr std::uint8_t kPadded = 0x8;
    client.flood(Frame{Frame::data, kPadded, stream, std::string(1, '\0')}.text(), kFlood);
    EXPECT_EQ(client.goaway(), kCalm);
}

// --- requests -----------------------------------------------------------------------------------

TEST_F(Http2Limits, HeaderListThatIsTooLarge) {
    Http2Client client(address());
    const auto large = client.ask({"GET", "/healthz", {"x: " + std::string(5000, 'y')}, {}});
    EXPECT_EQ(large.response.status, 431);
    EXPECT_EQ(large.response.problem(), "headers-too-large");
    std::vector<std::string> many(200, "x: y");
    EXPECT_EQ(client.ask({"GET", "/healthz", many, {}}).response.status, 431);
    EXPECT_EQ(client.ask({"GET", "/healthz", {}, {}}).response.status, 200);
}

/// A few bytes that stand for a large head, again and again (HPACK has a table).
TEST_F(Http2Limits, HeaderListThatIsLargeOnlyWhenDecoded) {
    Http2Client client(address());
    const std::size_t before = memory();
    std::string fields = request_fields({"GET", "/healthz", {}, {}});
    // Into the table, where it is the latest; then by its number.
    std::string indexed = plain_field("x", std::string(3000, 'y'));
    indexed.front() = 0x40;
    fields += indexed + std::string(10'000, static_cast<char>(0x80 | 62));
    const std::uint8_t flags = Frame::kEndHeaders | Frame::kEndStream;
    client.send(Frame{Frame::headers, flags, 1, fields});
    EXPECT_EQ(client.answer(1).response.status, 431);
    expect_less(memory(), before + 10'000U);
}

class Http2Heads : public Http2Limits {
  protected:
    Http2Heads() : Http2Limits("header_time = \"2s\"\n") {}
};

TEST_F(Http2Heads, MustComeInTime) {
    Http2Client client(address());
    client.send(Frame{Frame::headers, 0, 1, request_fields({"POST", "/", {}, {}})});
    EXPECT_EQ(client.goaway(), kCalm);
}

class Http2Idle : public Http2Limits {
  protected:
    Http2Idle() : Http2Limits("idle_time = \"1s\"\n") {}
};

TEST_F(Http2Idle, ABatchThatStopsComingEndsWithAProblem) {
    Http2Client client(address());
    const auto stream =
        client.begin({"POST", "/batches", {"content-type: application/x-ndjson"}, {}});
    client.send_data(stream, "{\"body\":\"2500\",\"queue\":\"sleep\"}\n");
    const auto answer = client.answer(stream);
    EXPECT_TRUE(answer.whole);
    const std::string& told = answer.response.body;
    const auto result = told.find(R"("body":"2500")");
    const auto end = told.find("\n{\"problem\":{\"type\":\"/errors/request-timeout\"");
    EXPECT_LT(result, end) << told;
    EXPECT_NE(end, std::string::npos) << told;
}

TEST_F(Http2Limits, TooManyStreams) {
    Http2Client client(address());
    std::vector<std::uint32_t> streams;
    for (int i = 0; i < 100; ++i)
        streams.push_back(client.send({"POST", "/queues/sleep/jobs", {}, "1500"}));
    const auto refused = client.ask({"POST", "/queues/sleep/jobs", {}, "1500"});
    EXPECT_TRUE(refused.reset);
    EXPECT_EQ(refused.code, kRefused);
    for (const auto stream : streams) EXPECT_EQ(client.answer(stream).response.body, "1500");
    EXPECT_EQ(client.ask({"POST", "/", {}, "again"}).response.body, "again");
    // Once it knows the limit it is an error of the client.
    client.acknowledge_settings();
    for (int i = 0; i < 101; ++i) client.send({"POST", "/queues/sleep/jobs", {}, "60000"});
    EXPECT_EQ(client.goaway(), kProtocolError);
}

// --- memory -------------------------------------------------------------------------------------

class Http2Memory : public Http2Limits {
  protected:
    Http2Memory()
        : Http2Limits("body_memory_max = \"1MiB\"\nwrite_time = \"600s\"\nmemory_max = \"16MiB\"\n"
          ) {}

    static constexpr std::size_t kStreams = 400;
    /// Below what goes into a file anyway.
    static constexpr std::size_t kSize = 200'000;
    /// Of 80 MB that there would be else.
    static constexpr std::size_t kGrowthKib = 40'000;
};

TEST_F(Http2Memory, AnswersThatNobodyTakesWaitOnDisk) {
    const std::string body(kSize, 'b');
    const std::string result = post(address(), "/queues/cat/jobs", body)["Content-Location"];
    Http2Client client(address(), {{kInitialWindow, 0}});
    EXPECT_EQ(client.ask({"HEAD", result, {}, {}}).response.status, 200);
    const std::size_t before = memory();
    std::vector<std::uint32_t> streams;
    for (std::size_t i = 0; i < kStreams; ++i) {
        streams.push_back(client.send({"GET", result, {}, {}}));
        client.wait_for_head(streams.back());
    }
    const auto aside = [&] { return count_files(server_.data() + "/bodies/tmp"); };
    EXPECT_TRUE(eventually([&] { return aside() >= kStreams - 6; }));
    expect_less(memory(), before + kGrowthKib);
    // All are still whole when the client takes them after all.
    client.open_window(0, 0x7fff0000U - 65'535U);
    for (const auto stream : streams) {
        client.open_window(stream, kSize);
        EXPECT_TRUE(client.answer(stream).response.body == body);
    }
    EXPECT_TRUE(eventually([&] { return aside() == 0; }));
}

TEST_F(Http2Memory, BodiesThatNeverEndWaitOnDisk) {
    Http2Client client(address());
    const std::size_t before = memory();
    std::vector<std::uint32_t> streams;
    for (std::size_t i = 0; i < kStreams; ++i) {
        streams.push_back(client.begin({"POST", "/queues/cat/jobs", {}, {}}));
        client.wait_for_window(48'000);
        for (int piece = 0; piece < 3; ++piece)
            client.send_data(streams.back(), std::string(16'000, 'x'));
    }
    expect_less(memory(), before + kGrowthKib);
    client.send_data(streams.front(), "end", Frame::kEndStream);
    client.open_window(streams.front(), 1 << 20);
    EXPECT_EQ(client.answer(streams.front()).response.body.size(), 48'003U);
}

class Http2Bodies : public Http2Limits {
  protected:
    Http2Bodies() : Http2Limits("http2_streams_max = 100\nbody_max = 10\ninline_max = 5\n") {}
};

/// While the disk takes a body's first bytes, more come than it may have, and the client resets its
/// stream. So many at once that the disk is done with the first before all are read.
TEST_F(Http2Bodies, TooLargeAndResetWhileTheDiskIsBusy) {
    Http2Client client(address());
    EXPECT_EQ(client.ask({"GET", "/healthz", {}, {}}).response.status, 200);
    const std::string fields = request_fields({"POST", "/", {}, {}});
    std::string all;
    for (std::uint32_t stream = 3; stream < 2 * 90; stream += 2)
        all += Frame{Frame::headers, Frame::kEndHeaders, stream, fields}.text() +
               Frame{Frame::data, 0, stream, "to disk"}.text() +
               Frame{Frame::data, 0, stream, "too much"}.text() +
               Frame{Frame::reset, 0, stream, four_bytes(kCancel)}.text();
    client.send(all + Frame{Frame::ping, 0, 0, "12345678"}.text());
    while (client.read().type != Frame::ping) {
    }
    const auto left = [&] { return count_files(server_.data() + "/bodies/tmp"); };
    EXPECT_TRUE(eventually([&] { return left() == 0; }));
}

/// Connections, and the files of bodies on them, leave what handlers need.
class Http2Files : public Http2Limits {
  protected:
    Http2Files() : Http2Limits(few_files()) {}

    static ServerOptions few_files() {
        ServerOptions few = options("inline_max = 10\nio_threads = 1\n");
        few.open_files_max = 600;
        return few;
    }
    void expect_handlers_run() const {
        EXPECT_EQ(post(address(), "/queues/cat/jobs", "small").body, "small");
    }
    /// Far more than there are descriptors.
    static constexpr std::size_t kStreams = 900;
};

TEST_F(Http2Files, OfAnswersThatNobodyTakes) {
    const Response stored = post(address(), "/queues/cat/jobs", "large enough for a file");
    const std::string result = stored["Content-Location"];
    Http2Client client(address(), {{kInitialWindow, 0}});
    std::vector<std::uint32_t> sent;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < kStreams; ++i) {
        const auto stream = client.send({"GET", result, {}, {}});
        const Response& head = client.wait_for_head(stream);
        if (head.status == 200) {
            sent.push_back(stream);
            continue;
        }
        ++refused;
        EXPECT_EQ(head.status, 503);
        EXPECT_EQ(head["Retry-After"], "1");
        EXPECT_EQ(head["Bide-Job-Id"], stored["Bide-Job-Id"]);
    }
    EXPECT_GT(sent.size(), 50U);
    EXPECT_GT(refused, kStreams / 2);
    expect_handlers_run();
    // What is let go is there for others.
    for (const auto stream : sent) client.send(Frame{Frame::reset, 0, stream, four_bytes(kCancel)});
    EXPECT_TRUE(eventually([&] { return get(address(), result).status == 200; }));
}

TEST_F(Http2Files, OfBodiesThatNeverEnd) {
    Http2Client client(address());
    client.open_window(0, 1 << 20);  // for the refusals
    std::vector<std::uint32_t> streams;
    for (std::size_t i = 0; i < kStreams; ++i) {
        streams.push_back(client.begin({"POST", "/queues/cat/jobs", {}, {}}));
        client.send_data(streams.back(), "large enough for a file");
    }
    const auto last = client.answer(streams.back());
    EXPECT_EQ(last.response.status, 503);
    EXPECT_EQ(last.response.problem(), "overloaded");
    expect_handlers_run();
    // What is let go is there for others.
    for (std::size_t i = 1; i < kStreams; ++i)
        client.send(Frame{Frame::reset, 0, streams[i], four_bytes(kCancel)});
    const auto passes = [&] {
        return post(address(), "/queues/cat/jobs", "large enough for a file").status == 200;
    };
    EXPECT_TRUE(eventually(passes));
    client.send_data(streams.front(), "", Frame::kEndStream);
    EXPECT_EQ(client.answer(streams.front()).response.status, 200);
}

class Http2Writes : public Http2Limits {
  protected:
    Http2Writes() : Http2Limits("write_time = \"1s\"\n") {}
};

TEST_F(Http2Writes, AStreamWhoseWindowStaysShutIsReset) {
    Http2Client client(address(), {{kInitialWindow, 0}});
    for (const char* accept : {"*/*", "text/event-stream"}) {
        const auto stuck = client.ask({"POST", "/", {"accept: " + std::string(accept)}, "hi"});
        EXPECT_EQ(stuck.response.status, 200);
        EXPECT_TRUE(stuck.reset);
        EXPECT_EQ(stuck.code, kCancel);
    }
    EXPECT_EQ(client.ask({"HEAD", "/healthz", {}, {}}).response.status, 200);
}

TEST_F(Http2Writes, AConnectionThatIsNotReadIsClosed) {
    const std::string result =
        post(address(), "/queues/cat/jobs", std::string(5'000'000, 'b'))["Content-Location"];
    Http2Client client(address(), {{kInitialWindow, 0x7fffffff}});
    client.open_window(0, 0x7fff0000U - 65'535U);
    for (int i = 0; i < 20; ++i) client.send({"GET", result, {}, {}});
    const std::string ping = Frame{Frame::ping, 0, 0, "12345678"}.text();
    EXPECT_TRUE(eventually([&] { return !client.connection().send_now(ping); }));
}

}  // namespace
}  // namespace bide::test
