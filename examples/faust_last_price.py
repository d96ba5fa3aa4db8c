"""A table with the last price of each book, which Faust makes from a topic of Kafka.

    pip install "faust-streaming==0.15.3" "aiokafka[lz4]"
    KAFKA=kafka://127.0.0.1:9092 python examples/faust_last_price.py worker --without-web --loglevel info

The relay has BROKER_URL=kafka://127.0.0.1:9092?partitions=6, compresses with LZ4, and must have made the topic before
the worker starts. The tables have as many partitions as the topic (PARTITIONS), so that a book and its price are in
the same worker. Start as many workers as you need, each with a FAUST_DATADIR of its own.

Faust stores the tables in topics of its own. It commits the offset of an event after the work, now and then: an event
of a worker that dies comes again. The relay may send an event twice, too. So the table `seen` has the last 100 ids of
each book, and a repeat does not set an old price. It is stored like the prices, so a worker that starts again knows
the ids. If a book changes more than 100 times between an event and its repeat, it has an old price until its next
change.
"""

import os

import faust

PARTITIONS = int(os.environ.get("PARTITIONS", "6"))
REMEMBERED = 100  # ids of each book

app = faust.App(
    os.environ.get("GROUP", "last-price"),
    broker=os.environ.get("KAFKA", "kafka://127.0.0.1:9092"),
    store="memory://",  # rocksdb:// for a table that is larger than the memory
    topic_partitions=PARTITIONS,
)
events = app.topic(os.environ.get("TOPIC", "splashdown.book"), key_serializer="raw", value_serializer="json")
prices = app.Table("prices", partitions=PARTITIONS)
seen = app.Table("seen", default=list, partitions=PARTITIONS)


@app.agent(events)
async def set_price(stream):
    """Set the price of the book of each event."""
    async for event in stream:
        book, ids = event["subject"], seen[event["subject"]]
        if event["id"] in ids:
            continue  # a repeat
        price = event["data"]["row"].get("price")  # text, with all digits; no row if the book is gone
        if price is None:
            prices.pop(book, None)
        else:
            prices[book] = price
        seen[book] = [*ids, event["id"]][-REMEMBERED:]
        app.logger.info("%s costs %s", book, price)


if __name__ == "__main__":
    app.main()
