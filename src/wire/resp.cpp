#include "wire/resp.hpp"

#include "base/check.hpp"

#include <hiredis/read.h>
#include <utility>

namespace bide::wire {
namespace {

using Kind = RespValue::Kind;

void append_length(std::string& to, char type, std::size_t length) {
    to += type;
    to += std::to_string(length);
    to += "\r\n";
}

Kind kind_of(int type) {
    switch (type) {
        case REDIS_REPLY_STATUS: return Kind::status;
        case REDIS_REPLY_ERROR: return Kind::error;
        default: return Kind::string;
    }
}

}  // namespace

void append_resp_command(std::string& to, const std::vector<std::string>& args) {
    append_length(to, '*', args.size());
    for (const auto& arg : args) {
        append_length(to, '$', arg.size());
        to += arg;
        to += "\r\n";
    }
}

/// The reader builds values through these functions: a value is in the vector of the array that
/// `task` belongs to, or else it is the root, on the heap. Only roots are given back or freed. The
/// address of an array stays while its elements come, since its neighbours come after them.
struct RespDecoder::Inside {
    static void* make(const redisReadTask* task, RespValue value, std::size_t size) {
        Inside& inside = *static_cast<Inside*>(task->privdata);
        inside.taken += sizeof(RespValue) + size;
        if (inside.taken > inside.value_bytes_max) return nullptr;
        if (task->parent == nullptr) return new RespValue(std::move(value));
        return &static_cast<RespValue*>(task->parent->obj)->items.emplace_back(std::move(value));
    }

    // Called from C, which no exception may cross.
    static void* make_string(const redisReadTask* task, char* text, std::size_t size) noexcept {
        return make(task, {kind_of(task->type), 0, std::string(text, size), {}}, size);
    }
    /// The number of elements is the peer's word only: no room is made before they come.
    static void* make_array(const redisReadTask* task, int) noexcept {
        return make(task, {Kind::array, 0, {}, {}}, 0);
    }
    static void* make_integer(const redisReadTask* task, long long integer) noexcept {
        return make(task, {Kind::integer, integer, {}, {}}, 0);
    }
    static void* make_nil(const redisReadTask* task) noexcept { return make(task, {}, 0); }
    static void drop(void* root) noexcept { delete static_cast<RespValue*>(root); }

    std::size_t unread() const { return reader->len - reader->pos; }
    Error too_large() const {
        return {
            Code::too_large,
            Retry::never,
            "a reply takes more than " + std::to_string(value_bytes_max) + " bytes"};
    }

    redisReplyObjectFunctions functions{make_string, make_array, make_integer, make_nil, drop};
    redisReader* reader = nullptr;
    std::size_t value_bytes_max = 0;
    std::size_t taken = 0;  ///< by the value that is being built
};

RespDecoder::RespDecoder(std::size_t value_bytes_max) : inside_(std::make_unique<Inside>()) {
    inside_->value_bytes_max = value_bytes_max;
    inside_->reader = ::redisReaderCreateWithFunctions(&inside_->functions);
    CHECK(inside_->reader != nullptr);
    inside_->reader->privdata = inside_.get();
}

RespDecoder::~RespDecoder() {
    ::redisReaderFree(inside_->reader);
}

void RespDecoder::feed(std::string_view bytes) {
    // Its one error beside an earlier one is a lack of memory, and stays for next() to tell.
    if (!bytes.empty()) ::redisReaderFeed(inside_->reader, bytes.data(), bytes.size());
}

Result<std::optional<RespValue>> RespDecoder::next() {
    Inside& inside = *inside_;
    void* got = nullptr;
    if (::redisReaderGetReply(inside.reader, &got) != REDIS_OK) {
        if (inside.taken > inside.value_bytes_max) return inside.too_large();
        return Error{
            Code::bad_request,
            Retry::never,
            std::string("not a reply of RESP2: ") + inside.reader->errstr};
    }
    if (got == nullptr) {
        if (inside.taken + inside.unread() > inside.value_bytes_max) return inside.too_large();
        return std::optional<RespValue>();
    }
    inside.taken = 0;
    const std::unique_ptr<RespValue> root(static_cast<RespValue*>(got));
    return std::optional(std::move(*root));
}

}  // namespace bide::wire
