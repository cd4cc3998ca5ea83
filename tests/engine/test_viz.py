"""Pictures: their size, what is written in them, and that the frame is around the right tile."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from minitorch_attn import viz
from minitorch_attn.data import CuedDigits


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are saved while a test runs, as they are."""
    found: list[Any] = []
    keep = viz.save

    def save(figure: Any, path: Any) -> None:
        found.append(figure)
        keep(figure, path)

    monkeypatch.setattr(viz, "save", save)
    return found


@pytest.fixture
def scenes() -> CuedDigits:
    """Three scenes of four tiles."""
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 10, (3, 4))
    tags = rng.permuted(np.tile(np.arange(4), (3, 1)), axis=1)
    positions = np.array([2, 0, 3])
    images = rng.random((10, 8, 8)).astype(np.float32)
    return CuedDigits(images, tiles, tags, positions, tiles[np.arange(3), positions])


WEIGHTS = np.array([[0.1, 0.2, 0.3, 0.05], [0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]])


def pixels(path: Path) -> tuple[int, int]:
    """Width and height, as the header of a PNG says."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", head[16:])


def frame(ax: Any) -> tuple[Any, float]:
    (color,) = {to_rgba(spine.get_edgecolor()) for spine in ax.spines.values()}
    (width,) = {spine.get_linewidth() for spine in ax.spines.values()}
    assert all(spine.get_visible() for spine in ax.spines.values())
    return color, width


def test_where_it_looks(drawn: list[Any], scenes: CuedDigits, tmp_path: Path) -> None:
    says = np.array([scenes.targets[0], scenes.targets[1], (scenes.targets[2] + 1) % 10])
    path = tmp_path / "looks.png"
    viz.where_it_looks(scenes, WEIGHTS, says, path, count=3)
    (figure,) = drawn
    assert len(figure.axes) == 3 * (1 + 4)
    assert pixels(path) == tuple(round(200 * side) for side in figure.get_size_inches())
    assert figure.get_suptitle().startswith("Where the query looks")
    rows = np.array(figure.axes, dtype=object).reshape(3, 5)
    for row, axes in enumerate(rows):
        place, verdict = scenes.positions[row], "wrong" if row == 2 else "right"
        letters = ["ABCD"[tag] for tag in scenes.tags[row]]
        words = [text.get_text() for text in axes[0].texts]
        assert words == [f"asked: {letters[place]}\nsays: {says[row]}\n({verdict})"]
        itself = 1 - WEIGHTS[row].sum()  # what is not on the tiles
        assert axes[0].get_xlabel() == f"itself {itself:.2f}"
        (bar,) = axes[0].patches
        assert bar.get_width() == pytest.approx(8 * itself)
        assert [ax.get_title(loc="center") for ax in axes[1:]] == letters
        assert [ax.get_xlabel() for ax in axes[1:]] == [f"{w:.2f}" for w in WEIGHTS[row]]
        for tile, ax in enumerate(axes[1:]):
            (image,), (bar,) = ax.images, ax.patches
            np.testing.assert_array_equal(image.get_array(), scenes.images[scenes.tiles[row, tile]])
            assert bar.get_width() == pytest.approx(8 * WEIGHTS[row, tile])
            assert bar.get_y() > ax.get_ylim()[0], "over the picture, not below it"
            assert not ax.get_xticks().size
        framed = [tile for tile, ax in enumerate(axes[1:]) if frame(ax)[1] > 1]
        assert framed == [place], "the frame is not around the asked tile"
        assert frame(axes[1 + place]) == (to_rgba(viz.COLORS[0]), 3)
        bold = [ax.title.get_fontweight() == "bold" for ax in axes[1:]]
        assert bold == [tile == place for tile in range(4)]


def test_how_many_scenes_are_drawn(drawn: list[Any], scenes: CuedDigits, tmp_path: Path) -> None:
    viz.where_it_looks(scenes, WEIGHTS, scenes.targets, tmp_path / "one.png", count=1)
    assert len(drawn[0].axes) == 5
    assert sum(bool(ax.images) for ax in drawn[0].axes) == 4


def history(*losses: float) -> list[dict[str, float]]:
    return [
        {"epoch": epoch, "train_loss": loss, "test_accuracy": 1 - loss / 4}
        for epoch, loss in enumerate(losses, start=1)
    ]


def test_loss_curves(drawn: list[Any], tmp_path: Path) -> None:
    runs = {"attention": [history(2, 1), history(2, 0.5)], "none": [history(2, 1.9)]}
    viz.loss_curves(runs, tmp_path / "curves.png", "Training on letters")
    (figure,) = drawn
    assert pixels(tmp_path / "curves.png") == (2000, 800)
    assert figure.get_suptitle() == "Training on letters"
    left, right = figure.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("epoch", "training loss (nats)")
    assert (right.get_xlabel(), right.get_ylabel()) == ("epoch", "test accuracy (%)")
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["attention", "none"]
    for ax in (left, right):
        colors = [line.get_color() for line in ax.lines]
        assert colors == [viz.COLORS[0], viz.COLORS[0], viz.COLORS[1]], "a colour a model"
        assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--"]
    np.testing.assert_allclose(
        [line.get_ydata() for line in left.lines], [[2, 1], [2, 0.5], [2, 1.9]]
    )
    np.testing.assert_allclose(right.lines[1].get_ydata(), [50, 87.5])
    assert left.get_ylim()[0] == 0
    assert right.get_ylim() == (0, 101)


def test_a_picture_is_let_go_and_the_same_twice(scenes: CuedDigits, tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    for name in ("a.svg", "b.svg"):
        viz.loss_curves({"attention": [history(2, 1)]}, tmp_path / name, "Twice")
    assert not plt.get_fignums()
    one, other = ((tmp_path / name).read_text() for name in ("a.svg", "b.svg"))
    assert "training loss (nats)" in one  # words stay words
    assert without_date(one) == without_date(other)


def without_date(svg: str) -> list[str]:
    return [line for line in svg.splitlines() if "<dc:date>" not in line]


def test_matplotlib_waits_for_the_first_picture() -> None:
    code = "import minitorch_attn.viz, sys; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
