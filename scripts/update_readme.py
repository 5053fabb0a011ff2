"""Fills the README's table of claims from results/claims.json.

python scripts/update_readme.py
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- claims -->\n).*?(<!-- /claims -->)", re.DOTALL)


def format_claims(claims: list[dict]) -> str:
    """Returns a Markdown table: claim, paper, ours, n, verdict, command."""
    lines = ["| claim | paper | ours | n | verdict |", "|---|---|---|---|---|"]
    for claim in claims:
        lines.append(
            f"| {claim['claim']} ({claim['id'].rsplit('-', 1)[1]} px) "
            f"| {claim['paper_value']} | {format_ours(claim)} | {claim['n']} "
            f"| {claim['verdict']} |"
        )
    commands = sorted({claim["command"] for claim in claims})
    lines += ["", "Made by " + ", ".join(f"`{command}`" for command in commands) + "."]
    return "\n".join(lines) + "\n"


def format_ours(claim: dict) -> str:
    """Returns mean ± sd; a run that is missing says so."""
    if claim["ours_mean"] is None:
        return "missing"
    if claim["ours_sd"] is None:
        return f"{claim['ours_mean']:.3f}"
    return f"{claim['ours_mean']:.3f} ± {claim['ours_sd']:.3f}"


def fill(readme: str, claims: list[dict]) -> str:
    """Replaces what stands between the README's two marks."""
    return BLOCK.sub(lambda match: match[1] + format_claims(claims) + match[2], readme)


if __name__ == "__main__":
    path = ROOT / "README.md"
    claims = json.loads((ROOT / "results" / "claims.json").read_text())
    path.write_text(fill(path.read_text(), claims))
