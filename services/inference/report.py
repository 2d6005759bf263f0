"""A trained model's card: as JSON for machines, and in Markdown for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from services.inference.appraise import Group
from services.inference.boosting import LIBRARY, PARAMETERS
from services.inference.evaluate import COST, Skill
from services.inference.evaluation import MODEL, Evaluation, verdict
from services.inference.findings import BasisGap, Era, Findings
from services.inference.plain import plain
from services.inference.walk_forward import BLOCKS

CAVEATS: Final = """\
Survivorship: such files hold the names listed on the day of the dump, and few that died before. Real results are worse.
Bars are adjusted for splits up to that day: the price floor and the profiles' price limits know later splits.
Dividends are known for some symbols and until early 2025: returns leave out the others, unless the bars count them.
Style: much of such skill is a tilt to low volatility and momentum; the figure without styles shows what else there is.
Few independent periods of one market regime: intervals are wide, and the next years may differ.
Positions are entered at the very close that the features end with; costs leave out market impact and borrowing fees.
A scan of a session within the learned ones is no test of the model: it was trained on what followed.
""".splitlines()
COMMAND: Final = "make models"
INTRODUCTION: Final = (
    "Predicts the return over the next {horizon} sessions, less the mean of all stocks of the session, as a fraction. "
    f"Made by `{COMMAND}`. `report.html` beside it has plots, periods and tenths, `card.json` every figure."
)
METHOD: Final = (
    "Walk-forward in {blocks} blocks, {first} to {last}, every 5th session. Labels that reach into a block are purged, "
    "and as many sessions again are left out. Intervals (95 %) and t: Newey and West, lags of three horizons, critical "
    "values of Kiefer and Vogelsang. Tenths: highest less lowest tenth over {horizon} sessions, before and after "
    "{cost:.0f} basis points a side. Compare rows by Rank IC: the IC of ranks and that of returns are not alike."
)
ERAS: Final = (
    "The served model on bars that it was not trained on, sessions outside of its own years only, over {horizon} "
    "sessions. Earlier years were judged by a model of later ones, which nobody had then. Symbols are those of the "
    "bars, the dead included; today's list of names only tells what is no stock. "
    "[evaluation.md](../../../docs/evaluation.md) has more of them."
)
CHECKS: Final = """\
Rank IC without known styles {without_styles}, with beta-neutral returns {neutral}.
Rank IC of the same predictions over other horizons, in sessions: {decay}.
Rank IC by year, quarter, trend and volatility of SPY (sessions): {periods}.
{symbols:,.0f} names a session. IC against raw returns {raw_ic:.3f}; on rows that the last model knew {in_sample:.3f}.
Labels shuffled within the session, {shuffled.count} times: Rank IC {shuffled.ic:.4f}, t {shuffled.t:.1f}. \
Against true returns their deviation is {shuffled.true_deviation:.4f}, and the model lies \
{shuffled.model_deviations:.1f} of them above 0.
Alarm for results too good to be true: {alarm}.
Boosting is best after {best} rounds on the last fifth of what each block learns from, by Rank IC; a block's model has \
the mean of those up to its own, the served one that of all, {rounds}.
Scale: a unit of the predicted label was worth {calibration.slope:.4f} of return (t {calibration.t:.1f}), of which \
{calibration.shrinkage:.0%} is kept: {calibration.scale:.4f}.
"""
FACTS: Final = """\
{source.rows:,} rows of {source.sessions} sessions, {source.learned[0]} to {source.learned[1]}, from bars of \
{source.first_day} to {source.last_day}; all of them, the tested ones included, train the served model.
Rows: {source.universe_rule}.
{library}: {parameters}.
model.ubj: {size:,} bytes, sha256 `{digest}`.
"""
BASIS: Final = """\
Features are of prices adjusted for splits only, as a provider's are; returns are total. {basis.known:,} dividends are \
known; {basis.taken:,} of them had been taken out of the prices, and were put back.
With all of them taken out, alphas of stocks that pay differ by {median:.1f} basis points in the median and {p95:.1f} \
at the 95th percentile ({basis.rows:,} rows; alphas themselves deviate by {deviation:.1f}). Rank correlation of a \
session's alphas on both bases: {basis.rank_correlation:.4f}.
"""
GROUPS: Final = ("year", "quarter", "trend", "volatility")
LEFT_OUT: Final = ("12-1 momentum", "5-day reversal", "low volatility 60")
"""What the page tells of other eras and README.md does not."""
Document = dict[str, Any]


def card_json(findings: Findings) -> str:
    """Return the content of card.json: what serving reads, then what people may want to know."""
    trained, evaluation = findings.trained, findings.trained.evaluation
    content = {
        **asdict(trained.card),
        "trained_on": plain(asdict(findings.source)),
        "parameters": {**PARAMETERS, "rounds": evaluation.rounds, "library": LIBRARY},
        "evaluation": _evaluation(evaluation),
        "other_eras": [_era(era) for era in findings.eras],
        "dividends": plain(asdict(findings.basis)) if findings.basis else None,
        "caveats": CAVEATS,
    }
    return json.dumps(content, indent=1) + "\n"


def _evaluation(evaluation: Evaluation) -> Document:
    document: Document = plain(asdict(evaluation))
    for appraisals, hidden in (
        ({MODEL: document[MODEL]}, ()),
        (document["scores"], ()),
        (document["rivals"], ("tenths", "groups")),
    ):
        for appraisal in appraisals.values():
            # Positions mean nothing without the bars; `tested` has the dates, and the page the whole history.
            for name in ("positions", "rank_ics", *hidden):
                del appraisal[name]
    return document


def _era(era: Era) -> Document:
    document: Document = plain(asdict(era))
    for appraisal in document["results"].values():
        for name in ("positions", "rank_ics", "tenths", "groups"):
            del appraisal[name]
    return document


def card_markdown(findings: Findings) -> str:
    """Return the content of README.md."""
    trained, evaluation = findings.trained, findings.trained.evaluation
    card = trained.card
    parts = [
        f"# {card.name}, version {card.version}",
        INTRODUCTION.format(horizon=card.horizon_sessions),
        "**In short:** " + verdict(evaluation),
        "## Out of sample",
        describe_method(findings),
        _table(_skills(evaluation)),
        "\n".join(f"- {line}" for line in describe_checks(evaluation)),
    ]
    if findings.eras:
        parts += ["## Other eras", ERAS.format(horizon=card.horizon_sessions), _table(_era_skills(findings.eras))]
    parts += [
        "## Trained on",
        "\n".join(f"- {line}" for line in describe_source(findings)),
        "## Caveats",
        "\n".join(f"- {caveat}" for caveat in CAVEATS),
    ]
    return "\n\n".join(parts) + "\n"


def describe_method(findings: Findings) -> str:
    """Say how the figures were made."""
    first, last = findings.source.tested
    horizon = findings.trained.card.horizon_sessions
    return METHOD.format(blocks=BLOCKS, first=first, last=last, horizon=horizon, cost=COST * 1e4)


def _skills(evaluation: Evaluation) -> dict[str, Skill | None]:
    slices = {f"model, {name}": skill for name, skill in evaluation.model.slices.items()}
    others = {name: it.skill for name, it in (evaluation.scores | evaluation.rivals).items()}
    return {f"**{MODEL}**": evaluation.model.skill, **slices, **others}


def _era_skills(eras: tuple[Era, ...]) -> dict[str, Skill | None]:
    return {
        f"{era.bars}, {era.first} to {era.last}: {name}": found.skill
        for era in eras
        for name, found in era.results.items()
        if name not in LEFT_OUT
    }


def _table(skills: Mapping[str, Skill | None]) -> str:
    head = "| | sessions | Rank IC | t, Rank ICIR | IC | tenths, net | t net | turnover |\n" + "| --- " * 8 + "|\n"
    return head + "\n".join(_row(name, skill) for name, skill in skills.items() if skill)


def _row(name: str, skill: Skill) -> str:
    tenths, rank_ic = skill.spread, skill.rank_ic
    spread = f"{tenths.gross * 1e4:.0f}, {tenths.net * 1e4:.0f} bp | {tenths.net_t:.1f} | {tenths.turnover:.0%}"
    return f"| {name} | {skill.sessions} | {rank_ic} | {rank_ic.t:.1f}, {rank_ic.ratio:.2f} | {skill.ic} | {spread} |"


def describe_checks(evaluation: Evaluation) -> list[str]:
    """Say what else was looked at, a sentence or two each."""
    model, shuffled, calibration = evaluation.model, evaluation.shuffled, evaluation.calibration
    decay = ", ".join(f"{horizon}: {it}" for horizon, it in evaluation.decay[MODEL].items())
    periods = "; ".join(
        f"{label} {_group(group)}" for kind in GROUPS for label, group in model.groups.get(kind, {}).items()
    )
    text = CHECKS.format(
        without_styles=model.without_styles,
        neutral=model.neutral,
        decay=decay,
        periods=periods,
        symbols=model.skill.symbols,
        raw_ic=model.skill.raw_ic,
        in_sample=evaluation.in_sample_ic,
        shuffled=shuffled,
        alarm=evaluation.alarm,
        best=", ".join(map(str, evaluation.best_rounds)),
        rounds=evaluation.rounds,
        calibration=calibration,
    )
    return text.splitlines()


def _group(group: Group) -> str:
    return f"({group.sessions}) too few to say" if group.rank_ic is None else f"{group.rank_ic} ({group.sessions})"


def describe_source(findings: Findings) -> list[str]:
    """Say what the model was made from."""
    trained, source = findings.trained, findings.source
    parameters = PARAMETERS | {"rounds": trained.evaluation.rounds}
    files = [f"`{name}`, sha256 `{digest}`" for name, digest in source.files.items()]
    basis = [] if findings.basis is None else BASIS.format(basis=findings.basis, **_points(findings.basis)).splitlines()
    text = FACTS.format(
        source=source,
        library=LIBRARY,
        parameters=", ".join(f"{name} {value}" for name, value in parameters.items()),
        size=len(trained.content),
        digest=trained.card.sha256,
    )
    return [*files, *text.splitlines(), *basis]


def _points(basis: BasisGap) -> dict[str, float]:
    """Return differences of alphas in basis points."""
    return {"median": basis.median * 1e4, "p95": basis.p95 * 1e4, "deviation": basis.deviation * 1e4}
