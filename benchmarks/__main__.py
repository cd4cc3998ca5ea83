"""The command: python -m benchmarks [--quick] [--only WORKLOAD] [--out FOLDER] [--publish]."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path
from typing import Any

from . import bars, busy, figures, lengths, machine, peak, report, start
from .contestant import CONTESTANTS
from .referee import ROOT, BenchError, Plan, Timing, missing, race
from .workloads import ATTENTIONS, CLASSIFIERS, DENSE, FAMILIES, LENGTHS, MAIN, OPS, Workload

HERE = Path(__file__).parent


def groups(quick: bool) -> dict[str, list[list[Workload]]]:
    """What is timed, by family. A group is timed together, in the same processes."""
    classifiers = [[Workload("classifier", size)] for size in CLASSIFIERS]
    attentions = [
        [Workload("attention", size), Workload("attention", size, causal=True)]
        for size in ATTENTIONS
    ]
    if quick:
        classifiers, attentions = classifiers[:1], attentions[:1]
    found = {"ops": [[OPS]], "dense": [[DENSE]], "classifier": classifiers}
    return found | {"attention": attentions, "main": [] if quick else [[MAIN]]}


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, within a minute; says little")
    parser.add_argument(
        "--only", action="append", choices=FAMILIES, metavar="WORKLOAD",
        help=f"only this, may be repeated: {', '.join(FAMILIES)}",
    )  # fmt: skip
    parser.add_argument("--contestants", help="names, separated by commas (default: all there are)")
    parser.add_argument("--rounds", type=positive, help="turns of each (default: 9; quick: 3)")
    parser.add_argument("--threads", type=positive, default=machine.cores())
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument(
        "--publish", action="store_true", help="also put table and pictures into benchmarks/"
    )
    args = parser.parse_args(argv)
    if args.publish and (args.quick or args.only or args.contestants):
        parser.error("--publish wants one whole run: without --quick, --only, --contestants")
    unknown = set((args.contestants or "ours").split(",")) - set(CONTESTANTS)
    if unknown:
        parser.error(f"no contestant {sorted(unknown)[0]!r}; there are {', '.join(CONTESTANTS)}")
    return args


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def choose(wanted: str | None) -> list[str]:
    """The contestants that are there; says who is not, and why."""
    asked = wanted.split(",") if wanted else list(CONTESTANTS)
    here = []
    reasons: dict[str, list[str]] = {}
    for name in asked:
        why = missing(name)
        if why is None and CONTESTANTS[name].gpu:
            why = peak.missing_gpu(name)
        if why is None:
            here.append(name)
        else:
            reasons.setdefault(why, []).append(CONTESTANTS[name].title)
    for why, titles in reasons.items():
        print(f"{why}: without {'; '.join(titles)}")
    if not {"ours", "ours-gpu"} & set(here):
        raise BenchError("ours does not take part, so there is nothing to compare with")
    return here


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    began = time.monotonic()
    try:
        results, rows = measure(args)
        publish(args, results, rows)
    except BenchError as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing was written.", file=sys.stderr)
        return 130
    print(f"\n{time.monotonic() - began:.0f} s.")
    return 0


def measure(args: argparse.Namespace) -> tuple[dict[str, Any], list[bars.Row]]:
    """Everything that was asked for: all figures, and the rows of the table."""
    plan = Plan(args.rounds or (3 if args.quick else 9), 0.05 if args.quick else 0.5, 200,
                args.threads)  # fmt: skip
    names = choose(args.contestants)
    families = args.only or FAMILIES
    results: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(args.threads),
        "versions": machine.versions(names),
        "plan": vars(plan),
        "quick": args.quick,
    }
    m = results["machine"]
    print(f"{m['processor']}, {args.threads} threads a contestant", flush=True)
    if m["load"] is not None and m["load"] > m["cores"] / 2:
        print(f"The machine is busy (load {m['load']:.1f}): the ratios will scatter.")
    results["peak"] = peak.measure(names, plan, small=args.quick)
    timings: list[Timing] = []
    for family, parts in groups(args.quick).items():
        for group in parts if family in families else []:
            print(f"  {group[0].name} …", flush=True)
            for kind in (False, True):  # processors, then GPUs
                here = [n for n in names if CONTESTANTS[n].gpu == kind]
                found, versions = race(group, here, plan) if here else ([], {})
                timings += found
                results["versions"] |= versions
    numpy_peak = results["peak"].get("NumPy", {}).get("gflops")
    rows = bars.rows(timings, numpy_peak)
    results["timings"] = [
        {
            "contestant": t.contestant,
            "workload": t.workload.name,
            "seconds": t.rounds,
            "median": t.median,
            "disagreement": t.disagreement,
            **t.notes,
        }
        for t in timings
    ]
    if "length" in families:
        sizes = LENGTHS[:1] if args.quick else LENGTHS
        results["length"], more = lengths.measure(names, sizes, args.threads)
        rows += more
    if "busy" in families:
        results["busy"], more = busy.measure(names, plan, args.quick)
        rows += more
    if "start" in families:
        results["start"], more = start.measure(
            names, plan.rounds if args.quick else 3 * plan.rounds
        )
        rows += more
    results["rows"] = [row.as_json() for row in rows]
    return results, rows


def publish(args: argparse.Namespace, results: dict[str, Any], rows: list[bars.Row]) -> None:
    """Print the table and write everything."""
    print("\n" + report.text_table(rows) + "\n")
    args.out.mkdir(parents=True, exist_ok=True)
    table = report.markdown(results, rows)
    (args.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (args.out / "table.md").write_text(table, encoding="utf-8")
    written = [args.out / "results.json", args.out / "table.md"]
    written += figures.draw(results, args.out)
    if args.publish:
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        for path in written:
            (folder / path.name).write_bytes(path.read_bytes())
        report.insert(HERE / "README.md", table)
        written.append((HERE / "README.md").relative_to(ROOT))
    print("Written: " + ", ".join(str(path) for path in written))


if __name__ == "__main__":
    sys.exit(main())
