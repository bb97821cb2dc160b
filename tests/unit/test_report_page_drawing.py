"""The pictures of pages: what they show, that they escape what they are given, and that they say it in words too."""

import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.report import Measurement
from monitor_jobs.report_page.distribution import Histogram, points_of, whole_histogram_of
from monitor_jobs.report_page.drawing.categories import categories
from monitor_jobs.report_page.drawing.completeness import completeness
from monitor_jobs.report_page.drawing.curve import curve, thinned
from monitor_jobs.report_page.drawing.element import element, picture
from monitor_jobs.report_page.drawing.heat_map import heat_map
from monitor_jobs.report_page.drawing.histogram import histogram
from monitor_jobs.report_page.drawing.interval import interval
from monitor_jobs.report_page.drawing.limit import limit_bar
from monitor_jobs.report_page.drawing.scale import Scale, ticks
from monitor_jobs.report_page.drawing.wording import clipped, percent, shown

HOSTILE = '</svg><script>alert("1")</script>&amp;'


def marks(drawing: str, name: str, kind: str = "") -> list[ET.Element]:
    """Its elements of that name and class; a picture that is not well formed raises."""
    found = ET.fromstring(drawing).iter(name)
    return [each for each in found if not kind or kind in each.get("class", "").split()]


def words(drawing: str) -> str:
    (description,) = marks(drawing, "desc")
    return description.text or ""


def measured(value: float, limit: float | None = 1.0, keeps: str = "<=") -> Measurement:
    return Measurement.model_validate(
        {"name": "drift", "value": value, "unit": "ratio", "limit": limit, "keeps": keeps}
    )


def whole_numbers(*values: float) -> Histogram:
    drawn = whole_histogram_of(points_of([values]), None)
    assert drawn is not None
    return drawn


def test_an_elements_texts_and_attributes_are_escaped():
    assert element("text", HOSTILE, class_='a"b').count("<") == 2
    assert element("text", HOSTILE, class_='a"b').startswith('<text class="a&#34;b">&lt;/svg&gt;')


def test_elements_inside_an_element_are_kept():
    assert element("g", element("rect", x=1.0, stroke_width=2)) == '<g><rect x="1" stroke-width="2"/></g>'


def test_a_picture_has_a_name_a_description_and_a_role():
    drawing = picture(title="A < B", description="more", width=10, height=5)
    root = ET.fromstring(drawing)
    assert [(child.tag, child.text) for child in root] == [("title", "A < B"), ("desc", "more")]
    assert (root.get("role"), root.get("viewBox")) == ("img", "0 0 10 5")


@given(st.floats(allow_nan=False), st.floats(-1e100, 1e100), st.floats(1e-3, 1e100))
def test_no_value_is_placed_beyond_the_ends_of_a_scale(value, low, width):
    if low < low + width:
        assert -1e-6 <= Scale(low, low + width, 0.0, 100.0).at(value) <= 100.0 + 1e-6


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12))
def test_ticks_are_few_ascending_and_inside(low, width):
    values = ticks(low, low + width)
    assert len(values) <= 5
    assert values == sorted(values)
    assert all(low <= value <= low + width for value in values)


def test_ticks_are_round():
    assert ticks(0.0, 100.0) == [0.0, 20.0, 40.0, 60.0, 80.0]
    assert ticks(0.0, 0.3, most=3) == pytest.approx([0.0, 0.1, 0.2])
    assert ticks(1.0, 1.0) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.0, "1,234,567"), (0.00012345, "0.0001234"), (13520.7, "13,521"), (-0.5, "-0.5"),
     (1e20, "1e+20"), (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "-∞")],
)  # fmt: skip
def test_numbers_are_written_for_people(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.125, "12.5 %"), (0.0004, "0.04 %"), (0.9996, "99.96 %"), (math.nan, "NaN")],
)
def test_a_share_is_never_rounded_to_none_or_all(share, text):
    assert percent(share) == text


@given(st.text(max_size=200))
def test_a_foreign_text_is_one_printable_line_of_bounded_length(text):
    assert len(clipped(text)) <= 80
    assert clipped(text).isprintable()


def test_marks_that_turn_a_line_round_are_shown_as_what_they_are():
    assert clipped("a\u202eb\ud800\0\n") == "a\ufffdb\ufffd\ufffd\ufffd"


def test_a_histogram_has_a_bar_a_bin_that_holds_something_and_the_baseline_as_a_line():
    drawing = histogram("age", whole_histogram_of(points_of([[1, 1, 2, 4]]), points_of([[1, 2]])))
    assert len(marks(drawing, "rect", "window")) == 3
    assert len(marks(drawing, "path", "baseline")) == 1
    assert "window most often 1, 50.0 % of values" in words(drawing)


def test_bars_are_as_high_as_their_shares():
    bars = marks(histogram("age", whole_numbers(1, 1, 1, 2)), "rect", "window")
    heights = [float(bar.get("height", "")) for bar in bars]
    assert heights[0] == pytest.approx(3 * heights[1])


