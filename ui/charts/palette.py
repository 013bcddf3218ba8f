"""The colours of every chart: legible on a light and on a dark page, and to the colour-blind."""

ACCENT = "#0D9488"
"""Between the theme's primary colours (#0F766E on light, #2DD4BF on dark): charts do not know
which page they are on."""

WRONG = "#D55E00"
"""Mistakes; always told by place, shape or word as well."""

NEUTRAL = "#7F8A99"
CLEAR = "rgba(0,0,0,0)"

TEXT = "#000037"
"""Streamlit's placeholder for strong text: its browser side puts the page's text colour in its
place. Plotly's own choice there, a pale grey, is hard to read over cells. Anywhere else it is a
near-black; on a dark page without Streamlit, set `layout.font.color` and the axes' tick fonts."""

CLASSES = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#AA4499",
    "#999933",
)
"""Okabe and Ito (2008) without black and yellow, which vanish on one page or the other, and two
of Tol's (2021)."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def class_colour(label: int) -> str:
    """Colour of a class by its index, the same on every chart."""
    return CLASSES[label % len(CLASSES)]


def class_dash(label: int) -> str:
    """Line style of a class: classes that share a colour differ in it, up to 40 of them."""
    return DASHES[label // len(CLASSES) % len(DASHES)]


def tint(colour: str, alpha: float) -> str:
    """A colour `#rrggbb` with opacity 0 to 1, as CSS."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"
