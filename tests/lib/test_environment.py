"""Environment variables are taken as they are, or refused with a sentence that contains the variable and not its value."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ticketshop.lib import environment as env

ROOT = Path(__file__).resolve().parents[2]
HARD = "$q'\"`\\ #/?&=%zz@:!{}[]ü,"
DUMP = "import json, ticketshop.settings as s; print(json.dumps([s.SECRET_KEY, s.SECRET_KEY_FALLBACKS, s.DATABASES['default']['PASSWORD']]))"


def start(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_settings_are_taken_as_they_are():
    done = start(
        "-c",
        DUMP,
        SECRET_KEY="$q" + HARD,
        SECRET_KEY_FALLBACKS="$old,key2",
        DATABASE_URL=f"postgres://shop:{HARD}@localhost/shop",
    )
    assert json.loads(done.stdout) == ["$q" + HARD, ["$old", "key2"], HARD]


def test_program_ends_with_the_sentence_alone():
    for command in (["manage.py", "check"], ["-m", "gunicorn", "--config", "ticketshop/gunicorn.py"]):
        done = start(*command, WEB_THREADS="many", DB_POOL_SIZE="many")
        assert done.returncode != 0
        assert "must be a whole number from 1 to" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (f"postgres://shop:{HARD}@host:5433/shop", ("shop", HARD, "host", "5433", "shop", {})),
        ("postgresql://shop:a%40b%2F@host/shop", ("shop", "a@b/", "host", "", "shop", {})),
        (
            "postgres://me@example.org:p@h@[::1]/x?sslmode=verify-full",
            ("me@example.org", "p@h", "::1", "", "x", {"sslmode": "verify-full"}),
        ),
        ("postgres://%2Frun%2Fpostgresql/shop", ("", "", "/run/postgresql", "", "shop", {})),
        ("postgresql://shop@:5432/shop?host=%2Frun", ("shop", "", "", "5432", "shop", {"host": "/run"})),
    ],
)
def test_database_url_is_read_with_any_password(monkeypatch, url, parts):
    monkeypatch.setenv("DATABASE_URL", url)
    read = env.database_url("DATABASE_URL", "")
    assert tuple(read[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME", "OPTIONS")) == parts


def test_mail_url_is_read_with_any_password(monkeypatch):
    monkeypatch.setenv("EMAIL_URL", f"smtp+tls://shop@example.org:{HARD}@mail.example")
    read = env.mail_url("EMAIL_URL", "")
    assert (read["EMAIL_HOST_USER"], read["EMAIL_HOST_PASSWORD"]) == ("shop@example.org", HARD)
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"], read["EMAIL_USE_TLS"]) == ("mail.example", 587, True)


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (
            lambda name: env.database_url(name, ""),
            "mysql://a:secret@b/c",
            "postgres://user:password@host/name",
        ),
        (lambda name: env.database_url(name, ""), "postgres://a:secret@b", "names no database"),
        (
            lambda name: env.database_url(name, ""),
            "postgres://a:secret@b:99999/c",
            "port that does not exist",
        ),
        (lambda name: env.database_url(name, ""), "secret", "postgres://user:password@host/name"),
        (lambda name: env.mail_url(name, ""), "smtp://a:secret@b/c", "must be a mail server such as"),
        (lambda name: env.mail_url(name, ""), "console://secret", "must be an address such as smtp"),
        (lambda name: env.whole_number(name, 8, least=1), "secret", "whole number from 1 to"),
        (lambda name: env.whole_number(name, 8, least=1), "-1", "whole number from 1 to"),
        (lambda name: env.whole_number(name, 8, least=1), "0", "whole number from 1 to"),
        (lambda name: env.number(name, 1.0), "nan", "number such as"),
        (env.flag, "secret", "1 or 0"),
        (env.json_object, '{"secret"', "cannot be read"),
        (env.json_object, '["secret"]', "JSON object"),
        (lambda name: env.public_url(name, ""), "shop.example/secret", "https://tickets.example.org"),
        (lambda name: env.public_url(name, ""), "https://shop.example/secret", "without a path"),
        (lambda name: env.public_url(name, ""), "https://shop.example:secret", "without a path"),
        (lambda name: env.email_address(name, ""), "Shop <secret@example.org>", "e-mail address alone"),
        (lambda name: env.contact(name, ""), "secret@example.org", "mailto:"),
        (lambda name: env.one_of(name, ["INFO"], "INFO"), "secret", "one of INFO"),
        (env.text, "secret\udcff", "UTF-8"),
    ],
)
def test_unusable_value_is_refused_in_a_sentence_that_names_the_variable(monkeypatch, read, value, sentence):
    monkeypatch.setenv("SOME_VARIABLE", value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        read("SOME_VARIABLE")
    assert sentence in str(refusal.value)
    assert "The environment variable SOME_VARIABLE" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("SOME_VARIABLE", "")
    assert env.whole_number("SOME_VARIABLE", 8) == 8
    assert env.names("SOME_VARIABLE", ["a"]) == ["a"]
    with pytest.raises(ImproperlyConfigured, match="Set the environment variable SOME_VARIABLE: a secret"):
        env.required("SOME_VARIABLE", "a secret.")


def test_value_is_read_from_the_file_that_a_variable_names(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(f"{HARD}\n", encoding="utf-8")
    monkeypatch.setenv("SECRET_KEY", "in the environment")
    assert env.text("SECRET_KEY") == "in the environment"
    monkeypatch.setenv("SECRET_KEY_FILE", str(secret))
    assert env.text("SECRET_KEY") == HARD
    secret.write_text("", encoding="utf-8")
    assert env.text("SECRET_KEY", "default") == "default"


@pytest.mark.parametrize("contents", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read_is_refused_without_its_name(monkeypatch, tmp_path, contents):
    secret = tmp_path / "secret"
    if contents is not None:
        secret.write_bytes(contents)
    monkeypatch.setenv("SECRET_KEY_FILE", str(secret))
    with pytest.raises(
        ImproperlyConfigured, match="SECRET_KEY_FILE must name a file that can be read"
    ) as refusal:
        env.required("SECRET_KEY", "a long random text.")
    assert str(secret) not in str(refusal.value)
