"""The npm packages that a deck needs in the browser: installed as pinned, copied beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ..sources.text import SourceError

NODE = "Node.js 18 or newer (nodejs.org; on Debian and Ubuntu: apt-get install nodejs npm)"

# What a deck needs in the browser: folder under slides/node_modules, and what to copy of it.
ASSETS = {
    "reveal.js/dist": ("reset.css", "reveal.css", "reveal.js", "plugin/notes.js"),
    "katex/dist": ("katex.min.css", "fonts/*.woff2"),
    "@fontsource-variable/source-sans-3": ("wght.css", "wght-italic.css", "files/*.woff2"),
    "@fontsource-variable/source-code-pro": ("wght.css", "files/*normal.woff2"),
}


def install(folder: Path) -> None:
    """Bring in the npm packages that `slides/package-lock.json` pins, where they are not there."""
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    done = modules / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    # Aside, then moved into place whole: it may be interrupted, and two may do it at once.
    with TemporaryDirectory(prefix=".npm-", dir=folder) as aside:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(folder / name, Path(aside, name))
        run = subprocess.run(command, cwd=aside, capture_output=True, text=True, encoding="utf-8")
        if run.returncode:
            raise SourceError(
                "npm could not install what the slides need (the first time it needs a network): "
                + " ".join(run.stderr.split())[:400]
            )
        try:
            if modules.is_dir():
                modules.rename(Path(aside, "old"))
            Path(aside, "node_modules").rename(modules)
        except OSError:
            if not done.is_file():  # else the other one was first
                raise


def copy(modules: Path, out: Path) -> None:
    """Copy the style sheets, scripts and fonts that a deck loads beside the decks."""
    wanted = [(Path(__file__).with_name("style.css"), out / "style.css")]
    for folder, patterns in ASSETS.items():
        base = modules / folder
        name = folder.removesuffix("/dist").rpartition("/")[2].removesuffix(".js")
        for pattern in patterns:
            wanted += [(file, out / name / file.relative_to(base)) for file in base.glob(pattern)]
    for file, target in wanted:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def tool(name: str) -> str:
    """Where `node` or `npm` is."""
    found = shutil.which(name)
    if not found:
        raise SourceError(f"`{name}` is not on the PATH. The slides need {NODE}.")
    return found
