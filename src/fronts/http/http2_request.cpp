// Requests of HTTP/2: heads, bodies on their way in, questions.
#include "fronts/http/body_intake.hpp"
#include "fronts/http/http2.hpp"
#include "fronts/http/http2_batch.hpp"
#include "service/problem.hpp"

#include <algorithm>
#include <nghttp2/nghttp2.h>
#include <optional>
#include <utility>
#include <variant>

namespace bide::fronts::http {

using core::Answer;

namespace {

/// A body of which so much has come gets a wider window.
constexpr std::uint64_t kLarge = 32 * 1024;

/// A submission's body. Small ones stay in memory; what has to go to disk is kept until the disk
/// has taken what came before, and only then the client may send as much again.
class Intake final : public StreamWork {
  public:
    Intake(Http2Stream& stream, service::SubmitPlan plan, std::uint64_t announced)
        : StreamWork(stream),
          plan_(std::move(plan)),
          maker_(connection().contract().fingerprint_maker(plan_)),
          disk_(std::make_shared<Disk>(connection().shard(), this)),
          began_(connection().now()),
          last_(began_) {
        if (announced <= connection().shard().parts().spool.threshold())
            disk_->intake.provide(static_cast<std::size_t>(announced));
    }
    ~Intake() override { disk_->owner = nullptr; }

    const service::Caller& caller() const { return plan_.caller; }

    void data(std::string_view bytes) override {
        const std::uint64_t most = connection().contract().rules().body_bytes_max;
        received_ += bytes.size();
        last_ = connection().now();
        stream_.held += static_cast<std::uint32_t>(bytes.size());
        if (received_ > most) return refuse(body_too_large(most));
        if (!busy_) intake().provide(static_cast<std::size_t>(received_));
        if (received_ > kLarge && !std::exchange(wide_, true))
            connection().widen(stream_, kBodyPiece);
        if (maker_) maker_->update(bytes);
        if (busy_ || !pending_.empty() || intake().needs_disk(bytes.size())) {
            pending_ += bytes;
            return flush();
        }
        appended(bytes.size(), intake().append(bytes));
    }

    void data_ended() override {
        ended_ = true;
        flush();
    }

    void tick(Time now) override {
        if (ended_ || busy_ || !pending_.empty()) return;
        // From the last byte: while the disk was busy it was not the client who was late.
        const Options& options = connection().shard().options();
        if (body_deadline(options, began_, last_, received_) <= now) refuse(body_too_late());
    }

    /// It may outlive its stream, when it has refused what it got: what the disk says then is of no
    /// interest.
    void leave() override { disk_->owner = nullptr; }

  private:
    /// What the blocking pool uses, perhaps after the stream has gone.
    struct Disk {
        Disk(Shard& shard, Intake* of) : intake(shard, kUncounted), owner(of) {}
        BodyIntake intake;
        Intake* owner;  ///< null when it is gone, or no longer its stream's work
    };

    BodyIntake& intake() { return disk_->intake; }

    void flush() {
        if (busy_) return;
        if (!pending_.empty()) {
            busy_ = true;
            const std::size_t size = pending_.size();
            connection().on_disk(
                [disk = disk_, piece = std::exchange(pending_, {})] {
                    return disk->intake.append(piece);
                },
                [disk = disk_, size](Result<void> done) {
                    if (disk->owner == nullptr) return;
                    disk->owner->busy_ = false;
                    disk->owner->appended(size, std::move(done));
                }
            );
        } else if (ended_) {
            finish();
        }
    }

    void appended(std::size_t size, Result<void> done) {
        connection().consume(stream_, size);
        if (done.has_error()) return refuse(done.error());
        if (!pending_.empty() || ended_) flush();
    }

    void finish() {
        busy_ = true;
        if (!intake().needs_disk(0)) return finished(intake().finish());
        connection().on_disk(
            [disk = disk_] { return disk->intake.finish(); },
            [disk = disk_](Result<Body> body) {
                if (disk->owner != nullptr) disk->owner->finished(std::move(body));
            }
        );
    }

    void finished(Result<Body> body) {
        if (body.has_error()) return refuse(body.error());
        const core::Fingerprint fingerprint = maker_ ? maker_->finish() : core::Fingerprint{};
        connection().submit(stream_, std::move(plan_), std::move(body.value()), fingerprint);
    }

    void refuse(const Error& error) {
        connection().respond(stream_, connection().contract().refuse(plan_.caller, error));
    }

    service::SubmitPlan plan_;
    std::optional<wire::FingerprintMaker> maker_;
    std::shared_ptr<Disk> disk_;
    std::string pending_;  ///< at most a stream's window
    std::uint64_t received_ = 0;
    Time began_;
    Time last_;
    bool busy_ = false;
    bool ended_ = false;
    bool wide_ = false;
};

/// A question to the engine, perhaps in two steps. Between them it shares its terms with others.
class Question final : public StreamWork {
  public:
    Question(Http2Stream& stream, service::AskPlan plan)
        : StreamWork(stream),
          ask_(std::move(plan)),
          terms_(connection().shard().share(std::move(plan))) {}

