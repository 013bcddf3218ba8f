import subprocess
import sys
from collections.abc import Callable

from core.runs import Run
from tests.pages.visitor import ROOT

VISIT = """
import sys
from tests.pages.visitor import Visitor
from ui.reports.views import VIEWS

visitor = Visitor()
visitor.open("predict").press("Cat")
assert "tiger cat" in visitor.bars()[0]
visitor.open("predict", run=sys.argv[1])
assert visitor.bars()
visitor.open("train")
visitor.open("reports")
for view in VIEWS:
    visitor.open("reports", run=sys.argv[1], view=view)
heavy = {"tensorflow", "keras", "torch"} & set(sys.modules)
assert not heavy, f"the web process has imported {heavy}"
"""


def test_the_web_process_never_imports_tensorflow(run_in: Callable[..., Run]) -> None:
    command = [sys.executable, "-c", VISIT, run_in().id]
    visit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert visit.returncode == 0, visit.stderr[-2000:]
