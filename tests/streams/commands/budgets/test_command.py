"""`robocall budgets`, as it is typed: enforcement is earned on the carrier's own calls, and everything says so."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from redis import Redis
from rich.console import Console

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.model_step import WINDOWS_AGE
from models.budgets.measure import Group, decode, encode, read_beside
from models.errors import ArtifactCorrupt, MeasureRefused
from models.serve.artifact import load
from models.serve.signing import Signing
from models.serve.weighing import with_group_weight
from models.store.registry import Registry
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.commands.budgets.collecting import Collector
from streams.commands.budgets.command import budgets
from streams.commands.replay import loaded, replay, replayed
from streams.kafka.topics import CALL_EVENTS
from streams.redis.connection import list_key
from streams.settings import load_settings
from tests.models.budgets.measures import measure_of
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import SECRET, put
from tests.streams.commands.budgets import lawful_calls

POLICY = "budgets: {label_per_million: 20000, block_per_million: 100, windows_h: 0}\nminimum_samples: []\n"
"""440 callers show 6,900 in a million at best: enough for these labels, and not for blocks."""
ENFORCING = f"""{POLICY}mode: enforce
redress: {{url: "https://redress.carrier.example/"}}
categories:
  - name: automated_call
    label_text: Maybe automated
    thresholds: {{label_at: 0.7, label_clear: 0.7, block_at: 0.999, block_clear: 0.9}}
"""


@pytest.fixture
def options(tmp_path: Path, model: Path) -> list[str]:
    """Of a measure of lawful calls with a policy that such a small span can meet."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    events = lawful_calls.write(tmp_path / "lawful.jsonl", lawful_calls.lawful())
    senders = lawful_calls.write_senders(tmp_path / "senders.csv")
    return [
        "measure", "--events", str(events), "--senders", str(senders), "--model", str(model),
        "--partitions", "2", "--policy", str(policy),
    ]  # fmt: skip


def run(*arguments: object) -> Result:
    return CliRunner().invoke(budgets, list(map(str, arguments)), catch_exceptions=False)


def _fail(error: Exception) -> None:
    raise AssertionError from error


