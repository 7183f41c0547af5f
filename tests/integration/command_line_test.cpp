// What bide's programs are told by flags, environment and file, and how they say no.
#include "support/server.hpp"
#include "support/store.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <sys/stat.h>

namespace bide::test {
namespace {

namespace fs = std::filesystem;

/// Runs `bide serve` with flags that keep it from starting.
Ran serve(std::vector<std::string> flags) {
    ProcessOptions options;
    options.argv = {bide_program(), "serve"};
    if (std::find(flags.begin(), flags.end(), "--listen") == flags.end())
        options.argv.insert(options.argv.end(), {"--listen", "127.0.0.1:0"});
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    return run(std::move(options));
}

class CommandLine : public testing::Test {
  protected:
    /// Refuses with this status, nothing on stdout, these words on stderr, and no data made.
    void expect_no(const Ran& ran, int status, std::vector<std::string> words) {
        EXPECT_EQ(ran.exit.status, status) << "signal " << ran.exit.signal;
        EXPECT_EQ(ran.output, "");
        for (const auto& word : words)
            EXPECT_NE(ran.error.find(word), std::string::npos) << word << "\nin: " << ran.error;
    }
    void expect_bad_flags(std::vector<std::string> flags, std::vector<std::string> words) {
        flags.insert(flags.end(), {"--data", data_});
        expect_no(serve(flags), 2, std::move(words));
        EXPECT_FALSE(fs::exists(data_));
    }
    void expect_bad_file(const std::string& text, std::vector<std::string> words) {
        SCOPED_TRACE(text);
        const std::string path = directory_ / "bide.toml";
        write_file(path, text);
        words.push_back("bide.toml");
        expect_bad_flags({"--config", path}, std::move(words));
    }

