#include "wire/lambda_runtime.hpp"

#include "wire/json_text.hpp"

namespace bide::wire {
namespace {

constexpr std::string_view kRoot = "/2018-06-01/runtime/";
constexpr std::string_view kInvocation = "invocation/";

}  // namespace

LambdaCall parse_lambda_call(std::string_view method, std::string_view target) {
    using Kind = LambdaCall::Kind;
    std::string_view path = target.substr(0, target.find('?'));
    if (!path.starts_with(kRoot)) return {};
    path.remove_prefix(kRoot.size());
    LambdaCall call;
    if (path == "invocation/next") {
        call.kind = method == "GET" ? Kind::next : Kind::wrong_method;
        return call;
    }
    if (path == "init/error") {
        call.kind = Kind::init_error;
    } else if (path.starts_with(kInvocation)) {
        path.remove_prefix(kInvocation.size());
        const std::size_t slash = path.find('/');
        if (slash == 0 || slash == std::string_view::npos) return {};
        const std::string_view what = path.substr(slash + 1);
        if (what != "response" && what != "error") return {};
        call.kind = what == "response" ? Kind::response : Kind::error;
        call.id = path.substr(0, slash);
    }
    if (call.kind != Kind::unknown && method != "POST") call = {Kind::wrong_method, {}};
    return call;
}

std::string lambda_refusal(std::string_view type, std::string_view message) {
    std::string text = R"({"errorMessage":)";
    append_json_bytes(text, message);
    text += R"(,"errorType":)";
    append_json_bytes(text, type);
    text += '}';
    return text;
}

}  // namespace bide::wire
