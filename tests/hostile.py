"""Hostile names of classes and pictures, and a run that has them."""

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
    """Rename the classes and pictures of a run, and the run."""
    dataset = run.dataset().model_copy(update={"classes": classes, "name": title})
    run.dataset.write(dataset)
    run.write_report(_renamed(run.report(), classes), run.probabilities())
    curve = run.learning_curve()
    if curve is not None:
        sentence = f"Begin with {classes[0]} and {classes[1]}."
        named = {"classes": classes, "sentence": sentence}
        run.learning_curve.write(curve.model_copy(update=named))
    run.complete_with(title, 1e9, 8.0)
    return run


def _renamed(report: Report, classes: tuple[str, ...]) -> Report:
    scores = zip(report.per_class, classes, strict=True)
    update = {
        "classes": classes,
        "headline": f"Right on some; mostly confuses {classes[0]} with {classes[1]}",
        "per_class": tuple(score.model_copy(update={"name": name}) for score, name in scores),
        "predictions": tuple(
            prediction.model_copy(update={"name": f"{classes[prediction.label]}/{place}.jpg"})
            for place, prediction in enumerate(report.predictions)
        ),
    }
    return report.model_copy(update=update)
