"""The entry point `robocall`: one group whose commands are imported only when they are asked for.

Exit status: 0 done, 1 failed, 2 wrong usage. What a program reads goes to standard output, everything for people to
standard error.
"""

import contextlib
import importlib
import json
import os
import sys
import traceback

import click
from click.shell_completion import CompletionItem

from detector.contract.errors import RobocallError
from streams.running.printable import printable
from streams.running.told_every import EVERY_S, FIRST_S, told_every
from streams.running.used_cpu import used_cpu_s

COMMANDS = {
    "demo": (
        "streams.commands.demo.command:demo",
        "The whole system on this machine: generated calls, live decisions, a summary.",
    ),
    "worker": ("streams.commands.worker:worker", "Screen the calls of the configured Kafka."),
    "bridge": ("streams.commands.bridge:bridge", "Answer switches that ask by SIP, in front of Kafka."),
    "topics": ("streams.commands.topics.command:topics", "Create the topics, or say what is wrong with them."),
    "console": (
        "streams.commands.console.command:console",
        "Pages for people: what goes on, and what is known of a number, a call, a decision.",
    ),
    "simulate": ("streams.commands.simulate:simulate", "Generate traffic with ground truth, to a file or to Kafka."),
    "replay": ("streams.commands.replay:replay", "Run a file of events through the worker's own code."),
    "train": ("streams.commands.train:train", "Train, calibrate and package a model."),
    "evaluate": ("streams.commands.train:evaluate", "Measure a model on features and labels."),
    "budgets": (
        "streams.commands.budgets.command:budgets",
        "Measure at which scores the budgets of lawful calls are spent: enforcement is earned.",
    ),
    "adapt": (
        "streams.commands.adapt.command:adapt",
        "Learn from your own traffic and its feedback; keep the base model where that is not shown to be better.",
    ),
    "settle": (
        "streams.commands.adapt.settling:settle",
        "Settle by answers about callers drawn by lot whether what was learnt is better.",
    ),
    "ask": (
        "streams.commands.ask.command:ask",
        "Ask an analyst about the calls where an answer moves most.",
    ),
    "models": (
        "streams.commands.models.artifacts:models",
        "Keep models: list, compare, add, promote, roll back, run in shadow.",
    ),
    "policy": (
        "streams.commands.policy.command:policy",
        "Say what is in force, try a change on recorded calls, save it.",
    ),
    "campaigns": (
        "streams.commands.campaigns.command:campaigns",
        "Suspect calls grouped to campaigns, live and in the past; say what they were.",
    ),
    "archive": (
        "streams.commands.archive:archive",
        "Keep events, decisions and feedback as Parquet files; query, export.",
    ),
    "feedback": (
        "streams.commands.feedback:feedback",
        "Say what calls were: one verdict, or a table of complaints.",
    ),
    "traceback": (
        "streams.commands.traceback.command:traceback",
        "From a bad call to its source: answer what others ask, ask upstream, follow the path.",
    ),
    "verify": (
        "streams.commands.trust.verify:verify",
        "Verify calls that switches publish raw, and hand them on to the workers.",
    ),
    "verify-identity": (
        "streams.commands.trust.verify_identity:verify_identity",
        "Verify the signature of one call against certificates from files.",
    ),
    "trust": (
        "streams.commands.trust.command:trust",
        "Look at the authorities and certificates that signatures are verified by; fetch, check, forget.",
    ),
    "lookup": ("streams.commands.lookup:lookup", "What is known and decided about a number, a trunk or a decision."),
    "audit": ("streams.commands.audit:audit", "Say which promises were not kept, from the topics alone."),
    "lists": (
        "streams.commands.lists:lists",
        "Keep the lists: allow, block, do-not-originate, emergency, opt-out, traps.",
    ),
    "dno": (
        "streams.commands.numbers.dno:dno",
        "Do-not-originate lists of others: import, show, check a number, remove.",
    ),
    "referral": (
        "streams.commands.referral.command:referral",
        "Hand a campaign to an authority as a signed package; derive the decisions of one again.",
    ),
    "upstreams": (
        "streams.commands.upstreams.command:upstreams",
        "Who stands behind each trunk group: import, show, check the registration.",
    ),
    "scorecards": (
        "streams.commands.scorecards.command:scorecards",
        "What came in by each trunk group a day: whom to call, what to change in the policy.",
    ),
    "release": (
        "streams.commands.release:release",
        "End what stands against a number or trunk group; do not block it for a day.",
    ),
    "redress": (
        "streams.commands.redress.command:redress",
        "Answer who was wrongly blocked: open, show, grant, reject.",
    ),
    "blocked": (
        "streams.commands.redress.command:blocked",
        "Calls to a subscriber that were blocked in the last 28 days.",
    ),
    "cases": (
        "streams.commands.cases.command:cases",
        "Records of who did what, when and why: list, show, hold, prune.",
    ),
    "snapshots": (
        "streams.commands.snapshots:snapshots",
        "Look at the snapshots of the windows; go back to an older one.",
    ),
    "erase": (
        "streams.commands.erase:erase",
        "Take a phone number out of Redis and the archive; say where it stays.",
    ),
    "conformance": (
        "streams.commands.conformance:conformance",
        "Check a detector or a switch against the contract, case by case.",
    ),
    "local": ("streams.commands.local:local", "Apache Kafka and Valkey on this machine, from pip alone."),
    "doctor": ("streams.commands.doctor:doctor", "What is reachable, which versions, what is misconfigured."),
}


def loading(command: str, elapsed_s: float) -> str:
    """Line that says that a command is still being loaded: a worker's is one of its log, which programs read.

    A worker says the seconds of processor time that it has used: whoever waits for it sees whether it gets on.
    """
    style = os.environ.get("ROBOCALL_LOG_FORMAT", "auto")
    if command != "worker" or style == "console" or (style == "auto" and sys.stderr.isatty()):
        return f"robocall {command}: loading, {elapsed_s:.0f} s"
    return json.dumps({"event": "loading", "level": "info", "cpu_s": used_cpu_s()})


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; says so when that takes long, unless a shell asks in the midst of a line."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        told = told_every(EVERY_S, lambda elapsed_s: click.echo(loading(cmd_name, elapsed_s), err=True), FIRST_S)
        with contextlib.nullcontext() if ctx.resilient_parsing else told:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any, or an option."""
        names = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="robocall-detector")
def robocall() -> None:
    """Detect robocalls on Kafka: windows, a classifier, an explained decision within milliseconds.

    Start with `robocall demo`. Settings are environment variables, ROBOCALL_...: docs/settings.md has all.

    \b
    Completion in bash, zsh or fish:
      eval "$(_ROBOCALL_COMPLETE=bash_source robocall)"
    """


def main() -> None:
    """Run the command line; an error is one line and exit status 1."""
    try:
        sys.exit(robocall.main(prog_name="robocall", standalone_mode=False))  # of a command that says itself: it failed
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(1)
    except RobocallError as error:
        click.echo(printable(f"robocall: {error}"), err=True)
        sys.exit(1)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        click.echo(printable(f"robocall: {said}"), err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort; only the type, a message may quote a phone number
        if os.environ.get("ROBOCALL_LOG_LEVEL", "").lower() == "debug":
            traceback.print_exc()
        click.echo(f"robocall: internal error {type(error).__name__}: ROBOCALL_LOG_LEVEL=debug shows where", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