    TempDir directory_;
    const std::string data_ = directory_ / "data";
};

TEST_F(CommandLine, OthersAreLetInWithAKeyOrOnPurposeOnly) {
    for (const char* address : {"0.0.0.0:0", "[::]:0"})
        expect_bad_flags({"--native", "echo", "--listen", address}, {"bide key", "--anonymous"});
    const Ran key =
        run({{bide_program(), "key", "--name", "ci", "--scope", "admin"}, {}, {}, 0, false});
    EXPECT_EQ(key.exit.status, 0);
    EXPECT_TRUE(key.output.starts_with("bide_")) << key.output;
    const auto table = key.output.find("[keys.\"ci\"]");
    ASSERT_NE(table, std::string::npos) << key.output;
    ServerOptions options;
    options.listen = "0.0.0.0:0";
    options.config = "[queues.echo]\nnative = \"echo\"\n" + key.output.substr(table);
    Server server(options);
    const Address here{"127.0.0.1", server.address().port};
    EXPECT_EQ(post(here, "/", "x").status, 401);
    const std::string secret = key.output.substr(0, key.output.find('\n'));
    EXPECT_EQ(post(here, "/", "x", {"Authorization: Bearer " + secret}).status, 403);
    EXPECT_EQ(
        ask(here, {"POST", "/queues/echo/pause", {"Authorization: Bearer " + secret}, ""}).status,
        200
    );
}

TEST_F(CommandLine, KeysAreExplained) {
    const Ran bad = run({{bide_program(), "key", "--name", "a b"}, {}, {}, 0, false});
    EXPECT_EQ(bad.exit.status, 2);
    EXPECT_NE(bad.error.find("\"a b\" cannot name a key"), std::string::npos) << bad.error;
    const Ran tenant = run({{bide_program(), "key", "--tenant", "a b"}, {}, {}, 0, false});
    EXPECT_NE(tenant.error.find("\"a b\" cannot name a tenant"), std::string::npos) << tenant.error;
    const Ran help = run({{bide_program(), "key", "--help"}, {}, {}, 0, false});
    EXPECT_NE(help.output.find("do not include each other"), std::string::npos) << help.output;
    ServerOptions options;
    options.flags = {"--native", "echo"};
    Server server(options);
    const Response refused = ask(server.address(), {"POST", "/queues/default/pause", {}, ""});
    EXPECT_EQ(refused.status, 401);
    for (const char* word :
         {"bide key --scope submit --scope read --scope admin", "anonymous = true"})
        EXPECT_NE(refused.body.find(word), std::string::npos) << refused.body;
}

TEST_F(CommandLine, HelpAndVersionSucceed) {
    const Ran help = serve({"--help"});
    EXPECT_EQ(help.exit.status, 0);
    for (const char* word :
         {"--config", "BIDE_LISTEN", "listening on", "SIGTERM", "[as suits the handler"})
        EXPECT_NE(help.output.find(word), std::string::npos) << word;
    EXPECT_EQ(run({{bide_program(), "--help"}, {}, {}, 0, false}).exit.status, 0);
    EXPECT_TRUE(run({{bide_program(), "--version"}, {}, {}, 0, false}).output.starts_with("bide "));
}

TEST_F(CommandLine, WrongFlagsAreRefused) {
    expect_bad_flags({"--nativ", "echo"}, {"--nativ"});
    expect_bad_flags({"--native", "echo", "--exec", "cat"}, {"--exec", "--native"});
    expect_bad_flags({}, {"--exec", "--native", "--config"});
    expect_bad_flags({"--native", "echo", "--listen", "nowhere"}, {"nowhere", "127.0.0.1:8080"});
    expect_bad_flags({"--native", "echo", "--listen", "127.0.0.1:65536"}, {"65536"});
    expect_bad_flags({"--native", "echo", "--max-wait", "1 hour"}, {"1 hour", "24h"});
    expect_bad_flags({"--native", "echo", "--timeout", "-1s"}, {"-1s"});
    expect_bad_flags({"--native", "echo", "--attempts", "0"}, {"--attempts"});
    expect_bad_flags({"--native", "echo", "--queue", "a/b"}, {"a/b"});
    expect_bad_flags({"--exec", "cat '"}, {"unclosed"});
    expect_bad_flags({"--native", "echo", "--log-level", "loud"}, {"--log-level: must be debug"});
    const std::vector<std::string> names{"ecco", "echo", "sleep"};
    expect_no(serve({"--native", "ecco", "--data", data_}), 2, names);
    const Ran unknown = run({{bide_program(), "sevre"}, {}, {}, 0, false});
    EXPECT_EQ(unknown.exit.status, 2);
    EXPECT_NE(unknown.error.find("serve"), std::string::npos);
}

TEST_F(CommandLine, HelpNamesEveryProgram) {
    const Ran help = run({{bide_program(), "--help"}, {}, {}, 0, false});
    const Ran unknown = run({{bide_program(), "frnt"}, {}, {}, 0, false});
    for (const std::string name : {"serve", "front", "worker", "doctor", "key"}) {
        EXPECT_NE(help.output.find("bide " + name), std::string::npos) << name;
        EXPECT_NE(unknown.error.find(name), std::string::npos) << name;
        const Ran own = run({{bide_program(), name, "--help"}, {}, {}, 0, false});
        EXPECT_EQ(own.exit.status, 0) << name;
        EXPECT_NE(own.output.find("Usage: bide " + name), std::string::npos) << own.output;
    }
}

TEST_F(CommandLine, FrontWorkerAndDoctorSayWhatTheyMiss) {
    const std::string path = directory_ / "bide.toml";
    const std::string queue = "[queues.a]\nsqs = \"a\"\nnative = \"echo\"\n";
    const std::string bucket = "[aws]\nbucket = \"b\"\n";
    const std::vector<std::pair<std::string, std::string>> files{
        {queue, "[aws] names no bucket"},
        {"[aws]\nincoming_bucket = \"b\"\n" + queue, "outgoing_bucket"},
        {bucket, "no [queues.NAME]"},
        {bucket + "[queues.a]\nnative = \"echo\"\n", "add sqs = "},
        {bucket + "[queues.a]\nsqss = \"a\"\n", "\"sqs\""},
        {bucket + "redis_url = \"redis://x\"\n" + queue, "redis_url"}};
    for (const std::string name : {"front", "worker", "doctor"}) {
        SCOPED_TRACE(name);
        const auto ran = [&](std::vector<std::string> flags) {
            ProcessOptions options;
            options.argv = {bide_program(), name};
            options.argv.insert(options.argv.end(), flags.begin(), flags.end());
            options.environment["BIDE_DATA"] = data_;
            return run(std::move(options));
        };
        expect_no(ran({}), 2, {"--config"});
        expect_no(ran({"--config", path, "--exec", "cat"}), 2, {"--exec"});
        expect_no(ran({"--config", path + "x"}), 2, {path + "x"});
        for (const auto& [text, word] : files) {
            write_file(path, text);
            expect_no(ran({"--config", path}), 2, {word, "bide " + name + " --help"});
        }
        EXPECT_FALSE(fs::exists(data_));
    }
    write_file(path, bucket + "[queues.a]\nsqs = \"a\"\n");
    expect_no(
        run({{bide_program(), "worker", "--config", path}, {}, {}, 0, false}), 2, {"handler"}
    );
}

TEST_F(CommandLine, DoctorReportsWhatItCannotReach) {
    const std::string path = directory_ / "bide.toml";
    write_file(
        path,
        "[aws]\nregion = \"nowhere-1\"\nbucket = \"b\"\nredis = \"redis://127.0.0.1:1\"\n"
        "[queues.a]\nsqs = \"http://127.0.0.1:1/a\"\n"
    );
    ProcessOptions options;
    options.argv = {bide_program(), "doctor", "--config", path};
    options.environment = {
        {"AWS_ACCESS_KEY_ID", "id"},
        {"AWS_SECRET_ACCESS_KEY", "hidden"},
        {"AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1"},
        {"AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"}};
    const Ran ran = run(std::move(options));
    EXPECT_EQ(ran.exit.status, 1);
    EXPECT_EQ(ran.error, "");
    for (const char* word :
         {"ok    credentials: key id from environment",
          "FAIL  queue a: ",
          "FAIL  bucket b: ",
          "FAIL  cache: ",
          "3 to mend"})
        EXPECT_NE(ran.output.find(word), std::string::npos) << word << "\nin: " << ran.output;
    EXPECT_EQ(ran.output.find("hidden"), std::string::npos);
}

TEST_F(CommandLine, BadTomlIsRefusedWithFileAndLine) {
    expect_bad_file("[server]\nlisten = \n", {"bide.toml:2"});
    expect_bad_file("[server\n", {"bide.toml:1"});
    expect_bad_file("[queues.a]\nnative = \"echo\"\nnative = \"sleep\"\n", {"bide.toml:3"});
    expect_bad_file("\xff\xfe", {});
}

TEST_F(CommandLine, UnknownKeyIsRefusedWithLineAndNearestKey) {
    expect_bad_file(
        "[server]\n\nlisen = \"127.0.0.1:1\"\n", {"bide.toml:3", "lisen", "\"listen\""}
    );
    expect_bad_file(
        "[queues.a]\nnative = \"echo\"\nconcurency = 2\n",
        {"bide.toml:3", "concurency", "\"concurrency\""}
    );
    expect_bad_file("[sever]\nlisten = \"x\"\n", {"bide.toml:1", "sever", "\"server\""});
    expect_bad_file("[queues.a]\nzzzzzzzzzz = 1\n", {"bide.toml:2", "zzzzzzzzzz"});
}

TEST_F(CommandLine, BadValueIsRefusedWithLineAndKey) {
    expect_bad_file("[server]\nmax_wait = 5\n", {"bide.toml:2", "max_wait"});
    expect_bad_file("[server]\nbody_max = \"big\"\n", {"bide.toml:2", "body_max", "big"});
    expect_bad_file("[server]\nio_threads = 0\n", {"bide.toml:2", "io_threads"});
    expect_bad_file("[queues.a]\nnative = 1\n", {"bide.toml:2", "native"});
    expect_bad_file("[queues.a]\nexec = [1]\n", {"bide.toml:2", "exec"});
    expect_bad_file("[queues.a]\nattempts = 3\n", {"bide.toml:1", "handler"});
    expect_bad_file("[queues.a]\nnative = \"echo\"\nexec = \"cat\"\n", {"one handler"});
    expect_bad_file("[queues]\na = 1\n", {"bide.toml:2", "[queues.a]"});
    expect_bad_file("queues = 1\n", {"bide.toml:1"});
}

TEST_F(CommandLine, ConfigurationWithoutAUsableQueueIsRefused) {
    write_file(directory_ / "bide.toml", "[server]\ndefault_queue = \"b\"\n[queues.a]\nexec=\"x\"");
    expect_bad_flags({"--config", directory_ / "bide.toml"}, {"default_queue", "\"b\""});
    expect_bad_flags({"--config", directory_ / "missing.toml"}, {"missing.toml"});
    expect_bad_flags({"--config", directory_.path()}, {directory_.path()});
}

TEST_F(CommandLine, FlagsWinOverEnvironmentOverFile) {
    write_file(
        directory_ / "bide.toml",
        "[server]\nlisten = \"127.0.0.1:0\"\ndata = \"" + (directory_ / "of-file") +
            "\"\n[queues.a]\nnative = \"echo\"\n"
    );
    ProcessOptions options;
    options.argv = {bide_program(), "serve", "--config", directory_ / "bide.toml"};
    options.error_path = directory_ / "stderr";
    const auto start_and_stop = [&] {
        Process process(options);
        EXPECT_TRUE(process.read_line().value_or("").starts_with("listening on http://127.0.0.1:"));
        process.signal(SIGTERM);
        EXPECT_EQ(process.wait().status, 0);
        EXPECT_EQ(process.read_rest(), "");
    };
    start_and_stop();
    EXPECT_TRUE(fs::exists(directory_ / "of-file"));
    options.environment["BIDE_DATA"] = directory_ / "of-environment";
    fs::remove_all(directory_ / "of-file");
    start_and_stop();
    EXPECT_TRUE(fs::exists(directory_ / "of-environment"));
    EXPECT_FALSE(fs::exists(directory_ / "of-file"));
    fs::remove_all(directory_ / "of-environment");
    options.argv.insert(options.argv.end(), {"--data", directory_ / "of-flag"});
    start_and_stop();
    EXPECT_TRUE(fs::exists(directory_ / "of-flag"));
    EXPECT_FALSE(fs::exists(directory_ / "of-environment"));
    EXPECT_FALSE(fs::exists(directory_ / "of-file"));
}

TEST_F(CommandLine, LogsAreJsonLinesWithoutPayloads) {
    ServerOptions options;
    options.flags = {"--log-level", "debug", "--exec", "sh -c 'echo secret-words >&2; exit 1'"};
    options.flags.insert(options.flags.end(), {"--attempts", "1"});
    Server server(std::move(options));
    EXPECT_EQ(post(server.address(), "/", "secret-payload").status, 502);
    EXPECT_EQ(server.stop().status, 0);
    std::istringstream lines(server.log());
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count)
        EXPECT_TRUE(boost::json::parse(line).as_object().contains("message")) << line;
    EXPECT_GT(count, 0);
    EXPECT_EQ(server.log().find("secret-payload"), std::string::npos);
}

TEST_F(CommandLine, ListensOnAddressesNotOnNames) {
    for (const char* address : {"nohost.invalid:0", "example.com:80", "1.2.3:80", "[::g]:80"})
        expect_bad_flags(
            {"--native", "echo", "--listen", address, "--anonymous"},
            {std::string("--listen: \"") + address + "\"", "IP address", "127.0.0.1"}
        );
    expect_bad_file("[server]\nlisten = \"name:1\"\n", {"bide.toml:2: listen: ", "IP address"});
}

TEST_F(CommandLine, UnknownDefaultQueueIsRefusedWithTheLineAndTheQueues) {
    expect_bad_file(
        "[server]\n\ndefault_queue = \"zz\"\n[queues.a]\nnative = \"echo\"\n[queues.b]\nnative = "
        "\"echo\"\n",
        {"bide.toml:3: default_queue: ", "\"zz\"", "a, b"}
    );
}

TEST_F(CommandLine, QueueTakenOutOfTheFileIsToldWhileJobsWaitInIt) {
    const auto queue = [](const std::string& name) {
        return "[queues." + name + "]\nnative = \"echo\"\n";
    };
    ServerOptions options;
    options.config = queue("old") + queue("new");
    options.data = data_;
    {
        Server server(options);
        for (int job = 0; job < 2; ++job)
            EXPECT_EQ(
                post(
                    server.address(),
                    "/queues/old/jobs",
                    "x",
                    {"Bide-Delay: 600", "Prefer: respond-async"}
                )
                    .status,
                202
            );
        EXPECT_EQ(server.stop().status, 0);
        EXPECT_EQ(server.log().find("not configured"), std::string::npos);
    }
    options.config = queue("new");
    Server server(options);
    EXPECT_NE(
        server.log().find(
            R"("level":"warning","message":"2 open jobs of queue \"old\", which is not configured: )"
            R"(they wait until it is")"
        ),
        std::string::npos
    ) << server.log();
}

