"""Alerts fire on what they are for and on nothing else, by Prometheus' own reckoning of made-up series."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.contract_docs.metrics_page import ALERTS
from tests.processes import needs

DAY = 24 * 60
"""Minutes."""
JUMP = 40
CALLS = "0+6000x1500"
USUAL = f"0+60x{DAY} {DAY * 60}+900x60"
"""1 % of the calls for a day, then 15 % of them."""


def test_a_jump_of_blocks_and_one_of_what_was_only_tried_are_told_apart(tmp_path: Path) -> None:
    """The same figures, once as blocks and once as what shadow would have blocked."""
    decided = 'robocall_decisions_total{action="%s",decided_by="model",mode="%s",would_be="%s"}'
    blocked = {decided % ("block", "enforce", ""): USUAL, decided % ("allow", "enforce", ""): CALLS}
    tried = {decided % ("allow", "shadow", "block"): USUAL, decided % ("allow", "shadow", "allow"): CALLS}

    check(tmp_path / "blocked.yml", blocked, DAY + JUMP, {"BlockShareJumped": True, "TriedBlockShareJumped": False})
    check(tmp_path / "tried.yml", tried, DAY + JUMP, {"BlockShareJumped": False, "TriedBlockShareJumped": True})
    usual = dict.fromkeys(("BlockShareJumped", "TriedBlockShareJumped"), False)
    check(tmp_path / "usual.yml", blocked | tried, DAY - 1, usual)


@pytest.mark.parametrize("name", ["verify", "campaigns"])
def test_what_never_ran_is_not_missed_and_what_ran_is(name: str, tmp_path: Path) -> None:
    """Prometheus asks all that the compose file may have."""
    series = f'up{{job="robocall-{name}",instance="{name}"}}'
    alert = f"{name.capitalize()}Down"

    check(tmp_path / "never.yml", {series: "0x120"}, 100, {alert: False})
    check(tmp_path / "ran.yml", {series: "1x60 0x60"}, 100, {alert: True})


def check(file: Path, series: dict[str, str], at_min: int, fires: dict[str, bool]) -> None:
    """Ask promtool which alerts fire at a minute, the series having a value a minute; skip where there is none."""
    promtool = needs("prometheus", "promtool")
    rules = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    asked = file.with_name(f"rules-of-{file.name}")
    groups = [{"name": "asked", "rules": [rule for rule in rules if rule["alert"] in fires]}]
    asked.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    question: dict[str, Any] = {
        "rule_files": [str(asked)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": values} for one, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                        "eval_time": f"{at_min}m",
                        "exp_samples": [{"labels": "{}", "value": int(does)}],
                    }
                    for alert, does in fires.items()
                ],
            }
        ],
    }
    file.write_text(yaml.safe_dump(question), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
