"""sipp as the switch that asks: calls as scenarios, each of which fails when the answer is another one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.waiting import HANG_S

INVITE = """
  <send retrans="500"><![CDATA[
INVITE sip:{called}@dip.example;user=phone SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "Caller" <sip:{calling}@[local_ip]:[local_port];user=phone>;tag=[pid]sipp[call_number]
To: <sip:{called}@dip.example;user=phone>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{calling}@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Length: 0

  ]]></send>
"""
ACK = """
  <send><![CDATA[
ACK sip:{called}@dip.example;user=phone SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-{back}]
From: "Caller" <sip:{calling}@[local_ip]:[local_port];user=phone>;tag=[pid]sipp[call_number]
To: <sip:{called}@dip.example;user=phone>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
"""
CANCEL = ACK.replace("ACK", "CANCEL").replace("[peer_tag_param]", "").replace("<send>", '<send retrans="500">')
TRYING = '<recv response="100" optional="true"/>'


def needs_sipp() -> str:
    """Path of sipp, or skip saying how to get it; in CI a missing sipp is a failure."""
    path = shutil.which("sipp")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("sipp is not installed, and CI must not pass without it: apt-get install sip-tester")
    if path is None:
        pytest.skip("sipp is not installed: apt-get install sip-tester")
    return path


def needs_kamailio() -> str:
    """Its path, or skip saying how to get it; in CI a missing one is a failure."""
    path = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("kamailio is not installed, and CI must not pass without it: apt-get install kamailio")
    if path is None:
        pytest.skip("kamailio is not installed: apt-get install kamailio")
    return path


def asked(status: int, header: str | None = None, pattern: str = "") -> str:
    """A call whose answer has this status, and where one is named a header that looks like this."""
    if header is None:
        answer = f'<recv response="{status}"/>'
    else:
        answer = f"""
  <recv response="{status}"><action>
    <ereg regexp="{pattern.replace('"', "&quot;")}" search_in="hdr" header="{header}:" check_it="true" assign_to="1"/>
    <log message="[$1]"/>
  </action></recv>"""
    return INVITE + TRYING + answer + ACK.replace("{back}", "3")


def cancelled() -> str:
    """A call that is cancelled at once."""
    return (
        INVITE + '<recv response="100"/>' + CANCEL.replace("{back}", "2") + '<recv response="200"/>'
        '<recv response="487"/>' + ACK.replace("{back}", "5")
    )


def sipp(
    scenario: str,
    port: int,
    folder: Path,
    *,
    source: str = "127.0.0.1",
    calling: str = "+12025550101",
    called: str = "+13125550142",
    calls: int = 1,
    more: tuple[str, ...] = (),
) -> None:
    """Place calls to the bridge at `port`; fail, with what sipp complains of, when one of them ends otherwise.

    Args:
        scenario: of `asked` or `cancelled`.
        port: of the bridge.
        folder: for sipp's files.
        source: address that the calls come from.
        calling: number.
        called: number.
        calls: how many, one after the other where nothing else is said.
        more: further options.
    """
    path = needs_sipp()
    file = folder / "scenario.xml"
    text = scenario.replace("{calling}", calling).replace("{called}", called)
    file.write_text(f'<?xml version="1.0" encoding="us-ascii"?>\n<scenario name="dip">{text}</scenario>\n')
    done = subprocess.run(
        [path, f"127.0.0.1:{port}", "-sf", str(file), "-i", source, "-m", str(calls), "-l", "20", "-nostdin",
         "-trace_err", "-error_file", str(folder / "errors.log"), "-timeout", "120s", "-timeout_error", *more],
        cwd=folder, capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    errors = (folder / "errors.log").read_text() if (folder / "errors.log").exists() else ""
    assert done.returncode == 0, f"{errors[-3_000:]}\n{done.stderr[-1_000:]}"
