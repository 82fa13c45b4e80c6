"""What the errors and `raydp-submit --verbose` print of settings and command lines."""

from __future__ import annotations

import pytest

from raydp._spark.redaction import redact_arguments, redact_settings

HIDDEN = "*********(redacted)"


def test_values_are_hidden_whose_names_or_contents_sparks_rule_matches() -> None:
    settings = {"spark.hadoop.fs.s3a.secret.key": "abc", "spark.x": "the password is abc", "spark.y": "abc"}
    assert redact_settings(settings) == {**dict.fromkeys(settings, HIDDEN), "spark.y": "abc"}
    assert redact_arguments(["-Dmy.token=abc", "--verbose"], {}) == [f"-Dmy.token={HIDDEN}", "--verbose"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:p@ss@maven.example/", f"https://{HIDDEN}@maven.example/"),
        ("https://abc@maven.example:8443/x", f"https://{HIDDEN}@maven.example:8443/x"),
        (
            "http://me:pw@one.example,https://abc@two.example",
            f"http://{HIDDEN}@one.example,https://{HIDDEN}@two.example",
        ),
        ("abfss://container@account.example/a", "abfss://container@account.example/a"),
        ("s3a://bucket/a@b", "s3a://bucket/a@b"),
        ("https://maven.example/?mail=a@b.example", "https://maven.example/?mail=a@b.example"),
    ],
)
def test_users_and_passwords_in_addresses_are_hidden(address: str, shown: str) -> None:
    assert redact_settings({"spark.jars.repositories": address}) == {"spark.jars.repositories": shown}
    arguments = ["--repositories", address, f"-Drepository={address}"]
    assert redact_arguments(arguments, {}) == ["--repositories", shown, f"-Drepository={shown}"]
