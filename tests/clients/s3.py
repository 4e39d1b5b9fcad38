"""S3 servers, and gateways in front of them."""

from dataclasses import dataclass
from functools import cached_property

import boto3
from botocore.config import Config


@dataclass(frozen=True)
class Storage:
    """A bucket of a running S3 server."""

    name: str
    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str

    @cached_property
    def client(self):
        """boto3's client, as its users have it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def put(self, key, content, **metadata):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content, Metadata=metadata)

    def keys(self, prefix):
        """The keys that begin so."""
        pages = self.client.get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]

    def as_config(self, folder):
        """This bucket as the gateway's configuration has it. Secrets are files in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "access_key").write_text(self.access_key)
        (folder / "secret_key").write_text(self.secret_key)
        return {
            "bucket": self.bucket,
            "region": self.region,
            "endpoint": self.endpoint,
            "credentials": {
                "static": {
                    "access_key_id": {"file": str(folder / "access_key")},
                    "secret_access_key": {"file": str(folder / "secret_key")},
                }
            },
        }


def configuration(storage, folder, routes, **more):
    """A whole configuration with one bucket, called `artifacts`, on free ports of loopback."""
    return {
        "listen": ["127.0.0.1:0"],
        "admin": "127.0.0.1:0",
        "buckets": {"artifacts": storage.as_config(folder)},
        "routes": routes,
        **more,
    }


def route(path, delivery, layout="sha256:{hex}", auth="open"):
    """A route of the Chainloop dialect."""
    return {
        "path": path,
        "dialect": {"chainloop": {}},
        "bucket": "artifacts",
        "layout": layout,
        "auth": auth,
        "delivery": delivery,
    }
