"""Put another policy in the place of the one in the file, and record who did that and why."""

from pathlib import Path

from detector.contract.errors import RobocallError
from detector.policy.settings import Policy
from streams.cases.recording import record
from streams.errors import SettingsInvalid
from streams.files import write_whole
from streams.screening.build import require_contact, with_settings
from streams.screening.policy_file import load_policy, parse_policy
from streams.settings import load_settings
from streams.wire.cases import CaseKind

POLICY_SAVED = "policy_saved"
"""`what` of the record."""
SETTING = "ROBOCALL_POLICY_FILE"


class PolicyMoved(RobocallError):
    """Somebody else changed the file meanwhile."""


def named_file(given: Path | None, configured: Path | None) -> Path:
    """The policy file that is meant.

    Raises:
        SettingsInvalid: none is named.
    """
    path = given or configured
    if path is None:
        raise SettingsInvalid(f"no policy file is named: give --policy FILE, or set {SETTING}")
    return path


def save_policy(path: Path, content: bytes, *, why: str | None, before: str | None = None) -> Policy:
    """Write a policy file whole, and record the change. It blocks for the disk, and some tenths of a second for Kafka.

    Versions are those that decisions carry: of the file with what the settings of this process put in its place.

    Args:
        path: Of the file; there may be none yet.
        content: The new one, as YAML.
        why: In the words of who saves it.
        before: Version that the file must still have; None does not ask.

    Returns:
        The new policy.

    Raises:
        PolicyInvalid: the content is no policy, or one that no worker starts with; or what is in the file is none.
        PolicyMoved: the file has another version than `before`.
        StorageError: the folder cannot be written.
    """
    settings = load_settings()
    policy = with_settings(parse_policy(content), settings)
    require_contact(policy)
    found = with_settings(load_policy(path if path.exists() else None), settings).version
    if before is not None and found != before:
        raise PolicyMoved(f"{path} is {found} by now, and not {before}: try your change again on top of that")
    write_whole(path, content, holds="the policy", setting=SETTING)
    details = {"version": policy.version, "before": found, "file": str(path)}
    record(CaseKind.CHANGE, POLICY_SAVED, subject=f"policy:{policy.version}", details=details, why=why)
    return policy
