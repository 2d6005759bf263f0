"""The sentences of a model's card."""

from typing import Final

CAVEATS: Final = """\
Survivorship: such files hold the names listed on the day of the dump, and few that died before. Real results are worse.
Bars are adjusted for splits up to that day: the price floor and the profiles' price limits know later splits.
Returns lack the dividends that no file knows and the prices were not restated for.
Style: much of such skill is a tilt to low volatility and momentum; the figure without styles shows what else there is.
Few independent periods of one market regime: intervals are wide, and the next years may differ.
Positions are entered at the very close that the features end with; costs leave out market impact and borrowing fees.
A scan of a session within the learned ones is no test of the model: it was trained on what followed.
""".splitlines()
COMMAND: Final = "make models"
INTRODUCTION: Final = (
    "Predicts the return over the next {horizon} sessions, less the mean of all stocks of the session, as a fraction. "
    f"Made by `technic train`; `{COMMAND}` makes the shipped models and all figures anew. `report.html` beside it has "
    "plots, periods and tenths, `card.json` every figure."
)
METHOD: Final = (
    "Walk-forward in {blocks} blocks, {first} to {last}, every 5th session after 252 of warm-up. Labels that reach "
    "into a block are purged, and as many sessions again are left out. Intervals (95 %) and t: Newey and West, lags "
    "of three horizons, critical values of Kiefer and Vogelsang. Tenths: highest less lowest tenth over {horizon} "
    "sessions, before and after {cost:.0f} basis points a side. Compare rows by Rank IC: the IC of ranks and that of "
    "returns are not alike."
)
ERAS: Final = (
    "The served model on bars that it was not trained on, sessions outside of its own years only, over {horizon} "
    "sessions. Earlier years were judged by a model of later ones, which nobody had then. Symbols are those of the "
    "bars, the dead included; today's list of names only tells what is no stock. Prices are as the file has them. "
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
