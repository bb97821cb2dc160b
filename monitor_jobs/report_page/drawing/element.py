"""Elements of SVG. This is the only place where markup is put together by hand, and everything in it is escaped."""

from markupsafe import Markup, escape

Attribute = str | int | float


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """One element; texts among its children are escaped, elements are not.

    class_ is written as class, stroke_width as stroke-width. Proved by tests/unit/test_report_page_drawing.py.
    """
    written = "".join(f' {_name(key)}="{escape(_value(value))}"' for key, value in attributes.items())
    inside = Markup().join(children)
    return Markup(f"<{name}{written}>{inside}</{name}>" if children else f"<{name}{written}/>")  # noqa: S704


def picture(*marks: str, title: str, description: str, width: int, height: int) -> Markup:
    """A drawing of so many user units that fits the width it is given; title and description are for who cannot see."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *marks,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
    )


def rectangle(*, x: float, y: float, width: float, height: float, kind: str, title: str = "") -> Markup:
    """A filled rectangle; its title is what is shown where a pointer rests."""
    children = [element("title", title)] if title else []
    return element("rect", *children, class_=kind, x=x, y=y, width=max(0.0, width), height=max(0.0, height))


def line(*, x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return element("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2)


def label(text: str, *, x: float, y: float, kind: str = "label", anchor: str = "start") -> Markup:
    """A text; `anchor` says which of its ends is at x: start, middle or end."""
    return element("text", text, class_=kind, x=x, y=y, text_anchor=anchor)


def upright(text: str, *, x: float, y: float) -> Markup:
    """The name of an axis that goes up, read from below; (x, y) is its middle."""
    return element("text", text, class_="tick", text_anchor="middle", transform=f"translate({x} {y}) rotate(-90)")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: Attribute) -> str:
    # A hundredth of a pixel is more than a screen shows.
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
