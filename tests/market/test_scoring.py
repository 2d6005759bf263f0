"""The scoring configuration: what makes no sense is refused by the name of its line."""

from pathlib import Path

import pytest

from services.market.scoring import CONFIG_PATH, ScoringConfig


@pytest.mark.parametrize(
    ("line", "instead", "text"),
    [
        ("risk = 0.005", "risk = 0.0", r"\[profiles\] risk"),
        ("risk = 0.005", "risk = 1.5", r"\[profiles\] risk"),
        ("target_rr = 2.5", "target_rr = 0.0", r"\[profiles\] target_rr"),
        ("target_rr = 3.0", "target_rr = -1.0", r"\[styles\] target_rr"),
        ("{ alpha_10 = 1.0 }", "{ alpha_10 = 0.9 }", r"\[styles\] alpha_weights must add up"),
        ("{ alpha_10 = 1.0 }", "{ alpha_20 = 1.0 }", r"\[styles\] alpha_weights must be of"),
        ("{ alpha_10 = 1.0 }", "{ }", r"\[styles\] alpha_weights must be of"),
        ("horizon = 5", "horizon = 0", r"\[styles\] horizon"),
        ('["breakout"]', '["outbreak"]', r"\[styles\] rating_without"),
        ("[styles.swing]", "[styles.swings]", "profile none and style swing must be there"),
        ("nearest_stop_atr = 1.5", "nearest_stop_atr = 0.0", r"\[plans\] the nearest stop"),
        ("farthest_stop_atr = 3.0", "farthest_stop_atr = 1.0", r"\[plans\] the nearest stop"),
        ("entry_atr = 0.1", "entry_atr = -0.1", r"\[plans\] entry_atr"),
        ("least_atr_ticks = 2.0", "least_atr_ticks = 0.5", r"\[plans\] least_atr_ticks"),
        ("volume_share = 0.05", "volume_share = 1.5", r"\[plans\] volume_share"),
        ("account_usd = 10_000.0", "account_usd = 0.0", r"\[plans\] account_usd"),
        ("volume_share = 0.05", "volume_shares = 0.05", "unknown key volume_shares for PlanRules"),
        ("dollar_volume = 0.10", "dollar_volume = 0.20", r"\[score.weights\] do not add up"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, line: str, instead: str, text: str) -> None:
    whole = CONFIG_PATH.read_text()
    assert line in whole
    changed = tmp_path / "scoring.toml"
    changed.write_text(whole.replace(line, instead, 1))
    with pytest.raises(ValueError, match=text):
        ScoringConfig.load(changed)


def test_a_comment_is_no_new_configuration_and_a_value_is(tmp_path: Path) -> None:
    whole, changed = CONFIG_PATH.read_text(), tmp_path / "scoring.toml"
    changed.write_text(f"# another comment\n{whole}")
    assert ScoringConfig.load(changed).config_hash == ScoringConfig.load().config_hash
    changed.write_text(whole.replace("horizon = 5", "horizon = 6"))
    assert ScoringConfig.load(changed).config_hash != ScoringConfig.load().config_hash
