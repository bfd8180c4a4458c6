"""*Model*: what is shown of models to whom, and which command each change is."""

import html
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from models.store.promotions import Promotion
from models.store.registry import Summary
from streams.commands.child import CommandFailed
from streams.commands.console import serving
from streams.console.roles import Role
from streams.console.steering.model import ModelFacts
from streams.redis.worker_reports import Refusal, ShareSeen, WorkerDrift, WorkerHealth, WorkerReport
from streams.settings import Settings
from tests.streams.console.console_case import Browser, Played
from tests.streams.console.steering.test_work import Commands, settled

MAY = [Role.MODEL_OWNER, Role.ADMIN]
GATE = [
    {"measure": "recall at 0.001", "calls": 900, "running": 0.5, "candidate": 0.6, "allowed": 0.49, "passed": True},
    {"measure": "lawful blocked", "calls": 90, "running": 0.0, "candidate": 0.9, "allowed": 0.1, "passed": False},
    {"measure": "lawful labelled", "calls": 9, "running": 0.0, "candidate": 0.0, "allowed": 0.1, "passed": None},
]
FACTS = ModelFacts(
    url="s3://models",
    promoted="gbt-1",
    artifacts=[
        Summary("s3://models/gbt-2", "gbt-2", 1_763_600_000_000, "f2", {"recall_at_0.001": 0.51234}, None),
        Summary("s3://models/gbt-1", "gbt-1", 1_763_500_000_000, "f2", {}, None),
        Summary("s3://models/gbt-0", "gbt-0", 0, "f1", {}, "made for another table"),
    ],
    history=[Promotion("promote", "gbt-1", "gbt-0", 1_763_550_000_000, None, GATE)],
    workers=[
        WorkerReport(
            "w-1",
            "gbt-1",
            1_763_550_001_000,
            shadow="gbt-2",
            health=WorkerHealth("lists_unknown", {"0": 7}),
            alarms=("features",),
            drift=WorkerDrift(
                20_480, 0.312, None, {"number_age": 4.5678}, {"label_at": ShareSeen(0.0031, 0.001, 0.002)}
            ),
        ),
        WorkerReport("w-2", "gbt-0", 1, refused=(Refusal("active", "gbt-1", "it is damaged", 1_763_550_002_000),)),
    ],
    enforcement="tried: no measure: run `robocall budgets measure`",
    alarms={"features": "the features have moved"},
    complaints=["Redis is slow"],
)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What the console runs instead of processes; they end at once."""
    made = Commands()
    made.go.set()
    monkeypatch.setattr(serving, "run", made)
    return made


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: Commands) -> Played:
    """A console whose registry and workers say `FACTS`."""
    del commands

    def facts(settings: Settings) -> ModelFacts:
        del settings
        return FACTS

    monkeypatch.setattr(serving, "model_facts", facts)
    return Played(tmp_path)


def got(played: Played, role: Role, path: str = "/model/facts") -> str:
    async def visit(browser: Browser) -> str:
        return (await browser.get(path)).text

    return played.run(role, visit)  # type: ignore[no-any-return]


def changed(played: Played, role: Role, **fields: str) -> httpx.Response:
    """Send the form of the page, and wait until nothing runs."""

    async def visit(browser: Browser) -> httpx.Response:
        await browser.get("/model")
        page = await browser.send("/model/change", **fields)
        return await settled(browser, "/model/work") if page.status_code == 200 else page

    return played.run(role, visit)  # type: ignore[no-any-return]


def test_everything_that_is_known_is_shown(played: Played) -> None:
    """What could not be asked is said beside the rest."""
    shown = got(played, Role.OPERATOR)

    for words in (
        "s3://models", "tried: no measure: run <code>robocall budgets measure</code>",
        "not the promoted one", "the features have moved",
        "refused gbt-1 as active: it is damaged", "0.5123", "made for another table", "2 of 3 lines passed",
        "Redis is slow",
    ):  # fmt: skip
        assert words in shown


def test_drift_has_figures_beside_the_alarm(played: Played) -> None:
    """What is out of bounds stands out, and of what is not known it is said why."""
    shown = got(played, Role.OPERATOR)

    for words in (
        "20,480", '<span class="bad">0.312</span>', "too few calls", "number_age 4.57",
        '<span class="bad">0.310%</span> (0.100% to 0.200%)',
    ):  # fmt: skip
        assert words in shown


def test_each_worker_has_its_state(played: Played) -> None:
    """One of an earlier version says none."""
    shown = got(played, Role.OPERATOR)

    assert '<th scope="row">w-1</th>\n<td><span class="label">lists unknown</span></td>' in shown
    assert '<th scope="row">w-2</th>\n<td>-</td>' in shown


def test_without_drift_it_is_said(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(settings: Settings) -> ModelFacts:
        del settings
        return ModelFacts()

    monkeypatch.setattr(serving, "model_facts", nothing)
    assert "No worker tells of drift" in got(Played(played.users_file.parent), Role.OPERATOR)


CURVE = {
    "lawful": 20_000, "rates": [0.001, 0.0001],
    "points": [
        {"share": 0.5, "groups": 1_200, "robocalls": 9_000, "caught": [[0.4, 0.3, 0.5], [0.2, 0.1, 0.3]]},
        {"share": 1.0, "groups": 2_400, "robocalls": 18_000, "caught": [[0.6, 0.5, 0.7], [0.25, 0.2, 0.3]]},
    ],
}  # fmt: skip


def with_curves(monkeypatch: pytest.MonkeyPatch, **curves: Any) -> None:
    """The registry has these, by the name of the model."""
    artifacts = [
        replace(one, metrics={"learning_curve": curves.get(one.version.replace("-", "_"))}) for one in FACTS.artifacts
    ]
    monkeypatch.setattr(serving, "model_facts", lambda _: replace(FACTS, artifacts=artifacts))


def test_a_learning_curve_is_a_plot_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the promoted model first; what is no curve is none."""
    with_curves(monkeypatch, gbt_1=CURVE, gbt_2=CURVE, gbt_0={"lawful": "<b>"})

    shown = got(Played(tmp_path), Role.OPERATOR)

    assert shown.index("gbt-1, learnt from 2,400 labelled") < shown.index("gbt-2, learnt from 2,400 labelled")
    assert "gbt-0, learnt" not in shown
    assert "<td>0.600 (0.500 to 0.700)</td><td>0.250 (0.200 to 0.300)</td>" in shown
    assert "At 1 in 10,000 it says little" in shown
    plotted = html.unescape(shown.partition("data-curve='")[2].partition("'")[0])
    assert json.loads(plotted) == CURVE
    assert "No promoted model" not in shown


