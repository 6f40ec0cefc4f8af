#!/usr/bin/env python3
"""TLS, certificates of clients, and passwords against the listeners of a real broker: who may comes in, who may not is told
why within seconds, and no secret is ever shown. Ends with 77 and the reason where there is no broker to be had.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import broker as brokers
import secure_broker as secure

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = str(ROOT / os.environ.get("WEIR", "build/weir"))
SECRETS = [*secure.PASSWORDS.values(), secure.KEY_PASSWORD, "wrong-sesame-99"]
SECONDS, PATIENCE_MS = 15, "40000"  # until somebody who is not let in is told; until nobody answers
FAILURES = []


def weir(*args):
    """What it says, with everything it would log."""
    began = time.monotonic()
    done = subprocess.run([WEIR, *args], capture_output=True, text=True, timeout=90, env={**os.environ, "WEIR_LOG": "debug"})
    for secret in SECRETS:
        if secret in done.stdout + done.stderr:
            raise AssertionError(f"{secret} is shown: {done.stdout}{done.stderr}")
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


def with_options(address, options):
    given = "".join(f", {name} = '{value}'" for name, value in options.items())
    return (f"CREATE SOURCE s (id BIGINT) WITH (connector = 'kafka', topic = 'in', brokers = '{address}', bounded = true{given});\n"
            f"CREATE SINK k (id BIGINT) WITH (connector = 'kafka', topic = 'out', brokers = '{address}'{given});\n")


def comes_in(name, address, options):
    """Reads and writes, and shows what it was told but for secrets."""
    sql = with_options(address, options)
    code, out, err, _ = weir("query", "-o", "jsonl", sql + "SELECT id FROM s; INSERT INTO k SELECT id FROM s")
    if code or json.loads(out.splitlines()[0]) != {"id": 7}:
        FAILURES.append(f"{name}: exit {code}: {out}{err[-1500:]}")
    for show in ("SHOW CREATE TABLE s", "SHOW CREATE TABLE k", "DESCRIBE s", "EXPLAIN SELECT * FROM s", "EXPLAIN INSERT INTO k SELECT id FROM s",
                 "SELECT * FROM duckdb_tables()"):
        weir("query", sql + show)
    print(f"ok      {name}", flush=True)


def stays_out(name, address, options, why):
    """Both ways, and is told why, soon."""
    sql = with_options(address, {"connect_timeout_ms": PATIENCE_MS, **options})
    for what in ("SELECT id FROM s", "INSERT INTO k SELECT 1"):
        code, out, err, took = weir("query", sql + what)
        error = "\n".join(line for line in err.splitlines() if not line.startswith("weir: "))
        if not code or why not in error or took > SECONDS:
            FAILURES.append(f"{name} ({what}): exit {code} after {took:.1f} s, wanted {why!r}: {out}{error[-1500:]}")
    print(f"ok      {name}", flush=True)


def tls(broker, **more):
    return {"properties.security.protocol": "ssl", "properties.ssl.ca.location": broker.file("ca.pem"),
            **{f"properties.ssl.{key}": value for key, value in more.items()}}


def login(broker, mechanism, over, password=None):
    """In the words of librdkafka."""
    return {"properties.security.protocol": over, "properties.sasl.mechanism": mechanism,
            "properties.sasl.username": secure.USERS[mechanism], "properties.sasl.password": password or secure.PASSWORDS[mechanism],
            **({"properties.ssl.ca.location": broker.file("ca.pem")} if over == "sasl_ssl" else {})}


def short(broker, mechanism):
    """In few words; over TLS."""
    kind = "plain" if mechanism == "PLAIN" else "scram"
    words = {f"sasl_{kind}_username": secure.USERS[mechanism], f"sasl_{kind}_password": secure.PASSWORDS[mechanism],
             "properties.ssl.ca.location": broker.file("ca.pem")}
    return {**words, "sasl_scram_mechanism": mechanism[6:].lower()} if kind == "scram" else words


def test_tls(broker):
    at, own = broker.at["tls"], {"certificate_location": broker.file("client.pem"), "key_location": broker.file("client.locked"),
                                 "key_password": secure.KEY_PASSWORD}
    own = {key.replace("_", "."): value for key, value in own.items()}
    comes_in("TLS", at, tls(broker))
    comes_in("a certificate of ours", broker.at["mutual"], tls(broker, **own))
    stays_out("an unknown authority", at, {**tls(broker), "properties.ssl.ca.location": broker.file("stranger.pem")}, "certificate")
    stays_out("an authority that is no file", at, {**tls(broker), "properties.ssl.ca.location": "/no/such.pem"}, "/no/such.pem")
    stays_out("another name", at.replace("127.0.0.1", "localhost"), tls(broker), "certificate")
    comes_in("another name, not looked at", at.replace("127.0.0.1", "localhost"),
             tls(broker, **{"endpoint.identification.algorithm": "none"}))
    stays_out("no certificate", broker.at["mutual"], tls(broker), "certificate")
    stays_out("a stranger's certificate", broker.at["mutual"],
              tls(broker, **{**own, "certificate.location": broker.file("intruder.pem"), "key.location": broker.file("intruder.key")}),
              "certificate")
    stays_out("a wrong password of the key", broker.at["mutual"], tls(broker, **{**own, "key.password": "wrong-sesame-99"}), "key")


def test_passwords(broker):
    for mechanism in secure.PASSWORDS:
        for over, listener in (("sasl_plaintext", "sasl"), ("sasl_ssl", "sasl_tls")):
            comes_in(f"{mechanism} over {over}", broker.at[listener], login(broker, mechanism, over))
            stays_out(f"{mechanism} over {over}, wrong password", broker.at[listener],
                      login(broker, mechanism, over, "wrong-sesame-99"), "do not let us in")
        comes_in(f"{mechanism} in few words", broker.at["sasl_tls"], short(broker, mechanism))
    stays_out("somebody else", broker.at["sasl"], {**login(broker, "PLAIN", "sasl_plaintext"), "properties.sasl.username": "nobody"},
              "do not let us in")
    stays_out("an unknown authority, with a password", broker.at["sasl_tls"],
              {**login(broker, "PLAIN", "sasl_ssl"), "properties.ssl.ca.location": broker.file("stranger.pem")}, "certificate")
    stays_out("plain text to TLS", broker.at["tls"], {"connect_timeout_ms": "3000"}, broker.at["tls"])


def test_stream(broker, folder):
    """A stream with a group, its member and transactions; its log and its snapshots are looked at, too."""
    given = login(broker, "SCRAM-SHA-512", "sasl_ssl")
    sql = with_options(broker.at["sasl_tls"], given).replace("bounded = true", "group.id = 'g', share_partitions = true")
    path = pathlib.Path(folder) / "q.sql"
    path.write_text(sql + "INSERT INTO k SELECT id FROM s;")
    code, out, err, _ = weir("run", str(path), "--for", "4s", "--json")
    ids = [json.loads(m[3])["id"] for m in client.read(broker.address, "out", 1)]
    if code or ids.count(7) < 2:
        FAILURES.append(f"a stream: exit {code}, {ids}: {out[-500:]}{err[-1500:]}")
    print("ok      a stream that shares partitions", flush=True)


def main():
    global client
    try:
        broker = secure.SecureBroker()
    except brokers.Unavailable as reason:
        print(f"no broker: {reason}")
        return 77
    import client as real
    client = real
    with broker, tempfile.TemporaryDirectory(prefix="weir-secure-") as folder:
        for topic in ("in", "out"):
            client.create(broker.address, topic, 1)
        client.send(broker.address, "in", ['{"id": 7}'])
        test_tls(broker)
        test_passwords(broker)
        test_stream(broker, folder)
    for failure in FAILURES:
        print(f"FAILED  {failure}")
    return int(bool(FAILURES))


if __name__ == "__main__":
    sys.exit(main())
