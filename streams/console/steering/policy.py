"""*Policy*: what is in force, a change tried on the archive's last day, and saved once it was seen whom it hits."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from detector.contract.decisions import Mode
from detector.contract.errors import PolicyInvalid
from detector.policy.settings import Policy
from streams.cases.store import CaseStore
from streams.console.bench import Bench
from streams.console.live import LiveMemory
from streams.console.roles import User, What
from streams.console.sessions import Session
from streams.console.steering.enforcing import with_enforcement
from streams.console.steering.work import State, Work, told_of_its_end
from streams.console.visits import Change, Look, Visits
from streams.files import is_refused, private_folder
from streams.running.masking import masked
from streams.screening.build import policy_of, with_settings
from streams.screening.policy_file import DEFAULT_POLICY_FILE, MAX_POLICY_BYTES, load_policy, parse_policy, read_policy
from streams.settings import Settings
from streams.wire.cases import Case, CaseKind

POLICY = "/policy"
MOST_POLICY_FORM_BYTES = 3 * MAX_POLICY_BYTES + 4_096
"""Of a form with a policy, of which a browser writes each character in three at most."""
SAVED_S = 8.0
READ_S = 10.0
MOST_SAVED = 20
MOST_TRUNKS = 500
MOVED = "somebody tried or saved another policy since this page was opened: open it anew, and change that"
_SHARE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")
"""Per cent as somebody types them, in steps of 0.01."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A change that somebody tries.

    Attributes:
        text: Of the policy file as it would be.
        before: Version of the file that it is a change of.
        base: Digest of the text of that file.
    """

    text: str
    before: str
    base: str

    @property
    def content(self) -> bytes:
        """What a file of it holds."""
        return self.text.encode("utf-8", "replace")

    @property
    def digest(self) -> str:
        """Of the text: what is saved is what was tried."""
        return _digest(self.text)


class InForce(NamedTuple):
    """What the policy file is.

    Attributes:
        text: Of the file, or of the documented defaults where there is none; None where it cannot be read.
        policy: What workers would start with; None where they would not.
        why_not: What is wrong with it, one sentence; empty where nothing is.
        is_fixed: The console may not write where it is.
    """

    text: str | None = None
    policy: Policy | None = None
    why_not: str = ""
    is_fixed: bool = False


class PolicyPage:
    """Handlers of the page. Used on the event loop alone.

    Args:
        visits: Makes pages, and notes who does what.
        settings: Which file it is, and how Kafka is reached.
        memory: Versions of the latest decisions.
        work: Runs the commands.
    """

    def __init__(self, visits: Visits, settings: Settings, memory: LiveMemory, work: Work) -> None:
        self._visits, self._settings, self._memory, self._work = visits, settings, memory, work
        self._kafka, self._disk = Bench("Kafka", SAVED_S), Bench("The policy", READ_S)
        self._draft: Draft | None = None
        self._folder: Path | None = None

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        attempt = change(What.POLICY, self.attempt, MOST_POLICY_FORM_BYTES)
        return [
            Route(POLICY, look(self.page), methods=["GET"]),
            Route(f"{POLICY}/work", look(self.work), methods=["GET"]),
            Route(f"{POLICY}/saved", look(self.saved), methods=["GET"]),
            Route(f"{POLICY}/try", attempt, methods=["POST"]),
            Route(f"{POLICY}/enforce", change(What.POLICY, self.enforce), methods=["POST"]),
            Route(f"{POLICY}/save", change(What.POLICY, self.save), methods=["POST"]),
        ]

    async def page(self, request: Request, user: User, session: Session) -> Response:
        """What is in force, and the file to change."""
        del request
        self._visits.note("console look", user, page="policy")
        found = await self._disk.run(self._in_force)
        here: InForce = found.content or InForce(why_not=found.why_not)
        base = _digest(here.text or "")
        if self._draft is not None and self._draft.base != base:
            self._draft = None  # it was saved, or somebody saved something else
        text = here.text if self._draft is None else self._draft.text
        return self._visits.page(
            "policy",
            user,
            session,
            policy=here.policy,
            why_not=here.why_not,
            is_fixed=here.is_fixed,
            file=self._settings.policy_file,
            text=text,
            base=base,
            shown=_digest(text or ""),
            mode=self._settings.mode,
            is_draft=self._draft is not None,
            versions=self._memory.versions(),
            trunks=[one for one in self._memory.trunks(MOST_TRUNKS) if masked(one) == one],
        )

    async def work(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: how far the trial is, whom it found, and the form that saves it."""
        state = self._work.state
        part = self._visits.page(
            "policy_work",
            user,
            session,
            state=state,
            trial=_trial(state),
            draft=self._draft,
            file=self._settings.policy_file,
            here=POLICY,
        )
        return told_of_its_end(request, state, part)

    async def saved(self, request: Request, user: User, session: Session) -> Response:
        """Part of it: who saved which policy, when and why."""
        del request
        found = await self._kafka.run(lambda: asyncio.run(self._saved()))
        return self._visits.page("policy_saved", user, session, found=found)

    async def attempt(self, request: Request, user: User, session: Session) -> Response:
        """Try what stands in the form, which goes on by itself; 303 to the page."""
        del session
        form = request.state.form
        return await self._tried(form.get("text", "").replace("\r\n", "\n"), form.get("base", ""), user)

    async def enforce(self, request: Request, user: User, session: Session) -> Response:
        """Try another mode or share of all calls, or of a trunk group's; 303 to the page."""
        del session
        form = request.state.form
        mode, trunk, percent = form.get("mode", ""), form.get("trunk", "").strip(), form.get("percent", "")
        if mode not in set(Mode) or not _SHARE.fullmatch(percent):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Say shadow or enforce, and of how many per cent of callers.")
        found = await self._disk.run(lambda: self._enforced(form.get("shown", ""), trunk, Mode(mode), float(percent)))
        if found.why_not:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"This cannot be tried. {found.why_not}.")
        said = f"{mode} of {percent} % at {masked(trunk) or 'all'}"
        return await self._tried(found.content, form.get("base", ""), user, said)

    async def _tried(self, text: str, base: str, user: User, said: str = "") -> Response:
        found = await self._disk.run(lambda: self._compared(text, base))
        if found.why_not:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"This cannot be tried. {found.why_not}.")
        draft, version, against = found.content
        self._require_idle()
        file = self._file(draft.content)
        self._work.begin(f"Try {version}", user.name, ["policy", "try", "--json", *against, "--", str(file)])
        self._draft = draft
        self._visits.note("console change", user, change="policy_try", policy=version, said=said or None)
        return RedirectResponse(POLICY, HTTPStatus.SEE_OTHER)

    async def save(self, request: Request, user: User, session: Session) -> Response:
        """Save what was tried, and nothing else; 303 to the page."""
        del session
        form, draft, path = request.state.form, self._draft, self._settings.policy_file
        if draft is None or form.get("digest") != draft.digest or _trial(self._work.state) is None:
            raise HTTPException(HTTPStatus.CONFLICT, "This is not what was tried last: try it again.")
        if path is None:
            raise HTTPException(HTTPStatus.CONFLICT, "No file is named: set ROBOCALL_POLICY_FILE.")
        why = self._visits.reason(request)
        self._require_idle()
        file = self._file(draft.content)
        words = [f"--why={why}", f"--before={draft.before}", f"--policy={path}", "--", str(file)]
        self._work.begin("Save the policy", user.name, ["policy", "save", *words])
        self._visits.note("console change", user, change="policy_save", reason=masked(why))
        return RedirectResponse(POLICY, HTTPStatus.SEE_OTHER)

    def _require_idle(self) -> None:
        if self._work.state.is_running:
            raise HTTPException(HTTPStatus.CONFLICT, "A policy is being tried or saved: wait for its end.")

    def _in_force(self) -> InForce:
        """Read and parse the file; it blocks."""
        try:
            text = self._text()
        except PolicyInvalid as error:
            return InForce(why_not=str(error))
        file = self._settings.policy_file
        is_fixed = file is not None and is_refused(file)
        try:
            return InForce(text, policy_of(self._settings), is_fixed=is_fixed)
        except PolicyInvalid as error:
            return InForce(text, why_not=str(error), is_fixed=is_fixed)

    def _text(self) -> str:
        return read_policy(self._existing() or DEFAULT_POLICY_FILE)[:MAX_POLICY_BYTES].decode("utf-8", "replace")

    def _enforced(self, shown: str, trunk: str, mode: Mode, percent: float) -> str:
        """What the page showed, with another mode and share; it blocks."""
        text = self._text() if self._draft is None else self._draft.text
        if _digest(text) != shown:
            raise PolicyInvalid(MOVED)
        return with_enforcement(text, trunk, mode, percent)

    def _compared(self, text: str, base: str) -> tuple[Draft, str, list[str]]:
        """A draft of this text, its version, and what the command is to compare it with; it blocks."""
        if _digest(self._text()) != base:
            raise PolicyInvalid(MOVED)
        settings, path = self._settings, self._existing()
        version = with_settings(parse_policy(text.encode("utf-8", "replace")), settings).version
        before = with_settings(load_policy(path), settings).version
        return Draft(text, before, base), version, [] if path is None else [f"--against={path}"]

    def _existing(self) -> Path | None:
        path = self._settings.policy_file
        try:
            return path if path is not None and path.exists() else None
        except OSError:  # of the folder: whoever reads it is told why
            return path

    def _file(self, content: bytes) -> Path:
        """A file that nobody else reads, with this content."""
        if self._folder is None:
            self._folder = private_folder()
        path = self._folder / "changed.yaml"
        path.write_bytes(content)
        return path

    async def _saved(self) -> list[Case]:
        found = await CaseStore(self._settings, patience_s=SAVED_S).cases(_is_saved, {CaseKind.CHANGE})
        return found[: -MOST_SAVED - 1 : -1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _is_saved(case: Case) -> bool:
    return case.history[0].what == "policy_saved"


def _trial(state: State) -> dict[str, Any] | None:
    """What `robocall policy try` told; None for another command, and for one that has not ended well."""
    if state.is_running or state.why_not:
        return None
    try:
        content = json.loads(state.found)
    except ValueError:
        return None
    return content if isinstance(content, dict) and "changes" in content else None
