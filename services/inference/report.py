"""A trained model's card: as JSON for machines, and in Markdown for people."""

import json
from dataclasses import asdict, dataclass
from datetime import date

from services.inference.evaluate import COST, LIQUID_USD, Skill
from services.inference.evaluation import Evaluation, verdict
from services.inference.plain import plain
from services.inference.train import PARAMETERS, ROUNDS, Trained

CAVEATS = """\
Survivorship: such files hold the names listed on the day of the dump, and few that died before. Real results are worse.
Bars are adjusted for splits and dividends up to that day: returns are total, and the price floor knows later splits.
Style: much of such skill is a tilt to low volatility and momentum; the row without styles shows what else there is.
Few independent periods of one market regime: intervals are wide, and the next years may differ.
Positions are entered at the very close that the features end with; costs leave out market impact and borrowing fees.
A scan of a session within the learned ones is no test of the model: it was trained on what followed.
""".splitlines()

INTRODUCTION = (
    "Predicts the return over the next {horizon} sessions, less the mean of all stocks of the session, as a fraction. "
    "Made by `technic train`; `card.json` beside it has every figure and parameter."
)
METHOD = (
    "Walk-forward in {blocks} blocks, {first} to {last}, every 5th session. Labels that reach into a block are purged, "
    "and as many sessions again are left out. Intervals: 95 %, block bootstrap; t: Newey-West. Tenths: highest less "
    "lowest tenth over {horizon} sessions, before and after {cost:.0f} basis points a side. Compare rows by Rank IC: "
    "the IC of ranks and that of returns are not alike."
)
CHECKS = """\
- {sessions} sessions, {symbols:,.0f} names each, {periods} periods of tenths.
- IC against raw returns {raw_ic:.3f}; on the rows that the last block's model knew {in_sample:.3f}.
- Labels shuffled within the session, {count} times: Rank IC {null:.4f}, t {null_t:.1f}. Against true returns their
  deviation is {deviation:.4f}, and the model lies {deviations:.1f} of them above 0.
- Alarm for results too good to be true: {alarm}.
- Scale: a unit of the predicted label was worth {slope:.4f} of return (t {slope_t:.1f}), of which {kept:.0%} is kept:
  {scale:.4f}."""
FACTS = """\
- {rows:,} rows of {sessions} sessions, {learned[0]} to {learned[1]}, from bars of {first_day} to {last_day}; all of
  them, the tested ones included, train the served model.
- Rows: {universe_rule}.
- XGBoost: {parameters}.
- model.ubj: {size:,} bytes, sha256 `{digest}`."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a model was trained on, told without any path.

    Attributes:
        files: sha256 by name of file.
        universe_rule: which rows count.
        first_day: first session of the bars.
        last_day: last session of the bars.
        learned: first and last session that has rows.
        tested: first and last session that was predicted.
        rows: rows in all.
        sessions: sessions that have rows, 5 apart.
    """

    files: dict[str, str]
    universe_rule: str
    first_day: date
    last_day: date
    learned: tuple[date, date]
    tested: tuple[date, date]
    rows: int
    sessions: int


def card_json(trained: Trained, source: Source) -> str:
    """Return the content of card.json: what serving reads, then what people may want to know."""
    evaluation = plain(asdict(trained.evaluation))
    del evaluation["blocks"]  # positions, which mean nothing without the bars; `tested` has the dates
    content = {
        **asdict(trained.card),
        "trained_on": plain(asdict(source)),
        "parameters": {**PARAMETERS, "rounds": ROUNDS},
        "evaluation": evaluation,
        "caveats": CAVEATS,
    }
    return json.dumps(content, indent=2) + "\n"


def card_markdown(trained: Trained, source: Source) -> str:
    """Return the content of README.md."""
    card, evaluation = trained.card, trained.evaluation
    first, last = source.tested
    blocks, horizon = len(evaluation.blocks), card.horizon_sessions
    parts = [
        f"# {card.name}, version {card.version}",
        INTRODUCTION.format(horizon=horizon),
        "**In short:** " + verdict(evaluation),
        "## Out of sample",
        METHOD.format(blocks=blocks, first=first, last=last, horizon=horizon, cost=COST * 1e4),
        _table(evaluation),
        _checks(evaluation),
        "## Trained on",
        _facts(trained, source),
        "## Caveats",
        "\n".join(f"- {caveat}" for caveat in CAVEATS),
        "## Features",
        ", ".join(f"`{feature}`" for feature in card.features),
    ]
    return "\n\n".join(parts) + "\n"


def _table(evaluation: Evaluation) -> str:
    skills = {
        "**model**": evaluation.model,
        f"model, above {LIQUID_USD / 1e6:.0f} million USD a day": evaluation.liquid,
        "model without styles": evaluation.style_residual,
        **evaluation.rivals,
    }
    head = (
        "| | Rank IC | t, ICIR | IC | tenths, net | t net | turnover |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return head + "\n".join(_row(name, skill) for name, skill in skills.items() if skill)


def _row(name: str, skill: Skill) -> str:
    tenths, rank_ic = skill.spread, skill.rank_ic
    spread = f"{tenths.gross * 1e4:.0f}, {tenths.net * 1e4:.0f} bp | {tenths.net_t:.1f} | {tenths.turnover:.0%}"
    return f"| {name} | {rank_ic} | {rank_ic.t:.1f}, {rank_ic.ratio:.2f} | {skill.ic} | {spread} |"


def _checks(evaluation: Evaluation) -> str:
    skill, shuffled, calibration = evaluation.model, evaluation.shuffled, evaluation.calibration
    return CHECKS.format(
        sessions=skill.sessions,
        symbols=skill.symbols,
        periods=skill.spread.periods,
        raw_ic=skill.raw_ic,
        in_sample=evaluation.in_sample_ic,
        count=shuffled.count,
        null=shuffled.ic,
        null_t=shuffled.t,
        deviation=shuffled.true_deviation,
        deviations=shuffled.model_deviations,
        alarm=evaluation.alarm,
        slope=calibration.slope,
        slope_t=calibration.t,
        kept=calibration.shrinkage,
        scale=calibration.scale,
    )


def _facts(trained: Trained, source: Source) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in (PARAMETERS | {"rounds": ROUNDS}).items())
    digest, size = trained.card.sha256, len(trained.content)
    files = [f"- `{name}`, sha256 `{file}`" for name, file in source.files.items()]
    return "\n".join((*files, FACTS.format(**asdict(source), parameters=parameters, size=size, digest=digest)))
