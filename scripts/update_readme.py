"""Fills the README's table of claims from results/claims.json.

python scripts/update_readme.py
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- claims -->\n).*?(<!-- /claims -->)", re.DOTALL)


def format_claims(claims: list[dict]) -> str:
    """Returns a Markdown table of claims, and the names of those without a number."""
    lines = [
        "| claim | paper | holds if | its recipe (n) | our recipe (n) | verdict "
        "| command |",
        "|---|---|---|---|---|---|---|",
    ]
    measured = [claim for claim in claims if _is_measured(claim)]
    for claim in measured:
        recipe = claim.get("our_recipe")
        its = format_spread(claim["ours_mean"], claim["ours_sd"], claim["n"])
        our = "–"
        if recipe is not None:
            our = format_spread(recipe["mean"], recipe["sd"], recipe["n"])
        lines.append(
            f"| {claim['claim']} [{claim['id']}] | {claim['paper_value']} "
            f"| {claim['holds_if'] or '–'} | {its} | {our} | {claim['verdict']} "
            f"| `{_shorten(claim['command'])}` |"
        )
    missing = [claim["id"] for claim in claims if not _is_measured(claim)]
    if missing:
        lines += ["", f"Not measured yet: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _shorten(command: str) -> str:
    """Leaves out what the commands have in common."""
    return command.removeprefix("keras-xai ").removesuffix(" --profile paper")


def _is_measured(claim: dict) -> bool:
    return claim["n"] > 0 or claim.get("our_recipe", {"n": 0})["n"] > 0


def format_spread(mean: float | None, sd: float | None, n: int) -> str:
    """Returns mean ± sd (n); a run that is missing says so."""
    if mean is None:
        return "missing"
    spread = "" if sd is None else f" ± {sd:.3f}"
    return f"{mean:.3f}{spread} ({n})"


def fill(readme: str, claims: list[dict]) -> str:
    """Replaces what stands between the README's two marks."""
    return BLOCK.sub(lambda match: match[1] + format_claims(claims) + match[2], readme)


if __name__ == "__main__":
    path = ROOT / "README.md"
    claims = json.loads((ROOT / "results" / "claims.json").read_text())
    path.write_text(fill(path.read_text(), claims))
