"""Policy files: the shipped one equals the defaults, and a bad one is refused in one line that names the setting."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from detector.columns.impossible import Impossible
from detector.contract.decisions import Action, Mode
from detector.contract.errors import PolicyInvalid
from detector.contract.sip import DnoStatus, Location, Redress
from detector.policy.settings import (
    Category,
    Condition,
    DoNotOriginate,
    MinimumSample,
    Override,
    Policy,
    Rule,
    Thresholds,
)
from streams.screening.policy_file import (
    DEFAULT_POLICY_FILE,
    MAX_POLICY_BYTES,
    file_in_force,
    load_policy,
    parse_policy,
)


def test_the_shipped_file_is_the_defaults() -> None:
    assert load_policy(DEFAULT_POLICY_FILE) == Policy()
    assert load_policy(DEFAULT_POLICY_FILE).version == Policy().version


def test_the_shipped_file_shows_every_setting() -> None:
    shown = yaml.safe_load(DEFAULT_POLICY_FILE.read_text(encoding="utf-8"))

    assert set(shown) == {f.name for f in fields(Policy) if f.init}
    for name in ("redress", "dno", "standing_blocks"):
        assert set(shown[name]) == {f.name for f in fields(type(getattr(Policy(), name)))}
    assert set(shown["categories"][0]) == {f.name for f in fields(Category)}
    assert set(shown["categories"][0]["thresholds"]) == {f.name for f in fields(Thresholds)}


def test_the_examples_in_the_comments_are_valid() -> None:
    """Each block of comments that starts with `# name:` and is indented below is a piece of a policy."""
    lines = DEFAULT_POLICY_FILE.read_text(encoding="utf-8").splitlines()
    for name in ("signers", "upstreams", "rules", "overrides"):
        start = lines.index(f"# {name}:")
        stop = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith("#   "))
        example = "\n".join(line[2:] for line in lines[start:stop])

        assert getattr(parse_policy(example.encode()), name) != ()


def test_no_file_and_an_empty_one_are_the_defaults(tmp_path: Path) -> None:
    empty = tmp_path / "policy.yaml"
    empty.write_text("# nothing yet\n")

    assert load_policy(None) == load_policy(empty) == Policy()


FULL = """
mode: enforce
redress: {url: "https://carrier.example/redress", tel: "+18005550123", email: redress@carrier.example}
location: RLN
emergency_numbers: ["911", "933", "988", "112"]
dno: {sip_status: 404, impossible: [area_code]}
rules:
  - name: burst
    when: [{feature: number_attempts_1m, at_least: 50}, {feature: number_asr_1h, at_most: 0.1}]
    action: label
    category: survey_call
categories:
  - name: survey_call
    label_text: Maybe a survey
    label_long_text: Possible survey call, opinión
    highest_action: label
    when: [{feature: number_mean_talk_1h, at_least: 60}]
  - {name: automated_call, label_text: Maybe automated, thresholds: {block_at: 1}}
