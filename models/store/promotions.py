"""Which model was put in place when, and why: one file a promotion, never changed, beside the artifacts.

The active model is what the history leads to: a promotion puts a version on top of the one before, a rollback takes it
off again. Two rollbacks therefore lead to the model before the one before.
"""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from models.errors import ArtifactCorrupt, PromotionRefused, StoredFileUnusable
from models.serve.signing import UNSIGNED, Signing
from models.store.storage import Storage

FOLDER = "promotions"
MAX_PROMOTION_BYTES = 1024 * 1024
SIGNED_AS = "promotion"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of the active model.

    Attributes:
        action: what was done.
        version: active from now on.
        from_version: active until then.
        at_ms: when, epoch milliseconds; later than every earlier one.
        forced_because: why the gate was overruled, None when it was not.
        gate: what the gate measured, line by line; empty for a rollback.
    """

    action: Literal["promote", "rollback"]
    version: str
    from_version: str
    at_ms: int
    forced_because: str | None = None
    gate: list[dict[str, Any]] = field(default_factory=list)


class _Signed(msgspec.Struct, frozen=True):
    """The signature of an entry, which stands in its file; over its name too, for the names are the order."""

    signature: str | None = None


class Promotions:
    """The history in the store of a registry. Every method blocks, for the disk or the network.

    With a key, entries are signed and unsigned ones refused. That the latest were deleted no signature shows.

    Nothing is locked. Two people who promote in the same millisecond may write one entry over the other; otherwise the
    later entry leads.

    Raises:
        StorageError: by every method, when the place does not answer or refuses.
        ArtifactCorrupt: by every method, when an entry of the history cannot be read.
    """

    def __init__(self, store: Storage, signing: Signing = UNSIGNED) -> None:
        self._store = store
        self._signing = signing

    def history(self) -> list[Promotion]:
        """All changes, oldest first."""
        return [self._read(file.path) for file in self._store.files(FOLDER)]

    def active(self) -> str | None:
        """Version in place; None before the first promotion."""
        stack = _stack(self.history())
        return stack[-1] if stack else None

    def promote(
        self, version: str, from_version: str, *, gate: list[dict[str, Any]], forced_because: str | None = None
    ) -> Promotion:
        """Record that `version` follows `from_version`; called after the gate, before workers are told.

        Args:
            version: of an artifact in the registry.
            from_version: what was in place until now.
            gate: lines of `models.judge.gate.Line.as_json`.
            forced_because: why a gate that said no is overruled.

        Returns:
            The entry, as it was written.
        """
        at_ms = self._after(self.history())
        return self._write(Promotion("promote", version, from_version, at_ms, forced_because, gate))

    def previous(self) -> str:
        """Version that a rollback would lead to.

        Raises:
            PromotionRefused: nothing was promoted, or everything was rolled back.
        """
        stack = _stack(self.history())
        if len(stack) < 2:  # noqa: PLR2004 - the one in place and the one before
            raise PromotionRefused(f"there is no model before the active one at {self._store.url}: promote one")
        return stack[-2]

    def rollback(self) -> Promotion:
        """Record that the version before the active one is back.

        Raises:
            PromotionRefused: there is none.
        """
        version = self.previous()
        history = self.history()
        return self._write(Promotion("rollback", version, _stack(history)[-1], self._after(history)))

    @staticmethod
    def _after(history: list[Promotion]) -> int:
        """Now, or just after the latest entry where the clock was set back: the order of the names is the history."""
        latest_ms = history[-1].at_ms if history else 0
        return max(time.time_ns() // 1_000_000, latest_ms + 1)

    def _write(self, promotion: Promotion) -> Promotion:
        name = f"{promotion.at_ms:013d}-{promotion.action}-{promotion.version}.json"
        self._put(name, promotion)
        return promotion

    def _put(self, name: str, promotion: Promotion) -> None:
        signature = self._signing.sign(SIGNED_AS, _signed_bytes(name, promotion))
        content = msgspec.to_builtins(promotion) | ({} if signature is None else {"signature": signature.hex()})
        self._store.write(f"{FOLDER}/{name}", msgspec.json.format(msgspec.json.encode(content), indent=1))

    def sign(self) -> int:
        """Sign all entries with the key of today, whoever wrote them; returns how many. Without a key, none."""
        if self._signing.key is None:
            return 0
        files = self._store.files(FOLDER)
        for file in files:
            self._put(file.name, self._decoded(file.path)[0])
        return len(files)

    def _read(self, path: str) -> Promotion:
        promotion, signature = self._decoded(path)
        problem = self._signing.problem(SIGNED_AS, _signed_bytes(path.rpartition("/")[2], promotion), signature)
        if problem is not None:
            said = f"{problem}; `robocall models sign` signs what you trust"
            raise ArtifactCorrupt(f"promotion {self._store.url}/{path} is refused: {said}")
        return promotion

    def _decoded(self, path: str) -> tuple[Promotion, bytes | None]:
        try:
            content = self._store.read(path, limit_bytes=MAX_PROMOTION_BYTES)
            signature = msgspec.json.decode(content, type=_Signed).signature
            promotion = msgspec.json.decode(content, type=Promotion)
            return promotion, None if signature is None else bytes.fromhex(signature)
        except StoredFileUnusable as error:
            raise ArtifactCorrupt(str(error)) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise ArtifactCorrupt(f"{self._store.url}/{path} is no promotion: {error}") from error


def _signed_bytes(name: str, promotion: Promotion) -> bytes:
    return name.encode() + b"\0" + msgspec.json.encode(promotion)


def _stack(history: list[Promotion]) -> list[str]:
    """Versions below the active one, which is the last, oldest first."""
    stack: list[str] = []
    for entry in history:
        if entry.action == "promote":
            stack = [*(stack or [entry.from_version]), entry.version]
        elif len(stack) > 1:
            stack.pop()
    return stack
