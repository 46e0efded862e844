from colorbench.losses import LOSSES


def test_settings_are_what_an_expression_may_give():
    assert LOSSES["l1"].settings == {"view": "ab"}
    assert LOSSES["huber"].settings == {"delta": 1.0, "view": "ab"}
    assert LOSSES["classification"].settings == {"k": 10, "sigma": 5.0, "rebalance": True, "lam": 0.5}
    assert LOSSES["patchgan"].settings["mode"] == "vanilla"
