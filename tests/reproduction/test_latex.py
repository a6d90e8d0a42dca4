"""Titles of any signs become LaTeX that can be read; where there is a pdflatex, it reads it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from table_contents import content, gain, row

from sfumato.reproduction.latex import escaped, latex

COMMANDS = {"textbf", "textbackslash", "textasciitilde", "textasciicircum", "ldots", "mathrm", "frac12", "frac14"}
COMMANDS |= {"toprule", "midrule", "bottomrule", "begin", "end"}
MATHS = {"alpha", "beta", "lambda", "tau", "varepsilon", "pm", "circ", "le", "Sigma", "varsigma", "times", "cdot"}
HARD = 'α .5 λ τ ε Σ ς Α ο, 100 % & a_b #1 ~x ^2 \\cmd{x} $5 <1> | ± − – ½ "q" ² ° ≤ × ·'


def table(title: str) -> dict[str, Any]:
    rows = [row("hard", 0.8), row(title, 0.82, published=81.0, minus_published=-1.0, data=title, setting="[a] %")]
    tested = [gain(title, 0.02, 0.01, data=title, setting="[a] %")]
    return content(rows, tested, title="One\nand two: α", baseline="hard")


def checked(text: str) -> list[list[str]]:
    """Read a tabular as strictly as LaTeX would, by hand; return the cells of its lines.

    Only ASCII; every command is known; braces and dollars are paired in each cell; what stands alone is escaped.
    """
    assert text.isascii()
    first, begin, *lines, end = text.rstrip("\n").split("\n")
    assert first.startswith("% ")
    columns = re.fullmatch(r"\\begin\{tabular\}\{(l*r*)\}", begin)
    assert columns
    assert end == r"\end{tabular}"
    found = []
    for line in lines:
        if line in (r"\toprule", r"\midrule", r"\bottomrule"):
            continue
        assert line.endswith(r" \\")
        assert line[0] not in "[*"
        cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
        assert len(cells) == len(columns[1])
        for cell in cells:
            read(cell)
        found.append([cell.strip() for cell in cells])
    return found


def read(cell: str) -> None:
    depth, math, place = 0, False, 0
    while place < len(cell):
        sign = cell[place]
        if sign == "\\":
            command = re.match(r"\\([A-Za-z]+(12|14)?|[%&_#${}])", cell[place:])
            assert command, cell[place:]
            assert len(command[1]) == 1 or command[1] in (COMMANDS | MATHS), command[1]
            assert math or command[1] not in MATHS | {"mathrm", "frac12", "frac14"}
            place += len(command[0])
            continue
        assert sign not in "%&#~_", cell
        assert sign != "^" or math
        assert sign not in "<>|" or math
        math ^= sign == "$"
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
        place += 1
    assert not math
    assert depth == 0


def test_every_sign_of_a_title_is_escaped() -> None:
    cells = checked(latex(table(HARD)).replace("One and two: α", "One"))
    assert any(r"$\alpha$ .5 $\lambda$ $\tau$ $\varepsilon$" in cell for line in cells for cell in line)
    assert any(r"100 \% \& a\_b \#1" in cell for line in cells for cell in line)


def test_a_title_of_two_lines_stays_in_the_comment() -> None:
    assert latex(table("soft")).startswith("% One and two: α (scale")


def test_a_title_cannot_end_a_line_or_be_taken_for_its_options() -> None:
    text = latex(table("[3] x"))
    assert "\n{}[3] x, [a] \\% & CNN" in text
    assert "\n{}*x" in latex(table("*x"))
    assert r"\textbackslash{}\textbackslash{}" in latex(table("a\\\\b"))


def test_a_bold_number_is_ours_and_a_title_with_its_sign_is_not() -> None:
    text = latex(table("soft"))
    assert r"\textbf{82.00 $\pm$ 1.00}" in text
    assert latex(table(r"\textbf{x}")).count(r"\textbf{") == 1


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("-0.71", "$-$0.71"),
        ("[-0.32, +3.40]", "[$-$0.32, +3.40]"),
        ("self-distillation", "self-distillation"),
        ("LS-2", "LS-2"),
        ("1-2", "1-2"),
        ("体育", "体育"),
        ("é", "é"),
        ("Ω", r"$\Omega$"),
        ("Χ", r"$\mathrm{X}$"),
    ],
)
def test_numbers_have_a_minus_and_words_keep_their_hyphen(given: str, written: str) -> None:
    assert escaped(given) == written


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex here")
def test_pdflatex_reads_it(tmp_path: Path) -> None:
    head = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "table.tex").write_text(head + latex(table(HARD)) + "\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout[-2000:]
