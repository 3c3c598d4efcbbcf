"""An application as people write it: the Python SDK's consumer with its blob checkpoint store; `processor.py sync|async`.

What it does goes to standard output, one JSON object a line. It ends when it is killed, or, properly, when its standard input does.
"""

import asyncio
import json
import os
import sys
import threading

from azure.eventhub import EventHubConsumerClient, LoadBalancingStrategy
from azure.eventhub.aio import EventHubConsumerClient as AsyncEventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore as AsyncBlobCheckpointStore
from azure.storage.blob import ContainerClient

HUB_STRING, BLOB_STRING, CONTAINER = (os.environ[name] for name in ("HUB_STRING", "BLOB_STRING", "CONTAINER"))
CLIENT = {
    "consumer_group": os.environ["GROUP"],
    "eventhub_name": os.environ["HUB"],
    "load_balancing_interval": int(os.environ["INTERVAL_MS"]) / 1000,
    "partition_ownership_expiration_interval": int(os.environ["EXPIRY_MS"]) / 1000,
    "load_balancing_strategy": LoadBalancingStrategy(os.environ["STRATEGY"]),
}
RECEIVE = {"starting_position": "-1", "max_wait_time": 1}


def say(did, context, **more):
    partition = None if context is None else context.partition_id
    sys.stdout.write(json.dumps({"did": did, "partition": partition, **more}) + "\n")
    sys.stdout.flush()


def make_container():
    with ContainerClient.from_connection_string(BLOB_STRING, CONTAINER) as container:
        if not container.exists():
            container.create_container()


def receive():
    store = BlobCheckpointStore.from_connection_string(BLOB_STRING, CONTAINER)
    client = EventHubConsumerClient.from_connection_string(HUB_STRING, checkpoint_store=store, **CLIENT)

    def on_event(context, event):
        if event is None:
            return
        context.update_checkpoint(event)
        say("event", context, sequence=event.sequence_number)

    def end():
        sys.stdin.read()
        client.close()

    threading.Thread(target=end, daemon=True).start()
    client.receive(
        on_event=on_event,
        on_error=lambda context, error: say("error", context, message=str(error)),
        on_partition_initialize=lambda context: say("begin", context),
        on_partition_close=lambda context, _reason: say("end", context),
        **RECEIVE,
    )


async def receive_async():
    store = AsyncBlobCheckpointStore.from_connection_string(BLOB_STRING, CONTAINER)
    client = AsyncEventHubConsumerClient.from_connection_string(HUB_STRING, checkpoint_store=store, **CLIENT)

    async def on_event(context, event):
        if event is None:
            return
        await context.update_checkpoint(event)
        say("event", context, sequence=event.sequence_number)

    async def on_error(context, error):
        say("error", context, message=str(error))

    async def on_partition_initialize(context):
        say("begin", context)

    async def on_partition_close(context, _reason):
        say("end", context)

    receiving = asyncio.create_task(
        client.receive(
            on_event=on_event,
            on_error=on_error,
            on_partition_initialize=on_partition_initialize,
            on_partition_close=on_partition_close,
            **RECEIVE,
        )
    )
    await asyncio.to_thread(sys.stdin.read)
    await client.close()
    await receiving
    await store.close()


make_container()
if sys.argv[1] == "async":
    asyncio.run(receive_async())
else:
    receive()
