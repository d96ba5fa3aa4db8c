"""Which pages are challenge pages, and which pages only look like one."""

from __future__ import annotations

import pytest

from crawler.page.challenges import LARGEST, challenge_of

WIDGET = (
    b'<script src="https://www.google.com/recaptcha/api.js" async></script><div class="g-recaptcha"></div>'
)


@pytest.mark.parametrize(
    ("product", "status", "headers", "body"),
    [
        ("Cloudflare", 403, {"cf-mitigated": b"challenge"}, b""),
        ("Cloudflare", 200, {"cf-mitigated": b"challenge"}, b""),
        (
            "Cloudflare",
            503,
            {},
            b"<title>Just a moment...</title><script>window._cf_chl_opt={cvId: '3'}</script>",
        ),
        ("DataDome", 403, {"x-datadome": b"protected"}, b""),
        ("DataDome", 403, {}, b'<script src="https://ct.captcha-delivery.com/c.js"></script>'),
        ("PerimeterX", 403, {}, b'<div id="px-captcha"></div>'),
        ("PerimeterX", 403, {}, b'{"blockScript":"https://captcha.px-cdn.net/PXab/captcha.js"}'),
        ("Akamai", 403, {"server": b"AkamaiGHost"}, b"Access Denied"),
        (
            "Akamai",
            200,
            {},
            b'<meta http-equiv="refresh" content="5; URL=/_sec/verify?provider=interstitial">',
        ),
        ("Imperva", 200, {}, b"Request unsuccessful. Incapsula incident ID: 1-2"),
        ("AWS WAF", 202, {"x-amzn-waf-action": b"challenge"}, b""),
        ("AWS WAF", 405, {"x-amzn-waf-action": b"captcha"}, b""),
        ("reCAPTCHA", 429, {}, b"<a href=/>home</a>" + WIDGET),
        ("reCAPTCHA", 200, {}, b"<p>Are you a robot?</p>" + WIDGET),
        ("hCaptcha", 200, {}, b'<script src="https://js.hcaptcha.com/1/api.js"></script>Please wait'),
    ],
)
def test_a_challenge_page_has_the_name_of_its_product(
    product: str, status: int, headers: dict[str, bytes], body: bytes
) -> None:
    assert challenge_of(status, headers, body) == product


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (
            200,
            {"server": b"cloudflare"},
            b'<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>',
        ),
        (200, {"x-datadome": b"protected"}, b'<script src="https://js.datadome.co/tags.js"></script>'),
        (200, {"server": b"AkamaiGHost"}, b"<p>A page</p>"),
        (404, {"server": b"AkamaiGHost"}, b"Not found"),
        (403, {}, b"Forbidden"),
        (200, {}, b"<form><input type=password></form>" + WIDGET),  # a login
        (200, {}, b'<a href="/shop">shop</a>' + WIDGET),
        (200, {}, b"<p>" + b"text " * 200 + b"</p>" + WIDGET),  # a contact form
        (404, {}, b"<p>No such page</p><a href='/'>home</a>" + WIDGET),
        (200, {}, b"an article about window._cf_chl_opt" + b" " * LARGEST),
    ],
)
def test_an_ordinary_page_is_no_challenge_page(status: int, headers: dict[str, bytes], body: bytes) -> None:
    assert challenge_of(status, headers, body) is None
