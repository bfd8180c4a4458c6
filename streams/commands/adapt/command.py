"""`robocall adapt`: from a carrier's events and feedback to a model of its own, or to the base where that is better."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from detector.columns.code_plan import codes_id
from detector.features.schemas import SCHEMAS
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.budgets import HOUR_S
from detector.policy.settings import Policy
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN
from models.budgets.making import LATER, MORE_DAYS, Subject, make
from models.budgets.references import find
from models.data.joining import Joining
from models.serve.artifact import Model, load, sign
from models.serve.assigned_codes import of_calls
from models.serve.learning_curve import LearningCurve
from models.serve.reference import Reference
from models.serve.weighing import GROUP_WEIGHT, with_group_weight
from models.store.registry import Registry
from streams.commands.adapt.inputs import SEED, Replayed, joining_of, known_of, replay_of, traffic_options
from streams.commands.adapt.listing import listed
from streams.commands.adapt.nightly import nightly
from streams.commands.adapt.places import LOT, LOT_FILE, QUESTIONS, questions_option
from streams.commands.budgets.collecting import TRAFFIC_STRIDE, keys_of, secret_of
from streams.commands.budgets.command import read_senders
from streams.commands.events.source import Source
from streams.commands.models.beside import Beside
from streams.commands.models.place import (
    FILE,
    JSON_OPTION,
    REGISTRY_OPTION,
    Place,
    artifact_folder,
    model_option,
    place_of,
)
from streams.commands.questions.table import answered_rows
from streams.commands.shared.options import made_by
from streams.commands.train import print_curve
from streams.files import changing
from streams.numbers.assigned import read_unassigned
from streams.running.clock import wall_clock_ms
from streams.running.printable import counted_in_words
from streams.running.progress import step
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from models.adapt.calls import Calls
    from models.adapt.outcome import Outcome
    from models.adapt.root import Root
    from models.adapt.rounds import Material

Writes = Callable[["Outcome", Path], tuple[Model, str]]
"""Writes the model of an outcome to a folder, and its measure beside it; returns it, and what is to be said of that."""
WHY_ASKED = "it was drawn by lot from calls on which two models differ: the answers tell which one is better"
SCARCE = (
    "all calls count as lawful, since too few are known to be: more can be caught with more --senders, or with answers "
    "that `robocall budgets measure --questions FILE` asks for"
)


@click.command()
@traffic_options
@model_option("--base", "base", "Model to start from")
@click.option("--policy", type=FILE, help="Policy file [default: ROBOCALL_POLICY_FILE, else defaults].")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the artifact.")
@questions_option
@nightly
@click.option("--strict", is_flag=True, help="Exit with status 1 where the base model is kept as it is.")
@click.option("--curve", is_flag=True, help="Learn three times more, from fewer labels: would more help?")
@REGISTRY_OPTION
@JSON_OPTION
def adapt(
    source: Source,
    feedback: tuple[Path, ...],
    base: str | None,
    senders: tuple[Path, ...],
    partitions: int | None,
    windows_h: float,
    judge_h: float | None,
    policy: Path | None,
    out: Path,
    questions: Path | None,
    url: str | None,
    *,
    strict: bool,
    curve: bool,
    as_json: bool,
) -> None:
    """Learn from your own traffic and its feedback, and write a model to DIR: an adapted one, or the base.

    The calls of the first and the last third of the span teach: what was said of them, or, where that is too little,
    those that the base model and what is around them find most suspect. What is learnt is added to the trees of the
    base. On the middle third, or on the last hours (--judge-h), a gate compares it with the base at equal alerts. What
    some 40 answers of an analyst taught (`robocall ask`) is taken, unless it seems to catch less of what was labelled
    there, or hits more lawful references. What 10 taught must seem to catch more, and so must what complaints and traps
    alone taught: of 40 accused callers or more, in 36 hours or more. Else answers about 20 callers drawn by lot must
    show that it is better: they are asked for in DIR/questions.csv, and `robocall settle DIR` takes them. Until then
    DIR holds the base, with a group weight where that is shown to be better.
    Budgets are measured beside DIR; with --senders, or lawful verdicts of analysts or redress, more can be spent.

    \b
      robocall adapt --events day.jsonl.zst --feedback feedback.jsonl --senders customers.txt --out own
      robocall replay later.jsonl.zst --model own --mode enforce --decisions decisions.jsonl
      robocall adapt --archive --from 2026-11-24 --to 2026-11-25 --senders customers.txt --out own

    With --watch it does so each night. A model that is better goes into the registry, with its measure, and runs in
    shadow; you promote it, or --promote does. DIR/watch.json says how far it is, DIR/model is what the last night made.

    \b
      robocall adapt --archive --watch --at 02:00 --senders customers.txt --out /var/lib/robocall/adapt
    """
    source.require_whole(judge_h)
    console, table = Console(stderr=True), questions or out / QUESTIONS
    chosen = {"partitions": source.partitions(partitions)} | ({} if policy is None else {"policy_file": policy})
    with ExitStack() as stack:
        folder, begun, settings = _based(place_of(url), base, out, chosen, stack, console)
        out.mkdir(parents=True, exist_ok=True)  # what cannot be written is said before minutes of work
        with changing(table):
            _require_settled(out, table)
        root = _root(folder, begun, console)
        registered = keys_of(list(map(source.number(), read_senders(senders))))
        joining = joining_of(source, feedback, console)
        done = replay_of(settings, source, joining, windows_h, console)
        outcome, material, registered = _adapted(done, begun, root, registered, judge_h, console)
        measured = _curve_of(material, outcome, console) if curve else None

        def written(made: "Outcome", to: Path) -> tuple[Model, str]:
            model = _written(made, folder, to, done.model.schema_id, settings, measured)
            return model, _measured(model, done.policy, made, material, registered, settings, to)

        with step("Writing the model", console):
            model, silence = written(outcome, out)
        _keep_lot(outcome, material, done.model, source, out, table, written, console)
    print_curve(measured, console)
    _tell(outcome, model, out, table, silence, joining, console, as_json=as_json)
    if strict and outcome.is_base:
        raise click.exceptions.Exit(1)


def _based(
    place: Place, base: str | None, out: Path, chosen: dict[str, Any], stack: ExitStack, console: Console
) -> tuple[Path, Model, Settings]:
    """The base, its folder, and settings of a replay that says what it decides by, with a group weight too."""
    with step("Fetching the model", console, quick=True):
        folder = stack.enter_context(artifact_folder(place, base))
    if out.exists() and out.resolve() == folder.resolve():
        raise click.UsageError("--out is the base model itself: give another folder")
    settings = load_settings(mode="shadow", model_dir=folder, **chosen)
    begun = load(folder, schema_id=FEATURE_SCHEMA_ID, signing=settings.signing)
    if not begun.group_weight:
        settings = load_settings(mode="shadow", model_dir=_grouped(folder, settings, stack), **chosen)
    return folder, begun, settings


def _grouped(folder: Path, settings: Settings, stack: ExitStack) -> Path:
    """A copy of the base with a group weight, as long as the stack is open: its replay says what either decides by."""
    copy = Path(stack.enter_context(TemporaryDirectory()))
    with_group_weight(folder, copy, GROUP_WEIGHT, schema_id=FEATURE_SCHEMA_ID, signing=settings.signing)
    sign(copy, settings.signing)
    return copy


def _root(folder: Path, base: Model, console: Console) -> "Root":
    """The trees of the base that stay; read before minutes of work, so that it is said early where they cannot be."""
    with step("Reading the trees of the base", console, quick=True):
        from models.adapt.root import root_of  # noqa: PLC0415 - scikit-learn takes seconds

        return root_of(folder, base)


def _adapted(
    done: Replayed, base: Model, root: "Root", registered: Any, judge_h: float | None, console: Console
) -> "tuple[Outcome, Material, Any]":
    """Learn and judge, and say how far it is; who is cleared by feedback is among the registered senders given back."""
    from models.adapt.adapting import adapt_model  # noqa: PLC0415 - scikit-learn takes seconds

    with step("Learning", console) as say:
        say("joining feedback and calls")
        material, registered = known_of(done, base, registered, judge_h)
        material = replace(material, root=root)
        return adapt_model(material, base.version, SEED, say), material, registered


def _curve_of(material: "Material", outcome: "Outcome", console: Console) -> LearningCurve | None:
    """Learn from fewer labels, and say how far it is, or why there is no curve."""
    from models.adapt.learning_curve import learning_curve  # noqa: PLC0415 - scikit-learn takes seconds

    with step("Learning from fewer labels", console) as say:
        found = learning_curve(material, outcome, SEED, say)
    if isinstance(found, LearningCurve):
        return found
    console.print(f"no learning curve: {found}", soft_wrap=True)
    return None


def _written(
    outcome: "Outcome", base: Path, out: Path, schema_id: str, settings: Settings, curve: LearningCurve | None
) -> Model:
    from models.adapt.packaging import package  # noqa: PLC0415 - scikit-learn takes seconds

    codes = (codes_id(read_unassigned(settings.assigned_codes_file)),)
    model = package(
        outcome,
        base,
        out,
        schema_id=schema_id,
        created_ms=wall_clock_ms(),
        made_by=made_by(click.get_current_context()) | of_calls(SCHEMAS[schema_id].names, codes),
        curve=curve,
    )
    sign(out, settings.signing)
    return model


def _measured(
    model: Model,
    policy: Policy,
    outcome: "Outcome",
    material: "Material",
    registered: Any,
    settings: Settings,
    out: Path,
) -> str:
    """Measure the model that was written, beside it; what is to be said of that."""
    calls = material.calls
    budgets = policy.budgets
    chosen = outcome.is_measurable & calls.is_number & (calls.windows_s >= budgets.windows_h * HOUR_S)
    if not chosen.any():
        return f"no call was scored in windows of {budgets.windows_h:g} h: give a longer span"
    span = calls.span(chosen, outcome.scores)
    answers = np.where(material.labels.is_robocall, ROBOCALL, LAWFUL).astype(np.int8)
    answers[~material.labels.is_looked_at] = UNKNOWN
    references = find(span, registered, answers[chosen], secret_of(settings.signing, model.version))
    traffic = _traffic(model, calls, np.flatnonzero(chosen)[::TRAFFIC_STRIDE])
    remedy = MORE_DAYS if outcome.is_base else LATER
    subject = Subject.of(model, settings.partitions, span, wall_clock_ms(), traffic, remedy)
    found = make(subject, references, budgets, policy.standing_blocks, None)
    own = out.absolute()
    Beside(Registry(own.parent, settings.signing), own.name, own, settings.partitions).write(found)
    scarce = (SCARCE,) if any(one is not None and one.is_of_all for one in (found.label, found.block)) else ()
    return "; ".join((*scarce, *found.complaints))


def _require_settled(out: Path, table: Path) -> None:
    """Refuse to lose answers that somebody gave to the lot of an earlier run."""
    if (out / LOT / LOT_FILE).exists() and answered_rows(table):
        raise click.UsageError(f"{table} has answers: `robocall settle {out}` takes them; or give another --out")


def _keep_lot(
    outcome: "Outcome",
    material: "Material",
    base: Model,
    source: Source,
    out: Path,
    table: Path,
    written: Writes,
    console: Console,
) -> None:
    """Keep the candidate and who is drawn where answers would tell more, and write questions; remove an older lot.

    Args:
        outcome: Of the adaptation.
        material: What it was learnt from.
        base: Whose scores the calls have.
        source: The calls.
        out: Folder of the adaptation.
        table: Of questions.
        written: Writes the model of an outcome, with its measure.
        console: Shows how far it is.
    """
    from streams.commands.adapt.lots import CANDIDATE, Lot, forget_lot, write_lot  # noqa: PLC0415 - scipy

    with changing(table):
        forget_lot(out, table)
    if outcome.unsettled is None:
        return
    with step("Writing questions", console) as say:
        about = [(one.cluster, WHY_ASKED) for one in outcome.unsettled.draw]
        asked = listed(about, material.calls, material.labels, base, source, say)
        candidate, silence = written(outcome.of_candidate(material), out / LOT / CANDIDATE)
        versions = {"base": outcome.facts["base"], "candidate": candidate.version}
        lot = Lot.of(outcome.unsettled, asked, **versions, choice=outcome.judged, silence=silence)
        with changing(table):
            write_lot(lot, out, table)


def _traffic(model: Model, calls: "Calls", some: Any) -> Reference | None:
    rows = calls.rows.take(some)
    return None if model.reference is None else model.reference.counted(rows, model.score(rows))


def _tell(
    outcome: "Outcome",
    model: Model,
    out: Path,
    table: Path,
    silence: str,
    joining: Joining | None,
    console: Console,
    *,
    as_json: bool,
) -> None:
    if joining is not None:
        verdicts = counted_in_words(joining.verdicts, "verdict")
        console.print(f"{verdicts}, {joining.verdicts - joining.unjoined:,} of them about these calls")
    ignored = outcome.facts["complaints_about_lawful_references_ignored"]
    if ignored:
        console.print(f"{ignored:,} labels ignored: complaints about callers who are known as lawful")
    contradicted = outcome.facts.get("labels_contradicted")
    if contradicted:
        by_source = ", ".join(f"{source} {sum(count.values()):,}" for source, count in contradicted.items())
        console.print(f"labels that count little, since what all other callers taught contradicts them: {by_source}")
    if outcome.verdict.volumes:
        console.print(_table(outcome))
    if outcome.questions:
        text = (
            f"{len(outcome.questions)} answers would tell more: fill in {table}, then "
            f"`robocall settle {out}` says which model is better"
        )
        console.print(text, markup=False, soft_wrap=True)
    if silence:
        console.print(f"budgets: {silence}", markup=False, soft_wrap=True)
    if as_json:
        click.echo(
            json.dumps({"version": model.version, **outcome.facts, "answers": outcome.answered}, allow_nan=False)
        )
    elif outcome.chosen is not None:
        click.echo(f"adapted model {model.version} written to {out}")
    elif outcome.is_base:
        click.echo(f"kept the base model {model.version}: {outcome.verdict.reason}")
    else:
        click.echo(f"base model with group weight {model.group_weight:g}, {model.version}, written to {out}")
        for verdict in outcome.refused:
            console.print(f"what was learnt was not taken: {verdict.reason}", markup=False, soft_wrap=True)


def _table(outcome: "Outcome") -> Table:
    verdict, name = outcome.verdict, outcome.judged.value
    title = f"held back: {verdict.callers:,} labelled callers, {verdict.references:,} lawful callers"
    table = Table("alerts", "caught, base", f"caught, {name}", "lawful hit, base", f"lawful hit, {name}", title=title)
    for one in verdict.volumes:
        caught = ("-", "-") if one.caught is None else [f"{share:.3f}" for share in one.caught]
        table.add_row(f"{one.share:.1%}", *caught, *(f"{hit:.4f}" for hit in one.hit))
    return table
