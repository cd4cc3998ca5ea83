"""Pictures: one quiet style for the whole book."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import CuedDigits, Pairs

# Okabe and Ito (2008): eight colours that colour-blind readers can tell apart.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")


def style() -> None:
    """Set the book's matplotlib style: few colours, labelled axes, a light grid."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLORS[:6]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "grid.color": "#E5E5E5",
            "grid.linewidth": 0.8,
            "lines.linewidth": 2,
            "legend.frameon": False,
            "image.cmap": "cividis",
            "figure.figsize": (7, 4),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "savefig.dpi": 200,
            "svg.hashsalt": "minitorch_attn",  # the same picture gives the same file
            "svg.fonttype": "none",
        }
    )
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")  # twice the pixels: sharp on paper and on a projector


def loss_curves(runs: dict[str, list[list[dict[str, float]]]], path: Any, title: str) -> None:
    """Draw loss and test accuracy against epochs: a line a seed, a colour and dashes a model.

    Parameters
    ----------
    runs : for each model its histories, one a seed, as `Trainer.fit` returns them
    path : where the picture is written
    """
    style()
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    looks = [(COLORS[0], "-"), (COLORS[1], "--"), (COLORS[2], "-."), (COLORS[4], ":")]
    for (color, dashes), (model, histories) in zip(itertools.cycle(looks), runs.items()):
        for seed, history in enumerate(histories):
            epochs = [row["epoch"] for row in history]
            label = model if seed == 0 else None
            losses = [row["train_loss"] for row in history]
            left.plot(epochs, losses, dashes, color=color, alpha=0.8, label=label)
            accuracies = [100 * row["test_accuracy"] for row in history]
            right.plot(epochs, accuracies, dashes, color=color, alpha=0.8)
    left.set(
        xlabel="epoch", ylabel="training loss (nats)", title="Loss, a line a seed", ylim=(0, None)
    )
    right.set(
        xlabel="epoch", ylabel="test accuracy (%)", title="Accuracy on held-out data", ylim=(0, 101)
    )
    left.legend()
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    save(figure, path)


def where_it_looks(
    scenes: CuedDigits, weights: Any, answers: Any, path: Any, count: int = 5
) -> None:
    """Draw scenes of cued digits with the query's attention weight on each tile and on itself.

    Parameters
    ----------
    scenes : CuedDigits
    weights : (scenes, T), the query's weights on the tiles; the rest, to 1, lies on itself
    answers : (scenes,), the digits that the model gave
    path : where the picture is written
    count : how many scenes, the first ones
    """
    style()
    import matplotlib.pyplot as plt

    tiles = scenes.tiles.shape[1]
    letters = [chr(ord("A") + tag) for tag in range(tiles)]
    figure, axes = plt.subplots(
        count, tiles + 1, figsize=(0.92 * (tiles + 1), 1.35 * count + 0.8), squeeze=False
    )
    for row in range(count):
        place, tags = scenes.positions[row], scenes.tags[row]
        _draw_answer(
            axes[row, 0], letters[tags[place]], answers[row], answers[row] == scenes.targets[row]
        )
        _draw_weight(axes[row, 0], 1 - float(weights[row].sum()), "itself ")
        for tile in range(tiles):
            ax, image = axes[row, tile + 1], scenes.images[scenes.tiles[row, tile]]
            _draw_tile(ax, image, letters[tags[tile]], float(weights[row, tile]), tile == place)
    _headline(
        figure,
        "Where the query looks: at each tile, and at itself.\n"
        "Letter: tag. Bar and number: attention weight. Frame: asked tile",
    )
    save(figure, path)


def weights_over_time(ax: Any, weights: Any, marks: Any, color: str = COLORS[0]) -> None:
    """Draw the weight of each frame as a bar, and what is marked in grey.

    Parameters
    ----------
    ax : matplotlib axes
    weights : (T,), over the real frames of one utterance
    marks : boolean (T,), True on frames that were put in; their weight and share are written there
    """
    for t in marks.nonzero()[0]:
        ax.axvspan(t - 0.5, t + 0.5, color="#DDDDDD", linewidth=0)
    ax.bar(range(len(weights)), weights, color=color, width=0.8)
    ax.set(xlim=(-0.5, len(weights) - 0.5), ylabel="weight")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(False)
    if marks.any():
        weight, share = 100 * float(weights[marks].sum()), 100 * float(marks.mean())
        title = f"grey: {share:.0f} % of the frames, {weight:.0f} % of the weight"
        ax.set_title(title, fontsize=11)


