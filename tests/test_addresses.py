from __future__ import annotations

import pytest

from elmokit.errors import ElmokitWarning, FetchError, MissingExtraError, MissingTextError
from elmokit.errors.addresses import without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:word@host:80/f.txt?sig=abc", "https://host:80/f.txt"),
        # Without the colon, and as a path of it.
        ("https//user:word@host/f.txt?sig=abc", "https//host/f.txt"),
        ("https/user:word@host/f.txt#abc: no such file", "https/host/f.txt: no such file"),
        ("xyz//user:word@host/f", "xyz//host/f"),
        ("xyz//a-token@host/f?sig=abc", "xyz//host/f"),
        ("data/mail@home.txt", "data/mail@home.txt"),
        ("data//mail/me@home.txt", "data//mail/me@home.txt"),
        ("text.txt:3: token 'a:b@c'", "text.txt:3: token 'a:b@c'"),
        ("HTTPS://u:p@ss@host/f#token", "HTTPS://host/f"),
        ("https://host/f?sig=a&next=https://u:p@other/g: 404", "https://host/f: 404"),
        ("url='https://host/f?sig=abc', again", "url='https://host/f', again"),
        (
            "too many retries with url: /f?sig=abc (Caused by x)",
            "too many retries with url: /f (Caused by x)",
        ),
        ("s3://key:secret@bucket/part-?.txt", "s3://bucket/part-?.txt"),
        ("s3://bucket/x?versionId=3", "s3://bucket/x"),
        ("zip://a.txt::https://u@host/a.zip?t=1", "zip://a.txt::https://host/a.zip"),
        ("simplecache::https://host/f?t=1::x", "simplecache::https://host/f::x"),
        ("https://u:p@host", "https://host"),
        ("""https://u:p'"w@host/f?sig='a'"b"c: 404""", "https://host/f: 404"),
        ("https://u:p?w#d@host/f", "https://host/f"),
        ("https:///u:p@host/f", "https:///host/f"),
        ("s3:/u:p@bucket/f: no such file", "s3:/bucket/f: no such file"),
        ("arrow_hdfs://u:p@host/f", "arrow_hdfs://host/f"),
        ("hf://abcdefgh12345678@host: got 'abcdefgh12345678'", "hf://host: got '***'"),
        ("hf://u:passw0rd@host: got 'u:passw0rd@host'", "hf://host: got 'host'"),
        ("hf://u:passw0rd@host: got 'passw0rd@'", "hf://host: got '***@'"),
        ("s3://name12@b: no bucket 'name12'", "s3://b: no bucket '***'"),
        ("s3://AKIA:ab/c+d/e@bucket/f@2: no bucket 'ab/c+d/e'", "s3://bucket/f@2: no bucket '***'"),
        ("https://host:80/f@2x.png", "https://host:80/f@2x.png"),
        ("https//u:word@host/f?sig=abc", "https//host/f"),
        ("s3:u:word@bucket/f", "s3:bucket/f"),
        ("https:/host?sigabc: 404", "https:/host: 404"),
        ("https://  u:word@host/f", "https://  host/f"),
        ("https://host/f;token=abc?sig=d", "https://host/f"),
        ("https://host/a b.txt?sig=abc: 404", "https://host/a b.txt: 404"),
        ("https://h/f?sig=abcdefgh/i: no 'abcdefgh/i'", "https://h/f: no '***'"),
        ("https://u:pa%3Fss@h: http%3A//u%3Apa%3Fss%40h, pa?ss", "https://h: http%3A//u%3A***%40h, ***"),
        ("what is it? a=b; c=d #e=f", "what is it? a=b; c=d #e=f"),
        ("http://[::1]:80/f?x, and", "http://[::1]:80/f, and"),
        ("is it me@host.org? # no", "is it me@host.org? # no"),
        ("/home/me@work/a?.txt", "/home/me@work/a?.txt"),
    ],
)
def test_user_information_and_queries_are_left_out(text, expected):
    assert without_secrets(text) == expected
    assert without_secrets(expected) == expected


@pytest.mark.parametrize("kind", [FetchError, MissingTextError, ElmokitWarning])
def test_no_message_has_them(kind):
    error = kind("https://user:word@host/f?sig=abc: no such file")
    for shown in (str(error), repr(error), str(error.args)):
        assert "https://host/f: no such file" in shown
        assert not any(secret in shown for secret in ("user", "word", "sig", "abc"))
    assert "word" not in str(MissingExtraError("reading s3://u:word@b/x", "s3"))