TEST_F(CommandLine, CommandThatIsNotThereIsToldAtOnceAndMayStillCome) {
    const std::string nowhere = directory_ / "nowhere";
    write_file(directory_ / "plain", "not executable");
    ServerOptions options;
    options.config = "[queues.a]\nexec = \"no-such-command\"\n[queues.b]\nexec = [\"" +
                     (directory_ / "plain") + "\"]\n[queues.c]\nexec = \"cat\"\ndirectory = \"" +
                     nowhere + "\"\n[queues.d]\nexec = \"cat\"\n[queues.e]\nexec = [\"" +
                     (directory_ / "late") + "\"]\n";
    Server server(options);
    const std::string log = server.log();
    for (const std::string words :
         {R"("level":"warning","message":"queue a: cannot run no-such-command: No such file or directory; it is in no directory of PATH)",
          "queue b: cannot run ",
          "chmod +x",
          "queue c: cannot enter "})
        EXPECT_NE(log.find(words), std::string::npos) << words << "\nin: " << log;
    EXPECT_EQ(log.find("queue d: "), std::string::npos) << log;
    EXPECT_NE(log.find("queue e: "), std::string::npos) << log;
    write_file(directory_ / "late", "#!/bin/sh\necho here\n");
    ::chmod((directory_ / "late").c_str(), 0755);
    EXPECT_EQ(post(server.address(), "/queues/e/jobs", "").body, "here\n");
}