    void begin() { begin(take_plan()); }

    void take(Answer&& answer) override {
        const service::Contract& contract = connection().contract();
        service::AskPlan plan = take_plan();
        if (contract.next_step(plan, answer)) return begin(std::move(plan));
        if (plan.wait.stream && !stream_.head_only && contract.opens_stream(plan.caller, answer))
            return connection().begin_events(
                stream_, std::move(plan.caller), std::move(plan.wait), std::move(answer)
            );
        connection().respond(stream_, contract.answer(plan, answer, connection().now()));
    }

    bool ticks() const override { return false; }

  private:
    service::AskPlan take_plan() { return {std::move(ask_), *terms_}; }

    void begin(service::AskPlan plan) {
        stream_.waiter = connection().shard().expect(stream_);
        connection().contract().begin(
            connection().engine(), plan, stream_.waiter, connection().now()
        );
        ask_ = std::move(plan);
    }

    service::Ask ask_;
    std::shared_ptr<const service::WaitTerms> terms_;
};

}  // namespace

void Http2::begin_request(std::int32_t id, bool whole) {
    auto* const made = new Http2Stream(*this, id);
    quiet_.push_back(*made);
    nghttp2_session_set_stream_user_data(http_, id, made);
    Http2Stream& stream = *made;
    stream.whole = whole;
    wire::Http2Head fields = std::exchange(head_, wire::Http2Head());
    const auto head = fields.parse();
    if (head.has_error())
        return respond(stream, service::to_reply(service::problem_of(head.error())));
    stream.head_only = head.value().method == "HEAD";
    service::Plan plan =
        contract().understand(head.value().request(), {now(), shard_.connections()});
    if (auto* submission = std::get_if<service::SubmitPlan>(&plan)) {
        begin_submission(stream, std::move(*submission), head.value());
    } else if (auto* question = std::get_if<service::AskPlan>(&plan)) {
        auto work = std::make_unique<Question>(stream, std::move(*question));
        Question& asking = *work;
        become(stream, std::move(work));
        asking.begin();
    } else if (auto* batch = std::get_if<service::BatchPlan>(&plan)) {
        begin_batch(*this, stream, std::move(*batch), head.value().expects_continue);
    } else {
        respond(stream, std::move(std::get<wire::Reply>(plan)));
    }
}

void Http2::begin_submission(
    Http2Stream& stream, service::SubmitPlan plan, const wire::ParsedHead& head
) {
    const std::uint64_t most = contract().rules().body_bytes_max;
    if (head.length > most)
        return respond(stream, contract().refuse(plan.caller, body_too_large(most)));
    if (stream.whole) {
        auto maker = contract().fingerprint_maker(plan);
        const core::Fingerprint fingerprint = maker ? maker->finish() : core::Fingerprint{};
        return submit(stream, std::move(plan), Body{}, fingerprint);
    }
    if (head.expects_continue) invite_body(stream);
    become(stream, std::make_unique<Intake>(stream, std::move(plan), head.length));
}

void Http2::submit(
    Http2Stream& stream, service::SubmitPlan plan, Body body, const core::Fingerprint& fingerprint
) {
    become(stream, nullptr);
    stream.waiter = shard_.expect(stream);
    core::event::Submit event = contract().make_submit(
        plan, std::move(body), fingerprint, engine().make_id(), stream.waiter, now()
    );
    stream.submitted = shard_.share(std::move(plan));
    shard_.parts().engine.submit(std::move(event));
}

void Http2Stream::take(Answer&& answer) {
    if (work) return work->take(std::move(answer));
    if (!submitted) return;
    const std::shared_ptr<const service::WaitTerms> asked = std::move(submitted);
    const service::Contract& contract = connection.contract();
    if (asked->wait.stream && contract.opens_stream(asked->caller, answer))
        return connection.begin_events(*this, asked->caller, asked->wait, std::move(answer));
    connection.respond(*this, contract.answer(*asked, answer, connection.now()));
}

// --- work ---------------------------------------------------------------------------------------

void StreamWork::data(std::string_view bytes) {
    // Nobody wants it: the connection goes on, the stream's window is not opened again.
    connection().discard(bytes.size());
}

Http2& StreamWork::connection() const {
    return stream_.connection;
}

void StreamWork::expect_progress() {
    stuck_at_ = connection().now() + connection().shard().options().write_time_max;
}

void StreamWork::tick(Time now) {
    if (stuck_at_ > now) return;
    stuck_at_ = kNever;
    connection().reset(stream_, NGHTTP2_CANCEL);
}

StreamWork::Read StreamWork::copy(std::string_view bytes, std::size_t& at, std::span<char> room) {
    const std::size_t size = bytes.copy(room.data(), room.size(), at);
    at += size;
    if (at < bytes.size())
        expect_progress();
    else
        expect_nothing();
    return {size, false, false};
}

}  // namespace bide::fronts::http
