"""librdkafka for tests, called by ctypes: topics made, messages written and read by somebody who is not weir."""
import ctypes as c
import time

lib = c.CDLL("librdkafka.so.1")
EARLIEST, EOF, TIMED_OUT = -2, -191, -185
ERROR = c.create_string_buffer(512)


class Message(c.Structure):
    _fields_ = [("err", c.c_int), ("topic", c.c_void_p), ("partition", c.c_int32), ("payload", c.c_void_p),
                ("size", c.c_size_t), ("key", c.c_void_p), ("key_size", c.c_size_t), ("offset", c.c_int64),
                ("private", c.c_void_p)]


class Place(c.Structure):
    _fields_ = [("topic", c.c_char_p), ("partition", c.c_int32), ("offset", c.c_int64), ("metadata", c.c_void_p),
                ("metadata_size", c.c_size_t), ("opaque", c.c_void_p), ("err", c.c_int), ("private", c.c_void_p)]


class Places(c.Structure):
    _fields_ = [("count", c.c_int), ("size", c.c_int), ("items", c.POINTER(Place))]


POINTERS = """conf_new new topic_new queue_new queue_poll NewTopic_new NewPartitions_new event_error_string topic_partition_list_new
topic_partition_list_add consumer_poll init_transactions begin_transaction commit_transaction abort_transaction
event_CreateTopics_result CreateTopics_result_topics topic_result_error_string error_string headers_new""".split()
for name in POINTERS:
    getattr(lib, "rd_kafka_" + name).restype = c.c_void_p
lib.rd_kafka_err2str.restype = lib.rd_kafka_error_string.restype = lib.rd_kafka_event_error_string.restype = c.c_char_p
lib.rd_kafka_topic_result_error_string.restype = c.c_char_p
lib.rd_kafka_topic_partition_list_new.restype = c.POINTER(Places)
lib.rd_kafka_topic_partition_list_add.restype = c.POINTER(Place)
lib.rd_kafka_consumer_poll.restype = c.POINTER(Message)


def handle(role, brokers, **settings):
    conf = c.c_void_p(lib.rd_kafka_conf_new())
    lib.rd_kafka_conf_set(conf, b"log_level", b"0", ERROR, 512)
    for key, value in {"bootstrap.servers": brokers, **settings}.items():
        if lib.rd_kafka_conf_set(conf, key.replace("_", ".").encode(), str(value).encode(), ERROR, 512):
            raise RuntimeError(ERROR.value.decode())
    rk = lib.rd_kafka_new(role, conf, ERROR, 512)
    if not rk:
        raise RuntimeError(ERROR.value.decode())
    return c.c_void_p(rk)


def check(code):
    if code:
        raise RuntimeError(lib.rd_kafka_err2str(code).decode())


def done(error):
    if error:
        raise RuntimeError(lib.rd_kafka_error_string(c.c_void_p(error)).decode())


class Producer:
    def __init__(self, brokers, **settings):
        self.rk = handle(0, brokers, linger_ms=5, **settings)
        self.topics = {}

    def send(self, topic, value, key=None, partition=-1):
        """value None: a message without payload."""
        if topic not in self.topics:
            self.topics[topic] = c.c_void_p(lib.rd_kafka_topic_new(self.rk, topic.encode(), None))
        value = value.encode() if isinstance(value, str) else value
        key = key.encode() if isinstance(key, str) else key
        while lib.rd_kafka_produce(self.topics[topic], c.c_int32(partition), 2, value,
                                   c.c_size_t(len(value or b"")), key, c.c_size_t(len(key or b"")), None):
            lib.rd_kafka_poll(self.rk, 50)

    def flush(self):
        check(lib.rd_kafka_flush(self.rk, 30000))

    def close(self):
        self.flush()
        for topic in self.topics.values():
            lib.rd_kafka_topic_destroy(topic)
        lib.rd_kafka_destroy(self.rk)

    def begin(self, first=False):
        if first:
            done(lib.rd_kafka_init_transactions(self.rk, 30000))
        done(lib.rd_kafka_begin_transaction(self.rk))

    def commit(self):
        done(lib.rd_kafka_commit_transaction(self.rk, 30000))

    def abort(self):
        done(lib.rd_kafka_abort_transaction(self.rk, 30000))


