"""The command `train`: every model on one data set, over seeds, with a table and pictures."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import statistics
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import __version__, mpi, viz
from ..arguments import positive, this_program
from ..devices import cupy
from ..errors import MinitorchError
from ..files import write_atomic
from ..recipes import RECIPES, Recipe, make_trainer
from ..shared_training import check_loss
from ..threads import set_threads, sharing, threads
from ..training import Trainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="NAME",
        choices=RECIPES,
        default="cued",
        help="; ".join(f"{name}: {recipe.about}" for name, recipe in RECIPES.items())
        + " (default: cued)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        default="all",
        help="; ".join(f"{data}: {', '.join(recipe.models)}" for data, recipe in RECIPES.items())
        + " (default: all)",
    )
    parser.add_argument("--epochs", type=positive, help="passes over the data (default: as tuned)")
    parser.add_argument("--seeds", type=positive, help="how many seeds, from 0 (default: as tuned)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--out", type=Path, help="folder for all that is written (default: runs/DATA)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the runs in the folder, bit for bit"
    )
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="write numbers and parameters only",
    )
    parser.add_argument(
        "--with",
        dest="own",
        metavar="DIR",
        type=Path,
        help="train with the functions that you wrote in the notebooks of DIR, "
        "beside the library's; takes --epochs and --data "
        + ", ".join(name for name, recipe in RECIPES.items() if recipe.takes_answers)
        + ", and writes nothing",
    )


class UsageError(MinitorchError, ValueError):
    """A wish that cannot be granted; the message says why in one line."""


def run(args: argparse.Namespace) -> int:
    comm = mpi.world()
    if args.own is not None:
        return mpi.from_first(comm, lambda: _run_own(args, comm))
    settings, names, out = mpi.from_first(comm, lambda: _prepare(args, comm))
    try:
        with mpi.only_first_prints(comm):
            return _train(args, settings, names, out, comm)
    except (KeyboardInterrupt, OSError) as error:
        why = str(error) and f" ({error})"
        words = (
            f"\nStopped{why}. Nothing before the last finished epoch is lost; go on with:\n"
            f"  {_again(args, out, comm)}"
        )
        return mpi.end_all(comm, words, 130 if isinstance(error, KeyboardInterrupt) else 1)
    except Exception as error:
        if comm is None:
            raise
        known = isinstance(error, MinitorchError)
        words = str(error) if known else traceback.format_exc().rstrip()
        return mpi.end_all(
            comm,
            f"train, process {comm.rank} of {comm.size}, and so all of them: {words}",
            error.status if isinstance(error, MinitorchError) else 1,
        )


def _prepare(args: argparse.Namespace, comm: Any) -> tuple[dict[str, Any], tuple[str, ...], Path]:
    """The settings, the models and the folder, which is this run's from now on."""
    recipe = RECIPES[args.data]
    if args.model not in ("all", *recipe.models):
        raise UsageError(
            f"--model {args.model}: for --data {args.data} there are {', '.join(recipe.models)}"
        )
    names = tuple(recipe.models) if args.model == "all" else (args.model,)
    settings = {
        "data": args.data,
        "models": list(names),
        "epochs": args.epochs or recipe.epochs,
        "seeds": args.seeds or recipe.seeds,
        "device": args.device,
    }
    out = args.out or Path("runs") / args.data
    threads()  # a number that is none is told before anything is written
    if comm is not None:
        check_loss(recipe.loss)
        if args.device != "cpu":
            raise UsageError("--device cuda: processes share a step on the CPU only")
    if args.device == "cuda":
        cupy()  # that there is none is told before anything is written, too
    _claim(out, settings, args.resume)
    if comm is not None:
        print(
            f"{comm.size} processes share each batch. If one dies, all end; this goes on from the "
            f"last finished epoch:\n  {_again(args, out, comm)}",
            flush=True,
        )
    return settings, names, out


