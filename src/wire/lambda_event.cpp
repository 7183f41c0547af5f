#include "wire/lambda_event.hpp"

#include "wire/base64.hpp"
#include "wire/json_text.hpp"
#include "wire/md5.hpp"
#include "wire/text.hpp"
#include "wire/utf8.hpp"

#include <algorithm>

namespace bide::wire {
namespace {

constexpr std::string_view kAccount = "000000000000";

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_bytes(out, value);
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    if (out.back() != '{') out += ',';
    out += '"';
    out += name;
    out += R"(":{"stringValue":)";
    append_json_bytes(out, value);
    out += R"(,"stringListValues":[],"binaryListValues":[],"dataType":"String"})";
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

std::string arn(
    std::string_view service, std::string_view region, std::string_view kind, std::string_view name
) {
    std::string text = "arn:aws:";
    text += service;
    text += ':';
    text += region;
    text += ':';
    text += kAccount;
    text += ':';
    text += kind;
    text += name;
    return text;
}

}  // namespace

std::string queue_arn(std::string_view region, std::string_view queue) {
    return arn("sqs", region, "", queue);
}

std::string function_arn(std::string_view region, std::string_view queue) {
    return arn("lambda", region, "function:", queue);
}

std::string xray_trace_id(std::string_view traceparent) {
    // 00-TRACE(32)-PARENT(16)-FLAGS(2)
    if (traceparent.size() != 55 || !traceparent.starts_with("00-")) return {};
    if (traceparent[35] != '-' || traceparent[52] != '-') return {};
    const std::string_view trace = traceparent.substr(3, 32);
    const std::string_view parent = traceparent.substr(36, 16);
    const std::string_view flags = traceparent.substr(53);
    if (!is_hex(trace) || !is_hex(parent) || !is_hex(flags)) return {};
    constexpr std::string_view kOdd = "13579bdf";  // the bit "sampled"
    std::string id = "Root=1-";
    id += trace.substr(0, 8);
    id += '-';
    id += trace.substr(8);
    id += ";Parent=";
    id += parent;
    id += kOdd.find(flags[1]) == std::string_view::npos ? ";Sampled=0" : ";Sampled=1";
    return id;
}

std::string traceparent_of(std::string_view xray_trace_id) {
    std::string_view root;
    std::string_view parent;
    bool sampled = false;
    while (!xray_trace_id.empty()) {
        std::string_view value = trim(cut_at(xray_trace_id, ';'));
        const std::string_view name = cut_at(value, '=');
        if (name == "Root") root = value;
        if (name == "Parent") parent = value;
        if (name == "Sampled") sampled = value == "1";
    }
    // 1-TIME(8)-REST(24)
    if (root.size() != 35 || !root.starts_with("1-") || root[10] != '-') return {};
    const std::string_view time = root.substr(2, 8);
    const std::string_view rest = root.substr(11);
    if (!is_hex(time) || !is_hex(rest) || parent.size() != 16 || !is_hex(parent)) return {};
    std::string text = "00-";
    text += time;
    text += rest;
    text += '-';
    text += parent;
    text += sampled ? "-01" : "-00";
    return text;
}

void append_lambda_record(std::string& out, const LambdaMessage& message) {
    std::string encoded;
    std::string_view body = message.body;
    std::string_view encoding;
    if (!message.body_file.empty()) {
        encoding = "file";
        body = message.body_file;
    } else if (!is_utf8(body)) {
        encoding = "base64";
        append_base64(encoded, body);
        body = encoded;
    }
    out += R"({"messageId":")";
    out += to_string(message.id);
    out += '"';
    append_member(out, "receiptHandle", message.receipt);
    append_member(out, "body", body);
    out += R"(,"attributes":{"ApproximateReceiveCount":")";
    out += std::to_string(message.attempt);
    out += R"(","SentTimestamp":")";
    out += std::to_string(message.sent_ms);
    out += R"(","SenderId":"bide","ApproximateFirstReceiveTimestamp":")";
    out += std::to_string(message.received_ms);
    out += '"';
    const std::string trace = xray_trace_id(message.traceparent);
    if (!trace.empty()) append_member(out, "AWSTraceHeader", trace);
    out += R"(},"messageAttributes":{)";
    append_attribute(out, "Queue", message.queue);
    if (!message.content_type.empty()) append_attribute(out, "ContentType", message.content_type);
    if (!message.traceparent.empty()) append_attribute(out, "Traceparent", message.traceparent);
    if (!encoding.empty()) append_attribute(out, "BodyEncoding", encoding);
    out += '}';
    append_member(out, "md5OfBody", md5_hex(body));
    append_member(out, "eventSource", "aws:sqs");
    append_member(out, "eventSourceARN", queue_arn(message.region, message.queue));
    append_member(out, "awsRegion", message.region);
    out += '}';
}

}  // namespace bide::wire
