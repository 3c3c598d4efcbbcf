"""One scenario of the official Python SDK against a server: `scenario.py NAME CONNECTION_STRING HUB`.

Prints what it saw as one line of JSON; the test beside this file compares. An exception ends it with a trace.
"""

import json
import sys
import threading

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from azure.eventhub.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType

OPTIONS = {"retry_total": 0, "auth_timeout": 10}


def producer(connection_string, hub):
    return EventHubProducerClient.from_connection_string(connection_string, eventhub_name=hub, **OPTIONS)


def consumer(connection_string, hub, group="$Default"):
    return EventHubConsumerClient.from_connection_string(connection_string, group, eventhub_name=hub, **OPTIONS)


def body_of(event):
    return b"".join(event.body).decode() if event.body_type == AmqpMessageBodyType.DATA else repr(event.body)


def read(client, partition, position, count, **options):
    """The first `count` events of a partition, or the error that came instead."""
    events, contexts, failures, done = [], [], [], threading.Event()

    def on_event(context, event):
        events.append(event)
        contexts.append(context.last_enqueued_event_properties)
        if len(events) >= count:
            done.set()

    def on_error(_context, error):
        failures.append(error)
        done.set()

    def receive():
        client.receive(
            on_event=on_event, on_error=on_error, partition_id=partition, starting_position=position, **options
        )

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    if not done.wait(20):
        raise RuntimeError(f"{len(events)} of {count} events came")
    client.close()
    thread.join(10)
    if failures:
        raise failures[0]
    if options.get("track_last_enqueued_event_properties"):
        return contexts[:count]
    return events[:count]


def properties(connection_string, hub):
    with producer(connection_string, hub) as client:
        described = client.get_eventhub_properties()
        partition = client.get_partition_properties("1")
        partition["last_enqueued_time_utc"] = partition["last_enqueued_time_utc"].isoformat()
        return {
            "name": described["eventhub_name"],
            "partition_ids": described["partition_ids"],
            "partition": partition,
        }


def send(connection_string, hub):
    with producer(connection_string, hub) as client:
        batch = client.create_batch(partition_id="1")
        for number in range(100):
            event = EventData(f"event {number}")
            event.properties = {"number": number, "text": "grüße"}
            batch.add(event)
        client.send_batch(batch)
        keyed = client.create_batch(partition_key="alphabet")
        keyed.add(EventData("keyed"))
        client.send_batch(keyed)
        client.send_event(EventData("alone"), partition_id="1")
        client.send_event(EventData(b"x" * 900_000), partition_id="1")
        return {"max_size": batch.max_size_in_bytes}


def receive(connection_string, hub):
    events = read(consumer(connection_string, hub), "1", "-1", 102)
    after = read(consumer(connection_string, hub), "1", events[49].offset, 3)
    inclusive = read(
        consumer(connection_string, hub), "1", events[49].sequence_number, 3, starting_position_inclusive=True
    )
    tracked = read(consumer(connection_string, hub), "1", "-1", 1, track_last_enqueued_event_properties=True)
    return {
        "bodies": [body_of(event) for event in events[:101]],
        "large": len(body_of(events[101])),
        "sequences": [event.sequence_number for event in events],
        "types": sorted({type(event.offset).__name__ for event in events}),
        "properties": {
            (key.decode() if isinstance(key, bytes) else key): (value.decode() if isinstance(value, bytes) else value)
            for key, value in events[7].properties.items()
        },
        "after": [event.sequence_number for event in after],
        "inclusive": [event.sequence_number for event in inclusive],
        "tracked": tracked[0]["sequence_number"],
    }


def keyed(connection_string, hub):
    (event,) = read(consumer(connection_string, hub), "0", "-1", 1)
    key = event.partition_key
    return {"body": body_of(event), "key": key.decode() if isinstance(key, bytes) else key}


def bodies(connection_string, hub):
    with producer(connection_string, hub) as client:
        for message in (
            AmqpAnnotatedMessage(value_body={"a": 1}),
            AmqpAnnotatedMessage(sequence_body=[[1, 2], ["x"]]),
            AmqpAnnotatedMessage(data_body=[b"one", b"two"]),
        ):
            client.send_event(message, partition_id="0")
    events = read(consumer(connection_string, hub), "0", "-1", 3)
    return {"kinds": [event.body_type.name for event in events], "data": body_of(events[2])}


def refused(connection_string, hub):
    """Error classes and conditions of what must not work."""
    seen = {}

    def attempt(name, work):
        try:
            work()
            seen[name] = "nothing"
        except EventHubError as error:
            seen[name] = f"{type(error).__name__}: {error}"

    def send_to(name, **where):
        with producer(connection_string, name) as client:
            client.send_event(EventData("x"), **where)

    attempt("hub", lambda: send_to("nobody"))
    attempt("partition", lambda: send_to(hub, partition_id="77"))
    attempt("group", lambda: read(consumer(connection_string, hub, "nobody"), "0", "-1", 1))
    attempt("properties", lambda: producer(connection_string, "nobody").get_eventhub_properties())
    attempt("position", lambda: read(consumer(connection_string, hub), "0", 4711, 1))
    return seen


def stolen(connection_string, hub):
    """A second reader with the same owner level displaces the first."""
    with producer(connection_string, hub) as client:
        client.send_event(EventData("x"), partition_id="0")
    first, lost, receiving = consumer(connection_string, hub), [], threading.Event()
    ended = threading.Event()

    def on_error(_context, error):
        lost.append(str(error))
        ended.set()

    thread = threading.Thread(
        target=lambda: first.receive(
            on_event=lambda *_: receiving.set(),
            on_error=on_error,
            partition_id="0",
            starting_position="-1",
            owner_level=0,
        ),
        daemon=True,
    )
    thread.start()
    if not receiving.wait(20):
        raise RuntimeError("the first reader got nothing")
    read(consumer(connection_string, hub), "0", "-1", 1, owner_level=0)
    if not ended.wait(20):
        raise RuntimeError("the first reader was not displaced")
    first.close()
    return {"lost": lost[0]}


if __name__ == "__main__":
    name, connection, hub_name = sys.argv[1:4]
    print(json.dumps(globals()[name](connection, hub_name)))
