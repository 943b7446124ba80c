"""Pages as Chromium lays them out, without a window."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LONG = 80  # characters: a text that is read, and not a label
SCRIPT = """
const numbers = (c) => c.match(/[\\d.]+/g).map(Number);
const channel = (x) => x <= 10 ? x / 3294 : ((x / 255 + 0.055) / 1.055) ** 2.4;
const bright = (c) => { const [r, g, b] = numbers(c).map(channel);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const clear = (c) => numbers(c)[3] === 0;
const behind = (e) => { for (; e; e = e.parentElement) {
  const c = getComputedStyle(e).backgroundColor; if (!clear(c)) return c; }
  return "rgb(255, 255, 255)"; };
const own = (e) => [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("")
  .trim();
const look = (frame) => {
  const d = frame.contentDocument;
  const said = [...d.body.querySelectorAll("*")].filter((e) => own(e) && e.getClientRects().length);
  const contrasts = said.map((e) => {
    const style = getComputedStyle(e);
    const [x, y] = [e.ownerSVGElement ? style.fill : style.color, behind(e)].map(bright);
    return [(Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05), own(e)]; });
  const texts = said.filter((e) => own(e).length > LONG)
    .map((e) => Math.round(e.getBoundingClientRect().width));
  return { wide: d.documentElement.scrollWidth, text: d.body.innerText,
    paper: bright(behind(d.body)), contrast: contrasts.sort((a, b) => a[0] - b[0])[0],
    narrow: Math.min(9999, ...texts) }; };
onload = () => { const out = [...document.querySelectorAll("iframe")].map(look);
  document.querySelector("pre").textContent = "looks " + JSON.stringify(out); };
"""


class Look(NamedTuple):
    """A page in a window of some width.

    wide      how wide the page becomes
    text      what is rendered
    paper     luminance of its background, 0 black and 1 white
    contrast  the least of a text and what is behind it (as WCAG has it), and that text
    narrow    the least width of an element with a text longer than LONG
    """

    wide: int
    text: str
    paper: float
    contrast: tuple[float, str]
    narrow: int


def looked_at(
    pages: Sequence[Path], width: int, folder: Path, *, dark: bool = False
) -> tuple[list[Look], str]:
    """Lay out each page in a window of `width`; return what is seen, and what the console says."""
    shown = "".join(
        f'<iframe style="width:{width}px;height:900px;border:0" '
        f'srcdoc="{html.escape(p.read_text(encoding="utf-8"), quote=True)}"></iframe>'
        for p in pages
    )
    frame = folder / f"frame-{width}-{dark}.html"
    script = SCRIPT.replace("LONG", str(LONG))
    head = '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    frame.write_text(f"{head}{shown}<pre></pre><script>{script}</script>", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += ["--blink-settings=preferredColorScheme=0"] if dark else []
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [*command, profile, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r"<pre>looks (.*?)</pre>", done.stdout, re.DOTALL)
    assert found, done.stderr[:1000]
    said = "\n".join(line for line in done.stderr.splitlines() if ":CONSOLE" in line)
    looks = [Look(**look) for look in json.loads(html.unescape(found.group(1)))]
    return looks, said


def laid_out(page: Path, width: int, folder: Path) -> tuple[int, str]:
    """Return how wide the page becomes in a window of `width`, and what the console says."""
    (look,), said = looked_at([page], width, folder)
    return look.wide, said
