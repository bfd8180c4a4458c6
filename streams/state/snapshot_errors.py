"""What is wrong with a snapshot itself. It stops no worker: an older one or the recent past of the topic serves."""

from detector.contract.errors import RobocallError


class SnapshotRefused(RobocallError):
    """A snapshot is damaged, or not of this build, topic or partition, or nobody could read it once it was written.

    It is skipped, or not written. Nothing of it was used.
    """