def _train(
    args: argparse.Namespace, settings: dict[str, Any], names: Any, out: Path, comm: Any
) -> int:
    """Train, and write what came of it; of several processes all train, and the first writes."""
    recipe, is_first = RECIPES[args.data], comm is None or comm.rank == 0
    if comm is not None and "MINITORCH_ATTN_THREADS" not in os.environ:
        set_threads(max(1, threads() // mpi.neighbours(comm)))
    with _alone(out) if is_first else contextlib.nullcontext(), sharing():
        runs = _train_all(settings, names, out, comm)
        if not is_first:
            return 0
        metrics = {**settings, "version": __version__, "models": _summaries(recipe, runs)}
        if comm is not None:
            metrics["processes"] = comm.size
        if args.model == "all":
            metrics["models"] |= _baselines(recipe, settings["seeds"])
        write_atomic(out / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
        print(table(metrics))
        written = [(out / "metrics.json", "every figure above")]
        written += _artifacts(args.data, runs, out, args.pictures)
    print("\nWritten:")
    for path, what in written:
        print(f"  {path}: {what}")
    return 0


def _run_own(args: argparse.Namespace, comm: Any) -> int:
    """Train on a learner's answers."""
    others = {
        "--model": args.model not in ("all", "attention"),
        "--seeds": args.seeds not in (None, 1),
        "--device": args.device != "cpu",
        "--out": args.out is not None,
        "--resume": args.resume,
        "--no-pictures": not args.pictures,
        "mpiexec": comm is not None,
    }
    given = [name for name, is_given in others.items() if is_given]
    if given:
        raise UsageError(
            f"--with trains one model on the CPU, from seed 0, and writes nothing: leave out "
            f"{', '.join(given)}"
        )
    from ..course import own

    try:
        return own.train(args.own, args.data, args.epochs).status
    except KeyboardInterrupt as error:
        said = f" {error}." if str(error) else ""  # it says which check
        print(f"\nStopped.{said} Nothing was written.", file=sys.stderr)
        return 130


def _claim(out: Path, settings: dict[str, Any], resume: bool) -> None:
    """Refuse to mix two different runs in one folder."""
    path = out / "settings.json"
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder")
    if path.exists():
        try:
            before = json.loads(path.read_text())
        except ValueError:
            before = None
        if not isinstance(before, dict):
            raise UsageError(f"{path} is damaged: remove {out}, or name another --out")
        changed = [k for k in settings if settings[k] != before.get(k)]
        if changed:
            k = changed[0]
            raise UsageError(
                f"{out} holds a run that was begun with {k} {before.get(k)}, not {settings[k]}: "
                f"ask for the same{'' if resume else ' with --resume'}, or name another --out"
            )
        if not resume:
            raise UsageError(
                f"{out} already holds a run: add --resume to go on with it, or name another --out"
            )
    write_atomic(path, (json.dumps(settings) + "\n").encode())


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Refuse to work where another `train` is at work: each would write over the other's."""
    try:
        from filelock import FileLock, Timeout
    except ImportError:  # a bare installation has none
        yield
        return
    try:
        with FileLock(out / ".lock", timeout=0):
            yield
    except Timeout:
        raise UsageError(
            f"another train is at work in {out}: wait until it is done, or name another --out"
        ) from None


def _again(args: argparse.Namespace, out: Path, comm: Any) -> str:
    """The command that goes on with this run."""
    program = this_program()
    if comm is not None:
        program = f"mpiexec -n {comm.size} python -m minitorch_attn"
    words = ["train", "--data", args.data, "--model", args.model]
    for name in ("epochs", "seeds"):
        if getattr(args, name):
            words += [f"--{name}", str(getattr(args, name))]
    if args.device != "cpu":
        words += ["--device", args.device]
    words += [] if args.pictures else ["--no-pictures"]
    return f"{program} {shlex.join([*words, '--out', str(out), '--resume'])}"


def _train_all(
    settings: dict[str, Any], names: Any, out: Path, comm: Any
) -> dict[str, list[Trainer]]:
    runs: dict[str, list[Trainer]] = {}
    for name in names:
        for seed in range(settings["seeds"]):
            trainer = make_trainer(
                settings["data"],
                name,
                seed,
                epochs=settings["epochs"],
                device=settings["device"],
                folder=out / f"{name}-seed{seed}",
                progress=sys.stderr.isatty(),
                comm=comm,
            )
            trainer.resume()
            trainer.fit(settings["epochs"])
            runs.setdefault(name, []).append(trainer)
            accuracy = 100 * trainer.history[-1]["test_accuracy"]
            seconds = sum(row["seconds"] for row in trainer.history)
            print(
                f"{name:10} seed {seed}  accuracy {accuracy:5.1f} %  {seconds:5.1f} s", flush=True
            )
    return runs


def _summary(accuracies: list[float], parameters: int, seconds: list[float]) -> dict[str, Any]:
    return {
        "accuracy": accuracies,
        "mean": statistics.mean(accuracies),
        "sd": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "parameters": parameters,
        "seconds": seconds,
    }


def _baselines(recipe: Recipe, seeds: int) -> dict[str, Any]:
    """The rows of what is not trained by steps, each on the same splits."""
    summaries = {}
    for name, baseline in recipe.baselines.items():
        accuracies, seconds = [], []
        for seed in range(seeds):
            train, test = recipe.load(seed)
            started = time.perf_counter()
            accuracies.append(float(baseline.score(train, test)))
            seconds.append(time.perf_counter() - started)
        summaries[name] = _summary(accuracies, 0, seconds)
    return summaries


def _summaries(recipe: Recipe, runs: dict[str, list[Trainer]]) -> dict[str, Any]:
    summaries: dict[str, Any] = {}
    for name, trainers in runs.items():
        summaries[name] = _summary(
            [t.history[-1]["test_accuracy"] for t in trainers],
            trainers[0].model.num_parameters(),
            [sum(row["seconds"] for row in t.history) for t in trainers],
        )
        if name == recipe.main:
            for figure, look in recipe.looks.items():
                if look.sentence:
                    shares = [look.share(t.model, t.test) for t in trainers]
                    summaries[name][figure] = shares
    return summaries


def table(metrics: dict[str, Any]) -> str:
    """The ablation table as text: accuracy as mean ± sd over seeds."""
    recipe = RECIPES[metrics["data"]]
    seeds = metrics["seeds"]
    how = f"mean ± sd of {seeds} seeds" if seeds > 1 else "one seed: says little"
    told = {**recipe.models, **{name: b.what for name, b in recipe.baselines.items()}}
    lines = [
        f"\n{metrics['data']}: {recipe.counted} on {recipe.what}, {how}\n",
        f"{'model':10} {'accuracy %':>14} {'parameters':>11} {'s a run':>8}  what it is",
    ]
    for name, row in metrics["models"].items():
        spread = f" ± {100 * row['sd']:.1f}" if row["sd"] is not None else ""
        score = f"{100 * row['mean']:.1f}{spread}"
        seconds = statistics.mean(row["seconds"])
        lines.append(
            f"{name:10} {score:>14} {row['parameters']:>11,} {seconds:>8.1f}  {told[name]}"
        )
    looked = metrics["models"].get(recipe.main, {})
    seen = [
        look.sentence.format(share=f"{100 * min(looked[figure]):.1f} %")
        for figure, look in recipe.looks.items()
        if figure in looked
    ]
    return "\n".join([*lines, "", *seen] if seen else lines)


def _artifacts(
    data: str, runs: dict[str, list[Trainer]], out: Path, pictures: bool
) -> list[tuple[Path, str]]:
    """Write the model and the pictures."""
    recipe = RECIPES[data]
    name, trainers = next(iter(runs.items()))
    trainers[0].model.to("cpu").save(out / "model.safetensors")
    written = [(out / "model.safetensors", f"the parameters of {name}, seed 0")]
    if not pictures:
        return written
    try:
        curves = {name: [t.history for t in trainers] for name, trainers in runs.items()}
        viz.loss_curves(curves, out / "loss_curves.png", f"Training on {data}")
        written.append((out / "loss_curves.png", "loss and accuracy, a line a seed"))
        for trainer in runs.get(recipe.main, [])[:1]:
            for picture in recipe.pictures:
                picture.draw(trainer, out / picture.file)
                written.append((out / picture.file, picture.what))
    except ImportError:
        print('No pictures: pip install "minitorch_attn[run]" brings matplotlib.', file=sys.stderr)
    return written
