"""Where modules and their tests stand: `a/b/c.py` is tested by `tests/a/b/test_c.py`, or a table here says why not.

Packages whose tests look at several modules at once (`faults`, `histories`, `integration`, `e2e`, `contracts`) mirror
nothing.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("detector", "models", "streams")
MODULES_OF_A_FOLDER = 20
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50

DAYS = "tests/detector/windows/days/test_memory.py"
SIGNATURES = "tests/detector/windows/signatures/test_memory.py"
ENGINE = "tests/detector/windows/test_engine.py"
FIRST = "tests/models/traffic/first/test_generate.py"
FOURTH = "tests/models/traffic/fourth/test_generate.py"
DURABILITY = "tests/streams/state/test_durability.py"
SCAN = "tests/streams/wire/test_scan.py"
LOOKUP = "tests/streams/commands/test_lookup.py"
ASYNCAPI = "tests/streams/contract_docs/test_asyncapi.py"
GENERATED = "tests/streams/contract_docs/test_generated.py"
DASHBOARDS = "tests/streams/contract_docs/dashboards/test_files.py"
LOCAL = "tests/streams/local/test_services.py"
PROMOTE = "tests/streams/commands/models/test_promote.py"
TRACEBACK = "tests/streams/commands/traceback/test_command.py"
BUDGETS = "tests/streams/commands/budgets/test_command.py"
WORKER = "tests/integration/test_worker_kafka.py"
PART = "one part of a generator that is tested by what it generates"
BROKER = "it needs a broker: kills, moves and catch-up in one place"

TESTED_ELSEWHERE = {
    # module without the suffix: (the file that would fail if it were wrong, why the module has no test of its own)
    "streams/cases/doctor": ("tests/streams/commands/redress/test_command.py", "it counts the cases of that test"),
    "streams/cases/settings": ("tests/streams/cases/test_recording.py", "who is recorded, and where a record waits"),
    "streams/commands/cases/due": (TRACEBACK, "`doctor` and `list --overdue` are asked there"),
    "streams/commands/shared/unmasking": (
        "tests/streams/commands/redress/test_command.py",
        "numbers are masked and whole there",
    ),
    "streams/commands/cases/showing": ("tests/streams/commands/cases/test_command.py", "lines of that command"),
    "streams/commands/policy/saving": (
        "tests/streams/commands/policy/test_command.py",
        "it is saved and refused there",
    ),
    "streams/redress/finding": ("tests/streams/commands/redress/test_command.py", "the same, in a Valkey"),
    "streams/redress/granting": (
        "tests/streams/commands/redress/test_command.py",
        "what a grant leaves in Valkey and Kafka is read there",
    ),
    "streams/console/desk/acts": (
        "tests/streams/console/desk/test_about_acts.py",
        "what is done is read in Valkey, Kafka and cases there and beside it",
    ),
    "streams/console/oidc/errors": ("tests/streams/console/oidc/test_provider.py", "error types, raised there"),
    "streams/console/desk/tracing": ("tests/streams/console/desk/test_case_pages.py", "a call is traced there"),
    "streams/redress/looking": ("tests/streams/commands/redress/test_command.py", "Redis and archive are asked there"),
    "streams/kafka/publishing/sending": ("tests/streams/commands/test_feedback.py", "published and counted there"),
    "streams/campaigns/verdicts": (
        "tests/streams/commands/campaigns/test_command.py",
        "what both verdicts publish",
    ),
    "streams/wire/cases": ("tests/streams/cases/test_changes.py", "cases are written and read back there"),
    "streams/kafka/publishing/entity_topic": (
        "tests/streams/commands/test_release.py",
        "one record, which is read there",
    ),
    "streams/redis/list_entries": (LOOKUP, "what the commands take and refuse"),
    "streams/redis/list_changes": ("tests/streams/redis/test_lists.py", "a change is what workers make of it"),
    "streams/redis/releasing": ("tests/streams/redis/test_entities.py", "a release is what workers make of it"),
    "detector/columns/arrays": ("tests/detector/columns/test_call_columns.py", "names of array types, no code"),
    "detector/columns/compiled": ("tests/contracts/test_numba_seams.py", "it leans on numba, whose seams are tested"),
    "detector/columns/compiling/dispatchers": ("tests/contracts/test_numba_seams.py", "tested there"),
    "detector/columns/windows_port": ("tests/contracts/test_windows.py", "a protocol: windows are held to it there"),
    "detector/contract/decisions": ("tests/streams/wire/test_records.py", "value types: their bytes are tested"),
    "detector/contract/errors": ("tests/streams/screening/test_policy_file.py", "one error, raised where it is tested"),
    "detector/contract/events": ("tests/streams/wire/test_records.py", "value types: their bytes are tested"),
    "detector/contract/ports": ("tests/contracts/test_classifiers.py", "a protocol: classifiers are held to it there"),
    "detector/features/number_features": (
        "tests/detector/columns/test_code_plan.py",
        "rows of the table, filled there",
    ),
    "detector/features/signatures": (SIGNATURES, "constants only: a wrong one tells fast and slow memory apart"),
    "detector/features/days": (DAYS, "constants only: a wrong one tells fast and slow memory apart"),
    "detector/features/window_constants": (ENGINE, "constants only: a wrong one tells fast and slow windows apart"),
    "detector/policy/entries": ("tests/detector/policy/test_upstreams.py", "what both tables refuse, refused there"),
    "detector/policy/held": (
        "tests/detector/policy/test_standing.py",
        "forgotten with standing decisions, and bounded",
    ),
    "detector/policy/lists": ("tests/detector/policy/test_steps.py", "sets of texts: the steps look them up there"),
    "detector/policy/work": ("tests/detector/policy/test_steps.py", "columns of a batch: the steps are run on them"),
    "detector/testing/events": ("tests/detector/testing/test_screeners.py", "builders: what they build is screened"),
    "detector/testing/naive_windows": (ENGINE, "the slow twin: held against the fast windows, and they against it"),
    "detector/testing/windows": ("tests/detector/testing/test_screeners.py", "small windows count there"),
    "detector/windows/signatures/counting": (SIGNATURES, "compiled: it is the rows of the memory"),
    "detector/windows/days/counting": (DAYS, "compiled: it is the rows of the memory"),
    "detector/windows/loop": (ENGINE, "compiled: it is the engine's loop"),
    "detector/windows/prefetch": (ENGINE, "a hint to the processor: it must change no figure"),
    "detector/windows/row_copies": ("tests/detector/windows/test_sweep.py", "the shape of what a sweep copies"),
    "models/errors": ("tests/models/serve/test_artifact.py", "error types only, raised where they are tested"),
    "models/judge/report/quality_page": (
        "tests/models/judge/report/test_quality.py",
        "tables of the page tested there",
    ),
    "models/traffic/first/actors": (FIRST, PART),
    "models/traffic/first/crowds": (FIRST, PART),
    "models/traffic/first/habits": (FIRST, PART),
    "models/traffic/first/outcomes": (FIRST, PART),
    "models/traffic/first/plan": (FIRST, PART),
    "models/traffic/first/population": (FIRST, PART),
    "models/traffic/first/profiles": (
        "tests/models/traffic/first/test_published.py",
        "figures, held to published ones",
    ),
    "models/traffic/first/rhythm": (FIRST, PART),
    "models/traffic/first/senders": (FIRST, PART),
    "models/traffic/first/slices": (FIRST, PART),
    "models/traffic/first/sources": (FIRST, PART),
    "models/traffic/first/spec": ("tests/streams/commands/test_simulate.py", "options of a generator and their bounds"),
    "models/traffic/first/world": ("tests/models/traffic/test_worlds.py", "worlds of all authors are tested together"),
    "models/traffic/fourth/arrays": (FOURTH, "types, a hash and random numbers, which every hour is made of"),
    "models/traffic/fourth/attempts": (
        "tests/models/traffic/fourth/test_carrier.py",
        "columns: an hour is made of them",
    ),
    "models/traffic/fourth/calls": (FOURTH, "columns: joined and cut where calls go on into the next hour"),
    "models/traffic/fourth/campaigns/campaign": (
        "tests/models/traffic/fourth/campaigns/test_crowd.py",
        "one campaign: the crowd is made of them",
    ),
    "models/traffic/fourth/campaigns/kinds": (
        "tests/models/traffic/fourth/campaigns/test_crowd.py",
        "a table: each of its rows is born there",
    ),
    "models/traffic/fourth/events": (FOURTH, "what the generator gives, event by event"),
    "models/traffic/fourth/kinds": (FOURTH, "names, held against those that all authors share"),
    "models/traffic/fourth/lawful/kinds": (
        "tests/models/traffic/fourth/lawful/test_organisations.py",
        "a table: each of its rows makes calls there",
    ),
    "models/traffic/fourth/network/world": (
        "tests/models/traffic/fourth/test_carrier.py",
        "what a carrier is drawn as",
    ),
    "models/traffic/truth": ("tests/models/data/test_dataset.py", "one value type, read from label files there"),
    "streams/bridge/http/problems": ("tests/streams/bridge/http/test_app.py", "each problem is answered there"),
    "streams/commands/records/rows": (
        "tests/streams/commands/test_feedback.py",
        "what is published, written and refused there, and by the other command",
    ),
    "streams/commands/records/zone": ("tests/streams/commands/test_feedback.py", "zones are given and refused there"),
    "streams/commands/traceback/answer": (TRACEBACK, "answers are asked for there"),
    "streams/commands/traceback/inputs": (TRACEBACK, "files of every form are given to the commands there"),
    "streams/commands/traceback/opening": (TRACEBACK, "tracebacks are opened there"),
    "streams/tracing/settings": ("tests/streams/tracing/test_making.py", "one setting, set and refused there"),
    "streams/traceback/opening": (TRACEBACK, "the same: chosen from an archive, and stored in Kafka"),
    "streams/traceback/office": (TRACEBACK, "registers of upstreams are given to the commands there"),
    "streams/traceback/settings": (TRACEBACK, "set and left out there"),
    "streams/kafka/fetch/live_topic": (
        "tests/streams/bridge/test_asking.py",
        "it needs a broker: answers come through it",
    ),
    "streams/archive/doctor": (
        "tests/streams/archive/test_metrics.py",
        "sentences on the figures that are tested there",
    ),
    "streams/traceback/records": ("tests/streams/traceback/test_path.py", "value types: paths are made of them"),
    "streams/archive/output": ("tests/streams/archive/test_query.py", "what a query prints, compared there"),
    "streams/kafka/fetch/layout": (
        "tests/streams/kafka/fetch/test_batch_reader.py",
        "constants only: with a wrong one no batch is read",
    ),
    "streams/audit/reading": ("tests/streams/commands/test_audit.py", "it needs a broker: whole audits are made there"),
    "streams/commands/models/beside": (BUDGETS, "where measures lie: written, shown and used there"),
    "streams/commands/adapt/collecting": (
        "tests/streams/commands/adapt/test_command.py",
        "what is learnt from, gathered there",
    ),
    "streams/commands/budgets/collecting": (BUDGETS, "what a measure rests on, counted there"),
    "streams/commands/adapt/inputs": ("tests/streams/commands/adapt/test_command.py", "what both commands begin with"),
    "streams/commands/adapt/places": ("tests/streams/commands/adapt/test_command.py", "names of files, found there"),
    "streams/commands/questions/asked": (
        "tests/streams/commands/ask/test_command.py",
        "texts of questions, read there",
    ),
    "streams/commands/questions/setups": (
        "tests/streams/commands/ask/test_command.py",
        "calls of questions, found there",
    ),
    "streams/commands/questions/answers": (
        "tests/streams/commands/adapt/test_settling.py",
        "answers of tables and of feedback, settled there",
    ),
    "streams/commands/events/feedback": ("tests/streams/commands/adapt/test_command.py", "feedback, taken there"),
    "streams/commands/adapt/asked": ("tests/streams/commands/ask/test_command.py", "texts of questions, read there"),
    "streams/commands/adapt/listing": ("tests/streams/commands/ask/test_command.py", "calls of questions, found there"),
    "streams/commands/shared/labelled": (
        "tests/streams/commands/test_train.py",
        "options that train and evaluate share",
    ),
    "streams/commands/lists": (LOOKUP, "typed there, on one Valkey with `lookup`"),
    "streams/commands/shared/list_entries": (LOOKUP, "wrong entries and files are refused there"),
    "streams/commands/shared/opened_archive": ("tests/streams/archive/test_query.py", "queries open it there"),
    "streams/commands/shared/redis_of_settings": (LOOKUP, "asked there, and unreachable"),
    "streams/commands/local": (LOCAL, "up, status and down are typed there"),
    "streams/commands/models/doctor": ("tests/streams/worker/test_model_metrics.py", "sentences on those metrics"),
    "streams/commands/models/artifacts": (PROMOTE, "listed, shown and compared there, beside promotions"),
    "streams/commands/referral/deriving": (
        "tests/streams/commands/referral/test_command.py",
        "decisions are derived there",
    ),
    "streams/commands/models/place": (PROMOTE, "the registry that those commands work on"),
    "streams/contract_docs/dashboards/model_owner": (DASHBOARDS, "the tables of all dashboards are tried together"),
    "streams/contract_docs/dashboards/operator": (DASHBOARDS, "the same, and on Prometheus in tests/deploy"),
    "streams/contract_docs/dashboards/platform": (DASHBOARDS, "the same"),
    "streams/contract_docs/dashboards/verifying": (DASHBOARDS, "the same"),
    "streams/contract_docs/examples": (ASYNCAPI, "examples are checked against the schema there"),
    "streams/contract_docs/page": (
        "tests/streams/contract_docs/test_generated.py",
        "its page is compared with the kept one",
    ),
    "streams/console/feed": (
        "tests/integration/console/test_live_pages.py",
        "it needs a broker, also one that goes and comes back",
    ),
    "streams/console/roles": ("tests/streams/console/test_pages.py", "what each role may is tried on the pages"),
    "streams/web/bodies": (
        "tests/streams/bridge/http/test_app.py",
        "bodies that are too large and too slow are sent there",
    ),
    "streams/errors": ("tests/streams/kafka/test_topics.py", "error types only, raised where they are tested"),
    "streams/kafka/faust_app": ("tests/streams/kafka/test_transport.py", "settings of an application, joined there"),
    "streams/kafka/log_reader": (DURABILITY, "it needs a broker: catching up reads through it"),
    "streams/kafka/plugs": ("tests/streams/kafka/test_transport.py", "names of what is plugged in, used there"),
    "streams/kafka/static_member": (
        "tests/integration/test_shared_instance.py",
        "it needs a broker and two members of one name",
    ),
    "streams/local/guard": (LOCAL, "it ends servers when their owner dies: the test kills owners"),
    "streams/local/jars": (LOCAL, "damaged and foreign jars are given to it there"),
    "streams/local/kafka_broker": (LOCAL, "the broker is started there"),
    "streams/redis/erasing": ("tests/streams/commands/test_erase.py", "what the command erases"),
    "streams/redis/lookups": (LOOKUP, "what the command prints"),
    "streams/screening/stray_keys": ("tests/streams/worker/test_warming.py", "one function, counted there"),
    "streams/state/inspection": ("tests/streams/commands/test_snapshots.py", "what the command says"),
    "streams/state/snapshot_errors": ("tests/streams/state/test_snapshot_file.py", "one error, raised there"),
    "streams/state/snapshot_format": (
        "tests/streams/state/test_snapshot_file.py",
        "the bytes of the file tested there",
    ),
    "streams/state/snapshots": (DURABILITY, BROKER),
    "streams/state/worker_state": (DURABILITY, BROKER),
    "streams/wire/scan_json": (SCAN, "compiled: the scan is made of it, beside the decoder"),
    "streams/wire/scan_tables": (SCAN, "the contract as arrays: the scan is driven by them, beside the decoder"),
    "streams/verifying/assembly": (
        "tests/integration/trust/test_verify.py",
        "it joins `robocall verify`, which is run there",
    ),
    "streams/upstreams/settings": ("tests/streams/upstreams/test_follower.py", "two settings, followed there"),
    "streams/worker/pages": (WORKER, "pages of a running worker, read there"),
    "streams/worker/parts/call_path": (WORKER, "calls go its way there"),
    "streams/worker/parts/durable": ("tests/faults/test_faults.py", "workers are killed and go on there"),
    "streams/worker/parts/followers": ("tests/streams/worker/test_assembly.py", "which of them are there"),
    "streams/worker/parts/ground": (WORKER, "all of a worker stands on it"),
    "streams/worker/parts/watching": (WORKER, "health and metrics are asked for there"),
}

TESTS_OF_NO_MODULE = {
    # test without `test_` and the suffix: what it is about
    "models/traffic/first/hardness": "the whole generator: no figure by itself gives a campaign away",
    "models/traffic/first/published": "the whole generator: its figures are those of published measurements",
    "streams/screening/walk": "the way of a batch through all rooms, as the architecture page has it",
}

LONG_FUNCTIONS = {
    # function: lines of its body, which get fewer and never more
    "benchmarks/dips/__main__.py:measure": 52,
    "benchmarks/trunk_view.py:measure": 61,
}


def modules() -> set[str]:
    """Modules of the three packages that hold code, without suffix: `streams/wire/scan`."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).with_suffix("").as_posix() for path in found if path.name != "__init__.py"}


