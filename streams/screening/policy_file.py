"""Read a policy from YAML: bounded, strict, and with one-line errors that name the setting and say what to do.

The names and bounds are those of `detector.policy.settings`; this module only gets a file safely to them.
"""

import json
import re
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from detector.contract.errors import PolicyInvalid
from detector.policy.settings import Policy, with_mode
from streams.yaml_files import PlainLoader

__all__ = ["DEFAULT_POLICY_FILE", "file_in_force", "load_policy", "parse_policy", "read_policy", "with_mode"]

MAX_POLICY_BYTES = 256 * 1024
DEFAULT_POLICY_FILE = Path(__file__).with_name("default_policy.yaml")
"""The defaults with every setting explained; a good start for a policy of one's own."""
_NO_FILE = re.compile(r"\..*|lost\+found|.*\.tmp")
"""What a new volume has by itself, and what a writer leaves that was killed."""


class PolicyFile(BaseModel):
    """A policy file. Unknown settings are errors, at every depth, and nothing is converted from one type to another."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    policy: Policy


def load_policy(path: Path | None) -> Policy:
    """Read a policy file; without one, the defaults.

    Raises:
        PolicyInvalid: The file cannot be read, is too large, is not YAML or breaks a rule: one line, with the setting.
    """
    if path is None:
        return Policy()
    content = read_policy(path)
    try:
        return parse_policy(content)
    except PolicyInvalid as error:
        raise PolicyInvalid(f"policy {path}: {error}") from error


def file_in_force(path: Path | None) -> Path | None:
    """The file of a deployment's policy; None where the defaults hold.

    They hold where no file is named, and where its folder is there and empty: nobody has saved a policy yet. A file
    that is missing among others is a mistake, which `load_policy` refuses.
    """
    return None if path is None or _is_to_be_saved(path) else path


def _is_to_be_saved(path: Path) -> bool:
    try:
        return all(_NO_FILE.fullmatch(one.name) for one in path.parent.iterdir())
    except OSError:  # whoever reads the file is told why
        return False


def read_policy(path: Path) -> bytes:
    """Content of a policy file, as far as it can be one: a byte more than the largest has.

    Raises:
        PolicyInvalid: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_POLICY_BYTES + 1)
    except OSError as error:
        raise PolicyInvalid(f"policy {path}: {error.strerror}: name a file that can be read") from error


def parse_policy(content: bytes) -> Policy:
    """Make a policy of the content of a file; an empty file gives the defaults.

    Raises:
        PolicyInvalid: See `load_policy`.
    """
    if len(content) > MAX_POLICY_BYTES:
        raise PolicyInvalid(f"larger than {MAX_POLICY_BYTES} bytes: move long lists of numbers to `robocall lists`")
    try:
        settings = yaml.load(content, Loader=PlainLoader)  # noqa: S506 - a SafeLoader, made stricter
        text = json.dumps({"policy": {} if settings is None else settings})
        return PolicyFile.model_validate_json(text).policy
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise PolicyInvalid(f"not valid YAML{where}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise PolicyInvalid("not valid YAML: write it as UTF-8 text") from error
    except (RecursionError, TypeError) as error:
        raise PolicyInvalid("write only maps, lists, texts, numbers and true or false, and nest them less") from error
    except ValidationError as error:
        raise PolicyInvalid(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, problem["loc"][1:])) or "the file"
    if problem["type"] == "unexpected_keyword_argument":
        return f"{where}: unknown setting: remove it, or see docs/policy.md for the right name"
    if problem["type"] == "missing":
        return f"{where}: missing: add it"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"
