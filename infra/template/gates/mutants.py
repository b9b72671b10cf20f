#!/usr/bin/env python3
"""Runs infra/template/gates/validate on every mutant of mutants.yaml that its gates have to find, and prints which gate did.

With --all on the others, too, which the Go tests find already. Exits with 1 if a gate missed its mutant."""

import pathlib
import re
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parents[2] / "out" / "mutants"


def found_by(mutant, text, number):
    """Returns the gate that refuses the mutant, or None."""
    path = OUT / f"{number:02}.yaml"
    path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    run = subprocess.run([HERE / "validate", path], capture_output=True, text=True, check=False)
    gates = re.findall(r"^== gate (.*)$", run.stdout, re.MULTILINE)
    return gates[-1] if run.returncode == 1 else None


def main():
    text = (HERE.parents[2] / "template.yaml").read_text(encoding="utf-8")
    mutants = yaml.safe_load((HERE / "mutants.yaml").read_text(encoding="utf-8"))
    OUT.mkdir(parents=True, exist_ok=True)
    missed = found = 0
    for number, mutant in enumerate(mutants):
        wanted = mutant["by"].removeprefix("gate ") if mutant["by"].startswith("gate ") else None
        if not wanted and "--all" not in sys.argv:
            continue
        gate = found_by(mutant, text, number)
        found += gate is not None
        missed += wanted is not None and gate != wanted
        print(f"{mutant['name']:55} {gate or '-':14} {'' if wanted in (None, gate) else 'MISSED by ' + wanted}", flush=True)
    print(f"{found} found, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