def named_tests() -> dict[str, Path]:
    """Test files of the three packages by what they are named for: `streams/wire/scan` -> its file."""
    found = (path for package in PACKAGES for path in (ROOT / "tests" / package).rglob("test_*.py"))
    return {f"{path.parent.relative_to(ROOT / 'tests').as_posix()}/{path.stem[len('test_') :]}": path for path in found}


def has_a_test(path: Path) -> bool:
    """Whether pytest would find a test in this file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_") for node in nodes
    )


def module_of(name: str, known: set[str]) -> str | None:
    """The module that a test is named for: `pipeline` for `pipeline`, and for `pipeline_poison`, a part of it."""
    return name if name in known else next((one for one in known if name.startswith(f"{one}_")), None)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_has_a_test_by_its_name_or_a_reason(module: str) -> None:
    """Never both: a reason is taken out of the table once the test is there."""
    path = named_tests().get(module)
    if path is None:
        assert module in TESTED_ELSEWHERE, f"write tests/{Path(module).parent}/test_{Path(module).name}.py"
    else:
        assert module not in TESTED_ELSEWHERE, f"{path.relative_to(ROOT)} is there: take {module} out of the table"
        assert has_a_test(path), f"{path.relative_to(ROOT)} holds no test"


def test_the_table_names_modules_and_tests_that_exist() -> None:
    """What has moved has moved here too."""
    assert set(TESTED_ELSEWHERE) <= modules()
    missing = {where for where, reason in TESTED_ELSEWHERE.values() if not (ROOT / where).is_file() or not reason}
    assert not missing


def test_a_test_stands_where_its_module_stands() -> None:
    """A test that is named for nothing says what it is about."""
    unplaced = {name for name in named_tests() if module_of(name, modules()) is None}
    assert unplaced == set(TESTS_OF_NO_MODULE)


def test_no_folder_is_a_flat_floor() -> None:
    """A folder can be read at one glance."""
    paths = (path for top in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / top).rglob("*.py"))
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in paths)
    assert {folder: count for folder, count in folders.items() if count > MODULES_OF_A_FOLDER} == {}


def test_no_file_is_long() -> None:
    """A file holds one idea."""
    paths = (path for top in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / top).rglob("*.py"))
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path: count for path, count in lines.items() if count > LINES_OF_A_FILE} == {}


def long_functions() -> dict[str, int]:
    """Lines of the bodies that are too long, docstrings aside: `streams/worker/slices.py:run` -> 52."""
    found: dict[str, int] = {}
    for path in (path for top in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > LINES_OF_A_FUNCTION:
                    found[f"{path.relative_to(ROOT).as_posix()}:{node.name}"] = lines
    return found


def test_no_function_is_long() -> None:
    """A function does one thing; one that was shortened is taken out of the table."""
    found = long_functions()
    assert set(found) == set(LONG_FUNCTIONS)
    assert {name: lines for name, lines in found.items() if lines > LONG_FUNCTIONS[name]} == {}
