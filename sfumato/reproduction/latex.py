"""A table's content as a LaTeX ``tabular`` (booktabs): every sign of a title that LaTeX would read is escaped."""

from __future__ import annotations

import re

from sfumato.reproduction.render import Content, heading, main_table

BEGIN, END = "\x02", "\x03"  # around a bold number: signs that no title has, so that our own command is not escaped
NAMES = (
    *("alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "o", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega"),
    *("phi", "epsilon", "vartheta", "mu", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon"),
    *("Phi", "Psi", "Omega", "pm", "times", "cdot", "le", "ge", "approx", "ne", "to", "gets", "infty", "surd", "sum"),
)
NAMED = "αβγδεζηθικλμνξοπρςστυφχψωϕϵϑµΓΔΘΛΞΠΣΥΦΨΩ±×·≤≥≈≠→←∞√∑"
ESCAPED = {
    **{sign: f"\\{sign}" for sign in "%&_#${}"},
    **{sign: f"${sign}$" for sign in "<>|"},
    **{sign: f"$\\{name}$" for sign, name in zip(NAMED, NAMES, strict=True)},
    # capitals that Greek shares with Latin have no name in LaTeX
    **{sign: rf"$\mathrm{{{latin}}}$" for sign, latin in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)},
    "−": "$-$",
    "²": "$^2$",
    "³": "$^3$",
    "°": r"$^\circ$",
    "½": r"$\frac12$",
    "¼": r"$\frac14$",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    '"': "''",
    "…": r"\ldots{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "ο": "$o$",
    BEGIN: r"\textbf{",
    END: "}",
}
MINUS = re.compile(r"(?<![\w.-])-(?=[\d.])")  # of a number; a hyphen is not


def latex(content: Content) -> str:
    """Return the main table; letters that are neither Latin nor Greek stay, and need XeLaTeX or LuaLaTeX."""
    heads, body = main_table(content, star="*", strong=f"{BEGIN}{{}}{END}")
    columns = "lll" + "r" * (len(heads) - 3)
    title = " ".join(heading(content).split())  # a second line would be no comment
    top = [f"% {title}", f"\\begin{{tabular}}{{{columns}}}", r"\toprule", _line(heads), r"\midrule"]
    return "\n".join([*top, *map(_line, body), r"\bottomrule", r"\end{tabular}"]) + "\n"


def _line(cells: list[str]) -> str:
    text = " & ".join(map(escaped, cells)) + r" \\"
    return f"{{}}{text}" if text[0] in "[*" else text  # the line break before it would take them for its own


def escaped(text: str) -> str:
    """Return a text as LaTeX prints it, Greek letters and signs of mathematics in math mode."""
    one_line = MINUS.sub("\N{MINUS SIGN}", " ".join(text.split()))
    return "".join(ESCAPED.get(sign, sign) for sign in one_line)
