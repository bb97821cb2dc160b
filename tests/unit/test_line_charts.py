"""Charts are well-formed SVG in which each line lies where its values are."""

from xml.etree import ElementTree as ET

from tests.benchmarks.line_charts import HEIGHT, LEFT, TOP, WIDTH, Chart, svg_of

SVG = "{http://www.w3.org/2000/svg}"


def lines_of(*charts):
    """The corners of each line."""
    drawing = ET.fromstring(svg_of(charts, description="what they show"))
    found = [line.attrib["points"].split() for line in drawing.iter(f"{SVG}polyline")]
    return [[tuple(map(float, corner.split(","))) for corner in line] for line in found]


def test_a_line_goes_from_the_lower_left_to_the_upper_right_of_its_axes():
    line, _ = lines_of(Chart("rise", "time", [0, 5, 10], {"one": [0, 1, 2], "other": [2, 2, 2]}))
    assert line == [(LEFT, TOP + HEIGHT), (LEFT + WIDTH / 2, TOP + HEIGHT / 2), (LEFT + WIDTH, TOP)]


def test_values_below_zero_are_within_the_axes():
    (line,) = lines_of(Chart("fall", "time", [0, 1], {"one": [1, -1]}))
    assert line == [(LEFT, TOP), (LEFT + WIDTH, TOP + HEIGHT)]


def test_a_line_at_zero_lies_on_the_axis():
    (line,) = lines_of(Chart("nothing", "time", [0, 1], {"one": [0, 0]}))
    assert {y for _, y in line} == {TOP + HEIGHT}


def test_names_are_text_whatever_they_hold():
    name = '<script>&"'
    drawing = ET.fromstring(svg_of([Chart(name, name, [0, 1], {name: [0, 1]})], description=name))
    assert [text.text for text in drawing.iter(f"{SVG}text")].count(name) == 3
    assert drawing.attrib["aria-label"] == name
