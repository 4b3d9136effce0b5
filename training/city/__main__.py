"""``python -m training.city --world default --out DIR [--small]``: build one simulated world."""

import argparse
import sys
from pathlib import Path

from training.city.build import DEFAULT_SEED, build
from training.city.parameters import WORLDS


def main(arguments: list[str] | None = None) -> None:
    """Parse the arguments and build."""
    parser = argparse.ArgumentParser(prog="training.city", description="Build a simulated world.")
    parser.add_argument("--world", choices=sorted(WORLDS), default="default")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--small", action="store_true", help="1,000 enterprises and 60 products")
    for size in ("enterprises", "demands", "institutions", "products"):
        parser.add_argument(f"--{size}", type=int)
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    print(build(out, given.pop("world"), progress=sys.stdout.isatty(), **given))


if __name__ == "__main__":
    main()
