"""The HTML page: the table, each statement with its picture, and open points."""

from html import escape

from ._links import graded, links
from ._pictures import PICTURES
from ._run import Claim, Outcome
from ._svg import STYLE
from ._words import FAIR, INTRODUCTION, LETTERS_USED, OPEN, pretty, short

TITLE = "Statements of the paper under test"
PAGE_STYLE = """
:root{color-scheme:light dark;--ink:#1f2328;--quiet:#59636e;--paper:#fff;--rule:#d1d9e0;
--soft:#f3f5f7;--link:#0b62c4;--good:#14713a;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--quiet:#9aa6b2;--paper:#0f1419;
--rule:#3a434d;--soft:#1a2129;--link:#6cb6ff;--good:#6fdd8b;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.2rem;margin:0 0 .4rem}
h3{font-size:1rem;margin:1rem 0 .2rem}
a{color:var(--link)}.quiet{color:var(--quiet)}.good{color:var(--good)}.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}
th,td{padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
.number{text-align:right;white-space:nowrap}
section{border-top:1px solid var(--rule);padding:1.2rem 0}
.statement{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
.formula{background:var(--soft);padding:.5rem .7rem;border-radius:4px;font-family:ui-monospace,
monospace;font-size:.9rem}
code{font-family:ui-monospace,monospace;font-size:.88em}
dl{margin:0}dt{font-weight:600;margin-top:.4rem}dd{margin:0}
summary{cursor:pointer;margin-top:1rem}ul{margin:.3rem 0;padding-left:1.2rem}
figure{margin:0;max-width:30rem}figcaption{font-size:.88rem;color:var(--quiet)}
svg{display:block;width:100%;height:auto}
@media (min-width:60rem){.statement{
grid-template-columns:minmax(0,3fr) minmax(0,2fr)}.statement>div{grid-column:1}
.statement>figure{grid-column:2;grid-row:1/span 2}}
@media (max-width:40rem){thead{display:none}tr{display:block;padding:.5rem 0;
border-bottom:1px solid var(--rule)}td{display:block;border:0;padding:0}
.number{text-align:left}td[data-name]:before{content:attr(data-name) " ";color:var(--quiet)}}
"""


def page(found: list[Outcome], note: str) -> str:
    """Return the page; `note` has the options of the run."""
    rows = "".join(_row(o) for o in found)
    heads = "".join(f"<th>{h}</th>" for h in ("statement", "evidence"))
    numbers = "".join(f'<th class="number">{h}</th>' for h in ("examples", "relations", "time"))
    table = f"<table><thead><tr>{heads}{numbers}<th>result</th></tr></thead><tbody>{rows}</tbody>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{TITLE}</title><style>{PAGE_STYLE}{STYLE}</style></head><body>"
        f"<h1>{TITLE}</h1><p>{_text(INTRODUCTION)}</p><p>{_text(LETTERS_USED)}</p>"
        f'{table}</table><p class="quiet">{_text(note)}</p>'
        f"{''.join(map(_section, found))}{_open()}</body></html>\n"
    )


def _text(words: str) -> str:
    return escape(pretty(words))


def _row(o: Outcome) -> str:
    kind, result = ("good", "holds") if o.holds else ("bad", "FAILS")
    link = f'<a href="#{o.name}">{_text(o.statement.title)}</a>'
    numbers = (
        ("examples", str(o.examples)),
        ("relations", str(o.tested)),
        ("time", f"{o.seconds:.1f} s"),
    )
    cells = "".join(f'<td class="number" data-name="{n}">{v}</td>' for n, v in numbers)
    return (
        f"<tr><td>{link}</td><td>{_text(', '.join(o.evidence))}</td>{cells}"
        f'<td class="{kind}">{result}</td></tr>'
    )


def _section(o: Outcome) -> str:
    s = o.statement
    picture = PICTURES.get(o.name)
    drawn = (
        f"<figure>{picture.svg()}<figcaption>{_text(picture.said)}</figcaption></figure>"
        if picture
        else ""
    )
    gap = f"<h3>Remarks</h3><p>{_text(s.gap)}</p>"
    failed = "".join(f'<p class="bad">{_text(str(f))}</p>' for f in o.failures)
    return (
        f'<section id="{o.name}" class="statement"><div><h2>{_text(s.title)}</h2>'
        f'<p>{_text(s.words)}</p><p class="formula">{_text(s.formula)}</p>{failed}'
        f"<p><b>Evidence</b>: {_text(', '.join(o.evidence))}.</p></div>{drawn}"
        f"<div>{_needs(o)}{gap if s.gap else ''}{_claims(o)}{_proofs(o)}</div></section>"
    )


def _claims(o: Outcome) -> str:
    items = "".join(
        f"<li>{_text(claim)}: {_tested(c)}{_cases(o, claim)}</li>" for claim, c in o.claims.items()
    )
    head = f"<summary>Tested: {o.tested} relations</summary>"
    return f"<details>{head}<ul>{items}</ul></details>"


def _tested(c: Claim) -> str:
    slack = f"slack at most {float(c.slack):.1e}, {_text(c.why)}" if c.slack else "exact"
    return f"{c.tested} times, {slack}"


def _cases(o: Outcome, claim: str) -> str:
    seen = [
        f"{cell.case}, {cell.side} {count}" for cell, count in o.counts.items() if cell[0] == claim
    ]
    return f' <span class="quiet">Instances drawn: {_text("; ".join(seen))}.</span>' * bool(seen)


def _needs(o: Outcome) -> str:
    if not o.statement.needs:
        return ""
    items = "".join(
        f"<dt>{_text(name)}</dt><dd>{_text(words)}{_broken(o, name)}</dd>"
        for name, words in o.statement.needs.items()
    )
    return f"<h3>Hypotheses, each with a counterexample that lacks it</h3><dl>{items}</dl>"


def _broken(o: Outcome, name: str) -> str:
    check = o.needed.get(name)
    if check is None:
        return ""
    told = f"{check.claim} would say {short(check.left)} {check.relation} {short(check.right)}"
    return f' <span class="quiet">[{_text(told)}]</span>'


def _proofs(o: Outcome) -> str:
    items = "".join(
        f"<li>{', '.join(f'{what} <code>{escape(text)}</code>' for what, text in link)}</li>"
        for link in links(o.name)
    )
    head = "Formal proofs" if o.theorems else "Formal proofs, not built here"
    code = f"<p class='quiet'>Tested in <code>paper_checks/{o.name}.py</code>.</p>"
    said = "".join(f"<p><b>{what}</b>: {_text(words)}</p>" for what, words in graded(o.name))
    return code + (f"<h3>{head}</h3>{said}<ul>{items}</ul>" if items else "")


def _open() -> str:
    items = "".join(
        f"<h3>{_text(title)}</h3><p>{_text(words)}</p>" for title, words in OPEN.items()
    )
    head = f"<h2>What the paper leaves open</h2><p>{_text(FAIR)}</p>"
    return f'<section id="open">{head}{items}</section>'
