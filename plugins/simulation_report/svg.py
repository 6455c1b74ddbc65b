"""Charts as HTML figures around static SVG, without scripts.

The plot is stretched to the width of the page (`preserveAspectRatio="none"`, strokes keep their
width) while axes and labels are text of the page: so one figure is readable at 390 px, at 1280 px
and on paper. Colours are classes, and each class has a dash pattern of its own as well, so that no
line is told by colour alone. An own module because no light library draws this: pygal and leather
fix sizes, fonts and colours inside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from .scale import Scale, scale_for
from .timeline import Mark

#: The picture's own coordinates; its height is 100, so that percents are heights.
WIDTH, HEIGHT = 1000.0, 100.0
Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One value per interval, drawn as steps. `css` is a class of the page's style."""

    label: str
    css: str
    values: Values


@dataclass(frozen=True, slots=True)
class Area:
    """One value per interval as a filled area from zero."""

    label: str
    css: str
    values: Values


@dataclass(frozen=True, slots=True)
class Band:
    """From a low to a high value per interval, filled."""

    label: str
    css: str
    low: Values
    high: Values


@dataclass(frozen=True, slots=True)
class Dots:
    """Values at moments: `(share of the run, value)`."""

    label: str
    css: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line across the plot with its name."""

    label: str
    value: float


Shape = Line | Area | Band | Dots


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure. `edges` are the intervals' edges as shares of the run; `unit` names the y axis.

    `hover` has one text per interval. `least_span` keeps noise from filling the plot, `include` are
    values that are always in it; `whole` numbers only are marked. `empty` stands for a chart
    without values.
    """

    title: str
    unit: str
    edges: Sequence[float]
    marks: Sequence[Mark]
    shapes: Sequence[Shape]
    limits: Sequence[Limit] = ()
    hover: Sequence[str] = ()
    note: str = ""
    least_span: float = 0.0
    include: Sequence[float] = field(default=())
    whole: bool = False
    small: bool = False
    legend: bool = True
    limits_are: str = "limit"
    #: Leaves room at the right, where the names of limits then stand.
    margin: bool = False
    empty: str = "Nothing to draw: no values in this run."


def figure(chart: Chart) -> str:
    """Return a chart as HTML; one without any value says so."""
    values = _values(chart)
    css = "chart small" if chart.small else "chart"
    if not values:
        return (
            f'<figure class="{css}"><figcaption><b>{escape(chart.title)}</b></figcaption>'
            f'<p class="empty">{escape(chart.empty)}</p></figure>'
        )
    scale = _scale(chart, values)
    note = f'<p class="note">{escape(chart.note)}</p>' if chart.note else ""
    return (
        f'<figure class="{css}"><figcaption><b>{escape(chart.title)}</b> '
        f'<span class="unit">{escape(chart.unit)}</span></figcaption>'
        f"{_legend(chart)}{_frame(chart, scale)}{note}</figure>"
    )


def _frame(chart: Chart, scale: Scale) -> str:
    """Return the plot with its axes."""
    texts = [scale.text(mark) for mark in scale.marks]
    y_labels = "".join(
        f'<span style="top:{scale.percent(y):.2f}%">{escape(text)}</span>'
        for y, text in zip(scale.marks, texts, strict=True)
    )
    x_labels = "".join(
        f'<span{_css(mark)} style="left:{100 * mark.share:.2f}%">{escape(mark.label)}</span>'
        for mark in chart.marks
    )
    limits = "".join(
        f'<span class="limit-label" style="top:{scale.percent(limit.value):.2f}%">'
        f"{escape(limit.label)}</span>"
        for limit in chart.limits
    )
    css = "frame labelled" if chart.margin else "frame"
    return (
        f'<div class="{css}" style="--axis:{max(map(len, texts)) + 2}ch">'
        f'<div class="y-axis" aria-hidden="true">{y_labels}</div>'
        f'<div class="plot">{_picture(chart, scale)}{limits}</div>'
        f'<div class="x-axis" aria-hidden="true">{x_labels}</div></div>'
    )


def _css(mark: Mark) -> str:
    """A label at the right end must not leave the page."""
    return ' class="last"' if mark.share > 0.97 else ""


def _scale(chart: Chart, values: list[float]) -> Scale:
    everything = [*values, *(limit.value for limit in chart.limits), *chart.include]
    low, high = min(everything), max(everything)
    missing = chart.least_span - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    return scale_for(low, high, firm=chart.include, whole=chart.whole)


def _values(chart: Chart) -> list[float]:
    found: list[float] = []
    for shape in chart.shapes:
        match shape:
            case Band():
                found += [v for v in (*shape.low, *shape.high) if v is not None]
            case Dots():
                found += [value for _, value in shape.points]
            case _:
                found += [v for v in shape.values if v is not None]
                found += [0.0] if isinstance(shape, Area) and found else []
    return found


# --- the picture ----------------------------------------------------------------------------------


