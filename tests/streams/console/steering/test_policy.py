"""*Policy*: what is in force, a change that is tried and then saved, by whom, and nothing that was not tried."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.commands.child import CommandFailed
from streams.commands.console import serving
from streams.console.roles import Role
from streams.console.steering import policy as policy_page
from streams.screening.policy_file import load_policy, parse_policy
from streams.settings import load_settings
from tests.streams.console.console_case import Browser, Played, decided
from tests.streams.console.steering.test_work import Commands, settled

MAY = [Role.MODEL_OWNER, Role.ADMIN]
FILE = """# ours
hold_s: 60
overrides:
  - {trunk_group_id: tg-chi, mode: enforce, enforce_percent: 25}
"""
CHANGED = FILE.replace("60", "120")
TRIAL: dict[str, Any] = {
    "now": "p1-a", "then": "p1-b", "model": "gbt-1", "warnings": [], "cut": "", "calls": 1_000,
    "begin_ms": 1_763_600_000_000, "end_ms": 1_763_686_400_000,
    "rows": [{"treatment": "block", "decided_by": "rule", "cause": "Rule <flood> applies", "now": 0, "then": 31}],
    "changes": [{
        "now": "allow", "then": "block", "calls": 31, "numbers": 1, "numbers_are_more": False,
        "trunks": [["tg-chi", 31]],
        "examples": [{
            "calling_number": "+12025550177", "called_number": "+13125550142", "trunk_group_id": "tg-chi",
            "setup_time_ms": 1_763_600_000_000, "score": None, "decided_by": "rule", "cause": "Rule <flood> applies",
        }],
    }],
}  # fmt: skip


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What the console runs instead of processes; a trial finds `TRIAL` at once."""
    made = Commands()
    made.go.set()
    made.ends = json.dumps(TRIAL)
    monkeypatch.setattr(serving, "run", made)
    return made


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The policy file."""
    path = tmp_path / "policy.yaml"
    path.write_text(FILE)
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(path))
    return path


@pytest.fixture
def played(tmp_path: Path, file: Path, commands: Commands) -> Played:
    del file, commands
    made = Played(tmp_path)
    made.memory.take(None, decided(1, policy_version="p1-old"))
    return made


async def try_it(browser: Browser, text: str = CHANGED) -> httpx.Response:
    """Send the form, wait for the trial, and get what it found."""
    await browser.get("/policy")
    page = await browser.send("/policy/try", text=text.replace("\n", "\r\n"))
    return page if page.status_code != 200 else await settled(browser, "/policy/work")


def saved_by_another(file: Path) -> None:
    file.write_text(FILE.replace("60", "300"))


def digest(part: httpx.Response) -> str:
    return part.text.partition('name="digest" value="')[2].partition('"')[0]


def test_what_is_in_force_is_shown_by_file_and_by_decisions(played: Played, file: Path) -> None:
    """A worker that was not started since the file was changed decides by another version."""

    async def visit(browser: Browser) -> str:
        return (await browser.get("/policy")).text

    shown = played.run(Role.OPERATOR, visit)

    for words in (
        load_policy(file).version,
        str(file),
        "p1-old",
        "not this console",
        "Trunk group tg-chi",
        "enforce for 25 % of callers",
        "# ours",
    ):
        assert words in shown
    assert "Try it" not in shown


def test_a_file_that_cannot_be_read_is_said_on_the_page(tmp_path: Path, file: Path, commands: Commands) -> None:
    """A folder stands where the file should: one line says so, and nobody can try a change of nothing."""
    file.unlink()
    file.mkdir()
    commands.ends = ""

    async def visit(browser: Browser) -> tuple[httpx.Response, httpx.Response]:
        return await browser.get("/policy"), await browser.send("/policy/try", text=CHANGED)

    page, answer = Played(tmp_path).run(Role.ADMIN, visit)

    assert page.status_code == 200
    assert f"policy {file}: Is a directory: name a file that can be read." in page.text
    assert "textarea" not in page.text
    assert answer.status_code == 400
    assert "Is a directory" in answer.text
    assert commands.asked == []


def test_a_file_that_the_console_may_not_write_is_said_before_anything_is_tried(
    played: Played, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of a Secret or a ConfigMap; a change can be tried all the same."""

    async def visit(browser: Browser) -> str:
        return (await browser.get("/policy")).text

    assert "cannot be saved from here" not in played.run(Role.MODEL_OWNER, visit)
    monkeypatch.setattr(os, "access", lambda path, _: path != file.parent)
    shown = played.run(Role.MODEL_OWNER, visit)

    assert f"It cannot be saved from here: the console may not write in {file.parent}." in shown
    assert "Try it" in shown