def send(brokers, topic, messages):
    """messages: values, or pairs of key and value, or triples with the partition."""
    producer = Producer(brokers)
    for message in messages:
        key, value, partition = (None, message, -1) if not isinstance(message, tuple) else (*message, -1)[:3]
        producer.send(topic, value, key, partition)
    producer.close()


def admin(brokers, call, item):
    rk = handle(0, brokers)
    queue = c.c_void_p(lib.rd_kafka_queue_new(rk))
    items = (c.c_void_p * 1)(item)
    call(rk, items, c.c_size_t(1), None, queue)
    event = c.c_void_p(lib.rd_kafka_queue_poll(queue, 30000))
    code = lib.rd_kafka_event_error(event)
    lib.rd_kafka_event_destroy(event)
    lib.rd_kafka_queue_destroy(queue)
    lib.rd_kafka_destroy(rk)
    check(code)


def create(brokers, topic, partitions=3):
    admin(brokers, lib.rd_kafka_CreateTopics,
          lib.rd_kafka_NewTopic_new(topic.encode(), partitions, 1, ERROR, c.c_size_t(512)))


def widen(brokers, topic, partitions):
    admin(brokers, lib.rd_kafka_CreatePartitions,
          lib.rd_kafka_NewPartitions_new(topic.encode(), c.c_size_t(partitions), ERROR, c.c_size_t(512)))


def text_of(address, size):
    return c.string_at(address, size) if address else None


def reader_of(brokers, topic, partitions, isolation):
    rk = handle(1, brokers, group_id="reader", enable_auto_commit="false", enable_partition_eof="true",
                isolation_level=isolation, auto_offset_reset="error")
    places = lib.rd_kafka_topic_partition_list_new(partitions)
    for i in range(partitions):
        lib.rd_kafka_topic_partition_list_add(places, topic.encode(), i).contents.offset = EARLIEST
    check(lib.rd_kafka_assign(rk, places))
    lib.rd_kafka_topic_partition_list_destroy(places)
    return rk


class Follower:
    """The values of a topic as they come."""

    def __init__(self, brokers, topic, partitions=3):
        self.rk, self.values = reader_of(brokers, topic, partitions, "read_committed"), []

    def look(self):
        """All values up to now, or nearly."""
        while message := lib.rd_kafka_consumer_poll(self.rk, 10):
            if message.contents.err == 0:
                self.values.append(text_of(message.contents.payload, message.contents.size))
            lib.rd_kafka_message_destroy(message)
        return self.values

    def close(self):
        lib.rd_kafka_consumer_close(self.rk)
        lib.rd_kafka_destroy(self.rk)


def read(brokers, topic, partitions=3, isolation="read_committed", patience=30):
    """All messages there are now: (partition, offset, key, value), by partition and offset."""
    rk = reader_of(brokers, topic, partitions, isolation)
    found, ended, until = [], set(), time.monotonic() + patience
    while len(ended) < partitions:
        if time.monotonic() > until:
            raise RuntimeError(f"{topic}: no end after {patience} s")
        message = lib.rd_kafka_consumer_poll(rk, 500)
        if not message:
            continue
        m = message.contents
        if m.err == EOF:
            ended.add(m.partition)
        elif m.err == 0:
            found.append((m.partition, m.offset, text_of(m.key, m.key_size), text_of(m.payload, m.size)))
        lib.rd_kafka_message_destroy(message)
    lib.rd_kafka_consumer_close(rk)
    lib.rd_kafka_destroy(rk)
    return sorted(found, key=lambda m: m[:2])


def committed(brokers, group, topic, partitions=3):
    rk = handle(1, brokers, group_id=group)
    places = lib.rd_kafka_topic_partition_list_new(partitions)
    for i in range(partitions):
        lib.rd_kafka_topic_partition_list_add(places, topic.encode(), i)
    check(lib.rd_kafka_committed(rk, places, 20000))
    offsets = [places.contents.items[i].offset for i in range(partitions)]
    lib.rd_kafka_topic_partition_list_destroy(places)
    lib.rd_kafka_destroy(rk)
    return offsets