def decisions(tmp_path: Path, model: Path, *, partitions: int = 2, start_ms: int) -> tuple[list[dict[str, Any]], str]:
    """Decisions on a burst in enforce mode, and what the replay told."""
    policy = tmp_path / "enforcing.yaml"
    policy.write_text(ENFORCING)
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(start_ms))
    out = tmp_path / "decisions.jsonl"
    done = CliRunner().invoke(
        replay,
        [str(events), "--decisions", str(out), "--model", str(model), "--policy", str(policy),
         "--partitions", str(partitions)],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 0
    return [json.loads(line) for line in out.read_text().splitlines()], done.stderr


def test_a_measure_earns_what_it_supports_and_a_replay_goes_by_it(
    tmp_path: Path, model: Path, options: list[str]
) -> None:
    """Before: only tried, and the replay says why. After: labels by margin with the budget named, and no block.

    All calls are of one number, which may not spend the budget alone.
    """
    start_ms = lawful_calls.START_MS + 3_600_000
    before, told = decisions(tmp_path, model, start_ms=start_ms)
    tried = [one for one in before if one["decided_by"] == "model"]
    assert {one["action"] for one in before} == {"allow"}
    assert {(one["mode"], one["reasons"][-1]["code"]) for one in tried} == {("shadow", "not_earned")}
    assert "no measure for this model" in told

    done = run(*options)

    assert done.exit_code == 0
    assert "lawful, called each other" in done.stderr
    assert "nothing is blocked: there are 440 callers, 29,958 are needed" in done.stderr
    after, told = decisions(tmp_path, model, start_ms=start_ms)
    judged = [one for one in after if one["decided_by"] == "model"]
    hit, busy = judged[:6], judged[6:]  # the first three of forty calls score low, and nine are what a budget has
    assert [{(one["action"], one["mode"]) for one in part} for part in (hit, busy)] == [
        {("label", "enforce")}, {("allow", "shadow")}
    ]  # fmt: skip
    assert len(busy) == 31
    assert {"its number called more than 9 times in 24 hours" in one["reasons"][-1]["text"] for one in busy} == {True}
    codes = {tuple(reason["code"] for reason in one["reasons"][:2]) for one in hit}
    assert codes == {("model", "budget")}
    assert (
        "at most 20,000 lawful calls in a million of all calls are hit, measured 2025-11-20"
        in hit[0]["reasons"][1]["text"]
    )
    assert "no blocks" in told
    other, _ = decisions(tmp_path, model, partitions=3, start_ms=start_ms)
    assert {one["action"] for one in other} == {"allow"}


def test_without_partitions_a_measure_of_files_is_for_replays_and_says_whose_it_is(
    tmp_path: Path, model: Path, options: list[str]
) -> None:
    """The two commands as the pages have them; who asks for another number of partitions is told what there is."""
    place = options.index("--partitions")
    del options[place : place + 2]

    done = run(*options)

    whose = "for replays; workers of 12 partition(s) need --partitions 12"
    assert done.stdout.splitlines()[-1] == f"written to {model / 'measure-1.json'}: {whose}"
    after, _ = decisions(tmp_path, model, partitions=1, start_ms=lawful_calls.START_MS + 3_600_000)
    assert {one["action"] for one in after} == {"allow", "label"}
    said = "measured for 1 partition(s), not for 12: run `robocall budgets measure --partitions 12`"
    assert run("show", model).stdout == f"tried: {said}\n"
    _, told = decisions(tmp_path, model, partitions=12, start_ms=lawful_calls.START_MS)
    assert said in told


def test_a_replay_by_version_goes_by_the_measure_in_an_object_store(
    tmp_path: Path, model: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measure is fetched with the model, as workers have both."""
    monkeypatch.setenv("ROBOCALL_MODELS_URL", f"memory://{tmp_path}")
    registry = Registry(f"memory://{tmp_path}")
    version = registry.add(model, schema_id=FEATURE_SCHEMA_ID)[0].version
    start_ms = lawful_calls.START_MS + 3_600_000
    assert "no measure for this model" in decisions(tmp_path, Path(version), start_ms=start_ms)[1]

    by_version = [version if one == str(model) else one for one in options]
    assert run(*by_version).exit_code == 0

    after, told = decisions(tmp_path, Path(version), start_ms=start_ms)
    assert "no measure" not in told
    assert {one["action"] for one in after} == {"allow", "label"}
    assert (
        "measured for 2 partition(s), not for 3"
        in decisions(tmp_path, Path(version), partitions=3, start_ms=start_ms)[1]
    )
    assert "measured for 2 partition(s), not for 12" in run("show", version).stdout


def test_a_model_with_a_group_weight_is_measured_on_what_decides(tmp_path: Path, model: Path) -> None:
    """The group scores of a burst: its calls lift each other. The measure is of the version that has the weight."""
    grouped = with_group_weight(model, tmp_path / "grouped", 0.5, schema_id=FEATURE_SCHEMA_ID)
    settings = load_settings(mode="shadow", model_dir=tmp_path / "grouped", partitions=2)
    pipeline = loaded(settings, _fail, Console(quiet=True))
    collector = Collector(grouped, windows_h=0)
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(lawful_calls.START_MS))

    ((_, batch),) = replayed([events.read_bytes().splitlines()], pipeline, partitions=2)
    collector.add(batch)

    span, screening = collector.span(), batch.screening
    measured = span.margins
    np.testing.assert_array_equal(span.windows_s, np.maximum(screening.features[:, WINDOWS_AGE], 0.0))
    np.testing.assert_array_equal(measured, screening.group_scores)
    np.testing.assert_array_equal(screening.margins, grouped.raw(screening.features))
    assert (measured != screening.margins).mean() > 0.5


def test_the_measure_says_on_what_it_rests(model: Path, options: list[str]) -> None:
    done = run(*options, "--json")

    found = json.loads(done.stdout)
    assert found["reciprocal"] == {"calls": lawful_calls.PEOPLE, "callers": lawful_calls.PEOPLE}
    assert found["registered"] == {"calls": 2 * lawful_calls.SENDERS, "callers": lawful_calls.SENDERS}
    assert found["model_version"] == load(model, schema_id=FEATURE_SCHEMA_ID).version
    assert (found["partitions"], found["block"]) == (2, None)
    assert found["label"]["most_per_million"] <= 20_000
    kept = read_beside(model, partitions=2)
    assert kept is not None
    assert kept.end_ms == found["end_ms"]


def test_without_senders_all_calls_count_as_lawful_and_it_is_said(model: Path, options: list[str]) -> None:
    """Few calls are hit then, and where that is shown labels are in force."""
    place = options.index("--senders")
    del options[place : place + 2]

    done = run(*options)

    assert done.exit_code == 0
    assert "all calls count as lawful: registered senders allow less, or are fewer than 150 callers" in " ".join(
        done.stderr.split()
    )
    kept = read_beside(model, partitions=2)
    assert kept is not None
    assert kept.everybody == Group(kept.scored, lawful_calls.PEOPLE + lawful_calls.SENDERS)
    assert kept.measured().is_of_all
    assert kept.label is not None
    assert kept.label.most_per_million <= 20_000


def test_show_says_what_was_measured_and_what_is_in_force(
    model: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(tmp_path / "policy.yaml"))
    before = run("show", model, "--partitions", "2")
    run(*options)

    after = run("show", model, "--partitions", "2")
    as_json = json.loads(run("show", model, "--partitions", "2", "--json").stdout)

    assert before.stdout.startswith("tried: no measure")
    assert "440" in after.stdout.replace(",", "")
    assert "label, 20,000 in a million" in after.stdout
    assert as_json["state"] == "labels"  # these calls are of 2025
    assert "traffic" not in as_json["measure"]


def test_a_measure_goes_into_the_registry_beside_its_version(
    model: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "registry")
    version = registry.add(model, schema_id=FEATURE_SCHEMA_ID)[0].version
    monkeypatch.setenv("ROBOCALL_MODELS_URL", registry.url)
    options[options.index(str(model))] = version

    run(*options)

    content = registry.read_beside(version, "measure-2.json", limit_bytes=1_000_000)
    assert content is not None
    assert decode(content, "", partitions=2).model_version == version
    assert registry.load(version, schema_id=FEATURE_SCHEMA_ID).version == version


def test_a_key_signs_the_measure(model: Path, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_SIGNING_KEY", "k" * 40)
    registry = Registry(model.parent, load_settings().signing)
    registry.sign(model.name, schema_id=FEATURE_SCHEMA_ID)

    run(*options)

    assert read_beside(model, partitions=2, signing=load_settings().signing) is not None
    with pytest.raises(ArtifactCorrupt):
        read_beside(model, partitions=2, signing=Signing(b"o" * 40))


def test_traffic_that_has_moved_away_keeps_the_last_measure(model: Path, options: list[str], tmp_path: Path) -> None:
    """Thresholds do not follow a flood; whoever has looked may measure afresh."""
    run(*options)
    before = read_beside(model, partitions=2)
    flood = [event for n in range(60) for event in lawful_calls.burst(lawful_calls.START_MS + 60_000 * n)]
    lawful_calls.write(tmp_path / "lawful.jsonl", [*lawful_calls.lawful(), *flood])

    with pytest.raises(MeasureRefused, match="has moved away from that of the last measure"):
        run(*options)
    assert read_beside(model, partitions=2) == before

    run(*options, "--afresh")
    assert read_beside(model, partitions=2) != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--senders", "none"), "names no number"),
        (("--policy", "hours"), "no call was scored in windows of 24 h"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    change: tuple[str, str], message: str, options: list[str], tmp_path: Path
) -> None:
    made = {
        "none": "number\nx\n",
        "hours": "budgets: {windows_h: 24}\n",
    }
    file = tmp_path / change[1]
    file.write_text(made[change[1]])
    options[options.index(change[0]) + 1] = str(file)

    with pytest.raises(RobocallError, match=message) as refusal:
        run(*options)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["measure", "--senders", "x"], "give --events FILE, or --archive"),
        (["measure", "--archive", "--senders", "x"], "--archive needs --from and a later --to"),
        (["measure", "--archive", "--from", "2026-01-02", "--to", "2026-01-01", "--senders", "x"], "a later --to"),
        (["measure", "--events", "x", "--senders", "x"], "or a folder of your own to --model"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("+12025550123\n")
    given = [str(tmp_path / "x") if argument == "x" else argument for argument in arguments]

    done = run(*given)

    assert done.exit_code == 2
    assert message in done.stderr


def test_a_damaged_measure_silences_the_step_and_is_measured_anew(
    tmp_path: Path, model: Path, options: list[str]
) -> None:
    run(*options)
    (model / "measure-2.json").write_bytes(b"{")

    _, told = decisions(tmp_path, model, start_ms=lawful_calls.START_MS)
    assert "is no measure" in told

    run(*options)
    assert read_beside(model, partitions=2) is not None


def test_a_measure_of_another_model_is_not_used(tmp_path: Path, model: Path, options: list[str]) -> None:
    run(*options)
    other = save_small_model(tmp_path / "other", seed=2)
    shutil.copy(model / "measure-2.json", other)

    _, told = decisions(tmp_path, other, start_ms=lawful_calls.START_MS)

    assert "measured was gbt-" in told
    (other / "measure-2.json").write_bytes(encode(measure_of("gbt-000000000000", partitions=2)))
    run(*["measure", *options[1:]])


@pytest.mark.parametrize("secret", [None, SECRET])
def test_the_archive_and_the_allow_list_give_the_same_measure(
    secret: str | None, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    """Calls as they were archived, and registered senders as `robocall lists add allow` keeps them, with others.

    Where the archive has digests of numbers, lawful callers are the same; a few features, and so scores, are not.
    """
    from_files = json.loads(run(*options, "--json").stdout)
    store = ArchiveStore(str(tmp_path / "archive"))
    events = [line.encode() for line in (tmp_path / "lawful.jsonl").read_text().splitlines()]
    key = None if secret is None else NumberKey(secret)
    put(store, CALL_EVENTS, events, at_ms=lawful_calls.START_MS, key=key)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_NUMBER_KEY", secret or "")
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    numbers = [lawful_calls.sender(index) for index in range(lawful_calls.SENDERS)]
    with Redis.from_url(redis_url) as client:
        client.sadd(list_key("allow"), "trunk:t-9", *numbers)
        at = options.index("--events")
        rest = [*options[:at], *options[at + 4 :]]  # without files of events and senders
        done = run(
            *rest,
            "--archive",
            "--from",
            "2025-11-19",
            "--to",
            "2025-11-21T00:00:00",
            "--allow-list",
            "--afresh",
            "--json",
        )
        client.delete(list_key("allow"))

    found = json.loads(done.stdout)
    same = ["reciprocal", "registered", "begin_ms", "end_ms", "scored"] + ([] if secret else ["label", "block"])
    assert {name: found[name] for name in same} == {name: from_files[name] for name in same}