def _picture(chart: Chart, scale: Scale) -> str:
    grid = "".join(f"M0 {scale.percent(y):.2f}H{WIDTH:g}" for y in scale.marks)
    grid += "".join(f"M{WIDTH * mark.share:.1f} 0V{HEIGHT:g}" for mark in chart.marks)
    parts = [f'<path class="grid" d="{grid}"/>']
    if scale.low < 0 < scale.high:
        parts.append(f'<path class="zero" d="M0 {scale.percent(0):.2f}H{WIDTH:g}"/>')
    parts += [_shape(shape, chart.edges, scale) for shape in chart.shapes]
    parts += [
        f'<path class="limit" d="M0 {scale.percent(x.value):.2f}H{WIDTH:g}"/>' for x in chart.limits
    ]
    parts += _hover(chart)
    spoken = escape(_spoken(chart))
    title = "" if chart.hover else f"<title>{spoken}</title>"
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{spoken}">{title}{"".join(parts)}</svg>'
    )


def _spoken(chart: Chart) -> str:
    """Say in a sentence what a picture shows, for who cannot see it."""
    values = _values(chart)
    labels = ", ".join(shape.label for shape in chart.shapes)
    return f"{chart.title} in {chart.unit}: {labels}; from {min(values):.4g} to {max(values):.4g}"


def _shape(shape: Shape, edges: Sequence[float], scale: Scale) -> str:
    css = escape(shape.css)
    match shape:
        case Line():
            return f'<path class="line {css}" d="{_steps(shape.values, edges, scale)}"/>'
        case Area():
            zero = [None if v is None else 0.0 for v in shape.values]
            outline = _outline(zero, shape.values, edges, scale)
            return f'<path class="area {css}" d="{outline}"/>'
        case Band():
            outline = _outline(shape.low, shape.high, edges, scale)
            return f'<path class="band {css}" d="{outline}"/>'
        case Dots():
            # A line without length and with round ends is a dot whatever the plot's stretch.
            path = "".join(f"M{WIDTH * x:.1f} {scale.percent(y):.2f}h0" for x, y in shape.points)
            return f'<path class="dots {css}" d="{path}"/>'


def _steps(values: Values, edges: Sequence[float], scale: Scale) -> str:
    path, pen_down, last = [], False, ""
    for i, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        y = f"{scale.percent(value):.2f}"
        if not pen_down:
            path.append(f"M{WIDTH * edges[i]:.1f} {y}")
        elif y != last:
            path.append(f"V{y}")
        path.append(f"H{WIDTH * edges[i + 1]:.1f}")
        pen_down, last = True, y
    return "".join(path)


def _outline(low: Values, high: Values, edges: Sequence[float], scale: Scale) -> str:
    """Return the closed outlines between two series, one for each run of intervals with values."""
    path: list[str] = []
    runs: list[list[int]] = [[]]
    for i in range(len(high)):
        if low[i] is None or high[i] is None:
            runs.append([])
        else:
            runs[-1].append(i)
    for run in filter(None, runs):
        upper = _steps([high[i] for i in run], [edges[i] for i in (*run, run[-1] + 1)], scale)
        path.append(upper)
        path += [
            f"V{scale.percent(low[i] or 0.0):.2f}H{WIDTH * edges[i]:.1f}" for i in reversed(run)
        ]
        path.append("Z")
    return "".join(path)


def _hover(chart: Chart) -> list[str]:
    """Return an invisible column per interval that shows its figures under the pointer."""
    return [
        f'<rect class="hover" x="{WIDTH * chart.edges[i]:.1f}" y="0" '
        f'width="{WIDTH * (chart.edges[i + 1] - chart.edges[i]):.1f}" height="{HEIGHT:g}">'
        f"<title>{escape(text)}</title></rect>"
        for i, text in enumerate(chart.hover)
    ]


def _legend(chart: Chart) -> str:
    if chart.small or not chart.legend or (len(chart.shapes) < 2 and not chart.limits):
        return ""
    entries = "".join(f"<li>{_key(shape)}{escape(shape.label)}</li>" for shape in chart.shapes)
    if chart.limits:
        key = '<svg class="key" viewBox="0 0 26 12"><path class="limit" d="M1 6H25"/></svg>'
        entries += f"<li>{key}{escape(chart.limits_are)}</li>"
    return f'<ul class="legend">{entries}</ul>'


def _key(shape: Shape) -> str:
    kind, path = _KEYS[type(shape)]
    css = f"{kind} {escape(shape.css)}"
    return (
        f'<svg class="key" viewBox="0 0 26 12" aria-hidden="true">'
        f'<path class="{css}" d="{path}"/></svg>'
    )


_KEYS = {
    Line: ("line", "M1 6H25"),
    Dots: ("dots", "M6 6h0M20 6h0"),
    Area: ("area", "M1 2H25V10H1Z"),
    Band: ("band", "M1 2H25V10H1Z"),
}
