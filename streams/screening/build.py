"""Windows, model, policy and lists joined into a screener: once, for the worker and for the replay alike."""

from dataclasses import replace
from pathlib import Path

from detector.columns.hashing import PUBLIC_SEED
from detector.contract.errors import PolicyInvalid
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.budgets import EnforceUnmeasured, Measured
from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy, with_mode
from detector.policy.standing import StandingDecisions
from detector.windows import WindowEngine, WindowSettings
from models.budgets.measure import measured_elsewhere, read_beside
from models.errors import ArtifactError
from models.serve.artifact import SHIPPED
from models.serve.artifact import load as load_model
from streams.screening.policy_file import file_in_force, load_policy
from streams.settings import Settings


def policy_of(settings: Settings) -> Policy:
    """Read the policy of a deployment: its file, or the defaults, with what settings put in the place of it.

    Raises:
        PolicyInvalid: the policy file is wrong, or the contact cannot stand in a SIP header.
    """
    return with_settings(load_policy(file_in_force(settings.policy_file)), settings)


def with_settings(policy: Policy, settings: Settings) -> Policy:
    """What a worker with these settings makes of a policy: decisions carry the version of this.

    Raises:
        PolicyInvalid: the contact cannot stand in a SIP header.
    """
    if settings.redress_url is not None:
        policy = replace(policy, redress=replace(policy.redress, url=settings.redress_url))
    if settings.enforce_unmeasured is not None:
        order = EnforceUnmeasured(*(part.strip() for part in settings.enforce_unmeasured.split(":", 1)))
        policy = replace(policy, budgets=replace(policy.budgets, enforce_unmeasured=order))
    return policy if settings.mode is None else with_mode(policy, settings.mode)


def require_contact(policy: Policy) -> None:
    """Check that whoever is blocked can complain; a worker that blocks without that must not start.

    Raises:
        PolicyInvalid: the policy enforces, and its contact is not the carrier's own.
    """
    if policy.does_enforce and policy.warnings():
        ways_out = "ROBOCALL_REDRESS_URL, or redress in the policy file; or run with --mode shadow"
        raise PolicyInvalid(f"{'; '.join(policy.warnings())}: {ways_out}")


def make_screener(settings: Settings, *, shared_trunks: bool, seed: int = PUBLIC_SEED) -> Screener[WindowEngine]:
    """A screener with empty windows and lists, and with the measure that lies beside the model.

    A measure that cannot be used is none: the model's step is tried then, and `Screener.in_force` says why.

    Args:
        settings: capacities, partitions, policy, model and mode are read from it.
        shared_trunks: one window per trunk over all partitions, exact (replay), instead of one per partition (worker).
        seed: of all hashes; a fleet of workers has one that nobody else knows.

    Raises:
        PolicyInvalid: the policy file is wrong.
        ArtifactError: the model cannot be used.
    """
    policy = policy_of(settings)
    windows = WindowSettings(
        max_hot_numbers=settings.max_hot_numbers,
        max_cold_numbers=settings.max_cold_numbers,
        max_trunks=settings.max_trunks,
        max_blocks=settings.max_blocks,
        max_origins=settings.max_origins,
        max_called=settings.max_called,
        seed=seed,
        partitions=settings.partitions,
        shared_trunks=shared_trunks,
        keep_days=settings.keep_days,
        keep_signatures=settings.keep_signatures,
    )
    folder = settings.model_dir or SHIPPED
    screener = Screener(
        engine=WindowEngine(windows),
        classifier=load_model(folder, schema_id=FEATURE_SCHEMA_ID, signing=settings.signing),
        policy=policy,
        lists=Lists(),
        standing=StandingDecisions(),
    )
    measured, complaint = _measured(folder, screener.versions.model_version, settings)
    screener.go_by(measured, complaint=complaint)
    return screener


def _measured(folder: Path, version: str, settings: Settings) -> tuple[Measured | None, str]:
    """What was measured of a model, and why there is nothing to go by."""
    partitions, signing = settings.partitions, settings.signing
    try:
        measure = read_beside(folder, partitions=partitions, signing=signing)
    except ArtifactError as error:
        return None, str(error)
    if measure is None:
        return None, measured_elsewhere(folder, version, partitions=partitions, signing=signing)
    return measure.measured(), ""