@pytest.mark.usefixtures("commands")
def test_a_file_that_hangs_holds_no_other_page_up(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody writes to, as a dead network disk is."""
    file.unlink()
    os.mkfifo(file)
    monkeypatch.setattr(policy_page, "READ_S", 0.05)

    async def visit(browser: Browser) -> str:
        return (await browser.get("/policy")).text

    shown = Played(tmp_path).run(Role.OPERATOR, visit)

    os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
    assert "The policy did not answer within 0.05 s." in shown


def test_a_trial_shows_who_would_be_hit_masked(played: Played, commands: Commands, file: Path) -> None:
    """The command gets the text as it was typed; the file stays as it is."""

    async def visit(browser: Browser) -> tuple[str, str]:
        part = await try_it(browser)
        return part.text, (await browser.get("/policy")).text

    part, page = played.run(Role.MODEL_OWNER, visit)

    arguments = commands.asked[0][0]
    assert arguments[:-1] == ["policy", "try", "--json", f"--against={file}", "--"]
    assert Path(arguments[-1]).read_text() == CHANGED
    assert file.read_text() == FILE
    for words in ("Rule &lt;flood&gt; applies", "allow now, block then: 31 calls", "+1202555••••", "tg-chi (31)"):
        assert words in part
    assert "5550177" not in part
    assert "hold_s: 120" in page


def test_what_was_tried_is_saved_with_a_reason(played: Played, commands: Commands, file: Path) -> None:
    """On top of the version that it was tried against."""

    async def visit(browser: Browser) -> httpx.Response:
        part = await try_it(browser)
        commands.ends = "p1-b"
        await browser.send("/policy/save", digest=digest(part), reason="ticket 311")
        return await settled(browser, "/policy/work")

    part = played.run(Role.ADMIN, visit)

    before = parse_policy(FILE.encode()).version
    arguments, settings, _ = commands.asked[-1]
    assert arguments[:-1] == ["policy", "save", "--why=ticket 311", f"--before={before}", f"--policy={file}", "--"]
    assert settings == {"ROBOCALL_CASES_OPERATOR": "admin", "ROBOCALL_CASES_ROLES_FILE": ""}
    assert "done." in part.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"digest": "0" * 64, "reason": "w"}, 409), ({"reason": "w"}, 409), ({"reason": " "}, 400)],
)
def test_what_was_not_tried_or_has_no_reason_is_not_saved(
    fields: dict[str, str], status: int, played: Played, commands: Commands
) -> None:
    async def visit(browser: Browser) -> int:
        part = await try_it(browser)
        wanted = {"digest": digest(part)} if status == 400 else {}
        return (await browser.send("/policy/save", **(wanted | fields))).status_code

    assert played.run(Role.ADMIN, visit) == status
    assert len(commands.asked) == 1


def test_a_trial_that_failed_cannot_be_saved(played: Played, commands: Commands) -> None:
    """It says why instead, and offers no form."""
    commands.ends = CommandFailed("set ROBOCALL_ARCHIVE_URL")

    async def visit(browser: Browser) -> tuple[str, int]:
        part = await try_it(browser)
        digest = hashlib.sha256(CHANGED.encode()).hexdigest()
        form = {"csrf": await token(browser), "reason": "w", "digest": digest}
        saved = await browser.client.post("/policy/save", data=form)
        return part.text, saved.status_code

    shown, status = played.run(Role.ADMIN, visit)

    assert "it failed: set ROBOCALL_ARCHIVE_URL" in shown
    assert "digest" not in shown
    assert status == 409


async def token(browser: Browser) -> str:
    page = await browser.client.get("/policy")
    return page.text.partition('name="csrf" value="')[2].partition('"')[0]


def test_what_is_no_policy_is_said_before_it_is_tried(played: Played, commands: Commands) -> None:
    """With the line that `robocall` would say."""

    async def visit(browser: Browser) -> httpx.Response:
        return await try_it(browser, "hold: 60")

    answer = played.run(Role.ADMIN, visit)

    assert answer.status_code == 400
    assert "hold: unknown setting" in answer.text
    assert commands.asked == []


def test_a_long_policy_fits_and_a_longer_form_does_not(played: Played, commands: Commands) -> None:
    """Nearly 256 KiB, each character of which is three in a form."""
    long = FILE + "#" + "é" * 100_000

    async def visit(browser: Browser) -> list[int]:
        part = await try_it(browser, long)
        return [part.status_code, (await try_it(browser, "#" + "é" * 200_000)).status_code]

    assert played.run(Role.ADMIN, visit) == [200, 413]
    assert Path(commands.asked[0][0][-1]).read_text() == long


@pytest.mark.parametrize("role", Role)
def test_who_may_change_the_policy(role: Role, played: Played, commands: Commands) -> None:
    """Others see it, and are refused also where they make the form themselves."""

    async def visit(browser: Browser) -> list[int]:
        base = hashlib.sha256(FILE.encode()).hexdigest()
        form = {"csrf": await token(browser), "base": base, "text": CHANGED, "digest": "", "reason": "w"}
        answers = [await browser.client.post(f"/policy/{name}", data=form) for name in ("try", "save")]
        await settled(browser, "/policy/work")
        return [answer.status_code for answer in answers]

    assert played.run(role, visit) == ([200, 409] if role in MAY else [403, 403])
    assert len(commands.asked) == (role in MAY)


def test_records_that_cannot_be_read_are_said_in_their_place(played: Played) -> None:
    """No broker answers here."""

    async def visit(browser: Browser) -> str:
        return (await browser.get("/policy/saved")).text

    assert "Kafka" in played.run(Role.OPERATOR, visit)


def test_from_shadow_to_enforce_by_a_form(played: Played, commands: Commands, file: Path) -> None:
    """A trunk group's share is tried as a change of the file, and a second change on top of that; nothing is saved."""

    async def visit(browser: Browser) -> list[httpx.Response]:
        await browser.get("/policy")
        answers = []
        for fields in (
            {"trunk": " tg-new ", "mode": "enforce", "percent": "5"},
            {"trunk": "", "mode": "enforce", "percent": "12.5"},
        ):
            page = await browser.send("/policy/enforce", **fields)
            answers.append(page)
            await settled(browser, "/policy/work")
            await browser.get("/policy")
        return [*answers, browser.page]

    *_, page = played.run(Role.ADMIN, visit)

    tried = parse_policy(Path(commands.asked[-1][0][-1]).read_bytes())
    assert [(one.trunk_group_id, one.enforce_percent) for one in tried.overrides] == [("tg-new", 5.0), ("tg-chi", 25.0)]
    assert (tried.mode.value, tried.enforce_percent, tried.hold_s) == ("enforce", 12.5, 60)
    assert "What is tried" in page.text
    assert '<option value="tg-chi">' in page.text
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    "fields",
    [
        {"trunk": "", "mode": "enforce", "percent": "0"},
        {"trunk": "", "mode": "enforce", "percent": "101"},
        {"trunk": "", "mode": "enforce", "percent": "1e2"},
        {"trunk": "", "mode": "on", "percent": "5"},
        {},
    ],
)
def test_what_cannot_be_enforced_is_not_tried(played: Played, commands: Commands, fields: dict[str, str]) -> None:
    async def visit(browser: Browser) -> httpx.Response:
        await browser.get("/policy")
        return await browser.send("/policy/enforce", **fields)

    assert played.run(Role.ADMIN, visit).status_code == 400
    assert commands.asked == []


