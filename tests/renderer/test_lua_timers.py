"""call_later and with_timeout."""

from __future__ import annotations

from tests.renderer.conftest import Client


def test_a_script_cancels_a_timer_and_asks_whether_it_is_pending(splash: Client) -> None:
    result = splash.main(
        """
        local called = 0
        local function call() called = called + 1 end
        local first, second = splash:call_later(call, 5), splash:call_later(call, 0.05)
        local before = first:is_pending()
        first:cancel()
        for i = 1, 100 do
          splash:wait(0.05)
          if called > 0 then break end
        end
        return {before, first:is_pending(), second:is_pending(), called}
        """
    )
    assert result == {"1": True, "2": False, "3": False, "4": 1}


def test_reraise_raises_the_error_of_a_callback(splash: Client) -> None:
    info = splash.script_error(
        "local t = splash:call_later(function() error('deep') end, 0) splash:wait(0.2) t:reraise()"
    )
    assert "deep" in info["message"]


def test_with_timeout_ends_a_function_that_takes_too_long(splash: Client) -> None:
    result = splash.main(
        """
        local ok, reason = splash:with_timeout(function() splash:wait(20) end, 0.1)
        local fine, value = splash:with_timeout(function() return 5 end, 5)
        return {tostring(ok), reason, fine, value}
        """
    )
    assert result == {"1": "nil", "2": "timeout_over", "3": True, "4": 5}