TEST_F(CommandLine, LogSaysWhereTheDashboardIs) {
    ServerOptions options;
    options.flags = {"--native", "echo"};
    Server server(options);
    const std::string address = "http://127.0.0.1:" + std::to_string(server.address().port);
    EXPECT_TRUE(eventually([&] {
        return server.log().find("dashboard: " + address + "/ui/\"") != std::string::npos;
    })) << server.log();
    EXPECT_EQ(get(server.address(), "/ui/").status, 200);
}

// --- what the machine says no to --------------------------------------------------------------

TEST_F(CommandLine, PortInUseIsRefused) {
    // With one thread, and with several that share the port among themselves.
    for (const char* threads : {"1", "3"}) {
        SCOPED_TRACE(threads);
        ServerOptions options;
        options.flags = {"--native", "echo", "--io-threads", threads};
        Server server(std::move(options));
        const std::string listen = "127.0.0.1:" + std::to_string(server.address().port);
        const Ran second =
            serve({"--native", "echo", "--listen", listen, "--data", data_, "--io-threads", threads}
            );
        expect_no(second, 1, {"cannot listen", listen, "in use", "--listen 127.0.0.1:0"});
        EXPECT_EQ(post(server.address(), "/", "x").status, 200);
    }
}

TEST_F(CommandLine, PortOfAStoppedServerIsFreeAtOnce) {
    ServerOptions options;
    options.flags = {"--native", "echo", "--io-threads", "2"};
    Server server(options);
    const Address before = server.address();
    EXPECT_EQ(post(before, "/", "x").status, 200);
    server.kill();
    server.options().listen = "127.0.0.1:" + std::to_string(before.port);
    server.start();
    EXPECT_EQ(server.address().port, before.port);
}

