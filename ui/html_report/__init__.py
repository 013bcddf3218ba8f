"""A run's report as one HTML file with all pictures and charts, which loads nothing.

Names in it come from visitors and the file is opened on other machines, so there are two
safeguards: everything is escaped, and the page's policy allows no script but the two in this file.
"""

import base64
import hashlib
import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from core.evaluation import describe, wording
from core.export import card
from core.export.card import RunDetails
from core.runs import comparison
from core.runs.run import Run
from ui import text
from ui.charts import bars, certainty, confusion, learning
from ui.html_report import snapshots

HERE = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = "report.html.j2", "report.css", "report.js"
MISTAKES, FILES = 10, 50
"""Most rows of the table of mistakes, and of the files that were left out."""
TALL = 600
"""Pixels from which a chart scrolls inside the page."""
MOST_CLASSES = 150
"""Beyond it a matrix is too large a file and too fine to read."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
PROSE = 900
"""Characters of a sentence with names in it before it is cut."""


def render(run: Run) -> str:
    """The whole report of a complete run.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read.
    """
    details = card.RunDetails(run)
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": lambda estimate: text.unbroken(describe(estimate)),
        "share": lambda value: text.unbroken(text.share(value)),
        "promise": lambda level: text.unbroken(wording.promise(level)),
        "prose": lambda sentence: text.unbroken(text.short(sentence, PROSE)),
        "count": text.count,
        "duration": text.duration,
        "short": text.short,
        "embed": _embed,
    }
    plotly, script = (_script(content) for content in (get_plotlyjs(), _read(SCRIPT)))
    return environment.get_template(
        TEMPLATE
    ).render(
        vars(details),
        policy=_policy(plotly, script),
        style=Markup(_read(STYLE)),  # noqa: S704 - these four are files of ours, or escaped by hand
        plotly=Markup(plotly),  # noqa: S704
        script=Markup(script),  # noqa: S704
        card=Markup(_card(run, details)),  # noqa: S704
        charts=_charts(run, details),
        pictures=snapshots.choose(run, details),
        settings=[
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in comparison.flat(details.config.model_dump(mode="json"))
        ],
        mistakes=details.report.confusion.worst[:MISTAKES],
        files=FILES,
        tall=TALL,
    )


def _charts(run: Run, details: RunDetails) -> dict[str, Figure]:
    report = details.report
    figures = {
        "classes": bars.per_class(report),
        "reliability": certainty.reliability(report.certainty),
        "coverage": certainty.coverage(
            report.certainty, details.threshold.value if details.threshold else None
        ),
        "roc": certainty.class_curves(report, "roc"),
        "precision_recall": certainty.class_curves(report, "precision_recall"),
    }
    if len(report.classes) <= MOST_CLASSES:
        figures["matrix"] = confusion.confusion_matrix(report)
    if epochs := run.epochs():
        figures["training"] = learning.training_curves(epochs, run.kept())
    if details.learning_curve is not None and len(details.learning_curve.points) > 1:
        figures["learning"] = learning.learning_curve(details.learning_curve)
    return figures


def _embed(figure: Figure) -> Markup:
    """A chart as the JSON that the script of the page gives to Plotly."""
    figure.update_layout(template="none", font_family=FONT)
    # In a script element only this sign can begin anything else than JSON.
    return Markup(figure.to_json().replace("<", "\\u003c"))  # noqa: S704 - escaped


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _script(content: str) -> str:
    """A script as a parser passes it on: what is hashed must be what is run."""
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    assert "</script" not in content.lower()
    assert "<!--" not in content
    return content


def _policy(*scripts: str) -> str:
    hashes = (hashlib.sha256(script.encode()).digest() for script in scripts)
    listed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    # Plotly writes styles into the elements that it creates.
    return (
        f"default-src 'none'; script-src {listed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _card(run: Run, details: RunDetails) -> str:
    """The model card as HTML, its headings two levels down, below those of the report."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(card.card(run, details))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{int(token.tag[1]) + 2}"
    return reader.renderer.render(tokens, reader.options, {})
