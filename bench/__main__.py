"""`python -m bench`: one subcommand per kind of measurement."""

import click

from bench import accuracy, memory, startup


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Measure tinyconv. Each command prints a table; with --out it also writes one JSON file."""


bench.add_command(accuracy.command)
bench.add_command(memory.command)
bench.add_command(startup.command)

if __name__ == "__main__":
    bench(prog_name="python -m bench")
