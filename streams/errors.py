"""Errors at the edge of the system: each one line that says what to do; `retriable` says whether a repeat can help."""

from detector.contract.errors import RobocallError


class SettingsInvalid(RobocallError):
    """A setting is missing, out of its bounds, or contradicts another."""


class PublishFailed(RobocallError):
    """The broker refused records for good.

    Of a decision it ends the worker without acknowledging, so that the events are read again.
    """

    retriable = True

    def __init__(self, *, topic: str, partition: int, cause: BaseException, records: int) -> None:
        super().__init__(
            f"{topic}/{partition} refused a batch ({type(cause).__name__}: {cause}): check the broker, then start again"
        )
        self.topic = topic
        self.partition = partition
        self.cause = cause
        self.records = records


class InstanceTaken(RobocallError):
    """Another worker has joined the group under the instance id of this one."""

    def __init__(self, *, instance: str, group: str) -> None:
        super().__init__(
            f"another worker of the group {group} has started as {instance}, and of two the older ends: "
            "give each worker a ROBOCALL_INSTANCE_ID of its own"
        )


class SnapshotUnusable(RobocallError):
    """A snapshot that was named cannot be shown or restored; the text says why, and what to do."""


class TopicMissing(RobocallError):
    """A topic that the worker reads or writes does not exist."""

    def __init__(self, topics: list[str]) -> None:
        super().__init__(f"missing topics: {', '.join(topics)}; run `robocall topics create`")
        self.topics = topics


class PortTaken(RobocallError):
    """The address of the worker's pages cannot be listened on."""

    def __init__(self, host: str, port: int, cause: OSError) -> None:
        super().__init__(
            f"cannot serve /metrics and /health on {host}:{port} ({cause.strerror}): "
            "set ROBOCALL_WEB_PORT to another port, or to 0 for none"
        )
        self.port = port


class KafkaUnreachable(RobocallError):
    """No broker answers."""

    retriable = True

    def __init__(self, servers: str) -> None:
        super().__init__(f"no Kafka broker answers at {servers}: start one or set ROBOCALL_KAFKA_BOOTSTRAP_SERVERS")
        self.servers = servers


class KafkaRefusedUs(RobocallError):
    """A broker answers, and does not let us in."""

    def __init__(self, server: str, complaint: str) -> None:
        super().__init__(f"the Kafka broker at {server} refuses {complaint}")
        self.server = server


class ClusterRefused(RobocallError):
    """The Kafka cluster answers, but not this question of this user; or it cannot, and says why."""

    def __init__(self, question: str, needs: str, cause: BaseException) -> None:
        name = type(cause).__name__
        is_right = "Authorization" in name  # aiokafka's errors about rights have no class in common
        why = f"the user needs {needs}" if is_right else " ".join(str(cause).split()).removeprefix(f"{name}: ")
        super().__init__(f"the cluster refused {question} ({name}): {why}")


class ReplayFailed(RobocallError):
    """A replay ended with internal errors, or with bad lines when it was told to be strict."""


class DemoFailed(RobocallError):
    """The demo could not run to its end."""
