"""A real broker for tests: Apache Kafka in KRaft mode, from Maven's jars below build/kafka, on ports of this machine.

    with Broker() as broker: broker.address, broker.sasl_address, broker.kill(), broker.start()

Unavailable is raised with the reason where Java, Maven or the jars cannot be had. Run as a program it starts a broker
and stops it at the end of its input.
"""
import ctypes
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parent.parent / "build" / "kafka"
USER, PASSWORD = "weir", "sesame-4711"
START_SECONDS = 60


class Unavailable(Exception):
    """There is no broker to be had here; the text says why."""


def jars():
    """The folder of the jars; fetched once with Maven."""
    ready = os.environ.get("WEIR_KAFKA_JARS")
    if ready:
        return pathlib.Path(ready)
    pom = HERE / "pom.xml"
    folder = CACHE / ("jars-" + hashlib.sha256(pom.read_bytes()).hexdigest()[:12])
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        if not shutil.which("mvn"):
            raise Unavailable("no Maven to fetch the broker with (apt-get install maven)")
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        done = subprocess.run(["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
                               f"-DoutputDirectory={part}", "-DincludeScope=runtime"],
                              capture_output=True, text=True, timeout=280)
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
            raise Unavailable(f"Maven cannot fetch the broker: {lines[0][:200]}")
        part.rename(folder)
    return folder


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Broker:
    def __init__(self):
        if not shutil.which("java"):
            raise Unavailable("no Java to run the broker with (apt-get install openjdk-17-jre-headless)")
        self.jars = jars()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-kafka-"))
        self.port, self.sasl_port, self.quorum_port = free_ports(3)
        self.address = f"127.0.0.1:{self.port}"
        self.sasl_address = f"127.0.0.1:{self.sasl_port}"
        self.process = None
        self.write_settings()
        self.run_java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", self.settings)
        self.start()

    def write_settings(self):
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        self.settings = str(self.folder / "server.properties")
        pathlib.Path(self.settings).write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self.quorum_port}
listeners=PLAIN://{self.address},GUARDED://{self.sasl_address},QUORUM://127.0.0.1:{self.quorum_port}
advertised.listeners=PLAIN://{self.address},GUARDED://{self.sasl_address}
inter.broker.listener.name=PLAIN
controller.listener.names=QUORUM
listener.security.protocol.map=QUORUM:PLAINTEXT,PLAIN:PLAINTEXT,GUARDED:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config={login} user_{USER}="{PASSWORD}";
log.dirs={self.folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
""")
        (self.folder / "log4j.properties").write_text("""log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
""")

    def java(self):
        return ["java", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
                f"-Dlog4j.configuration=file:{self.folder}/log4j.properties", "-cp", f"{self.jars}/*"]

    def run_java(self, *args):
        done = subprocess.run([*self.java(), *args], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Unavailable(f"{args[0]} fails: {(done.stdout + done.stderr)[-500:]}")

    def start(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([*self.java(), "kafka.Kafka", self.settings], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=die_with_parent)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise Unavailable("the broker does not start: " + (self.folder / "log").read_text()[-800:])

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    with Broker() as started:
        print(started.address, started.sasl_address, flush=True)
        sys.stdin.read()
