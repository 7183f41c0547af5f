#pragma once

#include <span>
#include <string_view>

namespace bide {

/// A file of the source tree that is a part of the program (cmake/embed.cmake).
struct EmbeddedDocument {
    std::string_view path;  ///< where the server shows it
    std::string_view content_type;
    std::string_view text;
};

/// The interface's description, a page for each type of problem, and the dashboard.
std::span<const EmbeddedDocument> documents();

}  // namespace bide
