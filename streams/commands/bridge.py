"""`robocall bridge`: what any switch can ask, in front of the topics."""

import asyncio
import contextlib
import gc
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import structlog
from prometheus_client import disable_created_metrics

from streams.bridge.asking import Asker
from streams.bridge.hep.server import HepServer
from streams.bridge.http.access import Access
from streams.bridge.http.app import HttpDip, http_server
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.peers import Peers, load_peers
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.bridge.sip.profiles import warnings
from streams.bridge.sip.server import SipDip
from streams.bridge.traces import TracedCall, untraced
from streams.commands.records.command import records
from streams.errors import SettingsInvalid
from streams.log import configure_log
from streams.running.metrics_page import served
from streams.running.open_files import allow_open_files
from streams.running.services import SWITCH_INTERVAL_S, Part, new_event_loop
from streams.running.told_every import EVERY_S, told_every
from streams.settings import Settings, load_settings
from streams.tracing.making import make_tracer
from streams.trust.settings import TrustSettings
from streams.trust.setup_verifier import SetupVerifier, make_setup_verifier
from streams.unknown_settings import unknown_keys

if TYPE_CHECKING:  # nothing of OpenTelemetry is imported where no calls are traced
    from streams.tracing.tracer import CallTracer

OPEN_FILES = 8_192
"""More than all connections that the dips take at a time: who holds them keeps none from Kafka."""

log = structlog.get_logger(__name__)


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--check", is_flag=True, help="Only read the settings and the peers file, and say what is wrong.")
def bridge(context: click.Context, *, check: bool) -> None:
    """Answer switches that do not speak Kafka: they ask by SIP or over HTTP, the workers decide.

    \b
    A switch sends each INVITE here first. The answer says what to do with the call:
      pass    404, 503 or 302, as its profile has it: route the call
      block   603 with the Reason header of the decision, or what the decision says
      label   302 with the label in a header
    Whatever goes wrong, the call passes: no decision in time, no Kafka, no worker.

    \b
      ROBOCALL_BRIDGE_PEERS_FILE   who may ask, and how each is answered [default: peers.yaml]
      ROBOCALL_BRIDGE_SIP_HOST     address of the SIP dip [default: 127.0.0.1]
      ROBOCALL_BRIDGE_SIP_PORT     its port, UDP and TCP [default: 5060]
      ROBOCALL_BRIDGE_HTTP_PORT    port of the HTTP dip, POST /v1/calls [default: none]
      ROBOCALL_BRIDGE_HEP_PORT     port of passive copies, HEP3 [default: none]
      ROBOCALL_BRIDGE_DEADLINE_MS  a call without a decision passes then [default: 80]
      ROBOCALL_TRUST_ANCHORS_URL   authorities; with them signatures are verified [default: none]

    A peers file has one entry for each switch:

    \b
      peers:
        - name: chicago-1
          addresses: [192.0.2.10]
          profile: clearip           # or ribbon, redirect
          trunk_group_id: tg-chi

    Start several behind one name: they share nothing. SIGHUP reads the peers file again. docs/bridge.md says more.
    `robocall bridge records` takes call detail records from files.
    """
    if context.invoked_subcommand is not None:
        return
    settings, chosen = load_settings(), BridgeSettings.load()
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    if not any((chosen.sip_port, chosen.sip_tls_port, chosen.http_port, chosen.hep_port)):
        raise SettingsInvalid(
            f"{BRIDGE_PREFIX}SIP_PORT is 0, and so are the other ports: give it one, or nobody can ask"
        )
    peers, verifier = load_peers(chosen.peers_file), make_setup_verifier(TrustSettings.load())
    tracer = make_tracer(settings, "robocall-bridge")
    for warning in warnings(peers):
        log.warning(warning)
    if check:
        log.info("the peers file is right", peers=len(peers.all))
        return
    may_open = allow_open_files(OPEN_FILES)
    if may_open < OPEN_FILES:
        log.warning("connections can take all files that may be open: allow more (ulimit -n)", may_open=may_open)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # one line per counter that nobody reads
    with contextlib.closing(new_event_loop()) as loop:
        gc.collect()
        gc.freeze()  # what exists now lives as long as the process: no collection looks at it again
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        loop.run_until_complete(_serve(settings, chosen, peers, verifier, tracer))


bridge.add_command(records)


async def _serve(
    settings: Settings,
    chosen: BridgeSettings,
    peers: Peers,
    verifier: SetupVerifier | None,
    tracer: "CallTracer | None",
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    metrics = BridgeMetrics()
    begin_trace = untraced if tracer is None else partial(TracedCall, tracer)
    asker = Asker(settings, chosen, metrics, verifier, begin_trace)
    sip = SipDip(chosen, peers, asker, metrics)
    loop.add_signal_handler(signal.SIGHUP, sip.reload)
    access = Access(lambda: sip.peers, certified=chosen.http_tls_cafile is not None)
    http = http_server(HttpDip(asker, access, chosen.deadline_ms, metrics).app(), chosen)
    hep = HepServer(chosen, lambda: sip.peers, asker, metrics)
    parts: list[Part] = [part for part in (tracer, verifier, asker, sip) if part is not None]
    parts += [part for part, port in ((http, chosen.http_port), (hep, chosen.hep_port)) if port]
    shown = [metrics] if verifier is None else [metrics, verifier.metrics]
    with served(BRIDGE_PREFIX, chosen.web_host, chosen.web_port, *shown):
        started: list[Part] = []
        try:
            with told_every(EVERY_S, lambda _: log.info("bridge starts")):
                log.info("bridge starts", brokers=settings.kafka_bootstrap_servers)
                for part in parts:
                    await part.start()
                    started.append(part)
            log.info("bridge is up", sip=sip.listens, http=http.listens, hep=hep.listens)
            await stop.wait()
        finally:
            for part in reversed(started):
                await part.stop()
    log.info("bridge ended")
