"""`robocall verify-identity` as a script uses it: files in, one JSON object out, status 0 for verified calls alone."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.serialization import Encoding

from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    CALLED,
    CALLING,
    X5U,
    identity,
    indirect_list,
    issue,
    provider,
    root,
)
from tests.typed import typed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Anchors, certificates and a header, where the command runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anchors.pem").write_bytes(root().certificate.public_bytes(Encoding.PEM))
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "index.json").write_text(json.dumps({X5U: "shaken.pem", X5U + "x": "away.pem"}))
    (tmp_path / "certificates" / "shaken.pem").write_bytes(provider().pem)
    (tmp_path / "identity.txt").write_text(f"Identity: {identity()}\r\n")
    return tmp_path


def run(*more: str, header: str = "@identity.txt", calling: str = "+1-202-555-0101", **changes: str) -> Result:
    options = {
        "--identity": header,
        "--calling": calling,
        "--called": f"tel:+{CALLED}",
        "--at": str(AT_MS),
        "--trust-anchors": "anchors.pem",
        "--certificates": "certificates",
    } | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    arguments = [part for option in options.items() for part in option]
    return typed("verify-identity", *arguments, *more)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("header", ["@identity.txt", identity(), f"y: {identity()}", f"junk, {identity()}"])
def test_a_verified_call_has_status_0(header: str) -> None:
    """One object on standard output, nothing else."""
    done = run(header=header) if "junk" not in header else run("--identity", "junk", header=identity())

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["verstat"], found["cause"], found["code"]) == ("TN-Validation-Passed", "passed", None)
    assert (found["attestation"], found["signer_spc"], found["names"]) == ("A", "123A", [])
    assert done.stderr == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("changes", "cause", "code"),
    [
        ({"calling": "+12025550777"}, "orig_mismatch", 438),
        ({"called": "+12025550777"}, "dest_mismatch", 438),
        ({"at": str(AT_MS + 60_001)}, "stale", 403),
        ({"header": ""}, "identity_malformed", 438),
        ({"header": identity()[:99]}, "identity_malformed", 438),
    ],
)
def test_any_other_call_has_status_1(changes: dict[str, str], cause: str, code: int) -> None:
    """With the cause on standard output all the same."""
    done = run(**changes)

    found = json.loads(done.stdout)
    assert (done.exit_code, found["cause"], found["code"]) == (1, cause, code)
    assert found["attestation"] is None


def test_a_forwarded_header_in_a_file_may_be_folded(folder: Path) -> None:
    """As SIP allows it."""
    (folder / "identity.txt").write_text(identity().replace(";alg", "\r\n ;alg"))

    assert run().exit_code == 0


def test_what_is_not_at_hand_is_not_fetched(folder: Path) -> None:
    """And it says what to give."""
    (folder / "certificates" / "index.json").write_text("{}")

    done = run()

    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, 436)
    assert "--certificates" in done.stderr


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"<html>", "certificate_malformed"), (None, "certificate_unavailable")],
)
def test_a_damaged_certificate_is_the_verdict(folder: Path, content: bytes | None, cause: str) -> None:
    """Whoever signs by it does not pass; a missing file is not an error of the command."""
    path = folder / "certificates" / "shaken.pem"
    path.unlink() if content is None else path.write_bytes(content)

    done = run()

    assert (done.exit_code, json.loads(done.stdout)["cause"]) == (1, cause)


@pytest.mark.parametrize("is_signer_there", [True, False])
def test_a_withdrawn_certificate_does_not_pass(folder: Path, is_signer_there: bool) -> None:
    """The policy administrator's list names the issuer; a list by an unknown signer is believed, and it is said."""
    administrator = issue("Policy administrator", None, is_authority=True)
    listed = indirect_list(administrator, (root(), 4_711))
    beside = administrator.certificate.public_bytes(Encoding.PEM) if is_signer_there else b""
    (folder / "withdrawn.pem").write_bytes(listed + beside)

    done = run(crl="withdrawn.pem")

    assert (done.exit_code, json.loads(done.stdout)["cause"]) == (1, "certificate_revoked")
    assert ("believed unchecked" in done.stderr) is not is_signer_there


@pytest.mark.parametrize("entry", [(provider, 4_711), (root, 4_712)])
def test_somebody_elses_withdrawn_certificate_harms_nobody(folder: Path, entry: tuple[object, int]) -> None:
    """Serial numbers are an issuer's own."""
    owner, serial = entry
    listed = indirect_list(root(), (owner(), serial))  # type: ignore[operator]
    (folder / "withdrawn.pem").write_bytes(listed)

    assert run(crl="withdrawn.pem").exit_code == 0


def test_a_list_that_is_out_of_date_tells_nothing(folder: Path) -> None:
    """Whoever is not on it may be on the next one."""
    until = datetime.fromtimestamp(AT_S - 1, UTC)
    (folder / "withdrawn.pem").write_bytes(indirect_list(root(), (root(), 1), until=until))

    found = json.loads(run(crl="withdrawn.pem").stdout)

    assert (found["cause"], found["verstat"], found["code"]) == ("revocation_unknown", "No-TN-Validation", None)


def test_a_forged_list_is_not_believed(folder: Path) -> None:
    """Where the certificate of who should have signed it is at hand."""
    administrator = issue("Policy administrator", None, is_authority=True)
    forger = issue("Somebody", None, is_authority=True)
    forged = indirect_list(replace(forger, name=administrator.name), (root(), 4_711))
    (folder / "withdrawn.pem").write_bytes(forged + administrator.certificate.public_bytes(Encoding.PEM))

    done = run(crl="withdrawn.pem")

    assert done.exit_code == 1
    assert "withdrawn.pem: the signature of the list" in str(done.exception)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("anchors.pem", "junk", "anchors.pem: there is no certificate"),
        ("certificates/index.json", "junk", "index.json is no JSON"),
        ("certificates/index.json", "[]", "is no JSON object from certificate URL to PEM file"),
        ("certificates/index.json", None, "certificates has no index.json"),
        ("withdrawn.pem", "junk", "withdrawn.pem has no list of withdrawn certificates"),
    ],
)
def test_a_file_that_is_none_is_said_in_one_line(folder: Path, file: str, content: str | None, complaint: str) -> None:
    """Which file, and what it should hold."""
    path = folder / file
    path.unlink() if content is None else path.write_text(content)
    more = ["--crl", file] if file == "withdrawn.pem" else []

    done = run(*more)

    assert done.exit_code == 1
    assert complaint in str(done.exception)


@pytest.mark.usefixtures("folder")
def test_seconds_instead_of_milliseconds_are_wrong_usage() -> None:
    """They would make every token stale."""
    assert run(at=str(AT_S)).exit_code == 2


@pytest.mark.usefixtures("folder")
def test_numbers_without_a_country_get_one() -> None:
    """North America's unless it is said."""
    assert run(calling=CALLING[1:]).exit_code == 0
    assert run(calling="0" + CALLING[1:], country="1").exit_code == 1
