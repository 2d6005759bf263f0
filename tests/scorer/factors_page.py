"""The page of factors, docs/factors.md, from the registry and the oracles. `make factors-doc` writes it anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.scorer.factors import FACTORS, WEEKLY
from services.scorer.factors.spec import FactorSpec, Family
from tests.scorer import oracles

PAGE: Final = Path(__file__).parents[2] / "docs" / "factors.md"
HEAD: Final = """\
# Factors

{count} factors, each declared once in `services/scorer/factors/`. This page is made from the declarations by
`make factors-doc`, and a test holds it equal to them; `ScorerService.ListFactors` tells a client the same.

- Ratios and returns are fractions (0.02 is 2 %), points run from 0 to 100 unless the text says otherwise, a flag is 1
  or 0. A value that does not exist is NaN, never infinite.
- **Sessions** is the lookback: how many, ending with as_of, it takes to have a value. A * marks recursions, which
  remember older sessions too: all of the 300 that a scan reads.
- Factors read bars adjusted for splits; a session without a bar is carried (its close repeated, volume 0).
- **Oracle** is what the tests compare every value with, to 1e-9 of the value or its scale: TA-Lib on 2,000 generated
  series and on real bars, a plain loop with exact sums for what TA-Lib has not. In {exact} of those that TA-Lib has, a
  plain loop takes its place where rounding decides TA-Lib's value: after jumps of more than 1e6 times (Bollinger bands:
  20), without any move, and between equal prices.
- **No value** tells when there is none; "short" is fewer sessions than the lookback.
"""
FOOT: Final = """
## Weekly

{names}: the same formulas over weeks (from Monday on, of the newest 504 sessions; the last week ends with as_of, and is
marked while it runs). Computed for those who ask for them: a scan that names one among its factors, `ScoreUniverse`
with `include_weekly`, and `factors.weekly` on a data frame. No score reads them. Their oracle is TA-Lib on weeks that
pandas made.

## Over the cross-section

Computed by the gateway over all scored symbols, before filters, for scans that name them among their factors:

- `rs_rating`: min(99, floor(100 p)) of 0.4 ret_63 + 0.2 ret_126 + 0.2 ret_189 + 0.2 ret_252; NaN under 253 bars.
- `momentum_percentile` (of mom_12_1), `volume_percentile` (of dollar_vol_20), `volatility_percentile` (of
  vol_realized_60): p = (average rank - 0.5) / n, 0.5 where the value is missing.
- The same with `_in_sector` behind: among the symbols of the same sector; unknown sectors are one together.

Their oracle is a plain count.
"""


def page() -> str:
    """Return the page."""
    names = [f"`{spec.name}`" for spec in WEEKLY]
    head = HEAD.format(count=len(FACTORS), exact=len(oracles.EXACT))
    return head + "".join(line for family in Family for line in _section(family)) + FOOT.format(names=", ".join(names))


def _section(family: Family) -> Iterator[str]:
    yield f"\n## {family.capitalize()}\n\n"
    yield "| factor | unit | sessions | reads | what it is | source | no value | oracle | version |\n"
    yield "| --- | --- | ---: | --- | --- | --- | --- | --- | ---: |\n"
    for spec in FACTORS:
        if spec.family is family:
            yield f"| {' | '.join(_cells(spec))} |\n"


def _cells(spec: FactorSpec) -> tuple[str, ...]:
    return (
        f"`{spec.name}`",
        spec.unit,
        f"{spec.lookback}{'*' if spec.recursive else ''}",
        ", ".join(spec.inputs),
        spec.description,
        spec.source,
        spec.nan_rule.replace("fewer sessions than the lookback", "short"),
        "TA-Lib" if spec.name in oracles.TALIB else "plain loop",
        str(spec.version),
    )


if __name__ == "__main__":
    PAGE.write_text(page())
