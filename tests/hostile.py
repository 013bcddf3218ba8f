"""Names as nobody should choose them, and a run whose classes and pictures are called so."""

from core.evaluation import Report
from core.runs.run import Run

CLASSES = (
    "**bold** | _cell_",
    "</script><script>document.title='run'</script>",
    "[link](javascript:x) `c` $x^2$\n# h",
    "<img src=x onerror=alert(1)> & 'quoted' \"twice\"",
)
TITLE = "# title </title><b>x</b>"


def renamed(run: Run, classes: tuple[str, ...] = CLASSES, title: str = TITLE) -> Run:
    """The run as it would be if its classes, its pictures and itself were called so."""
    dataset = run.dataset().model_copy(update={"classes": classes, "name": title})
    run.write_dataset(dataset)
    run.write_report(_renamed(run.report(), classes), run.probabilities())
    curve = run.learning_curve()
    if curve is not None:
        sentence = f"Begin with {classes[0]} and {classes[1]}."
        named = {"classes": classes, "sentence": sentence}
        run.write_learning_curve(curve.model_copy(update=named))
    run.complete_with(title, 1e9, 8.0)
    return run


def _renamed(report: Report, classes: tuple[str, ...]) -> Report:
    scores = zip(report.per_class, classes, strict=True)
    update = {
        "classes": classes,
        "headline": f"Right on some; mostly confuses {classes[0]} with {classes[1]}",
        "per_class": tuple(score.model_copy(update={"name": name}) for score, name in scores),
        "predictions": tuple(
            said.model_copy(update={"name": f"{classes[said.label]}/{place}.jpg"})
            for place, said in enumerate(report.predictions)
        ),
    }
    return report.model_copy(update=update)
