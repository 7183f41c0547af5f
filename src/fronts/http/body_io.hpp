#pragma once

#include "base/body.hpp"
#include "base/result.hpp"
#include "fronts/http/shard.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace bide::fronts::http {

namespace beast = boost::beast;
namespace bhttp = beast::http;

using Parser = bhttp::request_parser<bhttp::buffer_body>;

/// The deadline that the shard's tick enforces on what the session's socket does next.
void set_deadline(Shard& shard, Session& session, Duration span);

/// Lets the parser take what the buffer holds. need_more: receive_more(), then again. Parsing apart
/// from reading saves two passes through the scheduler a request, against Beast's read operations.
boost::system::error_code feed(Parser& parser, beast::flat_buffer& buffer);

/// Reads what has come, at most `room` bytes, behind what the buffer holds. The end of the stream
/// is the parser's partial_message.
runtime::Task<boost::system::error_code> receive_more(
    Session& session, beast::flat_buffer& buffer, std::size_t room
);

/// Whether the error is the parser's: the peer's bytes are wrong, not the connection.
bool is_syntax_error(const boost::system::error_code& error);

/// What the parser lets pass although RFC 9112 does not, and what two readers of one connection
/// could understand differently: the host (3.2) and transfer codings (6.1, 6.3).
Result<void> check_head(const Parser::value_type& head);

/// What to tell the peer about an error of the parser or of the socket.
Error request_error(const boost::system::error_code& error, const Session& session, const Options&);

/// Reads the body whose head `parser` holds: into memory, or past the spool's threshold into a
/// file, piece by piece. Answers Expect: 100-continue first. All arguments must outlive the task.
runtime::Task<Result<Body>> receive_body(
    Shard& shard, Session& session, Parser& parser, beast::flat_buffer& buffer
);

/// Sends a body's file piece by piece. False when the connection or the file failed: then the
/// answer is cut short, which the client sees by its length.
runtime::Task<bool> send_file(Shard& shard, Session& session, const BodyFile& file);

}  // namespace bide::fronts::http
