"""sipp as the switch that asks: calls as scenarios, each of which fails when the answer is another one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.local.services import free_ports
from tests.processes import needs
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
    """Path of sipp."""
    return needs("sip-tester", "sipp")


def needs_kamailio(*packages: str) -> str:
    """Its path, or skip saying how to get it; in CI a missing one is a failure.

    Args:
        packages: that a test needs besides, each with a module that it takes from it: `kamailio-utils-modules:utils`.
    """
    path = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
    missing = [] if path else ["kamailio"]
    for package, _, module in (named.partition(":") for named in packages):
        places = (f"lib*/kamailio/modules/{module}.so", f"lib*/*/kamailio/modules/{module}.so")
        if not any(found for place in places for found in Path("/usr").glob(place)):
            missing.append(package)
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI must not pass without them: apt-get install {' '.join(missing)}")
    if missing or path is None:
        pytest.skip(f"not installed: apt-get install {' '.join(missing)}")
    return path


def asked(status: int, header: str | None = None, pattern: str = "", more: tuple[str, ...] = ()) -> str:
    """A call whose answer has this status, and where one is named a header that looks like this.

    Args:
        status: of the final answer.
        header: of it.
        pattern: of that header.
        more: further header lines of the INVITE.
    """
    if header is None:
        answer = f'<recv response="{status}"/>'
    else:
        answer = f"""
  <recv response="{status}"><action>
    <ereg regexp="{pattern.replace('"', "&quot;")}" search_in="hdr" header="{header}:" check_it="true" assign_to="1"/>
    <log message="[$1]"/>
  </action></recv>"""
    invite = INVITE.replace("Max-Forwards", "\n".join((*more, "Max-Forwards")))
    return invite + TRYING + answer + ACK.replace("{back}", "3")


def cancelled(first: int = 200) -> str:
    """A call that is cancelled at once.

    Args:
        first: 200 where the CANCEL has to be answered first; 487 where the INVITE may be.
    """
    answers = '<recv response="200" optional="true"/>' if first == 487 else '<recv response="200"/>'
    end = ACK.replace("{back}", "4" if first == 487 else "5")
    return INVITE + '<recv response="100"/>' + CANCEL.replace("{back}", "2") + answers + '<recv response="487"/>' + end


def answered(pause_ms: int) -> str:
    """A call that is answered, and which its caller ends."""
    ack = ACK.replace("ACK sip:{called}@dip.example;user=phone", "ACK [next_url]").replace("-{back}]", "]")
    ack = ack.replace("Max-Forwards", "[routes]\nMax-Forwards")
    bye = ack.replace("ACK", "BYE").replace("1 BYE", "2 BYE").replace("<send>", '<send retrans="500">')
    pause = f'<pause milliseconds="{pause_ms}"/>'
    return INVITE + TRYING + '<recv response="200" rrs="true"/>' + ack + pause + bye + '<recv response="200"/>'


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
    places = [f"127.0.0.1:{port}", "-i", source, "-p", str(free_ports(1)[0])]  # 5060 is everybody's
    done = subprocess.run(
        [path, *places, "-sf", str(file), "-m", str(calls), "-l", "20", "-nostdin", "-trace_err", "-error_file",
         str(folder / "errors.log"), "-timeout", "120s", "-timeout_error", *more],
        cwd=folder, capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    errors = (folder / "errors.log").read_text(errors="replace") if (folder / "errors.log").exists() else ""
    assert done.returncode == 0, f"{errors[-3_000:]}\n{done.stderr[-1_000:]}"