def test_the_ends_of_an_axis_say_that_they_hold_all_beyond():
    wide = whole_histogram_of(points_of([[*range(50)] * 20 + [10**6]]), None)
    labels = [each.text for each in marks(histogram("age", wide), "text")]
    assert "≥ 48" in labels
    assert "0" in labels


def test_few_whole_numbers_are_named_each():
    labels = [each.text for each in marks(histogram("children", whole_numbers(0, 1, 2, 3)), "text")]
    assert labels[-4:] == ["0", "1", "2", "3"]


def test_categories_are_drawn_on_both_sides_and_others_together():
    drawing = categories("country", ["DE"], {"DE": 0.5, "FR": 0.25, "PL": 0.25}, {"DE": 0.75, "FR": 0.25})
    assert len(marks(drawing, "rect", "window")) == len(marks(drawing, "rect", "baseline-bar")) == 2
    assert "all others 50.0 % in the window, 25.0 % in the baseline" in words(drawing)


def test_a_category_that_one_side_lacks_has_an_empty_bar_there():
    drawing = categories("country", ["XX"], {"XX": 1.0}, {})
    (empty,) = [bar for bar in marks(drawing, "rect", "baseline-bar") if bar.get("width") == "0"]
    assert empty is not None


def test_completeness_says_what_is_there_and_what_has_to_be():
    drawing = completeness("age", window=0.5, baseline=None, least=0.9)
    assert len(marks(drawing, "line", "limit")) == 1
    assert words(drawing) == "50.0 % in the window, 90.0 % at least to be"


@pytest.mark.parametrize(
    ("measurement", "kind"),
    [(measured(0.4, 0.1), "broken"), (measured(0.1, 0.4), "window"), (measured(-3, 0.4, ">="), "broken"),
     (measured(math.inf, 1), "broken"), (measured(-1e308, 1e308, ">="), "broken")],
)  # fmt: skip
def test_a_broken_limit_is_of_another_kind_than_a_kept_one(measurement, kind):
    drawing = limit_bar(measurement)
    assert len(marks(drawing, "rect", kind)) == 1
    assert len(marks(drawing, "line", "limit")) == 1


def test_what_is_no_number_has_a_limit_and_no_bar():
    drawing = limit_bar(measured(math.nan))
    assert [each.get("class") for each in marks(drawing, "rect")] == ["track"]
    assert words(drawing) == "NaN, to keep ≤ 1"


def test_a_limit_of_nothing_is_at_the_beginning():
    (line,) = marks(limit_bar(measured(0, 0)), "line", "limit")
    assert line.get("x1") == "1"


def test_a_confusion_matrix_has_a_cell_for_each_count_and_tells_right_from_wrong():
    drawing = heat_map(["cat", "dog"], [[8, 2], [0, 5]], totals=[10, 5])
    assert len(marks(drawing, "rect", "right")) == 2
    assert len(marks(drawing, "rect", "wrong")) == 1
    assert "13 answers of 15 right" in words(drawing)


def test_many_classes_are_drawn_without_numbers():
    counts = [[1 if row == column else 0 for column in range(40)] for row in range(40)]
    assert not marks(heat_map([str(number) for number in range(40)], counts, totals=[1] * 40), "text", "on-dark")


def test_a_matrix_of_nothing_is_drawn():
    assert "0 answers of 0 right" in words(heat_map([], [], totals=[]))


def test_points_of_a_curve_that_are_no_numbers_are_left_out():
    (line,) = marks(curve("ROC", "", [0, math.nan, 1], [0, 0.5, 1], across="x", up="y"), "polyline")
    assert len((line.get("points") or "").split()) == 2


def test_a_long_curve_keeps_its_ends():
    points = thinned(range(1000), range(1000), most=21)
    assert (len(points), points[0], points[-1]) == (21, (0, 0), (999, 999))


def test_an_interval_is_drawn_around_its_value_beside_the_best_constant_answer():
    drawing = interval("accuracy", 0.9, low=0.8, high=1.2, constant=0.5)
    assert len(marks(drawing, "line", "whisker")) == len(marks(drawing, "line", "limit")) == 1
    assert words(drawing) == "0.9, from 0.8 to 1.2; the best constant answer reaches 0.5"


def test_a_metric_that_is_no_number_is_an_empty_line():
    drawing = interval("auc", math.nan, low=math.nan, high=math.nan, constant=math.nan)
    assert not marks(drawing, "circle")
    assert not marks(drawing, "line")


@given(st.text(max_size=30))
def test_every_picture_of_any_name_is_well_formed(name):
    named = clipped(name)
    drawings = (
        histogram(named, whole_numbers(1, 2)),
        categories(named, [name], {name: 1.0}, None),
        completeness(named, window=1.0, baseline=1.0, least=None),
        heat_map([name], [[1]], totals=[1]),
        interval(named, 0.5, low=0.4, high=0.6, constant=None),
    )
    assert all(marks(drawing, "title") for drawing in drawings)