TEST_F(CommandLine, AddressThatIsNotOursIsRefused) {
    const Ran ran =
        serve({"--native", "echo", "--data", data_, "--listen", "192.0.2.1:8080", "--anonymous"});
    expect_no(ran, 1, {"cannot listen", "192.0.2.1"});
}

TEST_F(CommandLine, SecondStartOnTheSameDataIsRefusedAndLeavesTheFirstAlone) {
    ServerOptions options;
    options.flags = {"--exec", "cat"};
    Server server(std::move(options));
    const std::string body(2 << 20, 'b');
    // Half of a large body is on its way into a file of the first.
    Connection upload(server.address());
    upload.send(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body.substr(0, body.size() / 2)
    );
    const std::string temporary = server.data() + "/bodies/tmp";
    ASSERT_TRUE(eventually([&] { return count_files(temporary) == 1; }));

    const Ran second = serve({"--exec", "cat", "--data", server.data()});
    expect_no(second, 1, {"another bide is running", server.data()});

    EXPECT_EQ(count_files(temporary), 1U);
    upload.send(body.substr(body.size() / 2));
    const Response answer = upload.read();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_TRUE(answer.body == body);
}

TEST_F(CommandLine, HalfWrittenBodiesOfACrashAreRemovedAtTheNextStart) {
    ServerOptions options;
    options.flags = {"--exec", "cat"};
    Server server(std::move(options));
    const std::string temporary = server.data() + "/bodies/tmp";
    Connection upload(server.address());
    upload.send(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n" +
        std::string(1'000'000, 'b')
    );
    ASSERT_TRUE(eventually([&] { return count_files(temporary) == 1; }));
    server.kill();
    EXPECT_EQ(count_files(temporary), 1U);
    server.start();
    EXPECT_EQ(count_files(temporary), 0U);
    EXPECT_EQ(count_jobs(server.data()), 0);
}

