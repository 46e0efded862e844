import re

from colorbench.leaderboard.reproduce import Paper
from colorbench.leaderboard.site.page import json_text, policy, render


def test_json_cannot_end_its_element():
    text = str(json_text({"label": "</script><script>alert(1)</script>&\u2028"}))
    assert "<" not in text
    assert ">" not in text
    assert "\u2028" not in text
    import json

    assert json.loads(text)["label"].startswith("</script>")


def test_the_policy_names_every_script_by_its_hash():
    text = policy(["let x = 1"], [])
    assert "default-src 'none'" in text
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", text)
    assert "style-src 'none'" in text
    assert "unsafe" not in text


def test_text_is_escaped(new_record):
    page = render(
        "run.html", scripts=[], styles=[], board=type("B", (), {"title": "<i>t</i>"}), name="<script>alert(1)</script>",
        badges=[("good", "<b>")], message='"><img src=x onerror=alert(1)>', photos=[], scores=[("<u>",) + ("",) * 5],
        curve=None, sections=[("<s>", [("<k>", "<v>")])], version="1", links=[("<i>", '"><i>')], command=("<u>", "<b>"),
        papers=[Paper("<i>", "<b>", '"><i>', "<u>")], code="<k>",
    )  # fmt: skip
    assert not re.search(r"<(script|img|i|b|u|s|k|v)>|<img", page.split("<body>")[1])
