"""Pages as Chromium lays them out, without a window."""

import html
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def laid_out(page: Path, width: int, folder: Path) -> tuple[int, str]:
    """Return how wide the page becomes in a window of `width`, and what the console says."""
    frame = folder / f"frame-{width}.html"
    held = html.escape(page.read_text(encoding="utf-8"), quote=True)
    frame.write_text(
        f'<iframe id="f" style="width:{width}px;height:900px;border:0" srcdoc="{held}"></iframe>'
        "<script>onload = () => { const d = document.getElementById('f').contentDocument;"
        "document.title = 'wide ' + d.documentElement.scrollWidth; };</script>",
        encoding="utf-8",
    )
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [*command, profile, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r"<title>wide (\d+)</title>", done.stdout)
    assert found, done.stdout[:500]
    said = "\n".join(line for line in done.stderr.splitlines() if ":CONSOLE" in line)
    return int(found.group(1)), said