TEST_F(CommandLine, DataThatCannotBeWrittenIsRefused) {
    const std::string file = directory_ / "file";
    write_file(file, "not a directory");
    expect_no(serve({"--native", "echo", "--data", file}), 1, {"cannot start", file});
    expect_no(serve({"--native", "echo", "--data", file + "/below"}), 1, {"cannot start", file});

    fs::create_directory(directory_ / "locked");
    ::chmod((directory_ / "locked").c_str(), 0555);
    ProcessOptions options;
    options.argv = {bide_program(), "serve", "--native", "echo", "--listen", "127.0.0.1:0"};
    options.without_root_override = true;
    for (const std::string& data : {directory_ / "locked", directory_ / "locked/below"}) {
        ProcessOptions with_data = options;
        with_data.argv.insert(with_data.argv.end(), {"--data", data});
        expect_no(run(with_data), 1, {"cannot start", data, "Permission denied"});
    }
}

TEST_F(CommandLine, DataIsNobodyElsesToReadUnlessTheDirectoryWasMadeSo) {
    const auto mode = [](const std::string& path) {
        return static_cast<unsigned>(fs::status(path).permissions());
    };
    ServerOptions options;
    options.flags = {"--native", "echo"};
    options.data = directory_ / "above/data/";
    const std::string above = directory_ / "above";
    {
        Server server(options);
        EXPECT_EQ(mode(above + "/data"), 0700U);
        EXPECT_EQ(mode(above + "/data/bide.db"), 0600U);
        EXPECT_NE(mode(above), 0700U) << "only what is bide's";
        EXPECT_EQ(server.stop().status, 0);
    }
    ::chmod((above + "/data").c_str(), 0750);
    Server again(options);
    EXPECT_EQ(mode(above + "/data"), 0750U);
}

