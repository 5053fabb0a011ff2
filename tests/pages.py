"""What tests read in a page, and text that must not become part of it."""

import base64
import io
from html.parser import HTMLParser

import lxml.html
import numpy as np
from PIL import Image

HOSTILE = "<script>alert(1)</script>"
HOSTILE_FILE = 'x"onerror="alert(1)"><marquee>'
VOID = {"meta", "link", "img", "input", "br", "wbr"}


def parse(page):
    return lxml.html.document_fromstring(page)


def text_of(element):
    return " ".join(element.text_content().split())


def decode_png(uri):
    prefix, data = uri.split(",")
    assert prefix == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


class Balance(HTMLParser):
    """Fails on a tag that is not closed, or closed out of turn."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()
