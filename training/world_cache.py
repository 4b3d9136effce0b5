"""Worlds by name, built once where they are kept."""

import sys
from pathlib import Path

import typer


def world_directory(cache: Path, name: str, small: bool = False, enterprises: int | None = None) -> Path:
    """The directory of a world, built where absent; fewer enterprises state as many demands each."""
    directory = cache / (f"{name}-small" if small else f"{name}-{enterprises}" if enterprises else name)
    if not (directory / "manifest.json").is_file():
        from training.city.build import build

        typer.echo(f"building the world {name} in {directory}", err=True)
        demands = None if enterprises is None else enterprises * 12 // 5
        build(directory, name, enterprises=enterprises, demands=demands, small=small, progress=sys.stderr.isatty())
    return directory
