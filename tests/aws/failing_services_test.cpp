// The clients of AWS when the services fail: real servers behind proxies that do what those never
// do (tests/aws/faults.py). tests/aws/services.py starts them, and says in the environment where.
#include "clients/aws_fixture.hpp"
#include "clients/s3_client.hpp"
#include "clients/sqs_client.hpp"
#include "support/http.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using Kind = AwsFailure::Kind;

std::string said(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr)
        throw std::runtime_error(std::string(name) + " is not set; start me with services.py run");
    return value;
}

/// One of the proxies (tests/aws/faults.py).
class Faults {
  public:
    explicit Faults(const char* variable) : address_(test::parse_url(said(variable))) {}
    Faults(const Faults&) = delete;
    Faults& operator=(const Faults&) = delete;
    ~Faults() {
        tell("/link", "open");
        if (ruled_) tell("/rules", "[]");
    }

    void rules(const std::string& text) {
        ruled_ = true;
        tell("/rules", text);
    }
    void link(const std::string& mode) { tell("/link", mode); }

  private:
    void tell(const std::string& page, const std::string& body) {
        const auto answer = test::ask(address_, {"PUT", page, {}, body});
        if (answer.status != 200) throw std::runtime_error(answer.body);
    }

    test::Address address_;
    bool ruled_ = false;
};

/// Hands out others when these are rejected, which are as good.
class RenewedCredentials final : public CredentialsProvider {
  public:
    explicit RenewedCredentials(std::string secret) : secret_(std::move(secret)) { renew(); }
    runtime::Task<Result<CredentialsPtr>> get() override { co_return now_; }
    void reject(CredentialsPtr) override {
        ++rejected;
        renew();
    }

    std::atomic<int> rejected{0};

  private:
    void renew() {
        now_ = std::make_shared<const wire::AwsCredentials>(wire::AwsCredentials{
            said("AWS_ACCESS_KEY_ID"), secret_, "", kNever});
    }

    std::string secret_;
    CredentialsPtr now_;
};

class ServicesTest : public ClientsTest {
  protected:
    ServicesTest() { time_.set(SystemClock().now()); }
    ~ServicesTest() override {
        on_thread([this] {
            s3_.reset();
            sqs_.reset();
            aws_.reset();
        });
    }

    void open(std::string secret = said("AWS_SECRET_ACCESS_KEY")) {
        AwsOptions options;
        options.place.region = said("AWS_REGION");
        options.place.endpoints["s3"] = said("AWS_ENDPOINT_URL_S3");
        options.place.endpoints["sqs"] = said("AWS_ENDPOINT_URL_SQS");
        options.backoff_base = options.throttle_base = 5ms;
        credentials_ = std::make_unique<RenewedCredentials>(std::move(secret));
        auto& http = client();
        on_thread([&] {
            const auto executor = context_.get_executor();
            aws_ = std::make_unique<AwsClient>(
                executor, http, pool_, *credentials_, time_, Rng(1), options
            );
            s3_ = std::make_unique<S3Client>(
                executor, *aws_, pool_, *spool_, Rng(2), said("BIDE_S3_BUCKET")
            );
            sqs_ = std::make_unique<SqsClient>(executor, *aws_, time_, Rng(3));
        });
    }

    S3Client& s3() {
        if (!s3_) open();
        return *s3_;
    }
    SqsClient& sqs() {
        if (!sqs_) open();
        return *sqs_;
    }

    /// A key that no other test uses.
    std::string key(const std::string& name) {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        return std::string(test->name()) + "/" + name;
    }
    S3Put put_of(std::string key, std::string bytes, bool if_absent = true) {
        S3Put put;
        put.key = std::move(key);
        put.facts = {"image/png", {{"bide", "1"}, {"bide-state", "succeeded"}}};
        put.body = std::make_shared<Body>(Body{std::move(bytes), nullptr});
        put.if_absent = if_absent;
        return put;
    }
    template <class T>
    T value_of(AwsOutcome<T> outcome) {
        if (outcome.has_value()) {
            if constexpr (!std::is_void_v<T>) return std::move(outcome).value();
        } else {
            const AwsFailure& why = outcome.error();
            throw std::runtime_error(
                "kind " + std::to_string(static_cast<int>(why.kind)) + ", " +
                std::to_string(why.status) + " " + why.code + ": " + why.detail
            );
        }
    }
    S3Made put(S3Put what) { return value_of(run(s3().put(std::move(what)))); }
    std::string text_of(const std::string& key) {
        const auto object = value_of(run(s3().get(key, {})));
        return object ? bytes_of(object->body) : "(there is none)";
    }

    std::unique_ptr<RenewedCredentials> credentials_;
    std::unique_ptr<AwsClient> aws_;
    std::unique_ptr<S3Client> s3_;
    std::unique_ptr<SqsClient> sqs_;
};

class FailingS3 : public ServicesTest {
  protected:
    Faults faults_{"BIDE_FAULTS_S3"};
};

TEST_F(FailingS3, AWrongSecretIsRefused) {
    open("wrong");
    const auto outcome = run(s3().put(put_of(key("1"), "x")));
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().status, 403);
    EXPECT_EQ(outcome.error().code, "SignatureDoesNotMatch");
}

TEST_F(FailingS3, AClockThatIsWrongIsCorrected) {
    time_.advance(-2h);
    EXPECT_EQ(put(put_of(key("1"), "x")), S3Made::made);
    EXPECT_EQ(text_of(key("1")), "x");
}

