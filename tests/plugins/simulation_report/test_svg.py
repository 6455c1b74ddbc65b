"""Charts: where things are drawn, and that nothing can break out of them."""

import re

import pytest

from plugins.simulation_report.svg import Area, Band, Chart, Dots, Limit, Line, figure
from plugins.simulation_report.timeline import Mark


def chart(*shapes, **options) -> Chart:
    values = {"edges": (0.0, 0.5, 1.0), "marks": (Mark(0.5, "12:00"),), "include": (0.0, 10.0)}
    return Chart(title="T", unit="kW", shapes=shapes, **(values | options))


def path(html: str, css: str) -> str:
    found = re.search(rf'<path class="{css}" d="([^"]*)"', html.split('class="frame"')[1])
    assert found, css
    return found[1]


def test_a_line_is_steps_at_the_height_of_its_values():
    html = figure(chart(Line("a", "x", [10.0, 5.0])))
    assert path(html, "line x") == "M0.0 0.00H500.0V50.00H1000.0"


def test_a_gap_is_a_gap():
    edges = (0.0, 0.25, 0.5, 1.0)
    html = figure(chart(Line("a", "x", [10.0, None, 5.0]), edges=edges))
    assert path(html, "line x") == "M0.0 0.00H250.0M500.0 50.00H1000.0"


def test_an_area_is_closed_at_zero_and_a_band_at_its_low_values():
    assert path(figure(chart(Area("a", "x", [10.0, 5.0]))), "area x") == (
        "M0.0 0.00H500.0V50.00H1000.0V100.00H500.0V100.00H0.0Z"
    )
    assert path(figure(chart(Band("a", "x", [5.0, 0.0], [10.0, 5.0]))), "band x") == (
        "M0.0 0.00H500.0V50.00H1000.0V100.00H500.0V50.00H0.0Z"
    )


def test_dots_and_limits_are_where_they_should():
    html = figure(chart(Dots("a", "x", [(0.25, 2.5)]), limits=(Limit("high", 5.0),)))
    assert path(html, "dots x") == "M250.0 75.00h0"
    assert path(html, "limit") == "M0 50.00H1000"
    assert 'style="top:50.00%">high<' in html


def test_each_interval_says_its_figures_under_the_pointer():
    html = figure(chart(Line("a", "x", [1.0, 2.0]), hover=["one", "two"]))
    assert re.findall(r"<title>(\w+)</title>", html) == ["one", "two"]


def test_a_chart_without_values_says_so():
    html = figure(chart(Line("a", "x", [None, None]), empty="nothing flowed"))
    assert "nothing flowed" in html
    assert "<svg" not in html


@pytest.mark.parametrize("hostile", ["<script>", '"><b onload=x>', "a & b"])
def test_names_cannot_break_out(hostile: str):
    html = figure(
        Chart(
            title=hostile, unit=hostile, edges=(0.0, 0.5, 1.0), marks=(Mark(0.5, hostile),),
            shapes=(Line(hostile, "x", [1.0, 2.0]), Dots(hostile, "x", [(0, 1)])),
            limits=(Limit(hostile, 1.0),), hover=[hostile, ""], note=hostile,
        )
    )  # fmt: skip
    assert hostile not in html


def test_names_of_limits_stand_beside_the_plot_where_there_is_room():
    shapes, limits = Dots("d", "x", [(0.5, 1.0)]), (Limit("high", 2.0),)
    assert 'class="frame"' in figure(chart(shapes, limits=limits))
    assert 'class="frame labelled"' in figure(chart(shapes, limits=limits, margin=True))
