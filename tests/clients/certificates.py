"""Certificates, made when they are needed."""

import subprocess


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def issued(folder, name, host="localhost"):
    """`NAME.crt` and `NAME.key` in the folder; returns the file of the authority that signed it."""
    authority = f"authority-of-{name}"
    openssl(folder, "req", "-x509", *NEW_KEY, "-keyout", f"{authority}.key", "-out", f"{authority}.crt",
            "-days", "2", "-subj", f"/CN={authority}")
    openssl(folder, "req", *NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / "names").write_text(f"subjectAltName=DNS:{host}")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt",
            "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
            "-out", f"{name}.crt")
    return folder / f"{authority}.crt"


def self_signed(folder, name, host="localhost"):
    """`NAME.crt` and `NAME.key` in the folder, for one host and for the loopback address."""
    folder.mkdir(parents=True, exist_ok=True)
    key = (*NEW_KEY, "-keyout", f"{name}.key")
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1")
    openssl(folder, "req", "-x509", *key, "-out", f"{name}.crt", "-days", "2", *names)
    return folder / f"{name}.crt", folder / f"{name}.key"
