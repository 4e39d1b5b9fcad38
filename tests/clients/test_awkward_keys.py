"""Keys that break signatures: what boto3 stores, the gateway delivers, by redirect and by stream.

The gateway derives keys from digests, so that the awkward part rides in the layout of a route.
"""

import os
import random

import pytest
from s3 import route
from web import curl, request, sha256

LAYOUTS = {
    "plain": "{hex}",
    "colon": "sha256:{hex}",
    "space": "with space/{hex} end",
    "plus": "a+b/{hex}+c",
    "percent": "100%/{hex}%",
    "an escape": "a%2Fb/{hex}",
    "an escaped escape": "a%252Fb/{hex}",
    "a broken escape": "a%zz/{hex}%2",
    "at": "user@host/{hex}",
    "equals": "key=value/{hex}=",
    "ampersand": "a&b&amp;/{hex}",
    "question mark": "what?/{hex}?x=1",
    "hash": "a#b/{hex}#fragment",
    "apostrophe": "it's/{hex}'",
    "quote": 'a "b"/{hex}"',
    "parentheses": "(a)/{hex} (1)",
    "exclamation mark": "wow!/{hex}!",
    "asterisk": "*/{hex}*",
    "tilde": "~user/{hex}~",
    "semicolon": "a;b=c/{hex};v=1",
    "comma": "a,b/{hex},c",
    "brackets": "[a]/{hex}[1]",
    "backslash": "a\\b/{hex}\\",
    "dollar": "$a/{hex}$",
    "angle brackets": "<a>/{hex}<b>",
    "pipe and caret": "a|b^c/{hex}`",
    "all at once": "weird/ +%@=&?#'()!*~;,:[]/{hex}",
    "leading space": " lead/{hex} ",
    "dots in names": "..a/b../c...d/{hex}",
    "hidden": ".hidden/{hex}",
    "umlaut": "Größe/{hex}",
    "decomposed": "Gro\u0308ße/{hex}",
    "chinese": "文件/{hex}.数据",
    "emoji": "🦀/{hex}👩‍🔬",
    "right to left": "עברית/{hex}",
    "tab": "a\tb/{hex}",
    "delete character": "a\x7fb/{hex}",
    "deep": "/".join("abcdefghijklmnopqrst") + "/{hex}",
    "trailing dot": "a./{hex}.",
    "looks like a query": "a/{hex}?X-Amz-Signature=1&versionId=null",
    "long": "/".join(["n" * 200] * 4) + "/{hex}",
    "as long as a key may be": "n" * 960 + "{hex}",
    "double slash": "a//b/{hex}",
    "leading slash": "/a/{hex}",
    "only slashes": "///{hex}",
    "trailing slash": "a/{hex}/",
    "trailing slashes": "a/{hex}//",
}

# Clients resolve such segments in a redirect before they send it, so these are for streams only.
DOTTED_LAYOUTS = ("a/../b/{hex}", "./a/{hex}", "a/./{hex}", "../{hex}", "{hex}/..", "{hex}/.")


def content_of(layout):
    return ("content of " + layout).encode()


def put_all(storage, layouts):
    for layout in layouts:
        content = content_of(layout)
        key = layout.replace("{hex}", sha256(content).removeprefix("sha256:"))
        storage.put(key, content)


def serve_all(serve, storage, layouts):
    """A gateway with two routes for each layout, `/r<number>/` and `/s<number>/`."""
    routes = []
    for number, layout in enumerate(layouts):
        routes.append(route(f"/r{number}/", "redirect", layout))
        routes.append(route(f"/s{number}/", "stream", layout))
    return serve(storage, routes)


def check(gateway, number, layout):
    """Fetches one object in every way; what is wrong, as a list."""
    content, wrong = content_of(layout), []
    digest = sha256(content)
    streamed = request(f"{gateway.url}/s{number}/{digest}")
    if (streamed.status, streamed.body) != (200, content):
        wrong.append(f"{layout!r} by stream: {streamed}")
    redirect = request(f"{gateway.url}/r{number}/{digest}")
    if redirect.status != 302:
        return [*wrong, f"{layout!r} by redirect: {redirect}"]
    delivered = request(redirect.headers["location"])
    if (delivered.status, delivered.body) != (200, content):
        wrong.append(f"{layout!r} at {redirect.headers['location']}: {delivered}")
    if curl("--location", f"{gateway.url}/r{number}/{digest}", check=False) != content:
        wrong.append(f"{layout!r} by curl --location")
    return wrong


@pytest.fixture(scope="module")
def gateway(each_storage, serve):
    put_all(each_storage, LAYOUTS.values())
    return serve_all(serve, each_storage, LAYOUTS.values())


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_awkward_key_is_delivered(gateway, name):
    assert not check(gateway, list(LAYOUTS).index(name), LAYOUTS[name])


def test_dot_segments_are_streamed_as_they_stand(each_storage, serve):
    put_all(each_storage, DOTTED_LAYOUTS)
    routes = [route(f"/s{n}/", "stream", layout) for n, layout in enumerate(DOTTED_LAYOUTS)]
    gateway = serve(each_storage, routes)
    for number, layout in enumerate(DOTTED_LAYOUTS):
        content = content_of(layout)
        assert request(f"{gateway.url}/s{number}/{sha256(content)}").ok() == content


def generated_layouts(count):
    """Random keys, the same ones each time."""
    chosen = random.Random(20_110_928)
    alphabet = " !\"#$%&'()*+,-.:;<=>?@[\\]^_`|~/aZ09äßñ中😀\u0301\u200d"
    for _ in range(count):
        before = "".join(chosen.choices(alphabet, k=chosen.randint(1, 40)))
        after = "".join(chosen.choices(alphabet, k=chosen.randint(0, 20)))
        layout = f"{before}{{hex}}{after}"
        if not {".", ".."} & set(layout.split("/")):
            yield layout


def test_generated_keys_are_delivered(each_storage, serve):
    layouts = list(generated_layouts(600 if os.environ.get("CASGATE_TESTS_FULL") else 30))
    put_all(each_storage, layouts)
    gateway = serve_all(serve, each_storage, layouts)
    wrong = [line for number, layout in enumerate(layouts) for line in check(gateway, number, layout)]
    assert not wrong
