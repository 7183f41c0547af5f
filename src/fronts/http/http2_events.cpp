// A wait told as it goes, as Server-Sent Events over HTTP/2.
#include "fronts/http/http2.hpp"

#include <nghttp2/nghttp2.h>
#include <string>
#include <utility>

namespace bide::fronts::http {

using core::Answer;

namespace {

class Events final : public StreamWork {
  public:
    Events(Http2Stream& stream, service::WaitPlan wait, Answer first)
        : StreamWork(stream), wait_(std::move(wait)) {
        say(connection().contract().stream_opening(first));
        keep(std::move(first));
    }

    void take(Answer&& answer) override { keep(std::move(answer)); }

    Read read(std::span<char> room) override {
        while (at_ == text_.size() && !news_.answers.empty() && !last_) next();
        if (at_ == text_.size()) return {0, last_, false};
        Read read = copy(text_, at_, room);
        read.end = last_ && at_ == text_.size();
        return read;
    }

    void tick(Time now) override {
        if (at_ == text_.size() && news_.answers.empty() && beat_at_ <= now) {
            say(std::string(service::Contract::kHeartbeat));
            connection().resume(stream_);
        }
        StreamWork::tick(now);
    }

  private:
    void keep(Answer answer) {
        // A client that does not read gets the latest news when it reads again. A result that waits
        // for it takes memory: when there is none it has to come again.
        if (answer.outcome) {
            const std::size_t size = answer.outcome->body.bytes.size() + 1;
            memory_ = connection().shard().body_memory().take(2 * size);
            if (!memory_) return connection().reset(stream_, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        news_.put(std::move(answer));
        connection().resume(stream_);
    }

    void next() {
        const Answer answer = std::move(news_.answers.front());
        news_.answers.pop_front();
        last_ = answer.last();
        say(connection().contract().event_text(wait_, answer, connection().now()));
    }

    void say(std::string text) {
        text_ = std::move(text);
        at_ = 0;
        beat_at_ = connection().now() + connection().contract().rules().heartbeat;
        if (!text_.empty()) expect_progress();
    }

    service::WaitPlan wait_;
    Mailbox news_;
    Budget::Share memory_;
    std::string text_;
    std::size_t at_ = 0;
    Time beat_at_ = kNever;
    bool last_ = false;
};

}  // namespace

void Http2::begin_events(
    Http2Stream& stream, service::Caller caller, service::WaitPlan wait, Answer first
) {
    const wire::Reply head = contract().stream_head(caller, first);
    become(stream, std::make_unique<Events>(stream, std::move(wait), std::move(first)));
    send_head(stream, head, HeadOf::stream);
}

}  // namespace bide::fronts::http
