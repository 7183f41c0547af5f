#pragma once

#include "runtime/http2_peer.hpp"

namespace bide::runtime {

/// Whose time is what the test says.
class SetClock final : public Clock {
  public:
    Time now() const override { return time_.load(); }
    void advance(Duration span) { time_ = time_.load() + span; }

  private:
    std::atomic<Time> time_{Time(std::chrono::hours(500'000))};
};

/// A client over HTTP/2.
class Http2ClientTest : public HttpClientTest {
  protected:
    static HttpClientOptions over_http2() {
        HttpClientOptions options;
        options.http2 = true;
        return options;
    }
    Http2ClientTest() { client(over_http2()); }
    ~Http2ClientTest() override {
        on_thread([this] { client_.reset(); });  // before its clock
    }

    /// Another client, with this clock and these rules.
    void use(const Clock& clock, HttpClientOptions options) {
        on_thread([&] {
            client_ = std::make_unique<HttpClient>(
                context_.get_executor(), pool_, clock, std::move(options)
            );
        });
    }
    static std::string body_of(const HttpResult& result) {
        return result ? bytes_of(result.value().body) : "failed: " + result.error().detail;
    }

    SetClock set_clock_;  ///< for use()
};

/// Whether it comes when time goes by, `step` in each millisecond, for ten seconds.
template <class Future>
bool comes(Future&& future, SetClock& clock, Duration step) {
    for (int turn = 0; turn < 10'000; ++turn) {
        if (future.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready) return true;
        clock.advance(step);
    }
    return false;
}

inline Http2Talk::Script echo() {
    Http2Talk::Script script;
    script.on_request = [](Http2Talk& talk, Http2Talk::Request& request) {
        talk.answer(request.id, 200, {}, request.body);
    };
    return script;
}

}  // namespace bide::runtime
