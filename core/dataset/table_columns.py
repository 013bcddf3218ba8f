"""A column of a table that names pictures: its title, its values, and what these may be."""

import re
from dataclasses import dataclass
from functools import cached_property

from core.dataset import levels
from core.dataset.folder_names import unaccented, vocabulary

LABEL_COLUMNS = vocabulary(
    unaccented("""
label labels class classname class_name classid class_id category categories target dx diagnosis
species breed variety scientificname scientific_name type y choice choices tag tags tagname
annotation annotations answer radio_answer displayname diagnostic disease finding grade klasse
kategorie art sorte krankheit maladie enfermedad doenca malattia
classe categorie etiquette espece clase categoria etiqueta especie etichetta rotulo klasa kategoria
etykieta класс категория метка вид 标签 类别 分类 種類 ラベル クラス カテゴリ 라벨 레이블 클래스
""")
)
# Words of programs and people in several languages.
ON = vocabulary(
    "1 true yes x ✓ ✔ ja wahr oui vrai si sí sì verdadero vero sim verdadeiro tak да 是"
)
_OFF = {"", *vocabulary("0 false no nein falsch non faux falso nao não nie nee нет 否")}
_NO_VALUE = {"", "nan", "null", "n/a", "#n/a", "<na>", "nat", "?", "unlabeled", "unlabelled"}


@dataclass(frozen=True, eq=False)
class TableColumn:
    """A column of a table, with its cells in the rows that name a picture."""

    header: str
    cells: list[str]

    @cached_property
    def title(self) -> str:
        """The words of its header without the path before them: `tags.name` are tags."""
        parts = [re.sub(r"[\s-]+", "_", part) for part in unaccented(self.header).split(".")]
        is_part = parts[-1] in ("name", "value", "title") and len(parts) > 1
        return parts[-2] if is_part else parts[-1]

    @cached_property
    def values(self) -> set[str]:
        """Its different values, as by `mark`."""
        return {mark(cell) for cell in self.cells if is_value(cell)}

    @cached_property
    def is_marks(self) -> bool:
        """Whether it holds marks, such as 0 and 1."""
        return self.values <= ON | _OFF and not self.values.isdisjoint(ON)

    @cached_property
    def has_words(self) -> bool:
        """Whether not all of its values are numbers."""
        return not all(map(is_number, filter(is_value, self.cells)))

    @cached_property
    def partition(self) -> tuple[int, ...]:
        """The number of each cell's value: columns with equal ones divide the pictures alike."""
        return tuple(levels.numbered(self.cells).tolist())

    @property
    def marked(self) -> list[bool]:
        """Which rows are marked."""
        return [mark(cell) in ON for cell in self.cells]


def is_titled(header: str) -> bool:
    """Whether a column has the title of labels."""
    return TableColumn(header, []).title in LABEL_COLUMNS


def is_value(cell: str) -> bool:
    """Whether a cell has a value; programs write several words for none."""
    return cell.casefold() not in _NO_VALUE


def is_number(text: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def mark(cell: str) -> str:
    """A cell without capitals and without zeros after the point: `1.000` is a mark, too."""
    return re.sub(r"[.,]0+$", "", cell.casefold())
