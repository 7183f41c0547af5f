// Many jobs in one exchange over HTTP/2: lines go up and come down on one stream.
#include "fronts/http/http2_batch.hpp"

#include "fronts/http/body_intake.hpp"
#include "service/batch.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace bide::fronts::http {

namespace {

/// Given to the batch at once.
constexpr std::size_t kPiece = 16 * 1024;

class BatchWork final : public StreamWork {
  public:
    BatchWork(Http2Stream& stream, service::BatchPlan plan, bool expects_continue)
        : StreamWork(stream),
          batch_(
              connection().contract().start_batch(connection().engine(), plan, connection().now())
          ),
          caller_(std::move(plan.caller)),
          last_(connection().now()),
          invite_(expects_continue),
          ended_(stream.whole) {}

    void data(std::string_view bytes) override {
        last_ = connection().now();
        stream_.held += static_cast<std::uint32_t>(bytes.size());
        pending_ += bytes;
        step();
    }

    void data_ended() override {
        ended_ = true;
        step();
    }

    void take(core::Answer&& answer) override {
        batch_->take(std::move(answer), connection().now());
        step();
    }

    /// More is collected only when the client has taken what there was.
    Read read(std::span<char> room) override {
        if (stream_.head_only) return {0, true, false};
        if (at_ == text_.size()) {
            at_ = 0;
            text_ = batch_->take_output();
            if (!text_.empty()) advance();
        }
        if (at_ == text_.size()) return {0, batch_->complete(), false};
        return copy(text_, at_, room);
    }

    void tick(Time now) override {
        StreamWork::tick(now);
        const bool reads = !ended_ && pending_.empty() && batch_->wants_upload();
        if (!reads || now - last_ < connection().shard().options().idle_time_max) return;
        last_ = now;
        if (!begun_)
            return connection().respond(
                stream_, connection().contract().refuse(caller_, body_too_late())
            );
        batch_->upload_failed(body_too_late());
        step();
    }

    void leave() override {
        for (const core::WaiterId waiter : batch_->waiting()) connection().shard().leave(waiter);
    }

    /// As far as it goes without anything more from the client or the engine.
    void step() {
        if (advance() && begun_) connection().resume(stream_);
    }

  private:
    /// False when the stream has become something else.
    bool advance() {
        do {
            begin_items();
            auto head = batch_->head();
            if (!head) continue;
            if (!head->streams) {
                connection().respond(stream_, std::move(head->reply));
                return false;
            }
            begun_ = true;
            connection().send_head(stream_, head->reply, HeadOf::stream);
        } while (feed());
        return true;
    }

    /// A line that is refused takes the number of a wait and begins none.
    void begin_items() {
        Shard& shard = connection().shard();
        std::vector<core::WaiterId> made;
        batch_->begin(
            [this, &shard, &made] { return made.emplace_back(shard.expect(stream_)); },
            connection().now()
        );
        if (made.empty()) return;
        std::vector<core::WaiterId> begun = batch_->waiting();
        std::sort(begun.begin(), begun.end());
        for (const core::WaiterId waiter : made) {
            if (!std::binary_search(begun.begin(), begun.end(), waiter)) shard.forget(waiter);
        }
    }

    bool feed() {
        if (!batch_->wants_upload()) return false;
        if (std::exchange(invite_, false) && !ended_) connection().invite_body(stream_);
        if (!pending_.empty()) {
            const std::size_t size = std::min(kPiece, pending_.size());
            batch_->upload(std::string_view(pending_).substr(0, size));
            pending_.erase(0, size);
            connection().consume(stream_, size);
            return true;
        }
        if (!ended_ || told_end_) return false;
        told_end_ = true;
        batch_->upload_ended();
        return true;
    }

    std::unique_ptr<service::Batch> batch_;
    service::Caller caller_;
    std::string pending_;  ///< not yet given to the batch; at most a stream's window
    std::string text_;     ///< on its way to the client
    std::size_t at_ = 0;
    Time last_;  ///< when something came from the client
    bool invite_;
    bool ended_;  ///< all of the upload is here
    bool told_end_ = false;
    bool begun_ = false;  ///< the head is on its way
};

}  // namespace

void begin_batch(
    Http2& connection, Http2Stream& stream, service::BatchPlan plan, bool expects_continue
) {
    auto work = std::make_unique<BatchWork>(stream, std::move(plan), expects_continue);
    BatchWork& batch = *work;
    connection.become(stream, std::move(work));
    batch.step();
}

}  // namespace bide::fronts::http
