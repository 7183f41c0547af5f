#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Draws CSV as a line chart in SVG. The first column is x and each further one a line; a single
/// column is drawn over its row numbers. A first row without numbers names the columns. When it
/// cannot, `error` says what is wrong with which line.
std::optional<std::string> svg_chart(std::string_view csv, std::string& error);
