"""Something on the screen at least every few seconds, terminal or not: whatever a command waits for tells that it does.

What takes long in each command is replaced by somebody who waits until it hears lines, and then has heard enough. With
`EVERY_S` next to nothing they come at once; a command that tells nothing meanwhile lets its listener wait in vain.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector.features.table import FEATURE_NAMES
from streams.archive.files import ArchiveStore
from streams.commands.main import COMMANDS, robocall
from streams.kafka.topics import CALL_EVENTS
from streams.running import progress
from tests.models.small_evaluation import save_labelled
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.referral.packages import save_package
from tests.waiting import wait_until

EVERY_S = 0.001
LABELLED = "--features features.parquet --labels labels.csv"
MEASURE = "budgets measure --events one.jsonl --senders senders.txt --model own"
ADAPT = "adapt --events one.jsonl --feedback said.jsonl --base own --out adapted"
ARCHIVED = "adapt --archive --from 2026-11-24 --to 2026-11-25 --feedback said.jsonl --base own --out adapted"
ASK = "ask --events one.jsonl --feedback said.jsonl --model own --table questions.csv"
WAITS = [
    ("replay empty.jsonl --decisions -", "streams.commands.replay.make_screener"),
    ("replay empty.jsonl --decisions -", "streams.commands.replay.run"),
    ("simulate --out events.jsonl", "streams.commands.simulate.generate"),
    ("simulate --out events.jsonl --author fourth", "streams.commands.simulate.told"),
    ("simulate --kafka", "streams.commands.simulate.publish"),
    (f"train {LABELLED} --out model", "streams.commands.shared.labelled.read"),
    (f"train {LABELLED} --out model", "models.learn.training.train"),
    (f"train {LABELLED} --search 1 --out model", "models.learn.search.search"),
    ("train --simulate --out model", "models.data.windows_over_traffic.from_traffic"),
    ("train --worlds 32 --out model", "models.learn.many_worlds.from_worlds"),
    (f"evaluate {LABELLED}", "streams.commands.train.load"),
    (f"evaluate {LABELLED}", "models.judge.report.report.judge"),
    (f"evaluate {LABELLED} --report report", "models.judge.report.report.judge"),
    (MEASURE, "streams.commands.budgets.command.beside"),
    (MEASURE, "streams.commands.replay.make_screener"),
    (MEASURE, "streams.commands.budgets.command._collect"),
    (ADAPT, "streams.commands.adapt.command.artifact_folder"),
    (ADAPT, "streams.commands.events.feedback.read_feedback"),
    (ADAPT, "streams.commands.replay.make_screener"),
    (ADAPT, "streams.commands.adapt.inputs._gather"),
    (ADAPT, "streams.commands.adapt.inputs.Gathering.calls"),
    (ARCHIVED, "streams.commands.events.source.connected"),
    (ARCHIVED, "streams.commands.events.source.parts_of"),
    ("settle own", "streams.commands.adapt.lots.read_lot"),
    (ASK, "streams.commands.ask.command.artifact_folder"),
    (ASK, "streams.commands.adapt.inputs._gather"),
    (ASK, "streams.commands.ask.command._questions"),
    ("budgets show own", "streams.commands.budgets.command.beside"),
    ("models list", "models.store.registry.Registry.artifacts"),
    ("models add model", "models.store.registry.Registry.add"),
    ("models diff one other", "streams.commands.models.artifacts._loaded"),
    ("models status", "streams.commands.models.following.told"),
    ("models promote one", "models.store.registry.Registry.load"),
    ("policy try empty.jsonl --events empty.jsonl", "streams.commands.replay.make_screener"),
    ("policy try empty.jsonl --events empty.jsonl", "streams.commands.policy.command.tried"),
    ("archive export --out events.jsonl", "streams.commands.archive.parts_of"),
    ("archive export --out events.jsonl", "streams.commands.archive.events"),
    ("archive compact", "streams.commands.archive.merge"),
    ("archive prune", "streams.commands.archive.expired"),
    ("archive query SELECT", "streams.commands.archive.connected"),
    ("campaigns list", "streams.commands.campaigns.command.campaigns_now"),
    ("campaigns show c1", "streams.commands.campaigns.command.campaigns_now"),
    ("campaigns confirm c1", "streams.commands.campaigns.command.campaigns_now"),
    ("campaigns find --events empty.jsonl --decisions empty.jsonl", "streams.commands.campaigns.command._group"),
    ("feedback add robocall --call-id c", "streams.commands.records.rows.publish"),
    ("feedback import labels.csv --preset analyst --dry-run", "streams.commands.feedback.show_some"),
    ("bridge records empty.jsonl --mapping cdr.yaml --dry-run", "streams.commands.records.command.show_some"),
    ("referral make senders.txt --campaign c --why w --out r.zip", "streams.commands.referral.command.collected"),
    ("referral verify referral.zip", "streams.commands.referral.command.read"),
    ("referral verify referral.zip", "streams.commands.replay.make_screener"),
    ("dno import senders.txt --name one --date 2026-11-20", "streams.commands.numbers.dno.read_entries"),
    ("dno show", "streams.commands.numbers.dno._kept"),
    ("dno check +12025550123", "streams.commands.numbers.dno._kept"),
    ("dno remove one", "streams.numbers.dno_files.DnoFiles.listing"),
    ("upstreams import trunks.csv", "streams.commands.upstreams.command.read_table"),
    ("upstreams show", "streams.commands.upstreams.command.load_upstreams"),
    ("upstreams check", "streams.commands.upstreams.command.load_upstreams"),
    ("upstreams check --rmd trunks.csv", "streams.commands.upstreams.command.read_database"),
    ("scorecards", "streams.scorecards.counting.Days.lines"),
    ("scorecards --plan senders.txt", "streams.scorecards.counting.load_plan"),
    ("scorecards propose", "streams.scorecards.counting.Days.lines"),
    ("traceback answer requests.csv --no-record", "streams.commands.traceback.answer._questions"),
    ("traceback answer requests.csv --no-record", "streams.commands.traceback.answer.connected"),
    ("traceback open --call-id c --why w", "streams.commands.traceback.opening.connected"),
    ("traceback import said.jsonl", "streams.commands.traceback.command._answer"),
    ("traceback show t", "streams.commands.traceback.command.CaseStore.read"),
    ("traceback list", "streams.commands.traceback.command.CaseStore.cases"),
    ("traceback export t", "streams.commands.traceback.command.CaseStore.read"),
    ("traceback close t --why w", "streams.commands.traceback.command.CaseStore.read"),
    ("erase +12025550123 --dry-run", "streams.commands.cases.command.CaseStore"),
    ("cases list", "streams.commands.cases.command.CaseStore"),
    ("cases prune", "streams.commands.cases.command.CaseStore"),
    ("redress open --calling +12025550123 --why x", "streams.commands.redress.command.find_call"),
    ("redress list", "streams.commands.cases.command.CaseStore"),
    ("blocked +12025550123", "streams.redress.archived.blocked_calls"),
    ("snapshots verify", "streams.commands.snapshots._entries"),
    ("audit", "streams.commands.audit._partitions"),
    ("trust anchors show", "streams.trust.anchors.TrustLists.restore"),
    ("trust anchors check", "streams.trust.anchors.TrustLists.restore"),
    ("trust cache show", "streams.trust.stored_chains.StoredChains.everything"),
    ("trust cache check", "streams.trust.stored_chains.StoredChains.everything"),
    ("trust cache forget --all", "streams.trust.stored_chains.StoredChains.forget_all"),
    ("trust cache warm senders.txt", "streams.commands.trust.command._warmed"),
    ("doctor", "streams.commands.doctor._settings_or_complaint"),
    ("topics create", "streams.commands.topics.command.admin_client"),
]
ELSEWHERE = {
    "console": "its log: tests/streams/commands/console/test_command.py",
    "demo": "its steps are those of its parts; tests/e2e/test_demo.py",
    "worker": "its log: tests/streams/commands/test_worker.py",
    "conformance": "it talks with a switch or a worker all the time: tests/integration",
    "local": "streams.local.services shows a step of its own",
    "lookup": "one exchange with Redis, which ends after 3 s, and a record: streams.cases.recording shows a step",
    "lists": "the same",
    "release": "the same, and one record more to Kafka",
    "verify": "its log: tests/streams/commands/trust/test_verify.py",
    "verify-identity": "it reads a few files and checks a few signatures, which takes milliseconds",
}


class Enough(Exception):
    """The listener has heard that the command goes on."""


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Stands in for what takes long: leaves by `Enough`, once two more lines have come."""
    monkeypatch.setattr(progress, "EVERY_S", EVERY_S)
    monkeypatch.setattr(progress, "FIRST_S", EVERY_S)

    def listen(*_: object, **__: object) -> None:
        capsys.readouterr()
        heard: list[str] = []

        def has_heard_enough() -> bool:
            heard.append(capsys.readouterr().err)
            return "".join(heard).count("\n") >= 2

        wait_until(has_heard_enough, "a line while the command waits")
        raise Enough

    return listen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files of every kind that the commands are given."""
    folder = tmp_path_factory.mktemp("screen")
    save_labelled(
        folder, np.eye(200, len(FEATURE_NAMES), dtype=np.float32), np.arange(200) % 4 == 0, calls_per_campaign=5
    )
    (folder / "empty.jsonl").touch()
    (folder / "one.jsonl").write_bytes(encoded(setup(1)) + b"\n")
    put(ArchiveStore(str(folder)), CALL_EVENTS, [encoded(setup(1))])
    (folder / "model").mkdir()
    (folder / "said.jsonl").write_text(
        '{"time_ms":1763600000000,"verdict":"robocall","source":"analyst","call_id":"c"}\n'
    )
    (folder / "senders.txt").write_text("+12025550123\n")
    (folder / "trunks.csv").write_text("trunk_group_id,legal_name,role\na,b,gateway\n")
    (folder / "upstreams.yaml").write_text("upstreams: []")
    (folder / "requests.csv").write_text(
        "traceback_id,called_number,calling_number,time\nr,3035550142,2025550123,1763600000\n"
    )
    (folder / "cdr.yaml").write_text("fields: {call_id: a}")
    save_small_model(folder / "own")
    save_package(folder / "referral.zip")
    return folder


@pytest.mark.parametrize(("command", "long_work"), WAITS)
def test_a_command_that_works_for_long_says_so_again_and_again(
    command: str, long_work: str, listener: Callable[..., None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard error is no terminal here."""
    monkeypatch.chdir(folder)
    for place in ("SNAPSHOT", "ARCHIVE", "MODELS", "NUMBERS"):
        monkeypatch.setenv(f"ROBOCALL_{place}_URL", str(folder))
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", "upstreams.yaml")
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", "empty.jsonl")
    monkeypatch.setenv("ROBOCALL_TRACEBACK_NAME", "Our Network")
    monkeypatch.setenv("ROBOCALL_TRACEBACK_ZONE", "America/Denver")
    monkeypatch.setattr(long_work, listener)

    with pytest.raises(Enough):
        robocall.main(command.split(), standalone_mode=False)


def test_no_command_is_forgotten() -> None:
    """A new one waits for something too, or its row says why not."""
    assert {command.split()[0] for command, _ in WAITS} | ELSEWHERE.keys() == COMMANDS.keys()
