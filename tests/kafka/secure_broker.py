"""A broker (broker.py) with listeners that want certificates or passwords; certificates are made with openssl.

    with SecureBroker() as broker: broker.at["tls"], broker.file("ca.pem")

Listeners: tls; mutual (TLS that wants a certificate of clients); sasl and sasl_tls (PLAIN, SCRAM-SHA-256 and -512).
"""
import pathlib
import shutil
import subprocess

import broker as brokers

PASSWORDS = {"PLAIN": "plain-sesame-11", "SCRAM-SHA-256": "scram-sesame-22", "SCRAM-SHA-512": "scram-sesame-33"}
USERS = {"PLAIN": "paula", "SCRAM-SHA-256": "sam", "SCRAM-SHA-512": "sven"}
KEY_PASSWORD = "key-sesame-44"
NAMES = "tls mutual sasl sasl_tls".split()


class SecureBroker(brokers.Broker):
    def __init__(self):
        if not shutil.which("openssl"):
            raise brokers.Unavailable("no openssl to make certificates with")
        super().__init__()

    def file(self, name):
        return str(self.folder / name)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=self.folder)

    def make_authority(self, name):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
                     "-subj", f"/CN={name}")

    def make_certificate(self, name, authority, more=""):
        """name.key (PKCS 8), name.pem, and both in name.both."""
        (self.folder / f"{name}.ext").write_text(more or "basicConstraints=CA:FALSE\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial",
                     "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")
        both = (self.folder / f"{name}.key").read_text() + (self.folder / f"{name}.pem").read_text()
        (self.folder / f"{name}.both").write_text(both)

    def make_certificates(self):
        for authority in ("ca", "stranger"):
            self.make_authority(authority)
        self.make_certificate("server", "ca", "subjectAltName=IP:127.0.0.1\n")  # it is not localhost
        self.make_certificate("client", "ca")
        self.make_certificate("intruder", "stranger")
        self.openssl("pkcs8", "-topk8", "-in", "client.key", "-out", "client.locked", "-v2", "aes256", "-passout", f"pass:{KEY_PASSWORD}")

    def write_settings(self):
        super().write_settings()
        self.make_certificates()
        ports = dict(zip(NAMES, brokers.free_ports(len(NAMES))))
        self.at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        protocols = {"tls": "SSL", "mutual": "SSL", "sasl": "SASL_PLAINTEXT", "sasl_tls": "SASL_SSL"}
        path = pathlib.Path(self.settings)
        lines = path.read_text().splitlines()
        for i, line in enumerate(lines):
            if line.startswith(("listeners=", "advertised.listeners=")):
                lines[i] += "".join(f",{name.upper()}://{self.at[name]}" for name in NAMES)
            elif line.startswith("listener.security.protocol.map="):
                lines[i] += "".join(f",{name.upper()}:{protocols[name]}" for name in NAMES)
            elif line.startswith("sasl.enabled.mechanisms="):
                lines[i] = "listener.name.guarded." + line + "\nsasl.enabled.mechanisms=" + ",".join(PASSWORDS)
        lines += [f"ssl.keystore.type=PEM\nssl.keystore.location={self.file('server.both')}",
                  f"ssl.truststore.type=PEM\nssl.truststore.location={self.file('ca.pem')}", "listener.name.mutual.ssl.client.auth=required"]
        plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USERS["PLAIN"]}="{PASSWORDS["PLAIN"]}";'
        for name in ("sasl", "sasl_tls"):
            lines.append(f"listener.name.{name}.plain.sasl.jaas.config={plain}")
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                lines.append(f"listener.name.{name}.{mechanism}.sasl.jaas.config="
                             "org.apache.kafka.common.security.scram.ScramLoginModule required;")
        path.write_text("\n".join(lines) + "\n")

    def run_java(self, *args):
        if "format" in args:
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                args += ("--add-scram", f"{mechanism}=[name={USERS[mechanism]},password={PASSWORDS[mechanism]}]")
        super().run_java(*args)
