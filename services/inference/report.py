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
from services.inference.wording import BASIS, CAVEATS, CHECKS, ERAS, FACTS, INTRODUCTION, METHOD

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
        "price_basis": "adjusted for splits only" if findings.basis else "as the file has them",
        "method": describe_method(findings),
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
    columns = "sessions | Rank IC | t, Rank ICIR | IC | ICIR | tenths, net | t net | turnover"
    head = f"| | {columns} |\n{'| --- ' * (columns.count('|') + 2)}|\n"
    return head + "\n".join(_row(name, skill) for name, skill in skills.items() if skill)


def _row(name: str, skill: Skill) -> str:
    tenths, rank_ic = skill.spread, skill.rank_ic
    spread = f"{tenths.gross * 1e4:.0f}, {tenths.net * 1e4:.0f} bp | {tenths.net_t:.1f} | {tenths.turnover:.0%}"
    ranks = f"{rank_ic} | {rank_ic.t:.1f}, {rank_ic.ratio_text}"
    return f"| {name} | {skill.sessions} | {ranks} | {skill.ic} | {skill.ic.ratio_text} | {spread} |"


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
