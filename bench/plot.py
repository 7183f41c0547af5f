"""Line charts as SVG, with nothing but text."""
import html
import math

WIDTH, HEIGHT = 860, 460
LEFT, TOP, RIGHT, BOTTOM = 78, 56, 300, 60  # room for axes, title and legend
COLOURS = ("#0b6e4f", "#1f77b4", "#d1495b", "#8e5ea2", "#c77c02", "#4c4c4c", "#17a2a2", "#a0522d",
           "#6b8e23", "#cc79a7")
DASHES = ("", "7 3", "2 3", "9 3 2 3")


def short(number):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


class Axis:
    """A range of numbers on a stretch of pixels, logarithmic."""

    def __init__(self, values, start, end, whole_decades):
        low, high = math.log10(min(values)), math.log10(max(values))
        if whole_decades:
            low, high = math.floor(low), math.ceil(high)
        self.low, self.high = low, high if high > low else low + 1
        self.start, self.end = start, end

    def at(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def decades(self):
        return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]


def text(x, y, words, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{html.escape(str(words))}</text>'


def line(x1, y1, x2, y2, colour="#ddd"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def chart(title, x_label, y_label, series):
    """series: [(name, [(x, y)])], both axes logarithmic; the legend has the order of the last y."""
    series = [(name, [(x, y) for x, y in points if x > 0 and y > 0]) for name, points in series]
    series = [one for one in series if one[1]]
    if not series:
        return ""
    series.sort(key=lambda one: -one[1][-1][1])
    xs = sorted({x for _, points in series for x, _ in points})
    across = Axis(xs, LEFT, WIDTH - RIGHT, False)
    up = Axis([y for _, points in series for _, y in points], HEIGHT - BOTTOM, TOP, True)
    made = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="sans-serif" font-size="12" fill="#222">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            text(LEFT, 26, title, 'font-size="16" font-weight="bold"'),
            text(LEFT, TOP - 10, y_label),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_label, 'text-anchor="middle"')]
    for y in up.decades():
        made += [line(LEFT, up.at(y), WIDTH - RIGHT, up.at(y)),
                 text(LEFT - 8, up.at(y) + 4, short(y), 'text-anchor="end"')]
    for x in xs:
        made += [line(across.at(x), TOP, across.at(x), HEIGHT - BOTTOM, "#eee"),
                 text(across.at(x), HEIGHT - BOTTOM + 18, f"{x:,}", 'text-anchor="middle"')]
    for number, (name, points) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        stroke = f'stroke="{colour}" stroke-width="2" fill="none" stroke-dasharray="{dash}"'
        made.append(f'<polyline points="{path}" {stroke}/>')
        made += [f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{colour}"/>'
                 for x, y in points]
        y = TOP + 8 + number * 20
        made += [f'<polyline points="{WIDTH - RIGHT + 20},{y - 4} {WIDTH - RIGHT + 48},{y - 4}" '
                 f'{stroke}/>', text(WIDTH - RIGHT + 54, y, name)]
    return "\n".join([*made, "</svg>", ""])
