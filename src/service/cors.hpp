#pragma once

#include "service/access.hpp"
#include "wire/message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bide::service {

/// What Access-Control-Allow-Origin says to this request; empty: nothing.
std::string cors_origin_of(const std::vector<std::string>& allowed, const wire::RequestHead& head);

/// Adds what lets a page of `origin` read the reply.
void add_cors(wire::Reply& reply, const std::string& origin);

/// The answer to OPTIONS on a page with these methods; also to a browser's preflight.
wire::Reply options_reply(std::string_view allow, const std::string& origin);

}  // namespace bide::service