minimum_samples: []
hold_s: 60
standing_blocks: {after_blocks: 3}
overrides: [{trunk_group_id: t-1, mode: shadow}]
"""


def test_every_setting_arrives() -> None:
    policy = parse_policy(FULL.encode())

    burst = (Condition("number_attempts_1m", at_least=50.0), Condition("number_asr_1h", at_most=0.1))
    survey = Category(
        "survey_call",
        "Maybe a survey",
        Action.LABEL,
        (Condition("number_mean_talk_1h", at_least=60.0),),
        label_long_text="Possible survey call, opinión",
    )
    assert policy.mode is Mode.ENFORCE
    assert policy.redress == Redress("https://carrier.example/redress", "+18005550123", "redress@carrier.example")
    assert policy.location is Location.TERMINATING
    assert policy.emergency_numbers == ("911", "933", "988", "112")
    assert policy.dno == DoNotOriginate(DnoStatus.NOT_FOUND, (Impossible.AREA_CODE,))
    assert policy.rules == (Rule("burst", burst, Action.LABEL, "survey_call"),)
    assert policy.categories[0] == survey
    assert policy.categories[1].thresholds == Thresholds(block_at=1.0)
    assert policy.minimum_samples == ()
    assert policy.hold_s == 60
    assert policy.standing_blocks.after_blocks == 3
    assert policy.overrides == (Override("t-1", mode=Mode.SHADOW),)


def test_a_partial_list_replaces_the_default_list() -> None:
    policy = parse_policy(b"minimum_samples: [{feature: number_attempts_24h, count: 3}]")

    assert policy.minimum_samples == (MinimumSample("number_attempts_24h", 3.0),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mode: foo", "mode: input should be 'enforce' or 'shadow'"),
        ("budgets: {label_per_million: 1, block_per_million: 2}", "budgets: want 1 <= block_per_million"),
        ("budgets: {label_per_million: 1000.5}", "budgets.label_per_million: input should be a valid integer"),
        ("budgets: {labels: 1}", "budgets.labels: unknown setting"),
        ("budgets: {enforce_unmeasured: {name: somebody}}", "budgets.enforce_unmeasured.reason: missing"),
        (
            "budgets: {enforce_unmeasured: {name: x, reason: ''}}",
            "budgets.enforce_unmeasured: name and reason: give both",
        ),
        ("moode: shadow", "moode: unknown setting: remove it, or see docs/policy.md for the right name"),
        ("redress: {url: 'http://x'}", "redress: url must be https://"),
        ("redress: {url: https://x.example, fax: '1'}", "redress.fax: unknown setting"),
        ("redress: {}", "redress: give at least one of url, tel and email"),
        ('redress: {url: "https://x/\\r\\nVia: y"}', "redress: url must be"),
        ("dno: {sip_status: 604}", "dno.sip_status: input should be 603, 403 or 404"),
        ("dno: {sip_status: 607}", "dno.sip_status: input should be"),
        ("dno: {sip_status: 608}", "dno.sip_status: input should be"),
        ("categories: [{name: a, label_text: b, thresholds: {label_at: 2}}]", "categories.0.thresholds: want 0 <"),
        ("categories: [{name: a}]", "categories.0.label_text: missing: add it"),
        (
            "categories: [{name: a, label_text: Possible automated call}]",
            "categories.0: label_text has 23 characters, displays show 1 to 15: shorten it, and give the whole text as",
        ),
        ("categories: [{name: a, label_text: Maybe automate-d}]", "categories.0: label_text has 16 characters"),
        ("categories: [{name: a, label_text: ''}]", "categories.0: label_text has 0 characters"),
        ("categories: [{name: a, label_text: Llamada automá}]", "categories.0: label_text is for every display"),
        (
            "categories: [{name: a, label_text: b, label_long_text: ''}]",
            "categories.0: label_long_text must have 1 to 64",
        ),
        (
            'categories: [{name: a, label_text: b, label_long_text: "\\n"}]',
            "categories.0: label_long_text must be print",
        ),
        (
            "rules: [{name: r, when: [{feature: zz, at_least: 1}], action: block, category: automated_call}]",
            "rules.0.when.0: unknown feature 'zz': docs/features.md lists them",
        ),
        (
            "rules: [{name: r, when: [{feature: number_asr_1h, at_least: 1}], action: block, category: x}]",
            "the file: rule r: category 'x' is not among categories",
        ),
        ("overrides: [{trunk_group_id: a, mode: enforce, foo: 1}]", "overrides.0.foo: unknown setting"),
        ("minimum_samples: [{feature: number_asr_1h, count: .nan}]", "minimum_samples.0: number_asr_1h: count must"),
        ("version: p1-000000000000", "version: unknown setting"),
        ("hold_s: true", "hold_s: input should be a valid integer"),
        ("hold_s: '60'", "hold_s: input should be a valid integer"),
        ("hold_s: 5.5", "hold_s: input should be a valid integer"),
        ("hold_s: null", "hold_s: input should be a valid integer"),
        ("1: 2", "1: unknown setting"),
        ("[1]", "the file: input should be an object"),
        ("shadow", "the file: input should be an object"),
        ("mode: shadow\nhold_s: 1\nmode: enforce", "not valid YAML in line 3: mode stands twice"),
        ("dno:\n  sip_status: 603\n  sip_status: 404", "not valid YAML in line 3: sip_status stands twice"),
        ("a: &x 1\nb: *x", "not valid YAML in line 2: aliases are not allowed"),
        ("mode: [", "not valid YAML in line 1"),
        ("!!python/object/apply:os.system [id]", "not valid YAML in line 1: tags are not allowed"),
        (
            "mode: shadow\nhold_s: 2001-99-99",
            "not valid YAML in line 2: what looks like timestamp is none: put it in quotes",
        ),
        ("\x00", "not valid YAML: write it as UTF-8 text"),
        ("a: 2020-01-01", "write only maps, lists, texts, numbers and true or false"),
        ("? [a, b]\n: 1", "write only maps, lists, texts, numbers and true or false"),
        ("[" * 3_000, "nest them less"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(text.encode())

    assert str(refused.value).startswith(message) or message == "nest them less" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(PolicyInvalid, match="UTF-8"):
        parse_policy(b"mode: \xff\xfe\xff")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"#" * MAX_POLICY_BYTES)
    assert load_policy(path) == Policy()

    path.write_bytes(b"#" * (MAX_POLICY_BYTES + 1))
    with pytest.raises(PolicyInvalid, match="larger than 262144 bytes"):
        load_policy(path)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(PolicyInvalid, match=r"mine\.yaml: No such file or directory: name a file that can be read"):
        load_policy(path)

    path.write_text("mode: foo")
    with pytest.raises(PolicyInvalid, match=r"mine\.yaml: mode: input should be"):
        load_policy(path)


def test_while_nobody_has_saved_a_policy_the_defaults_hold(tmp_path: Path) -> None:
    """What a new volume has by itself, and what a killed writer left, is nothing that was saved."""
    path = tmp_path / "policy.yaml"
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".snapshot").mkdir()
    (tmp_path / "policy.yaml.0f.tmp").write_text("mode: enf")
    assert file_in_force(path) is file_in_force(None) is None

    path.write_text("hold_s: 60")
    assert file_in_force(path) == path


def test_a_file_that_is_missing_among_others_is_a_mistake(tmp_path: Path) -> None:
    """Its name is misspelt, or the folder's: such a deployment must not decide by the defaults unnoticed."""
    (tmp_path / "policy.yaml").write_text("mode: enforce")

    assert file_in_force(tmp_path / "polcy.yaml") == tmp_path / "polcy.yaml"
    assert file_in_force(tmp_path / "nowhere" / "policy.yaml") == tmp_path / "nowhere" / "policy.yaml"