def _draw_answer(ax: Any, asked: str, says: int, right: bool) -> None:
    """In words, at the head of a row: what the query asks for, and what the model says."""
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    text = f"asked: {asked}\nsays: {says}\n({'right' if right else 'wrong'})"
    ax.text(0.4, 0.5, text, ha="center", va="center", fontsize=11, transform=ax.transAxes)


def _draw_tile(ax: Any, image: Any, letter: str, weight: float, asked: bool) -> None:
    """A digit, its tag above, its weight below as a number and a bar; a frame if it is asked."""
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.set_title(letter, loc="center", fontsize=11, fontweight="bold" if asked else "normal")
    _draw_weight(ax, weight)
    for spine in ax.spines.values():
        spine.set(
            visible=True, color=COLORS[0] if asked else "#BBBBBB", linewidth=3 if asked else 0.8
        )


def _draw_weight(ax: Any, weight: float, of: str = "") -> None:
    """Below a square of 8 × 8 pixels a bar as long as the weight, and the number."""
    ax.set_xlabel(f"{of}{weight:.2f}", fontsize=10, labelpad=10)
    # An image's pixels have their centres at whole numbers: it ends at 7.5. The bar lies below it.
    ax.barh(8.15, 8 * weight, left=-0.5, height=0.7, color=COLORS[1], clip_on=False)
    ax.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5))


def alignment(ax: Any, source: Any, written: Any, weights: Any, links: Any = ()) -> None:
    """Draw where each word that is written looks, as grey; a frame where it comes from.

    Parameters
    ----------
    source, written : words, or the characters of a string
    weights : (N, S) or larger; a row for each word written
    links : for each word written the set of places that it comes from
    """
    part = weights[: len(written), : len(source)]
    ax.imshow(part, cmap="gray_r", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(source)), [{" ": "␣"}.get(word, word) for word in source])
    ax.set_yticks(range(len(written)), list(written))
    ax.tick_params(length=0)
    ax.grid(False)
    for row, link in enumerate(links):
        for start, length in _runs(link):
            frame = (start - 0.5, row - 0.5), length, 1
            ax.add_patch(_rectangle(*frame))


def _runs(places: Any) -> list[tuple[int, int]]:
    """Neighbouring places as (first, how many)."""
    runs: list[tuple[int, int]] = []
    for place in sorted(places):
        if runs and place == sum(runs[-1]):
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((place, 1))
    return runs


def _rectangle(corner: tuple[float, float], width: float, height: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, fill=False, edgecolor=COLORS[3], linewidth=1.6)


def alignments(pairs: Pairs, weights: Any, path: Any) -> None:
    """Draw where each character of the first texts looks, one text below the other.

    Parameters
    ----------
    pairs : Pairs with links
    weights : (n, N, S), for the first n of them
    path : where the picture is written
    """
    style()
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(weights), 1, figsize=(9, 3.1 * len(weights)), squeeze=False)
    for i, ax in enumerate(axes[:, 0]):
        alignment(ax, pairs.sources[i], pairs.targets[i], weights[i], pairs.links[i])
    _headline(
        figure,
        "Across: what is read. Down: what is to be written.\n"
        "Grey: attention weight. Frame: where the character comes from",
    )
    save(figure, path)


def _headline(figure: Any, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", fontsize=11, fontweight="bold")


def save(figure: Any, path: Any) -> None:
    """Write a figure whole or not at all, and let go of it."""
    import io

    import matplotlib.pyplot as plt

    from .files import write_atomic

    buffer = io.BytesIO()
    figure.savefig(buffer, format=str(path).rpartition(".")[2])
    plt.close(figure)
    write_atomic(path, buffer.getvalue())
