"""Who may look up, see whole numbers, and grant: a YAML file of users and their roles.

Without one, everybody who runs the command may.

It keeps people from what is not their work, and is no wall: whoever has the password of Redis or Kafka needs none of
our commands. Users are those of `CaseSettings.who`.
"""

from enum import StrEnum
from pathlib import Path

import yaml

from detector.contract.errors import RobocallError
from streams.cases.settings import CaseSettings
from streams.errors import SettingsInvalid

MAX_BYTES = 1024 * 1024
_UNREADABLE = (OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError)


class Role(StrEnum):
    """What somebody may do."""

    LOOK_UP = "look_up"
    UNMASK = "unmask"
    GRANT = "grant"


class NotAllowed(RobocallError):
    """This user may not do that."""

    def __init__(self, who: str, role: Role, file: Path) -> None:
        super().__init__(f"{who} may not {role.replace('_', ' ')}: {file} gives no such role, ask who keeps it")
        self.role = role


def require(role: Role) -> None:
    """Let nobody on who has not the role; called before anything is read or changed. It blocks for reading a file.

    Raises:
        NotAllowed: the file gives the user of this process no such role.
        SettingsInvalid: the file cannot be read, or a setting of cases is wrong.
    """
    chosen = CaseSettings.load()
    if chosen.roles_file is not None and role not in roles_of(chosen):
        raise NotAllowed(chosen.who, role, chosen.roles_file)


def roles_of(chosen: CaseSettings) -> frozenset[Role]:
    """Roles of who runs this process; all of them without a file.

    Raises:
        SettingsInvalid: the file cannot be read, or is not a map of users to lists of roles.
    """
    file = chosen.roles_file
    if file is None:
        return frozenset(Role)
    try:
        with file.open("rb") as stream:
            users = yaml.safe_load(stream.read(MAX_BYTES))
        given = {str(user): [Role(role) for role in roles] for user, roles in users.items()}
    except _UNREADABLE as error:
        wanted = "a line for each user, `mlee: [look_up, unmask, grant]`"
        raise SettingsInvalid(f"roles file {file}: {wanted} is needed ({type(error).__name__})") from error
    return frozenset(given.get(chosen.who, ()))