def test_without_a_curve_the_page_says_which_command_makes_one(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No model of the registry has a learning curve: <code>robocall train --curve</code>" in got(
        played, Role.OPERATOR
    )
    with_curves(monkeypatch, gbt_2=CURVE)
    assert "No promoted model has a learning curve: <code>robocall train" in got(Played(tmp_path), Role.OPERATOR)


@pytest.mark.parametrize("role", Role)
def test_who_may_change_models_is_shown_how(role: Role, played: Played, commands: Commands) -> None:
    """Others are refused, also where they make the form themselves."""
    answer = changed(played, role, what="rollback", reason="ticket 1")

    assert ("Change it" in got(played, role)) is (role in MAY)
    assert answer.status_code == (200 if role in MAY else 403)
    assert len(commands.asked) == (role in MAY)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"what": "promote", "version": "gbt-2"},
            ["models", "promote", "--json", "--why=--force", "--", "gbt-2"],
        ),
        (
            {"what": "promote", "version": "gbt-2", "forced": "yes"},
            ["models", "promote", "--json", "--why=--force", "--force=--force", "--", "gbt-2"],
        ),
        ({"what": "rollback", "version": "gbt-2"}, ["models", "rollback", "--json", "--why=--force"]),
        ({"what": "shadow", "version": "gbt-2"}, ["models", "shadow", "--why=--force", "--", "gbt-2"]),
        ({"what": "shadow_off", "forced": "yes"}, ["models", "shadow", "--why=--force", "--", "off"]),
    ],
)
def test_each_change_is_a_command_in_the_name_of_the_user(
    fields: dict[str, str], words: list[str], played: Played, commands: Commands
) -> None:
    """Whatever stands in the reason is no option of it."""
    with capture_logs() as lines:
        changed(played, Role.MODEL_OWNER, reason="--force", **fields)

    assert [(arguments, settings) for arguments, settings, _ in commands.asked] == [
        (words, {"ROBOCALL_CASES_OPERATOR": "model_owner", "ROBOCALL_CASES_ROLES_FILE": ""})
    ]
    (line,) = [line for line in lines if line["event"] == "console change"]
    assert (line["user"], line["change"], line["reason"]) == ("model_owner", fields["what"], "--force")


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "train", "version": "gbt-2", "reason": "w"},
        {"what": "promote", "version": "", "reason": "w"},
        {"what": "promote", "version": "../up", "reason": "w"},
        {"what": "rollback", "reason": " "},
    ],
)
def test_what_is_no_change_is_refused(fields: dict[str, str], played: Played, commands: Commands) -> None:
    """Nothing is run."""
    assert changed(played, Role.ADMIN, **fields).status_code == 400
    assert commands.asked == []


def test_what_the_gate_found_is_shown_where_it_refuses(played: Played, commands: Commands) -> None:
    """A row for each line, beside the sentence that says why."""
    commands.ends = CommandFailed("gbt-2 is refused, gbt-1 stays", json.dumps({"promoted": False, "gate": GATE}))

    shown = changed(played, Role.ADMIN, what="promote", version="gbt-2", reason="w").text

    assert "it failed: gbt-2 is refused, gbt-1 stays" in shown
    assert shown.count("<tr>") == 1 + len(GATE)
    for words in ("0.60000", "passed", "failed", "too few calls"):
        assert words in shown


def test_while_a_change_goes_on_no_other_begins_and_its_end_is_told(played: Played, commands: Commands) -> None:
    """The part asks for itself again until then; the facts are asked anew after it."""
    commands.go.clear()

    async def visit(browser: Browser) -> list[Any]:
        await browser.get("/model")
        await browser.send("/model/change", what="rollback", reason="one")
        asks_again = {"HX-Request": "true", "HX-Trigger": "work"}
        running = await browser.client.get("/model/work", headers=asks_again)
        second = await browser.send("/model/change", what="rollback", reason="two")
        commands.go.set()
        return [running, second.status_code, await settled(browser, "/model/work", asks_again)]

    running, second, ended = played.run(Role.ADMIN, visit)

    assert "every 2s" in running.text
    assert "HX-Trigger" not in running.headers
    assert second == 409
    assert "every 2s" not in ended.text
    assert ended.headers["HX-Trigger"] == "work-done"
    assert len(commands.asked) == 1