TEST_F(CommandLine, DatabaseOfAnotherProgramIsRefusedAndLeftAlone) {
    fs::create_directory(data_);
    write_file(data_ + "/bide.db", "");
    change(data_, "CREATE TABLE theirs (x)");
    expect_no(serve({"--native", "echo", "--data", data_}), 1, {"not one of bide's", "--data"});
    EXPECT_EQ(query(data_, "SELECT group_concat(name) FROM sqlite_schema"), "theirs");
}

TEST_F(CommandLine, WhatIsNoDatabaseIsRefusedByName) {
    fs::create_directory(data_);
    write_file(data_ + "/bide.db", std::string(4096, 'x'));
    expect_no(
        serve({"--native", "echo", "--data", data_}), 1, {data_ + "/bide.db: ", "not a database"}
    );
}

TEST_F(CommandLine, MissingFilesOfTlsAreToldAsSuch) {
    const std::string none = directory_ / "none.pem";
    const std::string queue = "[queues.a]\nnative = \"echo\"\n";
    const std::string path = directory_ / "bide.toml";
    write_file(path, "[server]\ntls_cert = \"none.pem\"\ntls_key = \"none.pem\"\n" + queue);
    expect_no(
        serve({"--config", path, "--data", data_}), 2, {none, "for TLS: No such file or directory"}
    );
    write_file(path, "[queues.a]\nhttp = \"https://x/\"\nhttp_ca = \"none.pem\"\n");
    expect_no(
        serve({"--config", path, "--data", data_}), 2, {none + ": No such file or directory"}
    );
}

TEST_F(CommandLine, DatabaseOfANewerVersionIsRefused) {
    ServerOptions options;
    options.flags = {"--native", "echo"};
    Server server(std::move(options));
    EXPECT_EQ(server.stop().status, 0);
    change(server.data(), "PRAGMA user_version = 99");
    expect_no(serve({"--native", "echo", "--data", server.data()}), 1, {"99", "newer"});
}

TEST_F(CommandLine, FrontsAndWorkersSayWhatIsWrongWithTheCache) {
    const std::string path = directory_ / "bide.toml";
    const auto expect_no_start = [&](const std::string& redis, std::vector<std::string> words) {
        write_file(
            path,
            "[aws]\nregion = \"eu-central-1\"\nbucket = \"b\"\n" + redis +
                "\n[queues.q]\nexec = \"cat\"\nsqs = \"http://127.0.0.1:1/q\"\n"
        );
        words.push_back("cannot start");
        for (const char* program : {"front", "worker"}) {
            SCOPED_TRACE(program + (": " + redis));
            ProcessOptions options;
            options.argv = {bide_program(), program, "--config", path, "--data", data_};
            expect_no(run(std::move(options)), 2, words);
        }
    };
    expect_no_start("redis = \"nonsense\"", {"redis://host:6379/0"});
    expect_no_start(
        "redis = \"rediss://127.0.0.1:1\"\nredis_ca = \"/nowhere/ca.pem\"", {"/nowhere/ca.pem"}
    );
}

}  // namespace
}  // namespace bide::test