TEST_F(FailingS3, ConflictsAndTroublesPass) {
    for (const char* error : {"conflict", "throttled", "internal", "unavailable"}) {
        SCOPED_TRACE(error);
        faults_.rules(
            std::string(R"([{"fault": "error", "count": 2, "error": ")") + error + R"("}])"
        );
        EXPECT_EQ(put(put_of(key(error), error)), S3Made::made);
    }
}

TEST_F(FailingS3, ExpiredCredentialsAreRenewedOnce) {
    faults_.rules(R"([{"fault": "error", "count": 1, "error": "expired"}])");
    EXPECT_EQ(put(put_of(key("1"), "x")), S3Made::made);
    EXPECT_EQ(credentials_->rejected, 1);
}

TEST_F(FailingS3, APutWhoseAnswerIsLostIsThere) {
    faults_.rules(R"([{"fault": "cut_after", "count": 1}])");
    EXPECT_EQ(put(put_of(key("1"), "x")), S3Made::was_there);  // by itself
    EXPECT_EQ(text_of(key("1")), "x");
}

TEST_F(FailingS3, CutAnswersAreAskedForAgain) {
    const std::string bytes = pattern(100'000);
    put(put_of(key("1"), bytes));
    for (const char* fault : {"cut_before", "cut_after", "cut_half"}) {
        SCOPED_TRACE(fault);
        faults_.rules(std::string(R"([{"count": 2, "fault": ")") + fault + R"("}])");
        EXPECT_EQ(text_of(key("1")), bytes);
    }
    faults_.rules(R"([{"fault": "drip", "seconds": [0.3, 0.3]}])");
    EXPECT_EQ(text_of(key("1")), bytes);
}

TEST_F(FailingS3, NobodyListens) {
    faults_.link("refuse");
    const auto outcome = run(s3().put(put_of(key("1"), "x")));
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().kind, Kind::unavailable);
    faults_.link("open");
    EXPECT_EQ(put(put_of(key("1"), "x")), S3Made::made);
}

class FailingSqs : public ServicesTest {
  protected:
    FailingSqs() {
        // What other tests left.
        for (;;) {
            const auto left = receive(0);
            if (left.empty()) break;
            for (const auto& message : left) remove(message);
        }
    }
    SqsSend message(std::string body) { return {queue_, std::move(body), 0, ""}; }
    std::vector<SqsMessage> receive(std::uint32_t wait_s = 5, std::uint32_t visibility_s = 30) {
        SqsReceive order;
        order.queue_url = queue_;
        order.limits.count_max = 10;
        order.limits.wait_s = wait_s;
        order.limits.visibility_s = visibility_s;
        return value_of(run(sqs().receive(std::move(order))));
    }
    void remove(const SqsMessage& message) {
        value_of(run(sqs().remove(queue_, message.receipt_handle)));
    }
    /// Receives and removes so many; their bodies.
    std::multiset<std::string> take(std::size_t count) {
        std::multiset<std::string> bodies;
        while (bodies.size() < count) {
            const auto got = receive();
            if (got.empty()) break;
            for (const auto& each : got) {
                bodies.insert(each.body);
                remove(each);
            }
        }
        return bodies;
    }

    Faults faults_{"BIDE_FAULTS_SQS"};
    const std::string queue_ = said("BIDE_SQS_QUEUE");
};

TEST_F(FailingSqs, TroublesPass) {
    int number = 0;
    for (const char* error :
         {"internal", "unavailable", "throttled", "request_throttled", "expired"}) {
        SCOPED_TRACE(error);
        faults_.rules(
            std::string(R"([{"fault": "error", "count": 1, "error": ")") + error + R"("}])"
        );
        value_of(run(sqs().send(message("job " + std::to_string(++number)))));
    }
    EXPECT_EQ(take(5).size(), 5U);
    EXPECT_EQ(credentials_->rejected, 1);
}

TEST_F(FailingSqs, NothingIsLostWithAnAnswer) {
    faults_.rules(R"([{"fault": "cut_after", "share": 0.3, "match": "^SendMessage"},
                      {"fault": "cut_before", "share": 0.3, "match": "^SendMessage"},
                      {"fault": "cut_half", "share": 0.3, "match": "^(Delete|Receive)Message"}])");
    std::vector<std::future<AwsOutcome<void>>> sends;
    std::set<std::string> sent;
    for (int i = 0; i < 50; ++i) {
        const std::string body = "job " + std::to_string(i);
        sends.push_back(begin(sqs().send(message(body))));
        sent.insert(body);
    }
    std::set<std::string> taken;
    for (auto& send : sends) {
        const auto outcome = send.get();
        EXPECT_TRUE(outcome.has_value() || outcome.error().may_have_happened);
    }
    faults_.rules("[]");
    for (;;) {
        const auto got = receive(1);
        if (got.empty()) break;
        for (const auto& each : got) {
            taken.insert(each.body);
            remove(each);
        }
    }
    // Each call has four tries, half of them fail: three times in four the message is there.
    EXPECT_GT(taken.size(), 10U);
    for (const std::string& body : taken) EXPECT_TRUE(sent.contains(body)) << body;
}

TEST_F(FailingSqs, ALongPollEndsWhenItIsStopped) {
    std::stop_source stop;
    SqsReceive order;
    order.queue_url = queue_;
    order.limits.wait_s = 20;
    order.stop = stop.get_token();
    auto poll = begin(sqs().receive(std::move(order)));
    EXPECT_EQ(poll.wait_for(300ms), std::future_status::timeout);
    stop.request_stop();
    const auto outcome = poll.get();
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().kind, Kind::stopped);
}

}  // namespace
}  // namespace bide::clients
