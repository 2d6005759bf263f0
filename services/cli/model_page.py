"""Draws what is known of a trained model as one HTML page that needs nothing else."""

from collections.abc import Iterator
from html import escape

import numpy as np
from numpy.typing import NDArray

from services.cli.evaluation import RatingReport
from services.cli.evaluation_page import (
    SKILL_COLUMNS,
    draw_figures,
    draw_files,
    draw_list,
    draw_table,
    estimate_cell,
    named_groups,
    ratio_cell,
    skill_cells,
    skill_table,
    wrap_page,
)
from services.inference.appraise import Appraisal
from services.inference.evaluate import Skill
from services.inference.evaluation import MODEL, verdict
from services.inference.findings import Era, Findings
from services.inference.report import GROUPS, describe_checks, describe_method, describe_source
from services.inference.wording import CAVEATS, COMMAND, ERAS


def draw_model_page(findings: Findings, days: NDArray[np.int32]) -> str:
    """Return the page.

    Args:
        findings: the model and what is known of it.
        days: (session,) int32, all sessions of the bars that it was trained on, since 1970-01-01.
    """
    card = findings.trained.card
    return wrap_page(f"{card.name}, version {card.version}", _parts(findings, days))


def _parts(findings: Findings, days: NDArray[np.int32]) -> Iterator[str]:
    evaluation, horizon = findings.trained.evaluation, findings.trained.card.horizon_sessions
    yield f"<p><strong>{escape(verdict(evaluation).replace('**', ''))}</strong></p>"
    made = f"Made by <code>technic train</code>, the shipped ones by <code>{COMMAND}</code>."
    yield f'<p class="soft">{escape(describe_method(findings))} {made}</p>'
    yield from draw_figures(_report(findings, days))
    yield f"<h2>Parts of the universe, {horizon} sessions ahead</h2>"
    slices = {name: skill for name, skill in evaluation.model.slices.items() if skill}
    yield draw_table(SKILL_COLUMNS, {name: _cells(skill) for name, skill in slices.items()})
    yield f"<h2>By quarter, year and regime, {horizon} sessions ahead</h2>"
    yield _periods(evaluation.model)
    yield "<h2>Rank IC over other horizons: how long what is known lasts</h2>"
    yield from _decay(findings)
    for era in findings.eras:
        yield from _era(era, horizon)
    yield draw_list("Checks", (line.replace("**", "") for line in describe_checks(evaluation)))
    yield draw_list("Trained on", (line.replace("`", "") for line in describe_source(findings)))
    yield "<h2>Values between which each feature was learned</h2>"
    yield from _ranges(findings)
    yield draw_list("What to keep in mind", CAVEATS)
    yield draw_files(findings.source.files)


def _report(findings: Findings, days: NDArray[np.int32]) -> RatingReport:
    evaluation, source = findings.trained.evaluation, findings.source
    horizon = findings.trained.card.horizon_sessions
    return RatingReport(
        bars=next(iter(source.files)),
        files=source.files,
        universe_rule=source.universe_rule,
        stocks=round(evaluation.model.skill.symbols),
        days=days,
        sessions=evaluation.model.positions,
        horizons=(horizon,),
        about={name: "out of sample" if name == MODEL else "on the same rows" for name in evaluation.subjects},
        results={name: {horizon: appraisal} for name, appraisal in evaluation.subjects.items()},
        notes=(),
    )


def _cells(skill: Skill) -> str:
    return "".join(skill_cells(skill))


def _periods(model: Appraisal) -> str:
    rows = {
        name: f"<td>{group.sessions}</td>{estimate_cell(group.rank_ic)}{ratio_cell(group.rank_ic)}"
        f"{estimate_cell(group.ic)}{ratio_cell(group.ic)}"
        for kind in GROUPS
        for name, group in named_groups(kind, model.groups.get(kind, {}))
    }
    return draw_table(("n", "Rank IC [95 %]", "Rank ICIR [95 %]", "IC [95 %]", "ICIR [95 %]"), rows)


def _decay(findings: Findings) -> Iterator[str]:
    decay = findings.trained.evaluation.decay
    horizons = sorted({horizon for found in decay.values() for horizon in found})
    rows = {name: "".join(estimate_cell(found.get(horizon)) for horizon in horizons) for name, found in decay.items()}
    yield draw_table([f"{horizon} sessions" for horizon in horizons], rows)


def _era(era: Era, horizon: int) -> Iterator[str]:
    yield f"<h2>{escape(era.bars)}, {era.first} to {era.last}</h2>"
    yield f'<p class="soft">{escape(ERAS.format(horizon=horizon).partition(" [")[0])}</p>'
    yield skill_table(era.results)


def _ranges(findings: Findings) -> Iterator[str]:
    card = findings.trained.card
    cells = {
        feature: f"<td>{low:.4g}</td><td>{high:.4g}</td>"
        for feature, (low, high) in zip(card.features, card.feature_ranges, strict=True)
    }
    yield draw_table(("0.5 %", "99.5 %"), cells)
