"""Which cases want an answer, and by when: redress of us, tracebacks of those whom we asked."""

from collections.abc import Mapping

from streams.cases.redress import answer_due_ms
from streams.cases.waiting import Due
from streams.traceback.casework import answers_due_ms
from streams.wire.cases import CaseKind

DUE: Mapping[CaseKind, Due] = {CaseKind.REDRESS: answer_due_ms, CaseKind.TRACEBACK: answers_due_ms}
