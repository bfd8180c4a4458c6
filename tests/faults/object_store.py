"""An S3-compatible store of its own behind a proxy: a moto server with one bucket."""

import os

import boto3
from moto.server import ThreadedMotoServer

from tests.faults.proxy import Proxy

BUCKET = "snapshots"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class ObjectStore:
    """Runs until `close`.

    While it runs, the environment of this process, and so of workers that it starts, says how to find it.

    Attributes:
        url: of a folder in the bucket.
        proxy: makes it slow.
    """

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        self.proxy = Proxy(port)
        self.url = f"s3://{BUCKET}/windows"
        self._environment = KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.port}"}
        os.environ.update(self._environment)
        boto3.client("s3").create_bucket(Bucket=BUCKET)

    def close(self) -> None:
        """End it."""
        for name in self._environment:
            del os.environ[name]
        self.proxy.close()
        self._server.stop()