def test_a_trunk_group_that_looks_like_a_number_is_not_offered(played: Played) -> None:
    """Who changes the policy does not see whole numbers; it can be typed."""
    played.memory.take(None, decided(2, trunk_group_id="+12025550188"))

    async def visit(browser: Browser) -> str:
        return (await browser.get("/policy")).text

    page = played.run(Role.MODEL_OWNER, visit)
    assert '<option value="tg-chi">' in page
    assert "+12025550188" not in page


def test_who_does_not_change_the_policy_has_no_form(played: Played) -> None:
    async def visit(browser: Browser) -> tuple[str, int]:
        page = (await browser.get("/policy")).text
        answer = await browser.send("/policy/enforce", trunk="", mode="enforce", percent="5")
        return page, answer.status_code

    page, status = played.run(Role.OPERATOR, visit)
    assert "/policy/enforce" not in page
    assert status == 403


@pytest.mark.parametrize("fields", [{"text": CHANGED}, {"trunk": "tg-1", "mode": "enforce", "percent": "5"}])
def test_a_page_that_is_older_than_the_file_changes_nothing(
    played: Played, commands: Commands, file: Path, fields: dict[str, str]
) -> None:
    """Somebody else saved meanwhile: a change of the text of before would take that back."""

    async def visit(browser: Browser) -> tuple[httpx.Response, httpx.Response]:
        await browser.get("/policy")
        saved_by_another(file)
        refused = await browser.send("/policy/try" if "text" in fields else "/policy/enforce", **fields)
        return refused, await browser.get("/policy")

    refused, page = played.run(Role.ADMIN, visit)
    assert refused.status_code == 400
    assert "since this page was opened" in refused.text
    assert commands.asked == []
    assert "hold_s: 300" in page.text


def test_a_draft_of_before_somebody_saved_is_gone(played: Played, file: Path) -> None:
    """Nothing that was not seen rides along with the next change."""

    async def visit(browser: Browser) -> str:
        await try_it(browser)
        saved_by_another(file)
        return (await browser.get("/policy")).text

    page = played.run(Role.ADMIN, visit)
    assert "hold_s: 300" in page
    assert "What is tried" not in page


@pytest.mark.usefixtures("file")
def test_a_mode_of_the_settings_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the form from shadow to enforce would change nothing, and nobody would know why."""
    monkeypatch.setenv("ROBOCALL_MODE", "shadow")

    async def visit(browser: Browser) -> str:
        return (await browser.get("/policy")).text

    assert "ROBOCALL_MODE says shadow here" in Played(tmp_path, load_settings()).run(Role.ADMIN, visit)
