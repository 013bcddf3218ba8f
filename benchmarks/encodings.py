"""How often the encoding of class names is found when an archive does not say it.

    python -m benchmarks.encodings

Names of classes in 16 languages are encoded as tools for Windows do, alone and several together.
They are right if they decode to the same words as they were, at first choice or as an alternative
that the page offers.
"""

import random
import sys
from collections.abc import Sequence

from benchmarks.report import Figure, argument_parser, show
from core.archive import name_encodings

TRIALS = 12
"""Draws per encoding, language and number of names."""
COUNTS = {1: 0.85, 2: 0.9, 4: 0.95, 7: 0.95}
"""Names together → required share at first choice."""
WORDS = {
    ("cp437", "cp850", "cp1252"): (
        "Blüte Käfer Löwe Würfel Bär Möhre Tür Schlüssel Vögel Gänseblümchen Äpfel Füße Hühner",
        "été île café chêne forêt pêche poupée vélo fenêtre école arrêt dégât fleur_séchée tête",
    ),
    ("cp850", "cp1252"): (
        "piña araña niño árbol camión león maíz limón pájaro ratón jamón melón tiburón búho",
        "æble træ kød grød sø rødspætte blåbær måge får",
    ),
    ("cp852", "cp1250"): (
        "żółw róża łąka gęś żaba koń świnia mąka ślimak wróbel pszczoła łoś sójka",
        "růže květina kůň želva ovčák pes_střední žába křeček bříza třešně hříbek",
    ),
    ("cp866", "cp1251"): (
        "роза ромашка кошка собака яблоко груша лошадь медведь тюльпан Машина самолёт гриб Ёлка",
    ),
    ("cp737", "cp1253"): ("γάτα σκύλος άλογο λουλούδι ψάρι δέντρο πουλί μήλο τριαντάφυλλο",),
    ("cp857", "cp1254"): ("ağaç ışık çiçek köpek kuş eşek balık güneş üzüm şeftali kırmızı",),
    ("cp862", "cp1255"): ("חתול כלב סוס פרח עץ דגים ציפור שולחן תפוחים",),
    ("cp1256",): ("قطة كلب حصان زهرة شجرة سمكة تفاحة",),
    ("cp874",): ("แมว สุนัข ม้า ดอกไม้ ต้นไม้ ปลา นก",),
    ("cp932",): ("ひまわり バラ 犬 猫 薔薇 さくら りんご 自転車 東京 電車 みかん トマト",),
    ("gb18030",): ("雏菊 玫瑰 猫 狗 郁金香 苹果 汽车 飞机 向日葵 狮子 蒲公英",),
    ("big5",): ("雛菊 玫瑰 貓 狗 鬱金香 蘋果 汽車 飛機 向日葵",),
    ("cp949",): ("고양이 개 장미 튤립 사과 자동차 비행기 나무",),
}
"""Encodings → words of languages that are written in them."""


def figures(trials: int = TRIALS) -> dict[str, Figure]:
    """The shares of names that are right, with the required ones."""
    draw = random.Random(1)
    measured: dict[str, Figure] = {}
    for count, required in COUNTS.items():
        first, offered, listed = [], [], []
        for encodings, languages in WORDS.items():
            for encoding in encodings:
                for words in map(str.split, languages):
                    for _ in range(trials):
                        chosen = draw.sample(words, count)
                        raw = [word.encode(encoding, "replace") for word in chosen]
                        right = [word.decode(encoding) for word in raw]
                        found = [
                            [word.decode(each) for word in raw]
                            for each in name_encodings.plausible(raw)
                        ]
                        first.append(found[:1] == [right])
                        offered.append(right in found)
                        listed.append(len(found))
        label = f"{count} names" if count > 1 else "1 name"
        measured[f"{label}: right at first choice"] = Figure(_mean(first), at_least=required)
        measured[f"{label}: right or offered"] = Figure(_mean(offered), at_least=0.98)
        measured[f"{label}: readings offered"] = Figure(_mean(listed))
    return measured


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the shares."""
    options = argument_parser(__doc__).parse_args(arguments)
    return show(figures(), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
