#include "chart.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

namespace {

constexpr std::size_t kRowsMax = 100'000;

struct Table {
    std::vector<std::string> names;         // one per column; empty without a row of names
    std::vector<std::vector<double>> rows;  // all of one length, at least one
};

/// Cuts off and returns what comes before `separator`.
std::string_view cut(std::string_view& rest, char separator) {
    const auto end = std::min(rest.find(separator), rest.size());
    const std::string_view piece = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return piece;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\"";
    const auto first = text.find_first_not_of(kBlank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<Table> parse(std::string_view csv, std::string& error) {
    Table table;
    for (std::size_t line = 1; !csv.empty(); ++line) {
        const auto refuse = [&](const std::string& why) {
            error = "line " + std::to_string(line) + ": " + why;
            return std::nullopt;
        };
        std::string_view text = trimmed(cut(csv, '\n'));
        if (text.empty()) continue;

        std::vector<double> row;
        std::vector<std::string> words;
        while (!text.empty()) {
            const std::string_view cell = trimmed(cut(text, ','));
            if (const auto value = number(cell)) {
                row.push_back(*value);
            } else {
                words.emplace_back(cell.substr(0, 30));
            }
        }
        if (row.empty() && table.names.empty() && table.rows.empty()) {
            table.names = std::move(words);
            continue;
        }
        if (!words.empty()) return refuse("not all of it are numbers");
        if (!table.rows.empty() && row.size() != table.rows.front().size())
            return refuse("not as many numbers as in the lines before");
        if (table.rows.size() == kRowsMax) return refuse("more than 100000 rows");
        table.rows.push_back(std::move(row));
    }
    if (table.rows.empty()) {
        error = "there are no numbers";
        return std::nullopt;
    }
    return table;
}

/// A range of values laid over a range of pixels.
struct Axis {
    double low = std::numeric_limits<double>::max();
    double high = std::numeric_limits<double>::lowest();
    double pixel_low = 0;
    double pixel_high = 0;

    void include(double value) {
        low = std::min(low, value);
        high = std::max(high, value);
    }

    double pixel(double value) const {
        // Halves, as high - low alone could overflow.
        const double span = high / 2 - low / 2;
        const double part = span > 0 ? (value / 2 - low / 2) / span : 0.5;
        return pixel_low + part * (pixel_high - pixel_low);
    }
};

std::string format(const char* pattern, double a, double b = 0) {
    std::array<char, 160> text{};
    const int length = std::snprintf(text.data(), text.size(), pattern, a, b);
    return {text.data(), static_cast<std::size_t>(length)};
}

/// Bytes of the UTF-8 character that `text` starts with; 0: it starts with none.
std::size_t character_size(std::string_view text) {
    const auto bits = [&](std::size_t at) {
        return static_cast<std::size_t>(std::countl_one(static_cast<unsigned char>(text[at])));
    };
    const std::size_t size = std::max<std::size_t>(bits(0), 1);
    if (bits(0) == 1 || size > 4 || size > text.size()) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if (bits(i) != 1) return 0;
    return size;
}

std::string escaped(std::string_view text) {
    std::string xml;
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const char c = text.front();
        if (c == '<') {
            xml += "&lt;";
        } else if (c == '&') {
            xml += "&amp;";
        } else if (size == 0 || (size == 1 && c < ' ')) {
            xml += '?';
        } else {
            xml += text.substr(0, size);
        }
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return xml;
}

/// Lines and labels at five values of each axis.
std::string grid(const Axis& x, const Axis& y) {
    std::string svg;
    for (int i = 0; i <= 4; ++i) {
        const double part = i / 4.0;
        const double at_x = x.low * (1 - part) + x.high * part;
        const double at_y = y.low * (1 - part) + y.high * part;
        svg += format("<text x='%.1f' y='380' text-anchor='middle'>", x.pixel(at_x));
        svg += format("%.4g</text>\n", at_x);
        svg += format("<path d='M60 %.1fH620' stroke='#ddd'/>", y.pixel(at_y));
        svg += format("<text x='52' y='%.1f' text-anchor='end'>", y.pixel(at_y) + 4);
        svg += format("%.4g</text>\n", at_y);
    }
    return svg;
}

}  // namespace

std::optional<std::string> svg_chart(std::string_view csv, std::string& error) {
    auto table = parse(csv, error);
    if (!table) return std::nullopt;
    auto& [names, rows] = *table;
    if (rows.front().size() == 1) {
        for (std::size_t i = 0; i < rows.size(); ++i)
            rows[i].insert(rows[i].begin(), static_cast<double>(i + 1));
        if (!names.empty()) names.insert(names.begin(), "");
    }

    Axis x{.pixel_low = 60, .pixel_high = 620};
    Axis y{.pixel_low = 360, .pixel_high = 40};
    for (const auto& row : rows) {
        x.include(row.front());
        std::for_each(row.begin() + 1, row.end(), [&](double value) { y.include(value); });
    }

    std::string svg =
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 640 400' font-family='sans-serif' "
        "font-size='12' fill='#444'>\n<rect width='640' height='400' fill='white'/>\n" +
        grid(x, y);
    constexpr std::array kColours = {"#1b6ca8", "#d1495b", "#2e8b57", "#edae49", "#6a4c93"};
    for (std::size_t column = 1; column < rows.front().size(); ++column) {
        const std::string colour = kColours[(column - 1) % kColours.size()];
        svg += "<polyline fill='none' stroke-width='2' stroke='" + colour + "' points='";
        for (const auto& row : rows)
            svg += format("%.1f,%.1f ", x.pixel(row.front()), y.pixel(row[column]));
        svg += "'/>\n";
        if (column < names.size()) {
            svg +=
                format("<text x='%.1f' y='24' fill='", 60 + 110 * static_cast<double>(column - 1));
            svg += colour + "'>" + escaped(names[column]) + "</text>\n";
        }
    }
    return svg + "</svg>\n";
}
